/* UNIX-domain sockets: their life, connections, and what a description of one does (unix_socket.h).
 * All HOT. */
#include "microvisor/fs/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "microvisor/fs/pool.h"
#include "microvisor/fs/unix_queue.h"
#include "microvisor/proc/proc.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/clock.h"

#define HUNG_UP (POLLHUP | POLLERR | POLLRDHUP | READABLE | WRITABLE)

struct lock unix_topology;

static struct pool sockets = POOL_OF(struct unix_socket);
static _Atomic uint64_t last_inode;
static const struct file_operations stream_operations, packet_operations;

struct unix_socket *unix_socket_of(const struct file *file)
{
    if (file->operations != &stream_operations && file->operations != &packet_operations)
        return NULL;
    return (struct unix_socket *)file->data;
}

struct unix_socket *unix_new(uint32_t type)
{
    struct unix_socket *socket = pool_take(&sockets);
    if (!socket)
        return NULL;
    socket->references = 1;
    socket->type = type;
    socket->inode = atomic_fetch_add(&last_inode, 1) + 1;
    socket->host_fd = -1;
    socket->send_size = socket->receive_size = SOCKET_BUFFER;
    socket->low_water = 1;
    socket->peer_credentials.uid = socket->peer_credentials.gid = (uint32_t)-1;
    return socket;
}

void unix_own(struct unix_socket *socket, const struct task *task)
{
    socket->permissions = permissions_new(task, 0777);
}

struct file *unix_file(uint32_t type, uint32_t flags)
{
    return file_new(type == SOCK_STREAM ? &stream_operations : &packet_operations, -1,
                    O_RDWR | flags, FILE_OTHER);
}

void unix_get(struct unix_socket *socket)
{
    atomic_fetch_add_explicit(&socket->references, 1, memory_order_relaxed);
}

void unix_put(struct unix_socket *socket)
{
    if (atomic_fetch_sub_explicit(&socket->references, 1, memory_order_acq_rel) == 1)
        pool_give(&sockets, socket);
}

struct unix_socket *unix_peer(struct unix_socket *socket)
{
    LOCKED(&unix_topology);
    struct unix_socket *peer = socket->peer;
    if (peer)
        unix_get(peer);
    return peer;
}

void unix_join(struct unix_socket *one, struct unix_socket *other)
{
    unix_get(one);
    unix_get(other);
    one->peer = other;
    other->peer = one;
    one->state = other->state = SOCKET_CONNECTED;
}

/* Takes the peer away. Topology is held; returns whom to put. */
static struct unix_socket *disconnect(struct unix_socket *socket)
{
    struct unix_socket *old = socket->peer;
    if (old && socket->type == SOCK_DGRAM) {
        struct unix_socket **link = &old->clients;
        while (*link && *link != socket)
            link = &(*link)->next_client;
        if (*link)
            *link = socket->next_client;
        socket->state = SOCKET_UNCONNECTED;
    }
    socket->peer = NULL;
    return old;
}

int unix_exchange_error(struct unix_socket *socket, int error)
{
    LOCKED(&socket->lock);
    int old = socket->error;
    socket->error = error;
    return old;
}

/* Ends directions of one socket; topology is held. error: an errno for SO_ERROR, or 0. */
static void end_one(struct unix_socket *socket, int receiving, int sending, int error)
{
    LOCKED(&socket->lock);
    if (receiving)
        socket->receive_ended = 1;
    if (sending)
        socket->send_ended = 1;
    if (error)
        socket->error = error;
    wait_queue_announce(&socket->filled, HUNG_UP);
    wait_queue_announce_sleepers(&socket->drained);
}

/* What a datagram socket received before it left its peer, which learns that. Topology is held. */
static struct record *take_stale(struct unix_socket *socket, struct unix_socket *old)
{
    lock_acquire(&socket->lock);
    struct record *records = queue_take_all(socket);
    wait_queue_announce_sleepers(&socket->drained);
    lock_release(&socket->lock);
    if (records && old->peer == socket)
        end_one(old, 0, 0, ECONNRESET);
    return records;
}

void unix_end(struct unix_socket *socket, int how)
{
    LOCKED(&unix_topology);
    end_one(socket, how & 1, how & 2, 0);
    if (socket->peer && socket->type != SOCK_DGRAM)
        end_one(socket->peer, how & 2, how & 1, 0);
}

long unix_set_peer(struct unix_socket *socket, struct unix_socket *to,
                   const struct unix_socket *only)
{
    long error = 0;
    struct unix_socket *unused = to;
    struct record *stale = NULL;
    lock_acquire(&unix_topology);
    if (to && to->peer && to->peer != socket) {
        error = -EPERM;
    } else if (!only || socket->peer == only) {
        unused = disconnect(socket);
        socket->peer = to;
        socket->state = to ? SOCKET_CONNECTED : SOCKET_UNCONNECTED;
        if (to) {
            socket->next_client = to->clients;
            to->clients = socket;
        }
        if (unused && unused != to)
            stale = take_stale(socket, unused);
    }
    lock_release(&unix_topology);
    if (stale)
        announce_room(socket);
    records_free(stale);
    if (unused)
        unix_put(unused);
    return error;
}

/* Datagram sockets that were connected to a closed one may write: they learn the error. */
static void announce_to_clients(struct unix_socket *socket)
{
    for (struct unix_socket *client = socket->clients; client; client = client->next_client)
        wait_queue_announce_waiters(&client->filled, WRITABLE);
}

/* Closes one; reset: the other side is told so. Returns what waited to be accepted there. */
static struct unix_socket *close_one(struct unix_socket *socket, int reset)
{
    lock_acquire(&unix_topology);
    int connected = socket->state == SOCKET_CONNECTED, host_fd = socket->host_fd;
    unix_forget_name(socket);
    lock_acquire(&socket->lock);
    struct unix_socket *pending = pending_take(socket, 1);
    struct record *records = queue_take_all(socket);
    socket->state = SOCKET_CLOSED;
    socket->receive_ended = socket->send_ended = 1; /* at once: nothing is to come behind records */
    queue_free(socket);
    lock_release(&socket->lock);
    struct unix_socket *peer = disconnect(socket);
    socket->state = SOCKET_CLOSED;
    if (peer && connected && socket->type != SOCK_DGRAM)
        end_one(peer, 1, 1, reset || records ? ECONNRESET : 0);
    end_one(socket, 1, 1, 0); /* after its peer, whose sender is woken and looks for the error */
    announce_to_clients(socket);
    lock_release(&unix_topology);
    if (host_fd >= 0)
        host_call1(SYS_close, host_fd);
    records_free(records);
    if (peer)
        unix_put(peer);
    unix_put(socket);
    return pending;
}

static void close_pending(struct unix_socket *pending)
{
    while (pending) {
        struct unix_socket *next = pending->next_pending;
        close_one(pending, 1);
        pending = next;
    }
}

void unix_close(struct unix_socket *socket)
{
    close_pending(close_one(socket, 0));
}

void unix_empty(struct unix_socket *socket)
{
    lock_acquire(&socket->lock);
    struct unix_socket *pending = pending_take(socket, 1);
    struct record *records = queue_take_all(socket);
    lock_release(&socket->lock);
    records_free(records);
    close_pending(pending);
}

void patience_begin(struct patience *patience, int nonblock, int64_t timeout)
{
    patience->nonblock = nonblock || timeout < 0;
    patience->slept = 0;
    patience->interrupted = 0;
    const struct timespec limit = {timeout / 1000000, timeout % 1000000 * 1000};
    patience->deadline = timeout > 0 ? deadline_of(&limit) : NEVER;
}

long patience_sleep(struct task *task, struct patience *patience, struct wait_queue *queue,
                    struct lock *lock)
{
    struct timespec left;
    if (patience->interrupted)
        return signal_interrupted(task, patience->deadline != NEVER ? -EINTR : RESTART_SYS);
    if (patience->nonblock || deadline_passed(patience->deadline))
        return -EAGAIN;
    patience->slept = 1;
    patience->interrupted =
        wait_queue_sleep_for(task, queue, lock, deadline_left(patience->deadline, &left));
    return 0;
}

static long socket_read(struct task *task, struct file *file, const struct transfer *transfer)
{
    struct message message;
    if (!transfer->total)
        return 0;
    message.transfer = transfer;
    message.flags = 0;
    message.nonblock = file_flags(file) & O_NONBLOCK || transfer->flags & RWF_NOWAIT;
    long result = unix_receive(task, unix_socket_of(file), &message);
    if (message.parcel) /* who does not ask for descriptors gets none */
        parcel_free(message.parcel);
    if (message.other)
        unix_put(message.other);
    return result;
}

static long socket_write(struct task *task, struct file *file, const struct transfer *transfer)
{
    struct message message;
    message.transfer = transfer;
    message.flags = 0;
    message.nonblock = file_flags(file) & O_NONBLOCK || transfer->flags & RWF_NOWAIT;
    message.parcel = NULL;
    message.other = NULL;
    message.credentials.pid = task->process->pid;
    message.credentials.uid = task->process->credentials.uid;
    message.credentials.gid = task->process->credentials.gid;
    return unix_send(task, unix_socket_of(file), &message);
}

static long socket_stat(struct task *task, struct file *file, struct stat *status)
{
    struct unix_socket *socket = unix_socket_of(file);
    LOCKED(&socket->lock);
    status->st_dev = 8;
    status->st_ino = socket->inode;
    status->st_mode = S_IFSOCK | socket->permissions.mode;
    status->st_nlink = 1;
    status->st_uid = socket->permissions.uid;
    status->st_gid = socket->permissions.gid;
    status->st_blksize = 4096;
    return 0;
}

/* Whether its peer has room. */
static int peer_takes(struct unix_socket *socket)
{
    struct unix_socket *peer = unix_peer(socket);
    if (!peer)
        return 1;
    lock_acquire(&peer->lock);
    int takes = queue_writable(peer, socket->send_size) &&
                (socket->type != SOCK_DGRAM || peer->peer == socket || !queue_crowded(peer));
    lock_release(&peer->lock);
    unix_put(peer);
    return takes;
}

static int socket_poll(struct task *task, struct file *file, int events)
{
    struct unix_socket *socket = unix_socket_of(file);
    int state = socket->state, now_true = 0;
    lock_acquire(&socket->lock);
    if (socket->error)
        now_true |= POLLERR;
    if (socket->receive_ended)
        now_true |= POLLRDHUP | READABLE;
    if ((socket->receive_ended && socket->send_ended) ||
        (socket->type != SOCK_DGRAM && state == SOCKET_UNCONNECTED))
        now_true |= POLLHUP;
    if (socket->first || socket->pending)
        now_true |= READABLE;
    lock_release(&socket->lock);
    if (events & WRITABLE && state != SOCKET_LISTENING && peer_takes(socket))
        now_true |= WRITABLE;
    return now_true & (events | POLLERR | POLLHUP);
}

static struct wait_queue *socket_queue(struct file *file)
{
    return &unix_socket_of(file)->filled;
}

/* Not HOT. */
static long socket_change(struct task *task, struct file *file, const struct node_change *change)
{
    const struct credentials who = process_credentials(task->process);
    struct unix_socket *socket = unix_socket_of(file);
    LOCKED(&socket->lock);
    return permissions_change(&who, &socket->permissions, change);
}

/* Not HOT. */
static long owner_ioctl(struct task *task, struct file *file, int set, uint64_t argument)
{
    int owner = set ? 0 : file_get_owner(file);
    if (!set)
        return task_copyout(task, argument, &owner, sizeof owner);
    if (task_copyin(task, &owner, argument, sizeof owner))
        return -EFAULT;
    return file_set_owner(file, owner);
}

static long socket_ioctl(struct task *task, struct file *file, uint32_t command, uint64_t argument)
{
    struct unix_socket *socket = unix_socket_of(file), *of = socket;
    if (command == FIOSETOWN || command == SIOCSPGRP || command == FIOGETOWN ||
        command == SIOCGPGRP)
        return owner_ioctl(task, file, command == FIOSETOWN || command == SIOCSPGRP, argument);
    if (command != SIOCINQ && command != SIOCOUTQ)
        return -ENOTTY;
    if (socket->state == SOCKET_LISTENING)
        return -EINVAL;
    if (command == SIOCOUTQ)
        of = unix_peer(socket);
    int waiting = 0;
    if (of) {
        lock_acquire(&of->lock);
        waiting = (int)queue_readable(of, of != socket || socket->type != SOCK_DGRAM);
        lock_release(&of->lock);
        if (of != socket)
            unix_put(of);
    }
    return task_copyout(task, argument, &waiting, sizeof waiting);
}

static void socket_release(struct file *file)
{
    if (file->data)
        unix_close(unix_socket_of(file));
}

#define SOCKET_OPERATIONS                                                                          \
    .name = "socket", .read = socket_read, .write = socket_write, .stat = socket_stat,             \
    .poll = socket_poll, .queue = socket_queue, .ioctl = socket_ioctl, .change = socket_change,    \
    .release = socket_release

static const struct file_operations stream_operations = {SOCKET_OPERATIONS};
static const struct file_operations packet_operations = {SOCKET_OPERATIONS, .quiet = 1};
