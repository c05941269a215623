// Do poll, select and epoll report of sockets exactly what Linux' do, and wake who waits for it?
// RUN: rm -rf %t.dir && mkdir %t.dir && %lind-cc -O1 %s -o %t && cd %t.dir && %lind-run %t
#include "check.h"

#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define ALL (POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM | POLLRDBAND | POLLWRBAND | POLLRDHUP)
#define IN (POLLIN | POLLRDNORM)
#define OUT (POLLOUT | POLLWRNORM | POLLWRBAND)

static int pair[2];

static int events(int fd)
{
    struct pollfd entry = {fd, ALL, 0x7fff};
    int n = poll(&entry, 1, 0);
    return n < 0 ? -errno : (n == 1) != (entry.revents != 0) ? -1 : entry.revents;
}

static void make(int type)
{
    CHECK(socketpair(AF_UNIX, type, 0, pair) == 0);
}

static void drop(void)
{
    close(pair[0]);
    close(pair[1]);
}

static void connected(int type)
{
    char text[8];
    make(type);
    CHECK(events(pair[0]) == OUT);
    CHECK(write(pair[1], "x", 1) == 1 && events(pair[0]) == (IN | OUT));
    CHECK(read(pair[0], text, 1) == 1 && events(pair[0]) == OUT);
    CHECK(shutdown(pair[1], SHUT_WR) == 0 && events(pair[0]) == (IN | OUT | POLLRDHUP) && events(pair[1]) == OUT);
    CHECK(shutdown(pair[0], SHUT_WR) == 0 && events(pair[0]) == (IN | OUT | POLLRDHUP | POLLHUP));
    CHECK(events(pair[1]) == (IN | OUT | POLLRDHUP | POLLHUP));
    drop();
    make(type);
    close(pair[1]);
    CHECK(events(pair[0]) == (IN | OUT | POLLRDHUP | POLLHUP));
    close(pair[0]);
    make(type);
    CHECK(write(pair[0], "unread", 6) == 6);
    close(pair[1]);
    CHECK(events(pair[0]) == (IN | OUT | POLLRDHUP | POLLHUP | POLLERR));
    int error = 0;
    socklen_t length = sizeof error;
    CHECK(getsockopt(pair[0], SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == ECONNRESET);
    CHECK(events(pair[0]) == (IN | OUT | POLLRDHUP | POLLHUP));
    close(pair[0]);
}

static void unconnected(void)
{
    struct sockaddr_un name = {AF_UNIX, "polled"};
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0), datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
    int packet = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    CHECK(events(client) == (OUT | POLLHUP) && events(packet) == (OUT | POLLHUP) && events(datagram) == OUT);
    CHECK(bind(server, (struct sockaddr *)&name, sizeof name) == 0 && listen(server, 1) == 0 && events(server) == 0);
    CHECK(connect(client, (struct sockaddr *)&name, sizeof name) == 0 && events(server) == IN && events(client) == OUT);
    close(server);
    close(client);
    close(datagram);
    close(packet);
    make(SOCK_DGRAM);
    close(pair[1]);
    CHECK(events(pair[0]) == OUT);
    close(pair[0]);
}

static void full(void)
{
    static char block[65536];
    fd_set writable;
    struct timeval none = {0, 0};
    make(SOCK_STREAM | SOCK_NONBLOCK);
    while (write(pair[0], block, sizeof block) > 0)
        ;
    CHECK(events(pair[0]) == 0);
    FD_ZERO(&writable);
    FD_SET(pair[0], &writable);
    CHECK(select(pair[0] + 1, NULL, &writable, NULL, &none) == 0);
    pid_t child = fork();
    if (!child) {
        usleep(30000);
        while (read(pair[1], block, sizeof block) > 0)
            ;
        _exit(0);
    }
    FD_SET(pair[0], &writable);
    CHECK(select(pair[0] + 1, NULL, &writable, NULL, NULL) == 1 && FD_ISSET(pair[0], &writable));
    waitpid(child, NULL, 0);
    drop();
}

/* What happens in another process ends a poll for it. */
static void wakes(void)
{
    for (int how = 0; how < 4; how++) {
        static const int wanted[] = {POLLIN, POLLRDHUP, 0, POLLIN};
        make(how == 3 ? SOCK_DGRAM : SOCK_STREAM);
        pid_t child = fork();
        if (!child) {
            close(pair[0]);
            usleep(30000);
            if (how == 0 || how == 3)
                _exit(write(pair[1], "x", 1) != 1);
            _exit(how == 1 && shutdown(pair[1], SHUT_WR));
        }
        close(pair[1]);
        struct pollfd entry = {pair[0], (short)wanted[how], 0};
        CHECK(poll(&entry, 1, 5000) == 1);
        CHECK(how == 2 ? entry.revents == POLLHUP : entry.revents & wanted[how]);
        waitpid(child, NULL, 0);
        close(pair[0]);
    }
}

static void edges(void)
{
    struct epoll_event event = {EPOLLIN | EPOLLRDHUP | EPOLLET, {.u32 = 5}}, got;
    char text[8];
    int set = epoll_create1(0);
    make(SOCK_STREAM);
    CHECK(epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event) == 0 && epoll_wait(set, &got, 1, 0) == 0);
    CHECK(write(pair[1], "xy", 2) == 2 && epoll_wait(set, &got, 1, 0) == 1 && got.events == EPOLLIN && got.data.u32 == 5);
    CHECK(epoll_wait(set, &got, 1, 0) == 0);
    CHECK(read(pair[0], text, 1) == 1 && epoll_wait(set, &got, 1, 0) == 0);
    CHECK(write(pair[1], "z", 1) == 1 && epoll_wait(set, &got, 1, 0) == 1);
    close(pair[1]);
    CHECK(epoll_wait(set, &got, 1, 0) == 1 && got.events == (EPOLLIN | EPOLLRDHUP | EPOLLHUP));
    close(pair[0]);
    CHECK(epoll_wait(set, &got, 1, 0) == 0);
    close(set);
}

int main(void)
{
    char directory[] = "socket_events.XXXXXX";
    CHECK(mkdtemp(directory) && chdir(directory) == 0);
    signal(SIGPIPE, SIG_IGN);
    connected(SOCK_STREAM);
    connected(SOCK_SEQPACKET);
    unconnected();
    full();
    wakes();
    edges();
    return check_done();
}
