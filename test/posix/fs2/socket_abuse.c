// Do calls on sockets answer hostile lengths, pointers and control messages with an error, and threads that use and close one socket at once with
// nothing worse?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

static int pair[2];

static long raw(long number, long a, const void *b, long c)
{
    long result = syscall(number, a, b, c);
    return result < 0 ? -errno : result;
}

/* The kernel's struct msghdr. */
struct header {
    uint64_t name;
    uint32_t name_length, unused;
    uint64_t vector, count, control, control_length, flags;
};

static void headers(void)
{
    char byte = 'x', *hole = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(hole + 4096, 4096);
    struct iovec vector = {&byte, 1}, bad = {hole + 4090, 100}, nothing = {(void *)16, 8}, negative = {&byte, (size_t)-1};
    const struct header good = {.vector = (uintptr_t)&vector, .count = 1};
    struct header h;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
#define SEND(change, result) (h = good, (change), raw(SYS_sendmsg, pair[0], &h, MSG_NOSIGNAL) == (result))
    CHECK(SEND(h.count = 1025, -EMSGSIZE) && SEND(h.count = UINT64_MAX, -EMSGSIZE) && SEND(h.count = 1UL << 32, -EMSGSIZE));
    CHECK(SEND(h.vector = 16, -EFAULT) && SEND(h.vector = UINT64_MAX, -EFAULT) && SEND(h.vector = (uintptr_t)&nothing, -EFAULT));
    CHECK(SEND(h.vector = (uintptr_t)&negative, -EINVAL));
    CHECK(SEND((h.control = 16, h.control_length = 24), -EFAULT) && SEND((h.control = 16, h.control_length = 1UL << 40), -ENOBUFS));
    CHECK(SEND((h.control = (uintptr_t)hole + 4092, h.control_length = 24), -EFAULT));
    CHECK(SEND((h.name = 16, h.name_length = 8), -EFAULT) && SEND((h.name = 16, h.name_length = -1U), -EINVAL));
    CHECK(SEND(h.flags = UINT64_MAX, 1)); /* the header's flags are not read */
    CHECK(raw(SYS_recvmsg, pair[1], (void *)16, 0) == -EFAULT && raw(SYS_sendmsg, pair[0], hole + 4080, 0) == -EFAULT);
    h = good;
    CHECK(raw(SYS_recvmsg, pair[1], &h, 0) == 1);
    CHECK(raw(SYS_recvmsg, pair[1], &h, 0) == -EAGAIN);
    /* A bad page behind good ones: what lies before it, or nothing of a packet. */
    long part = SEND(h.vector = (uintptr_t)&bad, 6) ? 6 : 0;
    CHECK(part == 6 || SEND(h.vector = (uintptr_t)&bad, -EFAULT));
    close(pair[0]);
    close(pair[1]);
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) == 0);
    CHECK(SEND(h.vector = (uintptr_t)&bad, -EFAULT));
    CHECK_ERROR(recv(pair[1], &byte, 1, 0), EAGAIN);
    CHECK_ERROR(sendto(pair[0], &byte, 1, 0, BAD, 20), EFAULT);
    CHECK_ERROR(sendto(pair[0], &byte, 1, 0, (void *)&vector, 200), EINVAL);
    CHECK_ERROR(send(pair[0], BAD, 1, 0), EFAULT);
    /* A receiver's bad memory costs it the packet. */
    CHECK(send(pair[0], "lost", 4, 0) == 4 && send(pair[0], "next", 4, 0) == 4);
    CHECK_ERROR(recv(pair[1], BAD, 4, 0), EFAULT);
    CHECK(recv(pair[1], hole, 4, 0) == 4 && !memcmp(hole, "next", 4));
    close(pair[0]);
    close(pair[1]);
}

static _Atomic int stop;
static _Atomic int shared[2];

static void *user(void *which)
{
    unsigned seed = (unsigned)(uintptr_t)which;
    char text[3000] = "";
    while (!stop) {
        int fd = shared[(seed = seed * 1103515245 + 12345) >> 16 & 1];
        union {
            struct cmsghdr header;
            char bytes[64];
        } control = {.header = {CMSG_LEN(sizeof(int)), 0, SOL_SOCKET, SCM_RIGHTS}};
        struct iovec vector = {text, seed >> 8 & 2047};
        struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(sizeof(int))};
        memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
        switch (seed >> 20 & 7) {
        case 0:
        case 1:
            sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
            break;
        case 2:
            send(fd, text, vector.iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
            break;
        case 3:
            shutdown(fd, (int)(seed >> 12 & 1));
            break;
        case 4: { /* what others use at that moment */
            static const int options[] = {SO_SNDBUF, SO_PASSCRED, SO_RCVLOWAT, SO_RCVTIMEO, SO_SNDTIMEO, SO_RCVBUF};
            int value[4] = {(int)(seed >> 8 & 0xffff) * ((seed & 1) + 1)};
            setsockopt(fd, SOL_SOCKET, options[(seed >> 4) % 6], value, sizeof value);
            break;
        }
        case 5: {
            struct sockaddr_un name = {.sun_family = AF_UNIX};
            socklen_t length = sizeof name;
            bind(fd, (struct sockaddr *)&name, sizeof name.sun_family);
            getpeername(fd, (struct sockaddr *)&name, &length);
            break;
        }
        default: {
            struct cmsghdr *c;
            struct pollfd entry = {fd, POLLIN | POLLOUT, 0};
            poll(&entry, 1, 0);
            message.msg_controllen = sizeof control;
            if (recvmsg(fd, &message, MSG_DONTWAIT) >= 0 && (c = CMSG_FIRSTHDR(&message)) && c->cmsg_type == SCM_RIGHTS) {
                int got;
                memcpy(&got, CMSG_DATA(c), sizeof got);
                close(got);
            }
        }
        }
    }
    return NULL;
}

/* Sockets that go while others are at them, also within each other. */
static void races(int type)
{
    pthread_t threads[4];
    stop = 0;
    shared[0] = shared[1] = -1;
    for (long i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, user, (void *)(i + 77)) == 0);
    for (int i = 0; i < 2000; i++) {
        int old[2] = {shared[0], shared[1]};
        if (socketpair(AF_UNIX, type, 0, pair) == 0) {
            shared[0] = pair[0];
            shared[1] = pair[1];
        }
        close(old[i & 1]);
        close(old[!(i & 1)]);
    }
    stop = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    close(pair[0]);
    close(pair[1]);
}

static void *connecter(void *address)
{
    while (!stop) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(fd, address, sizeof(sa_family_t) + 6) == 0)
            send(fd, "hello", 5, MSG_NOSIGNAL);
        close(fd);
    }
    return NULL;
}

/* Listening sockets that go while others connect and wait for room. */
static void connecting(void)
{
    static struct sockaddr_un name = {AF_UNIX, "\0race1"};
    pthread_t threads[3];
    char text[8];
    long accepted = 0;
    stop = 0;
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, connecter, &name) == 0);
    for (int i = 0; i < 200; i++) {
        int server = socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK(bind(server, (void *)&name, sizeof(sa_family_t) + 6) == 0 && listen(server, 0) == 0);
        for (int k = 0; k < i % 5; k++) {
            int fd = accept(server, NULL, NULL);
            long n = read(fd, text, 8);
            CHECK(fd >= 0 && (n == 5 || n == 0));
            accepted += n == 5;
            close(fd);
        }
        close(server);
    }
    CHECK(accepted > 0);
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

/* Who sends to a name of another type may not take that socket from its owner: a reference too few would give it to whoever makes the next one. */
static void not_its_own(void)
{
    struct sockaddr_un name = {AF_UNIX, "\0owned"}, said;
    socklen_t length = sizeof said;
    char path[] = "/tmp/owned.XXXXXX";
    CHECK(mkdtemp(path));
    snprintf(name.sun_path, sizeof name.sun_path, "%s/door", path);
    int server = socket(AF_UNIX, SOCK_STREAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM, 0), clients[8];
    CHECK(bind(server, (void *)&name, sizeof name) == 0 && listen(server, 20) == 0);
    for (int i = 0; i < 3; i++)
        CHECK_ERROR(sendto(sender, "x", 1, 0, (void *)&name, sizeof name), EPROTOTYPE);
    CHECK_ERROR(connect(sender, (void *)&name, sizeof name), EPROTOTYPE);
    for (int i = 0; i < 8; i++)
        CHECK((clients[i] = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0 && connect(clients[i], (void *)&name, sizeof name) == 0);
    CHECK(getsockname(server, (void *)&said, &length) == 0 && !strcmp(said.sun_path, name.sun_path));
    for (int i = 0; i < 8; i++)
        CHECK(close(accept(server, NULL, NULL)) == 0 && close(clients[i]) == 0);
    CHECK(close(server) == 0 && close(sender) == 0 && unlink(name.sun_path) == 0 && rmdir(path) == 0);
}

int main(void)
{
    headers();
    not_its_own();
    races(SOCK_STREAM);
    races(SOCK_SEQPACKET);
    races(SOCK_DGRAM);
    connecting();
    return check_done();
}
