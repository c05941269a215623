// Do a cage's many timers, all due all the time with a signal that does nothing, leave others' timers on time, and the host its processors?
// RUN: %lind-cc -O1 -D_GNU_SOURCE -I%root/test/posix/Inputs %s -o %t && timeout 300 %lind-run %t
// The control: timers whose signals are taken ring as often as they are set to.
// RUN: timeout 300 %lind-run %t taken | FileCheck %s
// CHECK: all rang
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { TIMERS = 20000, TURNS = 20 };

static volatile sig_atomic_t rung;

static void ring(int signal)
{
    rung++;
}

static long long now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void arm(int count, int signal, long interval)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal};
    struct itimerspec value = {{0, interval}, {0, 1}};
    timer_t timer;
    for (int i = 0; i < count; i++)
        CHECK(!timer_create(CLOCK_MONOTONIC, &event, &timer) && !timer_settime(timer, 0, &value, NULL));
}

static int compare(const void *one, const void *other)
{
    long long a = *(const long long *)one, b = *(const long long *)other;
    return (a > b) - (a < b);
}

/* Nanoseconds by which the middle one of some alarms is late. */
static long long delay(void)
{
    long long late[TURNS];
    const struct itimerval value = {{0, 0}, {0, 20000}};
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, &old);
    for (int i = 0; i < TURNS; i++) {
        long long start = now(CLOCK_MONOTONIC);
        int before = rung;
        setitimer(ITIMER_REAL, &value, NULL);
        while (rung == before)
            sigsuspend(&old);
        late[i] = now(CLOCK_MONOTONIC) - start - 20000000;
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    qsort(late, TURNS, sizeof *late, compare);
    return late[TURNS / 2];
}

int main(int count, char **arguments)
{
    int ends[2];
    char byte;
    signal(SIGALRM, ring);
    if (count > 1) {
        signal(SIGUSR1, ring);
        arm(100, SIGUSR1, 0);
        signal(SIGRTMIN, ring);
        arm(1, SIGRTMIN, 1000000);
        for (int i = 0; i < 60000 && rung < 100; i++)
            usleep(1000);
        puts(rung >= 100 ? "all rang" : "some did not ring");
        return check_end();
    }
    CHECK(!pipe(ends));
    long long alone = delay();
    pid_t pid = fork();
    if (!pid) {
        signal(SIGUSR1, SIG_IGN);
        arm(TIMERS, SIGUSR1, 1000);
        write(ends[1], "x", 1);
        for (;;)
            pause();
    }
    CHECK(read(ends[0], &byte, 1) == 1);
    long long beside = delay();
    /* Other work may have begun meanwhile. */
    for (int tries = 0; tries < 20 && beside >= alone + 20000000; tries++)
        beside = delay();
    printf("late by %lld us alone, by %lld us beside\n", alone / 1000, beside / 1000);
    CHECK(beside < alone + 20000000);
    CHECK(!kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid);
    return check_end();
}
