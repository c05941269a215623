/* Open file descriptions: what descriptors refer to, shared by dup and fork.
 *
 * A description is a struct file with an operations table. Most of them own a host descriptor
 * (regular files, directories, pipes, terminals, eventfds …) and use host_file_operations, which
 * pass data straight between the kernel and the cage's window: the host's description carries
 * offset, O_APPEND and O_NONBLOCK, so nothing is kept twice. Synthetic ones (/dev/zero, directories
 * of synthetic trees) have host_fd -1 and operations of their own.
 *
 * Memory: struct files live in a pool and stay struct files for ever, so a descriptor can be looked
 * up without a lock (descriptors.h). Operations marked HOT run while the cage's vector registers
 * are in force: no libc; they and release take memory, if any, from file_pages(). The others may
 * use the host's libc. */
#ifndef LIND_FS_FILE_H
#define LIND_FS_FILE_H

#include <linux/fs.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/stat.h>

#include "microvisor/process.h"
#include "rt/host.h"

struct file;
struct mount;
struct node_change; /* place.h */
struct busy;        /* busy.h */
struct watch;       /* epoll.c */
struct wait_queue;  /* wait.h */

/* The most that one read or write moves, as in Linux (MAX_RW_COUNT). */
#define TRANSFER_MAX 0x7ffff000UL
/* Most ranges of one readv or writev (UIO_MAXIOV). */
#define RANGES_MAX 1024

/* A piece of the cage's memory: window offset and length, already checked with range_ok. */
struct range {
    uint64_t offset, length;
};

#define POSITION_CURRENT (-1) /* transfer.position: use and move the description's own offset */

/* One read or write. The sum of the lengths (total) is at most TRANSFER_MAX. */
struct transfer {
    const struct range *ranges;
    unsigned count;
    uint64_t total;
    int64_t position; /* file offset, or POSITION_CURRENT */
    int flags;        /* RWF_* that Linux knows for preadv2, 0 otherwise */
    uint8_t *own;     /* of sockets: not NULL, the ranges are of this memory, not of the cage's */
};

/* A name in a synthetic directory: for getdents and tree_operations.entry. */
struct entry {
    uint64_t inode;
    uint64_t next;      /* index of the entry behind it: preset to its own plus one */
    unsigned char type; /* DT_* */
    char name[256];
};

/* A node of a synthetic tree (place.h). Plain data: copied freely, owns nothing. operations NULL:
 * no node. */
struct node {
    const struct tree_operations *operations;
    uint64_t id;   /* unique in the tree: the inode number */
    uint64_t data; /* the tree's own */
};

/* All may be NULL, with the meaning in brackets. Each returns a value or -errno. */
struct file_operations {
    const char *name; /* as in the text of /proc/self/fd links of what has no path,
                         "anon_inode:[x]"; NULL: look at the host fd */
    int quiet;        /* a write that fails with EPIPE sends no SIGPIPE */
    long (*read)(struct task *task, struct file *file,
                 const struct transfer *transfer); /* HOT [EINVAL] */
    long (*write)(struct task *task, struct file *file,
                  const struct transfer *transfer); /* HOT [EINVAL] */
    long (*seek)(struct task *task, struct file *file, int64_t offset,
                 int whence); /* HOT [ESPIPE] */
    long (*stat)(struct task *task, struct file *file,
                 struct stat *status); /* HOT [fstat of the host fd] */
    /* POLL* bits of events (plus POLLERR, POLLHUP) that hold now. HOT. [the host's answer for
     * host_fd; without one always ready] */
    int (*poll)(struct task *task, struct file *file, int events);
    /* Where a change of poll's answer is announced (wait.h). HOT. [it never changes] */
    struct wait_queue *(*queue)(struct file *file);
    /* Opens anew what the description stands for, through /proc/self/fd. [ENXIO] */
    int (*reopen)(struct task *task, struct file *from, int flags, struct file **file);
    long (*ioctl)(struct task *task, struct file *file, uint32_t command,
                  uint64_t argument); /* [ENOTTY] */
    /* Entry number index (0 …, "." and ".." first); -ENOENT behind the last one. For directories
     * without host fd. [ENOTDIR] */
    long (*entry)(struct task *task, struct file *file, uint64_t index, struct entry *entry);
    long (*truncate)(struct task *task, struct file *file, int64_t length); /* [EINVAL] */
    long (*sync)(struct task *task, struct file *file, int data_only);      /* [EINVAL] */
    /* fchmod and fchown [of the host fd or the node; EPERM] */
    long (*change)(struct task *task, struct file *file, const struct node_change *change);
    /* futimens; times NULL: now [of the host fd; EPERM] */
    long (*set_times)(struct task *task, struct file *file, const struct timespec times[2]);
    /* A host fd, not owned by the caller, that mmap of this description may map; -ENODEV. The
     * memory room asks for it. [ENODEV, or host_fd for FILE_REGULAR] A description that returns -1
     * is mapped as anonymous zeroes (/dev/zero). */
    int (*map)(struct task *task, struct file *file);
    void (*release)(struct file *file); /* HOT. The last reference went. Closing host_fd is done by
                                           the caller afterwards. */
};

enum file_kind {
    FILE_OTHER,     /* synthetic */
    FILE_REGULAR,   /* host regular file: never blocks, has a size */
    FILE_DIRECTORY, /* host directory (host_fd) or synthetic one (node) */
    FILE_STREAM,    /* host pipe, FIFO, socket, eventfd …: may block */
    FILE_TERMINAL,  /* host character device that is a terminal */
    FILE_DEVICE,    /* other host character device (inherited) */
    FILE_PATH,      /* opened with O_PATH and not a directory */
};

struct file {
    const struct file_operations *operations;
    _Atomic uint32_t references;
    int host_fd;            /* -1 for none; owned, O_CLOEXEC */
    _Atomic uint32_t flags; /* as open got them without creation flags: O_ACCMODE, O_APPEND,
                               O_NONBLOCK, O_PATH, O_DIRECTORY … */
    uint32_t kind;          /* enum file_kind */
    uint32_t inherited;     /* lind-run was given it: the cage may use it, not change what it is */
    uint32_t watched;       /* an epoll set has or had it */
    const struct mount
        *mount; /* where a path led to it; NULL for what came without a path (inherited, pipes) */
    struct node node; /* of a synthetic file or directory */
    char *path;       /* guest path of a synthetic directory, in pages of file_pages(), else NULL */
    struct lock lock; /* of offset and data, where the operations need it; a leaf */
    int64_t offset;   /* of descriptions without host fd */
    uint64_t data;    /* the operations' own */
    struct watch *watchers;        /* epoll sets that watch it (epoll.c) */
    _Atomic uint64_t signal_owner; /* of owner.c, under the tree lock */
    struct busy *busy; /* its use of a file of the host (busy.h), or NULL; ended by file_release */
};

extern const struct file_operations host_file_operations; /* host_file.c */

/* ioctl(2) of host_fd; argument is a number or a pointer of trusted code. Interruptible. */
long host_file_ioctl(struct task *task, struct file *file, uint32_t command, uint64_t argument);

/* A new description with one reference, or NULL when there is no memory. HOT. All fields not named
 * here are zero. */
struct file *file_new(const struct file_operations *operations, int host_fd, uint32_t flags,
                      uint32_t kind);

/* A description for a host fd, whose ownership it takes (also on error): kind and flags are found
 * out with fstat and F_GETFL, the operations are host_file_operations. mount may be NULL. *file is
 * set when 0 is returned; -ENOMEM or fstat's error otherwise. HOT. */
int file_from_host(int host_fd, const struct mount *mount, struct file **file);

/* Notes a description of a host's regular file that is open for writing, as such. status: of the
 * file. Returns 0, -ETXTBSY or -ENOMEM. HOT. */
int file_begin_writing(struct file *file, const struct stat *status);

void file_release(struct file *file); /* frees it; by file_put only */

static inline void file_get(struct file *file)
{
    atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed);
}

static inline void file_put(struct file *file)
{
    if (atomic_fetch_sub_explicit(&file->references, 1, memory_order_acq_rel) == 1)
        file_release(file);
}

static inline uint32_t file_flags(const struct file *file)
{
    return atomic_load_explicit(&file->flags, memory_order_relaxed);
}

static inline int file_readable(const struct file *file)
{
    uint32_t flags = file_flags(file);
    return !(flags & 010000000) && (flags & 3) != 1; /* O_PATH, O_WRONLY */
}

static inline int file_writable(const struct file *file)
{
    uint32_t flags = file_flags(file);
    return !(flags & 010000000) && ((flags & 3) == 1 || (flags & 3) == 2);
}

/* Zeroed memory of whole pages straight from the host, NULL when there is none. HOT. */
void *file_pages(uint64_t size);
void file_pages_free(void *pages, uint64_t size);

/* Copies an iovec array in (once), checks it and makes ranges of it, cutting the total to
 * TRANSFER_MAX as Linux does. ranges has room for RANGES_MAX. Returns 0, -EINVAL (count, negative
 * lengths) or -EFAULT. HOT. */
int transfer_copyin(struct task *task, struct transfer *transfer, struct range *ranges,
                    uint64_t vector, uint64_t count);

/* read(2) and write(2) families on a description that the caller holds: access mode, RLIMIT_FSIZE,
 * SIGPIPE and SIGXFSZ included. HOT. */
long file_read(struct task *task, struct file *file, const struct transfer *transfer);
long file_write(struct task *task, struct file *file, const struct transfer *transfer);

/* fcntl's F_GETLK, F_SETLK, F_SETLKW and their F_OFD_ kin on a held description without O_PATH
 * (locks.c, with flock); argument is the window offset of a struct flock. Called by call_fcntl. Not
 * HOT. */
long file_lock_command(struct task *task, struct file *file, int command, uint64_t argument);

/* fcntl's F_SETOWN, F_GETOWN, their _EX kin, F_SETSIG and F_GETSIG (owner.c), and the first two
 * alone: id is negative for a group, 0 for none. Not HOT. */
long file_owner_command(struct task *task, struct file *file, int command, uint64_t argument);
long file_set_owner(struct file *file, int id); /* 0, -ESRCH, -EINVAL */
int file_get_owner(const struct file *file);

/* Whether the task has been told to look at signals. */
static inline int task_interrupted(const struct task *task)
{
    return atomic_load_explicit(&task->thread.pending, memory_order_relaxed) != 0;
}

#endif
