/* read(2), write(2) and their kin. All HOT. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#include "microvisor/calls.h"
#include "microvisor/fs/anonymous.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/signal/signal.h"

/* What Linux knows for preadv2 and pwritev2 (RWF_*: HIPRI, DSYNC, SYNC, NOWAIT, APPEND). */
#define TRANSFER_FLAGS 0x1fU

int transfer_copyin(struct task *task, struct transfer *transfer, struct range *ranges,
                    uint64_t vector, uint64_t count)
{
    if (count > RANGES_MAX)
        return -EINVAL;
    if (task_copyin(task, ranges, vector, count * sizeof *ranges)) /* laid out like struct iovec */
        return -EFAULT;
    uint64_t total = 0;
    for (uint64_t i = 0; i < count; i++) {
        if ((int64_t)ranges[i].length < 0)
            return -EINVAL;
        if (!range_ok(ranges[i].offset, ranges[i].length))
            return -EFAULT;
        if (ranges[i].length > TRANSFER_MAX - total)
            ranges[i].length = TRANSFER_MAX - total;
        total += ranges[i].length;
    }
    transfer->ranges = ranges;
    transfer->count = (unsigned)count;
    transfer->total = total;
    return 0;
}

long file_read(struct task *task, struct file *file, const struct transfer *transfer)
{
    if (!file_readable(file))
        return -EBADF;
    if (!file->operations->read)
        return -EINVAL;
    return file->operations->read(task, file, transfer);
}

/* Where the next write starts. */
static long write_position(struct file *file, const struct transfer *transfer)
{
    struct stat status;
    if (!(file_flags(file) & 02000) && !(transfer->flags & 16)) { /* O_APPEND, RWF_APPEND */
        if (transfer->position != POSITION_CURRENT)
            return transfer->position;
        return host_call3(SYS_lseek, file->host_fd, 0, 1);
    }
    long error = host_call2(SYS_fstat, file->host_fd, &status);
    return error ? error : status.st_size;
}

/* RLIMIT_FSIZE: room is what may still be written. A write that starts at the limit fails, one
 * across it is cut. */
static long write_limited(struct task *task, struct file *file, const struct transfer *transfer,
                          uint64_t limit)
{
    long position = write_position(file, transfer);
    if (position < 0)
        return position;
    if (!transfer->total ||
        ((uint64_t)position < limit && transfer->total <= limit - (uint64_t)position))
        return file->operations->write(task, file, transfer);
    if ((uint64_t)position >= limit) {
        signal_send_self(task, SIGXFSZ);
        return -EFBIG;
    }
    uint64_t room = limit - (uint64_t)position;
    struct range cut[RANGES_MAX];
    struct transfer part = *transfer;
    part.ranges = cut;
    part.count = 0;
    part.total = room;
    for (unsigned i = 0; room; i++) {
        cut[i] = transfer->ranges[i];
        if (cut[i].length > room)
            cut[i].length = room;
        room -= cut[i].length;
        part.count++;
    }
    return file->operations->write(task, file, &part);
}

long file_write(struct task *task, struct file *file, const struct transfer *transfer)
{
    if (!file_writable(file))
        return -EBADF;
    if (!file->operations->write)
        return -EINVAL;
    uint64_t limit = process_limit(task->process, RLIMIT_FSIZE);
    if (limit != RLIM_INFINITY && file->kind == FILE_REGULAR)
        return write_limited(task, file, transfer, limit);
    long result = file->operations->write(task, file, transfer);
    if (result == -EPIPE && !file->operations->quiet)
        signal_send_self(task, SIGPIPE);
    return result;
}

/* lseek of event counters and their like does nothing; that does not give them positions. */
static int file_has_positions(const struct file *file)
{
    return file->operations->seek && file->operations->seek != anonymous_seek;
}

/* Whether the description lets a call read or write at a position; what has none is found first. */
static long check_access(const struct file *file, int64_t position, int write)
{
    if (!file || file_flags(file) & O_PATH)
        return -EBADF;
    if (position != POSITION_CURRENT && !file_has_positions(file))
        return -ESPIPE;
    if (write ? file_writable(file) : file_readable(file))
        return 0;
    return position != POSITION_CURRENT && file->kind == FILE_STREAM ? -ESPIPE : -EBADF;
}

/* One range. file_read and file_write check the rest. */
static long transfer_one(struct task *task, const uint64_t args[6], int64_t position, int write)
{
    DESCRIPTION(file, task, args[0]);
    long error = check_access(file, position, write);
    if (error)
        return error;
    if (!range_ok(args[1], args[2]))
        return -EFAULT;
    struct range range = {args[1], args[2] < TRANSFER_MAX ? args[2] : TRANSFER_MAX};
    struct transfer transfer = {&range, 1, range.length, position, 0, NULL};
    return write ? file_write(task, file, &transfer) : file_read(task, file, &transfer);
}

/* read and pread64 of the host's regular files, the common case, at full speed: the kernel checks
 * the access mode and cuts the length. */
static long read_fast(struct task *task, const uint64_t args[6], long number, int64_t position)
{
    DESCRIPTION(file, task, args[0]);
    if (!file || file->kind != FILE_REGULAR || file->operations != &host_file_operations)
        return transfer_one(task, args, position, 0);
    void *buffer = window_pointer(&task->thread, args[1], args[2]);
    if (!buffer)
        return file_readable(file) ? -EFAULT : -EBADF;
    return host_call4(number, file->host_fd, buffer, args[2], args[3]);
}

CALL_IS(read, read_fast(task, args, SYS_read, POSITION_CURRENT))
CALL_IS(write, transfer_one(task, args, POSITION_CURRENT, 1))

long call_pread64(struct task *task, const uint64_t args[6])
{
    if ((int64_t)args[3] < 0)
        return -EINVAL;
    return read_fast(task, args, SYS_pread64, (int64_t)args[3]);
}

long call_pwrite64(struct task *task, const uint64_t args[6])
{
    if ((int64_t)args[3] < 0)
        return -EINVAL;
    return transfer_one(task, args, (int64_t)args[3], 1);
}

static long transfer_vector(struct task *task, const uint64_t args[6], int64_t position,
                            uint64_t flags, int write)
{
    struct range ranges[RANGES_MAX];
    struct transfer transfer = {.position = position, .flags = (int)flags};
    DESCRIPTION(file, task, args[0]);
    long error = check_access(file, position, write);
    if (!error)
        error = transfer_copyin(task, &transfer, ranges, args[1], args[2]);
    if (!error && flags & ~(uint64_t)TRANSFER_FLAGS)
        error = -EOPNOTSUPP;
    if (error || !transfer.total)
        return error; /* unlike write: no empty packet */
    return write ? file_write(task, file, &transfer) : file_read(task, file, &transfer);
}

CALL_IS(readv, transfer_vector(task, args, POSITION_CURRENT, 0, 0))
CALL_IS(writev, transfer_vector(task, args, POSITION_CURRENT, 0, 1))
CALL_IS(preadv, (int64_t)args[3] < 0 ? -EINVAL
        : transfer_vector(task, args, (int64_t)args[3], 0, 0))

CALL_IS(pwritev, (int64_t)args[3] < 0 ? -EINVAL
        : transfer_vector(task, args, (int64_t)args[3], 0, 1))

/* An offset of -1 means the description's own. */
static long transfer_vector2(struct task *task, const uint64_t args[6], int write)
{
    int64_t position = (int64_t)args[3];
    if (position < -1)
        return -EINVAL;
    return transfer_vector(task, args, position, (uint32_t)args[5], write);
}

CALL_IS(preadv2, transfer_vector2(task, args, 0))
CALL_IS(pwritev2, transfer_vector2(task, args, 1))
