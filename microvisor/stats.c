/* lind-run --stats: counters of calls. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "microvisor/calls.h"
#include "microvisor/process.h"
#include "microvisor/trace.h"

struct counter {
    struct handler original;
    _Atomic uint64_t calls, errors, ticks;
};

struct call_stats {
    struct counter counters[HANDLER_TABLE_SIZE];
    uint64_t start_ticks, start_time;
};

static uint64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* In place of the table's entry. A call that does not return (exit) is counted, without time. */
NO_SANITIZER static long
stats_handler(struct thread *thread, const uint64_t args[6], void *data)
{
    struct counter *counter = data;
    long result = -ENOSYS;
    count(&counter->calls, 1);
    uint64_t start = __builtin_ia32_rdtsc();
    if (counter->original.function)
        result = counter->original.function(thread, args, counter->original.data);
    else if (rt_upcalls.unknown)
        result = rt_upcalls.unknown(thread, args);
    count(&counter->ticks, __builtin_ia32_rdtsc() - start);
    if (result < 0 && result > -4096)
        count(&counter->errors, 1);
    return result;
}

struct call_stats *stats_install(struct handler *table)
{
    struct call_stats *stats = calloc(1, sizeof *stats);
    if (!stats)
        return NULL;
    for (int number = 0; number < HANDLER_TABLE_SIZE; number++) {
        stats->counters[number].original = table[number];
        table[number] = (struct handler){stats_handler, &stats->counters[number]};
    }
    stats->start_ticks = __builtin_ia32_rdtsc();
    stats->start_time = nanoseconds();
    return stats;
}

/* The busiest counter that costs less than the last one shown, ties in order of number; -1 at the
 * end. */
static int next_counter(const struct call_stats *stats, uint64_t below_ticks, int after)
{
    int best = -1;
    for (int number = 0; number < HANDLER_TABLE_SIZE; number++) {
        const struct counter *counter = &stats->counters[number];
        int later =
            counter->ticks < below_ticks || (counter->ticks == below_ticks && number > after);
        if (counter->calls && later && (best < 0 || counter->ticks > stats->counters[best].ticks))
            best = number;
    }
    return best;
}

void stats_report(const struct call_stats *stats, int fd)
{
    uint64_t elapsed = nanoseconds() - stats->start_time;
    uint64_t ticks = __builtin_ia32_rdtsc() - stats->start_ticks;
    uint64_t per_microsecond = elapsed / 1000 ? ticks / (elapsed / 1000) : 0;
    uint64_t calls_made = 0, errors = 0, all_ticks = 0, below = UINT64_MAX;
    if (!per_microsecond)
        per_microsecond = 1;
    dprintf(fd, "%12s %9s %10s %9s  call\n", "microseconds", "ns/call", "calls", "errors");
    for (int number = next_counter(stats, below, -1); number >= 0;
         number = next_counter(stats, below, number)) {
        const struct counter *counter = &stats->counters[number];
        below = counter->ticks;
        dprintf(fd, "%12lu %9lu %10lu %9lu  ", below / per_microsecond,
                below * 1000 / per_microsecond / counter->calls, counter->calls, counter->errors);
        if (calls[number].name)
            dprintf(fd, "%s\n", calls[number].name);
        else
            dprintf(fd, "call %d\n", number);
        calls_made += counter->calls;
        errors += counter->errors;
        all_ticks += below;
    }
    dprintf(fd, "%12lu %9s %10lu %9lu  in all\n", all_ticks / per_microsecond, "", calls_made,
            errors);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    dprintf(
        fd,
        "elapsed %lu.%06lu s, user %ld.%06ld s, system %ld.%06ld s, at most %ld KiB of memory\n",
        elapsed / 1000000000, elapsed / 1000 % 1000000, usage.ru_utime.tv_sec,
        usage.ru_utime.tv_usec, usage.ru_stime.tv_sec, usage.ru_stime.tv_usec, usage.ru_maxrss);
}
