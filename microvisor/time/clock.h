/* Clocks, as the microvisor's own code reads them. Hot calls may use them. */
#ifndef LIND_CLOCK_H
#define LIND_CLOCK_H

#include <errno.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>

#include "microvisor/process.h"

#define SECOND 1000000000ULL

/* Nanoseconds of a clock of the host. */
uint64_t clock_host(int clock);

/* Nanoseconds of a clock as the task sees it: CPU clocks are those of its process and of tasks in
 * it. Returns 0 or -EINVAL. */
int clock_read(struct task *task, int clock, uint64_t *nanoseconds);

/* Whether a program's time is one: no negative seconds, a nanosecond part below one second. */
static inline int timespec_valid(const struct timespec *time)
{
    return time->tv_sec >= 0 && (uint64_t)time->tv_nsec < SECOND;
}

/* Saturates: 292 years. */
static inline uint64_t timespec_nanoseconds(const struct timespec *time)
{
    if ((uint64_t)time->tv_sec >= INT64_MAX / SECOND)
        return INT64_MAX;
    return (uint64_t)time->tv_sec * SECOND + (uint64_t)time->tv_nsec;
}

static inline struct timespec timespec_of(uint64_t nanoseconds)
{
    return (struct timespec){(long)(nanoseconds / SECOND), (long)(nanoseconds % SECOND)};
}

struct timeval timeval_of(uint64_t nanoseconds);

/* Copies a time of a program in. Returns 0, -EFAULT, or -EINVAL for what is none. */
static inline int timespec_copyin(const struct task *task, struct timespec *time, uint64_t from)
{
    if (task_copyin(task, time, from, sizeof *time))
        return -EFAULT;
    return timespec_valid(time) ? 0 : -EINVAL;
}

/* A clock's reading after a valid relative time; saturates at INT64_MAX. */
static inline uint64_t clock_deadline(int clock, const struct timespec *relative)
{
    uint64_t end = clock_host(clock) + timespec_nanoseconds(relative);
    return end > INT64_MAX ? INT64_MAX : end;
}

/* Deadlines are readings of CLOCK_MONOTONIC; NEVER waits for ever, 0 does not wait. */
#define NEVER UINT64_MAX

/* A valid time from now on; no time is 0. */
static inline uint64_t deadline_of(const struct timespec *time)
{
    return time->tv_sec || time->tv_nsec ? clock_deadline(CLOCK_MONOTONIC, time) : 0;
}

/* poll(2)'s: below zero for ever. */
static inline uint64_t deadline_of_milliseconds(int32_t timeout)
{
    const struct timespec time = {timeout / 1000, timeout % 1000 * 1000000L};
    return timeout < 0 ? NEVER : deadline_of(&time);
}

static inline int deadline_passed(uint64_t deadline)
{
    return deadline != NEVER && (!deadline || clock_host(CLOCK_MONOTONIC) >= deadline);
}

/* What is left until then, not below zero, in *left: as the host's calls want it, NULL for NEVER.
 */
static inline const struct timespec *deadline_left(uint64_t deadline, struct timespec *left)
{
    if (deadline == NEVER)
        return NULL;
    /* One reading: between two the deadline may pass. */
    uint64_t now = deadline ? clock_host(CLOCK_MONOTONIC) : 0;
    *left = timespec_of(deadline > now ? deadline - now : 0);
    return left;
}

#endif
