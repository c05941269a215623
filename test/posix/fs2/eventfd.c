// Does an eventfd count, block, and act as a semaphore?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

/* As on Linux each piece is a number, with 8 bytes. */
static void pieces(void)
{
    uint64_t numbers[2] = {2, 3};
    char *bytes = (char *)numbers;
    int counter = eventfd(0, EFD_NONBLOCK);
    CHECK_ERROR(writev(counter, (struct iovec[]){{bytes, 3}, {bytes + 3, 5}}, 2), EINVAL);
    CHECK_ERROR(writev(counter, (struct iovec[]){{bytes, 0}, {bytes, 8}}, 2), EINVAL);
    CHECK(writev(counter, (struct iovec[]){{bytes, 8}, {bytes, 0}, {bytes + 8, 8}}, 3) == 16);
    CHECK(writev(counter, (struct iovec[]){{bytes, 8}, {bytes, 5}}, 2) == 8);
    CHECK(writev(counter, (struct iovec[]){{bytes, 8}, {BAD, 8}}, 2) == 8);
    CHECK(readv(counter, (struct iovec[]){{bytes, 3}, {bytes + 3, 5}}, 2) == 8 && numbers[0] == 9);
}

/* Seeking does nothing; there are no positions to read and write at. */
static void positions(int fd)
{
    char bytes[128];
    struct iovec piece = {bytes, sizeof bytes};
    CHECK(lseek(fd, 5, SEEK_SET) == 0 && lseek(fd, 0, SEEK_CUR) == 0);
    CHECK_ERROR(pread(fd, bytes, sizeof bytes, 0), ESPIPE);
    CHECK_ERROR(pread(fd, BAD, 8, 0), ESPIPE);
    CHECK_ERROR(pwrite(fd, bytes, 8, 8), ESPIPE);
    CHECK_ERROR(preadv(fd, &piece, 1, 0), ESPIPE);
    CHECK_ERROR(pwritev(fd, &piece, 1, 0), ESPIPE);
    CHECK_ERROR(pread(fd, bytes, 8, -1), EINVAL);
}

int main(void)
{
    sigset_t set;
    sigemptyset(&set);
    pieces();
    positions(eventfd(1, EFD_NONBLOCK));
    positions(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
    positions(signalfd(-1, &set, SFD_NONBLOCK));
    positions(epoll_create1(0));
    positions(inotify_init1(IN_NONBLOCK));
    uint64_t value;
    int counter = eventfd(5, EFD_NONBLOCK | EFD_CLOEXEC);
    CHECK(counter >= 0 && fcntl(counter, F_GETFD) == FD_CLOEXEC);
    CHECK(read(counter, &value, 8) == 8 && value == 5);
    CHECK_ERROR(read(counter, &value, 8), EAGAIN);
    value = 2;
    CHECK(write(counter, &value, 8) == 8);
    CHECK(write(counter, &value, 8) == 8);
    CHECK_ERROR(read(counter, &value, 7), EINVAL);
    CHECK_ERROR(write(counter, &value, 7), EINVAL);
    CHECK_ERROR(read(counter, BAD, 8), EFAULT);
    CHECK_ERROR(write(counter, BAD, 8), EFAULT);
    value = UINT64_MAX;
    CHECK_ERROR(write(counter, &value, 8), EINVAL);
    int semaphore = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    CHECK(read(semaphore, &value, 8) == 8 && value == 1);
    CHECK(read(semaphore, &value, 100) == 8 && value == 1);
    CHECK_ERROR(read(semaphore, &value, 8), EAGAIN);
    value = UINT64_MAX - 1;
    CHECK(write(semaphore, &value, 8) == 8);
    value = 1;
    CHECK_ERROR(write(semaphore, &value, 8), EAGAIN);
    CHECK_ERROR(eventfd(0, 2), EINVAL);
    return check_done();
}
