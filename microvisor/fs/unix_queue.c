/* Sending to and receiving from UNIX-domain sockets. All HOT. */
#include "microvisor/fs/unix_queue.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>

#include "microvisor/fs/pool.h"
#include "microvisor/fs/ranges.h"
#include "microvisor/signal/signal.h"

/* A ring's bytes: more than any limit of a sender; once all rings of this lind-run have many, the
 * next ones are small, as pipes are. */
#define RING (256U * 1024)
#define RING_SMALL (16U * 1024)
#define RINGS_MAX (64L * 1024 * 1024)
/* What a record costs a sender beside its bytes: so empty packets end somewhere, too. */
#define RECORD_CHARGE 256U
/* Linux: a packet may be as long as SO_SNDBUF but for this. */
#define PACKET_OVERHEAD 32U
#define DATAGRAMS_MAX 10U /* net.unix.max_dgram_qlen */

static struct pool records = POOL_OF(struct record);
static struct pool parcels = POOL_OF(struct parcel);
static _Atomic int64_t total_rings;
static _Atomic uint32_t in_flight; /* descriptions in parcels that somebody may receive */

/* Records that this host thread is freeing: in a loop, as freeing a description may free the
 * records of another socket, and so on without end. */
static _Thread_local struct {
    struct record *first;
    int running;
} doomed;

struct parcel *parcel_new(void)
{
    return pool_take(&parcels);
}

int parcel_count(struct parcel *parcel, uint64_t limit)
{
    uint32_t count = atomic_load(&in_flight);
    do
        if (count >= limit)
            return 0;
    while (!atomic_compare_exchange_weak(&in_flight, &count, count + 1));
    parcel->counted++;
    return 1;
}

long parcel_add(struct parcel *parcel, struct file *file, uint64_t limit)
{
    if (!parcel_count(parcel, limit) && !circles_count(parcel, limit))
        return -ETOOMANYREFS;
    file_get(file);
    parcel->files[parcel->count++] = file;
    return 0;
}

void parcel_uncount(struct parcel *parcel)
{
    atomic_fetch_sub(&in_flight, atomic_exchange(&parcel->counted, 0));
}

void parcel_free(struct parcel *parcel)
{
    parcel_uncount(parcel);
    for (uint32_t i = 0; i < parcel->count; i++)
        file_put(parcel->files[i]);
    pool_give(&parcels, parcel);
}

static struct parcel *parcel_copy(const struct parcel *parcel)
{
    struct parcel *copy = parcel_new();
    if (copy)
        parcel_look(parcel, copy);
    return copy;
}

static void record_free(struct record *record)
{
    if (record->parcel)
        parcel_free(record->parcel);
    if (record->sender)
        unix_put(record->sender);
    pool_give(&records, record);
}

void records_free(struct record *list)
{
    if (!list)
        return;
    struct record *last = list;
    while (last->next)
        last = last->next;
    last->next = doomed.first;
    doomed.first = list;
    if (doomed.running)
        return;
    doomed.running = 1;
    while (doomed.first) {
        struct record *record = doomed.first;
        doomed.first = record->next;
        record_free(record);
    }
    doomed.running = 0;
}

uint64_t queue_charge(const struct unix_socket *socket)
{
    return socket->tail - socket->head + (uint64_t)socket->record_count * RECORD_CHARGE;
}

/* The most that may wait in the socket for a sender to put more there. */
static uint64_t limit_of(const struct unix_socket *socket, uint32_t send_size)
{
    return socket->ring && socket->capacity < send_size ? socket->capacity
           : send_size < RING                           ? send_size
                                                        : RING;
}

int queue_writable(const struct unix_socket *socket, uint32_t send_size)
{
    return queue_charge(socket) * 4 <= limit_of(socket, send_size);
}

int queue_crowded(const struct unix_socket *socket)
{
    return socket->record_count > DATAGRAMS_MAX;
}

uint64_t queue_readable(const struct unix_socket *socket, int all)
{
    return all ? socket->tail - socket->head : socket->first ? socket->first->length : 0;
}

struct record *queue_take_all(struct unix_socket *socket)
{
    struct record *all = socket->first;
    for (struct record *record = all; record; record = record->next)
        if (record->parcel)
            parcel_leave(record->parcel);
    socket->first = socket->last = NULL;
    socket->record_count = 0;
    socket->head = socket->tail;
    return all;
}

void queue_free(struct unix_socket *socket)
{
    if (socket->ring) {
        file_pages_free(socket->ring, socket->capacity);
        atomic_fetch_sub(&total_rings, socket->capacity);
    }
    socket->ring = NULL;
}

static int ring_make(struct unix_socket *socket)
{
    uint32_t capacity = atomic_load(&total_rings) < RINGS_MAX ? RING : RING_SMALL;
    socket->ring = file_pages(capacity);
    if (!socket->ring)
        return -ENOBUFS;
    socket->capacity = capacity;
    atomic_fetch_add(&total_rings, capacity);
    return 0;
}

static void announce_room_to(struct unix_socket *sender)
{
    wait_queue_announce_waiters(&sender->filled, WRITABLE);
}

void announce_room(struct unix_socket *socket)
{
    struct unix_socket *peer = unix_peer(socket);
    if (peer) {
        announce_room_to(peer);
        unix_put(peer);
    }
    if (socket->type != SOCK_DGRAM)
        return;
    lock_acquire(&unix_topology);
    for (struct unix_socket *client = socket->clients; client; client = client->next_client)
        announce_room_to(client);
    lock_release(&unix_topology);
}

static int same_sender(const struct ucred *one, const struct ucred *other)
{
    return one->pid == other->pid && one->uid == other->uid && one->gid == other->gid;
}

/* The record that bytes of a stream are to be added to; NULL: a new one. */
static struct record *record_to_extend(const struct unix_socket *to, const struct message *message)
{
    struct record *last = to->last;
    return to->type == SOCK_STREAM && last && !last->parcel && !message->parcel &&
                   same_sender(&last->credentials, &message->credentials)
               ? last
               : NULL;
}

/* Copies bytes into the ring, which has room, and makes them known. Returns how many; a packet goes
 * as a whole or not at all. The lock is held. */
static long queue_put(struct task *task, struct unix_socket *to, struct unix_socket *from,
                      struct message *message, struct cursor *cursor, uint64_t length)
{
    int packet = to->type != SOCK_STREAM;
    struct record *record = record_to_extend(to, message);
    int is_new = !record;
    if (!to->ring && ring_make(to))
        return -ENOBUFS;
    if (is_new && !(record = pool_take(&records)))
        return -ENOBUFS;
    uint64_t done = ring_copy(task, to->ring, to->capacity, to->tail, cursor, length, 0);
    if (packet ? done < length : !done) {
        if (is_new)
            pool_give(&records, record);
        return -EFAULT;
    }
    to->tail += done;
    record->length += done;
    if (is_new) {
        record->credentials.pid = message->credentials.pid;
        record->credentials.uid = message->credentials.uid;
        record->credentials.gid = message->credentials.gid;
        record->parcel = message->parcel;
        message->parcel = NULL;
        if (record->parcel)
            parcel_wait(record->parcel, to);
        if (packet) {
            unix_get(from);
            record->sender = from;
        }
        *(to->last ? &to->last->next : &to->first) = record;
        to->last = record;
        to->record_count++;
    }
    wait_queue_announce(&to->filled, READABLE);
    return (long)done;
}

/* How many bytes a stream may put there now. */
static uint64_t stream_room(const struct unix_socket *to, const struct unix_socket *from,
                            const struct message *message)
{
    uint64_t charge = queue_charge(to), limit = limit_of(to, from->send_size);
    if (!record_to_extend(to, message))
        charge += RECORD_CHARGE;
    return charge < limit ? limit - charge : 0;
}

static long send_stream(struct task *task, struct unix_socket *from, struct unix_socket *to,
                        struct message *message, struct patience *patience)
{
    const struct transfer *transfer = message->transfer;
    struct cursor cursor = {.range = transfer->ranges, .own = transfer->own};
    uint64_t done = 0;
    long result = 0;
    lock_acquire(&to->lock);
    if (from->send_ended || to->receive_ended)
        result = -EPIPE;
    while (done < transfer->total && !result) {
        uint64_t length = transfer->total - done, room = stream_room(to, from, message);
        if (from->send_ended || to->receive_ended) {
            result = -EPIPE;
        } else if (!room) {
            result = patience_sleep(task, patience, &to->drained, &to->lock);
        } else {
            if (length > room)
                length = room;
            long part = queue_put(task, to, from, message, &cursor, length);
            if (part < 0)
                result = part;
            else
                done += (uint64_t)part;
        }
    }
    lock_release(&to->lock);
    return done ? (long)done : result;
}

/* Whether a packet has to wait. */
static int packet_waits(const struct unix_socket *to, const struct unix_socket *from,
                        uint64_t length)
{
    return queue_charge(to) + length > limit_of(to, from->send_size) ||
           (to->type == SOCK_DGRAM && to != from && to->peer != from && queue_crowded(to));
}

static long send_packet(struct task *task, struct unix_socket *from, struct unix_socket *to,
                        struct message *message, struct patience *patience)
{
    uint64_t length = message->transfer->total;
    struct cursor cursor = {.range = message->transfer->ranges, .own = message->transfer->own};
    long result = 0;
    lock_acquire(&to->lock);
    while (!result) {
        struct unix_socket *partner = to->peer; /* compared only */
        if (to->type == SOCK_DGRAM && partner && partner != from)
            result = -EPERM;
        else if (from->send_ended)
            result = -EPIPE;
        else if (to->state == SOCKET_CLOSED)
            result = to->type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
        else if (to->receive_ended)
            result = -EPIPE;
        else if (!to->ring && ring_make(to))
            result = -ENOBUFS;
        else if (length > to->capacity)
            result = -EMSGSIZE;
        else if (packet_waits(to, from, length))
            result = patience_sleep(task, patience, &to->drained, &to->lock);
        else
            break;
    }
    if (!result)
        result = queue_put(task, to, from, message, &cursor, length);
    lock_release(&to->lock);
    return result;
}

long unix_send_check(struct unix_socket *socket, uint64_t length)
{
    if (socket->type == SOCK_STREAM)
        return 0;
    if (socket->type == SOCK_SEQPACKET && socket->state != SOCKET_CONNECTED)
        return -ENOTCONN;
    long error = socket->options & 1U << SO_PASSCRED ? unix_bind_any(socket) : 0;
    if (!error && length > socket->send_size - PACKET_OVERHEAD)
        error = -EMSGSIZE;
    if (!error)
        error = -unix_take_error(socket);
    return error ? error : socket->send_ended ? -EPIPE : 0;
}

long unix_send(struct task *task, struct unix_socket *socket, struct message *message)
{
    struct patience patience;
    long result = unix_send_check(socket, message->transfer->total);
    if (result)
        return result;
    struct unix_socket *to = message->other, *peer = to ? NULL : unix_peer(socket);
    if (!to)
        to = peer;
    if (!to)
        return -ENOTCONN;
    patience_begin(&patience, message->nonblock, socket->send_timeout);
    result = socket->type == SOCK_STREAM ? send_stream(task, socket, to, message, &patience)
                                         : send_packet(task, socket, to, message, &patience);
    if (result == -EPIPE && patience.slept) { /* a reset meanwhile says more */
        int error = unix_take_error(socket);
        result = error ? -error : result;
    }
    if (result == -ECONNREFUSED && peer)
        unix_set_peer(socket, NULL, peer);
    if (peer)
        unix_put(peer);
    return result;
}

/* Takes a record that is done out of the queue; returns it for records_free. The lock is held. */
static struct record *record_remove(struct unix_socket *socket)
{
    struct record *record = socket->first;
    if (record->parcel)
        parcel_leave(record->parcel);
    socket->head += record->length; /* what is left of a packet */
    socket->first = record->next;
    if (!record->next)
        socket->last = NULL;
    socket->record_count--;
    record->next = NULL;
    return record;
}

/* What a call on a socket with an empty queue answers: 0 to wait, 1 for the end, or -errno. */
static long queue_end(struct unix_socket *socket, const struct message *message)
{
    long error = -socket->error;
    socket->error = 0;
    if (error)
        return error;
    /* Linux looks whether it may wait first. */
    if (socket->receive_ended && !(socket->type == SOCK_DGRAM && message->nonblock))
        return 1;
    return 0;
}

/* Hands a record's descriptions to the receiver. */
static long give_parcel(struct record *record, struct message *message)
{
    if (!record->parcel)
        return 0;
    if (message->flags & MSG_PEEK) {
        message->parcel = parcel_copy(record->parcel);
        return message->parcel ? 0 : -ENOMEM;
    }
    message->parcel = record->parcel;
    record->parcel = NULL;
    parcel_leave(message->parcel);
    return 0;
}

/* What a call that has received `done` bytes does when nothing is left: 0 to look again, 1 to
 * return them, or -errno. The lock is held but for a moment. */
static long wait_for_more(struct task *task, struct unix_socket *socket, struct message *message,
                          struct patience *patience, uint64_t done, uint64_t *told)
{
    if (done != *told) { /* a sender may wait for the room, and the call for that sender */
        *told = done;
        wait_queue_announce_sleepers(&socket->drained);
        lock_release(&socket->lock);
        announce_room(socket);
        lock_acquire(&socket->lock);
        return 0;
    }
    long result = queue_end(socket, message);
    return result ? result : patience_sleep(task, patience, &socket->filled, &socket->lock);
}

static long receive_stream(struct task *task, struct unix_socket *socket, struct message *message,
                           struct patience *patience, struct record **done_with)
{
    const struct transfer *transfer = message->transfer;
    struct cursor cursor = {.range = transfer->ranges, .own = transfer->own};
    const int peek = !!(message->flags & MSG_PEEK);
    const int by_sender = !!(socket->options & 1U << SO_PASSCRED);
    struct record *seen = NULL; /* of a peek: the last record that was looked at */
    uint64_t done = 0, told = 0, least = transfer->total;
    long result = 0;
    if (!(message->flags & MSG_WAITALL) && least > socket->low_water)
        least = socket->low_water;
    message->flags &= ~(uint32_t)MSG_TRUNC;
    while (!result) {
        struct record *record = seen ? seen->next : socket->first;
        if (!record && done && (peek || done >= least))
            break;
        if (!record) {
            result = wait_for_more(task, socket, message, patience, done, &told);
            continue;
        }
        if (!done)
            message->credentials = record->credentials;
        else if (by_sender && !same_sender(&record->credentials, &message->credentials))
            break;
        uint64_t length = transfer->total - done;
        if (length > record->length)
            length = record->length;
        uint64_t part = ring_copy(task, socket->ring, socket->capacity,
                                  socket->head + (peek ? done : 0), &cursor, length, 1);
        result = length && !part ? -EFAULT : give_parcel(record, message);
        if (result)
            break;
        done += part;
        if (peek) {
            seen = record;
        } else {
            socket->head += part;
            record->length -= part;
            if (!record->length) {
                record_remove(socket);
                record->next = *done_with;
                *done_with = record;
            }
        }
        if (part < length || message->parcel || done == transfer->total)
            break;
    }
    return done || result == 1 ? (long)done : result;
}

static long receive_packet(struct task *task, struct unix_socket *socket, struct message *message,
                           struct patience *patience, struct record **done_with)
{
    const struct transfer *transfer = message->transfer;
    struct cursor cursor = {.range = transfer->ranges, .own = transfer->own};
    const uint32_t flags = message->flags;
    struct record *record;
    message->flags &= ~(uint32_t)MSG_TRUNC;
    while (!(record = socket->first) || socket->error) { /* an error comes before all packets */
        long result = queue_end(socket, message);
        if (!result)
            result = patience_sleep(task, patience, &socket->filled, &socket->lock);
        /* Linux says so of a connection that has ended, whether or not it may wait. */
        if (result)
            return result == 1 ? 0 : result;
    }
    uint64_t length = record->length < transfer->total ? record->length : transfer->total;
    uint64_t copied =
        length ? ring_copy(task, socket->ring, socket->capacity, socket->head, &cursor, length, 1)
               : 0;
    long result = copied < length ? -EFAULT : give_parcel(record, message);
    message->credentials = record->credentials;
    message->other = record->sender;
    unix_get(message->other);
    if (length < record->length)
        message->flags |= MSG_TRUNC;
    if (!result)
        result = (long)(flags & MSG_TRUNC ? record->length : length);
    if (!(flags & MSG_PEEK))
        *done_with = record_remove(socket);
    return result;
}

long unix_receive(struct task *task, struct unix_socket *socket, struct message *message)
{
    struct patience patience;
    struct record *done_with = NULL;
    long result;
    message->parcel = NULL;
    message->other = NULL;
    patience_begin(&patience, message->nonblock, socket->receive_timeout);
    lock_acquire(&socket->lock);
    if (socket->type != SOCK_DGRAM && socket->state != SOCKET_CONNECTED)
        result = socket->type == SOCK_STREAM ? -EINVAL : -ENOTCONN;
    else
        result = (socket->type == SOCK_STREAM ? receive_stream : receive_packet)(
            task, socket, message, &patience, &done_with);
    int room =
        result >= 0 && !(message->flags & MSG_PEEK) && queue_writable(socket, SOCKET_BUFFER_MOST);
    if (room || done_with)
        wait_queue_announce_sleepers(&socket->drained);
    lock_release(&socket->lock);
    if (room || done_with)
        announce_room(socket);
    records_free(done_with);
    return result;
}
