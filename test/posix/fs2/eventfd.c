// Does an eventfd count, block, and act as a semaphore?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/eventfd.h>

int main(void)
{
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
