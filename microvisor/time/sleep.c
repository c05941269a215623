/* nanosleep and clock_nanosleep. */
#include <errno.h>

#include "microvisor/signal/signal.h"
#include "microvisor/time/clock.h"
#include "rt/host.h"

/* Sleeps until `clock` of the host reads `deadline`. remaining: where a relative sleep's rest goes,
 * 0 for an absolute one or when the program does not want it. */
static long sleep_until(struct task *task, int clock, uint64_t deadline, uint64_t remaining,
                        int relative);

/* restart_syscall: goes on with a relative sleep. args: clock, deadline, remaining. */
static long sleep_on(struct task *task, const uint64_t args[6])
{
    return sleep_until(task, (int)args[0], args[1], args[2], 1);
}

static long sleep_until(struct task *task, int clock, uint64_t deadline, uint64_t remaining,
                        int relative)
{
    struct timespec end = timespec_of(deadline);
    for (;;) {
        long error =
            task_blocking(task, SYS_clock_nanosleep, clock, TIMER_ABSTIME, HOST_ARG(&end));
        if (error != -EINTR)
            return error;
        if (!signal_look(task))
            continue;
        if (!relative)
            return signal_interrupted(task, RESTART_NOHAND);
        uint64_t now = clock_host(clock);
        struct timespec left = timespec_of(now < deadline ? deadline - now : 0);
        if (!left.tv_sec && !left.tv_nsec)
            return 0;
        if (remaining && task_copyout(task, remaining, &left, sizeof left))
            return -EFAULT;
        const uint64_t again[6] = {(uint64_t)clock, deadline, remaining};
        return signal_restart_later(task, sleep_on, again);
    }
}

/* A CPU clock of the process advances only while a task runs; it is looked at as often as it can
 * have advanced enough. */
static long sleep_cpu(struct task *task, int clock, uint64_t deadline)
{
    for (;;) {
        uint64_t now;
        int error = clock_read(task, clock, &now);
        if (error)
            return error;
        if (now >= deadline)
            return 0;
        struct timespec wait = timespec_of(deadline - now < SECOND / 1000 ? SECOND / 1000
                                           : deadline - now < SECOND / 50 ? deadline - now
                                                                          : SECOND / 50);
        task_blocking(task, SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, HOST_ARG(&wait));
        if (signal_look(task))
            return -EINTR;
    }
}

long call_clock_nanosleep(struct task *task, const uint64_t args[6])
{
    int clock = (int)args[0];
    struct timespec time;
    uint64_t now;
    if (clock_read(task, clock, &now))
        return -EINVAL;
    if (clock == CLOCK_THREAD_CPUTIME_ID || clock == CLOCK_MONOTONIC_RAW ||
        clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE)
        return -EOPNOTSUPP;
    int error = timespec_copyin(task, &time, args[2]);
    if (error)
        return error;
    uint64_t deadline = timespec_nanoseconds(&time);
    int relative = !(args[1] & TIMER_ABSTIME);
    if (relative) {
        deadline += now;
        if (deadline > INT64_MAX)
            deadline = INT64_MAX;
        /* A relative sleep is not changed by setting the clock (POSIX clock_nanosleep). */
        if (clock == CLOCK_REALTIME) {
            clock = CLOCK_MONOTONIC;
            deadline = clock_deadline(clock, &time);
        }
    }
    if (clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID)
        return sleep_cpu(task, clock, deadline);
    return sleep_until(task, clock, deadline, args[3], relative);
}

