// Does a program get at descriptors that are not its own: left open over execve, guessed numbers, the host's behind them, or lind-run's own by dup2 and
// close (attack row K8)?
// RUN: %lind-cc -O1 %s -o %t && printf canary > %t.host && %lind-run %t %t
// lind-run itself: what it executes, the helper that reads debug data, gets the standard descriptors and the program's file alone, whatever cages have
// open. (One more number is the directory that is listed.)
// RUN: rm -rf %t.dir && mkdir %t.dir && cp %lind-run %t.dir/lind-run
// RUN: printf '#!/bin/sh\nls /proc/self/fd | sort -n | xargs >%t.dir/listing\necho frames\n' >%t.dir/lind-symbolize && chmod +x %t.dir/lind-symbolize
// RUN: sh -c '%t.dir/lind-run %t crash %t.host; test $? = 139' 2>/dev/null
// RUN: grep -qx "0 1 2 3 4" %t.dir/listing
// The control: natively a descriptor without the flag is there in the next program, and dup2 reaches any number; and the listing shows what a program is given.
// RUN: musl-gcc -static -O1 -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu %s -o %t.native && %t.native %t.native
// RUN: sh -c '%t.dir/lind-symbolize 7<%t.host' && grep -q 7 %t.dir/listing
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../posix/Inputs/check.h"

enum { KINDS = 9, NUMBERS = 65536 };

/* One of each kind of description. */
static void open_all(int fds[KINDS], int cloexec)
{
    sigset_t set;
    int pair[2];
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pipe2(pair, cloexec ? O_CLOEXEC : 0);
    const int all[KINDS] = {
        open("/", O_RDONLY | O_DIRECTORY | (cloexec ? O_CLOEXEC : 0)),
        pair[0],
        pair[1],
        epoll_create1(cloexec ? EPOLL_CLOEXEC : 0),
        eventfd(1, cloexec ? EFD_CLOEXEC : 0),
        timerfd_create(CLOCK_MONOTONIC, cloexec ? TFD_CLOEXEC : 0),
        signalfd(-1, &set, cloexec ? SFD_CLOEXEC : 0),
        memfd_create("K08", cloexec ? MFD_CLOEXEC : 0),
        open("/proc/self/status", O_RDONLY | (cloexec ? O_CLOEXEC : 0)),
    };
    for (int i = 0; i < KINDS; i++) {
        CHECK(all[i] >= 0);
        fds[i] = all[i];
    }
}

/* Numbers that are open, by three ways of looking. Returns their number and their sum. */
static void list(int *count, long *sum)
{
    int listed = 0, polled = 0;
    struct stat status;
    *count = 0;
    *sum = 0;
    for (int fd = 0; fd < NUMBERS; fd++) {
        polled += fstat(fd, &status) == 0;
        if (fcntl(fd, F_GETFD) >= 0) {
            ++*count;
            *sum += fd;
        }
    }
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory))
        listed++;
    if (directory)
        closedir(directory);
    CHECK(polled == *count && (!directory || listed == *count + 3)); /* . .. and itself */
}

static int run(char *const arguments[])
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        execv(arguments[0], arguments);
        _exit(1);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

/* A number that the program does not have: nothing can be done with it, whatever it is to the host. */
static void guess(void)
{
    char text[64];
    int found = 0;
    for (int fd = 3; fd < NUMBERS; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
        found += read(fd, text + 32, 1) >= 0 || write(fd, text, 1) >= 0 || lseek(fd, 0, SEEK_CUR) >= 0;
        found += dup(fd) >= 0 || fchmod(fd, 0777) == 0 || ftruncate(fd, 0) == 0 || fsync(fd) == 0;
        if (fd < 1100) {
            found += open(text, O_RDONLY) >= 0 || access(text, F_OK) == 0;
            found += mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED;
        }
        found += fcntl(fd, F_GETFL) >= 0 || close(fd) == 0;
    }
    CHECK(found == 0);
}

int main(int argc, char **argv)
{
    int fds[KINDS], copies[KINDS], count, before;
    long sum, sum_before;
    struct rlimit most = {NUMBERS, NUMBERS};
    if (argc > 2 && !strcmp(argv[1], "crash")) {
        open_all(fds, 0);
        open_all(copies, 1);
        open(argv[2], O_RDONLY);
        return *(volatile int *)8;
    }
    list(&before, &sum_before);
    if (argc > 3) {
        printf("%d %ld\n", before, sum_before);
        return before == atoi(argv[2]) && sum_before == atol(argv[3]) ? 7 : 8;
    }
    /* What is close-on-exec is gone in the next program, what is not is there, and nothing else. */
    open_all(fds, 1);
    char number[2][32];
    char *arguments[] = {argv[1], "again", number[0], number[1], NULL};
    snprintf(number[0], 32, "%d", before);
    snprintf(number[1], 32, "%ld", sum_before);
    CHECK(run(arguments) == 7 << 8);
    open_all(copies, 0);
    for (int i = 0; i < KINDS; i++)
        sum_before += copies[i];
    snprintf(number[0], 32, "%d", before + KINDS);
    snprintf(number[1], 32, "%ld", sum_before);
    CHECK(run(arguments) == 7 << 8);
    for (int i = 0; i < KINDS; i++)
        close(copies[i]);

    guess();

    /* On and off every number that lind-run could have something behind. What the program does goes on, and so does what it starts. */
    (void)most;
    setrlimit(RLIMIT_NOFILE, &most);
    struct rlimit now;
    getrlimit(RLIMIT_NOFILE, &now);
    int out = fcntl(1, F_DUPFD, (int)now.rlim_cur - 10), target = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 600; fd++)
        if (fd != out && fd != target)
            dup2(target, fd);
    for (int fd = 3; fd < 600; fd++)
        if (fd != out && fd != target)
            close(fd);
    dup2(out, 1);
    dup2(out, 2);
    close(out);
    close(target);
    list(&count, &sum);
    CHECK(count == 3 && sum == 3);
    snprintf(number[0], 32, "3");
    snprintf(number[1], 32, "3");
    CHECK(run(arguments) == 7 << 8);
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(5);
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && status == 5 << 8);
    }
    return check_end();
}
