/* execve and execveat. Whatever fails, fails before anything of the old program is touched. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/busy.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/place.h"
#include "microvisor/fs/pool.h"
#include "microvisor/proc/proc.h"
#include "microvisor/proc/rights.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/futex.h"
#include "microvisor/time/timers.h"
#include "rt/host.h"

enum {
    STRING_MAX = 128 * 1024,       /* MAX_ARG_STRLEN */
    STRING_SHORT = 512,
    STRING_LONG = 8192,
    STRINGS_MAX = 6 * 1024 * 1024, /* three quarters of the default stack's limit */
    SCRIPTS_MAX = 5,               /* interpreters of interpreters */
    LINE_MAX_HERE = 256,           /* BINPRM_BUF_SIZE */
};

/* Copies a string of the cage in behind the others, at most so many bytes with its NUL. Returns its
 * length or -errno. */
static long string_copyin(struct task *task, struct strings *strings, uint64_t from, uint64_t most)
{
    int error = strings_reserve(strings, most);
    return error ? error
                 : copyinstr(&task->thread, strings_bytes(strings) + strings->size, from, most);
}

/* Copies a NULL-terminated array of strings in. A NULL array is an empty one, as Linux has it. */
static int strings_copyin(struct task *task, struct strings *strings, uint64_t from)
{
    uint64_t pointer;
    for (; from; from += sizeof pointer) {
        if (task_copyin(task, &pointer, from, sizeof pointer))
            return -EFAULT;
        if (!pointer)
            break;
        /* Most are short: room for the longest is made only for those that are not. */
        long length = string_copyin(task, strings, pointer, STRING_SHORT);
        if (length == -ENAMETOOLONG)
            length = string_copyin(task, strings, pointer, STRING_LONG);
        if (length == -ENAMETOOLONG)
            length = string_copyin(task, strings, pointer, STRING_MAX);
        if (length < 0)
            return length == -ENAMETOOLONG ? -E2BIG : (int)length;
        strings->size += (uint64_t)length + 1;
        strings->count++;
        if (strings->size + strings->count * sizeof pointer > STRINGS_MAX)
            return -E2BIG;
    }
    return 0;
}

/* One execve. */
struct exec {
    struct task *task;
    struct strings arguments, environment;
    struct file *file;       /* the program, or the script */
    struct descriptors *own; /* a copy of the table, if it is shared with another process */
    int unreadable;          /* for the process: the program or a script */
    int out_of_reach;        /* what `path` names is closed in the new program */
    int kill;                /* Linux finds out too late that it fails, and ends the process */
    char path[4096];         /* how it was named */
    char head[LINE_MAX_HERE]; /* of the file, filled up with NULs */
};

static struct pool execs = POOL_OF(struct exec);

static int may_execute(int fd)
{
    return !host_call4(SYS_faccessat2, fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS);
}

/* Opens a program that the process may execute but not read, if lind-run itself may. */
static int open_unreadable(struct exec *exec, uint64_t dirfd, const char *path, int flags)
{
    struct file *named;
    struct stat status;
    int error = place_open(exec->task, dirfd, path, O_PATH | flags, 0, &named);
    if (error)
        return error;
    error = -EACCES;
    if (named->host_fd >= 0 && !host_call2(SYS_fstat, named->host_fd, &status) &&
        S_ISREG(status.st_mode) && may_execute(named->host_fd)) {
        int from = rights_own();
        error = file_reopen(exec->task, named, O_RDONLY | O_NONBLOCK, &exec->file);
        rights_back(from);
        exec->unreadable |= !error;
    }
    file_put(named);
    return error;
}

/* Opens what is to be run: a regular file that may be executed, and be read by lind-run, which Linux
 * would not need. */
static int open_program(struct exec *exec, uint64_t dirfd, const char *path, int flags)
{
    int error;
    if (!*path && (int)dirfd == AT_FDCWD) {
        error = -EACCES; /* a directory */
    } else if (!*path) { /* AT_EMPTY_PATH: what the descriptor stands for */
        struct file *from = descriptor_get(exec->task, dirfd);
        error = from ? file_reopen(exec->task, from, O_RDONLY | O_NONBLOCK | O_CLOEXEC, &exec->file)
                     : -EBADF;
        if (from)
            descriptor_put(exec->task, from);
    } else {
        error = place_open(exec->task, dirfd, path, O_RDONLY | O_NONBLOCK | flags, 0, &exec->file);
        if (error == -EACCES && exec->task->rights)
            error = open_unreadable(exec, dirfd, path, flags);
    }
    if (error) {
        exec->file = NULL;
        return error;
    }
    int fd = exec->file->host_fd;
    if (exec->file->kind != FILE_REGULAR || fd < 0 || !may_execute(fd))
        return -EACCES;
    struct stat status;
    error = (int)host_call2(SYS_fstat, fd, &status);
    return error ? error : busy_begin(&status, BUSY_EXECUTED, &exec->file->busy);
}

static int read_head(struct exec *exec)
{
    long got = host_call4(SYS_pread64, exec->file->host_fd, exec->head, LINE_MAX_HERE, 0);
    if (got < 0)
        return (int)got;
    memset(exec->head + got, 0, sizeof exec->head - (size_t)got);
    return 0;
}

static int is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* The first byte in [from, last] that is no blank, or that is one or NUL; NULL when there is none. */
static char *find_word(char *from, const char *last)
{
    for (; from <= last; from++)
        if (!is_blank(*from))
            return from;
    return NULL;
}

static char *find_word_end(char *from, const char *last)
{
    for (; from <= last; from++)
        if (is_blank(*from) || !*from)
            return from;
    return NULL;
}

/* Takes a script's first line apart, as Linux' load_script does to the byte: the line ends at a
 * newline within the buffer, or else, if the interpreter's name is not cut off, at the buffer's last
 * byte; so blanks at the end of a file without a newline are followed by an argument, be it empty.
 * Returns 0 or -ENOEXEC. */
static int split_line(char *head, char **name, char **argument)
{
    char *last = head + LINE_MAX_HERE - 1, *end = memchr(head, '\n', LINE_MAX_HERE);
    if (!end) {
        char *word = find_word(head + 2, last);
        if (!word || !find_word_end(word, last))
            return -ENOEXEC;
        end = last;
    }
    while (is_blank(end[-1]))
        end--;
    *name = find_word(head + 2, end);
    if (!*name || *name == end)
        return -ENOEXEC;
    char *separator = find_word_end(*name, end);
    *argument = separator && *separator ? find_word(separator, end) : NULL;
    *end = 0;
    if (*argument)
        *separator = 0;
    return 0;
}

/* A script: replaces its name among the arguments by "interpreter [argument] script". Opens the
 * interpreter. Returns 0, or -ENOEXEC when the line is no good. */
static int take_interpreter(struct exec *exec)
{
    char *line, *argument;
    int error = split_line(exec->head, &line, &argument);
    if (error)
        return error;
    if (exec->out_of_reach)
        return -ENOENT;
    struct strings *arguments = &exec->arguments;
    if (arguments->count) {
        char *first = strings_bytes(arguments);
        size_t size = strlen(first) + 1;
        arguments->size -= size;
        arguments->count--;
        memmove(first, first + size, arguments->size);
    }
    error = strings_insert(arguments, 0, exec->path);
    if (!error && argument)
        error = strings_insert(arguments, 0, argument);
    if (!error)
        error = strings_insert(arguments, 0, line);
    if (error)
        return error;
    if (!*line)
        return -EACCES;
    snprintf(exec->path, sizeof exec->path, "%s", line);
    file_put(exec->file);
    return open_program(exec, (uint64_t)AT_FDCWD, line, 0);
}

/* Says once for each file why a program was refused, since the one that wanted it may only show
 * "Exec format error". */
static void explain(const struct exec *exec, const char *why)
{
    fprintf(stderr, "lind-run: %s: %s\n", exec->path, why);
}

static int is_elf(const char *head)
{
    return !memcmp(head, "\177ELF", 4);
}

/* The program replaces the caller's. No way back from here. */
static _Noreturn void replace(struct exec *exec, struct loaded *loaded, const char *name)
{
    struct task *task = exec->task;
    struct process *process = task->process;
    int fd = exec->file->host_fd;
    loaded->executable->busy = exec->file->busy;
    exec->file->host_fd = -1; /* the process's now, as is its use */
    exec->file->busy = NULL;
    file_put(exec->file);
    strings_free(&exec->arguments);
    strings_free(&exec->environment);

    task_become_leader(task);
    futex_task_end(task);
    task->clear_child_tid = task->robust_list = 0;
    timers_exec(process->timers);
    signal_actions_exec(process->actions);
    task->signals.stack_address = task->signals.stack_size = 0;
    task->signals.stack_flags = 0;
    process_adopt(task, loaded, exec->own, name, fd);
    identity_exec(task, exec->unreadable);
    descriptors_exec(task);
    vfork_done(process);
    pool_give(&execs, exec);
    task->reenter = 1;
    thread_leave(&task->thread);
}

static long run(struct exec *exec, uint64_t dirfd, int flags)
{
    struct task *task = exec->task;
    char name[sizeof exec->path];
    snprintf(name, sizeof name, "%s", exec->path);
    int error = open_program(exec, dirfd, exec->path, flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0);
    if (!error && *exec->path != '/' && (int)dirfd != AT_FDCWD) {
        snprintf(exec->path, sizeof exec->path, "/dev/fd/%d%s%.4000s", (int)dirfd,
                 *name ? "/" : "", name);
        exec->out_of_reach = descriptor_closes_on_exec(task, dirfd);
    }
    if (!error)
        error = read_head(exec);
    for (int depth = 0; !error && !memcmp(exec->head, "#!", 2); depth++) {
        error = depth == SCRIPTS_MAX ? -ELOOP : take_interpreter(exec);
        if (!error)
            error = read_head(exec);
    }
    if (error)
        return error;

    char real[sizeof exec->path];
    if (place_guest_path(task->process->place, exec->file->mount, exec->file->host_fd, real,
                         sizeof real) < 0)
        snprintf(real, sizeof real, "%s", exec->path);
    if (!exec->arguments.count && (error = strings_insert(&exec->arguments, 0, "")))
        return error;
    const struct program program = {
        .host_fd = exec->file->host_fd,
        .guest_path = exec->path,
        .real_path = real,
        .arguments = &exec->arguments,
        .environment = &exec->environment,
    };
    struct loaded loaded;
    const char *why;
    error = program_load(&program, task->process, &loaded, &why);
    exec->kill = loaded.too_large;
    if (error) {
        if (error == -ENOEXEC && why && is_elf(exec->head))
            explain(exec, why);
        return error;
    }
    struct descriptors *table = task->process->descriptors;
    if (atomic_load(&table->users) > 1) {
        exec->own = descriptors_copy(table);
        error = exec->own ? 0 : -ENOMEM;
    }
    if (!error && process_end_others(task))
        error = signal_interrupted(task, -EINTR); /* it is to end itself */
    if (!error)
        replace(exec, &loaded, name);
    if (exec->own)
        descriptors_leave(exec->own);
    space_put(loaded.space);
    executable_put(loaded.executable);
    return error;
}

long call_execveat(struct task *task, const uint64_t args[6])
{
    int flags = (int)args[4];
    if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return -EINVAL;
    struct exec *exec = pool_take(&execs);
    if (!exec)
        return -ENOMEM;
    exec->task = task;
    long error = copyinstr(&task->thread, exec->path, args[1], sizeof exec->path);
    if (error >= 0)
        error = *exec->path || flags & AT_EMPTY_PATH ? 0 : -ENOENT;
    if (!error)
        error = strings_copyin(task, &exec->arguments, args[2]);
    if (!error)
        error = strings_copyin(task, &exec->environment, args[3]);
    if (!error)
        error = run(exec, args[0], flags);
    if (exec->file)
        file_put(exec->file);
    strings_free(&exec->arguments);
    strings_free(&exec->environment);
    int kill = exec->kill;
    pool_give(&execs, exec);
    if (kill)
        process_exit(task, SIGSEGV);
    return error;
}

