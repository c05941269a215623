/* lind-run's parts. */
#ifndef LIND_RUN_H
#define LIND_RUN_H

#include <stddef.h>
#include <sys/resource.h>

/* Exit statuses that are not the program's, as env(1) and shells have them. */
enum { EXIT_LIND = 125, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

/* What the command line asks for. Strings are the command line's. Lists are NULL-terminated. */
struct run_options {
    const char **dirs; /* HOST[:GUEST][:ro] */
    size_t dir_count;
    const char **environment; /* NAME=VALUE to set */
    size_t environment_count;
    const char **limits; /* NAME=SOFT[:HARD], checked by limit_parse */
    size_t limit_count;
    const char **beside; /* commands of programs to start beside it */
    size_t beside_count;
    int clear_environment;
    int no_default_dirs;
    int inherit_fds; /* all open descriptors, not 0, 1 and 2 alone */
    int stats;
    const char *cwd;
    const char *trace; /* calls to trace, or "all" */
    const char *argv0;
    char **arguments; /* the program and its arguments */
};

/* Does it. Returns lind-run's exit status, or ends lind-run by the signal that ended the program
 * when its own parent would see that as the shell's 128+N. */
int run_program(const struct run_options *run);

/* limits.c: reads NAME=SOFT[:HARD] (docs: lind-run(1), --limit). Returns NULL with *resource
 * (RLIMIT_…) and *limit set, or what is wrong with the words. */
const char *limit_parse(const char *words, unsigned *resource, struct rlimit *limit);

#endif
