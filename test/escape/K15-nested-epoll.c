// Does lind-run survive epoll sets that are taken out of another, closed and changed while others wait for them and their events come (attack row K15)?
// RUN: %lind-cc -O2 %s -o %t && %lind-run %t 3
// The control: natively the same program ends well, too, and did see events of inner sets.
// RUN: musl-gcc -static -O2 -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu %s -o %t.native && %t.native 1
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../posix/Inputs/check.h"

enum { INNER = 4 };

static _Atomic int stop;
static _Atomic unsigned long events_seen, changes;
static _Atomic int to_close = -1;
static int outer, inner[INNER], counter[INNER], timer[INNER];

static void add(int set, int fd, uint32_t how)
{
    struct epoll_event event = {.events = how, .data.fd = fd};
    epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

/* In and out of the outer set, now by its number, now by closing a copy. */
static void *change(void *data)
{
    unsigned i = (unsigned)(uintptr_t)data;
    for (unsigned long round = i; !stop; round++, changes++) {
        unsigned at = round % INNER;
        add(outer, inner[at], EPOLLIN | (round & 4 ? EPOLLET : 0));
        if (round % 3 == 0) {
            int copy = dup(inner[at]);
            add(outer, copy, EPOLLIN);
            epoll_ctl(outer, EPOLL_CTL_DEL, copy, NULL);
            close(copy);
        }
        if (round % 7 == 0) {
            /* A set that ends while it is inside, with something ready in it. */
            int short_lived = epoll_create1(EPOLL_CLOEXEC);
            add(short_lived, counter[at], EPOLLIN);
            add(short_lived, timer[at], EPOLLIN);
            add(outer, short_lived, EPOLLIN);
            close(short_lived);
        }
        if (round % 11 == 0) {
            /* And a file that ends while a set that has it ends. */
            int file = eventfd(1, EFD_CLOEXEC), set = epoll_create1(EPOLL_CLOEXEC), none = -1;
            add(set, file, EPOLLIN);
            if (!atomic_compare_exchange_strong(&to_close, &none, round & 1 ? file : set))
                close(round & 1 ? file : set);
            close(round & 1 ? set : file);
        }
        epoll_ctl(outer, EPOLL_CTL_DEL, inner[at], NULL);
    }
    return NULL;
}

static void *close_given(void *unused)
{
    while (!stop || to_close >= 0) {
        int fd = atomic_exchange(&to_close, -1);
        if (fd >= 0)
            close(fd);
    }
    return NULL;
}

static void *wait_for(void *data)
{
    struct epoll_event events[8];
    struct pollfd poll_outer = {.fd = outer, .events = POLLIN};
    while (!stop) {
        int count = data ? epoll_wait(outer, events, 8, 1) : poll(&poll_outer, 1, 1);
        if (count > 0)
            events_seen += (unsigned)count;
    }
    return NULL;
}

static void *make_ready(void *data)
{
    uint64_t value = 1;
    struct itimerspec soon = {.it_value = {0, 1}};
    for (unsigned i = 0; !stop; i++) {
        timerfd_settime(timer[i % INNER], 0, &soon, NULL);
        write(counter[i % INNER], &value, sizeof value);
        read(counter[(i + 2) % INNER], &value, sizeof value);
        value = 1;
        read(timer[(i + 1) % INNER], &(uint64_t){0}, sizeof value);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    enum { THREADS = 7 };
    pthread_t threads[THREADS];
    void *(*const work[])(void *) = {change, change, wait_for, wait_for, make_ready, change, close_given};
    outer = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < INNER; i++) {
        inner[i] = epoll_create1(EPOLL_CLOEXEC);
        counter[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        timer[i] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        add(inner[i], counter[i], EPOLLIN);
        add(inner[i], timer[i], EPOLLIN | EPOLLET);
    }
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work[i], (void *)(i == 3 ? 0 : i)) == 0);
    sleep((unsigned)atoi(argv[1]));
    stop = 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK(events_seen > 0 && changes > 0);
    printf("%lu changes, %lu events\n", changes, events_seen);
    return check_end();
}
