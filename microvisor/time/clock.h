/* Clocks, as the microvisor's own code reads them. No function here needs thread-local storage. */
#ifndef LIND_CLOCK_H
#define LIND_CLOCK_H

#include <stdint.h>
#include <sys/time.h>
#include <time.h>

struct task;

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

/* A clock's reading after a valid relative time; saturates at INT64_MAX. */
static inline uint64_t clock_deadline(int clock, const struct timespec *relative)
{
    uint64_t end = clock_host(clock) + timespec_nanoseconds(relative);
    return end > INT64_MAX ? INT64_MAX : end;
}

#endif
