/* The tree /dev: null, zero, full, random, urandom, terminals, shm, the links to /proc/self/fd. The
 * devices are the microvisor's own (null(4), full(4), random(4), pts(4)); only the terminal behind
 * /dev/tty may be the host's. */
#include "microvisor/fs/dev.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/place.h"
#include "microvisor/fs/procfs.h"
#include "microvisor/fs/ranges.h"
#include "microvisor/fs/terminal.h"
#include "microvisor/signal/signal.h"
#include "rt/copy.h"

static long null_read(struct task *task, struct file *file, const struct transfer *transfer)
{
    return 0;
}

static long null_write(struct task *task, struct file *file, const struct transfer *transfer)
{
    return (long)transfer->total;
}

static long full_write(struct task *task, struct file *file, const struct transfer *transfer)
{
    return -ENOSPC;
}

/* Fills the ranges piece by piece; a signal may end a long one. */
#define FILL_PIECE (1UL << 20)

static long fill(struct task *task, const struct transfer *transfer,
                 long (*piece)(struct task *task, uint64_t address, uint64_t length))
{
    struct cursor cursor = {.range = transfer->ranges};
    uint64_t total = 0;
    while (total < transfer->total) {
        uint64_t part = transfer->total - total;
        if (part > FILL_PIECE)
            part = FILL_PIECE;
        uint64_t address = cursor_piece(&cursor, &part);
        long error = piece(task, address, part);
        if (cursor_moved(&cursor, part, error))
            return total ? (long)total : error;
        if (!error)
            total += part;
        if (total && task_interrupted(task) && signal_pending(task))
            break;
    }
    return (long)total;
}

static long zero_piece(struct task *task, uint64_t address, uint64_t length)
{
    return clearout(&task->thread, address, length);
}

static long random_piece(struct task *task, uint64_t address, uint64_t length)
{
    long done = 0;
    window_for_host(&task->thread, address, length, 1);
    /* The host fills at most 256 bytes in one go without looking for signals. */
    for (uint64_t at = 0; at < length; at += (uint64_t)done) {
        done = host_call3(SYS_getrandom, task->thread.base + address + at, length - at, 0);
        if (done < 0 && done != -EINTR)
            return done;
        if (done < 0)
            done = 0;
    }
    return 0;
}

static long zero_read(struct task *task, struct file *file, const struct transfer *transfer)
{
    return fill(task, transfer, zero_piece);
}

static long random_read(struct task *task, struct file *file, const struct transfer *transfer)
{
    return fill(task, transfer, random_piece);
}

static long start_seek(struct task *task, struct file *file, int64_t offset, int whence)
{
    return 0;
}

static int random_poll(struct task *task, struct file *file, int events)
{
    return events & (POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
}

static int zero_map(struct task *task, struct file *file)
{
    return -1;
}

static int dev_stat(struct task *task, const struct node *node, struct stat *status);

long dev_file_stat(struct task *task, struct file *file, struct stat *status)
{
    long error = dev_stat(task, &file->node, status);
    status->st_ino = file->node.id;
    status->st_dev = file->mount ? file->mount->device : 0;
    return error;
}

#define DEVICE .seek = start_seek, .stat = dev_file_stat
static const struct file_operations null_operations = {
    .read = null_read, .write = null_write, DEVICE};
static const struct file_operations zero_operations = {
    .read = zero_read, .write = null_write, .map = zero_map, DEVICE};
static const struct file_operations full_operations = {
    .read = zero_read, .write = full_write, DEVICE};
static const struct file_operations random_operations = {
    .read = random_read, .write = null_write, .poll = random_poll, DEVICE};

long dev_splice_read(const struct file *file, uint8_t *bytes, uint64_t length)
{
    if (file->operations == &random_operations) {
        long done;
        do {
            done = host_call3(SYS_getrandom, bytes, length, 0);
        } while (done == -EINTR);
        return done;
    }
    if (file->operations != &zero_operations && file->operations != &full_operations)
        return -EINVAL;
    memset(bytes, 0, length);
    return (long)length;
}

long dev_splice_write(const struct file *file, uint64_t length)
{
    int takes = file->operations == &null_operations || file->operations == &zero_operations ||
                file->operations == &random_operations;
    return takes ? (long)length : -EINVAL;
}

/* The names, in the order of their ids - 2. */
static const struct dev_name {
    const char *name;
    const struct file_operations *operations;
    const char *link;
    unsigned char major, minor;
} names[] = {
    {"null", &null_operations, NULL, 1, 3},
    {"zero", &zero_operations, NULL, 1, 5},
    {"full", &full_operations, NULL, 1, 7},
    {"random", &random_operations, NULL, 1, 8},
    {"urandom", &random_operations, NULL, 1, 9},
    {"tty", NULL, NULL, 5, 0},
    {"fd", NULL, "/proc/self/fd", 0, 0},
    {"stdin", NULL, "/proc/self/fd/0", 0, 0},
    {"stdout", NULL, "/proc/self/fd/1", 0, 0},
    {"stderr", NULL, "/proc/self/fd/2", 0, 0},
    {"ptmx", NULL, NULL, 5, 2},
    {"console", NULL, NULL, 5, 1}, /* the host's terminal, if lind-run has one */
    {"pts", NULL, NULL, 0, 0},
    {"shm", NULL, NULL, 0, 0}, /* where lind-run mounts a directory */
};
enum {
    TTY_ID = 7,
    PTMX_ID = 12,
    CONSOLE_ID = 13,
    PTS_ID = 14,
    SHM_ID = 15,
    PTS_FIRST_ID = 256 /* + N: /dev/pts/N */
};
#define NAMES (sizeof names / sizeof names[0])
#define ROOT_ID 1
#define FIRST_ID 2

static const struct dev_name *name_of(const struct node *node)
{
    return &names[node->id - FIRST_ID];
}

static const struct tree_operations dev_operations;

struct node dev_terminal_node(int number)
{
    return (struct node){&dev_operations, number < 0 ? PTMX_ID : PTS_FIRST_ID + (uint64_t)number,
                         0};
}

long dev_console_stat(struct task *task, struct stat *status)
{
    const struct node console = {&dev_operations, CONSOLE_ID, 0};
    const struct place *place = task->process->place;
    long error = dev_stat(task, &console, status);
    status->st_ino = console.id;
    for (uint32_t i = 0; i < place->mount_count; i++)
        if (place->mounts[i]->root.operations == &dev_operations)
            status->st_dev = place->mounts[i]->device;
    return error;
}

long dev_node_path(const struct node *node, char *text, size_t size)
{
    if (node->operations != &dev_operations || node->id == ROOT_ID)
        return -ENOENT;
    if (node->id >= PTS_FIRST_ID)
        return snprintf(text, size, "/pts/%lu", node->id - PTS_FIRST_ID);
    return snprintf(text, size, "/%s", name_of(node)->name);
}

static int pts_lookup(const char *name, struct node *found)
{
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    if (!strcmp(name, "ptmx"))
        *found = dev_terminal_node(-1);
    else if (*name < '0' || *name > '9' || *end || (*name == '0' && name[1]) ||
             number >= TERMINAL_NUMBERS || pty_next((uint32_t)number) != (int)number)
        return -ENOENT;
    else
        *found = dev_terminal_node((int)number);
    return 0;
}

static int dev_lookup(struct task *task, const struct node *directory, const char *name,
                      struct node *found)
{
    if (directory->id == PTS_ID)
        return pts_lookup(name, found);
    for (size_t i = 0; directory->id == ROOT_ID && i < NAMES; i++)
        if (!strcmp(name, names[i].name) &&
            (FIRST_ID + i != CONSOLE_ID || host_terminal_exists())) {
            *found = (struct node){directory->operations, FIRST_ID + i, 0};
            return 0;
        }
    return directory->id == ROOT_ID ? -ENOENT : -ENOTDIR;
}

static int dev_stat(struct task *task, const struct node *node, struct stat *status)
{
    status->st_nlink = 1;
    status->st_blksize = 4096;
    if (node->id == ROOT_ID || node->id == PTS_ID || node->id == SHM_ID) {
        status->st_mode = S_IFDIR | 0755;
        status->st_nlink = 2;
        return 0;
    }
    if (node->id >= PTS_FIRST_ID) {
        status->st_blksize = 1024;
        status->st_rdev = makedev(136, node->id - PTS_FIRST_ID);
        return pty_status((uint32_t)(node->id - PTS_FIRST_ID), status);
    }
    const struct dev_name *name = name_of(node);
    if (node->id == CONSOLE_ID) {
        int error = host_terminal_status(status); /* whose it is, and when it was used */
        status->st_dev = status->st_ino = 0;
        status->st_rdev = makedev(name->major, name->minor);
        return error;
    }
    if (name->link) {
        status->st_mode = S_IFLNK | 0777;
        status->st_size = (off_t)strlen(name->link);
    } else {
        status->st_mode = S_IFCHR | 0666;
        status->st_rdev = makedev(name->major, name->minor);
    }
    return 0;
}

static long dev_readlink(struct task *task, const struct node *node, char *text, size_t size)
{
    if (node->id == ROOT_ID || node->id >= PTS_FIRST_ID || !name_of(node)->link)
        return -EINVAL;
    size_t length = strlen(name_of(node)->link);
    if (length > size)
        length = size;
    memcpy(text, name_of(node)->link, length);
    return (long)length;
}

/* "ptmx", then numbers. */
static int pts_entry(uint64_t index, struct entry *entry)
{
    int number = -1;
    for (uint64_t i = 0; i < index; i++)
        if ((number = pty_next((uint32_t)(number + 1))) < 0)
            return -ENOENT;
    const struct node node = dev_terminal_node(number);
    entry->inode = node.id;
    entry->type = DT_CHR;
    if (number < 0)
        strcpy(entry->name, "ptmx");
    else
        snprintf(entry->name, sizeof entry->name, "%d", number);
    return 0;
}

static int dev_entry(struct task *task, const struct node *directory, uint64_t index,
                     struct entry *entry)
{
    if (directory->id == PTS_ID)
        return pts_entry(index, entry);
    if (FIRST_ID + index >= CONSOLE_ID && !host_terminal_exists())
        index++;
    if (index >= NAMES)
        return -ENOENT;
    entry->inode = FIRST_ID + index;
    entry->type = names[index].link ? DT_LNK : entry->inode >= PTS_ID ? DT_DIR : DT_CHR;
    strcpy(entry->name, names[index].name);
    return 0;
}

static int dev_open(struct task *task, const struct node *node, int flags, struct file **file)
{
    if (flags & O_DIRECTORY)
        return -ENOTDIR;
    if (node->id >= PTS_FIRST_ID)
        return pty_open_slave(task, (uint32_t)(node->id - PTS_FIRST_ID), flags, file);
    if (node->id == PTMX_ID)
        return pty_open_master(task, flags, file);
    if (node->id == TTY_ID)
        return terminal_open_own(task, flags, file);
    if (node->id == CONSOLE_ID)
        return host_terminal_open(task, flags, file);
    *file = file_new(name_of(node)->operations, -1,
                     (uint32_t)(flags & (O_ACCMODE | O_APPEND | O_NONBLOCK)), FILE_OTHER);
    if (!*file)
        return -ENOMEM;
    (*file)->node = *node;
    return 0;
}

static int dev_change(struct task *task, const struct node *node, const struct node_change *change)
{
    return node->id < PTS_FIRST_ID ? -EROFS
                                   : pty_change(task, (uint32_t)(node->id - PTS_FIRST_ID), change);
}

static const struct tree_operations dev_operations = {
    .change = dev_change,
    .lookup = dev_lookup,
    .stat = dev_stat,
    .open = dev_open,
    .readlink = dev_readlink,
    .entry = dev_entry,
};

const struct node dev_tree_root = {&dev_operations, ROOT_ID, 0};
