// --limit: what a program begins with, that bombs meet it, and words that are no limits.
// RUN: %lind-cc -O2 %s -o %t
// RUN: %lind-run --limit nproc=20 -- %t processes
// RUN: %lind-run --limit nproc=20 -- %t threads
// RUN: %lind-run --limit nofile=30:60 -- %t files
// RUN: %lind-run --limit AS=64M -- %t memory
// RUN: %lind-run --limit data=32m -- %t memory
// RUN: %lind-run --limit fsize=4k:8k -- %t size
// RUN: sh -c '%lind-run --limit cpu=1:60 -- %t spin; test $? = 152'
// RUN: %lind-run --limit cpu=1:3 -- %t spin-child
// RUN: not %lind-run --limit nproc -- %t x 2>&1 | FileCheck-22 %s --check-prefix=NO-VALUE
// NO-VALUE: --limit nproc: needs NAME=VALUE
// RUN: not %lind-run --limit files=1 -- %t x 2>&1 | FileCheck-22 %s --check-prefix=NAME
// NAME: --limit files=1: knows as, core,
// RUN: not %lind-run --limit as=1x -- %t x 2>&1 | FileCheck-22 %s --check-prefix=VALUE
// RUN: not %lind-run --limit as=-1 -- %t x 2>&1 | FileCheck-22 %s --check-prefix=VALUE
// RUN: not %lind-run --limit as= -- %t x 2>&1 | FileCheck-22 %s --check-prefix=VALUE
// RUN: not %lind-run --limit as=1:2:3 -- %t x 2>&1 | FileCheck-22 %s --check-prefix=VALUE
// RUN: not %lind-run --limit as=99999999999G -- %t x 2>&1 | FileCheck-22 %s --check-prefix=VALUE
// VALUE: needs a number
// RUN: not %lind-run --limit as=2:1 -- %t x 2>&1 | FileCheck-22 %s --check-prefix=ORDER
// ORDER: has a soft limit above the hard one
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../posix/Inputs/check.h"

static void *sleeper(void *unused)
{
    for (;;)
        pause();
}

/* Counts what can be made before it fails. */
static int processes(void)
{
    pid_t pids[100];
    int count = 0;
    while (count < 100 && (pids[count] = fork()) > 0)
        count++;
    if (count < 100 && pids[count] == 0)
        sleeper(0);
    CHECK(errno == EAGAIN);
    for (int i = 0; i < count; i++)
        kill(pids[i], SIGKILL);
    while (wait(0) > 0)
        ;
    return count;
}

static int threads(void)
{
    pthread_t thread;
    int count = 0, error;
    while (!(error = pthread_create(&thread, 0, sleeper, 0)) && count < 100)
        count++;
    CHECK(error == EAGAIN);
    return count;
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    if (!strcmp(argv[1], "processes")) {
        CHECK(processes() == 19);
        CHECK(processes() == 19);
    } else if (!strcmp(argv[1], "threads")) {
        CHECK(threads() == 19);
    } else if (!strcmp(argv[1], "files")) {
        CHECK(!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur == 30 && limit.rlim_max == 60);
        int last = 0, fd;
        while ((fd = dup(0)) >= 0)
            last = fd;
        CHECK(errno == EMFILE && last == 29);
        limit.rlim_cur = 61;
        FAILS(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
        limit.rlim_max = 61;
        FAILS(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
        limit.rlim_cur = limit.rlim_max = 60;
        CHECK(!setrlimit(RLIMIT_NOFILE, &limit) && dup(0) == 30);
    } else if (!strcmp(argv[1], "memory")) {
        void *volatile memory = malloc(1 << 20);
        CHECK(memory != 0);
        memory = malloc(100 << 20);
        CHECK(memory == 0 && errno == ENOMEM);
    } else if (!strcmp(argv[1], "size")) {
        char block[4096] = {0};
        signal(SIGXFSZ, SIG_IGN);
        int fd = open("/tmp/size", O_RDWR | O_CREAT, 0600);
        CHECK(write(fd, block, 4096) == 4096);
        FAILS(write(fd, block, 1), EFBIG);
        limit.rlim_cur = limit.rlim_max = 8192;
        CHECK(!setrlimit(RLIMIT_FSIZE, &limit) && write(fd, block, 4096) == 4096);
    } else if (!strcmp(argv[1], "spin")) {
        for (;;)
            ;
    } else {
        int status;
        pid_t pid = fork();
        if (!pid)
            for (;;)
                ;
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU);
        pid = fork();
        if (!pid) {
            signal(SIGXCPU, SIG_IGN);
            for (;;)
                ;
        }
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    return check_end();
}
