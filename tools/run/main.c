/* lind-run: starts a program in a cage. Command line only; what it asks for is done by
 * microvisor/proc and microvisor/fs. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/run/run.h"

static const char help[] =
    "Usage: lind-run [OPTION...] PROGRAM [ARGUMENT...]\n"
    "Runs PROGRAM, built by lind-cc, in a cage of its own.\n"
    "\n"
    "  -d, --dir=HOST[:GUEST][:ro]   make the host's directory HOST visible as GUEST\n"
    "                           (default: the same path), read-only with :ro\n"
    "  -e, --env=NAME=VALUE     set an environment variable of the program\n"
    "      --clear-env          start with an empty environment\n"
    "      --cwd=GUEST          start in directory GUEST\n"
    "      --argv0=NAME         give the program NAME as its argv[0]\n"
    "      --no-default-dirs    do not make the current directory visible\n"
    "      --limit=NAME=SOFT[:HARD]   begin with this resource limit: as, core, cpu, data,\n"
    "                           fsize, memlock, nofile, nproc, sigpending or stack; a number,\n"
    "                           with K, M or G, or 'unlimited'\n"
    "      --inherit-fds        pass on all open descriptors, not standard input, output and\n"
    "                           error alone\n"
    "      --with=COMMAND       start this program, too, with its arguments, split into words as\n"
    "                           by a shell; it is killed when PROGRAM ends\n"
    "      --stats              report calls, processes, memory and time on standard error at the\n"
    "                           end\n"
    "      --trace[=CALL,...]   print each call, or those named, with arguments and result on\n"
    "                           standard error\n"
    "  -h, --help               print this help\n"
    "  -V, --version            print the version\n"
    "\n"
    "PROGRAM is a path, or a name that is looked up in the current directory and then along\n"
    "PATH.\n"
    "\n"
    "By default the current directory is readable and writable, the program's file is readable,\n"
    "/tmp and /dev/shm are private and empty, and nothing else of the host is visible; there is\n"
    "no network. The program's code is verified before it runs; that cannot be turned off.\n"
    "\n"
    "The exit status is the program's; 128+N when signal N ended it; 126 when PROGRAM cannot be\n"
    "run, 127 when it is not found, 125 when lind-run itself fails.\n";

enum {
    OPT_CLEAR_ENV = 1000,
    OPT_CWD,
    OPT_STATS,
    OPT_TRACE,
    OPT_ARGV0,
    OPT_NO_DEFAULT,
    OPT_LIMIT,
    OPT_INHERIT,
    OPT_WITH,
};

static const struct option options[] = {
    {"dir", required_argument, NULL, 'd'},
    {"env", required_argument, NULL, 'e'},
    {"clear-env", no_argument, NULL, OPT_CLEAR_ENV},
    {"cwd", required_argument, NULL, OPT_CWD},
    {"no-default-dirs", no_argument, NULL, OPT_NO_DEFAULT},
    {"inherit-fds", no_argument, NULL, OPT_INHERIT},
    {"limit", required_argument, NULL, OPT_LIMIT},
    {"argv0", required_argument, NULL, OPT_ARGV0},
    {"with", required_argument, NULL, OPT_WITH},
    {"stats", no_argument, NULL, OPT_STATS},
    {"trace", optional_argument, NULL, OPT_TRACE},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

static _Noreturn __attribute__((format(printf, 1, 2))) void wrong(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("lind-run: ", stderr);
    vfprintf(stderr, format, list);
    fputs("\nTry 'lind-run --help' for more information.\n", stderr);
    va_end(list);
    exit(EXIT_LIND);
}

/* Ends lind-run after what was asked for instead of a program: a full disk is an error too. */
static _Noreturn void said(void)
{
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "lind-run: cannot write: %s\n", strerror(errno));
        exit(EXIT_LIND);
    }
    exit(EXIT_SUCCESS);
}

static void append(const char ***list, size_t *count, const char *item)
{
    const char **longer = realloc(*list, (*count + 2) * sizeof *longer);
    if (!longer)
        wrong("cannot read the command line: %s", strerror(errno));
    longer[(*count)++] = item;
    longer[*count] = NULL;
    *list = longer;
}

static void set_option(struct run_options *run, int key, char *argument)
{
    struct rlimit limit;
    unsigned resource;
    const char *what;
    switch (key) {
    case 'd':
        if (!*argument || *argument == ':')
            wrong("--dir needs a host directory before the first ':'");
        append(&run->dirs, &run->dir_count, argument);
        break;
    case 'e':
        if (!strchr(argument, '=') || *argument == '=')
            wrong("--env needs NAME=VALUE, not '%s'", argument);
        append(&run->environment, &run->environment_count, argument);
        break;
    case OPT_LIMIT:
        what = limit_parse(argument, &resource, &limit);
        if (what)
            wrong("--limit %s: %s", argument, what);
        append(&run->limits, &run->limit_count, argument);
        break;
    case OPT_CLEAR_ENV:
        run->clear_environment = 1;
        break;
    case OPT_CWD:
        run->cwd = argument;
        break;
    case OPT_NO_DEFAULT:
        run->no_default_dirs = 1;
        break;
    case OPT_INHERIT:
        run->inherit_fds = 1;
        break;
    case OPT_ARGV0:
        run->argv0 = argument;
        break;
    case OPT_WITH:
        append(&run->beside, &run->beside_count, argument);
        break;
    case OPT_STATS:
        run->stats = 1;
        break;
    case OPT_TRACE:
        run->trace = argument ? argument : "all";
        break;
    case 'h':
        fputs(help, stdout);
        said();
    case 'V':
        puts("lind-run 0.1.0");
        said();
    default: /* getopt_long has said what is wrong. */
        fputs("Try 'lind-run --help' for more information.\n", stderr);
        exit(EXIT_LIND);
    }
}

int main(int argc, char **argv)
{
    static char name[] = "lind-run";
    struct run_options run = {0};
    int key;

    /* getopt_long's messages begin with argv[0]. */
    if (argc > 0)
        argv[0] = name;
    /* "+": the first word that is no option is the program; the rest is the program's. */
    while ((key = getopt_long(argc, argv, "+d:e:hV", options, NULL)) != -1)
        set_option(&run, key, optarg);
    if (optind >= argc)
        wrong("no program named");
    run.arguments = argv + optind;
    return run_program(&run);
}
