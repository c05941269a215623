/* lind-run: starts a program in a cage. Command line only; what it asks for is done by
 * microvisor/proc and microvisor/fs. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/run/run.h"

const char *argp_program_version = "lind-run 0.1.0";

static const char doc[] =
    "Runs PROGRAM, built by lind-cc, in a cage of its own."
    "\vPROGRAM is a path, or a name that is looked up in the current directory and then along "
    "PATH.\n\nBy default the current directory is readable and writable, the program's file is "
    "readable, /tmp and /dev/shm are private and empty, and "
    "nothing else of the host is visible; there is no network. The program's code is verified "
    "before it runs; that cannot be turned "
    "off.\n\nThe exit status is the program's; 128+N when signal N ended it; 126 when PROGRAM "
    "cannot be run, 127 when it is not "
    "found, 125 when lind-run itself fails.";

enum { OPT_CLEAR_ENV = 1000, OPT_CWD, OPT_STATS, OPT_TRACE, OPT_ARGV0, OPT_NO_DEFAULT, OPT_LIMIT };

static const struct argp_option options[] = {
    {"dir", 'd', "HOST[:GUEST][:ro]", 0,
     "Make the host's directory HOST visible as GUEST (default: the same path), read-only with :ro",
     0},
    {"env", 'e', "NAME=VALUE", 0, "Set an environment variable of the program", 0},
    {"clear-env", OPT_CLEAR_ENV, NULL, 0, "Start with an empty environment", 0},
    {"cwd", OPT_CWD, "GUEST", 0, "Start in directory GUEST", 0},
    {"no-default-dirs", OPT_NO_DEFAULT, NULL, 0, "Do not make the current directory visible", 0},
    {"limit", OPT_LIMIT, "NAME=SOFT[:HARD]", 0,
     "Begin with this resource limit: as, core, cpu, data, fsize, memlock, nofile, nproc, "
     "sigpending or stack; a number, with K, M or G, or 'unlimited'",
     0},
    {"argv0", OPT_ARGV0, "NAME", 0, "Give the program NAME as its argv[0]", 0},
    {"stats", OPT_STATS, NULL, 0, "Report calls, memory and time on standard error at the end", 0},
    {"trace", OPT_TRACE, "CALL,...", OPTION_ARG_OPTIONAL,
     "Print each call, or those named, with arguments and result on standard error", 0},
    {0},
};

static void append(struct argp_state *state, const char ***list, size_t *count, const char *item)
{
    const char **longer = realloc(*list, (*count + 2) * sizeof *longer);
    if (!longer)
        argp_failure(state, EXIT_LIND, ENOMEM, "cannot read the command line");
    longer[(*count)++] = item;
    longer[*count] = NULL;
    *list = longer;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct run_options *run = state->input;
    struct rlimit limit;
    unsigned resource;
    const char *wrong;
    switch (key) {
    case 'd':
        if (!*argument || *argument == ':')
            argp_error(state, "--dir needs a host directory before the first ':'");
        append(state, &run->dirs, &run->dir_count, argument);
        return 0;
    case 'e':
        if (!strchr(argument, '=') || *argument == '=')
            argp_error(state, "--env needs NAME=VALUE, not '%s'", argument);
        append(state, &run->environment, &run->environment_count, argument);
        return 0;
    case OPT_LIMIT:
        wrong = limit_parse(argument, &resource, &limit);
        if (wrong)
            argp_error(state, "--limit %s: %s", argument, wrong);
        append(state, &run->limits, &run->limit_count, argument);
        return 0;
    case OPT_CLEAR_ENV:
        run->clear_environment = 1;
        return 0;
    case OPT_CWD:
        run->cwd = argument;
        return 0;
    case OPT_NO_DEFAULT:
        run->no_default_dirs = 1;
        return 0;
    case OPT_ARGV0:
        run->argv0 = argument;
        return 0;
    case OPT_STATS:
        run->stats = 1;
        return 0;
    case OPT_TRACE:
        run->trace = argument ? argument : "all";
        return 0;
    case ARGP_KEY_ARG:
        /* The first word that is no option is the program; the rest is the program's. */
        run->arguments = state->argv + state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_END:
        if (!run->arguments)
            argp_error(state, "no program named");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp parser = {options, parse, "PROGRAM [ARGUMENT...]", doc, 0, 0, 0};
    struct run_options run = {0};

    argp_err_exit_status = EXIT_LIND;
    argp_parse(&parser, argc, argv, ARGP_IN_ORDER, 0, &run);
    return run_program(&run);
}
