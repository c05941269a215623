/* Moving data between descriptions without a detour through the cage: sendfile, copy_file_range,
 * splice, tee, vmsplice. Between host descriptors the host does it; where a pipe of the microvisor
 * takes part, bytes go through a buffer here. Not HOT. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/dev.h"
#include "microvisor/fs/pipe.h"
#include "microvisor/fs/unix_socket.h"
#include "microvisor/signal/signal.h"
#include "rt/copy.h"

#define PIECE PIPE_CAPACITY
#define SPLICE_FLAGS (SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)

/* Both ends of a move, and the offsets that the caller gave. */
struct move {
    struct file *in, *out;
    int64_t in_offset, out_offset;
    uint64_t in_address, out_address; /* of the offsets in the window, 0 for none */
};

static int is_pipe(const struct file *file)
{
    return file->operations == &pipe_operations;
}

/* Of the microvisor, with operations alone: a device, or what splice does not take. */
static int is_own(const struct file *file)
{
    return file->host_fd < 0 && !is_pipe(file) && !unix_socket_of(file);
}

/* Trusted bytes into a pipe or socket, or out of a socket. */
static long pass(struct task *task, struct file *file, uint8_t *bytes, uint64_t length,
                 int nonblock, int out)
{
    const struct range range = {0, length};
    const struct transfer transfer = {
        &range, 1, length, POSITION_CURRENT, nonblock ? RWF_NOWAIT : 0, bytes};
    return out             ? file->operations->read(task, file, &transfer)
           : is_pipe(file) ? pipe_put(task, file, bytes, length, nonblock)
                           : file->operations->write(task, file, &transfer);
}

static long move_begin(struct task *task, struct move *move, uint64_t in, uint64_t in_address,
                       uint64_t out, uint64_t out_address)
{
    *move = (struct move){.in_address = in_address, .out_address = out_address};
    move->in = descriptor_get(task, in);
    if (!move->in)
        return -EBADF;
    move->out = descriptor_get(task, out);
    if (!move->out || !file_readable(move->in) || !file_writable(move->out))
        return -EBADF;
    if ((in_address && task_copyin(task, &move->in_offset, in_address, 8)) ||
        (out_address && task_copyin(task, &move->out_offset, out_address, 8)))
        return -EFAULT;
    if ((in_address && is_pipe(move->in)) || (out_address && is_pipe(move->out)))
        return -ESPIPE;
    return move->in_offset < 0 || move->out_offset < 0 ? -EINVAL : 0;
}

static long move_end(struct task *task, struct move *move, long result)
{
    if (result > 0 &&
        ((move->in_address && task_copyout(task, move->in_address, &move->in_offset, 8)) ||
         (move->out_address && task_copyout(task, move->out_address, &move->out_offset, 8))))
        result = -EFAULT;
    if (result == -EPIPE && !move->out->operations->quiet)
        signal_send_self(task, SIGPIPE);
    if (move->in)
        descriptor_put(task, move->in);
    if (move->out)
        descriptor_put(task, move->out);
    return result;
}

/* How many of length bytes RLIMIT_FSIZE lets go to the output, where they start at its offset (or
 * its own). */
static long limit_length(struct task *task, const struct move *move, uint64_t length)
{
    uint64_t limit = process_limit(task->process, RLIMIT_FSIZE);
    if (length > TRANSFER_MAX)
        length = TRANSFER_MAX;
    if (limit == RLIM_INFINITY || move->out->kind != FILE_REGULAR || !length)
        return (long)length;
    long at = move->out_address ? move->out_offset
                                : host_call3(SYS_lseek, move->out->host_fd, 0, SEEK_CUR);
    if (at < 0)
        return at;
    if ((uint64_t)at >= limit) {
        signal_send_self(task, SIGXFSZ);
        return -EFBIG;
    }
    return (long)(length < limit - (uint64_t)at ? length : limit - (uint64_t)at);
}

/* A host descriptor into a pipe or socket, or a socket or device into a pipe: one piece. */
static long into_pipe(struct task *task, struct move *move, uint64_t length, int nonblock)
{
    int seeks = move->in->kind == FILE_REGULAR, own = is_own(move->in);
    if (length > PIECE)
        length = PIECE;
    if (!seeks && !own && (nonblock || file_flags(move->out) & O_NONBLOCK)) {
        if (!move->out->operations->poll(task, move->out, POLLOUT))
            return -EAGAIN;
        if (length > PIPE_BUF) /* for which there is room */
            length = PIPE_BUF;
    }
    uint8_t *buffer = file_pages(PIECE);
    if (!buffer)
        return -ENOMEM;
    uint64_t in = (uint64_t)move->in->host_fd;
    int64_t at = move->in_address ? move->in_offset : 0;
    if (seeks && !move->in_address)
        at = host_call3(SYS_lseek, in, 0, SEEK_CUR);
    long got = unix_socket_of(move->in) ? pass(task, move->in, buffer, length, nonblock, 1)
               : own                    ? dev_splice_read(move->in, buffer, length)
               : move->in_address || seeks
                   ? host_call4(SYS_pread64, in, buffer, length, at)
                   : task_interruptible(task, SYS_read, in, HOST_ARG(buffer), length);
    long done = got;
    if (got > 0) {
        done = pass(task, move->out, buffer, (uint64_t)got, nonblock, 0);
        /* What came from a stream is gone there, so it has to get into the pipe whatever happens,
         * but for the pipe's end. */
        while (!seeks && !own && !move->in_address && done != got && done != -EPIPE &&
               !task->exiting) {
            long more = done < 0 ? 0 : done;
            done = pipe_put(task, move->out, buffer + more, (uint64_t)(got - more), 0);
            done = done < 0 ? (more ? more : done) : more + done;
            if (task_interrupted(task) && signal_pending(task))
                break;
        }
    }
    if (done > 0 && move->in_address && !own)
        move->in_offset += done;
    else if (done > 0 && seeks)
        host_call3(SYS_lseek, in, at + done, SEEK_SET);
    file_pages_free(buffer, PIECE);
    return done;
}

/* A pipe into a host descriptor, socket or device: one piece. */
static long out_of_pipe(struct task *task, struct move *move, uint64_t length, int nonblock)
{
    uint8_t *buffer = file_pages(PIECE);
    if (!buffer)
        return -ENOMEM;
    long got = pipe_peek(task, move->in, buffer, length < PIECE ? length : PIECE, nonblock);
    long done = got;
    if (got > 0) {
        uint64_t out = (uint64_t)move->out->host_fd;
        done = unix_socket_of(move->out) ? pass(task, move->out, buffer, (uint64_t)got, nonblock, 0)
               : is_own(move->out)       ? dev_splice_write(move->out, (uint64_t)got)
               : move->out_address
                   ? host_call4(SYS_pwrite64, out, buffer, got, move->out_offset)
                   : task_interruptible(task, SYS_write, out, HOST_ARG(buffer), (uint64_t)got);
        if (done > 0) {
            pipe_drop(move->in, (uint64_t)done);
            if (!is_own(move->out))
                move->out_offset += done;
        }
    }
    file_pages_free(buffer, PIECE);
    return done;
}

/* Whether so many bytes at an offset (the description's own without an address) end behind `last`. */
static int end_beyond(const struct file *file, uint64_t address, int64_t offset, uint64_t length,
                      uint64_t last)
{
    if (!address)
        offset = host_call3(SYS_lseek, file->host_fd, 0, SEEK_CUR);
    return length > last - (offset > 0 ? (uint64_t)offset : 0);
}

static long sendfile_run(struct task *task, struct move *move, uint64_t count)
{
    if (end_beyond(move->in, move->in_address, move->in_offset, count, INT64_MAX))
        return -EINVAL;
    long length = limit_length(task, move, count);
    if (length <= 0)
        return length;
    if (move->in->kind != FILE_REGULAR)
        return -EINVAL;
    if (move->out->host_fd >= 0 && move->out->kind != FILE_OTHER) {
        if (file_flags(move->out) & O_APPEND)
            return -EINVAL;
        return task_interruptible(task, SYS_sendfile, move->out->host_fd, move->in->host_fd,
                                  move->in_address ? HOST_ARG(&move->in_offset) : 0, length);
    }
    if (!is_pipe(move->out) && !unix_socket_of(move->out))
        return -EINVAL;
    long done = 0;
    while (done < length) {
        long part = into_pipe(task, move, (uint64_t)(length - done), 0);
        if (part <= 0)
            return done ? done : part;
        done += part;
    }
    return done;
}

long call_sendfile(struct task *task, const uint64_t args[6])
{
    struct move move;
    long result = move_begin(task, &move, args[1], args[2], args[0], 0);
    if (!result)
        result = sendfile_run(task, &move, args[3]);
    return move_end(task, &move, result);
}

static long copy_range(struct task *task, struct move *move, uint64_t length, uint64_t flags)
{
    if (flags)
        return -EINVAL;
    if (move->in->kind == FILE_DIRECTORY || move->out->kind == FILE_DIRECTORY)
        return -EISDIR;
    if (move->in->kind != FILE_REGULAR || move->out->kind != FILE_REGULAR)
        return -EINVAL;
    if (file_flags(move->out) & O_APPEND)
        return -EBADF;
    if (end_beyond(move->in, move->in_address, move->in_offset, length, UINT64_MAX) ||
        end_beyond(move->out, move->out_address, move->out_offset, length, UINT64_MAX))
        return -EOVERFLOW;
    long allowed = limit_length(task, move, length);
    if (allowed <= 0)
        return allowed;
    return host_call6(SYS_copy_file_range, (uint64_t)move->in->host_fd,
                      move->in_address ? HOST_ARG(&move->in_offset) : 0,
                      (uint64_t)move->out->host_fd,
                      move->out_address ? HOST_ARG(&move->out_offset) : 0, (uint64_t)allowed, 0);
}

long call_copy_file_range(struct task *task, const uint64_t args[6])
{
    struct move move;
    long result = move_begin(task, &move, args[0], args[1], args[2], args[3]);
    if (result == -ESPIPE) /* pipes are told apart before their offsets are */
        result = -EINVAL;
    if (!result)
        result = copy_range(task, &move, args[4], args[5]);
    return move_end(task, &move, result);
}

static long splice_run(struct task *task, struct move *move, uint64_t count, uint32_t flags)
{
    int nonblock = !!(flags & SPLICE_F_NONBLOCK);
    if (is_pipe(move->in) && is_pipe(move->out))
        return pipe_to_pipe(task, move->in, move->out, count, 0, nonblock);
    const struct file *other = is_pipe(move->in) ? move->out : move->in;
    if (unix_socket_of(move->in) || unix_socket_of(move->out)) {
        if (!is_pipe(move->in) && !is_pipe(move->out))
            return -EINVAL;
        if (move->in_address || move->out_address)
            return -EINVAL;
    } else if (is_own(move->in) || is_own(move->out)) {
        if (is_pipe(move->in) ? dev_splice_write(move->out, 0) != 0 : !is_pipe(move->out))
            return -EINVAL;
    } else if (other->kind == FILE_OTHER || other->kind == FILE_DIRECTORY) {
        return -EINVAL;
    }
    long length = limit_length(task, move, count);
    if (length <= 0)
        return length;
    if ((move->out->kind == FILE_REGULAR || is_own(move->out)) && file_flags(move->out) & O_APPEND)
        return -EINVAL;
    if (is_pipe(move->out))
        return into_pipe(task, move, (uint64_t)length, nonblock);
    if (is_pipe(move->in))
        return out_of_pipe(task, move, (uint64_t)length, nonblock);
    return task_interruptible(
        task, SYS_splice, move->in->host_fd, move->in_address ? HOST_ARG(&move->in_offset) : 0,
        move->out->host_fd, move->out_address ? HOST_ARG(&move->out_offset) : 0, length, flags);
}

long call_splice(struct task *task, const uint64_t args[6])
{
    struct move move;
    uint32_t flags = (uint32_t)args[5];
    if (!args[4])
        return 0;
    if (flags & ~(uint32_t)SPLICE_FLAGS)
        return -EINVAL;
    long result = move_begin(task, &move, args[0], args[1], args[2], args[3]);
    if (!result)
        result = splice_run(task, &move, args[4], flags);
    return move_end(task, &move, result);
}

long call_tee(struct task *task, const uint64_t args[6])
{
    struct move move;
    uint32_t flags = (uint32_t)args[3];
    if (flags & ~(uint32_t)SPLICE_FLAGS)
        return -EINVAL;
    if (!args[2])
        return 0;
    long result = move_begin(task, &move, args[0], 0, args[1], 0);
    if (!result && is_pipe(move.in) && is_pipe(move.out))
        result = pipe_to_pipe(task, move.in, move.out, args[2], 1, !!(flags & SPLICE_F_NONBLOCK));
    else if (!result && move.in->kind == FILE_STREAM && move.out->kind == FILE_STREAM)
        result = task_interruptible(task, SYS_tee, move.in->host_fd, move.out->host_fd, args[2],
                                    flags);
    else if (!result)
        result = -EINVAL;
    return move_end(task, &move, result);
}

/* Copies, both ways: pages of a cage are never lent to a pipe. */
long call_vmsplice(struct task *task, const uint64_t args[6])
{
    struct range ranges[RANGES_MAX];
    struct transfer transfer = {.position = POSITION_CURRENT};
    uint32_t flags = (uint32_t)args[3];
    if (flags & ~(uint32_t)SPLICE_FLAGS)
        return -EINVAL;
    DESCRIPTION(file, task, args[0]);
    if (!file || !is_pipe(file))
        return -EBADF;
    long error = transfer_copyin(task, &transfer, ranges, args[1], args[2]);
    if (error)
        return error;
    if (flags & SPLICE_F_NONBLOCK)
        transfer.flags = RWF_NOWAIT;
    return file_writable(file) ? file_write(task, file, &transfer)
                               : file_read(task, file, &transfer);
}
