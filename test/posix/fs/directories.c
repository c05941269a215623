// Do getdents, the working directory and getcwd answer as Linux does?
// RUN: musl-gcc -static -O1 -I%root/test/posix/Inputs %s -o %t.native && rm -rf %t.n && mkdir %t.n && cd %t.n && %t.native
// RUN: %lind-cc -O1 -I%root/test/posix/Inputs %s -o %t && rm -rf %t.d && mkdir %t.d && cd %t.d && %lind-run %t
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

enum { COUNT = 300 };

static char start[PATH_MAX];

static int is_at(const char *below) {
    char now[PATH_MAX];
    return getcwd(now, sizeof now) && !strncmp(now, start, strlen(start)) &&
           !strcmp(now + strlen(start), below);
}

int main(void) {
    char name[64], text[1024];
    static char seen[COUNT];
    struct dirent *entry;
    CHECK(getcwd(start, sizeof start) != NULL);
    CHECK(mkdir("many", 0755) == 0);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "many/a-rather-long-name-%d", i);
        CHECK(close(open(name, O_WRONLY | O_CREAT, 0600)) == 0);
    }
    DIR *directory = opendir("many");
    int dots = 0, others = 0;
    long middle = 0;
    char after_middle[256] = "";
    for (int i = 0; (entry = readdir(directory)); i++) {
        if (i == 151)
            strcpy(after_middle, entry->d_name);
        if (*entry->d_name == '.') {
            dots++;
        } else {
            int number = atoi(entry->d_name + 19);
            CHECK(number >= 0 && number < COUNT && !seen[number]++);
            CHECK(entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN);
            others++;
        }
        if (i == 150)
            middle = telldir(directory);
    }
    CHECK(dots == 2 && others == COUNT);
    seekdir(directory, middle);
    entry = readdir(directory);
    CHECK(entry && !strcmp(entry->d_name, after_middle));
    rewinddir(directory);
    CHECK(readdir(directory) != NULL && closedir(directory) == 0);

    int fd = open("many", O_RDONLY | O_DIRECTORY);
    FAILS(syscall(SYS_getdents64, fd, text, 4), EINVAL);
    FAILS(syscall(SYS_getdents64, fd, (void *)8, 1000), EFAULT);
    FAILS(syscall(SYS_getdents64, 99, text, sizeof text), EBADF);
    FAILS(syscall(SYS_getdents64, open("many/a-rather-long-name-1", O_RDONLY), text, sizeof text),
          ENOTDIR);
    CHECK(syscall(SYS_getdents, fd, text, sizeof text) > 0);

    /* The working directory. */
    CHECK(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0 && mkdir("a/b/c", 0755) == 0);
    CHECK(symlink("a/b", "short") == 0 && is_at(""));
    CHECK(chdir("a/b") == 0 && is_at("/a/b"));
    CHECK(chdir("c/../..") == 0 && is_at("/a"));
    CHECK(chdir("../short/c") == 0 && is_at("/a/b/c"));
    CHECK(chdir(".") == 0 && is_at("/a/b/c"));
    CHECK(fchdir(fd) == 0 && is_at("/many"));
    CHECK(access("a-rather-long-name-0", F_OK) == 0 && chdir(start) == 0 && is_at(""));
    FAILS(chdir("none"), ENOENT);
    FAILS(chdir(""), ENOENT);
    FAILS(chdir("many/a-rather-long-name-2"), ENOTDIR);
    FAILS(fchdir(99), EBADF);
    FAILS(fchdir(open("many/a-rather-long-name-2", O_RDONLY)), ENOTDIR);
    FAILS(syscall(SYS_getcwd, text, 2), ERANGE);
    FAILS(syscall(SYS_getcwd, text, 0), ERANGE);
    FAILS(syscall(SYS_getcwd, (void *)8, 1024), EFAULT);
    CHECK(syscall(SYS_getcwd, text, sizeof text) == (long)strlen(start) + 1);

    /* It follows renames, and outlives its name. */
    CHECK(chdir("a/b/c") == 0 && rename("../../../a/b", "../../../moved") == 0 &&
          is_at("/moved/c"));
    CHECK(access("../../a", F_OK) == 0 && chdir("..") == 0 && is_at("/moved"));
    CHECK(chdir("c") == 0 && rmdir("../c") == 0);
    CHECK(getcwd(text, sizeof text) == NULL && errno == ENOENT);
    FAILS(open("x", O_RDWR | O_CREAT, 0600), ENOENT);
    FAILS(mkdir("x", 0700), ENOENT);
    CHECK(open(".", O_RDONLY | O_DIRECTORY) >= 0);
    CHECK(chdir(start) == 0 && is_at(""));

    /* "/" and what is above it. */
    struct stat root, above;
    CHECK(chdir("/") == 0 && getcwd(text, sizeof text) && !strcmp(text, "/"));
    CHECK(chdir("..") == 0 && getcwd(text, sizeof text) && !strcmp(text, "/"));
    CHECK(stat("/", &root) == 0 && stat("/../..", &above) == 0 && root.st_ino == above.st_ino);
    CHECK(S_ISDIR(root.st_mode) && (directory = opendir("/")));
    int found = 0;
    while ((entry = readdir(directory)))
        found += !strcmp(entry->d_name, "tmp") || !strcmp(entry->d_name, "dev");
    CHECK(found == 2 && closedir(directory) == 0);
    return check_end();
}
