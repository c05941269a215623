// Do the calls that ask about a process, or change it, take a zombie for one, as on Linux?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/check.h"

static void *forever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void burn(void)
{
    struct timespec now;
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    while (now.tv_nsec < 20000000 && !now.tv_sec);
}

/* A process of a group of its own that has ended, or only its first thread has. */
static pid_t start(int threads)
{
    siginfo_t info;
    char byte;
    int ends[2];
    CHECK(!pipe(ends));
    pid_t pid = fork();
    if (!pid) {
        pthread_t thread;
        struct rlimit limit = {100, 200};
        setpgid(0, 0);
        setrlimit(RLIMIT_NOFILE, &limit);
        setpriority(PRIO_PROCESS, 0, 3);
        burn();
        if (threads)
            pthread_create(&thread, NULL, forever, NULL);
        write(ends[1], "", 1);
        syscall(threads ? SYS_exit : SYS_exit_group, 0);
    }
    CHECK(read(ends[0], &byte, 1) == 1);
    close(ends[0]);
    close(ends[1]);
    if (threads)
        usleep(50000);
    else
        CHECK(!waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    return pid;
}

static long scheduler(pid_t pid)
{
    return syscall(SYS_sched_getscheduler, pid);
}

static long set_scheduler(pid_t pid, int policy, int priority)
{
    return syscall(SYS_sched_setscheduler, pid, policy, &priority);
}

static long priority_of(int which, pid_t who)
{
    return syscall(SYS_getpriority, which, who);
}

static long cpu_clock(pid_t pid, struct timespec *time)
{
    return syscall(SYS_clock_gettime, (int)(~(unsigned)pid << 3 | 2), time);
}

static void scheduling(pid_t pid)
{
    int parameter = 7, none = 0;
    cpu_set_t set, empty;
    struct timespec time;
    CPU_ZERO(&empty);
    CHECK(scheduler(pid) == SCHED_OTHER);
    CHECK(!syscall(SYS_sched_getparam, pid, &parameter) && parameter == 0);
    CHECK(!set_scheduler(pid, SCHED_BATCH, 0) && scheduler(pid) == SCHED_BATCH);
    CHECK(!syscall(SYS_sched_setparam, pid, &none) && scheduler(pid) == SCHED_BATCH);
    FAILS(set_scheduler(pid, SCHED_BATCH, 5), EINVAL);
    FAILS(set_scheduler(pid, SCHED_FIFO, 0), EINVAL);
    FAILS(set_scheduler(pid, 99, 0), EINVAL);
    parameter = 5;
    FAILS(syscall(SYS_sched_setparam, pid, &parameter), EINVAL);
    CHECK(!syscall(SYS_sched_rr_get_interval, pid, &time));
    CHECK(!sched_getaffinity(pid, sizeof set, &set) && CPU_COUNT(&set) > 0);
    CHECK(!sched_setaffinity(pid, sizeof set, &set));
    FAILS(sched_setaffinity(pid, sizeof empty, &empty), EINVAL);

    CHECK(priority_of(PRIO_PROCESS, pid) == 17 && priority_of(PRIO_PGRP, pid) == 17);
    CHECK(!setpriority(PRIO_PROCESS, (id_t)pid, 7) && priority_of(PRIO_PROCESS, pid) == 13);
    CHECK(!setpriority(PRIO_PGRP, (id_t)pid, 8) && priority_of(PRIO_PROCESS, pid) == 12);
    CHECK(!setpriority(PRIO_PROCESS, (id_t)pid, 99) && priority_of(PRIO_PROCESS, pid) == 1);
}

static void others(pid_t pid)
{
    struct rlimit limit, old, more = {10, 1000};
    struct timespec time;
    struct {
        uint32_t version;
        int pid;
    } header = {0x20080522, pid};
    uint32_t data[6];
    clockid_t clock;
    CHECK(!prlimit(pid, RLIMIT_NOFILE, NULL, &limit) && limit.rlim_cur == 100 && limit.rlim_max == 200);
    limit.rlim_cur = 50;
    CHECK(!prlimit(pid, RLIMIT_NOFILE, &limit, &old) && old.rlim_cur == 100);
    CHECK(!prlimit(pid, RLIMIT_NOFILE, NULL, &old) && old.rlim_cur == 50);
    CHECK(!prlimit(pid, RLIMIT_CPU, NULL, &old) && !prlimit(pid, RLIMIT_CPU, &old, NULL));
    FAILS(prlimit(pid, 99, NULL, &old), EINVAL);
    if (geteuid())
        FAILS(prlimit(pid, RLIMIT_NOFILE, &more, NULL), EPERM);
    CHECK(!syscall(SYS_capget, &header, data));
    CHECK(!cpu_clock(pid, &time) && (time.tv_sec || time.tv_nsec >= 20000000));
    CHECK(!clock_getcpuclockid(pid, &clock) && !clock_gettime(clock, &time));
    CHECK(getpgid(pid) == pid && getsid(pid) == getsid(0));
    CHECK(!kill(pid, 0) && !kill(-pid, 0));
}

/* Another user may look, but not change. */
static void as_another(pid_t pid)
{
    int status;
    struct rlimit limit;
    if (geteuid())
        return;
    pid_t child = fork();
    if (!child) {
        cpu_set_t set;
        CHECK(!setuid(12345));
        CHECK(priority_of(PRIO_PROCESS, pid) > 0 && scheduler(pid) >= 0);
        FAILS(setpriority(PRIO_PROCESS, (id_t)pid, 15), EPERM);
        FAILS(setpriority(PRIO_PGRP, (id_t)pid, 15), EPERM);
        FAILS(set_scheduler(pid, SCHED_OTHER, 0), EPERM);
        CHECK(!sched_getaffinity(pid, sizeof set, &set));
        FAILS(sched_setaffinity(pid, sizeof set, &set), EPERM);
        FAILS(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), EPERM);
        FAILS(kill(pid, 0), EPERM);
        exit(check_end());
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void gone(pid_t pid)
{
    struct rlimit limit;
    struct timespec time;
    cpu_set_t set;
    FAILS(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), ESRCH);
    FAILS(prlimit(pid, 99, NULL, &limit), ESRCH);
    FAILS(scheduler(pid), ESRCH);
    FAILS(set_scheduler(pid, SCHED_OTHER, 0), ESRCH);
    FAILS(sched_getaffinity(pid, sizeof set, &set), ESRCH);
    FAILS(priority_of(PRIO_PROCESS, pid), ESRCH);
    FAILS(priority_of(PRIO_PGRP, pid), ESRCH);
    FAILS(setpriority(PRIO_PGRP, (id_t)pid, 19), ESRCH);
    FAILS(cpu_clock(pid, &time), EINVAL);
    FAILS(kill(pid, 0), ESRCH);
}

int main(void)
{
    if (priority_of(PRIO_PROCESS, 0) != 20)
        return 0; /* other numbers than here */
    pid_t pid = start(0);
    scheduling(pid);
    others(pid);
    as_another(pid);
    CHECK(waitpid(pid, NULL, 0) == pid);
    gone(pid);
    CHECK(priority_of(PRIO_PROCESS, 0) == 20);

    pid = start(1);
    scheduling(pid);
    others(pid);
    as_another(pid);
    struct timespec time;
    CHECK(!kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid);
    gone(pid);

    /* The clock of a process that goes on. */
    pid = fork();
    if (!pid)
        for (;;)
            pause();
    CHECK(!cpu_clock(pid, &time) && !time.tv_sec);
    CHECK(!kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid);
    return check_end();
}
