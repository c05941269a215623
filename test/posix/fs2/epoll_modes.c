// Are epoll's level, edge and one-shot modes as Linux's, with the data kept?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

static int set, ends[2];

static int ready(struct epoll_event *event)
{
    memset(event, 0x55, sizeof *event);
    int n = epoll_wait(set, event, 1, 0);
    return n < 0 ? -errno : n == 0 ? 0 : (int)event->events;
}

int main(void)
{
    struct epoll_event event = {EPOLLIN, {.u64 = 0x123456789abcdef0}}, got;
    char block[10];
    set = epoll_create1(EPOLL_CLOEXEC);
    CHECK(set >= 0 && fcntl(set, F_GETFD) == FD_CLOEXEC);
    CHECK(pipe(ends) == 0);

    CHECK(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event) == 0);
    CHECK(ready(&got) == 0);
    CHECK(write(ends[1], "ab", 2) == 2);
    CHECK(ready(&got) == EPOLLIN && got.data.u64 == 0x123456789abcdef0);
    CHECK(ready(&got) == EPOLLIN);
    CHECK(read(ends[0], block, 1) == 1);
    CHECK(ready(&got) == EPOLLIN);
    CHECK(read(ends[0], block, 1) == 1);
    CHECK(ready(&got) == 0);

    event.events = EPOLLIN | EPOLLET;
    CHECK(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event) == 0);
    CHECK(write(ends[1], "ab", 2) == 2);
    CHECK(ready(&got) == EPOLLIN);
    CHECK(ready(&got) == 0);
    CHECK(write(ends[1], "c", 1) == 1);
    CHECK(ready(&got) == EPOLLIN);
    CHECK(ready(&got) == 0);
    CHECK(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event) == 0); /* looks again */
    CHECK(ready(&got) == EPOLLIN);
    CHECK(read(ends[0], block, 3) == 3);

    event.events = EPOLLIN | EPOLLONESHOT;
    event.data.u64 = 7;
    CHECK(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event) == 0);
    CHECK(write(ends[1], "d", 1) == 1);
    CHECK(ready(&got) == EPOLLIN && got.data.u64 == 7);
    CHECK(ready(&got) == 0);
    CHECK(write(ends[1], "e", 1) == 1);
    CHECK(ready(&got) == 0);
    CHECK(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event) == 0);
    CHECK(ready(&got) == EPOLLIN);

    event.events = 0;
    CHECK(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event) == 0);
    CHECK(ready(&got) == 0);
    close(ends[1]);
    CHECK(ready(&got) == EPOLLHUP);
    CHECK(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL) == 0);
    CHECK(ready(&got) == 0);

    /* Several ready at once come in turn. */
    int counters[3], seen = 0;
    for (int i = 0; i < 3; i++) {
        counters[i] = eventfd(1, 0);
        event = (struct epoll_event){EPOLLIN, {.u32 = (uint32_t)i}};
        CHECK(epoll_ctl(set, EPOLL_CTL_ADD, counters[i], &event) == 0);
    }
    for (int i = 0; i < 3; i++) {
        CHECK(ready(&got) == EPOLLIN);
        seen |= 1 << got.data.u32;
    }
    CHECK(seen == 7);
    struct epoll_event many[8];
    CHECK(epoll_wait(set, many, 8, -1) == 3);

    /* Closing the last descriptor of a description takes it out. */
    int copy = dup(counters[0]);
    close(counters[0]);
    CHECK(epoll_wait(set, many, 8, 0) == 3);
    close(copy);
    CHECK(epoll_wait(set, many, 8, 0) == 2);
    return check_done();
}
