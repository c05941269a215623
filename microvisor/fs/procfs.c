/* The names of /proc, and its files as descriptions.
 *
 * One table has every name; a node is an index in it together with the process and the number
 * (descriptor, task) that the path named. A file's text is made when it is opened and again by each
 * read from its start, as programs that watch a file by reading it over and over expect. */
#include "microvisor/fs/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/place.h"
#include "microvisor/fs/ranges.h"
#include "microvisor/signal/signal.h"

enum { /* indices of directories and links in the table */
       ROOT,
       SELF,
       THREAD_SELF,
       PID,
       FD,
       FD_ENTRY,
       FDINFO,
       TASKS,
       TID,
       EXE,
       CWD,
       ROOT_LINK,
       MOUNTS,
       SYS,
       KERNEL,
       RANDOM,
       VM,
       FS,
       FIRST_FILE
};

struct name {
    const char *name;     /* NULL: a number */
    uint16_t mode;        /* with the type */
    uint8_t parent, also; /* directories that it is in; also: 0 for none */
    proc_content *content;
    const char *fixed; /* instead of content */
};

#define DIRECTORY (S_IFDIR | 0555)
#define LINK (S_IFLNK | 0777)
#define FILE_ALL (S_IFREG | 0444)
#define FILE_OWNER (S_IFREG | 0400)

static const struct name names[] = {
    [ROOT] = {"", DIRECTORY, ROOT, 0, NULL, NULL},
    [SELF] = {"self", LINK, ROOT, 0, NULL, NULL},
    [THREAD_SELF] = {"thread-self", LINK, ROOT, 0, NULL, NULL},
    [PID] = {NULL, DIRECTORY, ROOT, 0, NULL, NULL},
    [FD] = {"fd", S_IFDIR | 0500, PID, TID, NULL, NULL},
    [FD_ENTRY] = {NULL, S_IFLNK | 0700, FD, 0, NULL, NULL},
    [FDINFO] = {"fdinfo", DIRECTORY, PID, TID, NULL, NULL},
    [TASKS] = {"task", DIRECTORY, PID, 0, NULL, NULL},
    [TID] = {NULL, DIRECTORY, TASKS, 0, NULL, NULL},
    [EXE] = {"exe", LINK, PID, TID, NULL, NULL},
    [CWD] = {"cwd", LINK, PID, TID, NULL, NULL},
    [ROOT_LINK] = {"root", LINK, PID, TID, NULL, NULL},
    [MOUNTS] = {"mounts", LINK, ROOT, 0, NULL, NULL},
    [SYS] = {"sys", DIRECTORY, ROOT, 0, NULL, NULL},
    [KERNEL] = {"kernel", DIRECTORY, SYS, 0, NULL, NULL},
    [RANDOM] = {"random", DIRECTORY, KERNEL, 0, NULL, NULL},
    [VM] = {"vm", DIRECTORY, SYS, 0, NULL, NULL},
    [FS] = {"fs", DIRECTORY, SYS, 0, NULL, NULL},
    [FIRST_FILE] = {NULL, FILE_OWNER, FDINFO, 0, proc_fdinfo, NULL},
    {"auxv", FILE_OWNER, PID, TID, proc_auxv, NULL},
    {"cmdline", FILE_ALL, PID, TID, proc_cmdline, NULL},
    {"comm", FILE_ALL, PID, TID, proc_comm, NULL},
    {"environ", FILE_OWNER, PID, TID, proc_environ, NULL},
    {"limits", FILE_ALL, PID, TID, proc_limits, NULL},
    {"maps", FILE_ALL, PID, TID, proc_maps, NULL},
    {"mountinfo", FILE_ALL, PID, TID, proc_mountinfo, NULL},
    {"mounts", FILE_ALL, PID, TID, proc_mounts, NULL},
    {"stat", FILE_ALL, PID, TID, proc_stat, NULL},
    {"statm", FILE_ALL, PID, TID, proc_statm, NULL},
    {"status", FILE_ALL, PID, TID, proc_status, NULL},
    {"cpuinfo", FILE_ALL, ROOT, 0, proc_cpuinfo, NULL},
    {"filesystems", FILE_ALL, ROOT, 0, proc_filesystems, NULL},
    {"loadavg", FILE_ALL, ROOT, 0, proc_loadavg, NULL},
    {"meminfo", FILE_ALL, ROOT, 0, proc_meminfo, NULL},
    {"stat", FILE_ALL, ROOT, 0, proc_system_stat, NULL},
    {"uptime", FILE_ALL, ROOT, 0, proc_uptime, NULL},
    {"version", FILE_ALL, ROOT, 0, proc_version, NULL},
    {"cap_last_cap", FILE_ALL, KERNEL, 0, NULL, "40\n"},
    {"hostname", FILE_ALL, KERNEL, 0, proc_hostname, NULL},
    {"ngroups_max", FILE_ALL, KERNEL, 0, NULL, "65536\n"},
    {"osrelease", FILE_ALL, KERNEL, 0, proc_osrelease, NULL},
    {"ostype", FILE_ALL, KERNEL, 0, NULL, "Linux\n"},
    {"pid_max", FILE_ALL, KERNEL, 0, NULL, "4194304\n"},
    {"version", FILE_ALL, KERNEL, 0, proc_osversion, NULL},
    {"boot_id", FILE_ALL, RANDOM, 0, proc_boot_id, NULL},
    {"uuid", FILE_ALL, RANDOM, 0, proc_uuid, NULL},
    {"max_map_count", FILE_ALL, VM, 0, NULL, "16384\n"},
    {"mmap_min_addr", FILE_ALL, VM, 0, NULL, "65536\n"},
    {"overcommit_memory", FILE_ALL, VM, 0, NULL, "0\n"},
    {"nr_open", FILE_ALL, FS, 0, NULL, "65536\n"},
    {"pipe-max-size", FILE_ALL, FS, 0, NULL, "1048576\n"},
};
#define NAMES (sizeof names / sizeof names[0])

static const struct tree_operations proc_operations;

/* A node's id is its inode number: index, number, process. */
#define NUMBER_SHIFT 8
#define PID_SHIFT 36

static struct node node_make(unsigned index, int pid, uint64_t number)
{
    return (struct node){&proc_operations,
                         (index + 1) | number << NUMBER_SHIFT | (uint64_t)pid << PID_SHIFT, 0};
}

static unsigned node_index(const struct node *node)
{
    return (unsigned)(node->id & 0xff) - 1;
}

static int node_pid(const struct node *node)
{
    return (int)(node->id >> PID_SHIFT);
}

static uint64_t node_number(const struct node *node)
{
    return node->id >> NUMBER_SHIFT & 0xfffffff;
}

/* The process of a node: a process sees itself. NULL when it is another one's or gone. */
static struct process *node_process(struct task *task, const struct node *node)
{
    int pid = node_pid(node);
    return !pid || pid == task->process->pid ? task->process : NULL;
}

static struct file *descriptor_hold(struct task *task, uint64_t fd)
{
    struct file *file = descriptor_get(task, fd);
    if (file) {
        file_get(file);
        descriptor_put(task, file);
    }
    return file;
}

struct tid_search {
    uint64_t index;
    int tid; /* wanted, or 0: the one at index */
    int found;
};

static long tid_visit(struct task *task, void *data)
{
    struct tid_search *search = data;
    if (search->tid ? search->tid == task->tid : !search->index--)
        search->found = task->tid;
    return search->found;
}

/* The number of a child of a directory of numbers: the first at or after *index. Returns 0 when
 * there is none. */
static int number_next(struct task *task, unsigned directory, struct process *process,
                       uint64_t index, uint64_t *number)
{
    if (directory == FD || directory == FDINFO) {
        for (uint32_t fd = 0; fd < process->descriptors->end; fd++) {
            struct file *file = descriptor_get(task, fd);
            if (!file)
                continue;
            descriptor_put(task, file);
            if (!index--) {
                *number = fd;
                return 1;
            }
        }
        return 0;
    }
    if (directory == TASKS) {
        struct tid_search search = {index, 0, 0};
        *number = (uint64_t)signal_each_task(process, tid_visit, &search);
        return *number != 0;
    }
    *number = (uint64_t)process->pid; /* the root */
    return !index;
}

/* Whether a number is a child of such a directory. */
static int number_there(struct task *task, unsigned directory, struct process *process,
                        uint64_t number)
{
    if (directory == FD || directory == FDINFO) {
        struct file *file = descriptor_get(task, number);
        if (file)
            descriptor_put(task, file);
        return file != NULL;
    }
    if (directory == TASKS) {
        struct tid_search search = {0, (int)number, 0};
        return number && signal_each_task(process, tid_visit, &search) != 0;
    }
    return number == (uint64_t)process->pid;
}

static int is_child(unsigned index, unsigned directory)
{
    return index != ROOT && (names[index].parent == directory ||
                             (names[index].also && names[index].also == directory));
}

static int proc_lookup(struct task *task, const struct node *directory, const char *name,
                       struct node *found)
{
    unsigned parent = node_index(directory);
    struct process *process = node_process(task, directory);
    if (!process)
        return -ENOENT;
    char *end;
    unsigned long number = *name >= '0' && *name <= '9' ? strtoul(name, &end, 10) : 0;
    int numeric =
        *name >= '0' && *name <= '9' && !*end && number < 0xfffffff && (*name != '0' || !name[1]);
    for (unsigned i = 0; i < NAMES; i++) {
        if (!is_child(i, parent))
            continue;
        if (names[i].name ? strcmp(name, names[i].name) != 0
                          : !numeric || !number_there(task, parent, process, number))
            continue;
        if (i == PID)
            *found = node_make(i, (int)number, 0);
        else
            *found =
                node_make(i, node_pid(directory), names[i].name ? node_number(directory) : number);
        return 0;
    }
    return -ENOENT;
}

static int proc_entry(struct task *task, const struct node *directory, uint64_t index,
                      struct entry *entry)
{
    unsigned parent = node_index(directory);
    struct process *process = node_process(task, directory);
    if (!process)
        return -ENOENT;
    unsigned numbers = NAMES; /* the name that stands for numbers */
    for (unsigned i = 0; i < NAMES; i++) {
        if (!is_child(i, parent))
            continue;
        if (!names[i].name) {
            numbers = i;
        } else if (!index--) {
            strcpy(entry->name, names[i].name);
            entry->type = (unsigned char)(names[i].mode >> 12);
            entry->inode = node_make(i, node_pid(directory), node_number(directory)).id;
            return 0;
        }
    }
    uint64_t number;
    if (numbers == NAMES || !number_next(task, parent, process, index, &number))
        return -ENOENT;
    snprintf(entry->name, sizeof entry->name, "%lu", number);
    entry->type = (unsigned char)(names[numbers].mode >> 12);
    entry->inode = numbers == PID ? node_make(PID, (int)number, 0).id
                                  : node_make(numbers, node_pid(directory), number).id;
    return 0;
}

static int proc_stat_node(struct task *task, const struct node *node, struct stat *status)
{
    const struct name *name = &names[node_index(node)];
    struct process *process = node_process(task, node);
    if (!process)
        return -ENOENT;
    status->st_mode = name->mode;
    status->st_nlink = S_ISDIR(name->mode) ? 2 : 1;
    status->st_blksize = 1024;
    if (node_pid(node)) {
        status->st_uid = process->credentials.euid;
        status->st_gid = process->credentials.egid;
    }
    if (node_index(node) == FD_ENTRY) { /* its mode tells how the descriptor is open */
        struct file *file = descriptor_get(task, node_number(node));
        if (!file)
            return -ENOENT;
        status->st_mode =
            S_IFLNK | (file_readable(file) ? 0500u : 0) | (file_writable(file) ? 0300u : 0);
        status->st_size = 64;
        descriptor_put(task, file);
    }
    return 0;
}

long proc_node_path(const struct node *node, char *text, size_t size)
{
    char path[256] = "", piece[64];
    if (node->operations != &proc_operations)
        return -ENOENT;
    for (unsigned i = node_index(node); i != ROOT; i = names[i].parent) {
        unsigned long number = i == PID ? (unsigned long)node_pid(node) : node_number(node);
        if (names[i].name)
            snprintf(piece, sizeof piece, "/%s", names[i].name);
        else
            snprintf(piece, sizeof piece, "/%lu", number);
        memmove(path + strlen(piece), path, strlen(path) + 1);
        memcpy(path, piece, strlen(piece));
    }
    return snprintf(text, size, "%s", path);
}

static long proc_readlink(struct task *task, const struct node *node, char *text, size_t size)
{
    char buffer[PATH_MAX];
    long length = -EINVAL;
    struct file *file;
    struct process *process = node_process(task, node);
    if (!process)
        return -ENOENT;
    switch (node_index(node)) {
    case SELF:
        length = snprintf(buffer, sizeof buffer, "%d", process->pid);
        break;
    case THREAD_SELF:
        length = snprintf(buffer, sizeof buffer, "%d/task/%d", process->pid, task->tid);
        break;
    case MOUNTS:
        length = snprintf(buffer, sizeof buffer, "self/mounts");
        break;
    case EXE:
        length = snprintf(buffer, sizeof buffer, "%s", process->executable->path);
        break;
    case ROOT_LINK:
        length = snprintf(buffer, sizeof buffer, "/");
        break;
    case CWD:
        length = place_directory_path(task, buffer, sizeof buffer);
        break;
    case FD_ENTRY:
        file = descriptor_get(task, node_number(node));
        if (!file)
            return -ENOENT;
        length = description_text(task, file, buffer, sizeof buffer);
        descriptor_put(task, file);
        break;
    }
    if (length < 0)
        return length;
    if ((size_t)length > sizeof buffer - 1)
        length = sizeof buffer - 1;
    if ((size_t)length > size)
        length = (long)size;
    memcpy(text, buffer, (size_t)length);
    return length;
}

static int proc_jump(struct task *task, const struct node *node, struct file **file)
{
    struct process *process = node_process(task, node);
    if (!process)
        return -ENOENT;
    *file = NULL;
    if (node_index(node) == FD_ENTRY) {
        *file = descriptor_hold(task, node_number(node));
        return *file ? 0 : -ENOENT;
    }
    if (node_index(node) == CWD) {
        lock_acquire(&process->place->lock);
        *file = process->place->directory;
        file_get(*file);
        lock_release(&process->place->lock);
    }
    return 0;
}

/* Files. */

void content_add_bytes(struct content *content, const void *bytes, uint64_t length)
{
    if (!length)
        return;
    if (content->length + length > content->size) {
        uint64_t size = (content->length + length) * 2 + 4095;
        size -= size % 4096;
        char *more = file_pages(size);
        if (!more) {
            content->failed = 1;
            return;
        }
        if (content->length)
            memcpy(more, content->bytes, content->length);
        file_pages_free(content->bytes, content->size);
        content->bytes = more;
        content->size = size;
    }
    memcpy(content->bytes + content->length, bytes, length);
    content->length += length;
}

void content_add(struct content *content, const char *format, ...)
{
    char line[PATH_MAX + 256];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (length > 0)
        content_add_bytes(content, line,
                          (uint64_t)length < sizeof line ? (uint64_t)length : sizeof line - 1);
}

/* Makes the text of a file anew. file->data: struct content in a page. */
static long refresh(struct task *task, void *data)
{
    struct file *file = data;
    struct content made = {0}, *held = (struct content *)file->data;
    struct process *process = node_process(task, &file->node);
    const struct name *name = &names[node_index(&file->node)];
    if (!process)
        return -ESRCH;
    int error = 0;
    if (name->fixed)
        content_add(&made, "%s", name->fixed);
    else
        error = name->content(&made, task, process, node_number(&file->node));
    if (made.failed)
        error = -ENOMEM;
    if (!error) {
        lock_acquire(&file->lock);
        struct content old = *held;
        *held = made;
        made = old;
        lock_release(&file->lock);
    }
    file_pages_free(made.bytes, made.size);
    return error;
}

static long cold_call(struct thread *thread, const uint64_t args[6])
{
    long (*function)(struct task *, void *) = (long (*)(struct task *, void *))args[0];
    return function(task_of(thread), (void *)args[1]);
}

long run_cold(struct task *task, long (*function)(struct task *task, void *data), void *data)
{
    uint64_t fs_base;
    __asm__("rdfsbase %0" : "=r"(fs_base));
    if (fs_base != task->thread.fs_base)
        return function(task, data);
    const uint64_t args[6] = {(uint64_t)function, (uint64_t)data};
    return handler_cold(&task->thread, args, (void *)(uintptr_t)cold_call);
}

/* HOT. */
static long proc_read(struct task *task, struct file *file, const struct transfer *transfer)
{
    struct content *content = (struct content *)file->data;
    int64_t position = transfer->position;
    if (position == POSITION_CURRENT)
        position = file->offset;
    if (!position || !content->bytes) {
        long error = run_cold(task, refresh, file);
        if (error)
            return error;
    }
    lock_acquire(&file->lock);
    long result = 0;
    if ((uint64_t)position < content->length) {
        uint64_t length = content->length - (uint64_t)position;
        if (length > transfer->total)
            length = transfer->total;
        if (length)
            result = ranges_copyout(task, transfer, 0, content->bytes + position, length);
        if (result > 0 && transfer->position == POSITION_CURRENT)
            file->offset += result;
    }
    lock_release(&file->lock);
    return result;
}

static long proc_seek(struct task *task, struct file *file, int64_t offset, int whence)
{
    long result = -EINVAL;
    lock_acquire(&file->lock);
    if (whence == SEEK_CUR && __builtin_add_overflow(offset, file->offset, &offset))
        offset = -1;
    if ((whence == SEEK_SET || whence == SEEK_CUR) && offset >= 0)
        result = file->offset = offset;
    lock_release(&file->lock);
    return result;
}

static long proc_file_stat(struct task *task, struct file *file, struct stat *status)
{
    status->st_ino = file->node.id;
    status->st_dev = file->mount ? file->mount->device : 0;
    return proc_stat_node(task, &file->node, status);
}

static void proc_release(struct file *file)
{
    struct content *content = (struct content *)file->data;
    file_pages_free(content->bytes, content->size);
    file_pages_free(content, sizeof *content);
}

static const struct file_operations file_of_proc = {
    .read = proc_read,
    .seek = proc_seek,
    .stat = proc_file_stat,
    .release = proc_release,
};

static int proc_open(struct task *task, const struct node *node, int flags, struct file **file)
{
    if (flags & O_DIRECTORY)
        return -ENOTDIR;
    if (!(flags & O_PATH) && (flags & (O_ACCMODE | O_TRUNC)) != O_RDONLY)
        return -EACCES;
    struct content *content = file_pages(sizeof *content);
    if (!content)
        return -ENOMEM;
    *file = file_new(&file_of_proc, -1, (uint32_t)(flags & (O_PATH | O_ACCMODE | O_NONBLOCK)),
                     FILE_OTHER);
    if (!*file) {
        file_pages_free(content, sizeof *content);
        return -ENOMEM;
    }
    (*file)->data = (uint64_t)content;
    (*file)->node = *node;
    return 0;
}

static const struct tree_operations proc_operations = {
    .lookup = proc_lookup,
    .stat = proc_stat_node,
    .open = proc_open,
    .readlink = proc_readlink,
    .jump = proc_jump,
    .entry = proc_entry,
};

const struct node proc_tree_root = {&proc_operations, ROOT + 1, 0};
