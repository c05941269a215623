// Do flock, F_SETLK and F_OFD_SETLK belong to whom POSIX and Linux say?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/file.h>

static struct flock range(short type, off_t start, off_t length)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return lock;
}

static int control(int fd, int command, short type, off_t start, off_t length)
{
    struct flock lock = range(type, start, length);
    return fcntl(fd, command, &lock);
}

int main(void)
{
    int one = open("locks.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600), two = open("locks.tmp", O_RDWR);
    int reader = open("locks.tmp", O_RDONLY), copy = dup(one);
    CHECK(write(one, "0123456789", 10) == 10);

    /* flock: of descriptions. */
    CHECK(flock(one, LOCK_EX) == 0);
    CHECK_ERROR(flock(two, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    CHECK_ERROR(flock(two, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    CHECK(flock(copy, LOCK_SH) == 0);
    CHECK(flock(two, LOCK_SH | LOCK_NB) == 0);
    CHECK(flock(copy, LOCK_UN) == 0 && flock(two, LOCK_EX | LOCK_NB) == 0 && flock(two, LOCK_UN) == 0);
    CHECK_ERROR(flock(one, 0), EINVAL);
    CHECK_ERROR(flock(99, LOCK_SH), EBADF);

    /* Record locks: of the process, so its descriptors do not conflict. */
    CHECK(control(one, F_SETLK, F_WRLCK, 0, 5) == 0);
    CHECK(control(two, F_SETLK, F_WRLCK, 3, 5) == 0);
    struct flock probe = range(F_WRLCK, 0, 100);
    CHECK(fcntl(two, F_GETLK, &probe) == 0 && probe.l_type == F_UNLCK);
    CHECK_ERROR(control(reader, F_SETLK, F_WRLCK, 0, 1), EBADF);
    CHECK(control(reader, F_SETLK, F_RDLCK, 50, 1) == 0);
    CHECK_ERROR(control(one, F_SETLK, 77, 0, 1), EINVAL);
    CHECK_ERROR(control(one, F_SETLK, F_RDLCK, -1, 1), EINVAL);

    /* Description locks conflict with them, and with each other. */
    CHECK_ERROR(control(two, F_OFD_SETLK, F_WRLCK, 4, 1), EAGAIN);
    CHECK(control(two, F_OFD_SETLK, F_WRLCK, 20, 5) == 0);
    CHECK_ERROR(control(one, F_OFD_SETLK, F_RDLCK, 22, 1), EAGAIN);
    CHECK_ERROR(control(one, F_SETLK, F_RDLCK, 22, 1), EAGAIN);
    probe = range(F_RDLCK, 0, 100);
    probe.l_start = 18;
    CHECK(fcntl(one, F_GETLK, &probe) == 0);
    CHECK(probe.l_type == F_WRLCK && probe.l_start == 20 && probe.l_len == 5 && probe.l_pid == -1);
    CHECK(control(copy, F_OFD_SETLK, F_RDLCK, 30, 1) == 0);
    CHECK_ERROR(control(two, F_OFD_SETLK, F_WRLCK, 30, 1), EAGAIN);

    /* From the current position and from the end. */
    struct flock relative = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -2, .l_len = 1};
    CHECK(fcntl(one, F_SETLK, &relative) == 0);
    CHECK_ERROR(control(two, F_OFD_SETLK, F_WRLCK, 8, 1), EAGAIN);
    lseek(one, 60, SEEK_SET);
    relative = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 1, .l_len = 1};
    CHECK(fcntl(one, F_SETLK, &relative) == 0);
    CHECK_ERROR(control(two, F_OFD_SETLK, F_WRLCK, 61, 1), EAGAIN);
    CHECK(control(two, F_OFD_SETLK, F_WRLCK, 60, 1) == 0);

    /* Closing any descriptor of the file drops all of the process's record locks on it; those of descriptions stay. */
    CHECK(close(reader) == 0);
    CHECK(control(two, F_OFD_SETLK, F_WRLCK, 4, 1) == 0);
    CHECK_ERROR(control(two, F_OFD_SETLK, F_WRLCK, 30, 1), EAGAIN);
    close(one);
    CHECK_ERROR(control(two, F_OFD_SETLK, F_WRLCK, 30, 1), EAGAIN);
    close(copy);
    CHECK(control(two, F_OFD_SETLK, F_WRLCK, 30, 1) == 0);

    CHECK_ERROR(fcntl(two, F_GETLK, BAD), EFAULT);
    probe = (struct flock){.l_type = F_UNLCK};
    CHECK_ERROR(fcntl(two, F_GETLK, &probe), EINVAL); /* asks for nothing */
    probe.l_type = 9;
    CHECK_ERROR(fcntl(two, F_GETLK, &probe), EINVAL);
    CHECK_ERROR(fcntl(two, F_SETLK, BAD), EFAULT);
    CHECK_ERROR(fcntl(99, F_SETLK, &probe), EBADF);
    unlink("locks.tmp");
    return check_done();
}
