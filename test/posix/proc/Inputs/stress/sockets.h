/* Deeds of stress.c: descriptors on their way, connections by name, epoll. */
#ifndef STRESS_SOCKETS_H
#define STRESS_SOCKETS_H

#include <stddef.h>

#include "stress.h"

/* Writes what came with it to each descriptor that comes. */
static _Noreturn void answer(int socket)
{
    char text;
    for (int file; (file = receive_file(socket, &text)) >= 0; close(file))
        if (write(file, &text, 1) != 1)
            _exit(96);
    _exit(0);
}

/* Write ends of pipes go to a child. When it is killed, those that still wait for it must go. */
static int descriptors_sent(void)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    int pair[2], ends[40][2], type = types[choose(3)], count = 1 + (int)choose(40), right = 1;
    int kill_after = choose(2) ? (int)choose((unsigned)count) : count;
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair))
        return 0;
    pid_t pid = fork();
    if (!pid) {
        close(pair[0]);
        answer(pair[1]);
    }
    close(pair[1]);
    for (int i = 0; i < count; i++) {
        right &= !pipe2(ends[i], O_CLOEXEC);
        int sent = send_file(pair[0], (char)i, ends[i][1]);
        right &= sent || kill_after < i;
        close(ends[i][1]);
        if (i == kill_after)
            kill(pid, SIGKILL);
    }
    if (type == SOCK_DGRAM) /* whose receiver is told of no end */
        sendto(pair[0], "", 0, MSG_NOSIGNAL, NULL, 0);
    close(pair[0]);
    int status = status_of(pid);
    right &= status == (kill_after < count ? SIGKILL : 0);
    for (int i = 0; i < count; i++) {
        char byte;
        ssize_t got = read(ends[i][0], &byte, 1);
        right &= got == 0 ? kill_after < count : got == 1 && byte == i;
        right &= got == 0 || read(ends[i][0], &byte, 1) == 0;
        close(ends[i][0]);
    }
    if (!right)
        fprintf(stderr, "descriptors_sent: type %d, %d, %d, %#x\n", type, count, kill_after,
                (unsigned)status);
    return right;
}

static socklen_t name_of(struct sockaddr_un *name, int abstract)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length = snprintf(name->sun_path + abstract, sizeof name->sun_path - 1, "%s/socket.%d",
                          scratch, getpid());
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)(length + 1));
}

/* Children connect by a name, and say who they are; one of them may be killed first. */
static int connections(void)
{
    struct sockaddr_un name;
    int abstract = (int)choose(2), right = 1;
    const int type = choose(2) ? SOCK_STREAM : SOCK_SEQPACKET;
    socklen_t length = name_of(&name, abstract), size = sizeof(struct ucred);
    pid_t pids[3];
    int listener = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&name, length) || listen(listener, 1))
        return 0;
    for (int i = 0; i < 3; i++) {
        pids[i] = fork();
        if (!pids[i]) {
            pid_t pid = getpid();
            int fd = socket(AF_UNIX, type, 0);
            MUST(!connect(fd, (struct sockaddr *)&name, length));
            MUST(send(fd, &pid, sizeof pid, MSG_NOSIGNAL) == sizeof pid);
            pause();
        }
    }
    if (choose(2))
        kill(pids[0], SIGKILL);
    for (int i = 1; i < 3; i++) {
        struct ucred peer = {0};
        pid_t pid = 0;
        int fd = accept(listener, NULL, NULL);
        right &= !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
        ssize_t got = recv(fd, &pid, sizeof pid, 0);
        right &= (peer.pid == pids[0] && got <= 0) || (got == sizeof pid && pid == peer.pid);
        close(fd);
    }
    close(listener);
    for (int i = 0; i < 3; i++) {
        kill(pids[i], SIGKILL);
        status_of(pids[i]); /* with an error, if it was not served */
    }
    return right && (abstract || !unlink(name.sun_path));
}

/* Threads write to what others wait for with epoll, and close it. */
enum { SOURCES = 6, PIECES = 60 };
static int sets[2], total;

static void *writes_to_sources(void *data)
{
    for (int i = 0; i < SOURCES; i++) {
        int ends[2];
        struct epoll_event event = {.events = i % 2 ? EPOLLIN : EPOLLIN | EPOLLET};
        MUST(i % 3 ? !socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends)
                   : !pipe2(ends, O_NONBLOCK));
        event.data.fd = ends[0];
        MUST(!epoll_ctl(sets[1], EPOLL_CTL_ADD, ends[0], &event));
        for (int n = 0; n < PIECES; n++)
            MUST(write(ends[1], "x", 1) == 1);
        close(ends[1]);
    }
    return NULL;
}

static void *reads_sources(void *data)
{
    char bytes[20];
    struct epoll_event event;
    struct pollfd poll_set = {.fd = sets[0], .events = POLLIN};
    while (__atomic_load_n(&total, __ATOMIC_RELAXED) < 2 * SOURCES * PIECES) {
        MUST(poll(&poll_set, 1, 20) >= 0 || errno == EINTR);
        pthread_mutex_lock(&mutex);
        if (epoll_wait(sets[0], &event, 1, 0) == 1 && epoll_wait(sets[1], &event, 1, 0) == 1) {
            ssize_t got;
            while ((got = read(event.data.fd, bytes, sizeof bytes)) > 0)
                __atomic_add_fetch(&total, (int)got, __ATOMIC_RELAXED);
            if (!got)
                close(event.data.fd);
        }
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void sources_are_read(void)
{
    static void *(*const functions[])(void *) = {writes_to_sources, reads_sources, reads_sources,
                                                 writes_to_sources};
    for (int i = 0; i < 2; i++)
        sets[i] = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    MUST(!epoll_ctl(sets[0], EPOLL_CTL_ADD, sets[1], &event));
    with_threads(functions, 4);
    MUST(total == 2 * SOURCES * PIECES);
}

static int sources_read(void)
{
    return in_child(sources_are_read);
}

#endif
