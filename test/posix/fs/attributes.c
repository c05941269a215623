// Do chmod, chown, utimens, truncate and fallocate answer as Linux does?
// RUN: musl-gcc -static -O1 -I%root/test/posix/Inputs %s -o %t.native && rm -rf %t.n && mkdir %t.n && cd %t.n && %t.native
// RUN: %lind-cc -O1 -I%root/test/posix/Inputs %s -o %t && rm -rf %t.d && mkdir %t.d && cd %t.d && %lind-run %t
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include "check.h"

static struct stat now(const char *path) {
    struct stat status;
    memset(&status, 0, sizeof status);
    CHECK(lstat(path, &status) == 0);
    return status;
}

int main(void) {
    char text[64];
    umask(022);
    int fd = open("file", O_RDWR | O_CREAT, 0644), reader = open("file", O_RDONLY);
    CHECK(symlink("file", "link") == 0 && symlink("none", "dangling") == 0);
    CHECK(mkdir("dir", 0755) == 0 && mkfifo("fifo", 0600) == 0);

    CHECK(chmod("file", 0600) == 0 && (now("file").st_mode & 07777) == 0600);
    CHECK(chmod("link", 0777) == 0 && (now("file").st_mode & 07777) == 0777);
    CHECK(fchmod(reader, 04755) == 0 && (now("file").st_mode & 07777) == 04755);
    CHECK(syscall(SYS_fchmodat, AT_FDCWD, "dir", 01700) == 0 &&
          (now("dir").st_mode & 07777) == 01700);
    FAILS(chmod("none", 0600), ENOENT);
    FAILS(chmod("dangling", 0600), ENOENT);
    FAILS(fchmod(99, 0600), EBADF);

    CHECK(chown("file", geteuid(), getegid()) == 0 && chown("link", -1, -1) == 0);
    CHECK(lchown("dangling", geteuid(), -1) == 0 && fchown(fd, -1, getegid()) == 0);
    CHECK(fchownat(fd, "", -1, -1, AT_EMPTY_PATH) == 0);
    FAILS(chown("dangling", -1, -1), ENOENT);
    FAILS(fchown(99, -1, -1), EBADF);
    FAILS(fchownat(AT_FDCWD, "file", -1, -1, 1), EINVAL);
    if (geteuid())
        FAILS(chown("file", 0, 0), EPERM);

    struct timespec times[2] = {{1000, 1}, {2000, 2}};
    CHECK(utimensat(AT_FDCWD, "file", times, 0) == 0);
    CHECK(now("file").st_atim.tv_sec == 1000 && now("file").st_mtim.tv_nsec == 2);
    times[0] = (struct timespec){0, UTIME_OMIT};
    times[1] = (struct timespec){3000, 0};
    CHECK(utimensat(AT_FDCWD, "link", times, 0) == 0);
    CHECK(now("file").st_atim.tv_sec == 1000 && now("file").st_mtim.tv_sec == 3000);
    CHECK(utimensat(AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK(now("link").st_mtim.tv_sec == 3000);
    CHECK(futimens(fd, (struct timespec[2]){{5, 0}, {6, 0}}) == 0 &&
          now("file").st_mtim.tv_sec == 6);
    CHECK(futimens(reader, NULL) == 0 && now("file").st_mtim.tv_sec > 1000000);
    CHECK(utime("file", &(struct utimbuf){7, 8}) == 0 && now("file").st_mtim.tv_sec == 8);
    CHECK(syscall(SYS_utime, "file", NULL) == 0 && now("file").st_mtim.tv_sec > 1000000);
    CHECK(syscall(SYS_utimes, "file", (struct timeval[2]){{9, 0}, {10, 11}}) == 0);
    CHECK(now("file").st_mtim.tv_sec == 10 && now("file").st_mtim.tv_nsec == 11000);
    CHECK(syscall(SYS_futimesat, AT_FDCWD, "file", NULL) == 0);
    FAILS(syscall(SYS_utimes, "file", (struct timeval[2]){{9, 0}, {10, 1000000}}), EINVAL);
    FAILS(utimensat(AT_FDCWD, "file", (struct timespec[2]){{0, 1000000000}, {0, 0}}, 0), EINVAL);
    FAILS(utimensat(AT_FDCWD, "none", NULL, 0), ENOENT);
    FAILS(utimensat(AT_FDCWD, "file", NULL, 1), EINVAL);
    FAILS(utimensat(99, "file", NULL, 0), EBADF);
    FAILS(futimens(99, NULL), EBADF);
    FAILS(syscall(SYS_utimensat, AT_FDCWD, NULL, NULL, 0), EFAULT);

    CHECK(write(fd, "0123456789", 10) == 10);
    CHECK(truncate("link", 4) == 0 && now("file").st_size == 4);
    CHECK(ftruncate(fd, 8) == 0 && now("file").st_size == 8);
    CHECK(pread(fd, text, 8, 0) == 8 && !memcmp(text, "0123\0\0\0\0", 8));
    CHECK(lseek(fd, 0, SEEK_CUR) == 10);
    FAILS(truncate("none", 0), ENOENT);
    FAILS(truncate("dir", 0), EISDIR);
    FAILS(truncate("fifo", 0), EINVAL);
    FAILS(truncate("file", -1), EINVAL);
    FAILS(ftruncate(fd, -1), EINVAL);
    FAILS(ftruncate(reader, 0), EINVAL);
    FAILS(ftruncate(99, 0), EBADF);

    if (fallocate(fd, 0, 0, 100000) == 0) {
        CHECK(now("file").st_size == 100000);
        CHECK(fallocate(fd, 1, 0, 200000) == 0 && now("file").st_size == 100000);
        CHECK(pwrite(fd, "x", 1, 5000) == 1);
        if (fallocate(fd, 3, 4096, 4096) == 0)
            CHECK(pread(fd, text, 1, 5000) == 1 && *text == 0);
    } else {
        CHECK(errno == EOPNOTSUPP);
    }
    FAILS(fallocate(fd, 0, 0, 0), EINVAL);
    FAILS(fallocate(fd, 0, -1, 10), EINVAL);
    FAILS(fallocate(fd, 0x1000, 0, 10), EOPNOTSUPP);
    FAILS(fallocate(reader, 0, 0, 10), EBADF);

    CHECK(fsync(fd) == 0 && fdatasync(reader) == 0 && syncfs(fd) == 0);
    CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) == 0);
    CHECK(posix_fadvise(fd, 0, 0, 99) == EINVAL && posix_fadvise(99, 0, 0, 0) == EBADF);
    CHECK(readahead(fd, 0, 4096) == 0 && sync_file_range(fd, 0, 0, 0) == 0);
    FAILS(fsync(99), EBADF);
    sync();
    int ends[2];
    CHECK(pipe(ends) == 0);
    FAILS(fsync(ends[0]), EINVAL);
    FAILS(fallocate(ends[1], 0, 0, 10), ESPIPE);
    CHECK(posix_fadvise(ends[0], 0, 0, 0) == ESPIPE);
    return check_end();
}
