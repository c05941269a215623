/* Watching a cage's calls: lind-run --trace and --stats. Both wrap the entries of a handler table,
 * so nothing is paid when they are off. */
#ifndef LIND_TRACE_H
#define LIND_TRACE_H

#include <stdint.h>

struct handler;

/* Makes every call that goes through the table, or only those in `what` (names with commas between
 * them; "all" for all), be printed on standard error when it returns. lind-trace, a process of its
 * own beside lind-run's program, does that as calls.def describes the arguments (tools/trace). To
 * be done before the table is used. Tables copied from this one are traced as well. A traced call
 * waits until its line is written, for as long as whoever reads standard error takes: as with
 * strace(1) no line is lost, and a task that is to end waits, too. Returns 0,
 * -EINVAL with *unknown set to the part of `what` that names no call, -ENOENT when lind-trace cannot
 * be started, or -ENOMEM. COLD. */
int trace_install(struct handler *table, const char *what, const char **unknown);

/* What lind-run and lind-trace say to each other, in messages of a socket, lind-trace's descriptor
 * 0: a struct trace_call; then questions about memory of the task's window, each with its answer;
 * then the line is printed, and a question of length 0 says so. */
struct trace_call {
    uint64_t args[6];
    int64_t result;
    int32_t number, tid;
    int32_t begins; /* told before the call is made, as it may not return; no result yet */
    int32_t unused;
};

struct trace_question {
    uint64_t offset;
    uint32_t length; /* at most TRACE_BYTES */
    uint32_t string; /* up to its NUL, at most so many bytes */
};

#define TRACE_BYTES 4096
struct trace_answer {
    int64_t result; /* what copyin and copyinstr return; bytes follow if it is no error */
    char bytes[TRACE_BYTES];
};

/* Counts calls, failures and time of every call that goes through the table, and tables copied from
 * it. COLD. */
void stats_install(struct handler *table);

/* Has lind-trace print the counters, and what lind-run itself used, on standard error. Returns 0, or
 * -errno when it cannot be started. COLD. */
int stats_report(void);

/* What `lind-trace --stats` reads on its descriptor 0. */
#define STATS_CALLS 512
struct stats {
    uint64_t ticks, nanoseconds; /* that passed; counters have ticks */
    uint64_t user, system;       /* CPU time of lind-run, microseconds */
    uint64_t memory;             /* KiB at most */
    uint64_t processes, processes_most; /* in all, and at most at once */
    struct stats_counter {
        _Atomic uint64_t calls, errors, ticks;
    } counters[STATS_CALLS];
};

#endif
