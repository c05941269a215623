// Do the seals of a memory file hold?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/mman.h>

int main(void)
{
    int fd = memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING), plain = memfd_create("plain", 0);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(plain, F_GETFD) == 0);
    CHECK(write(fd, "0123456789", 10) == 10);
    CHECK(fcntl(fd, F_GET_SEALS) == 0 && fcntl(plain, F_GET_SEALS) == F_SEAL_SEAL);
    char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(shared != MAP_FAILED && shared[3] == '3');
    shared[0] = 'x';
    char byte;
    CHECK(pread(fd, &byte, 1, 0) == 1 && byte == 'x');
    CHECK_ERROR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    CHECK(munmap(shared, 4096) == 0);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
    CHECK_ERROR(ftruncate(fd, 5), EPERM);
    CHECK_ERROR(ftruncate(fd, 50), EPERM);
    CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0);
    CHECK_ERROR(pwrite(fd, "x", 1, 0), EPERM);
    CHECK_ERROR(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
    CHECK(fcntl(fd, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
    CHECK_ERROR(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW), EPERM);
    CHECK_ERROR(fcntl(fd, F_ADD_SEALS, 0x4000), EINVAL);
    CHECK_ERROR(memfd_create("x", 0x800), EINVAL);
    CHECK_ERROR(memfd_create(BAD, 0), EFAULT);
    char name[300];
    memset(name, 'a', sizeof name);
    name[299] = 0;
    CHECK_ERROR(memfd_create(name, 0), EINVAL);
    name[249] = 0;
    CHECK(memfd_create(name, 0) >= 0);
    return check_done();
}
