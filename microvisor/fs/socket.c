/* The calls on sockets but for messages (socket_message.c). The only family is AF_UNIX; whatever
 * leads to a network is EAFNOSUPPORT. Not HOT. */
#include "microvisor/fs/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/time.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "rt/copy.h"

#define FAMILY_SIZE offsetof(struct sockaddr_un, sun_path)
#define TYPES_MAX 11 /* Linux: SOCK_MAX */

long socket_call(struct task *task, const uint64_t args[6], socket_function *function)
{
    DESCRIPTION(file, task, args[0]);
    if (!file)
        return -EBADF;
    struct unix_socket *socket = unix_socket_of(file);
    if (!socket)
        return file_flags(file) & O_PATH ? -EBADF : -ENOTSOCK;
    return function(task, file, socket, args);
}

long address_copyin(struct task *task, uint64_t at, uint64_t length, struct sockaddr_un *address)
{
    struct sockaddr_storage storage;
    int32_t size = (int32_t)length;
    if (size < 0 || (uint32_t)size > sizeof storage)
        return -EINVAL;
    memset(&storage, 0, sizeof storage);
    if (task_copyin(task, &storage, at, (uint32_t)size))
        return -EFAULT;
    memcpy(address, &storage, sizeof *address);
    return size;
}

long address_check(const struct sockaddr_un *address, long length)
{
    if (length <= (long)FAMILY_SIZE || length > (long)sizeof *address ||
        address->sun_family != AF_UNIX)
        return -EINVAL;
    return length;
}

long name_copyout(struct task *task, struct unix_socket *socket, uint64_t at, uint32_t room)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint32_t length = FAMILY_SIZE;
    lock_acquire(&unix_topology);
    if (socket->address_length) {
        address = socket->address;
        length = socket->address_length;
    }
    lock_release(&unix_topology);
    /* A path of full length has its NUL behind the structure. */
    char bytes[sizeof address + 1] = {0};
    memcpy(bytes, &address, sizeof address);
    if (task_copyout(task, at, bytes, length < room ? length : room))
        return -EFAULT;
    return length;
}

long name_answer(struct task *task, struct unix_socket *socket, uint64_t at, uint64_t length_at)
{
    int32_t room, length;
    if (task_copyin(task, &room, length_at, sizeof room))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    long result = name_copyout(task, socket, at, (uint32_t)room);
    if (result < 0)
        return result;
    length = (int32_t)result;
    return task_copyout(task, length_at, &length, sizeof length);
}

/* Checks the arguments of socket and socketpair; *type loses its flags and becomes one that is. */
static long check_kind(uint64_t domain, uint32_t *type, uint64_t protocol)
{
    uint32_t flags = *type & ~0xfU;
    *type &= 0xf;
    if (flags & ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK))
        return -EINVAL;
    if ((uint32_t)domain >= AF_MAX)
        return -EAFNOSUPPORT;
    if (*type >= TYPES_MAX)
        return -EINVAL;
    if ((uint32_t)domain != AF_UNIX)
        return -EAFNOSUPPORT;
    if ((uint32_t)protocol && (uint32_t)protocol != PF_UNIX)
        return -EPROTONOSUPPORT;
    if (*type == SOCK_RAW)
        *type = SOCK_DGRAM;
    return *type == SOCK_STREAM || *type == SOCK_DGRAM || *type == SOCK_SEQPACKET
               ? 0
               : -ESOCKTNOSUPPORT;
}

/* A description with a new socket. */
static struct file *socket_new(const struct task *task, uint32_t type, uint32_t nonblock)
{
    struct unix_socket *socket = unix_new(type);
    struct file *file = socket ? unix_file(type, nonblock ? O_NONBLOCK : 0) : NULL;
    if (file) {
        unix_own(socket, task);
        file->data = (uint64_t)socket;
    } else if (socket) {
        unix_put(socket);
    }
    return file;
}

long call_socket(struct task *task, const uint64_t args[6])
{
    uint32_t kind = (uint32_t)args[1], type = kind;
    long error = check_kind(args[0], &type, args[2]);
    if (error)
        return error;
    struct file *file = socket_new(task, type, kind & SOCK_NONBLOCK);
    return file ? descriptor_install(task, file, !!(kind & SOCK_CLOEXEC)) : -ENOMEM;
}

static long pair_new(const struct task *task, uint32_t type, uint32_t nonblock,
                     struct file *files[2])
{
    files[0] = socket_new(task, type, nonblock);
    files[1] = files[0] ? socket_new(task, type, nonblock) : NULL;
    if (!files[1]) {
        if (files[0])
            file_put(files[0]);
        return -ENOMEM;
    }
    struct unix_socket *one = unix_socket_of(files[0]), *other = unix_socket_of(files[1]);
    unix_join(one, other);
    unix_set_credentials(one, task);
    unix_set_credentials(other, task);
    return 0;
}

long call_socketpair(struct task *task, const uint64_t args[6])
{
    uint32_t kind = (uint32_t)args[1], type = kind;
    struct file *files[2];
    long error = check_kind(args[0], &type, args[2]);
    if (error)
        return error;
    error = pair_new(task, type, kind & SOCK_NONBLOCK, files);
    if (error)
        return error;
    return descriptor_install_pair(task, files, args[3], !!(kind & SOCK_CLOEXEC));
}

SOCKET_CALL(bind)
{
    struct sockaddr_un address[2] = {0}; /* the second one: a NUL behind the longest path */
    long length = address_copyin(task, args[1], args[2], address);
    if (length >= 0 && !(length == FAMILY_SIZE && address->sun_family == AF_UNIX))
        length = address_check(address, length);
    return length < 0 ? length : unix_bind(task, socket, address, (uint32_t)length);
}

SOCKET_CALL(connect)
{
    struct sockaddr_un address[2] = {0};
    long length = address_copyin(task, args[1], args[2], address);
    if (length >= 0 && !(length >= (long)FAMILY_SIZE && socket->type == SOCK_DGRAM &&
                         address->sun_family == AF_UNSPEC))
        length = address_check(address, length);
    return length < 0 ? length
                      : unix_connect(task, socket, address, (uint32_t)length,
                                     !!(file_flags(file) & O_NONBLOCK));
}

SOCKET_CALL(listen)
{
    return unix_listen(task, socket, (uint32_t)args[1]);
}

/* Answers with the name of a socket's peer. */
static long peer_answer(struct task *task, struct unix_socket *socket, uint64_t at,
                        uint64_t length_at)
{
    struct unix_socket *peer = unix_peer(socket);
    if (!peer)
        return -ENOTCONN;
    long result = name_answer(task, peer, at, length_at);
    unix_put(peer);
    return result;
}

SOCKET_CALL(accept4)
{
    struct unix_socket *from;
    uint32_t flags = (uint32_t)args[3];
    if (flags & ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK))
        return -EINVAL;
    if (socket->type == SOCK_DGRAM)
        return -EOPNOTSUPP;
    long number = descriptor_reserve(task, 0);
    if (number < 0)
        return number;
    struct file *made = unix_file(socket->type, flags & SOCK_NONBLOCK ? O_NONBLOCK : 0);
    long result =
        made ? unix_accept(task, socket, !!(file_flags(file) & O_NONBLOCK), &from) : -ENOMEM;
    if (!result) {
        unix_own(from, task);
        made->data = (uint64_t)from;
        result = args[1] ? peer_answer(task, from, args[1], args[2]) : 0;
    }
    if (!result) {
        descriptor_fill(task, number, made, !!(flags & SOCK_CLOEXEC));
        return number;
    }
    descriptor_cancel(task, number);
    if (made)
        file_put(made);
    return result;
}

SOCKET_CALL(shutdown)
{
    if ((uint32_t)args[1] > SHUT_RDWR)
        return -EINVAL;
    unix_end(socket, (int)args[1] + 1);
    return 0;
}

SOCKET_CALL(getsockname)
{
    return name_answer(task, socket, args[1], args[2]);
}

SOCKET_CALL(getpeername)
{
    return peer_answer(task, socket, args[1], args[2]);
}
