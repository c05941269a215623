// Does an epoll set inside another set, and inside poll, pass on its readiness?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>

int main(void)
{
    int inner = epoll_create1(0), outer = epoll_create1(0), ends[2];
    struct epoll_event event = {EPOLLIN, {.u64 = 1}}, got;
    struct pollfd entry = {inner, POLLIN, 0};
    CHECK(pipe(ends) == 0);
    CHECK(epoll_ctl(inner, EPOLL_CTL_ADD, ends[0], &event) == 0);
    event.data.u64 = 2;
    CHECK(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event) == 0);
    CHECK(epoll_wait(outer, &got, 1, 0) == 0);
    CHECK(poll(&entry, 1, 0) == 0);
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK(epoll_wait(outer, &got, 1, 100) == 1 && got.data.u64 == 2 && got.events == EPOLLIN);
    CHECK(poll(&entry, 1, 0) == 1 && entry.revents == POLLIN);
    entry.fd = outer;
    CHECK(poll(&entry, 1, 0) == 1 && entry.revents == POLLIN);
    char byte;
    CHECK(read(ends[0], &byte, 1) == 1);
    CHECK(epoll_wait(outer, &got, 1, 0) == 0);
    CHECK(poll(&entry, 1, 0) == 0);
    close(inner);
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK(epoll_wait(outer, &got, 1, 0) == 0);
    return check_done();
}
