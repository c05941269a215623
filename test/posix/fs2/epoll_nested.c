// Does an epoll set inside another set, and inside poll, pass on its readiness?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

/* How many of five looks find the set ready. */
static int times(int set)
{
    struct epoll_event got;
    int count = 0;
    for (int i = 0; i < 5; i++)
        count += epoll_wait(set, &got, 1, 0);
    return count;
}

/* A set that is watched for edges is told of once for each event in it, ready before or not; in time
 * or not, of whatever kind the descriptors in it are. */
static void edges(void)
{
    int inner = epoll_create1(0), beside = epoll_create1(0), outer = epoll_create1(0), ends[2];
    char byte;
    int other[2], watcher = inotify_init1(IN_NONBLOCK);
    struct epoll_event event = {EPOLLIN, {.u64 = 1}}, got;
    CHECK(pipe(ends) == 0 && pipe(other) == 0);
    CHECK(mkdir("epoll_nested.tmp", 0700) == 0);
    CHECK(inotify_add_watch(watcher, "epoll_nested.tmp", IN_CREATE) > 0);
    CHECK(epoll_ctl(inner, EPOLL_CTL_ADD, ends[0], &event) == 0);
    CHECK(epoll_ctl(beside, EPOLL_CTL_ADD, other[0], &event) == 0);
    event.events = EPOLLIN | EPOLLET;
    CHECK(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event) == 0);
    CHECK(epoll_ctl(outer, EPOLL_CTL_ADD, beside, &event) == 0);
    CHECK(times(outer) == 0);
    CHECK(write(ends[1], "x", 1) == 1 && times(outer) == 1);
    CHECK(write(ends[1], "x", 1) == 1 && times(outer) == 1);
    CHECK(epoll_wait(inner, &got, 1, 0) == 1 && times(outer) == 0);
    CHECK(write(other[1], "x", 1) == 1 && times(outer) == 1);
    CHECK(read(other[0], &byte, 1) == 1);
    event.events = EPOLLIN;
    CHECK(epoll_ctl(outer, EPOLL_CTL_MOD, inner, &event) == 0 && times(outer) == 5);
    event.events = EPOLLIN | EPOLLET;
    CHECK(epoll_ctl(outer, EPOLL_CTL_MOD, inner, &event) == 0 && times(outer) == 1);

    /* Events of a descriptor of the host's, there before the set is watched and coming later. */
    event.events = EPOLLIN;
    CHECK(mknod("epoll_nested.tmp/1", S_IFREG | 0600, 0) == 0);
    for (int i = 0; i < 4; i++) {
        event.events = EPOLLIN;
        CHECK(epoll_ctl(beside, EPOLL_CTL_ADD, watcher, &event) == 0);
        times(outer);
        CHECK(epoll_ctl(outer, EPOLL_CTL_DEL, beside, NULL) == 0);
        event.events = EPOLLIN | EPOLLET;
        CHECK(epoll_ctl(outer, EPOLL_CTL_ADD, beside, &event) == 0 && times(outer) == 1);
        for (int k = 0; k <= i; k++) /* calls begin with one kind and the other in turns */
            CHECK(epoll_wait(outer, &got, 1, 0) == 0);
        CHECK(epoll_ctl(beside, EPOLL_CTL_DEL, watcher, NULL) == 0);
    }
    event.events = EPOLLIN;
    CHECK(epoll_ctl(beside, EPOLL_CTL_ADD, watcher, &event) == 0);
    times(outer);
    CHECK(mknod("epoll_nested.tmp/2", S_IFREG | 0600, 0) == 0 && times(outer) == 1);
    CHECK(write(ends[1], "x", 1) == 1 && times(outer) == 1);

    /* Three deep, and slept for. */
    int outermost = epoll_create1(0);
    event.events = EPOLLIN | EPOLLET;
    CHECK(epoll_ctl(outermost, EPOLL_CTL_ADD, outer, &event) == 0);
    times(outermost);
    for (int i = 0; i < 3; i++) {
        CHECK(write(ends[1], "x", 1) == 1);
        CHECK(epoll_wait(outermost, &got, 1, 1000) == 1 && times(outermost) == 0);
    }
    unlink("epoll_nested.tmp/1");
    unlink("epoll_nested.tmp/2");
    rmdir("epoll_nested.tmp");
}

int main(void)
{
    edges();
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
