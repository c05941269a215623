/* Circles of UNIX-domain sockets: all references to such a socket are descriptions on their way
 * (SCM_RIGHTS) that wait in sockets of the circle. Nobody can receive them any more, so what waits
 * is freed, as on Linux (unix_gc): otherwise it would stay for ever, and count against everybody's
 * limit (attack row K14). All HOT.
 *
 * A circle is one for good: only receiving or accepting makes other references of these. Parcels
 * that wait, and who waits to be accepted, change under circles.lock, a leaf. */
#include "microvisor/fs/unix_queue.h"

enum {
    COUNT_LEAST = 64, /* with fewer sockets on their way, a send has no look */
    /* How many sockets on their way are few enough for a look when a socket's descriptor is closed,
     * or a process ends; with more, so many such ends together have one. */
    COUNT_FOR_CLOSE = 1024,
    COUNT_FOR_END = 64
};

static struct {
    struct lock lock;
    struct unix_socket *travelling; /* sockets in parcels that wait; linked by next_travelling */
    _Atomic uint64_t count;         /* how many */
    uint64_t look_at;               /* with how many to look for circles */
    uint64_t ended;                 /* what ends have earned for a look */
    struct unix_socket *found;      /* the search's list, linked by next_found */
} circles = {.look_at = COUNT_LEAST};

static void travel_begin(struct unix_socket *socket, struct file *file)
{
    socket->file = file;
    if (socket->parcels_with++)
        return;
    socket->next_travelling = circles.travelling;
    socket->travelling_link = &circles.travelling;
    if (circles.travelling)
        circles.travelling->travelling_link = &socket->next_travelling;
    circles.travelling = socket;
    circles.count++;
}

static void travel_end(struct unix_socket *socket)
{
    if (--socket->parcels_with)
        return;
    *socket->travelling_link = socket->next_travelling;
    if (socket->next_travelling)
        socket->next_travelling->travelling_link = socket->travelling_link;
    circles.count--;
}

void parcel_wait(struct parcel *parcel, struct unix_socket *in)
{
    lock_acquire(&circles.lock);
    for (uint32_t i = 0; i < parcel->count; i++) {
        struct unix_socket *socket = unix_socket_of(parcel->files[i]);
        if (socket) {
            parcel->sockets++;
            travel_begin(socket, parcel->files[i]);
        }
    }
    parcel->in = in;
    parcel->next = in->parcels;
    parcel->link = &in->parcels;
    if (parcel->next)
        parcel->next->link = &parcel->next;
    in->parcels = parcel;
    lock_release(&circles.lock);
}

void parcel_leave(struct parcel *parcel)
{
    parcel_uncount(parcel);
    if (!parcel->in)
        return;
    lock_acquire(&circles.lock);
    parcel->in = NULL;
    *parcel->link = parcel->next;
    if (parcel->next)
        parcel->next->link = parcel->link;
    for (uint32_t i = 0; i < parcel->count && parcel->sockets; i++) {
        struct unix_socket *socket = unix_socket_of(parcel->files[i]);
        if (socket) {
            parcel->sockets--;
            travel_end(socket);
        }
    }
    lock_release(&circles.lock);
}

void parcel_look(const struct parcel *parcel, struct parcel *copy)
{
    lock_acquire(&circles.lock);
    for (uint32_t i = 0; i < parcel->count; i++) {
        file_get(parcel->files[i]);
        copy->files[copy->count++] = parcel->files[i];
    }
    lock_release(&circles.lock);
}

void pending_add(struct unix_socket *listening, struct unix_socket *made)
{
    lock_acquire(&circles.lock);
    *(listening->pending ? &listening->last_pending->next_pending : &listening->pending) = made;
    listening->last_pending = made;
    listening->pending_count++;
    lock_release(&circles.lock);
}

struct unix_socket *pending_take(struct unix_socket *listening, int all)
{
    lock_acquire(&circles.lock);
    struct unix_socket *first = listening->pending;
    if (all) {
        listening->pending = NULL;
        listening->pending_count = 0;
    } else {
        listening->pending = first->next_pending;
        listening->pending_count--;
        first->next_pending = NULL;
    }
    lock_release(&circles.lock);
    return first;
}

/* For each parcel that waits here, or where somebody waits to be accepted. */
static void each_parcel(struct unix_socket *socket, void (*visit)(struct parcel *parcel))
{
    for (struct unix_socket *in = socket; in;
         in = in == socket ? socket->pending : in->next_pending)
        for (struct parcel *parcel = in->parcels; parcel; parcel = parcel->next)
            visit(parcel);
}

static void each_socket(const struct parcel *parcel, void (*visit)(struct unix_socket *inside))
{
    for (uint32_t i = 0; i < parcel->count && parcel->sockets; i++) {
        struct unix_socket *inside = unix_socket_of(parcel->files[i]);
        if (inside)
            visit(inside);
    }
}

static void explain(struct unix_socket *socket)
{
    socket->unexplained--;
}

static void explain_inside(struct parcel *parcel)
{
    each_socket(parcel, explain);
}

/* Somebody may receive it. */
static void acquit(struct unix_socket *socket)
{
    if (!socket->suspect)
        return;
    socket->suspect = 0;
    socket->next_found = circles.found;
    circles.found = socket;
}

static void acquit_inside(struct parcel *parcel)
{
    each_socket(parcel, acquit);
}

/* Finds what is in circles, or waits in such sockets alone: a list, each with a reference of its
 * description, so that nothing of it goes before all of it was looked at. From here on nothing of
 * it counts against a limit, however long it takes to free it. */
static struct unix_socket *find(void)
{
    struct unix_socket *socket, *dead = NULL;
    for (socket = circles.travelling; socket; socket = socket->next_travelling) {
        socket->unexplained = socket->parcels_with;
        socket->suspect = atomic_load(&socket->file->references) == socket->parcels_with;
    }
    for (socket = circles.travelling; socket; socket = socket->next_travelling)
        if (socket->suspect)
            each_parcel(socket, explain_inside);
    for (socket = circles.travelling; socket; socket = socket->next_travelling)
        if (socket->unexplained)
            acquit(socket);
    while ((socket = circles.found)) {
        circles.found = socket->next_found;
        each_parcel(socket, acquit_inside);
    }
    for (socket = circles.travelling; socket; socket = socket->next_travelling)
        if (socket->suspect) {
            file_get(socket->file);
            each_parcel(socket, parcel_uncount);
            socket->next_found = dead;
            dead = socket;
        }
    circles.ended = 0;
    return dead;
}

/* Frees what was found. */
static void circles_empty(struct unix_socket *dead)
{
    struct unix_socket *socket;
    for (socket = dead; socket; socket = socket->next_found)
        unix_empty(socket);
    while ((socket = dead)) {
        dead = socket->next_found;
        file_put(socket->file);
    }
    lock_acquire(&circles.lock);
    circles.look_at = circles.count * 2 > COUNT_LEAST ? circles.count * 2 : COUNT_LEAST;
    lock_release(&circles.lock);
}

void circles_free(void)
{
    lock_acquire(&circles.lock);
    struct unix_socket *dead = find();
    lock_release(&circles.lock);
    circles_empty(dead);
}

/* Before anybody else has the lock: meanwhile others send, and close what they sent. */
int circles_count(struct parcel *parcel, uint64_t limit)
{
    lock_acquire(&circles.lock);
    struct unix_socket *dead = find();
    int counted = parcel_count(parcel, limit);
    lock_release(&circles.lock);
    circles_empty(dead);
    return counted;
}

int circles_suspect(const struct unix_socket *socket)
{
    LOCKED(&circles.lock);
    return socket->parcels_with && atomic_load(&socket->file->references) == socket->parcels_with;
}

void circles_look(enum circles_cause cause)
{
    if (!atomic_load_explicit(&circles.count, memory_order_relaxed))
        return;
    lock_acquire(&circles.lock);
    circles.ended += cause == CIRCLES_CLOSED  ? COUNT_FOR_CLOSE
                     : cause == CIRCLES_ENDED ? COUNT_FOR_END
                                              : 0;
    int due = circles.count >= circles.look_at || (circles.count && circles.ended >= circles.count);
    lock_release(&circles.lock);
    if (due)
        circles_free();
}
