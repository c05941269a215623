/* Event counters (eventfd(2)). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/eventfd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/anonymous.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/pool.h"
#include "microvisor/fs/ranges.h"
#include "microvisor/fs/wait.h"
#include "microvisor/signal/signal.h"
#include "rt/copy.h"

#define COUNT_MAX (UINT64_MAX - 1)

struct counter {
    struct lock lock;
    int semaphore;
    uint64_t count;
    struct wait_queue queue;
};

static struct pool counters = POOL_OF(struct counter);

static struct counter *counter_of(const struct file *file)
{
    return (struct counter *)file->data;
}

/* One iteration for each look at the counter: takes or adds value. Returns 0 or -errno. */
static long counter_change(struct task *task, struct file *file, int add, uint64_t *value)
{
    struct counter *counter = counter_of(file);
    long result = 0, woken = 0;
    lock_acquire(&counter->lock);
    while (add ? *value > COUNT_MAX - counter->count : counter->count == 0) {
        if (woken)
            result = signal_interrupted(task, RESTART_SYS);
        else if (file_flags(file) & O_NONBLOCK)
            result = -EAGAIN;
        if (result)
            goto out;
        woken = wait_queue_sleep(task, &counter->queue, &counter->lock);
    }
    if (!add) {
        *value = counter->semaphore ? 1 : counter->count;
        counter->count -= *value;
    } else {
        counter->count += *value;
    }
    wait_queue_announce(&counter->queue, add ? POLLIN : POLLOUT);
out:
    lock_release(&counter->lock);
    return result;
}

static long counter_read(struct task *task, struct file *file, const struct transfer *transfer)
{
    uint64_t value;
    if (transfer->total < sizeof value)
        return -EINVAL;
    long error = counter_change(task, file, 0, &value);
    return error ? error : ranges_copyout(task, transfer, 0, &value, sizeof value);
}

/* Adds the number at an offset of what is written. Returns 0 or -errno. */
static long counter_add(struct task *task, struct file *file, const struct transfer *transfer,
                        uint64_t offset)
{
    uint64_t value;
    if (ranges_copyin(task, transfer, offset, &value, sizeof value) != sizeof value)
        return -EFAULT;
    if (value == UINT64_MAX)
        return -EINVAL;
    return value ? counter_change(task, file, 1, &value) : 0;
}

/* Each piece of writev is a number of its own, and of its size, as in Linux. */
static long counter_write(struct task *task, struct file *file, const struct transfer *transfer)
{
    uint64_t done = 0;
    for (unsigned i = 0; i < transfer->count; i++) {
        uint64_t length = transfer->ranges[i].length;
        if (!length && done)
            continue;
        long error = length != sizeof(uint64_t) ? -EINVAL : counter_add(task, file, transfer, done);
        if (error)
            return done ? (long)done : error;
        done += sizeof(uint64_t);
    }
    return (long)done;
}

static int counter_poll(struct task *task, struct file *file, int events)
{
    struct counter *counter = counter_of(file);
    int result = 0;
    LOCKED(&counter->lock);
    if (counter->count)
        result |= POLLIN;
    if (counter->count < COUNT_MAX)
        result |= POLLOUT;
    return result & events;
}

static struct wait_queue *counter_queue(struct file *file)
{
    return &counter_of(file)->queue;
}

static void counter_release(struct file *file)
{
    pool_give(&counters, counter_of(file));
}

static const struct file_operations counter_operations = {
    .name = "anon_inode:[eventfd]",
    .read = counter_read,
    .write = counter_write,
    .stat = anonymous_stat,
    .seek = anonymous_seek,
    .poll = counter_poll,
    .queue = counter_queue,
    .release = counter_release,
};

long call_eventfd2(struct task *task, const uint64_t args[6])
{
    uint32_t flags = (uint32_t)args[1];
    if (flags & ~(uint32_t)(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
        return -EINVAL;
    struct counter *counter = pool_take(&counters);
    if (!counter)
        return -ENOMEM;
    counter->count = (uint32_t)args[0];
    counter->semaphore = !!(flags & EFD_SEMAPHORE);
    struct file *file =
        file_new(&counter_operations, -1, O_RDWR | (flags & O_NONBLOCK), FILE_OTHER);
    if (!file) {
        pool_give(&counters, counter);
        return -ENOMEM;
    }
    file->data = (uint64_t)counter;
    return descriptor_install(task, file, !!(flags & EFD_CLOEXEC));
}

