// Does epoll refuse what Linux refuses: wrong arguments, files, loops?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

int main(void)
{
    struct epoll_event event = {EPOLLIN, {.u64 = 1}};
    int counter = eventfd(0, 0);
    CHECK_ERROR(syscall(SYS_epoll_create, 0), EINVAL);
    CHECK_ERROR(epoll_create1(1), EINVAL);
    int set = epoll_create1(0);
    CHECK_ERROR(epoll_ctl(set, EPOLL_CTL_ADD, 99, &event), EBADF);
    CHECK_ERROR(epoll_ctl(99, EPOLL_CTL_ADD, counter, &event), EBADF);
    CHECK_ERROR(epoll_ctl(counter, EPOLL_CTL_ADD, set, &event), EINVAL);
    CHECK_ERROR(epoll_ctl(set, EPOLL_CTL_ADD, set, &event), EINVAL);
    CHECK_ERROR(epoll_ctl(set, EPOLL_CTL_ADD, counter, BAD), EFAULT);
    CHECK_ERROR(epoll_ctl(set, EPOLL_CTL_MOD, counter, &event), ENOENT);
    CHECK_ERROR(epoll_ctl(set, EPOLL_CTL_DEL, counter, &event), ENOENT);
    CHECK_ERROR(epoll_ctl(set, 9, counter, &event), EINVAL);
    CHECK(epoll_ctl(set, EPOLL_CTL_ADD, counter, &event) == 0);
    CHECK_ERROR(epoll_ctl(set, EPOLL_CTL_ADD, counter, &event), EEXIST);
    int file = open("epoll_errors.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK_ERROR(epoll_ctl(set, EPOLL_CTL_ADD, file, &event), EPERM);
    int directory = open(".", O_RDONLY);
    CHECK_ERROR(epoll_ctl(set, EPOLL_CTL_ADD, directory, &event), EPERM);
    unlink("epoll_errors.tmp");
    CHECK_ERROR(epoll_wait(set, &event, 0, 0), EINVAL);
    CHECK_ERROR(epoll_wait(set, &event, -1, 0), EINVAL);
    CHECK_ERROR(epoll_wait(counter, &event, 1, 0), EINVAL);
    CHECK_ERROR(epoll_wait(99, &event, 1, 0), EBADF);
    CHECK_ERROR(epoll_wait(set, (void *)-64, 1, 0), EFAULT);
    uint64_t one = 1;
    CHECK(write(counter, &one, 8) == 8);
    CHECK_ERROR(epoll_wait(set, BAD, 1, 0), EFAULT);
    CHECK(epoll_wait(set, &event, 1, 0) == 1); /* the event was not lost */
    CHECK_ERROR(read(set, &one, 8), EINVAL);
    CHECK_ERROR(write(set, &one, 8), EINVAL);

    /* Loops and too deep nests. */
    int sets[7];
    for (int i = 0; i < 7; i++)
        sets[i] = epoll_create1(0);
    event.events = EPOLLIN;
    for (int i = 0; i < 4; i++)
        CHECK(epoll_ctl(sets[i], EPOLL_CTL_ADD, sets[i + 1], &event) == 0);
    CHECK_ERROR(epoll_ctl(sets[4], EPOLL_CTL_ADD, sets[0], &event), ELOOP);
    int deep = 0;
    for (int i = 4; i < 6; i++)
        if (epoll_ctl(sets[i], EPOLL_CTL_ADD, sets[i + 1], &event)) {
            CHECK(errno == ELOOP || errno == EINVAL);
            deep = 1;
        }
    CHECK(deep);
    return check_done();
}
