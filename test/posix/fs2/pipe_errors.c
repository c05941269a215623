// Do pipes refuse what Linux refuses, with the same errors?
// RUN: musl-gcc -static -O1 %s -o %t.native && %t.native
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/ioctl.h>

static volatile int signals;

static void on_signal(int number)
{
    signals++;
}

/* Mode, owner and times are the pipe's, whatever its ends do. */
static void attributes(const int ends[2])
{
    struct stat status;
    struct timespec times[2] = {{1000, 5}, {2000, 6}};
    CHECK(!fchmod(ends[0], 0640) && !fstat(ends[1], &status) && status.st_mode == (S_IFIFO | 0640));
    CHECK(!fchown(ends[1], (uid_t)-1, (gid_t)-1) && !fstat(ends[0], &status));
    CHECK(status.st_uid == geteuid() && status.st_gid == getegid());
    CHECK(!futimens(ends[1], times) && !fstat(ends[0], &status));
    CHECK(status.st_atim.tv_sec == 1000 && status.st_atim.tv_nsec == 5 && status.st_mtim.tv_sec == 2000 && status.st_mtim.tv_nsec == 6);
    CHECK(status.st_ctim.tv_sec > 1000000000);
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_nsec = UTIME_NOW;
    CHECK(!futimens(ends[0], times) && !fstat(ends[0], &status) && status.st_atim.tv_sec == 1000 && status.st_mtim.tv_sec > 1000000000);
    CHECK(!futimens(ends[0], NULL) && !fstat(ends[0], &status) && status.st_atim.tv_sec > 1000000000);
    times[0].tv_nsec = 1000000000;
    CHECK_ERROR(futimens(ends[0], times), EINVAL);
    CHECK(!fchmod(ends[0], 0600));
    if (geteuid())
        return;
    /* Whose it is decides, not whose process it is. */
    CHECK(!fchown(ends[0], 1234, 1235) && !fstat(ends[1], &status) && status.st_uid == 1234 && status.st_gid == 1235);
    CHECK(!seteuid(1236));
    times[0].tv_nsec = 0;
    CHECK_ERROR(fchmod(ends[0], 0666), EPERM);
    CHECK_ERROR(fchown(ends[0], 1236, (gid_t)-1), EPERM);
    CHECK_ERROR(futimens(ends[0], times), EPERM);
    CHECK_ERROR(futimens(ends[0], NULL), EACCES);
    CHECK(!seteuid(0) && !fchown(ends[0], 1236, (gid_t)-1) && !seteuid(1236));
    CHECK(!fchmod(ends[0], 0600) && !futimens(ends[0], times) && !seteuid(0));
    CHECK(!fchown(ends[0], 0, 0));
}

int main(void)
{
    int ends[2];
    char buffer[16];
    struct stat status;
    CHECK_ERROR(pipe2(ends, 0x40000000), EINVAL);
    CHECK_ERROR(syscall(SYS_pipe, BAD), EFAULT);
    CHECK_ERROR(syscall(SYS_pipe2, BAD, 0), EFAULT);
    CHECK(pipe(ends) == 0);
    CHECK(ends[0] == 3 && ends[1] == 4); /* nothing leaked by the failures above */
    CHECK_ERROR(write(ends[0], "x", 1), EBADF);
    CHECK_ERROR(read(ends[1], buffer, 1), EBADF);
    CHECK_ERROR(lseek(ends[0], 0, SEEK_SET), ESPIPE);
    CHECK_ERROR(lseek(ends[1], 0, SEEK_CUR), ESPIPE);
    CHECK_ERROR(pread(ends[0], buffer, 1, 0), ESPIPE);
    CHECK_ERROR(pwrite(ends[1], buffer, 1, 0), ESPIPE);
    CHECK_ERROR(ftruncate(ends[1], 0), EINVAL);
    CHECK_ERROR(fsync(ends[1]), EINVAL);
    CHECK_ERROR(write(ends[1], BAD, 4), EFAULT);
    CHECK(write(ends[1], "abcd", 4) == 4);
    CHECK_ERROR(read(ends[0], BAD, 4), EFAULT);
    CHECK(read(ends[0], buffer, sizeof buffer) == 4);
    CHECK_ERROR(ioctl(ends[0], 0x5413, buffer), ENOTTY); /* TIOCGWINSZ */
    CHECK(!isatty(ends[0]));

    CHECK(fstat(ends[0], &status) == 0);
    CHECK(S_ISFIFO(status.st_mode) && (status.st_mode & 0777) == 0600 && status.st_size == 0);
    CHECK(status.st_nlink == 1 && status.st_ino != 0);
    struct stat other;
    CHECK(fstat(ends[1], &other) == 0 && other.st_ino == status.st_ino);

    CHECK((fcntl(ends[0], F_GETFL) & O_ACCMODE) == O_RDONLY);
    CHECK((fcntl(ends[1], F_GETFL) & O_ACCMODE) == O_WRONLY);
    CHECK(fcntl(ends[0], F_GETFD) == 0);
    attributes(ends);
    int closing[2];
    CHECK(pipe2(closing, O_CLOEXEC | O_NONBLOCK) == 0);
    CHECK(fcntl(closing[0], F_GETFD) == FD_CLOEXEC && fcntl(closing[1], F_GETFD) == FD_CLOEXEC);
    CHECK(fcntl(closing[0], F_GETFL) == (O_RDONLY | O_NONBLOCK | (fcntl(closing[0], F_GETFL) & 0100000)));
    CHECK_ERROR(read(closing[0], buffer, 1), EAGAIN);

    signal(SIGPIPE, on_signal);
    close(ends[0]);
    CHECK_ERROR(write(ends[1], "x", 1), EPIPE);
    CHECK(signals == 1);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERROR(write(ends[1], "x", 1), EPIPE);
    CHECK(signals == 1);
    CHECK(write(ends[1], "x", 0) == 0);
    return check_done();
}
