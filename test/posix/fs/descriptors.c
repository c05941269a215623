// Do dup, fcntl, close and close_range keep Linux' rules, and RLIMIT_NOFILE?
// RUN: musl-gcc -static -O1 -I%root/test/posix/Inputs %s -o %t.native && rm -rf %t.n && mkdir %t.n && cd %t.n && %t.native
// RUN: %lind-cc -O1 -I%root/test/posix/Inputs %s -o %t && rm -rf %t.d && mkdir %t.d && cd %t.d && %lind-run %t
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

static int is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

/* Leases and hints about what is written: kept by the host, or not there. */
static void hints(int fd) {
    unsigned long hint = 7;
    CHECK(fcntl(fd, F_GETLEASE) == F_UNLCK);
    CHECK(fcntl(fd, F_GET_RW_HINT, &hint) == 0 && hint == 0 /* not set */);
    hint = 2; /* short */
    CHECK(fcntl(fd, F_SET_RW_HINT, &hint) == 0);
    hint = 7;
    CHECK(fcntl(fd, F_GET_RW_HINT, &hint) == 0 && hint == 2);
    hint = 99;
    FAILS(fcntl(fd, F_SET_RW_HINT, &hint), EINVAL);
    hint = 0;
    CHECK(fcntl(fd, F_SET_RW_HINT, &hint) == 0);
    FAILS(fcntl(fd, F_GET_RW_HINT, (void *)8), EFAULT);
    FAILS(fcntl(fd, F_SET_RW_HINT, (void *)8), EFAULT);
}

int main(void) {
    int fd = open("file", O_RDWR | O_CREAT, 0600);
    CHECK(fd == 3);
    CHECK(dup(fd) == 4 && dup2(fd, 10) == 10 && dup2(fd, fd) == fd);
    CHECK(dup(fd) == 5 && close(4) == 0 && dup(fd) == 4);
    FAILS(dup(99), EBADF);
    FAILS(dup2(99, 4), EBADF);
    FAILS(dup2(99, 99), EBADF);
    FAILS(dup2(fd, -1), EBADF);
    FAILS(dup2(fd, 1 << 30), EBADF);
    FAILS(syscall(SYS_dup3, fd, fd, 0), EINVAL);
    FAILS(syscall(SYS_dup3, fd, 11, O_NONBLOCK), EINVAL);
    CHECK(is_open(4));
    CHECK(dup3(fd, 11, O_CLOEXEC) == 11 && fcntl(11, F_GETFD) == FD_CLOEXEC);
    CHECK(fcntl(fd, F_GETFD) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_SETFD, 0) == 0 && !fcntl(fd, F_GETFD));
    CHECK(fcntl(4, F_GETFD) == 0);
    int closed = open("file", O_RDONLY | O_CLOEXEC);
    CHECK(closed == 6 && fcntl(closed, F_GETFD) == FD_CLOEXEC && dup(closed) == 7);
    CHECK(fcntl(7, F_GETFD) == 0);
    CHECK(fcntl(fd, F_DUPFD, 20) == 20 && fcntl(fd, F_DUPFD, 20) == 21);
    CHECK(fcntl(fd, F_DUPFD_CLOEXEC, 0) == 8 && fcntl(8, F_GETFD) == FD_CLOEXEC);
    FAILS(fcntl(fd, F_DUPFD, -1), EINVAL);
    FAILS(fcntl(fd, F_DUPFD, 1 << 30), EINVAL);
    FAILS(fcntl(99, F_DUPFD, 0), EBADF);
    FAILS(fcntl(99, F_GETFD), EBADF);
    FAILS(fcntl(99, F_GETFL), EBADF);
    FAILS(fcntl(fd, 9999), EINVAL);
    hints(fd);
    FAILS(close(99), EBADF);
    FAILS(close(-1), EBADF);

    /* Status flags belong to the description. */
    CHECK((fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK)) == O_RDWR);
    CHECK(fcntl(4, F_SETFL, O_APPEND | O_NONBLOCK) == 0);
    CHECK((fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK)) ==
          (O_RDWR | O_APPEND | O_NONBLOCK));
    CHECK(write(fd, "ab", 2) == 2 && pwrite(fd, "c", 1, 0) == 1);
    char text[4];
    CHECK(pread(fd, text, 4, 0) == 3 && !memcmp(text, "abc", 3)); /* O_APPEND wins over pwrite */
    CHECK(fcntl(fd, F_SETFL, O_WRONLY | O_CREAT) == 0); /* access mode and creation flags stay */
    CHECK((fcntl(4, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK)) == O_RDWR);
    CHECK((fcntl(closed, F_GETFL) & O_ACCMODE) == O_RDONLY);

    /* close_range */
    CHECK(syscall(SYS_close_range, 20, 30, 0) == 0 && !is_open(20) && !is_open(21) && is_open(11));
    CHECK(syscall(SYS_close_range, 4, 8, 4 /* CLOSE_RANGE_CLOEXEC */) == 0);
    CHECK(is_open(4) && fcntl(4, F_GETFD) == FD_CLOEXEC && fcntl(5, F_GETFD) == FD_CLOEXEC);
    CHECK(fcntl(10, F_GETFD) == 0);
    CHECK(syscall(SYS_close_range, 4, ~0U, 0) == 0);
    for (int i = 4; i < 40; i++)
        CHECK(!is_open(i));
    CHECK(is_open(fd));
    FAILS(syscall(SYS_close_range, 5, 4, 0), EINVAL);
    FAILS(syscall(SYS_close_range, 5, 6, 64), EINVAL);

    /* The file lives as long as a descriptor does. */
    struct stat status;
    CHECK(dup2(fd, 7) == 7 && close(fd) == 0 && unlink("file") == 0);
    CHECK(write(7, "de", 2) == 2 && fstat(7, &status) == 0);
    CHECK(status.st_nlink == 0 && close(7) == 0);

    /* RLIMIT_NOFILE; nothing is created when there is no number. */
    struct rlimit limit = {12, 12}, old;
    CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
    limit.rlim_max = old.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int last = -1, next;
    while ((next = open("file", O_RDWR | O_CREAT, 0600)) >= 0)
        last = next;
    CHECK(last == 11 && errno == EMFILE);
    FAILS(open("never", O_RDWR | O_CREAT, 0600), EMFILE);
    FAILS(dup(0), EMFILE);
    FAILS(fcntl(0, F_DUPFD, 5), EMFILE);
    FAILS(fcntl(0, F_DUPFD, 12), EINVAL);
    FAILS(dup2(0, 12), EBADF);
    int ends[2];
    CHECK(close(11) == 0);
    FAILS(pipe(ends), EMFILE);
    CHECK(dup(0) == 11);
    CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
    FAILS(access("never", F_OK), ENOENT);
    CHECK(dup(0) == 12);
    return check_end();
}
