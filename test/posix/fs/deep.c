// Can a tree that is deeper than a path can say be made, walked up and down, and removed, as Linux does?
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

/* With names of 100 bytes: twenty times what a path has room for, so going up takes steps of all sizes. */
enum { LEVELS = 800, NAME = 100 };

static char name[NAME + 1];

static int same(const char *one, const struct stat *other) {
    struct stat status;
    return stat(one, &status) == 0 && status.st_ino == other->st_ino && status.st_dev == other->st_dev;
}

int main(void) {
    struct stat start, parent, bottom, status;
    char link[300], path[PATH_MAX];
    memset(name, 'd', NAME);
    CHECK(stat(".", &start) == 0);
    int top = open(".", O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < LEVELS; i++)
        CHECK(mkdir(name, 0755) == 0 && chdir(name) == 0);
    CHECK(stat(".", &bottom) == 0);
    FAILS(syscall(SYS_getcwd, path, sizeof path), ENAMETOOLONG);

    /* Names at the bottom, those of mount points too. */
    CHECK(mkdir("proc", 0755) == 0 && rmdir("proc") == 0);
    CHECK(mkdir("dev", 0755) == 0 && close(open("dev/null", O_CREAT | O_EXCL | O_WRONLY, 0600)) == 0);
    CHECK(stat("dev/null", &status) == 0 && S_ISREG(status.st_mode));
    CHECK(stat("dev/../dev/null", &status) == 0 && S_ISREG(status.st_mode));
    CHECK(same("dev/..", &bottom));
    CHECK(symlink("dev/../dev", "link") == 0 && stat("link/null", &status) == 0 && S_ISREG(status.st_mode));
    CHECK(unlink("link") == 0 && symlink("/proc", "link") == 0);
    CHECK(stat("link/self/stat", &status) == 0 && S_ISREG(status.st_mode));
    CHECK(unlink("link") == 0 && symlink("..", "link") == 0);
    CHECK(stat("..", &parent) == 0 && parent.st_ino != bottom.st_ino && same("link", &parent));
    snprintf(link, sizeof link, "../%s", name);
    CHECK(same(link, &bottom));
    CHECK(unlink("link") == 0);
    CHECK(rename("dev/null", "../null") == 0 && access("../null", R_OK) == 0 && unlink("../null") == 0);
    FAILS(rmdir(".."), ENOTEMPTY);
    FAILS(open("../nothing", O_RDONLY), ENOENT);
    CHECK(rmdir("dev") == 0);

    /* By descriptors, as rm and find go, half of the way; then with the working directory. */
    int at = open(".", O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < LEVELS / 2; i++) {
        int above = openat(at, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        CHECK(above >= 0);
        if (above < 0)
            return 1;
        close(at);
        at = above;
        CHECK(unlinkat(at, name, AT_REMOVEDIR) == 0);
    }
    CHECK(fchdir(at) == 0);
    for (int i = LEVELS / 2; i < LEVELS; i++)
        CHECK(chdir("..") == 0 && rmdir(name) == 0);
    CHECK(same(".", &start));
    CHECK(fchdir(top) == 0);
    return check_end();
}
