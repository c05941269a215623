// Does openat2 with RESOLVE_NO_XDEV go wherever a path stays on its mount, and nowhere else?
// RUN: musl-gcc -static -O1 -I%root/test/posix/Inputs %s -o %t.native && rm -rf %t.n && mkdir %t.n && cd %t.n && %t.native
// RUN: %lind-cc -O1 -I%root/test/posix/Inputs %s -o %t && rm -rf %t.d && mkdir %t.d && cd %t.d && %lind-run %t
// RUN: cd %t.d && rm -rf * && mkdir %t.d/over && %lind-run --dir %t.d --dir %t.d/over:%t.d/mounted --dir %t.d/over:%t.d/high/air %t granted
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "openat2.h"

static long here(const char *path)
{
    return opens2(AT_FDCWD, path, O_RDONLY, NO_XDEV);
}

static int directory(const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY);
    CHECK(fd >= 0);
    return fd;
}

static void files(void)
{
    char path[PATH_MAX];
    CHECK(mkdir("dir", 0755) == 0 && mkdir("dir/sub", 0755) == 0);
    close(open("file", O_CREAT | O_WRONLY, 0644));
    close(open("dir/sub/file", O_CREAT | O_WRONLY, 0644));
    CHECK(symlink("dir/sub", "link") == 0 && symlink("/proc", "dir/out") == 0);
    CHECK(getcwd(path, sizeof path) && symlink(path, "dir/home") == 0);

    CHECK(here("file") == 0 && here("dir/sub/file") == 0 && here(".") == 0);
    CHECK(here("dir/../file") == 0 && here("link/file") == 0 && here("link/../sub/file") == 0);
    FAILS(here("nothing"), ENOENT);
    FAILS(here("file/x"), ENOTDIR);
    FAILS(here("dir/out"), EXDEV);
    FAILS(here("dir/out/self/stat"), EXDEV);
    CHECK(opens2(AT_FDCWD, "dir/out", O_PATH | O_NOFOLLOW, NO_XDEV) == 0);
    CHECK(opens2(AT_FDCWD, "dir/new", O_CREAT | O_WRONLY, NO_XDEV) == 0 && !unlink("dir/new"));
    FAILS(opens2(AT_FDCWD, "link/file", O_RDONLY, NO_XDEV | NO_SYMLINKS), ELOOP);

    /* Up from the start, and back. */
    int fd = directory("dir");
    CHECK(opens2(fd, "../file", O_RDONLY, NO_XDEV) == 0);
    CHECK(opens2(fd, "../dir/sub/file", O_RDONLY, NO_XDEV) == 0);
    CHECK(opens2(fd, "../link/../../file", O_RDONLY, NO_XDEV) == 0);
    CHECK(opens2(fd, "../dir/new", O_CREAT | O_WRONLY, NO_XDEV) == 0 && !unlink("dir/new"));
    CHECK(opens2(fd, "sub/file", O_RDONLY, NO_XDEV | BENEATH) == 0);
    FAILS(opens2(fd, "../file", O_RDONLY, NO_XDEV | BENEATH), EXDEV);
    CHECK(opens2(fd, "/sub/file", O_RDONLY, NO_XDEV | IN_ROOT) == 0);
    close(fd);
}

/* An absolute path or link begins at "/", and may go on from there only on its mount. */
static void absolute(void)
{
    struct stat root, status;
    char path[PATH_MAX + 10];
    CHECK(stat("/", &root) == 0 && stat(".", &status) == 0);
    CHECK(getcwd(path, PATH_MAX) != NULL);
    strcat(path, "/file");
    int same = root.st_dev == status.st_dev;
    for (int i = 0; i < 2; i++) {
        const char *to = i ? "dir/../dir/home/file" : path;
        errno = 0;
        long result = here(to);
        CHECK(same ? result == 0 : result == -1 && errno == EXDEV);
    }
    FAILS(here("dir/home/file"), EXDEV); /* on Linux, too */
    CHECK(here("/") == 0 && here("/..") == 0 && here("/.") == 0);
    FAILS(here("/nothing"), ENOENT);
    FAILS(here("/proc"), EXDEV);
    FAILS(here("/proc/"), EXDEV);
    FAILS(here("/proc/self/stat"), EXDEV);
    FAILS(here("/proc/../nothing"), EXDEV);
}

static void synthetic(void)
{
    int proc = directory("/proc"), self = directory("/proc/self"), root = directory("/");
    CHECK(opens2(proc, "self/stat", O_RDONLY, NO_XDEV) == 0);
    CHECK(opens2(proc, "self/../self/stat", O_RDONLY, NO_XDEV) == 0);
    CHECK(opens2(self, "../self/stat", O_RDONLY, NO_XDEV) == 0);
    FAILS(opens2(proc, "..", O_RDONLY, NO_XDEV), EXDEV);
    FAILS(opens2(proc, "../proc/self", O_RDONLY, NO_XDEV), EXDEV);
    FAILS(opens2(proc, "self/cwd", O_RDONLY, NO_XDEV), EXDEV);
    FAILS(opens2(proc, "self/exe", O_RDONLY, NO_XDEV), EXDEV);
    FAILS(opens2(proc, "self/root", O_RDONLY, NO_XDEV), EXDEV);
    CHECK(opens2(proc, "self/exe", O_PATH | O_NOFOLLOW, NO_XDEV) == 0);
    FAILS(opens2(root, "proc", O_RDONLY, NO_XDEV), EXDEV);
    FAILS(opens2(root, "proc/self/stat", O_RDONLY, NO_XDEV), EXDEV);
    CHECK(opens2(root, ".", O_RDONLY, NO_XDEV) == 0 && opens2(root, "..", O_RDONLY, NO_XDEV) == 0);
    close(proc);
    close(self);
    close(root);
}

/* "mounted" and "high/air" are other grants, the second one where the host has no directory. */
static void granted(void)
{
    int fd = directory("mounted"), air = directory("high/air");
    close(open("mounted/file", O_CREAT | O_WRONLY, 0644));
    FAILS(here("mounted"), EXDEV);
    FAILS(here("mounted/file"), EXDEV);
    FAILS(here("mounted/../file"), EXDEV);
    FAILS(here("high/air/file"), EXDEV);
    CHECK(here("over/file") == 0);
    CHECK(opens2(fd, "file", O_RDONLY, NO_XDEV) == 0 && opens2(air, "file", O_RDONLY, NO_XDEV) == 0);
    FAILS(opens2(fd, "..", O_RDONLY, NO_XDEV), EXDEV);
    FAILS(opens2(fd, "../file", O_RDONLY, NO_XDEV), EXDEV);
    close(fd);
    close(air);
}

int main(int argc, char **argv)
{
    umask(022);
    files();
    absolute();
    synthetic();
    if (argc > 1)
        granted();
    return check_end();
}
