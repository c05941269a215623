/* A process's table of descriptors: numbers that lead to open file descriptions.
 *
 * A slot is one word: the address of the struct file, bit 0 set for close-on-exec; or 0 when free;
 * or SLOT_RESERVED while a call that will fill it runs. The table's address space is reserved at
 * once, so slots never move and a lookup takes no lock. Changes are made under the table's lock.
 *
 * Lookup against close in another thread: as struct files stay struct files for ever, a reader may
 * take a reference of a file that it found in a slot if the count is not 0, and keeps it if the
 * slot still has that file afterwards. While a table has only ever had one task (shared is 0) no
 * other thread can close, and no reference is taken at all: descriptor_put knows by the same field,
 * which only changes in the single task's own clone, when it holds no file.
 *
 * Lock order: place, then descriptors, then file. Nothing is released (file_put) while the lock is
 * held. All of this is HOT. */
#ifndef LIND_FS_DESCRIPTORS_H
#define LIND_FS_DESCRIPTORS_H

#include <stdatomic.h>
#include <stdint.h>

#include "microvisor/fs/file.h"

#define DESCRIPTORS_MAX 65536 /* numbers are below this whatever RLIMIT_NOFILE says */
#define SLOT_CLOSE_ON_EXEC 1UL
#define SLOT_RESERVED 2UL
#define SLOT_FLAGS 3UL

struct lock_carrier; /* locks.c */

struct descriptors {
    _Atomic uintptr_t *slots;      /* DESCRIPTORS_MAX of them */
    _Atomic uint32_t shared;       /* more than one task may use this table */
    _Atomic uint32_t users;        /* processes that use it (CLONE_FILES) */
    struct lock lock;              /* of changes to slots and the fields below */
    uint32_t lowest;               /* no number below is free */
    _Atomic uint32_t end;          /* no number from here on is or was in use; read without the
                                      lock, too */
    struct lock_carrier *carriers; /* of the owner's record locks (locks.c) */
};

/* An empty table with one user, or NULL when there is no memory. */
struct descriptors *descriptors_new(void);

/* A copy for fork: the same descriptions, referenced once more. NULL when there is no memory. */
struct descriptors *descriptors_copy(struct descriptors *from);

/* Before a second task is started on the table, by the task that starts it. */
void descriptors_share(struct descriptors *table);

/* Gives up a user's hold; the last one closes all. */
void descriptors_leave(struct descriptors *table);

/* exec: closes what is marked close-on-exec. */
void descriptors_exec(struct task *task);

/* Whether fd is one of those. */
int descriptor_closes_on_exec(struct task *task, uint64_t fd);

struct file *descriptor_get_shared(struct descriptors *table, uint32_t fd);

/* The description of fd, to be given back with descriptor_put by the same task in the same call;
 * NULL for a bad number (EBADF). */
static inline struct file *descriptor_get(struct task *task, uint64_t fd)
{
    struct descriptors *table = task->process->descriptors;
    uint32_t number = (uint32_t)fd;
    if (number >= DESCRIPTORS_MAX)
        return 0;
    if (atomic_load_explicit(&table->shared, memory_order_relaxed))
        return descriptor_get_shared(table, number);
    return (struct file *)(atomic_load_explicit(&table->slots[number], memory_order_relaxed) &
                           ~SLOT_FLAGS);
}

static inline void descriptor_put(struct task *task, struct file *file)
{
    if (atomic_load_explicit(&task->process->descriptors->shared, memory_order_relaxed))
        file_put(file);
}

/* Declares `variable`, the description of fd or NULL, which is given back at the end of the block. */
#define DESCRIPTION(variable, task, fd)                                                            \
    struct description_use variable##_use                                                          \
        __attribute__((cleanup(description_use_end))) = {task, descriptor_get(task, fd)};          \
    struct file *const variable = variable##_use.file

struct description_use {
    struct task *task;
    struct file *file;
};

static inline void description_use_end(struct description_use *use)
{
    if (use->file)
        descriptor_put(use->task, use->file);
}

/* Reserves the lowest free number from `from` on. Returns it, -EMFILE beyond RLIMIT_NOFILE, -EINVAL
 * when from is. The slot must then be filled or cancelled. */
long descriptor_reserve(struct task *task, uint64_t from);

/* Fills a reserved number. Takes over the caller's reference. */
void descriptor_fill(struct task *task, long fd, struct file *file, int close_on_exec);

void descriptor_cancel(struct task *task, long fd);

/* Reserve and fill. Takes over the reference, also on failure. Returns the number or -EMFILE. */
long descriptor_install(struct task *task, struct file *file, int close_on_exec);

/* The same for two, whose numbers are written to the cage's int[2] at a window offset. Takes over
 * both references, also on failure. Returns 0, -EMFILE or -EFAULT. */
long descriptor_install_pair(struct task *task, struct file *files[2], uint64_t numbers_at,
                             int close_on_exec);

/* Puts file on the number fd, closing what was there. Takes over the reference, also on failure.
 * Returns fd, -EBADF when fd is beyond the limit, -EBUSY when a call in another thread is about to
 * fill it. */
long descriptor_replace(struct task *task, uint64_t fd, struct file *file, int close_on_exec);

/* Closes fd. Returns 0 or -EBADF. */
long descriptor_close(struct task *task, uint64_t fd);

/* fcntl's F_DUPFD: the lowest number from `from` on for fd's description. -EBADF, -EINVAL (from),
 * -EMFILE. */
long descriptor_duplicate(struct task *task, uint32_t fd, uint64_t from, int close_on_exec);

/* Whether fd is closed on exec (0 or 1), or -EBADF; then makes it `set` (0 or 1) unless that is
 * negative. */
long descriptor_close_on_exec(struct task *task, uint32_t fd, int set);

/* Gives a process's first descriptors: host fd `host_fd`, which is duplicated close-on-exec,
 * becomes number fd. For lind-run, before the program starts. Returns 0 or -errno. */
int descriptors_inherit(struct process *process, int host_fd, int fd);

#endif
