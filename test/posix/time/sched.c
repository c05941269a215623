// Does a program see and set its own scheduling, and that of other processes?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../Inputs/check.h"

/* The nice value, CPU count and policy of a new process, packed; it makes its own value `nice` first
 * and keeps to one CPU, unless that is -1. */
static int of_child(int nice)
{
    cpu_set_t set;
    int status;
    pid_t pid = fork();
    if (!pid) {
        CPU_ZERO(&set);
        if (nice != -1) {
            CPU_SET(sched_getcpu(), &set);
            setpriority(PRIO_PROCESS, 0, nice);
            sched_setaffinity(0, sizeof set, &set);
        }
        sched_getaffinity(0, sizeof set, &set);
        _exit((20 - (int)syscall(SYS_getpriority, PRIO_PROCESS, 0)) << 2 | (CPU_COUNT(&set) & 3));
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int nice_in_proc(pid_t pid)
{
    char path[40], line[1000] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    int priority, nice;
    if (!file || !fgets(line, sizeof line, file))
        return 99;
    fclose(file);
    int found = sscanf(strrchr(line, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %d %d", &priority, &nice);
    return found == 2 && priority == 20 + nice ? nice : 99;
}

/* What one process changes of its scheduling is inherited by its children and by nobody else. */
static void inheritance(void)
{
    int nice = 20 - (int)syscall(SYS_getpriority, PRIO_PROCESS, 0);
    if (nice < 0 || nice > 10)
        return;
    int usual = of_child(-1);
    CHECK(usual >> 2 == nice);
    CHECK(of_child(17) == (17 << 2 | 1));
    for (int i = 0; i < 5; i++)
        CHECK(of_child(-1) == usual);
    pid_t pid = fork();
    if (!pid) {
        CHECK(!setpriority(PRIO_PROCESS, 0, nice + 2));
        CHECK(nice_in_proc(getpid()) == nice + 2);
        for (int i = 0; i < 3; i++)
            CHECK(of_child(-1) == usual + (2 << 2));
        exit(check_end());
    }
    int status;
    siginfo_t info;
    CHECK(!waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) && nice_in_proc(pid) == nice + 2);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(nice_in_proc(getpid()) == nice && of_child(-1) == usual);
}

/* renice(1), taskset(1) and the like act on other processes, and on groups of them. */
static void others(void)
{
    int nice = 20 - (int)syscall(SYS_getpriority, PRIO_PROCESS, 0);
    struct sched_param param = {0};
    cpu_set_t set;
    int status, ends[2];
    if (nice < 0 || nice > 10)
        return;
    CHECK(!pipe(ends));
    pid_t pid = fork();
    if (!pid) {
        char byte;
        setpgid(0, 0);
        close(ends[1]);
        read(ends[0], &byte, 1);
        CPU_ZERO(&set);
        sched_getaffinity(0, sizeof set, &set);
        _exit(20 - (int)syscall(SYS_getpriority, PRIO_PROCESS, 0) == nice + 4 && CPU_COUNT(&set) == 1 &&
                      syscall(SYS_sched_getscheduler, 0) == SCHED_BATCH
                  ? 0
                  : 1);
    }
    setpgid(pid, pid);
    CHECK(getpriority(PRIO_PROCESS, (id_t)pid) == nice);
    CHECK(!setpriority(PRIO_PROCESS, (id_t)pid, nice + 2) && getpriority(PRIO_PROCESS, (id_t)pid) == nice + 2);
    CHECK(!setpriority(PRIO_PGRP, (id_t)pid, nice + 4) && getpriority(PRIO_PGRP, (id_t)pid) == nice + 4);
    CHECK(getpriority(PRIO_PROCESS, 0) == nice && getpriority(PRIO_PGRP, 0) == nice);
    CHECK(getpriority(PRIO_USER, 0) <= nice && getpriority(PRIO_USER, getuid()) <= nice);
    CHECK(!sched_getaffinity(pid, sizeof set, &set) && CPU_COUNT(&set) >= 1);
    int first = 0;
    while (!CPU_ISSET(first, &set))
        first++;
    CPU_ZERO(&set);
    CPU_SET(first, &set);
    CHECK(!sched_setaffinity(pid, sizeof set, &set));
    CHECK(!syscall(SYS_sched_getparam, pid, &param) && param.sched_priority == 0);
    CHECK(!syscall(SYS_sched_setscheduler, pid, SCHED_BATCH, &param));
    CHECK(syscall(SYS_sched_getscheduler, pid) == SCHED_BATCH);
    if (!geteuid()) { /* another user may look but not touch */
        pid_t other = fork();
        if (!other) {
            setuid(12345);
            CHECK(getpriority(PRIO_PROCESS, (id_t)pid) == nice + 4);
            FAILS(setpriority(PRIO_PROCESS, (id_t)pid, nice + 5), EPERM);
            FAILS(setpriority(PRIO_PGRP, (id_t)pid, nice + 5), EPERM);
            FAILS(sched_setaffinity(pid, sizeof set, &set), EPERM);
            FAILS(syscall(SYS_sched_setscheduler, pid, SCHED_OTHER, &param), EPERM);
            exit(check_end());
        }
        CHECK(waitpid(other, &status, 0) == other && status == 0);
    }
    close(ends[1]);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    FAILS(getpriority(PRIO_PGRP, (id_t)pid), ESRCH);
    FAILS(setpriority(PRIO_PROCESS, (id_t)pid, 0), ESRCH);
}

static long own_nice(void)
{
    return 20 - syscall(SYS_getpriority, PRIO_PROCESS, 0);
}

/* Who is not root may go down, and up as far as RLIMIT_NICE says; whatever lind-run may. */
static void as_user(long nice, const struct rlimit *limit)
{
    struct sched_param param = {0};
    CHECK(!setpgid(0, 0) && !setrlimit(RLIMIT_NICE, limit) && !setuid(12345));
    CHECK(!setpriority(PRIO_PROCESS, 0, (int)nice + 3) && own_nice() == nice + 3);
    CHECK(!setpriority(PRIO_PROCESS, 0, (int)nice + 3));
    if (limit->rlim_cur) {
        CHECK(!setpriority(PRIO_PROCESS, 0, (int)nice + 1) && own_nice() == nice + 1);
        CHECK(!setpriority(PRIO_PROCESS, 0, (int)nice + 3));
        CHECK(!syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &param));
        CHECK(!setpriority(PRIO_PROCESS, 0, (int)nice + 1));
        CHECK(!syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &param));
        CHECK(!setpriority(PRIO_PGRP, 0, (int)nice + 3) && own_nice() == nice + 3);
    } else {
        FAILS(setpriority(PRIO_PROCESS, 0, (int)nice + 2), EACCES);
    }
    FAILS(setpriority(PRIO_PROCESS, 0, (int)nice), EACCES);
    FAILS(setpriority(PRIO_PROCESS, getpid(), (int)nice), EACCES);
    FAILS(setpriority(PRIO_PGRP, 0, (int)nice), EACCES);
    FAILS(setpriority(PRIO_USER, 0, -1000), EACCES);
    CHECK(own_nice() == nice + 3);
    CHECK(!syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &param));
    CHECK(!syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &param));
    if (!limit->rlim_cur) {
        FAILS(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &param), EPERM);
        FAILS(syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &param), EPERM);
        CHECK(syscall(SYS_sched_getscheduler, 0) == SCHED_IDLE);
    }
}

static void users(void)
{
    long nice = own_nice();
    struct rlimit now;
    if (geteuid() || nice < 0 || nice > 10)
        return;
    CHECK(!getrlimit(RLIMIT_NICE, &now));
    for (int limited = 0; limited < 2; limited++) {
        const rlim_t most = limited ? (rlim_t)(20 - nice - 1) : 0;
        if (most > now.rlim_max)
            continue; /* root may raise it on Linux, but not in a container or a cage */
        const struct rlimit limit = {most, most};
        int status;
        pid_t pid = fork();
        if (!pid) {
            as_user(nice, &limit);
            exit(check_end());
        }
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    }
}

int main(void)
{
    struct sched_param param = {.sched_priority = 7};
    void *const bad[] = BAD_ADDRESSES;
    /* Whoever started it may have another nice value. */
    CHECK(!setpgid(0, 0) || getpgrp() == getpid());
    inheritance();
    others();
    users();
    CHECK(!syscall(SYS_sched_yield));
    CHECK(syscall(SYS_sched_getscheduler, 0) == SCHED_OTHER);
    CHECK(syscall(SYS_sched_getscheduler, getpid()) == SCHED_OTHER);
    FAILS(syscall(SYS_sched_getscheduler, 0x7ffffff0), ESRCH);
    FAILS(syscall(SYS_sched_getscheduler, -1), EINVAL);
    CHECK(!syscall(SYS_sched_getparam, 0, &param) && param.sched_priority == 0);
    FAILS(syscall(SYS_sched_getparam, 0, NULL), EINVAL);
    CHECK(!syscall(SYS_sched_setparam, 0, &param));
    CHECK(!syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &param));
    CHECK(syscall(SYS_sched_getscheduler, 0) == SCHED_BATCH);
    CHECK(!syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &param));
    param.sched_priority = 3;
    FAILS(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &param), EINVAL);
    FAILS(syscall(SYS_sched_setscheduler, 0, 77, &param), EINVAL);
    if (geteuid())
        FAILS(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param), EPERM);
    param.sched_priority = 0;
    FAILS(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param), EINVAL);
    CHECK(syscall(SYS_sched_get_priority_max, SCHED_FIFO) == 99);
    CHECK(syscall(SYS_sched_get_priority_min, SCHED_RR) == 1);
    CHECK(syscall(SYS_sched_get_priority_max, SCHED_OTHER) == 0);
    FAILS(syscall(SYS_sched_get_priority_max, 77), EINVAL);
    struct timespec quantum;
    CHECK(!syscall(SYS_sched_rr_get_interval, 0, &quantum));

    cpu_set_t set, one;
    long length = syscall(SYS_sched_getaffinity, 0, sizeof set, &set);
    CHECK(length >= 8 && length <= (long)sizeof set && length % 8 == 0);
    CHECK(!sched_getaffinity(0, sizeof set, &set) && CPU_COUNT(&set) >= 1);
    FAILS(syscall(SYS_sched_getaffinity, 0, 7, &set), EINVAL);
    FAILS(syscall(SYS_sched_getaffinity, 0x7ffffff0, sizeof set, &set), ESRCH);
    int first = 0;
    while (!CPU_ISSET(first, &set))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    CHECK(!sched_setaffinity(0, sizeof one, &one));
    unsigned cpu = 999, node = 999;
    CHECK(!syscall(SYS_getcpu, &cpu, &node, NULL));
    CHECK(cpu == (unsigned)first && node < 999);
    CHECK(!syscall(SYS_getcpu, NULL, NULL, NULL));
    CHECK(!sched_getaffinity(0, sizeof one, &one) && CPU_COUNT(&one) == 1);
    CHECK(!sched_setaffinity(0, sizeof set, &set));
    CPU_ZERO(&one);
    FAILS(syscall(SYS_sched_setaffinity, 0, sizeof one, &one), EINVAL);

    int nice_before = 20 - (int)syscall(SYS_getpriority, PRIO_PROCESS, 0);
    CHECK(nice_before >= -20 && nice_before <= 19);
    if (nice_before < 18) {
        CHECK(!setpriority(PRIO_PROCESS, 0, nice_before + 1));
        CHECK(getpriority(PRIO_PROCESS, getpid()) == nice_before + 1);
    }
    FAILS(syscall(SYS_getpriority, 9, 0), EINVAL);
    FAILS(syscall(SYS_getpriority, PRIO_PROCESS, 0x7ffffff0), ESRCH);
    FAILS(syscall(SYS_setpriority, 9, 0, 0), EINVAL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        FAILS(syscall(SYS_sched_getparam, 0, bad[i]), EFAULT);
        FAILS(syscall(SYS_sched_setparam, 0, bad[i]), EFAULT);
        FAILS(syscall(SYS_sched_setscheduler, 0, 0, bad[i]), EFAULT);
        FAILS(syscall(SYS_sched_getaffinity, 0, 8, bad[i]), EFAULT);
        FAILS(syscall(SYS_sched_setaffinity, 0, 8, bad[i]), EFAULT);
        FAILS(syscall(SYS_sched_rr_get_interval, 0, bad[i]), EFAULT);
        FAILS(syscall(SYS_getcpu, bad[i], NULL, NULL), EFAULT);
    }
    return check_end();
}
