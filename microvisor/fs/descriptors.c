/* The table of descriptors, and the calls that change nothing else. All HOT. */
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/locks.h"
#include "microvisor/fs/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>

#include "microvisor/calls.h"
#include "rt/spare.h"

#define TABLE_BYTES (DESCRIPTORS_MAX * sizeof(uintptr_t))

/* The slots follow the structure, in the same pages. */
#define TABLE_HEAD ((sizeof(struct descriptors) + 63) & ~63UL)

static uintptr_t slot_read(struct descriptors *table, uint32_t fd)
{
    return atomic_load_explicit(&table->slots[fd], memory_order_relaxed);
}

/* Under the table's lock. Release: what stands in the description is seen by whoever finds it here.
 */
static void slot_write(struct descriptors *table, uint32_t fd, uintptr_t value)
{
    atomic_store_explicit(&table->slots[fd], value, memory_order_release);
    if (!value && fd < table->lowest)
        table->lowest = fd;
    if (value && fd >= table->end)
        atomic_store_explicit(&table->end, fd + 1, memory_order_relaxed);
}

static struct file *slot_file(uintptr_t slot)
{
    return (struct file *)(slot & ~SLOT_FLAGS);
}

/* Tables that nobody uses. All their numbers are free. */
static struct spares spare_tables = {.most = 64};

/* Keeps a closed table for the next process, unless much of its memory was used. */
static int keep_spare(struct descriptors *table)
{
    enum { SPARE_END = 1024 };
    uint32_t end = table->end;
    if (end > SPARE_END)
        return 0;
    *table = (struct descriptors){0};
    return spare_keep(&spare_tables, table);
}

struct descriptors *descriptors_new(void)
{
    struct descriptors *table = spare_take(&spare_tables);
    if (!table)
        table = file_pages(TABLE_HEAD + TABLE_BYTES);
    if (!table)
        return 0;
    table->slots = (_Atomic uintptr_t *)((char *)table + TABLE_HEAD);
    atomic_store_explicit(&table->users, 1, memory_order_relaxed);
    return table;
}

struct descriptors *descriptors_copy(struct descriptors *from)
{
    struct descriptors *table = descriptors_new();
    if (!table)
        return 0;
    lock_acquire(&from->lock);
    for (uint32_t fd = 0; fd < from->end; fd++) {
        uintptr_t slot = slot_read(from, fd);
        if (!slot_file(slot))
            continue;
        file_get(slot_file(slot));
        slot_write(table, fd, slot);
    }
    lock_release(&from->lock);
    return table;
}

void descriptors_share(struct descriptors *table)
{
    atomic_store(&table->shared, 1);
}

/* Gives up what was in a slot, without the table's lock. Returns whether it was a socket: then
 * circles_look is to follow. */
static int slot_release_one(struct descriptors *table, struct file *file)
{
    int is_socket = unix_socket_of(file) != NULL;
    if (table->carriers)
        locks_closed(table, file);
    file_put(file);
    return is_socket;
}

static void slot_release(struct descriptors *table, struct file *file)
{
    if (slot_release_one(table, file))
        circles_look(CIRCLES_CLOSED);
}

/* Empties the slots of [first, last] for which (slot & mask) is mask, in steps so that nothing is
 * released under the lock. */
static void close_matching(struct descriptors *table, uint32_t first, uint32_t last, uintptr_t mask)
{
    struct file *closed[32];
    for (;;) {
        unsigned count = 0;
        lock_acquire(&table->lock);
        while (first < table->end && first <= last && count < 32) {
            uintptr_t slot = slot_read(table, first);
            if (slot_file(slot) && (slot & mask) == mask) {
                closed[count++] = slot_file(slot);
                slot_write(table, first, 0);
            }
            first++;
        }
        int more = first < table->end && first <= last;
        lock_release(&table->lock);
        int sockets = 0;
        for (unsigned i = 0; i < count; i++)
            sockets |= slot_release_one(table, closed[i]);
        if (sockets)
            circles_look(CIRCLES_CLOSED);
        if (!more)
            return;
    }
}

void descriptors_leave(struct descriptors *table)
{
    if (atomic_fetch_sub(&table->users, 1) != 1)
        return;
    close_matching(table, 0, DESCRIPTORS_MAX - 1, 0);
    if (keep_spare(table))
        return;
    file_pages_free(table, TABLE_HEAD + TABLE_BYTES);
}

int descriptor_closes_on_exec(struct task *task, uint64_t fd)
{
    struct descriptors *table = task->process->descriptors;
    uint32_t number = (uint32_t)fd;
    return number < DESCRIPTORS_MAX &&
           (atomic_load_explicit(&table->slots[number], memory_order_relaxed) & SLOT_CLOSE_ON_EXEC);
}

void descriptors_exec(struct task *task)
{
    close_matching(task->process->descriptors, 0, DESCRIPTORS_MAX - 1, SLOT_CLOSE_ON_EXEC);
}

struct file *descriptor_get_shared(struct descriptors *table, uint32_t fd)
{
    for (;;) {
        uintptr_t slot = atomic_load_explicit(&table->slots[fd], memory_order_acquire);
        struct file *file = slot_file(slot);
        if (!file)
            return 0;
        uint32_t references = atomic_load_explicit(&file->references, memory_order_relaxed);
        while (references && !atomic_compare_exchange_weak_explicit(
                                 &file->references, &references, references + 1,
                                 memory_order_acquire, memory_order_relaxed))
            ;
        if (!references)
            continue; /* just released: the slot has changed, too */
        if (slot_file(atomic_load_explicit(&table->slots[fd], memory_order_acquire)) == file)
            return file;
        file_put(file);
    }
}

/* Numbers are below this. */
static uint32_t number_limit(const struct task *task)
{
    uint64_t limit = process_limit(task->process, RLIMIT_NOFILE);
    return limit < DESCRIPTORS_MAX ? (uint32_t)limit : DESCRIPTORS_MAX;
}

long descriptor_reserve(struct task *task, uint64_t from)
{
    struct descriptors *table = task->process->descriptors;
    uint32_t limit = number_limit(task);
    if (from >= limit)
        return from ? -EINVAL : -EMFILE;
    LOCKED(&table->lock);
    uint32_t fd = (uint32_t)from;
    if (fd <= table->lowest)
        fd = table->lowest;
    while (fd < limit && slot_read(table, fd))
        fd++;
    if (from <= table->lowest)
        table->lowest = fd;
    if (fd < limit)
        slot_write(table, fd, SLOT_RESERVED);
    return fd < limit ? (long)fd : -EMFILE;
}

void descriptor_fill(struct task *task, long fd, struct file *file, int close_on_exec)
{
    struct descriptors *table = task->process->descriptors;
    LOCKED(&table->lock);
    slot_write(table, (uint32_t)fd, (uintptr_t)file | (close_on_exec ? SLOT_CLOSE_ON_EXEC : 0));
}

void descriptor_cancel(struct task *task, long fd)
{
    struct descriptors *table = task->process->descriptors;
    LOCKED(&table->lock);
    slot_write(table, (uint32_t)fd, 0);
}

/* The lowest free number from `from` on for file, whose reference is taken over. */
static long install_from(struct task *task, struct file *file, uint64_t from, int close_on_exec)
{
    long fd = descriptor_reserve(task, from);
    if (fd < 0)
        file_put(file);
    else
        descriptor_fill(task, fd, file, close_on_exec);
    return fd;
}

long descriptor_install(struct task *task, struct file *file, int close_on_exec)
{
    return install_from(task, file, 0, close_on_exec);
}

long descriptor_replace(struct task *task, uint64_t fd, struct file *file, int close_on_exec)
{
    struct descriptors *table = task->process->descriptors;
    long result = (long)fd;
    struct file *old = NULL, *unused = file;
    if (fd >= number_limit(task)) {
        result = -EBADF;
    } else {
        lock_acquire(&table->lock);
        uintptr_t slot = slot_read(table, (uint32_t)fd);
        if (slot == SLOT_RESERVED) {
            result = -EBUSY;
        } else {
            old = slot_file(slot);
            unused = NULL;
            slot_write(table, (uint32_t)fd,
                       (uintptr_t)file | (close_on_exec ? SLOT_CLOSE_ON_EXEC : 0));
        }
        lock_release(&table->lock);
    }
    if (old)
        slot_release(table, old);
    if (unused)
        file_put(unused);
    return result;
}

long descriptor_close(struct task *task, uint64_t fd)
{
    struct descriptors *table = task->process->descriptors;
    if (fd >= DESCRIPTORS_MAX)
        return -EBADF;
    lock_acquire(&table->lock);
    struct file *file = slot_file(slot_read(table, (uint32_t)fd));
    if (file)
        slot_write(table, (uint32_t)fd, 0);
    lock_release(&table->lock);
    if (!file)
        return -EBADF;
    slot_release(table, file);
    return 0;
}

int descriptors_inherit(struct process *process, int host_fd, int fd)
{
    struct file *file;
    struct descriptors *table = process->descriptors;
    /* Above the standard numbers, so that lind-run's own messages keep their place. */
    long copy = host_call3(SYS_fcntl, host_fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return (int)copy;
    int error = file_from_host((int)copy, 0, &file);
    if (error)
        return error;
    file->inherited = 1;
    struct stat status;
    if (!host_call2(SYS_fstat, file->host_fd, &status))
        error = file_begin_writing(file, &status);
    if (error) {
        file_put(file);
        return error;
    }
    LOCKED(&table->lock);
    slot_write(table, (uint32_t)fd, (uintptr_t)file);
    return 0;
}

/* A counted reference of fd's description, or NULL. */
static struct file *take(struct task *task, uint64_t fd)
{
    DESCRIPTION(file, task, fd);
    if (file)
        file_get(file);
    return file;
}

long descriptor_install_pair(struct task *task, struct file *files[2], uint64_t numbers_at,
                             int close_on_exec)
{
    int32_t numbers[2] = {-1, -1};
    long error = 0;
    for (int i = 0; i < 2 && !error; i++) {
        long number = descriptor_reserve(task, 0);
        if (number < 0)
            error = number;
        else
            numbers[i] = (int32_t)number;
    }
    if (!error)
        error = task_copyout(task, numbers_at, numbers, sizeof numbers);
    for (int i = 0; i < 2; i++) {
        if (!error)
            descriptor_fill(task, numbers[i], files[i], close_on_exec);
        else if (numbers[i] >= 0)
            descriptor_cancel(task, numbers[i]);
        if (error)
            file_put(files[i]);
    }
    return error;
}

long call_close(struct task *task, const uint64_t args[6])
{
    return descriptor_close(task, (uint32_t)args[0]);
}

long call_close_range(struct task *task, const uint64_t args[6])
{
    struct descriptors *table = task->process->descriptors;
    uint32_t first = (uint32_t)args[0], last = (uint32_t)args[1], flags = (uint32_t)args[2];
    if (flags & ~(uint32_t)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || first > last)
        return -EINVAL;
    if (flags & CLOSE_RANGE_UNSHARE && atomic_load(&table->users) > 1)
        return -ENOMEM; /* a table of its own for one of several processes that share one */
    if (!(flags & CLOSE_RANGE_CLOEXEC)) {
        close_matching(table, first, last, 0);
        return 0;
    }
    LOCKED(&table->lock);
    for (uint32_t fd = first; fd <= last && fd < table->end; fd++) {
        uintptr_t slot = slot_read(table, fd);
        if (slot_file(slot))
            slot_write(table, fd, slot | SLOT_CLOSE_ON_EXEC);
    }
    return 0;
}

long call_dup(struct task *task, const uint64_t args[6])
{
    struct file *file = take(task, args[0]);
    return file ? descriptor_install(task, file, 0) : -EBADF;
}

static long duplicate_to(struct task *task, uint32_t from, uint32_t to, int close_on_exec)
{
    if (to >= number_limit(task))
        return -EBADF;
    struct file *file = take(task, from);
    return file ? descriptor_replace(task, to, file, close_on_exec) : -EBADF;
}

long call_dup2(struct task *task, const uint64_t args[6])
{
    uint32_t from = (uint32_t)args[0], to = (uint32_t)args[1];
    if (from != to)
        return duplicate_to(task, from, to, 0);
    DESCRIPTION(file, task, from);
    return file ? (long)to : -EBADF;
}

long call_dup3(struct task *task, const uint64_t args[6])
{
    uint32_t from = (uint32_t)args[0], to = (uint32_t)args[1], flags = (uint32_t)args[2];
    if (flags & ~(uint32_t)O_CLOEXEC || from == to)
        return -EINVAL;
    return duplicate_to(task, from, to, flags != 0);
}

long descriptor_duplicate(struct task *task, uint32_t fd, uint64_t from, int close_on_exec)
{
    struct file *file = take(task, fd);
    if (!file)
        return -EBADF;
    if (from >= number_limit(task)) {
        file_put(file);
        return -EINVAL;
    }
    return install_from(task, file, from, close_on_exec);
}

long descriptor_close_on_exec(struct task *task, uint32_t fd, int set)
{
    struct descriptors *table = task->process->descriptors;
    long result = -EBADF;
    if (fd >= DESCRIPTORS_MAX)
        return result;
    LOCKED(&table->lock);
    uintptr_t slot = slot_read(table, fd);
    if (slot_file(slot)) {
        result = (slot & SLOT_CLOSE_ON_EXEC) != 0;
        if (set >= 0)
            slot_write(table, fd, (slot & ~SLOT_FLAGS) | (set ? SLOT_CLOSE_ON_EXEC : 0));
    }
    return result;
}
