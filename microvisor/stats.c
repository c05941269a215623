/* lind-run --stats: counters of calls. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "microvisor/proc/helper.h"
#include "microvisor/proc/proc.h"
#include "microvisor/process.h"
#include "microvisor/time/clock.h"
#include "microvisor/trace.h"

_Static_assert(STATS_CALLS == HANDLER_TABLE_SIZE, "a place for each entry");

static struct handler original[HANDLER_TABLE_SIZE];
static struct stats stats;

static void count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* In place of the table's entry. A call that does not return (exit) is counted, without time. */
NO_SANITIZER static long
stats_handler(struct thread *thread, const uint64_t args[6], void *number)
{
    const struct handler *handler = &original[(uintptr_t)number];
    struct stats_counter *counter = &stats.counters[(uintptr_t)number];
    long result = -ENOSYS;
    count(&counter->calls, 1);
    uint64_t start = __builtin_ia32_rdtsc();
    if (handler->function)
        result = handler->function(thread, args, handler->data);
    else if (rt_upcalls.unknown)
        result = rt_upcalls.unknown(thread, args);
    count(&counter->ticks, __builtin_ia32_rdtsc() - start);
    if (result < 0 && result > -4096)
        count(&counter->errors, 1);
    return result;
}

void stats_install(struct handler *table)
{
    for (uintptr_t number = 0; number < HANDLER_TABLE_SIZE; number++) {
        original[number] = table[number];
        table[number] = (struct handler){stats_handler, (void *)number};
    }
    stats.ticks = __builtin_ia32_rdtsc();
    stats.nanoseconds = clock_host(CLOCK_MONOTONIC);
}

int stats_report(void)
{
    struct rusage usage;
    int ends[2];
    stats.ticks = __builtin_ia32_rdtsc() - stats.ticks;
    stats.nanoseconds = clock_host(CLOCK_MONOTONIC) - stats.nanoseconds;
    getrusage(RUSAGE_SELF, &usage);
    stats.user = (uint64_t)usage.ru_utime.tv_sec * 1000000 + (uint64_t)usage.ru_utime.tv_usec;
    stats.system = (uint64_t)usage.ru_stime.tv_sec * 1000000 + (uint64_t)usage.ru_stime.tv_usec;
    stats.memory = (uint64_t)usage.ru_maxrss;
    process_totals(&stats.processes, &stats.processes_most);
    if (pipe2(ends, O_CLOEXEC))
        return -errno;
    pid_t pid = helper_start("lind-trace", "--stats", (const int[]){ends[0], -1, STDERR_FILENO}, 3);
    /* There is room for all of it in a pipe. */
    int error = pid < 0 || write(ends[1], &stats, sizeof stats) != sizeof stats ? -ENOENT : 0;
    close(ends[0]);
    close(ends[1]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return error;
}
