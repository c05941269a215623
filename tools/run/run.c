#include "tools/run/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wordexp.h>

#include "microvisor/calls.h"
#include "microvisor/fs/busy.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/dev.h"
#include "microvisor/fs/place.h"
#include "microvisor/fs/procfs.h"
#include "microvisor/fs/terminal.h"
#include "microvisor/mm/memory.h"
#include "microvisor/proc/proc.h"
#include "microvisor/proc/report.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/timers.h"
#include "microvisor/trace.h"
#include "rt/spin.h"

static int complain(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("lind-run: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return status;
}

/* Opens the program: by path when the name has a slash, else the file of that name in the current
 * directory or the first one along PATH. Returns the host fd with the absolute host path in `path`,
 * or -errno. */
static int program_open(const char *name, char path[PATH_MAX])
{
    char candidate[PATH_MAX];
    int error = ENOENT;
    const char *search = strchr(name, '/') ? "" : getenv("PATH");
    if (!search)
        search = "/usr/local/bin:/usr/bin:/bin";
    for (size_t length = 0;; length = strcspn(search, ":")) {
        /* First, and for an empty part of PATH: the name as it is. */
        int size = snprintf(candidate, sizeof candidate, "%.*s%s%s", (int)length, search,
                            length ? "/" : "", name);
        struct stat status;
        int fd = -1;
        if (size >= (int)sizeof candidate) {
            error = ENAMETOOLONG;
        } else if (!realpath(candidate, path) ||
                   (fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0) {
            if (errno != ENOENT && errno != ENOTDIR)
                error = errno;
        } else if (fstat(fd, &status) || !S_ISREG(status.st_mode) || !(status.st_mode & 0111)) {
            close(fd);
            error = EACCES;
        } else {
            return fd;
        }
        search += length;
        if (!*search)
            return -error;
        search += *search == ':';
    }
}

/* Grants one --dir HOST[:GUEST][:ro]. Returns 0 or lind-run's exit status, having said why. A
 * misspelt `:ro` must not become part of a path that is writable: what follows the guest path is
 * `ro`, `rw` or an error, as is a guest path with a ':'. */
static int grant(struct place *place, const char *option)
{
    char text[2 * PATH_MAX], host[PATH_MAX];
    int read_only = 0;
    if (snprintf(text, sizeof text, "%s", option) >= (int)sizeof text)
        return complain(EXIT_LIND, "--dir %.40s…: too long", option);
    size_t length = strlen(text);
    if (length > 3 && !strcmp(text + length - 3, ":ro")) {
        read_only = 1;
        text[length - 3] = 0;
    } else if (length > 3 && !strcmp(text + length - 3, ":rw")) {
        text[length - 3] = 0;
    }
    char *guest = strchr(text, ':');
    if (guest)
        *guest++ = 0;
    const char *wrong = guest ? strchr(guest, ':') : NULL;
    if (wrong)
        return complain(EXIT_LIND, "--dir %s: '%s' is neither :ro nor :rw", option, wrong);
    if (!realpath(text, host))
        return complain(EXIT_LIND, "--dir %s: %s: %s", option, text, strerror(errno));
    if (!guest || !*guest)
        guest = host;
    if (*guest != '/')
        return complain(EXIT_LIND, "--dir %s: the guest path '%s' must start with '/'", option,
                        guest);
    int error = place_grant(place, host, guest, read_only);
    if (error)
        return complain(EXIT_LIND, "--dir %s: %s", option, strerror(-error));
    return 0;
}

/* lind-run's own soft limit of descriptors at start, which the program gets; 0 when unknown. */
static rlim_t soft_files;

/* Holds what is mounted as /tmp and /dev/shm. */
static char private_directory[PATH_MAX];

/* Removes what can be removed of a directory (taken over). Directories that have entries go to
 * `top`, or, -1, are emptied there: the program may have made them deeper than a path can say, or
 * closed them for itself. Returns whether anything changed. */
static int empty(int fd, int top)
{
    static unsigned moved;
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    int changed = 0;
    if (!directory && fd >= 0)
        close(fd);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        const char *name = entry->d_name;
        char number[16];
        if (!strcmp(name, ".") || !strcmp(name, ".."))
            continue;
        snprintf(number, sizeof number, "%u", moved);
        if (!unlinkat(fd, name, 0) || !unlinkat(fd, name, AT_REMOVEDIR)) {
            changed = 1;
        } else if (errno != ENOTEMPTY || fchmodat(fd, name, 0700, 0)) { /* of a directory alone */
            continue;
        } else if (top < 0) {
            changed |= empty(openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), fd);
        } else if (!renameat(fd, name, top, number)) {
            changed = 1;
            moved++;
        }
    }
    if (directory)
        closedir(directory);
    return changed;
}

static void remove_private(void)
{
    while (*private_directory && rmdir(private_directory) &&
           empty(open(private_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), -1))
        ;
}

static const char *private_parent(void)
{
    const char *directory = getenv("TMPDIR");
    return directory && *directory == '/' ? directory : "/tmp";
}

/* Makes directory `name` of the private directory, and that if need be. Called by one at a time. */
static int make_private(const char *name, char path[PATH_MAX])
{
    if (!*private_directory) {
        char made[PATH_MAX];
        if (snprintf(made, sizeof made, "%s/lind-run.XXXXXX", private_parent()) >=
            (int)sizeof made - NAME_MAX)
            return -ENAMETOOLONG;
        if (!mkdtemp(made))
            return -errno;
        strcpy(private_directory, made);
    }
    snprintf(path, PATH_MAX, "%s/%s", private_directory, name);
    /* It is there already if it could not be opened after it was made. */
    return mkdir(path, 01777) && errno != EEXIST ? -errno : 0;
}

static int make_tmp(char path[PATH_MAX])
{
    return make_private("tmp", path);
}

static int make_shm(char path[PATH_MAX])
{
    return make_private("shm", path);
}

/* Mounts the private directories, which the first use makes, unless something is granted there. */
static int mount_private(struct place *place)
{
    if (access(private_parent(), W_OK | X_OK))
        return complain(EXIT_LIND,
                        "cannot make a private /tmp in %s: %s (set TMPDIR to a writable directory)",
                        private_parent(), strerror(errno));
    int error = place_mount_later(place, "/tmp", make_tmp);
    if (!error || error == -EEXIST)
        error = place_mount_later(place, "/dev/shm", make_shm);
    if (error && error != -EEXIST)
        return complain(EXIT_LIND, "cannot mount the private /tmp: %s", strerror(-error));
    return 0;
}

/* Appends a list that NULL ends. Returns 0 or -ENOMEM. */
static int append(struct strings *strings, char *const *list)
{
    int error = 0;
    for (; *list && !error; list++)
        error = strings_insert(strings, strings->size, *list);
    return error;
}

/* The program's environment: lind-run's own unless cleared, then --env in order. Returns 0 or
 * -ENOMEM. */
static int make_environment(const struct run_options *run, struct strings *environment)
{
    extern char **environ;
    size_t count = 0;
    while (!run->clear_environment && environ[count])
        count++;
    char **list = malloc((count + run->environment_count + 1) * sizeof *list);
    if (!list)
        return -ENOMEM;
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "LIND_", 5))
            list[used++] = environ[i];
    for (size_t i = 0; i < run->environment_count; i++) {
        const char *setting = run->environment[i];
        size_t name = strcspn(setting, "=") + 1, at = 0;
        while (at < used && strncmp(list[at], setting, name))
            at++;
        list[at] = (char *)setting;
        used += at == used;
    }
    list[used] = NULL;
    int error = append(environment, list);
    free(list);
    return error;
}

/* Builds the name space. Returns 0 or an exit status. */
static int make_place(const struct run_options *run, struct place *place, const char *program)
{
    char cwd[PATH_MAX];
    int status = 0;
    for (size_t i = 0; i < run->dir_count && !status; i++)
        status = grant(place, run->dirs[i]);
    if (status)
        return status;
    if (!run->no_default_dirs) {
        if (!getcwd(cwd, sizeof cwd))
            return complain(EXIT_LIND, "the current directory: %s", strerror(errno));
        int error = place_grant(place, cwd, cwd, 0);
        if (error && error != -EEXIST)
            return complain(EXIT_LIND, "the current directory %s: %s", cwd, strerror(-error));
    }
    int error = place_mount_tree(place, "/dev", &dev_tree_root);
    if (!error)
        error = place_mount_tree(place, "/proc", &proc_tree_root);
    if (error && error != -EEXIST)
        return complain(EXIT_LIND, "cannot set up /dev and /proc: %s", strerror(-error));
    status = mount_private(place);
    if (status)
        return status;
    error = place_grant_file(place, program, program, 1);
    if (error && error != -EEXIST)
        return complain(EXIT_LIND, "%s: %s", program, strerror(-error));
    return 0;
}

/* Where the program starts: --cwd, or the current directory where it is visible, or "/". */
static int set_directory(const struct run_options *run, struct task *task)
{
    char cwd[PATH_MAX];
    const char *directory = run->cwd;
    if (!directory)
        directory = run->no_default_dirs || !getcwd(cwd, sizeof cwd) ? "/" : cwd;
    int error = place_start_directory(task, directory);
    if (error)
        return complain(EXIT_LIND, "cannot start in %s: %s%s", directory, strerror(-error),
                        run->cwd ? " (is it inside a --dir?)" : "");
    return 0;
}

/* --stats and --trace. Returns 0 or an exit status. */
static int watch(const struct run_options *run, struct handler *handlers)
{
    const char *unknown;
    int error = 0;
    if (run->stats)
        stats_install(handlers);
    if (run->trace)
        error = trace_install(handlers, run->trace, &unknown);
    if (error == -EINVAL)
        return complain(EXIT_LIND, "--trace: '%.*s' is no system call", (int)strcspn(unknown, ","),
                        unknown);
    if (error == -ENOENT)
        return complain(EXIT_LIND, "--trace: cannot start lind-trace, which lies beside lind-run");
    if (error)
        return complain(EXIT_LIND, "--trace: %s", strerror(-error));
    return 0;
}

/* The descriptors above standard error that lind-run was started with, in *list (malloc), ended by
 * -1. Returns 0 or an exit status. */
static int list_inherited(int **list)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;
    if (!directory)
        return complain(EXIT_LIND, "--inherit-fds: /proc/self/fd: %s", strerror(errno));
    for (struct dirent *entry; (entry = readdir(directory));) {
        int fd = atoi(entry->d_name);
        if (fd <= STDERR_FILENO || fd == dirfd(directory))
            continue; /* "." and ".." too */
        int *longer = realloc(*list, (count + 2) * sizeof **list);
        if (!longer)
            return complain(EXIT_LIND, "out of memory");
        longer[count++] = fd;
        longer[count] = -1;
        *list = longer;
    }
    closedir(directory);
    return 0;
}

/* Fills what is closed of descriptors 0 to 2, so that no file of lind-run's own gets such a number,
 * which would make it the program's standard input, output or error. Returns them as bits, or -1.
 */
static int fill_standard(void)
{
    int closed = 0;
    for (int fd = 0; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        if (open("/dev/null", O_RDWR | O_CLOEXEC) != fd)
            return -1;
        closed |= 1 << fd;
    }
    return closed;
}

/* Notes that the program's file is executed, unless a descriptor is handed on that may write it. */
static int begin_executing(int fd, struct busy **busy)
{
    struct stat status;
    return fstat(fd, &status) ? -errno : busy_begin(&status, BUSY_EXECUTED, busy);
}

/* A program beside the first one (--with). */
struct beside {
    wordexp_t command;
    int fd;
    char path[PATH_MAX];
    struct task *task;
};

/* Finds the program that `command` names, and makes it visible. Returns 0 or an exit status. */
static int find_beside(struct beside *beside, const char *command, struct place *place)
{
    static const char *const words[] = {
        [WRDE_BADCHAR] = "an unquoted newline or one of |&;<>(){}",
        [WRDE_CMDSUB] = "command substitution is not done",
        [WRDE_NOSPACE] = "out of memory",
        [WRDE_SYNTAX] = "a quote or parenthesis without its partner",
    };
    int error = wordexp(command, &beside->command, WRDE_NOCMD);
    if (error)
        return complain(EXIT_LIND, "--with %s: %s", command,
                        error > 0 && error < (int)(sizeof words / sizeof *words) && words[error]
                            ? words[error]
                            : "cannot be split into words");
    if (!beside->command.we_wordc)
        return complain(EXIT_LIND, "--with needs a program");
    const char *name = beside->command.we_wordv[0];
    beside->fd = program_open(name, beside->path);
    if (beside->fd < 0)
        return complain(beside->fd == -ENOENT || beside->fd == -ENOTDIR ? EXIT_NOT_FOUND
                                                                         : EXIT_CANNOT_RUN,
                        "%s: %s", name, strerror(-beside->fd));
    error = place_grant_file(place, beside->path, beside->path, 1);
    return error && error != -EEXIST ? complain(EXIT_LIND, "%s: %s", name, strerror(-error)) : 0;
}

/* Loads it into a cage. Returns 0, with its task ready to run, or an exit status. */
static int load_beside(struct beside *beside, const struct run_options *run, struct process *first)
{
    const char *why = NULL, *name = beside->command.we_wordv[0];
    struct strings arguments = {0}, environment = {0};
    struct loaded loaded;
    struct busy *busy;
    beside->task = process_beside(first);
    if (!beside->task || append(&arguments, beside->command.we_wordv) ||
        make_environment(run, &environment))
        return complain(EXIT_LIND, "out of memory");
    const struct program program = {beside->fd, beside->path, beside->path, &arguments,
                                    &environment};
    int error = begin_executing(beside->fd, &busy);
    if (!error)
        error = program_load(&program, beside->task->process, &loaded, &why);
    strings_free(&arguments);
    strings_free(&environment);
    if (error)
        return complain(EXIT_CANNOT_RUN, "%s: %s", name, why ? why : strerror(-error));
    loaded.executable->busy = busy;
    process_adopt(beside->task, &loaded, NULL, beside->path, beside->fd);
    wordfree(&beside->command);
    return 0;
}

int run_program(const struct run_options *run)
{
    const char *why = NULL;
    char path[PATH_MAX];
    int *inherited = NULL;
    int closed = fill_standard();
    if (closed < 0)
        return EXIT_LIND;   /* with nowhere to say so, perhaps */
    if (run->inherit_fds) { /* before any is opened here */
        int failed = list_inherited(&inherited);
        if (failed)
            return failed;
    }
    spin_init();
    int error = rt_start(&why);
    if (error)
        return complain(EXIT_LIND, "%s", why);
    mode_t mask = umask(
        0); /* each program has its own (microvisor/fs); the first one begins with lind-run's */
    struct rlimit files;
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        /* Programs have their own soft limits; lind-run holds the descriptors of them all. */
        soft_files = files.rlim_cur;
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }

    int fd = program_open(run->arguments[0], path);
    if (fd < 0)
        return complain(fd == -ENOENT || fd == -ENOTDIR ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN,
                        "%s: %s", run->arguments[0], strerror(-fd));
    rt_upcalls = (struct rt_upcalls){signal_deliver_pending, call_unsupported, signal_from_host,
                                     share_fault, share_for_host};

    int status = EXIT_LIND;
    struct place *place = place_new();
    struct descriptors *descriptors = descriptors_new();
    struct strings arguments = {0}, environment = {0};
    if (!place || !descriptors || make_environment(run, &environment))
        return complain(EXIT_LIND, "out of memory");
    atomic_store(&place->umask, mask);
    struct task *task = process_create(descriptors, place, &error);
    if (!task)
        return complain(EXIT_LIND, "cannot create a cage: %s", strerror(-error));
    if (soft_files)
        atomic_store(&task->process->limits[RLIMIT_NOFILE].soft, soft_files);
    for (size_t i = 0; i < run->limit_count; i++) {
        struct rlimit limit;
        unsigned resource;
        if (!limit_parse(run->limits[i], &resource, &limit))
            process_set_limits(task->process, (int)resource, limit);
    }
    timers_cpu_limit_changed(task->process);
    atexit(remove_private);
    status = make_place(run, place, path);
    struct beside *beside = calloc(run->beside_count + 1, sizeof *beside);
    if (!beside)
        return complain(EXIT_LIND, "out of memory");
    for (size_t i = 0; i < run->beside_count && !status; i++)
        status = find_beside(&beside[i], run->beside[i], place);
    if (!status)
        status = set_directory(run, task);
    for (int i = 0; !status && i <= 2; i++)
        if (!(closed & 1 << i) && (error = descriptors_inherit(task->process, i, i)))
            status = complain(EXIT_LIND, "descriptor %d: %s", i, strerror(-error));
    for (const int *at = inherited; at && *at >= 0 && !status; at++) {
        error = *at < DESCRIPTORS_MAX ? descriptors_inherit(task->process, *at, *at) : -EMFILE;
        if (error)
            status = complain(EXIT_LIND, "descriptor %d: %s", *at, strerror(-error));
        close(*at);
    }
    free(inherited);
    if (status)
        return status;
    atexit(host_terminal_leave);
    host_terminal_start(task->process);

    char *first = run->arguments[0];
    if (run->argv0)
        run->arguments[0] = (char *)run->argv0;
    if (append(&arguments, run->arguments))
        return complain(EXIT_LIND, "out of memory");
    const struct program program = {fd, path, path, &arguments, &environment};
    struct loaded loaded;
    struct busy *busy;
    error = begin_executing(fd, &busy);
    if (!error)
        error = program_load(&program, task->process, &loaded, &why);
    strings_free(&arguments); /* the program has its own copies */
    strings_free(&environment);
    if (error)
        return complain(EXIT_CANNOT_RUN, "%s: %s", first, why ? why : strerror(-error));
    loaded.executable->busy = busy;
    process_adopt(task, &loaded, NULL, path, fd);
    error = signal_host_start(task->process);
    if (error)
        return complain(EXIT_LIND, "cannot take signals: %s", strerror(-error));

    status = watch(run, task->process->cage.handlers);
    /* All are loaded before any runs: if one cannot be, none has. */
    for (size_t i = 0; i < run->beside_count && !status; i++)
        status = load_beside(&beside[i], run, task->process);
    if (status)
        return status;
    for (size_t i = 0; i < run->beside_count; i++)
        if ((error = worker_start(beside[i].task)))
            return complain(EXIT_LIND, "--with %s: no thread: %s", run->beside[i],
                            strerror(-error));
    free(beside);

    task_run(task);
    int ended = processes_wait_all();
    if (run->stats && stats_report())
        complain(EXIT_LIND, "--stats: cannot start lind-trace, which lies beside lind-run");
    return WIFSIGNALED(ended) ? 128 + WTERMSIG(ended) : WEXITSTATUS(ended);
}
