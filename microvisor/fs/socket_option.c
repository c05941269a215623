/* getsockopt and setsockopt (socket(7), unix(7)). Not HOT. */
#include <errno.h>
#include <sys/time.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/socket.h"
#include "rt/copy.h"

/* Options that are on or off. All but SO_PASSCRED change nothing for UNIX-domain sockets. */
#define SWITCHES                                                                                   \
    (1U << SO_REUSEADDR | 1U << SO_DONTROUTE | 1U << SO_BROADCAST | 1U << SO_KEEPALIVE |           \
     1U << SO_OOBINLINE | 1U << SO_PASSCRED)

static int is_switch(uint32_t option)
{
    return option < 32 && SWITCHES & 1U << option;
}

static uint32_t buffer_size(int32_t wanted)
{
    uint32_t most = SOCKET_BUFFER_MOST / 2;
    uint32_t size = 2 * ((uint32_t)wanted < most ? (uint32_t)wanted : most);
    return size < SOCKET_BUFFER_LEAST ? SOCKET_BUFFER_LEAST : size;
}

static long set_timeout(struct task *task, uint64_t at, uint32_t length, _Atomic int64_t *timeout)
{
    struct timeval value;
    if (length < sizeof value)
        return -EINVAL;
    if (task_copyin(task, &value, at, sizeof value))
        return -EFAULT;
    if (value.tv_usec < 0 || value.tv_usec >= 1000000)
        return -EDOM;
    *timeout = value.tv_sec < 0                      ? -1
               : value.tv_sec >= INT64_MAX / 1000000 ? 0 /* Linux: for ever */
                                                     : value.tv_sec * 1000000 + value.tv_usec;
    return 0;
}

/* A socket of this kind never lingers: the option is remembered only. */
static long set_linger(struct task *task, uint64_t at, uint32_t length, struct unix_socket *socket)
{
    struct linger value;
    if (length < sizeof value)
        return -EINVAL;
    if (task_copyin(task, &value, at, sizeof value))
        return -EFAULT;
    LOCKED(&socket->lock);
    socket->linger.l_onoff = !!value.l_onoff;
    if (value.l_onoff)
        socket->linger.l_linger = value.l_linger;
    return 0;
}

SOCKET_CALL(setsockopt)
{
    uint32_t option = (uint32_t)args[2], length = (uint32_t)args[4];
    int32_t value;
    if ((int32_t)length < 0)
        return -EINVAL;
    if ((uint32_t)args[1] != SOL_SOCKET)
        return -EOPNOTSUPP;
    if (length < sizeof value)
        return -EINVAL;
    if (task_copyin(task, &value, args[3], sizeof value))
        return -EFAULT;
    if (is_switch(option)) {
        if (value)
            atomic_fetch_or(&socket->options, 1U << option);
        else
            atomic_fetch_and(&socket->options, ~(1U << option));
        return 0;
    }
    switch (option) {
    case SO_SNDBUF:
        socket->send_size = buffer_size(value);
        return 0;
    case SO_RCVBUF:
        socket->receive_size = buffer_size(value);
        return 0;
    case SO_RCVLOWAT:
        socket->low_water = value < 0 ? INT32_MAX : value ? (uint32_t)value : 1;
        return 0;
    case SO_RCVTIMEO:
        return set_timeout(task, args[3], length, &socket->receive_timeout);
    case SO_SNDTIMEO:
        return set_timeout(task, args[3], length, &socket->send_timeout);
    case SO_LINGER:
        return set_linger(task, args[3], length, socket);
    default:
        return -ENOPROTOOPT;
    }
}

/* Options whose value is a number. Returns it, or -ENOPROTOOPT. */
static long option_number(struct unix_socket *socket, uint32_t option)
{
    if (is_switch(option))
        return !!(socket->options & 1U << option);
    switch (option) {
    case SO_TYPE:
        return socket->type;
    case SO_DOMAIN:
        return AF_UNIX;
    case SO_PROTOCOL:
        return 0;
    case SO_ERROR:
        return unix_take_error(socket);
    case SO_ACCEPTCONN:
        return socket->state == SOCKET_LISTENING;
    case SO_SNDBUF:
        return socket->send_size;
    case SO_RCVBUF:
        return socket->receive_size;
    case SO_RCVLOWAT:
        return socket->low_water;
    case SO_SNDLOWAT:
        return 1;
    default:
        return -ENOPROTOOPT;
    }
}

SOCKET_CALL(getsockopt)
{
    union {
        int32_t number;
        struct timeval time;
        struct ucred credentials;
        struct linger linger;
    } value = {0};
    uint32_t option = (uint32_t)args[2], size;
    int32_t length;
    if ((uint32_t)args[1] != SOL_SOCKET)
        return -EOPNOTSUPP;
    if (task_copyin(task, &length, args[4], sizeof length))
        return -EFAULT;
    if (length < 0)
        return -EINVAL;
    if (option == SO_RCVTIMEO || option == SO_SNDTIMEO) {
        int64_t time = option == SO_RCVTIMEO ? socket->receive_timeout : socket->send_timeout;
        value.time.tv_sec = time < 0 ? 0 : time / 1000000;
        value.time.tv_usec = time < 0 ? 0 : time % 1000000;
        size = sizeof value.time;
    } else if (option == SO_PEERCRED) {
        LOCKED(&unix_topology);
        value.credentials = socket->peer_credentials;
        size = sizeof value.credentials;
    } else if (option == SO_LINGER) {
        LOCKED(&socket->lock);
        value.linger = socket->linger;
        size = sizeof value.linger;
    } else {
        long number = option_number(socket, option);
        if (number < 0)
            return number;
        value.number = (int32_t)number;
        size = sizeof value.number;
    }
    if ((uint32_t)length > size)
        length = (int32_t)size;
    if (task_copyout(task, args[3], &value, (uint32_t)length) ||
        task_copyout(task, args[4], &length, sizeof length))
        return -EFAULT;
    return 0;
}
