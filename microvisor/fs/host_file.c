/* Open file descriptions that own a host descriptor: data goes straight between the host's kernel
 * and the window. HOT, but for what only cold calls use. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/uio.h>

#include "microvisor/fs/file.h"
#include "microvisor/signal/signal.h"
#include "rt/copy.h"

/* A host call that moves data: one that may sleep is interruptible. */
static long host_move(struct task *task, struct file *file, long number, uint64_t a, uint64_t b,
                      uint64_t c, uint64_t d, uint64_t e)
{
    uint64_t fd = (uint64_t)file->host_fd;
    if (file->kind == FILE_REGULAR)
        return host_call6(number, fd, a, b, c, d, e);
    return task_interruptible(task, number, fd, a, b, c, d, e);
}

/* The host is told of one range that has all of a transfer's, as a thread notes only a few. */
static void range_for_host(struct thread *thread, const struct transfer *transfer, int write)
{
    uint64_t start = LIND_WINDOW_SIZE, end = 0;
    for (unsigned i = 0; i < transfer->count; i++) {
        uint64_t from = transfer->ranges[i].offset, length = transfer->ranges[i].length;
        if (length && from < start)
            start = from;
        if (length && from + length > end)
            end = from + length;
    }
    if (start < end)
        window_for_host(thread, start, end - start, write);
}

static long move(struct task *task, struct file *file, const struct transfer *transfer, int write)
{
    uint64_t base = task->thread.base, position = (uint64_t)transfer->position;
    range_for_host(&task->thread, transfer, !write);
    if (transfer->count == 1 && !transfer->flags) {
        uint64_t address = base + transfer->ranges->offset, length = transfer->ranges->length;
        if (transfer->position == POSITION_CURRENT)
            return host_move(task, file, write ? SYS_write : SYS_read, address, length, 0, 0, 0);
        return host_move(task, file, write ? SYS_pwrite64 : SYS_pread64, address, length, position,
                         0, 0);
    }
    struct iovec vector[RANGES_MAX];
    for (unsigned i = 0; i < transfer->count; i++) {
        vector[i].iov_base = (void *)(base + transfer->ranges[i].offset);
        vector[i].iov_len = transfer->ranges[i].length;
    }
    return host_move(task, file, write ? SYS_pwritev2 : SYS_preadv2, (uint64_t)vector,
                     transfer->count, position, 0, (uint64_t)transfer->flags);
}

static long host_read(struct task *task, struct file *file, const struct transfer *transfer)
{
    return move(task, file, transfer, 0);
}

static long host_write(struct task *task, struct file *file, const struct transfer *transfer)
{
    return move(task, file, transfer, 1);
}

long host_file_ioctl(struct task *task, struct file *file, uint32_t command, uint64_t argument)
{
    return task_interruptible(task, SYS_ioctl, file->host_fd, command, argument);
}

static long host_seek(struct task *task, struct file *file, int64_t offset, int whence)
{
    return host_call3(SYS_lseek, file->host_fd, offset, whence);
}

static long host_truncate(struct task *task, struct file *file, int64_t length)
{
    return host_call2(SYS_ftruncate, file->host_fd, length);
}

static long host_sync(struct task *task, struct file *file, int data_only)
{
    return host_call1(data_only ? SYS_fdatasync : SYS_fsync, file->host_fd);
}

static int host_map(struct task *task, struct file *file)
{
    return file->kind == FILE_REGULAR ? file->host_fd : -ENODEV;
}

const struct file_operations host_file_operations = {
    .read = host_read,
    .write = host_write,
    .seek = host_seek,
    .truncate = host_truncate,
    .sync = host_sync,
    .map = host_map,
};
