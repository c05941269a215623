/* Names of UNIX-domain sockets, and what goes by them: bind, listen, connect, accept.
 *
 * A name in the file system is an inode of the host, made and found as every other name below what
 * was granted; which socket of this lind-run it stands for says the table here, by device and
 * inode, and the host is never asked to connect (attack row K6). Abstract names are of this
 * lind-run alone. Not HOT but for unix_bind_any and unix_forget_name. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>

#include "microvisor/fs/place.h"
#include "microvisor/fs/unix_queue.h"

#define FAMILY_SIZE offsetof(struct sockaddr_un, sun_path)
#define BUCKETS 256U

/* Under topology. By the inode, or of an abstract name by a hash of it. */
static struct unix_socket *names[BUCKETS];

static unsigned bucket_of(const struct unix_socket *socket)
{
    uint32_t hash = 5381;
    if (socket->host_fd >= 0)
        return (unsigned)socket->host_inode % BUCKETS;
    for (uint32_t i = FAMILY_SIZE; i < socket->address_length; i++)
        hash = hash * 33 + ((const uint8_t *)&socket->address)[i];
    return hash % BUCKETS;
}

/* Whether two names are the same. */
static int same_name(const struct unix_socket *one, const struct unix_socket *other)
{
    if ((one->host_fd < 0) != (other->host_fd < 0))
        return 0;
    if (one->host_fd >= 0)
        return one->host_inode == other->host_inode && one->host_device == other->host_device;
    return one->type == other->type && one->address_length == other->address_length &&
           !memcmp(&one->address, &other->address, one->address_length);
}

static struct unix_socket *name_look(const struct unix_socket *like)
{
    struct unix_socket *found = names[bucket_of(like)];
    while (found && !same_name(found, like))
        found = found->next_name;
    return found;
}

/* The socket that has the same name. Topology is held, but while circles are freed: a name that
 * one of them had is free then. */
static struct unix_socket *name_find(const struct unix_socket *like)
{
    struct unix_socket *found = name_look(like);
    if (!found || !circles_suspect(found))
        return found;
    lock_release(&unix_topology);
    circles_free();
    lock_acquire(&unix_topology);
    return name_look(like);
}

void unix_forget_name(struct unix_socket *socket)
{
    struct unix_socket **link = &names[bucket_of(socket)];
    while (*link && *link != socket)
        link = &(*link)->next_name;
    if (*link)
        *link = socket->next_name;
}

/* Where a path leads to, for who may write there. */
static long find_inode(struct task *task, const char *path, struct unix_socket *like)
{
    LOCATION(location);
    struct stat status;
    long error = place_lookup_path(task, (uint64_t)AT_FDCWD, path, LOOKUP_FOLLOW, &location);
    if (error)
        return error;
    int fd = location_is_host(&location) ? location_open_path(&location) : -ECONNREFUSED;
    if (fd < 0)
        return fd;
    /* Both of the same object, whatever its name leads to by now. */
    error = host_call4(SYS_faccessat2, fd, "", 2 /* W_OK */, AT_EMPTY_PATH | AT_EACCESS);
    if (!error || error == -EROFS) /* which is no obstacle to a socket's use */
        error = host_call2(SYS_fstat, fd, &status);
    host_call1(SYS_close, fd);
    if (error)
        return error;
    if (!S_ISSOCK(status.st_mode))
        return -ECONNREFUSED;
    like->host_fd = 0; /* some descriptor */
    like->host_device = status.st_dev;
    like->host_inode = status.st_ino;
    return 0;
}

long unix_find(struct task *task, const struct sockaddr_un *address, uint32_t length, uint32_t type,
               struct unix_socket **found)
{
    struct unix_socket like = {.type = type, .host_fd = -1, .address_length = length};
    long error = 0;
    like.address = *address;
    if (*address->sun_path)
        error = find_inode(task, address->sun_path, &like);
    if (error)
        return error;
    LOCKED(&unix_topology);
    struct unix_socket *socket = name_find(&like);
    if (!socket)
        return -ECONNREFUSED;
    if (socket->type != type)
        return -EPROTOTYPE;
    unix_get(socket);
    *found = socket;
    return 0;
}

/* Gives a socket the name in `named`, whose host_fd it takes over, also on failure. */
static long name_add(struct unix_socket *socket, const struct unix_socket *named)
{
    lock_acquire(&unix_topology);
    long error = name_find(named) ? -EADDRINUSE : 0;
    if (socket->address_length)
        error = -EINVAL;
    if (!error) {
        socket->address = named->address;
        socket->address_length = named->address_length;
        socket->host_fd = named->host_fd;
        socket->host_device = named->host_device;
        socket->host_inode = named->host_inode;
        struct unix_socket **bucket = &names[bucket_of(socket)];
        socket->next_name = *bucket;
        *bucket = socket;
    }
    lock_release(&unix_topology);
    if (error && named->host_fd >= 0)
        host_call1(SYS_close, named->host_fd);
    return error;
}

long unix_bind_any(struct unix_socket *socket)
{
    static _Atomic uint32_t last;
    struct unix_socket named = {
        .type = socket->type, .host_fd = -1, .address_length = FAMILY_SIZE + 6};
    long error = socket->address_length ? 0 : -EADDRINUSE;
    named.address.sun_family = AF_UNIX;
    for (unsigned i = 0; i <= 0xfffff && error == -EADDRINUSE; i++) {
        uint32_t number = atomic_fetch_add(&last, 1);
        for (unsigned digit = 5; digit; digit--, number >>= 4)
            named.address.sun_path[digit] = "0123456789abcdef"[number & 15];
        error = name_add(socket, &named);
    }
    return error == -EINVAL ? 0 : error; /* another thread was faster */
}

struct binding {
    struct unix_socket *socket, *named;
};

/* Binds to an inode that was just made. */
static long bind_inode(int fd, const struct stat *status, void *data)
{
    const struct binding *binding = data;
    binding->named->host_fd = fd;
    binding->named->host_device = status->st_dev;
    binding->named->host_inode = status->st_ino;
    return name_add(binding->socket, binding->named);
}

static uint32_t mode_of(struct unix_socket *socket)
{
    LOCKED(&socket->lock);
    return socket->permissions.mode;
}

long unix_bind(struct task *task, struct unix_socket *socket, const struct sockaddr_un *address,
               uint32_t length)
{
    struct unix_socket named = {.type = socket->type, .host_fd = -1, .address_length = length};
    struct binding binding = {socket, &named};
    named.address = *address;
    if (length == FAMILY_SIZE)
        return unix_bind_any(socket);
    if (socket->address_length)
        return -EINVAL;
    if (!*address->sun_path)
        return name_add(socket, &named);
    named.address_length = (uint32_t)(FAMILY_SIZE + strlen(address->sun_path) + 1);
    long error = place_make_socket(task, address->sun_path, mode_of(socket), bind_inode, &binding);
    return error == -EEXIST ? -EADDRINUSE : error;
}

void unix_set_credentials(struct unix_socket *socket, const struct task *task)
{
    socket->peer_credentials.pid = task->process->pid;
    socket->peer_credentials.uid = task->process->credentials.euid;
    socket->peer_credentials.gid = task->process->credentials.egid;
}

long unix_listen(struct task *task, struct unix_socket *socket, uint32_t backlog)
{
    if (socket->type == SOCK_DGRAM)
        return -EOPNOTSUPP;
    LOCKED(&unix_topology);
    LOCKED(&socket->lock);
    if (!socket->address_length || socket->state == SOCKET_CONNECTED)
        return -EINVAL;
    socket->state = SOCKET_LISTENING;
    socket->backlog = backlog < SOCKET_BACKLOG_MAX ? backlog : SOCKET_BACKLOG_MAX;
    unix_set_credentials(socket, task);
    wait_queue_announce_sleepers(&socket->drained);
    return 0;
}

/* One look at a listening socket: connects, or sleeps and returns 1. */
static long connect_once(struct task *task, struct unix_socket *socket,
                         struct unix_socket *listening, struct unix_socket *made,
                         struct patience *patience)
{
    long result = 0;
    lock_acquire(&unix_topology);
    lock_acquire(&listening->lock);
    int full = listening->pending_count > listening->backlog;
    if (listening->state != SOCKET_LISTENING || listening->receive_ended) {
        result = -ECONNREFUSED;
    } else if (full) {
        lock_release(&unix_topology);
        result = patience_sleep(task, patience, &listening->drained, &listening->lock);
        lock_release(&listening->lock);
        return result ? result : 1;
    } else if (socket->state != SOCKET_UNCONNECTED) {
        result = socket->state == SOCKET_CONNECTED ? -EISCONN : -EINVAL;
    } else {
        socket->peer_credentials = listening->peer_credentials;
        unix_set_credentials(made, task);
        made->address = listening->address;
        made->address_length = listening->address_length;
        made->options = listening->options & 1U << SO_PASSCRED;
        unix_join(socket, made);
        pending_add(listening, made);
        wait_queue_announce(&listening->filled, READABLE);
    }
    lock_release(&listening->lock);
    lock_release(&unix_topology);
    return result;
}

static long connect_stream(struct task *task, struct unix_socket *socket,
                           struct unix_socket *listening, int nonblock)
{
    struct patience patience;
    struct unix_socket *made = unix_new(socket->type);
    if (!made)
        return -ENOMEM;
    patience_begin(&patience, nonblock, socket->send_timeout);
    long result;
    do
        result = connect_once(task, socket, listening, made, &patience);
    while (result == 1);
    if (result)
        unix_put(made);
    return result;
}

long unix_connect(struct task *task, struct unix_socket *socket, const struct sockaddr_un *address,
                  uint32_t length, int nonblock)
{
    struct unix_socket *found;
    if (socket->type == SOCK_DGRAM && address->sun_family == AF_UNSPEC)
        return unix_set_peer(socket, NULL, NULL);
    long result = socket->options & 1U << SO_PASSCRED ? unix_bind_any(socket) : 0;
    if (!result)
        result = unix_find(task, address, length, socket->type, &found);
    if (result)
        return result;
    if (socket->type == SOCK_DGRAM)
        return unix_set_peer(socket, found, NULL);
    result = connect_stream(task, socket, found, nonblock);
    unix_put(found);
    return result;
}

long unix_accept(struct task *task, struct unix_socket *socket, int nonblock,
                 struct unix_socket **accepted)
{
    struct patience patience;
    patience_begin(&patience, nonblock, socket->receive_timeout);
    LOCKED(&socket->lock);
    while (!socket->pending) {
        /* Linux looks whether it may wait first. */
        if (socket->state != SOCKET_LISTENING || (socket->receive_ended && !nonblock))
            return -EINVAL;
        long result = patience_sleep(task, &patience, &socket->filled, &socket->lock);
        if (result)
            return result;
    }
    *accepted = pending_take(socket, 0);
    wait_queue_announce_sleepers(&socket->drained);
    return 0;
}
