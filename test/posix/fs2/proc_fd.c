// Does opening /proc/self/fd/N make a new description of the same object?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t < /dev/null
#include "check.h"

#include <sys/eventfd.h>

static int reopen(int fd, int flags)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, flags);
}

static const char *target(int fd)
{
    static char text[4096];
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = 0;
    return text;
}

int main(void)
{
    char buffer[64], directory[4096];
    struct stat one, two;
    CHECK(getcwd(directory, sizeof directory) != NULL);

    /* A file: own offset, own access mode. */
    int fd = open("proc_fd.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(write(fd, "abcdef", 6) == 6);
    int again = reopen(fd, O_RDONLY);
    CHECK(again >= 0 && read(again, buffer, 3) == 3 && !memcmp(buffer, "abc", 3));
    CHECK(lseek(fd, 0, SEEK_CUR) == 6);
    CHECK_ERROR(write(again, "x", 1), EBADF);
    CHECK(fstat(fd, &one) == 0 && fstat(again, &two) == 0 && one.st_ino == two.st_ino && one.st_dev == two.st_dev);
    close(again);
    char path[4200];
    snprintf(path, sizeof path, "%s/proc_fd.tmp", directory);
    CHECK(!strcmp(target(fd), path));
    unlink("proc_fd.tmp");
    again = reopen(fd, O_RDWR); /* also when it has no name any more */
    CHECK(again >= 0 && read(again, buffer, 10) == 6);
    CHECK(strstr(target(fd), "(deleted)") != NULL);
    close(again);
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    again = open(path, O_RDONLY);
    CHECK(again >= 0 && read(again, buffer, 10) == 6);
    close(again);
    close(fd);

    /* A directory, also as the start of a path. */
    CHECK(mkdir("proc_fd.dir", 0700) == 0 && close(open("proc_fd.dir/x", O_CREAT | O_WRONLY, 0600)) == 0);
    fd = open("proc_fd.dir", O_RDONLY | O_DIRECTORY);
    snprintf(path, sizeof path, "/proc/self/fd/%d/x", fd);
    CHECK(stat(path, &one) == 0 && stat("proc_fd.dir/x", &two) == 0 && one.st_ino == two.st_ino);
    again = reopen(fd, O_RDONLY | O_DIRECTORY);
    CHECK(again >= 0 && fstatat(again, "x", &one, 0) == 0);
    close(again);
    CHECK_ERROR(reopen(fd, O_WRONLY), EISDIR);
    close(fd);
    unlink("proc_fd.dir/x");
    rmdir("proc_fd.dir");

    /* A pipe: the other end can be had, and counts as a writer. */
    int ends[2];
    CHECK(pipe(ends) == 0);
    CHECK(fstat(ends[0], &one) == 0);
    snprintf(buffer, sizeof buffer, "pipe:[%lu]", (unsigned long)one.st_ino);
    CHECK(!strcmp(target(ends[0]), buffer) && !strcmp(target(ends[1]), buffer));
    int writer = reopen(ends[0], O_WRONLY);
    CHECK(writer >= 0);
    close(ends[1]);
    CHECK(write(writer, "xy", 2) == 2);
    CHECK(read(ends[0], buffer, 10) == 2);
    close(writer);
    CHECK(read(ends[0], buffer, 10) == 0);

    int counter = eventfd(0, 0);
    CHECK(!strcmp(target(counter), "anon_inode:[eventfd]"));
    CHECK_ERROR(reopen(counter, O_RDWR), ENXIO);
    CHECK(lstat("/proc/self/fd/0", &one) == 0 && S_ISLNK(one.st_mode) && (one.st_mode & 0777) == 0500);
    CHECK(stat("/proc/self/fd/0", &one) == 0 && fstat(0, &two) == 0 && one.st_rdev == two.st_rdev && one.st_mode == two.st_mode);
    int input = open("/dev/stdin", O_RDONLY);
    CHECK(input >= 0 && fstat(input, &one) == 0 && one.st_rdev == two.st_rdev);
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", ends[0]);
    input = open(path, O_RDONLY);
    CHECK(input >= 0 && read(input, buffer, sizeof buffer) > 5 && !memcmp(buffer, "pos:\t0\n", 7));
    return check_done();
}
