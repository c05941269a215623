/* Pipes (POSIX.1-2017 XSH pipe, read, write; pipe(7)).
 *
 * A pipe is a ring of bytes with two positions that only grow. Each end is a description; reopening
 * through /proc/self/fd makes more of them, also ones for both directions.
 *
 * pipe.reading is held by who takes bytes out, pipe.writing by who puts bytes in, while they copy
 * from and to the cage: a reader and a writer work at the same time. Copying may fault but never
 * waits for another thread of a cage, and nobody sleeps with either. pipe.lock guards the rest but
 * the wait queues' lists, and is held for moments. Order: a pipe's reading, a pipe's (the same's or
 * another's) writing, a pipe's lock.
 *
 * A reader of an empty pipe offers its memory while it waits, and a writer copies straight from its
 * own window there, if it is another. The reader does not leave its call as long as the writer is
 * at its memory. */
#include "microvisor/fs/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/permissions.h"
#include "microvisor/fs/pool.h"
#include "microvisor/fs/ranges.h"
#include "microvisor/fs/wait.h"
#include "microvisor/proc/proc.h"
#include "microvisor/signal/signal.h"
#include "rt/copy.h"

#define READABLE (POLLIN | POLLRDNORM)
#define WRITABLE (POLLOUT | POLLWRNORM)

/* Large transfers are made known to the other side in pieces of this many bytes. */
enum { PIECE = 4 * PIPE_BUF };

/* Of move_some: there is nothing and will be nothing. No errno, and no count either. */
enum { END_OF_PIPE = -4096 };

/* A waiting reader's memory, on its stack. Changes under pipe.lock. */
struct offer {
    const struct task *task;
    const struct transfer *transfer;
    enum { OFFERED, TAKEN, SERVED } state;
    uint64_t done; /* bytes, once SERVED */
};

struct pipe {
    struct lock reading, writing, lock;
    uint32_t capacity; /* a power of two, at least PIPE_BUF; changes under all three */
    uint8_t *ring;     /* capacity bytes, made with the pipe: no write fails for want of it */
    uint64_t head;     /* bytes read so far; changes under reading and lock */
    uint64_t tail;     /* bytes written so far; changes under writing and lock */
    uint32_t readers, writers;   /* descriptions */
    struct wait_queue filled;    /* readers sleep on it, and it has the waiters for all events */
    struct wait_queue drained;   /* writers sleep on it */
    struct offer *_Atomic offer; /* OFFERED, or NULL */
    uint32_t wanted;             /* the least that a waiting writer needs free; 0: none waits */
    uint64_t inode;
    struct permissions permissions;
    struct timespec accessed, modified, changed; /* not by transfers, but by futimens and its kin */
};

static struct pool pipes = POOL_OF(struct pipe);
static _Atomic uint64_t last_inode;
static _Atomic int64_t total_capacity; /* of all pipes of this lind-run */

static struct pipe *pipe_of(const struct file *file)
{
    return (struct pipe *)file->data;
}

static uint64_t pipe_used(const struct pipe *pipe)
{
    return pipe->tail - pipe->head;
}

static uint64_t pipe_free(const struct pipe *pipe)
{
    return pipe->capacity - pipe_used(pipe);
}

static void announce_drained(struct pipe *pipe, int events)
{
    pipe->wanted = 0;
    wait_queue_announce_sleepers(&pipe->drained);
    wait_queue_announce_waiters(&pipe->filled, events);
}

static void now(struct timespec *time)
{
    host_call2(SYS_clock_gettime, CLOCK_REALTIME_COARSE, time);
}

static long interrupted(struct task *task)
{
    return signal_interrupted(task, RESTART_SYS);
}

/* ring_copy for this ring. */
static uint64_t pipe_copy(struct task *task, struct pipe *pipe, uint64_t position,
                          struct cursor *cursor, uint64_t length, int out)
{
    return ring_copy(task, pipe->ring, pipe->capacity, position, cursor, length, out);
}

/* Takes the offer back, with the lock held, once a writer that is at it is done. Returns how many
 * bytes it has put there. */
static uint64_t withdraw(struct pipe *pipe, struct offer *offer)
{
    if (pipe->offer == offer)
        pipe->offer = NULL;
    else
        while (offer->state == TAKEN)
            wait_queue_sleep_through(&pipe->filled, &pipe->lock);
    return offer->done;
}

/* Waits, with reading and lock held, until there is something to read. Returns 1, 0 at the end of
 * the file, or -errno. With an offer (NULL: none) also when offer->done bytes were read. */
static long wait_filled(struct task *task, struct pipe *pipe, int nonblock, struct offer *offer)
{
    long woken = 0;
    while (!pipe_used(pipe)) {
        if (!pipe->writers)
            return 0;
        if (woken)
            return interrupted(task);
        if (nonblock)
            return -EAGAIN;
        lock_release(&pipe->reading);
        int offering = offer && !pipe->offer;
        if (offering) {
            offer->state = OFFERED;
            pipe->offer = offer;
        }
        woken = wait_queue_sleep(task, &pipe->filled, &pipe->lock);
        uint64_t done = offering ? withdraw(pipe, offer) : 0;
        lock_release(&pipe->lock);
        lock_acquire(&pipe->reading);
        lock_acquire(&pipe->lock);
        if (done)
            return 1;
    }
    return 1;
}

/* Sleeps, with the lock held, until `wanted` bytes are free, or PIPE_BUF if that is more: what a
 * writer of much needs is not announced to it page by page. */
static long sleep_drained(struct task *task, struct pipe *pipe, uint64_t wanted)
{
    if (wanted > pipe->capacity / 2)
        wanted = pipe->capacity / 2;
    if (wanted < PIPE_BUF)
        wanted = PIPE_BUF;
    if (!pipe->wanted || wanted < pipe->wanted)
        pipe->wanted = (uint32_t)wanted;
    return wait_queue_sleep(task, &pipe->drained, &pipe->lock);
}

/* Takes bytes out, with reading held but not the lock. Returns how many are left. */
static uint64_t consume(struct pipe *pipe, uint64_t length)
{
    int wake = 0;
    lock_acquire(&pipe->lock);
    uint64_t room = pipe_free(pipe);
    pipe->head += length;
    if (pipe->wanted && room + length >= pipe->wanted) {
        pipe->wanted = 0;
        wake = wait_queue_change(&pipe->drained);
    }
    if (room < PIPE_BUF && room + length >= PIPE_BUF)
        wait_queue_announce_waiters(&pipe->filled, WRITABLE);
    uint64_t left = pipe_used(pipe);
    lock_release(&pipe->lock);
    if (wake)
        wait_queue_wake(&pipe->drained);
    return left;
}

/* Makes known the bytes put in, with writing held but not the lock. Returns whether
 * wait_queue_wake(&pipe->filled) is to follow, at the latest before this task sleeps. */
static int produce(struct pipe *pipe, uint64_t length)
{
    LOCKED(&pipe->lock);
    pipe->tail += length;
    int wake = wait_queue_change(&pipe->filled);
    wait_queue_announce_waiters(&pipe->filled, READABLE);
    return wake;
}

static long pipe_read(struct task *task, struct file *file, const struct transfer *transfer)
{
    struct pipe *pipe = pipe_of(file);
    if (transfer->position != POSITION_CURRENT)
        return -ESPIPE;
    if (!transfer->total)
        return 0;
    struct offer offer = {.task = task, .transfer = transfer};
    LOCKED(&pipe->reading);
    lock_acquire(&pipe->lock);
    long result = wait_filled(
        task, pipe, file_flags(file) & O_NONBLOCK || transfer->flags & RWF_NOWAIT, &offer);
    uint64_t used = pipe_used(pipe);
    lock_release(&pipe->lock);
    if (offer.done) {
        result = (long)offer.done;
    } else if (result > 0) {
        struct cursor cursor = {.range = transfer->ranges};
        uint64_t done = 0, length, part;
        do {
            length = transfer->total - done;
            if (length > used)
                length = used;
            if (length > PIECE)
                length = PIECE;
            part = pipe_copy(task, pipe, pipe->head, &cursor, length, 1);
            used = consume(pipe, part);
            done += part;
        } while (part == length && used && done < transfer->total);
        result = done ? (long)done : -EFAULT;
    }
    return result;
}

/* Copies straight to a reader that waits, with writing held, if nothing is to be read before it.
 * Returns how many bytes: what could not be copied is left to the ring. */
static uint64_t serve(struct task *task, struct pipe *pipe, struct cursor *cursor, uint64_t length)
{
    lock_acquire(&pipe->lock);
    struct offer *offer = pipe_used(pipe) ? NULL : pipe->offer;
    /* In one window what is read to may be part of what is written. */
    if (offer && offer->task->thread.base == task->thread.base)
        offer = NULL;
    if (offer) {
        pipe->offer = NULL;
        offer->state = TAKEN;
    }
    lock_release(&pipe->lock);
    if (!offer)
        return 0;
    struct cursor to = {.range = offer->transfer->ranges};
    uint64_t done = 0, part, not_copied = 0;
    if (length > offer->transfer->total)
        length = offer->transfer->total;
    while (done < length && !not_copied) {
        part = length - done;
        uint64_t destination = cursor_piece(&to, &part);
        uint64_t source = cursor_piece(cursor, &part);
        not_copied = copy_across(&offer->task->thread, destination, &task->thread, source, part);
        part -= not_copied;
        cursor_moved(&to, part, 0);
        cursor_moved(cursor, part, 0);
        done += part;
    }
    lock_acquire(&pipe->lock);
    offer->done = done;
    offer->state = SERVED;
    int wake = wait_queue_change(&pipe->filled);
    lock_release(&pipe->lock);
    if (wake)
        wait_queue_wake(&pipe->filled);
    return done;
}

/* Waits, with writing held, until `least` bytes fit. Returns how many do, or -errno. *wake: what
 * produce has left to be done, which is done before sleeping. */
static long wait_drained(struct task *task, struct pipe *pipe, uint64_t least, uint64_t wanted,
                         int nonblock, int *wake)
{
    long result = 0, woken = 0;
    lock_acquire(&pipe->lock);
    while (!result) {
        if (!pipe->readers) {
            result = -EPIPE;
        } else if (pipe_free(pipe) >= least) {
            result = (long)pipe_free(pipe);
        } else if (woken) {
            result = interrupted(task);
        } else if (nonblock) {
            result = -EAGAIN;
        } else {
            lock_release(&pipe->writing);
            if (*wake)
                wait_queue_wake(&pipe->filled);
            *wake = 0;
            woken = sleep_drained(task, pipe, wanted);
            lock_release(&pipe->lock);
            lock_acquire(&pipe->writing);
            lock_acquire(&pipe->lock);
        }
    }
    lock_release(&pipe->lock);
    return result;
}

static long pipe_write(struct task *task, struct file *file, const struct transfer *transfer)
{
    struct pipe *pipe = pipe_of(file);
    struct cursor cursor = {.range = transfer->ranges};
    uint64_t done = 0;
    long error = 0;
    if (transfer->position != POSITION_CURRENT)
        return -ESPIPE;
    if (!transfer->total)
        return 0;
    /* What is not larger than PIPE_BUF goes in as a whole. */
    uint64_t least = transfer->total <= PIPE_BUF ? transfer->total : 1;
    int wake = 0;
    lock_acquire(&pipe->writing);
    while (done < transfer->total && !error) {
        uint64_t length = transfer->total - done;
        if (atomic_load_explicit(&pipe->offer, memory_order_relaxed)) {
            done += serve(task, pipe, &cursor, length);
            length = transfer->total - done;
            if (!length)
                break;
        }
        long room =
            wait_drained(task, pipe, least, length,
                         file_flags(file) & O_NONBLOCK || transfer->flags & RWF_NOWAIT, &wake);
        if (room < 0) {
            error = room;
            break;
        }
        if (length > (uint64_t)room)
            length = (uint64_t)room;
        if (length > PIECE)
            length = PIECE;
        uint64_t part = pipe_copy(task, pipe, pipe->tail, &cursor, length, 0);
        if (part)
            wake |= produce(pipe, part);
        done += part;
        if (part < length)
            error = -EFAULT;
    }
    lock_release(&pipe->writing);
    if (wake)
        wait_queue_wake(&pipe->filled);
    /* Linux sends SIGPIPE even if part of it went in; for nothing at all the caller does. */
    if (error == -EPIPE && done)
        signal_send_self(task, SIGPIPE);
    return done ? (long)done : error;
}

static long pipe_stat(struct task *task, struct file *file, struct stat *status)
{
    struct pipe *pipe = pipe_of(file);
    LOCKED(&pipe->lock);
    status->st_dev = 13; /* a device of its own, as pipefs has */
    status->st_ino = pipe->inode;
    status->st_mode = S_IFIFO | pipe->permissions.mode;
    status->st_nlink = 1;
    status->st_uid = pipe->permissions.uid;
    status->st_gid = pipe->permissions.gid;
    status->st_blksize = PIPE_BUF;
    status->st_atim = pipe->accessed;
    status->st_mtim = pipe->modified;
    status->st_ctim = pipe->changed;
    return 0;
}

static long pipe_change(struct task *task, struct file *file, const struct node_change *change)
{
    const struct credentials who = process_credentials(task->process);
    struct pipe *pipe = pipe_of(file);
    LOCKED(&pipe->lock);
    long error = permissions_change(&who, &pipe->permissions, change);
    if (!error)
        now(&pipe->changed);
    return error;
}

static long pipe_set_times(struct task *task, struct file *file, const struct timespec times[2])
{
    const struct credentials who = process_credentials(task->process);
    struct pipe *pipe = pipe_of(file);
    LOCKED(&pipe->lock);
    long error = permissions_check_times(&who, &pipe->permissions, times);
    if (error)
        return error;
    now(&pipe->changed);
    permissions_set_time(&pipe->accessed, times ? &times[0] : NULL, &pipe->changed);
    permissions_set_time(&pipe->modified, times ? &times[1] : NULL, &pipe->changed);
    return 0;
}

static int pipe_poll(struct task *task, struct file *file, int events)
{
    struct pipe *pipe = pipe_of(file);
    int now_true = 0;
    lock_acquire(&pipe->lock);
    if (file_readable(file)) {
        if (pipe_used(pipe))
            now_true |= READABLE;
        if (!pipe->writers)
            now_true |= POLLHUP;
    }
    if (file_writable(file)) {
        if (pipe_free(pipe) >= PIPE_BUF)
            now_true |= WRITABLE;
        if (!pipe->readers)
            now_true |= POLLERR;
    }
    lock_release(&pipe->lock);
    return now_true & (events | POLLERR | POLLHUP);
}

static struct wait_queue *pipe_queue(struct file *file)
{
    return &pipe_of(file)->filled;
}

static long pipe_ioctl(struct task *task, struct file *file, uint32_t command, uint64_t argument)
{
    if (command != FIONREAD)
        return -ENOTTY;
    struct pipe *pipe = pipe_of(file);
    lock_acquire(&pipe->lock);
    int waiting = (int)pipe_used(pipe);
    lock_release(&pipe->lock);
    return task_copyout(task, argument, &waiting, sizeof waiting);
}

static void pipe_count(struct pipe *pipe, const struct file *file, int by)
{
    if (file_readable(file))
        pipe->readers += (uint32_t)by;
    if (file_writable(file))
        pipe->writers += (uint32_t)by;
}

static void pipe_destroy(struct pipe *pipe)
{
    pipe_ring_free(pipe->ring, pipe->capacity);
    atomic_fetch_sub(&total_capacity, pipe->capacity);
    pool_give(&pipes, pipe);
}

static void pipe_release(struct file *file)
{
    struct pipe *pipe = pipe_of(file);
    lock_acquire(&pipe->lock);
    pipe_count(pipe, file, -1);
    int unused = !pipe->readers && !pipe->writers;
    if (!pipe->writers)
        wait_queue_announce(&pipe->filled, POLLHUP);
    if (!pipe->readers)
        announce_drained(pipe, POLLERR | WRITABLE);
    lock_release(&pipe->lock);
    if (unused)
        pipe_destroy(pipe);
}

static int pipe_reopen(struct task *task, struct file *from, int flags, struct file **file)
{
    struct pipe *pipe = pipe_of(from);
    struct file *made =
        file_new(&pipe_operations, -1, (uint32_t)(flags & (O_ACCMODE | O_NONBLOCK)), FILE_OTHER);
    if (!made)
        return -ENOMEM;
    made->data = from->data;
    lock_acquire(&pipe->lock);
    pipe_count(pipe, made, 1);
    lock_release(&pipe->lock);
    *file = made;
    return 0;
}

const struct file_operations pipe_operations = {
    .name = "pipe",
    .read = pipe_read,
    .write = pipe_write,
    .stat = pipe_stat,
    .poll = pipe_poll,
    .queue = pipe_queue,
    .ioctl = pipe_ioctl,
    .release = pipe_release,
    .reopen = pipe_reopen,
    .change = pipe_change,
    .set_times = pipe_set_times,
};

int pipe_new(const struct task *task, uint32_t flags, struct file *ends[2])
{
    struct pipe *pipe = pool_take(&pipes);
    if (!pipe)
        return -ENOMEM;
    pipe->capacity = PIPE_CAPACITY;
    if (atomic_fetch_add(&total_capacity, PIPE_CAPACITY) >= PIPE_TOTAL_MAX) {
        pipe->capacity = 2 * PIPE_BUF;
        atomic_fetch_sub(&total_capacity, PIPE_CAPACITY - 2 * PIPE_BUF);
    }
    pipe->inode = atomic_fetch_add(&last_inode, 1) + 1;
    pipe->readers = pipe->writers = 1;
    pipe->permissions = permissions_new(task, 0600);
    now(&pipe->changed);
    pipe->accessed = pipe->modified = pipe->changed;
    pipe->ring = pipe_ring_new(pipe->capacity);
    ends[0] = pipe->ring ? file_new(&pipe_operations, -1, O_RDONLY | flags, FILE_OTHER) : NULL;
    ends[1] = ends[0] ? file_new(&pipe_operations, -1, O_WRONLY | flags, FILE_OTHER) : NULL;
    if (!ends[1]) {
        if (ends[0]) { /* its release frees the pipe, as there is no writer either */
            pipe->writers = 0;
            ends[0]->data = (uint64_t)pipe;
            file_put(ends[0]);
        } else {
            pipe_destroy(pipe);
        }
        return -ENOMEM;
    }
    ends[0]->data = ends[1]->data = (uint64_t)pipe;
    return 0;
}

long pipe_capacity(const struct file *file)
{
    return pipe_of(file)->capacity;
}

long pipe_set_capacity(struct file *file, uint64_t size)
{
    struct pipe *pipe = pipe_of(file);
    uint32_t capacity = PIPE_BUF;
    if (size > PIPE_CAPACITY_MAX)
        return size > 1UL << 31 ? -EINVAL : -EPERM;
    while (capacity < size)
        capacity *= 2;
    uint8_t *ring = pipe_ring_new(capacity), *old = NULL;
    long result = capacity;
    if (!ring)
        return -ENOMEM;
    lock_acquire(&pipe->reading);
    lock_acquire(&pipe->writing);
    lock_acquire(&pipe->lock);
    int64_t more = (int64_t)capacity - pipe->capacity;
    uint32_t old_capacity = pipe->capacity;
    if (pipe_used(pipe) > capacity) {
        result = -EBUSY;
    } else if (more > 0 && atomic_load(&total_capacity) + more > PIPE_TOTAL_MAX) {
        result = -EPERM;
    } else {
        atomic_fetch_add(&total_capacity, more);
        old = pipe->ring;
        for (uint64_t at = pipe->head; at != pipe->tail; at++)
            ring[at & (capacity - 1)] = old[at & (old_capacity - 1)];
        pipe->ring = ring;
        ring = NULL;
        pipe->capacity = capacity;
        announce_drained(pipe, more > 0 ? WRITABLE : 0); /* what writers wait for changes, too */
    }
    lock_release(&pipe->lock);
    lock_release(&pipe->writing);
    lock_release(&pipe->reading);
    pipe_ring_free(ring, capacity);
    pipe_ring_free(old, old_capacity);
    return result;
}

/* Moves what is there and fits, at most `length` bytes, with from->reading and to->writing held.
 * Returns how many; 0 if one of the two has to change first, `starved` says which. */
static long move_some(struct pipe *from, struct pipe *to, uint64_t length, int keep, int *starved)
{
    lock_acquire(&from->lock);
    uint64_t part = pipe_used(from);
    int ends = !part && !from->writers;
    lock_release(&from->lock);
    lock_acquire(&to->lock);
    uint64_t room = pipe_free(to);
    long result = !to->readers ? -EPIPE : 0;
    lock_release(&to->lock);
    *starved = !part;
    if (result || ends)
        return result ? result : END_OF_PIPE;
    if (part > room)
        part = room;
    if (part > length)
        part = length;
    if (!part)
        return 0;
    for (uint64_t i = 0; i < part; i++)
        to->ring[(to->tail + i) & (to->capacity - 1)] =
            from->ring[(from->head + i) & (from->capacity - 1)];
    if (produce(to, part))
        wait_queue_wake(&to->filled);
    if (!keep)
        consume(from, part);
    return (long)part;
}

long pipe_to_pipe(struct task *task, struct file *from_file, struct file *to_file, uint64_t length,
                  int keep, int nonblock)
{
    struct pipe *from = pipe_of(from_file), *to = pipe_of(to_file);
    long woken = 0;
    if (from == to)
        return -EINVAL;
    if (!length)
        return 0;
    for (;;) {
        int starved;
        lock_acquire(&from->reading);
        lock_acquire(&to->writing);
        long result = move_some(from, to, length, keep, &starved);
        lock_release(&to->writing);
        lock_release(&from->reading);
        if (result == END_OF_PIPE)
            return 0;
        if (result)
            return result;
        if (woken)
            return interrupted(task);
        if (nonblock || file_flags(starved ? from_file : to_file) & O_NONBLOCK)
            return -EAGAIN;
        struct pipe *on = starved ? from : to;
        lock_acquire(&on->lock);
        if (starved && !pipe_used(on) && on->writers)
            woken = wait_queue_sleep(task, &on->filled, &on->lock);
        else if (!starved && !pipe_free(on) && on->readers)
            woken = sleep_drained(task, on, 1);
        lock_release(&on->lock);
    }
}

long pipe_put(struct task *task, struct file *file, const uint8_t *bytes, uint64_t length,
              int nonblock)
{
    struct pipe *pipe = pipe_of(file);
    int wake = 0;
    lock_acquire(&pipe->writing);
    long result =
        wait_drained(task, pipe, 1, length, nonblock || file_flags(file) & O_NONBLOCK, &wake);
    if (result > 0) {
        if (length > (uint64_t)result)
            length = (uint64_t)result;
        for (uint64_t i = 0; i < length; i++)
            pipe->ring[(pipe->tail + i) & (pipe->capacity - 1)] = bytes[i];
        wake = produce(pipe, length);
        result = (long)length;
    }
    lock_release(&pipe->writing);
    if (wake)
        wait_queue_wake(&pipe->filled);
    return result;
}

long pipe_peek(struct task *task, struct file *file, uint8_t *bytes, uint64_t length, int nonblock)
{
    struct pipe *pipe = pipe_of(file);
    LOCKED(&pipe->reading);
    lock_acquire(&pipe->lock);
    long result = wait_filled(task, pipe, nonblock || file_flags(file) & O_NONBLOCK, NULL);
    uint64_t used = pipe_used(pipe);
    lock_release(&pipe->lock);
    if (result > 0) {
        if (length > used)
            length = used;
        for (uint64_t i = 0; i < length; i++)
            bytes[i] = pipe->ring[(pipe->head + i) & (pipe->capacity - 1)];
        result = (long)length;
    }
    return result;
}

void pipe_drop(struct file *file, uint64_t length)
{
    struct pipe *pipe = pipe_of(file);
    LOCKED(&pipe->reading);
    lock_acquire(&pipe->lock);
    uint64_t used = pipe_used(pipe);
    lock_release(&pipe->lock);
    consume(pipe, length < used ? length : used);
}

long call_pipe2(struct task *task, const uint64_t args[6])
{
    uint64_t flags = (uint32_t)args[1];
    struct file *ends[2];
    /* O_DIRECT (packets) is refused as by a Linux without it. */
    if (flags & ~(uint64_t)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    long error = pipe_new(task, flags & O_NONBLOCK, ends);
    if (error)
        return error;
    return descriptor_install_pair(task, ends, args[0], !!(flags & O_CLOEXEC));
}
