/* Watching a cage's calls: lind-run --trace and --stats. Both wrap the entries of a handler table,
 * so nothing is paid when they are off. */
#ifndef LIND_TRACE_H
#define LIND_TRACE_H

#include "rt/thread.h"

/* Makes every call that goes through the table, or only those in `what` (names with commas between
 * them; "all" for all), print a line on the host's descriptor fd (not owned) when it returns:
 *     name(arguments) = result ERROR (words)
 * as calls.def describes the arguments; lines of tasks other than 1 begin with their number. To be
 * done before the table is used. Tables copied from this one are traced as well. Returns 0, -EINVAL
 * with *unknown set to the part of `what` that names no call, or -ENOMEM. COLD. */
int trace_install(struct handler *table, const char *what, int fd, const char **unknown);

/* Counts calls, failures and time of every call that goes through the table, and tables copied from
 * it. Returns the counters, which live for ever, or NULL when out of memory. COLD. */
struct call_stats;
struct call_stats *stats_install(struct handler *table);

/* Prints the counters, and what lind-run itself used, on the host's descriptor fd. COLD. */
void stats_report(const struct call_stats *stats, int fd);

#endif
