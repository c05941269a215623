// Are programs that run not written, and files that are open for writing not executed (ETXTBSY), as on Linux?
// The program that lind-run starts counts, as do the descriptors that it hands on.
// RUN: rm -rf %t.dir && mkdir -p %t.dir/native %t.dir/caged
// RUN: musl-gcc -static -O2 %s -o %t.dir/native/one && cd %t.dir/native && ./one drive
// RUN: %lind-cc -O2 %s -o %t.dir/caged/one && cd %t.dir/caged && %lind-run -- ./one drive
// RUN: cd %t.dir/caged && %lind-run --inherit-fds -- ./one 5>>./one; test $? = 126
// RUN: cd %t.dir/caged && %lind-run --inherit-fds -- ./one 5<./one; test $? = 42
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../Inputs/check.h"

static char bytes[1 << 20];
static char *environment[] = {NULL};

static void put(const char *from_path, int to)
{
    int from = open(from_path, O_RDONLY);
    ssize_t size = read(from, bytes, sizeof bytes);
    CHECK(from >= 0 && to >= 0 && size > 0 && size < (ssize_t)sizeof bytes);
    CHECK(write(to, bytes, (size_t)size) == size);
    close(from);
}

/* 42 if it runs, otherwise the error number. */
static int run(int fd, const char *path)
{
    int status;
    pid_t pid = fork();
    if (!pid) {
        char *arguments[] = {(char *)path, NULL};
        syscall(SYS_execveat, fd, path, arguments, environment, *path ? 0 : AT_EMPTY_PATH);
        _exit(errno);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int runs(const char *path)
{
    return run(AT_FDCWD, path);
}

static int opens(const char *path, int flags)
{
    int fd = open(path, flags, 0700);
    return fd < 0 ? -1 : close(fd);
}

static off_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) ? -1 : status.st_size;
}

/* A child that runs `program` until it is killed. */
static pid_t start(const char *program)
{
    char byte;
    int ready[2];
    CHECK(pipe2(ready, 0) == 0);
    pid_t pid = fork();
    if (!pid) {
        dup2(ready[1], 3);
        execl(program, program, "wait", (char *)NULL);
        _exit(99);
    }
    close(ready[1]);
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    return pid;
}

static void finish(pid_t pid)
{
    siginfo_t info;
    CHECK(kill(pid, SIGKILL) == 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
    CHECK(opens("program", O_WRONLY) == 0); /* a zombie executes nothing */
    CHECK(waitpid(pid, NULL, 0) == pid);
}

static void executed(void)
{
    char path[40];
    off_t size = size_of("program");
    pid_t pid = start("./program");
    FAILS(opens("program", O_WRONLY), ETXTBSY);
    FAILS(opens("program", O_RDWR), ETXTBSY);
    FAILS(opens("program", O_WRONLY | O_APPEND), ETXTBSY);
    FAILS(opens("program", O_WRONLY | O_CREAT), ETXTBSY);
    FAILS(opens("program", O_WRONLY | O_CREAT | O_TRUNC), ETXTBSY);
    FAILS(opens("program", O_RDONLY | O_TRUNC), ETXTBSY);
    FAILS(opens("program", O_WRONLY | O_CREAT | O_EXCL), EEXIST);
    FAILS(truncate("program", 10), ETXTBSY);
    CHECK(link("program", "second") == 0 && symlink("program", "third") == 0);
    FAILS(opens("second", O_WRONLY | O_TRUNC), ETXTBSY);
    FAILS(opens("third", O_WRONLY | O_TRUNC), ETXTBSY);
    int fd = open("program", O_RDONLY);
    CHECK(fd >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    FAILS(opens(path, O_WRONLY), ETXTBSY);
    close(fd);
    CHECK(opens("program", 3) == 0 && opens("program", O_PATH) == 0);
    CHECK(chmod("program", 0755) == 0 && unlink("second") == 0 && unlink("third") == 0);
    CHECK(size_of("program") == size && runs("./program") == 42);
    finish(pid);

    /* A new file under its name is another one. */
    pid = start("./program");
    CHECK(rename("program", "old") == 0);
    fd = open("program", O_WRONLY | O_CREAT | O_EXCL, 0700);
    put("old", fd);
    close(fd);
    FAILS(opens("old", O_WRONLY), ETXTBSY);
    CHECK(runs("./program") == 42);
    finish(pid);
    CHECK(opens("old", O_WRONLY) == 0 && unlink("old") == 0);
}

/* Of two that run it, the last one counts; one that executes another program does not. */
static void several(void)
{
    pid_t one = start("./program"), other = start("./program");
    FAILS(opens("program", O_WRONLY), ETXTBSY);
    CHECK(kill(one, SIGKILL) == 0 && waitpid(one, NULL, 0) == one);
    FAILS(opens("program", O_WRONLY), ETXTBSY);
    finish(other);
    FAILS(opens("one", O_WRONLY), ETXTBSY); /* this one */
    pid_t pid = fork();
    if (!pid) {
        execl("./program", "program", "again", "./one", (char *)NULL);
        _exit(99);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 42);
    CHECK(opens("program", O_WRONLY) == 0);
}

static void written(void)
{
    int fd = open("program", O_WRONLY);
    CHECK(runs("./program") == ETXTBSY);
    int copy = dup(fd);
    close(fd);
    CHECK(runs("./program") == ETXTBSY);
    int again = open("program", O_RDWR | O_APPEND);
    close(copy);
    CHECK(runs("./program") == ETXTBSY);
    CHECK(chmod("program", 0600) == 0 && runs("./program") == EACCES);
    CHECK(chmod("program", 0700) == 0);
    close(again);
    CHECK(runs("./program") == 42);
    fd = open("program", O_RDWR);
    void *mapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    CHECK(runs("./program") == ETXTBSY); /* the mapping has it */
    CHECK(munmap(mapped, 4096) == 0 && runs("./program") == 42);
    fd = open("program", 3); /* neither reads nor writes */
    CHECK(runs("./program") == 42);
    close(fd);

    /* Whoever has it. */
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t pid = fork();
    if (!pid) {
        close(ends[1]);
        while ((fd = open("program", O_WRONLY)) < 0 && errno == ETXTBSY)
            ; /* the parent runs it just now */
        kill(getppid(), SIGUSR1);
        _exit((int)read(ends[0], bytes, 1));
    }
    close(ends[0]);
    while (runs("./program") == 42)
        ;
    CHECK(runs("./program") == ETXTBSY);
    close(ends[1]);
    CHECK(waitpid(pid, NULL, 0) == pid && runs("./program") == 42);

    fd = open("script", O_WRONLY | O_CREAT, 0700);
    CHECK(write(fd, "#!./program\n", 12) == 12 && runs("./script") == ETXTBSY);
    close(fd);
    CHECK(runs("./script") == 42);
    fd = open("program", O_WRONLY);
    CHECK(runs("./script") == ETXTBSY);
    close(fd);
}

static void unnamed(void)
{
    char path[40];
    int fd = memfd_create("program", 0);
    put("program", fd);
    CHECK(run(fd, "") == 42); /* as Linux: not opened for writing, but made so */
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_WRONLY);
    CHECK(run(fd, "") == ETXTBSY);
    close(again);
    CHECK(run(fd, "") == 42);
    close(fd);
}

/* What O_TRUNC does besides. */
static void truncated(void)
{
    struct stat before, status;
    const struct timespec old[2] = {{1000, 0}, {1000, 0}};
    int fd = open("file", O_WRONLY | O_CREAT | O_TRUNC, 0400);
    CHECK(fd >= 0 && write(fd, "content", 7) == 7 && futimens(fd, old) == 0);
    close(fd);
    CHECK(chmod("file", 0600) == 0 && opens("file", O_WRONLY | O_TRUNC) == 0);
    CHECK(stat("file", &before) == 0 && before.st_size == 0 && before.st_mtime > 1000);
    CHECK(utimensat(AT_FDCWD, "file", old, 0) == 0 && opens("file", O_RDWR | O_CREAT | O_TRUNC) == 0);
    CHECK(stat("file", &status) == 0 && status.st_mtime > 1000); /* though it was empty */
    fd = open("file", O_WRONLY);
    CHECK(write(fd, "content", 7) == 7 && opens("file", O_RDONLY | O_TRUNC) == 0);
    CHECK(stat("file", &status) == 0 && status.st_size == 0);
    close(fd);
    fd = open("unwritable", O_RDONLY | O_CREAT | O_TRUNC, 0400);
    CHECK(fd >= 0);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc == 1 || !strcmp(argv[1], "./script"))
        return 42;
    if (!strcmp(argv[1], "wait")) {
        write(3, "", 1);
        for (;;)
            pause();
    }
    if (!strcmp(argv[1], "again")) {
        FAILS(opens("program", O_WRONLY), ETXTBSY);
        execl(argv[2], argv[2], "last", (char *)NULL);
        return 98;
    }
    if (!strcmp(argv[1], "last")) {
        CHECK(opens("program", O_WRONLY) == 0);
        return check_failures ? 97 : 42;
    }
    signal(SIGUSR1, SIG_IGN);
    int fd = open("program", O_WRONLY | O_CREAT | O_TRUNC, 0700);
    put("one", fd);
    close(fd);
    executed();
    several();
    written();
    unnamed();
    truncated();
    return check_end();
}
