/* Pipes (POSIX.1-2017 XSH pipe, read, write; pipe(7)).
 *
 * A pipe is a ring of bytes with two positions that only grow. Each end is a description; reopening
 * through /proc/self/fd makes more of them, also ones for both directions. pipe.lock guards
 * everything but the wait queues' lists; it is held while bytes are copied from and to the cage,
 * which may fault but never waits for another thread of a cage. Two pipes are locked in address
 * order. */
#include "microvisor/fs/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/pool.h"
#include "microvisor/fs/ranges.h"
#include "microvisor/fs/wait.h"
#include "microvisor/signal/signal.h"
#include "rt/copy.h"

#define READABLE (POLLIN | POLLRDNORM)
#define WRITABLE (POLLOUT | POLLWRNORM)

struct pipe {
    struct lock lock;
    uint32_t capacity;         /* a power of two, at least PIPE_BUF */
    uint8_t *ring;             /* capacity bytes; NULL until the first write */
    uint64_t head, tail;       /* bytes read and written so far */
    uint32_t readers, writers; /* descriptions */
    struct wait_queue filled;  /* readers sleep on it, and it has the waiters for all events */
    struct wait_queue drained; /* writers sleep on it */
    uint64_t inode;
    struct timespec made;
};

static struct pool pipes = POOL_OF(struct pipe);
static _Atomic uint64_t last_inode;
static _Atomic int64_t total_capacity; /* of all pipes of this lind-run */

static struct pipe *pipe_of(const struct file *file)
{
    return (struct pipe *)file->data;
}

static uint64_t pipe_used(const struct pipe *pipe)
{
    return pipe->tail - pipe->head;
}

static uint64_t pipe_free(const struct pipe *pipe)
{
    return pipe->capacity - pipe_used(pipe);
}

static void announce_drained(struct pipe *pipe, int events)
{
    wait_queue_announce_sleepers(&pipe->drained);
    wait_queue_announce_waiters(&pipe->filled, events);
}

static void now(struct timespec *time)
{
    host_call2(SYS_clock_gettime, CLOCK_REALTIME_COARSE, time);
}

static long interrupted(struct task *task)
{
    return signal_interrupted(task, RESTART_SYS);
}

/* Copies `length` bytes, which the ranges have left, between the ring at `position` and the cage.
 * Returns how many; fewer at a fault, then to the page. */
static uint64_t ring_copy(struct task *task, struct pipe *pipe, uint64_t position,
                          struct cursor *cursor, uint64_t length, int out)
{
    uint64_t total = 0;
    while (total < length) {
        uint64_t index = (position + total) & (pipe->capacity - 1);
        uint64_t part = length - total;
        if (part > pipe->capacity - index)
            part = pipe->capacity - index;
        uint64_t address = cursor_piece(cursor, &part);
        int error = out ? task_copyout(task, address, pipe->ring + index, part)
                        : task_copyin(task, pipe->ring + index, address, part);
        if (cursor_moved(cursor, part, error))
            break;
        if (!error)
            total += part;
    }
    return total;
}

/* Waits, with the lock held, until there is something to read. Returns 1, 0 at the end of the file,
 * or -errno. */
static long wait_filled(struct task *task, struct pipe *pipe, int nonblock)
{
    long woken = 0;
    while (!pipe_used(pipe)) {
        if (!pipe->writers)
            return 0;
        if (woken)
            return interrupted(task);
        if (nonblock)
            return -EAGAIN;
        woken = wait_queue_sleep(task, &pipe->filled, &pipe->lock);
    }
    return 1;
}

/* Takes bytes out, with the lock held. */
static void consume(struct pipe *pipe, uint64_t length)
{
    uint64_t room = pipe_free(pipe);
    pipe->head += length;
    if (room < PIPE_BUF && room + length >= PIPE_BUF)
        announce_drained(pipe, WRITABLE);
}

static long pipe_read(struct task *task, struct file *file, const struct transfer *transfer)
{
    struct pipe *pipe = pipe_of(file);
    if (transfer->position != POSITION_CURRENT)
        return -ESPIPE;
    if (!transfer->total)
        return 0;
    lock_acquire(&pipe->lock);
    long result =
        wait_filled(task, pipe, file_flags(file) & O_NONBLOCK || transfer->flags & RWF_NOWAIT);
    if (result > 0) {
        struct cursor cursor = {transfer->ranges, 0, 0};
        uint64_t length = pipe_used(pipe);
        if (length > transfer->total)
            length = transfer->total;
        length = ring_copy(task, pipe, pipe->head, &cursor, length, 1);
        consume(pipe, length);
        result = length ? (long)length : -EFAULT;
    }
    lock_release(&pipe->lock);
    return result;
}

/* Makes the ring. With the lock held. */
static int ring_make(struct pipe *pipe)
{
    if (!pipe->ring)
        pipe->ring = file_pages(pipe->capacity);
    return pipe->ring ? 0 : -ENOMEM;
}

static long pipe_write(struct task *task, struct file *file, const struct transfer *transfer)
{
    struct pipe *pipe = pipe_of(file);
    struct cursor cursor = {transfer->ranges, 0, 0};
    uint64_t done = 0;
    long error = 0, woken = 0;
    if (transfer->position != POSITION_CURRENT)
        return -ESPIPE;
    if (!transfer->total)
        return 0;
    /* What is not larger than PIPE_BUF goes in as a whole. */
    uint64_t least = transfer->total <= PIPE_BUF ? transfer->total : 1;
    lock_acquire(&pipe->lock);
    while (done < transfer->total) {
        uint64_t length = pipe_free(pipe);
        if (!pipe->readers) {
            error = -EPIPE;
            break;
        }
        if (length >= least) {
            if ((error = ring_make(pipe)))
                break;
            if (length > transfer->total - done)
                length = transfer->total - done;
            uint64_t part = ring_copy(task, pipe, pipe->tail, &cursor, length, 0);
            pipe->tail += part;
            done += part;
            if (part)
                wait_queue_announce(&pipe->filled, READABLE);
            if (part < length) {
                error = -EFAULT;
                break;
            }
        } else if (woken) {
            error = interrupted(task);
            break;
        } else if (file_flags(file) & O_NONBLOCK || transfer->flags & RWF_NOWAIT) {
            error = -EAGAIN;
            break;
        } else {
            woken = wait_queue_sleep(task, &pipe->drained, &pipe->lock);
        }
    }
    lock_release(&pipe->lock);
    /* Linux sends SIGPIPE even if part of it went in; for nothing at all the caller does. */
    if (error == -EPIPE && done)
        signal_send_self(task, SIGPIPE);
    return done ? (long)done : error;
}

static long pipe_stat(struct task *task, struct file *file, struct stat *status)
{
    struct pipe *pipe = pipe_of(file);
    struct credentials *who = &task->process->credentials;
    status->st_dev = 13; /* a device of its own, as pipefs has */
    status->st_ino = pipe->inode;
    status->st_mode = S_IFIFO | 0600;
    status->st_nlink = 1;
    status->st_uid = who->euid;
    status->st_gid = who->egid;
    status->st_blksize = PIPE_BUF;
    status->st_atim = status->st_mtim = status->st_ctim = pipe->made;
    return 0;
}

static int pipe_poll(struct task *task, struct file *file, int events)
{
    struct pipe *pipe = pipe_of(file);
    int now_true = 0;
    lock_acquire(&pipe->lock);
    if (file_readable(file)) {
        if (pipe_used(pipe))
            now_true |= READABLE;
        if (!pipe->writers)
            now_true |= POLLHUP;
    }
    if (file_writable(file)) {
        if (pipe_free(pipe) >= PIPE_BUF)
            now_true |= WRITABLE;
        if (!pipe->readers)
            now_true |= POLLERR;
    }
    lock_release(&pipe->lock);
    return now_true & (events | POLLERR | POLLHUP);
}

static struct wait_queue *pipe_queue(struct file *file)
{
    return &pipe_of(file)->filled;
}

static long pipe_ioctl(struct task *task, struct file *file, uint32_t command, uint64_t argument)
{
    if (command != FIONREAD)
        return -ENOTTY;
    struct pipe *pipe = pipe_of(file);
    lock_acquire(&pipe->lock);
    int waiting = (int)pipe_used(pipe);
    lock_release(&pipe->lock);
    return task_copyout(task, argument, &waiting, sizeof waiting);
}

static void pipe_count(struct pipe *pipe, const struct file *file, int by)
{
    if (file_readable(file))
        pipe->readers += (uint32_t)by;
    if (file_writable(file))
        pipe->writers += (uint32_t)by;
}

static void pipe_release(struct file *file)
{
    struct pipe *pipe = pipe_of(file);
    lock_acquire(&pipe->lock);
    pipe_count(pipe, file, -1);
    int unused = !pipe->readers && !pipe->writers;
    if (!pipe->writers)
        wait_queue_announce(&pipe->filled, POLLHUP);
    if (!pipe->readers)
        announce_drained(pipe, POLLERR | WRITABLE);
    lock_release(&pipe->lock);
    if (unused) {
        if (pipe->ring)
            file_pages_free(pipe->ring, pipe->capacity);
        atomic_fetch_sub(&total_capacity, pipe->capacity);
        pool_give(&pipes, pipe);
    }
}

static int pipe_reopen(struct task *task, struct file *from, int flags, struct file **file)
{
    struct pipe *pipe = pipe_of(from);
    struct file *made =
        file_new(&pipe_operations, -1, (uint32_t)(flags & (O_ACCMODE | O_NONBLOCK)), FILE_OTHER);
    if (!made)
        return -ENOMEM;
    made->data = from->data;
    lock_acquire(&pipe->lock);
    pipe_count(pipe, made, 1);
    lock_release(&pipe->lock);
    *file = made;
    return 0;
}

const struct file_operations pipe_operations = {
    .name = "pipe",
    .read = pipe_read,
    .write = pipe_write,
    .stat = pipe_stat,
    .poll = pipe_poll,
    .queue = pipe_queue,
    .ioctl = pipe_ioctl,
    .release = pipe_release,
    .reopen = pipe_reopen,
};

int pipe_new(uint32_t flags, struct file *ends[2])
{
    struct pipe *pipe = pool_take(&pipes);
    if (!pipe)
        return -ENOMEM;
    pipe->capacity = PIPE_CAPACITY;
    if (atomic_fetch_add(&total_capacity, PIPE_CAPACITY) >= PIPE_TOTAL_MAX) {
        pipe->capacity = 2 * PIPE_BUF;
        atomic_fetch_sub(&total_capacity, PIPE_CAPACITY - 2 * PIPE_BUF);
    }
    pipe->inode = atomic_fetch_add(&last_inode, 1) + 1;
    pipe->readers = pipe->writers = 1;
    now(&pipe->made);
    ends[0] = file_new(&pipe_operations, -1, O_RDONLY | flags, FILE_OTHER);
    ends[1] = ends[0] ? file_new(&pipe_operations, -1, O_WRONLY | flags, FILE_OTHER) : NULL;
    if (!ends[1]) {
        if (ends[0]) { /* its release frees the pipe, as there is no writer either */
            pipe->writers = 0;
            ends[0]->data = (uint64_t)pipe;
            file_put(ends[0]);
        } else {
            atomic_fetch_sub(&total_capacity, pipe->capacity);
            pool_give(&pipes, pipe);
        }
        return -ENOMEM;
    }
    ends[0]->data = ends[1]->data = (uint64_t)pipe;
    return 0;
}

long pipe_capacity(const struct file *file)
{
    return pipe_of(file)->capacity;
}

long pipe_set_capacity(struct file *file, uint64_t size)
{
    struct pipe *pipe = pipe_of(file);
    uint32_t capacity = PIPE_BUF;
    if (size > PIPE_CAPACITY_MAX)
        return size > INT_MAX ? -EINVAL : -EPERM;
    while (capacity < size)
        capacity *= 2;
    uint8_t *ring = file_pages(capacity), *old = NULL;
    long result = capacity;
    if (!ring)
        return -ENOMEM;
    lock_acquire(&pipe->lock);
    int64_t more = (int64_t)capacity - pipe->capacity;
    uint32_t old_capacity = pipe->capacity;
    if (pipe_used(pipe) > capacity) {
        result = -EBUSY;
    } else if (more > 0 && atomic_load(&total_capacity) + more > PIPE_TOTAL_MAX) {
        result = -EPERM;
    } else {
        atomic_fetch_add(&total_capacity, more);
        old = pipe->ring;
        for (uint64_t at = pipe->head; at != pipe->tail; at++)
            ring[at & (capacity - 1)] = old[at & (old_capacity - 1)];
        pipe->ring = ring;
        ring = NULL;
        pipe->capacity = capacity;
        if (more > 0)
            announce_drained(pipe, WRITABLE);
    }
    lock_release(&pipe->lock);
    if (ring)
        file_pages_free(ring, capacity);
    if (old)
        file_pages_free(old, old_capacity);
    return result;
}

static void lock_both(struct pipe *a, struct pipe *b)
{
    lock_acquire(a < b ? &a->lock : &b->lock);
    lock_acquire(a < b ? &b->lock : &a->lock);
}

long pipe_to_pipe(struct task *task, struct file *from_file, struct file *to_file, uint64_t length,
                  int keep, int nonblock)
{
    struct pipe *from = pipe_of(from_file), *to = pipe_of(to_file);
    long result = 0, woken = 0;
    if (from == to)
        return -EINVAL;
    if (!length)
        return 0;
    for (;;) {
        lock_both(from, to);
        uint64_t part = pipe_used(from), room = pipe_free(to);
        int starved = !part;
        if (!to->readers)
            result = -EPIPE;
        else if (starved && !from->writers)
            result = 0;
        else if (part && room)
            result = ring_make(to);
        else if (woken)
            result = interrupted(task);
        else if (nonblock || file_flags(starved ? from_file : to_file) & O_NONBLOCK)
            result = -EAGAIN;
        else {
            /* Only the lock of the pipe that has to change is held while going to sleep on it. */
            lock_release(starved ? &to->lock : &from->lock);
            struct pipe *on = starved ? from : to;
            woken = wait_queue_sleep(task, starved ? &from->filled : &to->drained, &on->lock);
            lock_release(&on->lock);
            continue;
        }
        if (result == 0 && part && room) {
            if (part > room)
                part = room;
            if (part > length)
                part = length;
            for (uint64_t i = 0; i < part; i++)
                to->ring[(to->tail + i) & (to->capacity - 1)] =
                    from->ring[(from->head + i) & (from->capacity - 1)];
            to->tail += part;
            wait_queue_announce(&to->filled, READABLE);
            if (!keep)
                consume(from, part);
            result = (long)part;
        }
        lock_release(&from->lock);
        lock_release(&to->lock);
        return result;
    }
}

long pipe_put(struct task *task, struct file *file, const uint8_t *bytes, uint64_t length,
              int nonblock)
{
    struct pipe *pipe = pipe_of(file);
    long result = 0, woken = 0;
    lock_acquire(&pipe->lock);
    while (pipe->readers && !pipe_free(pipe) && !result) {
        if (woken)
            result = interrupted(task);
        else if (nonblock || file_flags(file) & O_NONBLOCK)
            result = -EAGAIN;
        else
            woken = wait_queue_sleep(task, &pipe->drained, &pipe->lock);
    }
    if (!result)
        result = pipe->readers ? ring_make(pipe) : -EPIPE;
    if (!result) {
        if (length > pipe_free(pipe))
            length = pipe_free(pipe);
        for (uint64_t i = 0; i < length; i++)
            pipe->ring[(pipe->tail + i) & (pipe->capacity - 1)] = bytes[i];
        pipe->tail += length;
        wait_queue_announce(&pipe->filled, READABLE);
        result = (long)length;
    }
    lock_release(&pipe->lock);
    return result;
}

long pipe_peek(struct task *task, struct file *file, uint8_t *bytes, uint64_t length, int nonblock)
{
    struct pipe *pipe = pipe_of(file);
    lock_acquire(&pipe->lock);
    long result = wait_filled(task, pipe, nonblock || file_flags(file) & O_NONBLOCK);
    if (result > 0) {
        if (length > pipe_used(pipe))
            length = pipe_used(pipe);
        for (uint64_t i = 0; i < length; i++)
            bytes[i] = pipe->ring[(pipe->head + i) & (pipe->capacity - 1)];
        result = (long)length;
    }
    lock_release(&pipe->lock);
    return result;
}

void pipe_drop(struct file *file, uint64_t length)
{
    struct pipe *pipe = pipe_of(file);
    lock_acquire(&pipe->lock);
    consume(pipe, length < pipe_used(pipe) ? length : pipe_used(pipe));
    lock_release(&pipe->lock);
}

long call_pipe2(struct task *task, const uint64_t args[6])
{
    uint64_t flags = (uint32_t)args[1];
    struct file *ends[2];
    int32_t numbers[2] = {-1, -1};
    /* O_DIRECT (packets) is refused as by a Linux without it. */
    if (flags & ~(uint64_t)(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    long error = pipe_new(flags & O_NONBLOCK, ends);
    if (error)
        return error;
    for (int i = 0; i < 2 && !error; i++) {
        long number = descriptor_reserve(task, 0);
        if (number < 0)
            error = number;
        else
            numbers[i] = (int32_t)number;
    }
    if (!error)
        error = task_copyout(task, args[0], numbers, sizeof numbers);
    for (int i = 0; i < 2; i++) {
        if (!error)
            descriptor_fill(task, numbers[i], ends[i], !!(flags & O_CLOEXEC));
        else if (numbers[i] >= 0)
            descriptor_cancel(task, numbers[i]);
        if (error)
            file_put(ends[i]);
    }
    return error;
}

long call_pipe(struct task *task, const uint64_t args[6])
{
    const uint64_t all[6] = {args[0], 0};
    return call_pipe2(task, all);
}
