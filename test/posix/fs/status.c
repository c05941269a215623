// Do stat, statx, access and readlink answer as Linux does?
// RUN: musl-gcc -static -O1 -I%root/test/posix/Inputs %s -o %t.native && rm -rf %t.n && mkdir %t.n && cd %t.n && %t.native
// RUN: %lind-cc -O1 -I%root/test/posix/Inputs %s -o %t && rm -rf %t.d && mkdir %t.d && cd %t.d && %lind-run %t
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "check.h"

/* The kernel's struct statx, which not every libc has. */
struct moment {
    long long tv_sec;
    unsigned tv_nsec;
    int unused;
};

struct extended {
    unsigned stx_mask, stx_blksize;
    unsigned long long stx_attributes;
    unsigned stx_nlink, stx_uid, stx_gid;
    unsigned short stx_mode, unused;
    unsigned long long stx_ino, stx_size, stx_blocks, stx_attributes_mask;
    struct moment stx_atime, stx_btime, stx_ctime, stx_mtime;
    unsigned stx_rdev_major, stx_rdev_minor, stx_dev_major, stx_dev_minor;
    unsigned long long stx_mnt_id, spare[13];
};

enum { TYPE_MASK = 1, SIZE_MASK = 0x200, BASIC_MASK = 0x7ff };

static int statx_(int fd, const char *path, int flags, unsigned mask, struct extended *to) {
    return (int)syscall(SYS_statx, fd, path, flags, mask, to);
}

int main(void) {
    struct stat a, b;
    struct extended extended;
    char text[PATH_MAX];
    umask(0);
    int fd = open("file", O_RDWR | O_CREAT, 0640);
    CHECK(fd >= 0 && write(fd, "12345", 5) == 5);
    CHECK(symlink("file", "link") == 0 && mkdir("dir", 0711) == 0);
    CHECK(symlink("../file", "dir/up") == 0 && symlink("none", "dangling") == 0);

    CHECK(stat("file", &a) == 0 && S_ISREG(a.st_mode) && (a.st_mode & 07777) == 0640);
    CHECK(a.st_size == 5 && a.st_nlink == 1 && a.st_uid == geteuid() && a.st_blksize > 0);
    CHECK(fstat(fd, &b) == 0 && !memcmp(&a, &b, sizeof a));
    CHECK(stat("link", &b) == 0 && b.st_ino == a.st_ino && b.st_dev == a.st_dev);
    CHECK(stat("dir/up", &b) == 0 && b.st_ino == a.st_ino);
    CHECK(stat("dir/../link", &b) == 0 && b.st_ino == a.st_ino);
    CHECK(lstat("link", &b) == 0 && S_ISLNK(b.st_mode) && b.st_size == 4);
    CHECK(lstat("dir/up", &b) == 0 && S_ISLNK(b.st_mode) && b.st_size == 7);
    CHECK(fstatat(AT_FDCWD, "link", &b, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(b.st_mode));
    CHECK(fstatat(fd, "", &b, AT_EMPTY_PATH) == 0 && b.st_ino == a.st_ino);
    CHECK(fstatat(AT_FDCWD, "", &b, AT_EMPTY_PATH) == 0 && S_ISDIR(b.st_mode));
    FAILS(stat("none", &a), ENOENT);
    FAILS(stat("dangling", &a), ENOENT);
    FAILS(stat("", &a), ENOENT);
    FAILS(stat("file/", &a), ENOTDIR);
    FAILS(lstat("link/", &a), ENOTDIR);
    FAILS(fstat(99, &a), EBADF);
    FAILS(fstatat(99, "x", &a, 0), EBADF);
    FAILS(fstatat(fd, "x", &a, 0), ENOTDIR);
    FAILS(fstatat(AT_FDCWD, "", &a, 0), ENOENT);
    FAILS(fstatat(AT_FDCWD, "file", &a, 1), EINVAL);

    CHECK(stat("file", &a) == 0);
    CHECK(statx_(AT_FDCWD, "link", 0, BASIC_MASK, &extended) == 0);
    CHECK(extended.stx_ino == a.st_ino && extended.stx_size == 5 && extended.stx_mode == a.st_mode);
    CHECK(extended.stx_mtime.tv_sec == a.st_mtim.tv_sec &&
          extended.stx_mtime.tv_nsec == (unsigned)a.st_mtim.tv_nsec);
    CHECK(makedev(extended.stx_dev_major, extended.stx_dev_minor) == a.st_dev);
    CHECK(statx_(fd, "", AT_EMPTY_PATH, SIZE_MASK, &extended) == 0 && extended.stx_size == 5);
    CHECK(statx_(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, TYPE_MASK, &extended) == 0);
    CHECK(S_ISLNK(extended.stx_mode));
    CHECK(statx_(AT_FDCWD, "/", 0, BASIC_MASK, &extended) == 0 && S_ISDIR(extended.stx_mode));
    FAILS(statx_(AT_FDCWD, "file", 0, 0x80000000, &extended), EINVAL);
    FAILS(statx_(AT_FDCWD, "file", 0x6000, SIZE_MASK, &extended), EINVAL);
    FAILS(statx_(AT_FDCWD, "file", 1, SIZE_MASK, &extended), EINVAL);

    CHECK(access("file", F_OK) == 0 && access("file", R_OK | W_OK) == 0 &&
          access("link", R_OK) == 0);
    CHECK(access("dir", X_OK) == 0 && access("/", R_OK | X_OK) == 0);
    FAILS(access("file", X_OK), EACCES);
    FAILS(access("none", F_OK), ENOENT);
    FAILS(access("dangling", F_OK), ENOENT);
    FAILS(access("file", 8), EINVAL);
    CHECK(syscall(SYS_faccessat2, AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK(syscall(SYS_faccessat2, AT_FDCWD, "file", R_OK, AT_EACCESS) == 0);
    CHECK(syscall(SYS_faccessat2, fd, "", R_OK, AT_EMPTY_PATH) == 0);
    FAILS(syscall(SYS_faccessat2, AT_FDCWD, "file", R_OK, 1), EINVAL);
    if (geteuid()) {
        CHECK(chmod("file", 0) == 0);
        FAILS(access("file", R_OK), EACCES);
        FAILS(open("file", O_RDONLY), EACCES);
        CHECK(chmod("dir", 0) == 0);
        FAILS(stat("dir/up", &a), EACCES);
        FAILS(chdir("dir"), EACCES);
        CHECK(chmod("dir", 0700) == 0);
    }

    CHECK(readlink("link", text, sizeof text) == 4 && !memcmp(text, "file", 4));
    CHECK(readlink("link", text, 2) == 2 && !memcmp(text, "fi", 2));
    CHECK(readlink("dir/up", text, sizeof text) == 7);
    FAILS(readlink("file", text, sizeof text), EINVAL);
    FAILS(readlink("dir", text, sizeof text), EINVAL);
    FAILS(readlink("dir/..", text, sizeof text), EINVAL);
    FAILS(readlink("/", text, sizeof text), EINVAL);
    FAILS(readlink("none", text, sizeof text), ENOENT);
    FAILS(syscall(SYS_readlink, "link", text, 0), EINVAL);
    FAILS(syscall(SYS_readlink, "link", text, -1), EINVAL);
    CHECK(readlinkat(AT_FDCWD, "link", text, sizeof text) == 4);
    CHECK(realpath("dir/up", text) && !strcmp(strrchr(text, '/'), "/file"));
    FAILS(chroot("none"), ENOENT);
    return check_end();
}
