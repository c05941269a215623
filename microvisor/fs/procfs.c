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
#include "microvisor/proc/proc.h"
#include "microvisor/proc/tree.h"
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
    {"cgroup", FILE_ALL, PID, TID, NULL, "0::/\n"},
    {"comm", S_IFREG | 0644, PID, TID, proc_comm, NULL},
    {"environ", FILE_OWNER, PID, TID, proc_environ, NULL},
    {"limits", FILE_ALL, PID, TID, proc_limits, NULL},
    {"maps", FILE_ALL, PID, TID, proc_maps, NULL},
    {"mountinfo", FILE_ALL, PID, TID, proc_mountinfo, NULL},
    {"mounts", FILE_ALL, PID, TID, proc_mounts, NULL},
    {"oom_score", FILE_ALL, PID, TID, NULL, "0\n"}, /* the host chooses lind-run as a whole */
    {"oom_score_adj", FILE_ALL, PID, TID, NULL, "0\n"},
    {"stat", FILE_ALL, PID, TID, proc_stat, NULL},
    {"statm", FILE_ALL, PID, TID, proc_statm, NULL},
    {"status", FILE_ALL, PID, TID, proc_status, NULL},
    {"wchan", FILE_ALL, PID, TID, NULL, "0"}, /* as for who may not know it */
    {"cpuinfo", FILE_ALL, ROOT, 0, proc_cpuinfo, NULL},
    {"filesystems", FILE_ALL, ROOT, 0, NULL, "nodev\tproc\nnodev\tdevtmpfs\nnodev\tpipefs\n"},
    {"loadavg", FILE_ALL, ROOT, 0, proc_loadavg, NULL},
    {"meminfo", FILE_ALL, ROOT, 0, proc_meminfo, NULL},
    {"stat", FILE_ALL, ROOT, 0, proc_system_stat, NULL},
    {"uptime", FILE_ALL, ROOT, 0, proc_uptime, NULL},
    {"version", FILE_ALL, ROOT, 0, NULL,
     "Linux version " SYSTEM_RELEASE " (lind) " SYSTEM_VERSION "\n"},
    {"vmstat", FILE_ALL, ROOT, 0, proc_vmstat, NULL},
    {"cap_last_cap", FILE_ALL, KERNEL, 0, NULL, "40\n"},
    {"core_pattern", FILE_ALL, KERNEL, 0, NULL, "core\n"},
    {"hostname", FILE_ALL, KERNEL, 0, NULL, SYSTEM_NODENAME "\n"},
    {"ngroups_max", FILE_ALL, KERNEL, 0, NULL, "65536\n"},
    {"osrelease", FILE_ALL, KERNEL, 0, NULL, SYSTEM_RELEASE "\n"},
    {"ostype", FILE_ALL, KERNEL, 0, NULL, "Linux\n"},
    {"pid_max", FILE_ALL, KERNEL, 0, NULL, "4194304\n"},
    {"threads-max", FILE_ALL, KERNEL, 0, NULL, "4194304\n"}, /* each has a pid */
    {"version", FILE_ALL, KERNEL, 0, NULL, SYSTEM_VERSION "\n"},
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

/* The process of a node with its parts kept until tree_unpin, or NULL with *error set: it is gone,
 * a zombie, or not one that the caller may look into (ptrace(2), PTRACE_MODE_READ). */
static struct process *hold(struct task *task, const struct node *node, int inside, int *error)
{
    const struct credentials *own = &task->process->credentials;
    struct process *process = tree_pin(task, node_pid(node));
    *error = process ? 0 : inside && own->fsuid && node_pid(node) == PID_INIT ? -EACCES : -ENOENT;
    if (!process)
        return NULL;
    if (!inside || process == task->process || !own->fsuid)
        return process;
    lock_acquire(&process->lock);
    const struct credentials its = process->credentials;
    int hidden = (process->options & OPTION_NOT_DUMPABLE) != 0;
    lock_release(&process->lock);
    if (own->fsuid == its.uid && own->fsuid == its.euid && own->fsuid == its.suid &&
        own->fsgid == its.gid && own->fsgid == its.egid && own->fsgid == its.sgid && !hidden)
        return process;
    tree_unpin(task, process);
    *error = -EACCES;
    return NULL;
}

/* Whether there is such a process, zombies included; who its node belongs to: what others may not
 * look into is root's, but for the directories that all may list, and so is what is a zombie's. */
static int exists(struct task *task, const struct node *node, struct stat *owner)
{
    TREE_LOCKED();
    const struct process *process = node_pid(node) ? tree_find(node_pid(node)) : task->process;
    int open =
        process && process->state == PROCESS_ALIVE && !(process->options & OPTION_NOT_DUMPABLE);
    if (process && (open || names[node_index(node)].mode == DIRECTORY)) {
        owner->st_uid = process->credentials.euid;
        owner->st_gid = process->credentials.egid;
    }
    return process != NULL;
}

/* What only those who may look into a process see. */
static int is_inside(unsigned index)
{
    return index == FD || index == FD_ENTRY || index == FDINFO || index == EXE || index == CWD ||
           index == ROOT_LINK || names[index].mode == FILE_OWNER ||
           names[index].content == proc_maps;
}

struct search {
    uint64_t from, found; /* the lowest number at or after from; UINT64_MAX: none */
};

static void search_meets(struct search *search, uint64_t number)
{
    if (number >= search->from && number < search->found)
        search->found = number;
}

static long meet_task(struct task *task, void *search)
{
    search_meets(search, (uint64_t)task->tid);
    return 0;
}

static long meet_process(struct process *process, void *search)
{
    search_meets(search, (uint64_t)process->pid);
    return 0;
}

/* The lowest child at or after `from` of a directory of numbers. Returns 0, -ENOENT when there is
 * none, -EACCES. */
static int number_next(struct task *task, const struct node *node, uint64_t from, uint64_t *number)
{
    struct search search = {from, UINT64_MAX};
    unsigned directory = node_index(node);
    int error = 0;
    if (directory == ROOT) {
        tree_lock();
        tree_each(meet_process, &search);
        tree_unlock();
    } else {
        struct process *process = hold(task, node, is_inside(directory), &error);
        if (!process)
            return error;
        if (directory == TASKS) { /* the first stays as long as others do */
            search_meets(&search, (uint64_t)process->pid);
            signal_each_task(process, meet_task, &search);
        }
        for (uint64_t fd = from; directory != TASKS && fd < process->descriptors->end; fd++) {
            struct file *file = descriptor_get_shared(process->descriptors, (uint32_t)fd);
            if (!file)
                continue;
            file_put(file);
            search.found = fd;
            break;
        }
        tree_unpin(task, process);
    }
    *number = search.found;
    return search.found == UINT64_MAX ? -ENOENT : 0;
}

/* Whether a number is a child of such a directory. */
static int number_there(struct task *task, const struct node *node, uint64_t number)
{
    uint64_t found;
    int error = number_next(task, node, number, &found);
    return error ? error : found == number ? 0 : -ENOENT;
}

/* A new reference of what a node of /proc/PID/fd stands for. NULL with *error set. */
static struct file *descriptor_hold(struct task *task, const struct node *node, int *error)
{
    struct process *process = hold(task, node, 1, error);
    if (!process)
        return NULL;
    struct file *file = descriptor_get_shared(process->descriptors, (uint32_t)node_number(node));
    tree_unpin(task, process);
    *error = -ENOENT;
    return file;
}

/* Only a process itself, and who may look into it, may list its descriptors. */
static int proc_search(struct task *task, const struct node *directory)
{
    int error = 0;
    if (!is_inside(node_index(directory)))
        return 0;
    struct process *process = hold(task, directory, 1, &error);
    if (process)
        tree_unpin(task, process);
    return error;
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
    struct stat unused;
    if (!exists(task, directory, &unused))
        return -ENOENT;
    char *end;
    unsigned long number = *name >= '0' && *name <= '9' ? strtoul(name, &end, 10) : 0;
    int numeric =
        *name >= '0' && *name <= '9' && !*end && number < 0xfffffff && (*name != '0' || !name[1]);
    for (unsigned i = 0; i < NAMES; i++) {
        if (!is_child(i, parent) || (names[i].name ? strcmp(name, names[i].name) != 0 : !numeric))
            continue;
        int error = names[i].name ? 0 : number_there(task, directory, number);
        if (error)
            return error;
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
    unsigned parent = node_index(directory), numbers = NAMES; /* the name that stands for numbers */
    struct stat unused;
    uint64_t named = 0, number;
    if (!exists(task, directory, &unused))
        return -ENOENT;
    for (unsigned i = 0; i < NAMES; i++) {
        if (!is_child(i, parent))
            continue;
        if (!names[i].name) {
            numbers = i;
        } else if (named++ == index) {
            strcpy(entry->name, names[i].name);
            entry->type = (unsigned char)(names[i].mode >> 12);
            entry->inode = node_make(i, node_pid(directory), node_number(directory)).id;
            return 0;
        }
    }
    /* Behind the names, an index stands for a number: so none is left out when others go. */
    if (numbers == NAMES)
        return -ENOENT;
    int error = number_next(task, directory, index - named, &number);
    if (error)
        return error;
    entry->next = named + number + 1;
    snprintf(entry->name, sizeof entry->name, "%lu", number);
    entry->type = (unsigned char)(names[numbers].mode >> 12);
    entry->inode = numbers == PID ? node_make(PID, (int)number, 0).id
                                  : node_make(numbers, node_pid(directory), number).id;
    return 0;
}

static int proc_stat_node(struct task *task, const struct node *node, struct stat *status)
{
    const struct name *name = &names[node_index(node)];
    struct stat owner = {0};
    int error;
    if (!exists(task, node, &owner))
        return -ENOENT;
    status->st_mode = name->mode;
    status->st_nlink = S_ISDIR(name->mode) ? 2 : 1;
    status->st_blksize = 1024;
    if (node_pid(node)) {
        status->st_uid = owner.st_uid;
        status->st_gid = owner.st_gid;
    }
    if (node_index(node) == FD_ENTRY) { /* its mode tells how the descriptor is open */
        struct file *file = descriptor_hold(task, node, &error);
        if (!file)
            return error;
        status->st_mode =
            S_IFLNK | (file_readable(file) ? 0500u : 0) | (file_writable(file) ? 0300u : 0);
        status->st_size = 64;
        file_put(file);
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

/* The description that a link leads to, or NULL with *error set: 0 for those that are only text. */
static struct file *linked(struct task *task, const struct node *node, int *error)
{
    if (node_index(node) == FD_ENTRY)
        return descriptor_hold(task, node, error);
    *error = 0;
    if (node_index(node) != CWD && node_index(node) != ROOT_LINK)
        return NULL;
    struct process *process = hold(task, node, 1, error);
    if (!process)
        return NULL;
    struct file *file = NULL;
    if (node_index(node) == ROOT_LINK) {
        file = place_root(process->place);
    } else {
        lock_acquire(&process->place->lock);
        file = process->place->directory;
        file_get(file);
        lock_release(&process->place->lock);
    }
    tree_unpin(task, process);
    if (!file)
        *error = place_open_root(task, &file);
    return file;
}

/* A guest path as the task sees it: below its root, or as it is in the name space (proc(5)). */
static long seen(struct task *task, char *text, long length)
{
    long below = length < 0 ? length : place_seen(task->process->place, text);
    return below < 0 ? length : below;
}

static long link_text(struct task *task, const struct node *node, char *text, size_t size)
{
    struct process *process;
    long length = -EINVAL;
    int error;
    switch (node_index(node)) {
    case SELF:
        return snprintf(text, size, "%d", task->process->pid);
    case THREAD_SELF:
        return snprintf(text, size, "%d/task/%d", task->process->pid, task->tid);
    case MOUNTS:
        return snprintf(text, size, "self/mounts");
    case EXE:
        process = hold(task, node, 1, &error);
        if (!process)
            return error;
        length = snprintf(text, size, "%s", process->executable->path);
        tree_unpin(task, process);
        return seen(task, text, length);
    case CWD:
        if (node_pid(node) == task->process->pid)
            return seen(task, text, place_directory_path(task, text, size));
    }
    struct file *file = linked(task, node, &error);
    if (!file)
        return error ? error : -EINVAL;
    length = description_text(task, file, text, size);
    file_put(file);
    return *text == '/' ? seen(task, text, length) : length;
}

static long proc_readlink(struct task *task, const struct node *node, char *text, size_t size)
{
    char buffer[PATH_MAX];
    long length = link_text(task, node, buffer, sizeof buffer);
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
    int error;
    *file = linked(task, node, &error);
    return *file ? 0 : !error && node_index(node) == EXE ? 1 : error;
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
            content->error = -ENOMEM;
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
    const struct name *name = &names[node_index(&file->node)];
    struct subject of = {.task = task, .number = node_number(&file->node)};
    of.process = hold(task, &file->node, is_inside(node_index(&file->node)), &made.error);
    if (name->fixed)
        content_add(&made, "%s", name->fixed);
    else if (of.process)
        name->content(&made, &of);
    else if (made.error == -ENOENT) {
        made.error = 0;
        proc_without_parts(&made, name->content, node_pid(&file->node));
    }
    if (of.process)
        tree_unpin(task, of.process);
    int error = made.error;
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
    LOCKED(&file->lock);
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
    return result;
}

static long proc_seek(struct task *task, struct file *file, int64_t offset, int whence)
{
    long result = -EINVAL;
    LOCKED(&file->lock);
    if (whence == SEEK_CUR && __builtin_add_overflow(offset, file->offset, &offset))
        offset = -1;
    if ((whence == SEEK_SET || whence == SEEK_CUR) && offset >= 0)
        result = file->offset = offset;
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

/* Only comm can be opened for writing, and only a process itself may set it. HOT. */
static long proc_write(struct task *task, struct file *file, const struct transfer *transfer)
{
    char name[16] = "";
    uint64_t length = transfer->total < sizeof name - 1 ? transfer->total : sizeof name - 1;
    int pid = node_pid(&file->node), tid = (int)node_number(&file->node);
    if (pid != task->process->pid)
        return -EINVAL;
    if (length && ranges_copyin(task, transfer, 0, name, length) != (long)length)
        return -EFAULT;
    TREE_LOCKED();
    struct task *named = tree_find_task(tid ? tid : pid);
    if (named && named->process == task->process)
        task_set_name(named, name);
    return (long)transfer->total;
}

static const struct file_operations file_of_proc = {
    .read = proc_read,
    .write = proc_write,
    .seek = proc_seek,
    .stat = proc_file_stat,
    .release = proc_release,
};

static int proc_open(struct task *task, const struct node *node, int flags, struct file **file)
{
    if (flags & O_DIRECTORY)
        return -ENOTDIR;
    int error;
    const struct name *name = &names[node_index(node)];
    if (!(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY) {
        const uint32_t user = task->process->credentials.fsuid;
        struct stat owner = {0};
        if (name->content != proc_comm || !exists(task, node, &owner) || (user && user != owner.st_uid))
            return -EACCES;
    }
    error = proc_search(task, node);
    if (error)
        return error;
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
    .search = proc_search,
};

const struct node proc_tree_root = {&proc_operations, ROOT + 1, 0};
