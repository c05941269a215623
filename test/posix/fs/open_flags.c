// Does open answer as Linux does, flag by flag, error by error?
// RUN: musl-gcc -static -O1 -I%root/test/posix/Inputs %s -o %t.native && rm -rf %t.n && mkdir %t.n && cd %t.n && %t.native
// RUN: %lind-cc -O1 -I%root/test/posix/Inputs %s -o %t && rm -rf %t.d && mkdir %t.d && cd %t.d && %lind-run %t
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "openat2.h"

static void make(const char *path, const char *content) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    CHECK(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content));
    CHECK(close(fd) == 0);
}

static int opens(const char *path, int flags) {
    int fd = open(path, flags, 0600);
    return fd < 0 ? -1 : close(fd);
}

int main(void) {
    char text[PATH_MAX + 20];
    struct stat status;
    umask(022);
    make("file", "content");
    CHECK(mkdir("dir", 0755) == 0);
    CHECK(symlink("file", "link") == 0 && symlink("dir", "dirlink") == 0);
    CHECK(symlink("nothing", "dangling") == 0 && symlink("loop", "loop") == 0);
    CHECK(mkfifo("fifo", 0600) == 0);

    /* The lowest number, every time. */
    int fd = open("file", O_RDONLY);
    CHECK(fd == 3);
    CHECK(open("file", O_RDONLY) == 4 && close(3) == 0);
    CHECK(open("link", O_RDONLY) == 3 && close(3) == 0 && close(4) == 0);

    FAILS(opens("none", O_RDONLY), ENOENT);
    FAILS(opens("none/none", O_RDONLY | O_CREAT), ENOENT);
    FAILS(opens("", O_RDONLY), ENOENT);
    FAILS(opens("file/", O_RDONLY), ENOTDIR);
    FAILS(opens("file/x", O_RDONLY), ENOTDIR);
    FAILS(opens("dir", O_WRONLY), EISDIR);
    FAILS(opens("dir", O_RDONLY | O_CREAT), EISDIR);
    FAILS(opens("dir/", O_RDONLY | O_CREAT), EISDIR);
    FAILS(opens("newdir/", O_RDWR | O_CREAT), EISDIR);
    FAILS(opens("file", O_RDWR | O_CREAT | O_EXCL), EEXIST);
    FAILS(opens("link", O_RDWR | O_CREAT | O_EXCL), EEXIST);
    FAILS(opens("dangling", O_RDWR | O_CREAT | O_EXCL), EEXIST);
    FAILS(opens("dangling", O_RDONLY), ENOENT);
    FAILS(opens("loop", O_RDONLY), ELOOP);
    FAILS(opens("link", O_RDONLY | O_NOFOLLOW), ELOOP);
    FAILS(opens("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
    FAILS(opens("link", O_RDONLY | O_DIRECTORY), ENOTDIR);
    FAILS(opens("dirlink", O_RDONLY | O_DIRECTORY | O_NOFOLLOW), ENOTDIR);
    FAILS(opens("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
    CHECK(opens("fifo", O_RDONLY | O_NONBLOCK) == 0);
    CHECK(opens("fifo", O_RDWR) == 0);
    CHECK(opens("dirlink/", O_RDONLY | O_DIRECTORY) == 0);
    CHECK(opens("dirlink/.", O_RDONLY) == 0);
    CHECK(opens("dir/..//link", O_RDONLY) == 0);
    memset(text, 'n', sizeof text);
    text[NAME_MAX + 1] = 0;
    FAILS(opens(text, O_RDONLY), ENAMETOOLONG);
    text[NAME_MAX + 1] = 'n';
    text[PATH_MAX] = 0;
    FAILS(opens(text, O_RDONLY), ENAMETOOLONG);
    text[NAME_MAX] = 0;
    CHECK(opens(text, O_RDWR | O_CREAT) == 0 && unlink(text) == 0);

    /* Through a dangling link the target is made. */
    CHECK(opens("dangling", O_RDWR | O_CREAT) == 0);
    CHECK(lstat("nothing", &status) == 0 && (status.st_mode & 07777) == 0600);
    CHECK(unlink("nothing") == 0);

    /* umask, and modes that the file's opener need not have. */
    umask(077);
    fd = open("private", O_RDWR | O_CREAT | O_EXCL, 0777);
    CHECK(fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & 07777) == 0700);
    CHECK(close(fd) == 0);
    CHECK(umask(027) == 077);
    fd = open("none-for-me", O_RDWR | O_CREAT | O_EXCL, 0);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
    CHECK(umask(022) == 027);

    /* O_TRUNC, O_APPEND. */
    fd = open("file", O_RDWR | O_APPEND);
    CHECK(write(fd, "+", 1) == 1 && lseek(fd, 0, SEEK_CUR) == 8);
    CHECK(pread(fd, text, 8, 0) == 8 && !memcmp(text, "content+", 8) && close(fd) == 0);
    CHECK(opens("file", O_WRONLY | O_TRUNC) == 0 && stat("file", &status) == 0);
    CHECK(status.st_size == 0);

    /* O_PATH. */
    fd = open("file", O_PATH);
    CHECK(fd >= 0);
    FAILS(read(fd, text, 1), EBADF);
    FAILS(write(fd, text, 1), EBADF);
    FAILS(lseek(fd, 0, SEEK_SET), EBADF);
    FAILS(ftruncate(fd, 0), EBADF);
    FAILS(syscall(SYS_fchmod, fd, 0600), EBADF);
    FAILS(fsync(fd), EBADF);
    CHECK(fstat(fd, &status) == 0 && S_ISREG(status.st_mode));
    CHECK((fcntl(fd, F_GETFL) & O_PATH) && close(fd) == 0);
    fd = open("link", O_PATH | O_NOFOLLOW);
    CHECK(fd >= 0 && fstat(fd, &status) == 0 && S_ISLNK(status.st_mode));
    CHECK(readlinkat(fd, "", text, sizeof text) == 4 && !memcmp(text, "file", 4));
    CHECK(close(fd) == 0);
    fd = open("dir", O_PATH | O_DIRECTORY);
    CHECK(fd >= 0 && openat(fd, "in", O_RDWR | O_CREAT, 0600) == fd + 1 && close(fd + 1) == 0);
    CHECK(faccessat(fd, "in", F_OK, 0) == 0 && unlinkat(fd, "in", 0) == 0 && close(fd) == 0);

    /* O_TMPFILE, and giving it a name. */
    fd = open("dir", O_TMPFILE | O_RDWR, 0600);
    if (fd >= 0) {
        CHECK(fstat(fd, &status) == 0 && status.st_nlink == 0 && write(fd, "t", 1) == 1);
        snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
        CHECK(linkat(AT_FDCWD, text, AT_FDCWD, "dir/named", AT_SYMLINK_FOLLOW) == 0);
        CHECK(fstat(fd, &status) == 0 && status.st_nlink == 1 && close(fd) == 0);
        CHECK(unlink("dir/named") == 0);
    } else {
        CHECK(errno == EOPNOTSUPP);
    }
    FAILS(opens("dir", O_TMPFILE | O_RDONLY), EINVAL);
    FAILS(opens("file", O_TMPFILE | O_RDWR), ENOTDIR);

    /* openat and bad directories. */
    FAILS(openat(-1, "file", O_RDONLY), EBADF);
    FAILS(openat(99, "file", O_RDONLY), EBADF);
    fd = open("file", O_RDONLY);
    FAILS(openat(fd, "file", O_RDONLY), ENOTDIR);
    CHECK(getcwd(text, PATH_MAX - 10) != NULL);
    strcat(text, "/file");
    int other = openat(-1, text, O_RDONLY);
    CHECK(other >= 0 && close(other) == 0 && close(fd) == 0);

    /* Unknown flags are ignored by open, refused by openat2. */
    CHECK(opens("file", O_RDONLY | 0x40000000) == 0);
    FAILS(opens2(AT_FDCWD, "file", 0x40000000, 0), EINVAL);
    FAILS(opens2(AT_FDCWD, "file", 0, 0x100000), EINVAL);
    CHECK(opens2(AT_FDCWD, "file", O_RDONLY, 0) == 0);
    FAILS(opens2(AT_FDCWD, "link", O_RDONLY, 4), ELOOP);      /* RESOLVE_NO_SYMLINKS */
    FAILS(opens2(AT_FDCWD, "dirlink/..", O_RDONLY, 4), ELOOP);
    CHECK(opens2(AT_FDCWD, "link", O_PATH | O_NOFOLLOW, 4) == 0);
    CHECK(opens2(AT_FDCWD, "/proc", O_RDONLY, 4) == 0);
    FAILS(opens2(AT_FDCWD, "/proc/self/stat", O_RDONLY, 4), ELOOP);
    CHECK(opens2(AT_FDCWD, "/proc/self/stat", O_RDONLY, 2) == 0); /* RESOLVE_NO_MAGICLINKS */
    for (int i = 0; i < 5; i++) {
        static const char *const magic[] = {"fd/0", "exe", "cwd", "root", "cwd/file"};
        snprintf(text + PATH_MAX - 10, 20, "/proc/self/%s", magic[i]);
        CHECK(opens2(AT_FDCWD, text + PATH_MAX - 10, O_RDONLY, 0) == 0);
        FAILS(opens2(AT_FDCWD, text + PATH_MAX - 10, O_RDONLY, 2), ELOOP);
        FAILS(opens2(AT_FDCWD, text + PATH_MAX - 10, O_RDONLY, 4), ELOOP);
    }
    fd = open("dir", O_RDONLY | O_DIRECTORY);
    CHECK(opens2(fd, "../file", O_RDONLY, 4) == 0 && opens2(fd, "..", O_RDONLY, 2 | 4) == 0);
    CHECK(opens2(fd, "../new", O_CREAT | O_EXCL | O_WRONLY, 4) == 0 && !unlink("new"));
    FAILS(opens2(fd, "../link", O_RDONLY, 4), ELOOP);
    FAILS(opens2(fd, "../nothing", O_RDONLY, 4), ENOENT);
    CHECK(close(fd) == 0);
    CHECK(opens2(AT_FDCWD, "dir/../link", O_RDONLY, 8) == 0); /* RESOLVE_BENEATH */
    FAILS(opens2(AT_FDCWD, "../x", O_RDONLY, 8), EXDEV);
    FAILS(opens2(AT_FDCWD, text, O_RDONLY, 8), EXDEV);
    CHECK(opens2(AT_FDCWD, "/../file", O_RDONLY, 16) == 0); /* RESOLVE_IN_ROOT */
    FAILS(opens2(AT_FDCWD, "file", O_RDONLY, 8 | 16), EINVAL);
    struct how how = {0};
    FAILS(syscall(437, AT_FDCWD, "file", &how, 8), EINVAL);
    FAILS(syscall(437, AT_FDCWD, "file", &how, 5000), E2BIG);
    return check_end();
}
