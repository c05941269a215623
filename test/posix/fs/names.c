// Do mkdir, link, symlink, unlink, rmdir, rename and mknod answer as Linux does?
// RUN: musl-gcc -static -O1 -I%root/test/posix/Inputs %s -o %t.native && rm -rf %t.n && mkdir %t.n && cd %t.n && %t.native
// RUN: %lind-cc -O1 -I%root/test/posix/Inputs %s -o %t && rm -rf %t.d && mkdir %t.d && cd %t.d && %lind-run %t
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "check.h"

static int make(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    return fd < 0 ? -1 : close(fd);
}

static mode_t mode_of(const char *path) {
    struct stat status;
    return lstat(path, &status) ? 0 : status.st_mode;
}

static int exists(const char *path) {
    return mode_of(path) != 0;
}

static int renames(const char *from, const char *to, unsigned flags) {
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

int main(void) {
    struct stat status;
    char longer[300];
    memset(longer, 'l', 299);
    longer[299] = 0;
    umask(022);

    CHECK(mkdir("dir", 0777) == 0 && mode_of("dir") == (S_IFDIR | 0755));
    CHECK(mkdir("sticky", 01777) == 0 && mode_of("sticky") == (S_IFDIR | 01755));
    CHECK(mkdir("slash/", 0700) == 0 && rmdir("slash/") == 0);
    FAILS(mkdir("dir", 0777), EEXIST);
    FAILS(mkdir("dir/", 0777), EEXIST);
    FAILS(mkdir("dir/.", 0777), EEXIST);
    FAILS(mkdir("dir/..", 0777), EEXIST);
    FAILS(mkdir("/", 0777), EEXIST);
    FAILS(mkdir(".", 0777), EEXIST);
    FAILS(mkdir("", 0777), ENOENT);
    FAILS(mkdir("none/dir", 0777), ENOENT);
    FAILS(mkdir(longer, 0777), ENAMETOOLONG);
    CHECK(make("file") == 0);
    FAILS(mkdir("file", 0777), EEXIST);
    FAILS(mkdir("file/dir", 0777), ENOTDIR);

    CHECK(mkdir("dir/sub", 0700) == 0);
    FAILS(rmdir("dir"), ENOTEMPTY);
    FAILS(rmdir("dir/."), EINVAL);
    FAILS(rmdir("dir/sub/.."), ENOTEMPTY);
    FAILS(rmdir("file"), ENOTDIR);
    FAILS(rmdir("none"), ENOENT);
    FAILS(rmdir(""), ENOENT);
    FAILS(unlink("dir"), EISDIR);
    FAILS(unlink("file/"), ENOTDIR);
    FAILS(unlink("none"), ENOENT);
    FAILS(unlinkat(AT_FDCWD, "file", 0x1000), EINVAL);
    FAILS(unlinkat(AT_FDCWD, "file", AT_REMOVEDIR), ENOTDIR);
    FAILS(unlinkat(99, "file", 0), EBADF);

    /* Links. */
    CHECK(link("file", "hard") == 0 && stat("file", &status) == 0 && status.st_nlink == 2);
    FAILS(link("file", "hard"), EEXIST);
    FAILS(link("dir", "harddir"), EPERM);
    FAILS(link("none", "new"), ENOENT);
    FAILS(link("file/", "new"), ENOTDIR);
    FAILS(linkat(AT_FDCWD, "file", AT_FDCWD, "new", 1), EINVAL);
    CHECK(symlink("file", "soft") == 0 && mode_of("soft") == (S_IFLNK | 0777));
    CHECK(link("soft", "soft2") == 0 && S_ISLNK(mode_of("soft2")));
    CHECK(linkat(AT_FDCWD, "soft", AT_FDCWD, "hard3", AT_SYMLINK_FOLLOW) == 0);
    CHECK(S_ISREG(mode_of("hard3")) && stat("file", &status) == 0 && status.st_nlink == 3);
    CHECK(unlink("soft2") == 0 && unlink("hard3") == 0 && unlink("hard") == 0);
    FAILS(symlink("x", "soft"), EEXIST);
    FAILS(symlink("x", "dir"), EEXIST);
    FAILS(symlink("", "empty"), ENOENT);
    FAILS(symlink("x", ""), ENOENT);
    FAILS(symlink("x", "none/x"), ENOENT);
    FAILS(symlink("x", "new/"), ENOENT);
    CHECK(symlink("dir", "dirsoft") == 0);
    FAILS(rmdir("dirsoft"), ENOTDIR);
    FAILS(rmdir("dirsoft/"), ENOTDIR);
    FAILS(unlink("dirsoft/"), ENOTDIR);
    FAILS(mkdir("dirsoft", 0700), EEXIST);
    CHECK(mkdir("dirsoft/by-link", 0700) == 0 && rmdir("dir/by-link") == 0);

    /* rename */
    CHECK(make("a") == 0 && rename("a", "b") == 0 && !exists("a") && exists("b"));
    CHECK(make("a") == 0 && rename("a", "b") == 0 && !exists("a"));
    CHECK(rename("b", "b") == 0);
    FAILS(rename("none", "x"), ENOENT);
    FAILS(rename("b", "none/x"), ENOENT);
    FAILS(rename("b", "dir"), EISDIR);
    FAILS(rename("dir", "b"), ENOTDIR);
    FAILS(rename("b/", "c"), ENOTDIR);
    FAILS(rename("dir", "dir/sub/x"), EINVAL);
    FAILS(rename("dir/sub", "dir"), ENOTEMPTY);
    FAILS(rename("dir/.", "x"), EBUSY);
    FAILS(rename("dir/..", "x"), EBUSY);
    CHECK(mkdir("dir2", 0700) == 0 && rename("dir2", "dir3/") == 0 && rename("dir3/", "dir2") == 0);
    CHECK(rename("dir2", "dir/sub") == 0 && !exists("dir2"));
    CHECK(make("a") == 0);
    FAILS(renames("a", "b", 1 /* RENAME_NOREPLACE */), EEXIST);
    CHECK(renames("a", "c", 1) == 0 && renames("c", "dir", 2 /* RENAME_EXCHANGE */) == 0);
    CHECK(S_ISDIR(mode_of("c")) && S_ISREG(mode_of("dir")) && renames("c", "dir", 2) == 0);
    FAILS(renames("c", "none", 2), ENOENT);
    FAILS(renames("c", "b", 3), EINVAL);
    FAILS(renames("c", "b", 8), EINVAL);
    CHECK(rename("soft", "soft3") == 0 && S_ISLNK(mode_of("soft3")) && exists("file"));

    /* mknod */
    CHECK(mknod("fifo", S_IFIFO | 0666, 0) == 0 && mode_of("fifo") == (S_IFIFO | 0644));
    CHECK(mknod("plain", 0640, 0) == 0 && mode_of("plain") == (S_IFREG | 0640));
    FAILS(mknod("plain", S_IFREG | 0600, 0), EEXIST);
    FAILS(mknod("dirnode", S_IFDIR | 0600, 0), EPERM);
    FAILS(mknod("strange", 0170000, 0), EINVAL);

    /* Relative to a descriptor. */
    int fd = open("dir", O_RDONLY | O_DIRECTORY);
    CHECK(mkdirat(fd, "at", 0700) == 0 && symlinkat("at", fd, "soft") == 0);
    CHECK(renameat(fd, "at", AT_FDCWD, "out") == 0 && exists("out"));
    CHECK(linkat(AT_FDCWD, "file", fd, "../hard", 0) == 0 && exists("hard"));
    CHECK(unlinkat(fd, "soft", 0) == 0 && unlinkat(fd, "../out", AT_REMOVEDIR) == 0);
    FAILS(mkdirat(99, "x", 0700), EBADF);
    return check_end();
}
