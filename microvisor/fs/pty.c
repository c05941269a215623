/* Pseudo-terminals (pty(7)): reading, writing, opening and closing of both sides. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/uio.h>

#include "microvisor/fs/dev.h"
#include "microvisor/fs/place.h"
#include "microvisor/fs/pool.h"
#include "microvisor/fs/ranges.h"
#include "microvisor/fs/terminal.h"
#include "microvisor/proc/proc.h"
#include "microvisor/proc/tree.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/clock.h"

#define READABLE (POLLIN | POLLRDNORM)
#define WRITABLE (POLLOUT | POLLWRNORM)
#define CHUNK 256
#define TENTH (SECOND / 10) /* the unit of VTIME */

static struct pool terminals = POOL_OF(struct terminal);

/* Those with a master, by number. The lock comes before a terminal's. */
static struct lock numbers_lock;
static struct terminal *numbers[TERMINAL_NUMBERS];

/* Sleeps until something changes for a side. Returns 0, or why a call that has nothing yet ends. */
static long wait_for_side(struct task *task, struct file *file, const struct transfer *transfer,
                          long *woken, uint64_t deadline)
{
    struct terminal *terminal = terminal_of(file);
    struct wait_queue *queue = &terminal->queues[side_of(file)];
    struct timespec left;
    if (*woken == -EINTR)
        return signal_interrupted(task, RESTART_SYS);
    if (deadline_passed(deadline))
        return -ETIMEDOUT;
    if (file_flags(file) & O_NONBLOCK || transfer->flags & RWF_NOWAIT)
        return -EAGAIN;
    *woken = wait_queue_sleep_for(task, queue, &terminal->lock, deadline_left(deadline, &left));
    return 0;
}

static uint64_t tenths(int count)
{
    return clock_host(CLOCK_MONOTONIC) + (uint64_t)count * TENTH;
}

/* VMIN and VTIME (POSIX XBD 11.1.7): how many bytes end a read, and when it ends without them. */
static uint64_t slave_limits(const struct terminal *terminal, uint64_t *deadline, int *gaps)
{
    const uint8_t *characters = terminal->settings.c_cc;
    *deadline = NEVER;
    *gaps = 0;
    if (terminal->settings.c_lflag & ICANON)
        return 1;
    if (!characters[VMIN])
        *deadline = tenths(characters[VTIME]);
    else
        *gaps = characters[VTIME];
    return characters[VMIN] ? characters[VMIN] : 1;
}

static long slave_read_locked(struct task *task, struct file *file, const struct transfer *transfer)
{
    struct terminal *terminal = terminal_of(file);
    uint64_t deadline;
    uint8_t bytes[CHUNK];
    uint64_t done = 0;
    int gaps, ended = 0;
    long result = 0, woken = 0;
    if (!terminal->masters)
        return 0; /* hung up before */
    uint64_t least = slave_limits(terminal, &deadline, &gaps);
    while (done < transfer->total && !ended && !result) {
        if (!line_is_readable(terminal, 0)) {
            if (done >= least)
                break;
            result =
                terminal->masters ? wait_for_side(task, file, transfer, &woken, deadline) : -EIO;
            continue;
        }
        uint64_t size = transfer->total - done < CHUNK ? transfer->total - done : CHUNK;
        long count = (long)line_read(terminal, bytes, size, &ended);
        if (count && ranges_copyout(task, transfer, done, bytes, (uint64_t)count) != count)
            return -EFAULT;
        done += (uint64_t)count;
        if (gaps)
            deadline = tenths(gaps);
    }
    return done || result == -ETIMEDOUT ? (long)done : result;
}

static long master_read_locked(struct task *task, struct file *file,
                               const struct transfer *transfer)
{
    struct terminal *terminal = terminal_of(file);
    uint8_t bytes[CHUNK], status = 0;
    uint64_t done = 0, count = 1;
    long result = 0, woken = 0;
    while (!terminal->status && !output_count(terminal)) {
        result = terminal->slaves_gone ? -EIO : wait_for_side(task, file, transfer, &woken, NEVER);
        if (result)
            return result;
    }
    if (terminal->packets) {
        status = terminal->status;
        terminal->status = 0;
        if (ranges_copyout(task, transfer, 0, &status, 1) != 1)
            return -EFAULT;
        done = 1;
    }
    while (!status && count && done < transfer->total) {
        uint64_t left = transfer->total - done;
        count = output_read(terminal, bytes, left < CHUNK ? left : CHUNK);
        if (count && ranges_copyout(task, transfer, done, bytes, count) != (long)count)
            return -EFAULT;
        done += count;
    }
    return (long)done;
}

static long pty_read(struct task *task, struct file *file, const struct transfer *transfer)
{
    struct terminal *terminal = terminal_of(file);
    if (transfer->position != POSITION_CURRENT)
        return -ESPIPE;
    long result = side_of(file) == SLAVE ? terminal_check(task, terminal, SIGTTIN) : 0;
    if (result || !transfer->total)
        return result;
    LOCKED(&terminal->lock);
    result = side_of(file) == SLAVE ? slave_read_locked(task, file, transfer)
                                    : master_read_locked(task, file, transfer);
    return result;
}

static long pty_write(struct task *task, struct file *file, const struct transfer *transfer)
{
    struct terminal *terminal = terminal_of(file);
    int slave = side_of(file) == SLAVE;
    uint8_t bytes[CHUNK];
    uint64_t done = 0, start = 0, have = 0; /* taken over; bytes holds start up to have */
    long result = 0, woken = 0;
    if (transfer->position != POSITION_CURRENT)
        return -ESPIPE;
    lock_acquire(&terminal->lock);
    if (slave && terminal->settings.c_lflag & TOSTOP) {
        lock_release(&terminal->lock); /* the tree's comes first */
        result = terminal_check(task, terminal, SIGTTOU);
        if (result)
            return result;
        lock_acquire(&terminal->lock);
    }
    while (done < transfer->total && !result) {
        if (slave && !terminal->masters) {
            result = -EIO;
            break;
        }
        if (done == have) {
            uint64_t left = transfer->total - done;
            long count = ranges_copyin(task, transfer, done, bytes, left < CHUNK ? left : CHUNK);
            if (count < 0) {
                result = count;
                break;
            }
            start = done;
            have += (uint64_t)count;
        }
        uint8_t byte = bytes[done - start];
        if (slave ? line_write(terminal, byte) : line_receive(terminal, byte))
            done++;
        else
            result = wait_for_side(task, file, transfer, &woken, NEVER);
    }
    terminal_unlock(terminal);
    return done ? (long)done : result;
}

static int pty_poll(struct task *task, struct file *file, int events)
{
    struct terminal *terminal = terminal_of(file);
    int now = 0;
    lock_acquire(&terminal->lock);
    if (side_of(file) == SLAVE) {
        now |= line_is_readable(terminal, 1) ? READABLE : 0;
        now |= line_is_writable(terminal) ? WRITABLE : 0;
        if (!terminal->masters)
            now = READABLE | WRITABLE | POLLERR | POLLHUP;
    } else {
        now |= output_count(terminal) ? READABLE : 0;
        now |= terminal->status ? READABLE | POLLPRI : 0;
        now |= line_has_room(terminal) ? WRITABLE : 0;
        now |= terminal->slaves_gone ? POLLHUP : 0;
    }
    lock_release(&terminal->lock);
    return now & (events | POLLERR | POLLHUP);
}

static struct wait_queue *pty_queue(struct file *file)
{
    return &terminal_of(file)->queues[side_of(file)];
}

static void pty_release(struct file *file)
{
    struct terminal *terminal = terminal_of(file);
    int hang_up = 0;
    lock_acquire(&numbers_lock);
    lock_acquire(&terminal->lock);
    if (side_of(file) == SLAVE) {
        terminal->slaves--;
        terminal->slaves_gone = !terminal->slaves;
    } else {
        hang_up = !--terminal->masters;
    }
    wait_queue_announce(&terminal->queues[side_of(file) ^ 1],
                        READABLE | WRITABLE | POLLHUP | POLLERR);
    int unused = !terminal->slaves && !terminal->masters;
    if (hang_up)
        numbers[terminal->number] = NULL;
    if (hang_up && !unused)
        terminal->slaves++; /* held for the hang-up */
    lock_release(&terminal->lock);
    lock_release(&numbers_lock);
    if (hang_up)
        terminal_hang_up(terminal);
    if (hang_up && !unused) {
        lock_acquire(&terminal->lock);
        unused = !--terminal->slaves;
        lock_release(&terminal->lock);
    }
    if (unused) {
        file_pages_free(terminal->input, 2 * TERMINAL_RING);
        pool_give(&terminals, terminal);
    }
}

/* A description of a side that has been counted, or its count is given back. */
static int description(struct terminal *terminal, enum side side, int flags, struct file **file)
{
    *file = file_new(&pty_operations, -1, (uint32_t)flags & (O_ACCMODE | O_NONBLOCK | O_APPEND),
                     FILE_OTHER);
    if (*file) {
        (*file)->data = (uint64_t)terminal | side;
        (*file)->node = dev_terminal_node(side == MASTER ? -1 : (int)terminal->number);
        return 0;
    }
    const struct file stand_in = {.data = (uint64_t)terminal | side};
    pty_release((struct file *)(uintptr_t)&stand_in);
    return -ENOMEM;
}

int pty_open_master(struct task *task, int flags, struct file **file)
{
    struct terminal *terminal = pool_take(&terminals);
    uint32_t number = 0;
    if (!terminal || !(terminal->input = file_pages(2 * TERMINAL_RING))) {
        if (terminal)
            pool_give(&terminals, terminal);
        return -ENOMEM;
    }
    terminal->output = terminal->input + TERMINAL_RING;
    line_defaults(terminal);
    terminal->locked = 1;
    terminal->masters = 1;
    terminal->permissions = permissions_new(task, 0620);
    lock_acquire(&numbers_lock);
    while (number < TERMINAL_NUMBERS && numbers[number])
        number++;
    if (number < TERMINAL_NUMBERS)
        numbers[number] = terminal;
    terminal->number = number;
    lock_release(&numbers_lock);
    if (number < TERMINAL_NUMBERS)
        return description(terminal, MASTER, flags, file);
    file_pages_free(terminal->input, 2 * TERMINAL_RING);
    pool_give(&terminals, terminal);
    return -ENOSPC;
}

/* Counts one more slave, for the task. */
static int slave_count(const struct task *task, struct terminal *terminal, int even_locked)
{
    LOCKED(&terminal->lock);
    if (!terminal->masters || (terminal->locked && !even_locked))
        return -EIO;
    if (terminal->exclusive[SLAVE] && task->process->credentials.euid)
        return -EBUSY;
    terminal->slaves++;
    terminal->slaves_gone = 0;
    return 0;
}

/* Makes the description of a counted slave. */
static int slave_open(struct task *task, struct terminal *terminal, int flags, struct file **file)
{
    int error = description(terminal, SLAVE, flags, file);
    if (!error && !(flags & O_NOCTTY) && (flags & O_ACCMODE) != O_WRONLY)
        terminal_opened(task, terminal);
    return error;
}

int pty_open_peer(struct task *task, struct terminal *terminal, int flags, struct file **file)
{
    int error = slave_count(task, terminal, 0);
    return error ? error : slave_open(task, terminal, flags, file);
}

/* Whether they may open the slave so. */
static int may_open(const struct credentials *who, const struct terminal *terminal, int flags)
{
    uint32_t wanted = (flags & O_ACCMODE) == O_RDONLY ? 4 : (flags & O_ACCMODE) == O_WRONLY ? 2 : 6;
    const struct permissions *of = &terminal->permissions;
    uint32_t shift = who->fsuid == of->uid ? 6 : permissions_in_group(who, of->gid) ? 3 : 0;
    return !who->fsuid || !(wanted & ~(of->mode >> shift));
}

int pty_open_slave(struct task *task, uint32_t number, int flags, struct file **file)
{
    const struct credentials who = process_credentials(task->process);
    lock_acquire(&numbers_lock);
    struct terminal *terminal = number < TERMINAL_NUMBERS ? numbers[number] : NULL;
    int error = !terminal                          ? -EIO
                : !may_open(&who, terminal, flags) ? -EACCES
                                                   : slave_count(task, terminal, 0);
    lock_release(&numbers_lock);
    return error ? error : slave_open(task, terminal, flags, file);
}

int terminal_open_own(struct task *task, int flags, struct file **file)
{
    tree_lock();
    struct terminal *terminal = task->process->terminal;
    int error = terminal ? 0 : -ENXIO, is_host = terminal && terminal->is_host;
    if (terminal && !is_host)
        error = slave_count(task, terminal, 1);
    tree_unlock();
    if (is_host)
        return host_terminal_open_own(task, flags, file);
    return error ? error : description(terminal, SLAVE, flags, file);
}

int pty_next(uint32_t number)
{
    LOCKED(&numbers_lock);
    while (number < TERMINAL_NUMBERS && !numbers[number])
        number++;
    return number < TERMINAL_NUMBERS ? (int)number : -1;
}

static void fill_status(const struct terminal *terminal, struct stat *status)
{
    status->st_mode = S_IFCHR | terminal->permissions.mode;
    status->st_uid = terminal->permissions.uid;
    status->st_gid = terminal->permissions.gid;
}

int pty_status(uint32_t number, struct stat *status)
{
    LOCKED(&numbers_lock);
    const struct terminal *terminal = numbers[number];
    if (terminal)
        fill_status(terminal, status);
    return terminal ? 0 : -ENOENT;
}

/* The same by a description, whose terminal may have no number any more. */
static long pty_stat(struct task *task, struct file *file, struct stat *status)
{
    long error = dev_file_stat(task, file, status);
    if (side_of(file) == MASTER)
        return error;
    LOCKED(&numbers_lock);
    fill_status(terminal_of(file), status);
    return 0;
}

int pty_change(struct task *task, uint32_t number, const struct node_change *change)
{
    const struct credentials who = process_credentials(task->process);
    LOCKED(&numbers_lock);
    struct terminal *terminal = numbers[number];
    return terminal ? permissions_change(&who, &terminal->permissions, change) : -ENOENT;
}

static int pty_reopen(struct task *task, struct file *from, int flags, struct file **file)
{
    return side_of(from) == MASTER ? pty_open_master(task, flags, file)
                                   : pty_open_peer(task, terminal_of(from), flags, file);
}

const struct file_operations pty_operations = {
    .read = pty_read,
    .write = pty_write,
    .stat = pty_stat,
    .poll = pty_poll,
    .queue = pty_queue,
    .ioctl = pty_ioctl,
    .reopen = pty_reopen,
    .release = pty_release,
};
