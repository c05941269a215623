/* Makes random sequences of calls on sockets and prints every result, and what poll says of all descriptors after each call. Nothing blocks and
 * nothing depends on anything but the number of the sequence, so two systems that behave alike print the same.
 *
 * Left out is what differs between versions of Linux: packets of no bytes left unread by a seqpacket socket that is closed, peeking at
 * descriptors behind the bytes that were asked for, which error a datagram socket without a peer has once it was shut down; what a full
 * buffer is; all in which Linux is late to find circles of sockets in flight; and Linux' credentials of nobody at the end of a connection.
 *
 * Usage: socket_random FIRST COUNT LENGTH, in an empty directory. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum { SLOTS = 7, FAMILY = offsetof(struct sockaddr_un, sun_path), NAMES = 6, PIPE = 20 };

static int fds[SLOTS], sequence, signals;
static uint64_t seed;
static unsigned next_letter;
static char out[64], in[256];

static unsigned any(unsigned below)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(seed >> 33) % below;
}

static void count(int signal)
{
    signals++;
}

/* Paths, and abstract names of this process and sequence. */
static socklen_t name_number(unsigned number, struct sockaddr_un *name)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (number < NAMES / 2) {
        name->sun_path[0] = (char)('a' + number);
        return any(2) ? sizeof *name : FAMILY + 2;
    }
    name->sun_path[1] = (char)('a' + number);
    const unsigned own = ((unsigned)getpid() << 11) + (unsigned)sequence; /* all on Linux share them */
    memcpy(name->sun_path + 2, &own, sizeof own);
    return FAMILY + 2 + sizeof own;
}

static void print_name(const struct sockaddr_un *name, socklen_t length)
{
    if (length <= FAMILY)
        printf(" %s", length ? "unnamed" : "none");
    else if (length == FAMILY + 6 && !*name->sun_path)
        printf(" chosen");
    else
        printf(" %s%c (%u)", *name->sun_path ? "" : "@", name->sun_path[!*name->sun_path], (unsigned)length);
}

static long result(long value)
{
    if (value < 0)
        printf(" = -%d", errno);
    else
        printf(" = %ld", value);
    return value;
}

static int type_of(int fd)
{
    int type = 0;
    socklen_t length = sizeof type;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
    return type;
}

/* Of sending: ENOTCONN is EPIPE for datagram sockets. */
static void sent(int fd, long value)
{
    if (value < 0 && errno == ENOTCONN && type_of(fd) == SOCK_DGRAM)
        errno = EPIPE;
    result(value);
}

static size_t fill(int fd, unsigned most)
{
    unsigned length = any(most);
    if (!length && type_of(fd) == SOCK_SEQPACKET)
        length = 1;
    for (unsigned i = 0; i < length; i++)
        out[i] = (char)('a' + next_letter++ % 26);
    return length;
}

static void put(int slot, int fd)
{
    int on = 1;
    if (fds[slot] >= 0)
        close(fds[slot]);
    fds[slot] = fd;
    if (fd >= 0 && sequence % 2)
        setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
}

/* The slot whose description a descriptor has; -1: it is a pipe. */
static int slot_of(int fd)
{
    struct stat one, other;
    fstat(fd, &one);
    for (int slot = 0; slot < SLOTS; slot++)
        if (fds[slot] >= 0 && !fstat(fds[slot], &other) && one.st_ino == other.st_ino && one.st_dev == other.st_dev)
            return slot;
    return S_ISFIFO(one.st_mode) ? -1 : -2;
}

union control {
    struct cmsghdr header;
    char bytes[256];
};

static size_t add_control(union control *control, size_t at, int type, const void *data, size_t length)
{
    struct cmsghdr *header = (struct cmsghdr *)(control->bytes + at);
    header->cmsg_len = CMSG_LEN(length);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = type;
    memcpy(CMSG_DATA(header), data, length);
    return at + CMSG_SPACE(length);
}

static void send_message(int fd)
{
    union control control = {0};
    struct sockaddr_un name;
    size_t length = fill(fd, 12);
    struct iovec parts[3] = {{out, length / 2}, {out, 0}, {out + length / 2, length - length / 2}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3, .msg_control = &control};
    int files = (int)any(4) - 1, pipes[3] = {PIPE, PIPE + 1, PIPE};
    if (files >= 0)
        message.msg_controllen = add_control(&control, 0, SCM_RIGHTS, pipes, (size_t)files * sizeof *pipes);
    if (any(3) == 0) {
        struct ucred who = {getpid(), getuid(), getgid()};
        if (!any(8) && type_of(fd) != SOCK_SEQPACKET)
            who.pid = 4194303;
        message.msg_controllen = add_control(&control, message.msg_controllen, SCM_CREDENTIALS, &who, sizeof who);
    }
    if (any(3) == 0) {
        message.msg_namelen = name_number(any(NAMES), &name);
        message.msg_name = &name;
    }
    printf(" length %zu files %d control %zu to %u", length, files, (size_t)message.msg_controllen, (unsigned)message.msg_namelen);
    sent(fd, sendmsg(fd, &message, any(4) ? MSG_NOSIGNAL : 0));
}

static void print_control(struct msghdr *message)
{
    for (struct cmsghdr *one = CMSG_FIRSTHDR(message); one; one = CMSG_NXTHDR(message, one)) {
        printf(" [%d: %zu", one->cmsg_type, (size_t)one->cmsg_len);
        for (size_t i = 0; one->cmsg_type == SCM_RIGHTS && i < (one->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(one) + i * sizeof fd, sizeof fd);
            printf(" %d flags %d", slot_of(fd), fcntl(fd, F_GETFD));
            close(fd);
        }
        if (one->cmsg_type == SCM_CREDENTIALS && one->cmsg_len == CMSG_LEN(sizeof(struct ucred))) {
            struct ucred who;
            memcpy(&who, CMSG_DATA(one), sizeof who);
            printf(" own %d uid %d gid %d", who.pid == getpid(), (int)who.uid, (int)who.gid);
        }
        printf("]");
    }
}

static void receive_message(int fd)
{
    static const size_t rooms[] = {0, 10, 16, 17, 20, 24, 28, 32, 40, 60, 256, 256, 256};
    static const int all_flags[] = {MSG_TRUNC, MSG_WAITALL, MSG_CMSG_CLOEXEC};
    union control control;
    struct sockaddr_un name;
    size_t length = 1 + any(20);
    int flags = any(3) ? 0 : MSG_PEEK;
    for (int i = 0; i < 3; i++)
        flags |= any(4) ? 0 : all_flags[i];
    if (flags & MSG_PEEK)
        length = sizeof in;
    struct iovec parts[2] = {{in, length / 2}, {in + length / 2, length - length / 2}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = any(10) ? &control : NULL, .msg_controllen = rooms[any(13)]};
    if (any(2)) {
        message.msg_name = &name;
        message.msg_namelen = sizeof name;
    }
    printf(" length %zu flags %x room %zu", length, (unsigned)flags, (size_t)message.msg_controllen);
    long n = result(recvmsg(fd, &message, flags));
    if (n <= 0)
        return;
    printf(" '%.*s' flags %x control %zu", (int)((size_t)n < length ? (size_t)n : length), in, (unsigned)message.msg_flags,
           (size_t)message.msg_controllen);
    if (message.msg_name)
        print_name(&name, message.msg_namelen);
    if (message.msg_control)
        print_control(&message);
}

static void receive(int fd)
{
    struct sockaddr_un name;
    socklen_t length = sizeof name;
    size_t size = any(24);
    int flags = (any(3) ? 0 : MSG_PEEK) | (any(4) ? 0 : MSG_TRUNC) | (any(4) ? 0 : MSG_WAITALL), named = size && any(2);
    printf(" length %zu flags %x", size, (unsigned)flags);
    long n = result(named  ? recvfrom(fd, in, size, flags, (struct sockaddr *)&name, &length)
                    : flags ? recv(fd, in, size, flags)
                            : read(fd, in, size));
    if (n > 0)
        printf(" '%.*s'", (int)((size_t)n < size ? (size_t)n : size), in);
    if (n > 0 && named)
        print_name(&name, length);
}

static void send_bytes(int fd)
{
    size_t length = fill(fd, 12);
    struct iovec parts[2] = {{out, length / 3}, {out + length / 3, length - length / 3}};
    int how = (int)any(4);
    printf(" length %zu how %d", length, how);
    sent(fd, how == 0   ? write(fd, out, length)
             : how == 1 ? writev(fd, parts, 2)
                        : send(fd, out, length, how == 2 ? MSG_NOSIGNAL : 0));
}

/* sendmmsg or recvmmsg: up to four messages. */
static void many(int fd, int sending)
{
    static char bytes[4][16];
    struct iovec parts[4];
    struct mmsghdr messages[4] = {0};
    unsigned all = any(5);
    for (unsigned i = 0; i < all; i++) {
        parts[i] = (struct iovec){bytes[i], sending ? fill(fd, 12) : 1 + any(15)};
        memcpy(bytes[i], out, sizeof bytes[i]);
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    printf(" %s of %u", sending ? "send" : "receive", all);
    long done = sending ? syscall(SYS_sendmmsg, fd, messages, all, any(2) ? MSG_NOSIGNAL : 0) : syscall(SYS_recvmmsg, fd, messages, all, 0, NULL);
    sent(fd, done);
    for (long i = 0; i < done; i++)
        printf(" %u '%.*s' %x", messages[i].msg_len, sending ? 0 : (int)messages[i].msg_len, bytes[i],
               messages[i].msg_len ? (unsigned)messages[i].msg_hdr.msg_flags : 0);
}

static void say_names(int fd)
{
    struct sockaddr_un name;
    socklen_t length = sizeof name;
    if (!result(getsockname(fd, (struct sockaddr *)&name, &length)))
        print_name(&name, length);
    length = sizeof name;
    if (!result(getpeername(fd, (struct sockaddr *)&name, &length)))
        print_name(&name, length);
}

static void options(int fd)
{
    static const int all[] = {SO_ERROR, SO_TYPE, SO_ACCEPTCONN, SO_RCVLOWAT, SO_PASSCRED, SO_DOMAIN, SO_PROTOCOL, SO_SNDBUF, SO_RCVBUF};
    int option = all[any(9)], value = (int)any(10);
    struct ucred who = {-7, 7, 7};
    socklen_t length = sizeof value;
    if (any(3) == 0)
        result(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value));
    printf(" option %d", option);
    if (!result(getsockopt(fd, SOL_SOCKET, option, &value, &length)))
        printf(" %d", value);
    length = sizeof who;
    if (!result(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length)))
        printf(" pid %d uid %d", who.pid == getpid() ? 1 : who.pid, (int)who.uid);
    if (!result(ioctl(fd, FIONREAD, &value)))
        printf(" %d", value);
}

static void names_move(void)
{
    char from[2] = {(char)('a' + any(3))}, to[2] = {(char)('a' + any(3))};
    int how = (int)any(4);
    printf("name %s %s how %d", from, to, how);
    result(how < 2 ? unlink(from) : how == 2 ? rename(from, to) : link(from, to));
}

static void make(int slot)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    int type = types[any(3)], pair[2];
    printf(" type %d", type);
    if (any(2)) {
        put(slot, socket(AF_UNIX, type | SOCK_NONBLOCK, 0));
    } else if (!result(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair))) {
        put(slot, pair[0]);
        put((slot + 1 + (int)any(SLOTS - 1)) % SLOTS, pair[1]);
    }
}

static void accept_one(int slot)
{
    struct sockaddr_un name;
    socklen_t length = sizeof name;
    int fd = accept4(fds[slot], (struct sockaddr *)&name, &length, SOCK_NONBLOCK);
    if (fd < 0) {
        result(fd);
    } else {
        print_name(&name, length);
        put((slot + 1 + (int)any(SLOTS - 1)) % SLOTS, fd);
    }
}

static void with_name(int fd)
{
    struct sockaddr_un name;
    unsigned number = any(NAMES + 1), what = any(3);
    socklen_t length = name_number(number % NAMES, &name);
    printf(" name %u what %u", number, what);
    if (what == 0) {
        if (number == NAMES)
            length = FAMILY;
        long value = bind(fd, (struct sockaddr *)&name, length);
        if (value < 0 && errno == EINVAL) /* a bound socket to a path that is there: which comes first? */
            errno = EADDRINUSE;
        result(value);
    } else if (what == 1) {
        if (number == NAMES)
            name.sun_family = AF_UNSPEC;
        result(connect(fd, (struct sockaddr *)&name, length));
    } else {
        size_t size = fill(fd, 12);
        sent(fd, sendto(fd, out, size, MSG_NOSIGNAL, (struct sockaddr *)&name, length));
    }
}

static void one_call(void)
{
    int slot = (int)any(SLOTS), fd = fds[slot], what = (int)any(34);
    printf("%d on %d", what, slot);
    switch (what) {
    case 0:
        result(close(fd));
        fds[slot] = -1;
        break;
    case 1:
        result(shutdown(fd, (int)any(3)));
        break;
    case 2:
        put((slot + 1) % SLOTS, dup(fd));
        break;
    case 3:
        names_move();
        break;
    case 4:
        say_names(fd);
        break;
    case 5:
        options(fd);
        break;
    case 6:
    case 7:
        accept_one(slot);
        break;
    case 8:
    case 9:
        result(listen(fd, (int)any(3)));
        break;
    case 10:
    case 11:
    case 12:
        make(slot);
        break;
    case 13:
    case 14:
    case 15:
    case 16:
        receive(fd);
        break;
    case 17:
    case 18:
    case 19:
        receive_message(fd);
        break;
    case 20:
    case 21:
        send_message(fd);
        break;
    case 22:
    case 23:
        send_bytes(fd);
        break;
    case 24:
    case 25:
        many(fd, what == 24);
        break;
    default:
        with_name(fd);
    }
}

static void look(void)
{
    struct pollfd all[SLOTS];
    for (int i = 0; i < SLOTS; i++)
        all[i] = (struct pollfd){fds[i], POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND, 0};
    poll(all, SLOTS, 0);
    if (signals)
        printf(" SIGPIPE %d", signals);
    signals = 0;
    printf(" :");
    for (int i = 0; i < SLOTS; i++)
        printf(" %x", (unsigned)all[i].revents);
    printf("\n");
}

int main(int argc, char **argv)
{
    int first = argc > 1 ? atoi(argv[1]) : 0, all = argc > 2 ? atoi(argv[2]) : 1, length = argc > 3 ? atoi(argv[3]) : 100, ends[2];
    signal(SIGPIPE, count);
    if (pipe(ends) || dup2(ends[0], PIPE) < 0 || dup2(ends[1], PIPE + 1) < 0)
        return 1;
    for (sequence = first; sequence < first + all; sequence++) {
        seed = (uint64_t)sequence * 7919 + 13;
        next_letter = 0;
        printf("sequence %d\n", sequence);
        for (int i = 0; i < SLOTS; i++)
            fds[i] = -1;
        for (int i = 0; i < length; i++) {
            one_call();
            look();
        }
        for (int i = 0; i < SLOTS; i++)
            put(i, -1);
        for (char path[2] = "a"; *path < 'd'; ++*path)
            unlink(path);
    }
    return 0;
}
