// Does a signal to a group, or the end of the first program, miss no process that is just being made?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
// RUN: rm -rf %t.dir && mkdir %t.dir
// RUN: for i in 1 2 3 4 5 6; do %lind-run --dir %t.dir -- %t leave %t.dir/times && %lind-run --dir %t.dir -- %t look %t.dir/times || exit 1; done
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/check.h"

enum { RUNNERS = 6 };

/* Seen by all: when the first program ended, when another one was last seen, and how many there were. */
struct times {
    uint64_t ended, seen;
    _Atomic uint32_t count;
};

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Is each moment another process: the parent ends as soon as there is a child. libc's fork would block signals meanwhile,
 * and a child does not get what its parent blocked and was sent before. */
static _Noreturn void run(struct times *times)
{
    for (;;) {
        alarm(20);
        __atomic_store_n(&times->seen, now(), __ATOMIC_SEQ_CST);
        times->count++;
        if (syscall(SYS_fork) > 0)
            _exit(0);
    }
}

static void start(struct times *times)
{
    for (int i = 0; i < RUNNERS; i++)
        if (!fork())
            run(times);
    while (times->count < 10 * RUNNERS)
        usleep(1000);
}

static void kill_group(int signal)
{
    struct times *times = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ready[2];
    char byte;
    CHECK(!pipe(ready));
    pid_t leader = fork();
    if (!leader) {
        setpgid(0, 0);
        start(times);
        if (write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    CHECK(!kill(-leader, signal));
    /* Orphans are ours. */
    while (waitpid(-1, NULL, 0) > 0)
        ;
    CHECK(errno == ECHILD);
    FAILS(kill(-leader, 0), ESRCH);
    uint32_t count = times->count;
    usleep(2000);
    CHECK(times->count == count);
    close(ready[0]);
    close(ready[1]);
    munmap(times, 4096);
}

static struct times *map_times(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, 4096))
        return NULL;
    struct times *times = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return times == MAP_FAILED ? NULL : times;
}

int main(int argc, char **argv)
{
    alarm(100);
    if (argc > 2) {
        struct times *times = map_times(argv[2]);
        CHECK(times);
        if (!times)
            return 1;
        if (!strcmp(argv[1], "leave")) {
            *times = (struct times){0};
            start(times);
            times->ended = now();
            return check_end();
        }
        /* lind-run waits for two seconds for what does not end. */
        CHECK(times->ended && times->count && times->seen < times->ended + 1500000000);
        return check_end();
    }
    CHECK(!prctl(PR_SET_CHILD_SUBREAPER, 1));
    for (int i = 0; i < 20; i++)
        kill_group(i % 2 ? SIGTERM : SIGKILL);
    return check_end();
}
