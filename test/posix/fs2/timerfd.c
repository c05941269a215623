// Does a timer's descriptor count expiries, wake poll and epoll beside a pipe, and refuse what Linux refuses?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

int main(void)
{
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), ends[2], set = epoll_create1(0);
    struct itimerspec time = {{0, 20000000}, {0, 20000000}}, left;
    uint64_t count;
    CHECK(timer >= 0 && pipe(ends) == 0 && fcntl(timer, F_GETFD) == FD_CLOEXEC);
    CHECK_ERROR(read(timer, &count, 8), EAGAIN);
    CHECK(timerfd_settime(timer, 0, &time, &left) == 0 && left.it_value.tv_nsec == 0);
    CHECK(timerfd_gettime(timer, &left) == 0 && left.it_value.tv_nsec > 0 && left.it_interval.tv_nsec == 20000000);
    struct pollfd entries[2] = {{ends[0], POLLIN, 0}, {timer, POLLIN, 0}};
    CHECK(poll(entries, 2, 2000) == 1 && entries[1].revents == POLLIN);
    CHECK(read(timer, &count, 8) == 8 && count >= 1);
    struct epoll_event event = {EPOLLIN, {.u64 = 1}}, got;
    CHECK(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event) == 0);
    event.data.u64 = 2;
    CHECK(epoll_ctl(set, EPOLL_CTL_ADD, timer, &event) == 0);
    CHECK(epoll_wait(set, &got, 1, 2000) == 1 && got.data.u64 == 2);
    CHECK(write(ends[1], "x", 1) == 1);
    struct epoll_event both[4];
    CHECK(epoll_wait(set, both, 4, 2000) == 2);
    /* With room for one event each has its turn. */
    int seen = 0;
    for (int i = 0; i < 4; i++) {
        CHECK(epoll_wait(set, &got, 1, 2000) == 1);
        seen |= (int)got.data.u64;
    }
    CHECK(seen == 3);
    CHECK_ERROR(timerfd_create(99, 0), EINVAL);
    CHECK_ERROR(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
    CHECK_ERROR(timerfd_settime(ends[0], 0, &time, NULL), EINVAL);
    CHECK_ERROR(timerfd_settime(timer, 8, &time, NULL), EINVAL);
    CHECK_ERROR(timerfd_settime(timer, 0, BAD, NULL), EFAULT);
    CHECK_ERROR(timerfd_gettime(timer, BAD), EFAULT);
    CHECK_ERROR(syscall(SYS_timerfd_gettime, timer, NULL), EFAULT);
    CHECK_ERROR(timerfd_settime(99, 0, &time, NULL), EBADF);
    time.it_value.tv_nsec = 1000000000;
    CHECK_ERROR(timerfd_settime(timer, 0, &time, NULL), EINVAL);
    return check_done();
}
