/* send, recv and their kin, with descriptors and credentials beside the bytes (cmsg(3), unix(7)).
 * Not HOT. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/ranges.h"
#include "microvisor/fs/socket.h"
#include "microvisor/proc/tree.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/clock.h"
#include "rt/copy.h"

/* Linux: sysctl net.core.optmem_max of old; more than all kinds of control messages need. */
#define CONTROL_MAX 20480U
/* Linux: struct mmsghdr, a header and its message's length. */
#define MANY_STEP (sizeof(struct header) + 8)
#define ALIGNED(length) (((length) + 7) & ~7UL)

/* The kernel's struct msghdr, with window offsets. */
struct header {
    uint64_t name;
    int32_t name_length, unused;
    uint64_t vector, vector_count;
    uint64_t control, control_length;
    uint32_t flags, unused_too;
};
_Static_assert(sizeof(struct header) == 56, "struct user_msghdr");

struct control {
    uint64_t length; /* with this header */
    int32_t level, type;
};

/* Descriptions of the numbers in an SCM_RIGHTS message. */
static long collect_files(struct task *task, uint64_t at, uint64_t count, struct message *message)
{
    if (!count)
        return 0;
    if (!message->parcel && !(message->parcel = parcel_new()))
        return -ENOMEM;
    struct parcel *parcel = message->parcel;
    if (count > PARCEL_MAX - parcel->count)
        return -EINVAL;
    uint64_t limit = process_limit(task->process, RLIMIT_NOFILE);
    if (limit > DESCRIPTORS_MAX)
        limit = DESCRIPTORS_MAX;
    long error = 0;
    for (; count && !error; count--, at += sizeof(int32_t)) {
        int32_t number;
        if (task_copyin(task, &number, at, sizeof number))
            return -EFAULT;
        struct file *file = number < 0 ? NULL : descriptor_get(task, (uint32_t)number);
        if (!file)
            return -EBADF;
        error = parcel_add(parcel, file, limit);
        descriptor_put(task, file);
    }
    return error;
}

static int is_one_of(uint32_t id, uint32_t real, uint32_t effective, uint32_t saved)
{
    return id == real || id == effective || id == saved;
}

/* What a sender says of itself in SCM_CREDENTIALS. */
static long check_credentials(struct task *task, uint64_t at, struct message *message)
{
    const struct credentials *own = &task->process->credentials;
    struct ucred said;
    if (task_copyin(task, &said, at, sizeof said))
        return -EFAULT;
    if (own->euid &&
        (said.pid != task->process->pid || !is_one_of(said.uid, own->uid, own->euid, own->suid) ||
         !is_one_of(said.gid, own->gid, own->egid, own->sgid)))
        return -EPERM;
    tree_lock();
    int exists = said.pid == task->process->pid || tree_find(said.pid);
    tree_unlock();
    if (!exists)
        return -ESRCH;
    if (said.uid == (uint32_t)-1 || said.gid == (uint32_t)-1)
        return -EINVAL;
    message->credentials = said;
    return 0;
}

static long control_copyin(struct task *task, uint64_t at, uint64_t length, struct message *message)
{
    struct control control;
    long error = 0;
    if (length > CONTROL_MAX)
        return -ENOBUFS;
    while (length >= sizeof control && !error) {
        if (task_copyin(task, &control, at, sizeof control))
            return -EFAULT;
        if (control.length < sizeof control || control.length > length)
            return -EINVAL;
        uint64_t size = control.length - sizeof control, data = at + sizeof control;
        if (control.level != SOL_SOCKET)
            error = 0;
        else if (control.type == SCM_RIGHTS)
            error = collect_files(task, data, size / sizeof(int32_t), message);
        else if (control.type == SCM_CREDENTIALS && size == sizeof(struct ucred))
            error = check_credentials(task, data, message);
        else
            error = -EINVAL;
        uint64_t step = ALIGNED(control.length);
        at += step;
        length = step < length ? length - step : 0;
    }
    return error;
}

/* The receiver that a datagram's address names. */
static long find_receiver(struct task *task, struct unix_socket *socket, uint64_t at,
                          uint64_t length, struct message *message)
{
    const uint64_t total = message->transfer->total;
    struct sockaddr_un address[2]; /* the second one: a NUL behind the longest path */
    memset(address, 0, sizeof address);
    long result = address_copyin(task, at, length, address);
    if (result <= 0)
        return result;
    if (socket->type == SOCK_STREAM)
        return socket->state == SOCKET_CONNECTED ? -EISCONN : -EOPNOTSUPP;
    if (socket->type == SOCK_SEQPACKET)
        return 0;
    result = address_check(address, result);
    if (result < 0)
        return result;
    long error = unix_send_check(socket, total);
    if (error)
        return error;
    return unix_find(task, address, (uint32_t)result, socket->type, &message->other);
}

static long send_message(struct task *task, struct file *file, struct header *header,
                         const struct transfer *transfer)
{
    struct unix_socket *socket = unix_socket_of(file);
    struct message message = {
        .transfer = transfer,
        .flags = header->flags,
        .nonblock = file_flags(file) & O_NONBLOCK || header->flags & MSG_DONTWAIT,
        .credentials = {task->process->pid, task->process->credentials.uid,
                        task->process->credentials.gid},
    };
    long result = header->flags & MSG_OOB ? -EOPNOTSUPP : 0;
    if (!result && header->control_length)
        result = control_copyin(task, header->control, header->control_length, &message);
    if (!result && header->name)
        result = find_receiver(task, socket, header->name, (uint32_t)header->name_length, &message);
    if (!result)
        result = unix_send(task, socket, &message);
    if (message.parcel)
        parcel_free(message.parcel);
    else if (header->control_length)
        circles_look(CIRCLES_SENT);
    if (message.other)
        unix_put(message.other);
    if (result == -EPIPE && socket->type == SOCK_STREAM && !(header->flags & MSG_NOSIGNAL))
        signal_send_self(task, SIGPIPE);
    return result;
}

/* Puts one control message where header->control points to, as much of it as there is room for,
 * and moves that. data NULL: it is there. As on Linux, one that cannot be written is left out. */
static void control_put(struct task *task, struct header *header, int type, const void *data,
                        uint64_t size)
{
    struct control control = {sizeof control + size, SOL_SOCKET, type};
    uint64_t step = ALIGNED(control.length);
    if (!header->control || header->control_length < control.length)
        header->flags |= MSG_CTRUNC;
    if (!header->control || header->control_length < sizeof control)
        return;
    if (header->control_length < control.length)
        control.length = header->control_length;
    if (task_copyout(task, header->control, &control, sizeof control) ||
        (data && task_copyout(task, header->control + sizeof control, data,
                              control.length - sizeof control)))
        return;
    if (step > header->control_length)
        step = header->control_length;
    header->control += step;
    header->control_length -= step;
}

/* Gives received descriptions numbers, as many as there is room for: in the buffer, and below
 * RLIMIT_NOFILE. */
static void files_put(struct task *task, struct header *header, struct parcel *parcel)
{
    uint64_t room = !header->control || header->control_length < sizeof(struct control)
                        ? 0
                        : (header->control_length - sizeof(struct control)) / sizeof(int32_t);
    uint32_t count;
    for (count = 0; count < parcel->count && count < room; count++) {
        uint64_t at = header->control + sizeof(struct control) + count * sizeof(int32_t);
        int32_t number = (int32_t)descriptor_reserve(task, 0);
        if (number < 0)
            break;
        if (task_copyout(task, at, &number, sizeof number)) {
            descriptor_cancel(task, number);
            break;
        }
        file_get(parcel->files[count]);
        descriptor_fill(task, number, parcel->files[count], !!(header->flags & MSG_CMSG_CLOEXEC));
    }
    if (count < parcel->count)
        header->flags |= MSG_CTRUNC;
    if (count)
        control_put(task, header, SCM_RIGHTS, NULL, count * sizeof(int32_t));
}

/* Everything of a received message but its bytes. */
static long answer_put(struct task *task, struct unix_socket *socket, struct header *header,
                       struct message *message)
{
    struct unix_socket *from = message->other ? message->other
                               : header->name ? unix_peer(socket)
                                              : NULL;
    long length = 0;
    if (header->name) {
        /* The sender of a stream or packet without a name has none to show. */
        if (from && from->address_length)
            length = name_copyout(task, from, header->name, (uint32_t)header->name_length);
        header->name_length = (int32_t)length;
    }
    if (from && !message->other)
        unix_put(from);
    if (socket->options & 1U << SO_PASSCRED)
        control_put(task, header, SCM_CREDENTIALS, &message->credentials,
                    sizeof message->credentials);
    if (message->parcel)
        files_put(task, header, message->parcel);
    return length < 0 ? length : 0;
}

/* Afterwards header->control_length is what is left of it, name_length that of the sender's name.
 */
static long receive_message(struct task *task, struct file *file, struct header *header,
                            const struct transfer *transfer)
{
    struct unix_socket *socket = unix_socket_of(file);
    struct message message = {
        .transfer = transfer,
        .flags = header->flags,
        .nonblock = file_flags(file) & O_NONBLOCK || header->flags & MSG_DONTWAIT,
    };
    if (header->flags & MSG_OOB)
        return -EOPNOTSUPP;
    header->flags &= MSG_CMSG_CLOEXEC;
    long result = unix_receive(task, socket, &message);
    header->flags |= message.flags & MSG_TRUNC;
    if (result >= 0 && message.credentials.pid) { /* at the end nobody has sent anything */
        long error = answer_put(task, socket, header, &message);
        if (error)
            result = error;
    } else {
        header->name_length = 0;
    }
    if (message.parcel)
        parcel_free(message.parcel);
    if (message.other)
        unix_put(message.other);
    return result;
}

/* The one range of send, recv and their kin. */
static long one_range(const uint64_t args[6], struct range *range, struct transfer *transfer)
{
    *range = (struct range){args[1], args[2] < TRANSFER_MAX ? args[2] : TRANSFER_MAX};
    *transfer = (struct transfer){range, 1, range->length, POSITION_CURRENT, 0, NULL};
    return range_ok(range->offset, range->length) ? 0 : -EFAULT;
}

SOCKET_CALL(sendto)
{
    struct range range;
    struct transfer transfer;
    struct header header = {
        .name = args[4], .name_length = (int32_t)args[5], .flags = (uint32_t)args[3]};
    long error = one_range(args, &range, &transfer);
    return error ? error : send_message(task, file, &header, &transfer);
}

SOCKET_CALL(recvfrom)
{
    struct range range;
    struct transfer transfer;
    struct header header = {.name = args[4], .flags = (uint32_t)args[3]};
    long result = one_range(args, &range, &transfer);
    if (!result && args[4] &&
        task_copyin(task, &header.name_length, args[5], sizeof header.name_length))
        result = -EFAULT;
    if (!result && header.name_length < 0)
        result = -EINVAL;
    if (!result)
        result = receive_message(task, file, &header, &transfer);
    if (result >= 0 && args[4] &&
        task_copyout(task, args[5], &header.name_length, sizeof header.name_length))
        result = -EFAULT;
    return result;
}

/* Copies a header and its vector in. */
static long header_copyin(struct task *task, uint64_t at, struct header *header,
                          struct range *ranges, struct transfer *transfer)
{
    if (task_copyin(task, header, at, sizeof *header))
        return -EFAULT;
    if (header->name && header->name_length < 0)
        return -EINVAL;
    if (header->vector_count > RANGES_MAX)
        return -EMSGSIZE;
    *transfer = (struct transfer){.position = POSITION_CURRENT};
    return transfer_copyin(task, transfer, ranges, header->vector, header->vector_count);
}

/* One message whose header is in the cage. last: set when no other is to follow. */
typedef long message_function(struct task *task, struct file *file, uint64_t at, uint32_t flags,
                              int *last);

static long send_at(struct task *task, struct file *file, uint64_t at, uint32_t flags, int *last)
{
    struct range ranges[RANGES_MAX];
    struct transfer transfer;
    struct header header;
    long result = header_copyin(task, at, &header, ranges, &transfer);
    header.flags = flags;
    if (!result)
        result = send_message(task, file, &header, &transfer);
    *last = result >= 0 && (uint64_t)result < transfer.total;
    return result;
}

static long receive_at(struct task *task, struct file *file, uint64_t at, uint32_t flags, int *last)
{
    struct range ranges[RANGES_MAX];
    struct transfer transfer;
    struct header header;
    long result = header_copyin(task, at, &header, ranges, &transfer);
    header.flags = flags;
    uint64_t control_length = header.control_length;
    if (!result)
        result = receive_message(task, file, &header, &transfer);
    control_length -= header.control_length;
    if (result >= 0 &&
        ((header.name && task_copyout(task, at + offsetof(struct header, name_length),
                                      &header.name_length, sizeof header.name_length)) ||
         task_copyout(task, at + offsetof(struct header, control_length), &control_length,
                      sizeof control_length) ||
         task_copyout(task, at + offsetof(struct header, flags), &header.flags,
                      sizeof header.flags)))
        result = -EFAULT;
    *last = 0;
    return result;
}

SOCKET_CALL(sendmsg)
{
    int last;
    return send_at(task, file, args[1], (uint32_t)args[2], &last);
}

SOCKET_CALL(recvmsg)
{
    int last;
    return receive_at(task, file, args[1], (uint32_t)args[2], &last);
}

/* sendmmsg and recvmmsg: messages until one is the last or fails, each with its result behind its
 * header (struct mmsghdr). Returns how many, or the first one's -errno; *failed is the -errno that
 * ended them, or 0. */
static long many_messages(struct task *task, struct file *file, const uint64_t args[6],
                          message_function *one, uint64_t deadline, long *failed)
{
    uint32_t count = (uint32_t)args[2], flags = (uint32_t)args[3], done = 0;
    int last = 0;
    *failed = 0;
    if (count > RANGES_MAX)
        count = RANGES_MAX;
    while (done < count && !last && !*failed) {
        uint64_t at = args[1] + done * MANY_STEP;
        long result = one(task, file, at, flags & ~(uint32_t)MSG_WAITFORONE, &last);
        int32_t length = (int32_t)result;
        if (result >= 0 && task_copyout(task, at + sizeof(struct header), &length, sizeof length))
            result = -EFAULT;
        if (result < 0)
            *failed = result;
        else
            done++;
        if (flags & MSG_WAITFORONE)
            flags |= MSG_DONTWAIT;
        if (deadline_passed(deadline))
            last = 1;
    }
    return done ? done : *failed;
}

SOCKET_CALL(sendmmsg)
{
    long failed;
    const uint64_t all[6] = {args[0], args[1], args[2], args[3] & ~(uint64_t)MSG_WAITFORONE};
    return many_messages(task, file, all, send_at, NEVER, &failed);
}

/* The time limit is looked at after each message alone, as on Linux. */
SOCKET_CALL(recvmmsg)
{
    struct timespec left;
    uint64_t deadline = NEVER;
    long failed, result = args[4] ? timespec_copyin(task, &left, args[4]) : 0;
    if (result)
        return result;
    if (args[4])
        deadline = deadline_of(&left);
    result = -unix_take_error(socket);
    if (!result)
        result = many_messages(task, file, args, receive_at, deadline, &failed);
    if (result <= 0)
        return result;
    if (failed && failed != -EAGAIN && failed != -EINTR && failed > RESTART_SYS)
        unix_exchange_error(socket, (int)-failed); /* for the next call */
    if (args[4]) {
        deadline_left(deadline, &left);
        if (task_copyout(task, args[4], &left, sizeof left))
            return -EFAULT;
    }
    return result;
}
