/* What the files in /proc/PID say (proc(5)). */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/dev.h"
#include "microvisor/fs/place.h"
#include "microvisor/fs/procfs.h"
#include "microvisor/fs/terminal.h"
#include "microvisor/mm/memory.h"
#include "microvisor/proc/proc.h"
#include "microvisor/proc/tree.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/timers.h"

#define TICKS 100 /* in a second, as sysconf(_SC_CLK_TCK) says */
#define TICK (1000000000UL / TICKS)
#define PAGE_KIB (LIND_PAGE_SIZE / 1024)

void proc_auxv(struct content *content, const struct subject *of)
{
    struct process *process = of->process;
    const size_t words = sizeof process->executable->auxv / sizeof process->executable->auxv[0];
    size_t count = 0;
    while (count + 2 < words && process->executable->auxv[count])
        count += 2;
    content_add_bytes(content, process->executable->auxv,
                      (count + 2) * sizeof process->executable->auxv[0]);
}

void proc_cmdline(struct content *content, const struct subject *of)
{
    content_add_bytes(content, of->process->executable->arguments,
                      of->process->executable->arguments_size);
}

void proc_environ(struct content *content, const struct subject *of)
{
    content_add_bytes(content, of->process->executable->environment,
                      of->process->executable->environment_size);
}

/* The name of one task, or of the process for number 0; and the task's host thread. */
struct name_search {
    int tid, host_id, found;
    char name[sizeof((struct task *)0)->name];
};

static long copy_name(struct task *task, void *data)
{
    struct name_search *search = data;
    if (task->tid != search->tid)
        return 0;
    task_get_name(task, search->name);
    search->host_id = atomic_load(&task->thread.host_id);
    search->found = 1;
    return 1;
}

static void find_name(struct process *process, struct name_search *search)
{
    lock_acquire(&process->lock);
    memcpy(search->name, process->name, sizeof search->name);
    lock_release(&process->lock);
    signal_each_task(process, copy_name, search);
}

void proc_comm(struct content *content, const struct subject *of)
{
    struct name_search search = {.tid = (int)of->number};
    find_name(of->process, &search);
    content_add(content, "%.*s\n", (int)sizeof search.name - 1, search.name);
}

void proc_fdinfo(struct content *content, const struct subject *of)
{
    struct file *file = descriptor_get_shared(of->process->descriptors, (uint32_t)of->number);
    if (!file) {
        content->error = -ENOENT;
        return;
    }
    long position = 0;
    if (file->host_fd >= 0 && !(file_flags(file) & O_PATH))
        position = host_call3(SYS_lseek, file->host_fd, 0, SEEK_CUR);
    else if (file->host_fd < 0)
        position = file->offset;
    content_add(content, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t1\n", position < 0 ? 0 : position,
                file_flags(file));
    file_put(file);
}

void proc_limits(struct content *content, const struct subject *of)
{
    static const struct {
        const char *name, *unit;
    } limits[PROCESS_LIMITS] = {
        [RLIMIT_CPU] = {"Max cpu time", "seconds"},
        [RLIMIT_FSIZE] = {"Max file size", "bytes"},
        [RLIMIT_DATA] = {"Max data size", "bytes"},
        [RLIMIT_STACK] = {"Max stack size", "bytes"},
        [RLIMIT_CORE] = {"Max core file size", "bytes"},
        [RLIMIT_RSS] = {"Max resident set", "bytes"},
        [RLIMIT_NPROC] = {"Max processes", "processes"},
        [RLIMIT_NOFILE] = {"Max open files", "files"},
        [RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
        [RLIMIT_AS] = {"Max address space", "bytes"},
        [RLIMIT_LOCKS] = {"Max file locks", "locks"},
        [RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
        [RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
        [RLIMIT_NICE] = {"Max nice priority", ""},
        [RLIMIT_RTPRIO] = {"Max realtime priority", ""},
        [RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
    };
    content_add(content, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (int i = 0; i < PROCESS_LIMITS; i++) {
        char values[2][24];
        lock_acquire(&of->process->lock);
        struct rlimit limit = process_limits(of->process, i);
        lock_release(&of->process->lock);
        for (int k = 0; k < 2; k++) {
            uint64_t value = k ? limit.rlim_max : limit.rlim_cur;
            if (value == RLIM_INFINITY)
                strcpy(values[k], "unlimited");
            else
                snprintf(values[k], sizeof values[k], "%lu", value);
        }
        content_add(content, "%-25s %-20s %-20s %-10s\n", limits[i].name, values[0], values[1],
                    limits[i].unit);
    }
}

void proc_maps(struct content *content, const struct subject *of)
{
    const struct process *process = of->process;
    struct memory_region region = {0};
    char name[PATH_MAX];
    while (
        memory_describe(process->memory, process->place, region.end, &region, name, sizeof name)) {
        content_add(content, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu", region.start, region.end,
                    region.flags & 1 ? 'r' : '-', region.flags & 2 ? 'w' : '-',
                    region.flags & 4 ? 'x' : '-', region.flags & REGION_SHARED ? 's' : 'p',
                    region.offset, major(region.device), minor(region.device), region.inode);
        if (*name == '/')
            place_seen(of->task->process->place, name);
        if (*name)
            content_add(content, " %26s%s", "", name);
        content_add(content, "\n");
    }
}

/* A path in a table of mounts: white space and backslashes as octal numbers. */
static void add_path(struct content *content, const char *path)
{
    for (; *path; path++)
        content_add(content, strchr(" \t\n\\", *path) ? "\\%03o" : "%c", (unsigned char)*path);
}

/* st_dev of what is mounted there. Of a directory that nobody has needed yet, which so is not there,
 * a number of the mount's own. */
static uint64_t device_of(const struct mount *mount)
{
    struct stat status;
    int fd = atomic_load_explicit(&mount->fd, memory_order_acquire);
    if (mount->kind == MOUNT_TREE || fd < 0 || host_call2(SYS_fstat, fd, &status))
        return mount->device;
    return status.st_dev;
}

/* The name space has no single table of mounts; each grant is shown as a file system named after
 * what it is. "hostfs" is what Linux calls a directory of the host of a user-mode kernel; "none"
 * would tell programs (df) that there are no files. Of a process with a root of its own, those
 * below it. */
static void add_mounts(struct content *content, struct process *process, int info)
{
    struct place *place = process->place;
    char path[PATH_MAX];
    for (uint32_t i = place->mount_count; i-- > 0;) {
        const struct mount *mount = place->mounts[i];
        snprintf(path, sizeof path, "%s", *mount->path ? mount->path : "/");
        if (place_seen(place, path) < 0)
            continue;
        const char *type = "hostfs", *options = mount->read_only ? "ro" : "rw";
        if (mount->kind == MOUNT_TREE)
            type = mount->root.operations == proc_tree_root.operations ? "proc" : "devtmpfs";
        uint64_t device = device_of(mount);
        if (info)
            content_add(content, "%u 0 %u:%u / ", i + 1, major(device), minor(device));
        else
            content_add(content, "%s ", type);
        add_path(content, path);
        if (info)
            content_add(content, " %s - %s %s %s\n", options, type, type, options);
        else
            content_add(content, " %s %s 0 0\n", type, options);
    }
}

void proc_mounts(struct content *content, const struct subject *of)
{
    add_mounts(content, of->process, 0);
}

void proc_mountinfo(struct content *content, const struct subject *of)
{
    add_mounts(content, of->process, 1);
}

static long count_task(struct task *task, void *data)
{
    ++*(unsigned *)data;
    return 0;
}

static unsigned task_count(struct process *process)
{
    unsigned count = 0;
    struct name_search first = {.tid = process->pid};
    signal_each_task(process, count_task, &count);
    signal_each_task(process, copy_name, &first);
    return count + !first.found; /* the first stays as long as others do */
}

/* What the host says of the thread that a task runs on; S if it says nothing. */
static char host_state(pid_t host_id)
{
    char text[128]; /* an id, a name of at most 15 bytes in parentheses, the state */
    snprintf(text, sizeof text, "/proc/self/task/%d/stat", host_id);
    int fd = open(text, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 'S';
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    text[length < 0 ? 0 : length] = 0;
    const char *end = strrchr(text, ')');
    return end && (end[2] == 'R' || end[2] == 'D') ? end[2] : 'S';
}

/* proc(5): R running, S asleep, D asleep and not to be woken by signals, T stopped, Z ended, which
 * the first of several threads may have. */
static char state_of(struct process *process, const struct name_search *search)
{
    return !search->found                     ? 'Z'
           : signal_stopped(process->actions) ? 'T'
           : search->host_id                  ? host_state(search->host_id)
                                              : 'S';
}

/* The fields up to that of memory's first. The tree lock is held. */
static void add_stat(struct content *content, const struct process *process, uint64_t number,
                     const char *name, char state, const uint64_t cpu[2], unsigned tasks, int nice)
{
    const struct terminal *terminal = process->terminal;
    content_add(content, "%lu (%s) %c %d %d %d ", number ? number : (uint64_t)process->pid, name,
                state, process->parent, process->group, process->session);
    content_add(content, "%lu %d 4194304 0 0 0 0 ",
                !terminal           ? 0UL
                : terminal->is_host ? (uint64_t)makedev(5, 1)
                                    : (uint64_t)makedev(136, terminal->number),
                terminal ? terminal->foreground : -1);
    content_add(content, "%lu %lu %lu %lu %d %d %u 0 %lu ", cpu[1] / TICK, (cpu[0] - cpu[1]) / TICK,
                process->children_cpu[1] / TICK,
                (process->children_cpu[0] - process->children_cpu[1]) / TICK, 20 + nice, nice,
                tasks, process->start_time / TICK);
}

void proc_stat(struct content *content, const struct subject *of)
{
    struct process *process = of->process;
    struct memory_usage usage;
    struct name_search search = {.tid = of->number ? (int)of->number : process->pid};
    memory_usage(process->memory, &usage);
    find_name(process, &search);
    long priority = search.host_id
                        ? host_call2(SYS_getpriority, PRIO_PROCESS, search.host_id)
                        : -ESRCH;
    int nice = priority > 0 ? 20 - (int)priority : 0; /* the system call says 20 less the value */
    const uint64_t cpu[2] = {process_cpu_time(process, 0), process_cpu_time(process, 1)};
    char state = state_of(process, &search);
    unsigned tasks = task_count(process);
    tree_lock();
    add_stat(content, process, of->number, search.name, state, cpu, tasks, nice);
    tree_unlock();
    content_add(content, "%lu %lu %lu 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 %lu 0 0 0 0 0\n",
                usage.total * LIND_PAGE_SIZE, usage.total, (uint64_t)RLIM_INFINITY,
                usage.break_start);
}

/* Everything of status that a zombie has, too. The tree lock is held. */
static void add_status(struct content *content, const struct process *process, uint64_t number,
                       const char *name, const char *state)
{
    const struct credentials *who = &process->credentials;
    content_add(content, "Name:\t%s\nState:\t%s\nTgid:\t%d\nNgid:\t0\n", name, state, process->pid);
    content_add(content, "Pid:\t%lu\nPPid:\t%d\nTracerPid:\t0\n",
                number ? number : (uint64_t)process->pid, process->parent);
    content_add(content, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", who->uid, who->euid,
                who->suid, who->fsuid, who->gid, who->egid, who->sgid, who->fsgid);
    content_add(content, "Groups:\t");
    for (uint32_t i = 0; i < who->group_count; i++)
        content_add(content, "%u ", who->groups[i]);
    content_add(content, "\nNStgid:\t%d\nNSpid:\t%lu\nNSpgid:\t%d\nNSsid:\t%d\n", process->pid,
                number ? number : (uint64_t)process->pid, process->group, process->session);
}

void proc_without_parts(struct content *content, proc_content *of, int pid)
{
    TREE_LOCKED();
    const struct process *process = tree_find(pid);
    int is_init = process && process->state == PROCESS_INIT;
    if (!process)
        content->error = -ESRCH;
    else if (of == proc_comm)
        content_add(content, "%s\n", process->name);
    else if (of == proc_status)
        add_status(content, process, 0, process->name, is_init ? "S (sleeping)" : "Z (zombie)");
    else if (of == proc_stat) {
        add_stat(content, process, 0, process->name, is_init ? 'S' : 'Z', process->used_cpu, 1,
                 process->last_nice);
        content_add(content, "0 0 %lu 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
                    (uint64_t)RLIM_INFINITY);
    } else if (of == proc_statm && is_init) {
        content_add(content, "0 0 0 0 0 0 0\n");
    } else if (of == proc_cmdline) {
        if (is_init)
            content_add_bytes(content, process->name, strlen(process->name) + 1);
    } else {
        content->error = -ESRCH;
    }
}

static void add_signals(struct content *content, struct process *process, uint64_t number)
{
    struct signal_state state;
    signal_describe(process, number ? (int)number : process->pid, &state);
    uint64_t limit = process_limit(process, RLIMIT_SIGPENDING);
    content_add(content, "SigQ:\t%u/%lu\nSigPnd:\t%016lx\nShdPnd:\t%016lx\n", state.queued, limit,
                state.pending, state.shared_pending);
    content_add(content, "SigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n", state.blocked,
                state.ignored, state.caught);
}

/* None is inheritable or ambient (capget(2)). */
static void add_capabilities(struct content *content, const struct process *process)
{
    uint32_t all = identity_capabilities(process);
    content_add(content, "CapInh:\t%016x\nCapPrm:\t%016x\nCapEff:\t%016x\n", 0, all, all);
    content_add(content, "CapBnd:\t%016x\nCapAmb:\t%016x\n", CAPABILITIES_OF_ROOT, 0);
}

/* How often a task had to leave its CPU. Of others than the caller only the host knows: 0. */
static void add_switches(struct content *content, const struct subject *of)
{
    struct rusage usage = {0};
    uint64_t number = of->number ? of->number : (uint64_t)of->process->pid;
    if (number == (uint64_t)of->task->tid)
        host_call2(SYS_getrusage, RUSAGE_THREAD, &usage);
    content_add(content, "voluntary_ctxt_switches:\t%ld\nnonvoluntary_ctxt_switches:\t%ld\n",
                usage.ru_nvcsw, usage.ru_nivcsw);
}

void proc_statm(struct content *content, const struct subject *of)
{
    struct memory_usage usage;
    memory_usage(of->process->memory, &usage);
    content_add(content, "%lu %lu %lu %lu 0 %lu 0\n", usage.total, usage.total, usage.shared,
                usage.text, usage.data + usage.stack);
}

void proc_status(struct content *content, const struct subject *of)
{
    struct process *process = of->process;
    struct memory_usage usage;
    struct name_search search = {.tid = of->number ? (int)of->number : process->pid};
    memory_usage(process->memory, &usage);
    find_name(process, &search);
    char state = state_of(process, &search);
    tree_lock();
    add_status(content, process, of->number, search.name,
               state == 'Z'   ? "Z (zombie)"
               : state == 'T' ? "T (stopped)"
               : state == 'R' ? "R (running)"
               : state == 'D' ? "D (disk sleep)"
                              : "S (sleeping)");
    tree_unlock();
    content_add(content, "Umask:\t%04o\nFDSize:\t%u\n", atomic_load(&process->place->umask),
                process->descriptors->end);
    const struct {
        const char *name;
        uint64_t pages;
    } lines[] = {
        {"VmPeak", usage.total}, /* peaks are not kept */
        {"VmSize", usage.total},
        {"VmLck", usage.locked},
        {"VmPin", 0},
        {"VmHWM", usage.total},
        {"VmRSS", usage.total},
        {"RssAnon", usage.total - usage.shared},
        {"RssFile", usage.shared},
        {"RssShmem", 0},
        {"VmData", usage.data},
        {"VmStk", usage.stack},
        {"VmExe", usage.text},
        {"VmLib", 0},
        {"VmSwap", 0},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        content_add(content, "%s:\t%8lu kB\n", lines[i].name, lines[i].pages * PAGE_KIB);
    content_add(content, "Threads:\t%u\n", task_count(process));
    add_signals(content, process, of->number);
    add_capabilities(content, process);
    content_add(content, "NoNewPrivs:\t%d\nSeccomp:\t0\n",
                (process->options & OPTION_NO_NEW_PRIVILEGES) != 0);
    add_switches(content, of);
}

/* What a host descriptor without a guest path is called. */
static long host_text(const struct file *file, char *text, size_t size)
{
    struct stat status = {0};
    char path[40];
    host_call2(SYS_fstat, file->host_fd, &status);
    path_of_host_fd(path, file->host_fd);
    long length = host_call3(SYS_readlink, path, text, size - 1);
    if (length > 0) { /* names that the kernel made, and that give nothing of the host away */
        text[length] = 0;
        if (!strncmp(text, "anon_inode:", 11) || !strncmp(text, "/memfd:", 7))
            return length;
    }
    switch (status.st_mode & S_IFMT) {
    case S_IFIFO:
        return snprintf(text, size, "pipe:[%lu]", status.st_ino);
    case S_IFSOCK:
        return snprintf(text, size, "socket:[%lu]", status.st_ino);
    case S_IFCHR:
        return snprintf(text, size, "%s",
                        host_terminal_is(&status)     ? "/dev/console"
                        : file->kind == FILE_TERMINAL ? "/dev/tty"
                                                      : "/dev/null");
    case 0:
        return snprintf(text, size, "anon_inode:[unknown]");
    default:
        return snprintf(text, size, "/ (%s)", status.st_nlink ? "unreachable" : "deleted");
    }
}

long description_text(struct task *task, struct file *file, char *text, size_t size)
{
    struct stat status = {0};
    if (file->path)
        return snprintf(text, size, "%s", *file->path ? file->path : "/");
    if (file->operations->name &&
        (!strcmp(file->operations->name, "pipe") || !strcmp(file->operations->name, "socket"))) {
        file->operations->stat(task, file, &status);
        return snprintf(text, size, "%s:[%lu]", file->operations->name, status.st_ino);
    }
    if (file->operations->name)
        return snprintf(text, size, "%s", file->operations->name);
    if (file->host_fd >= 0) {
        long length =
            place_guest_path(task->process->place, file->mount, file->host_fd, text, size);
        return length == -ENOENT ? host_text(file, text, size) : length;
    }
    char path[300];
    if (dev_node_path(&file->node, path, sizeof path) < 0 &&
        proc_node_path(&file->node, path, sizeof path) < 0)
        return snprintf(text, size, "/");
    return snprintf(text, size, "%s%s", file->mount ? file->mount->path : "", path);
}
