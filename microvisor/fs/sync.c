/* Bringing files to storage, advice about them, fcntl. Not HOT. */
#include <errno.h>
#include <fcntl.h>

#include "microvisor/calls.h"
#include "microvisor/fs/pipe.h"
#include "microvisor/fs/resolve.h"

/* The description of fd, which must not be an O_PATH one. */
static struct file *usable(struct task *task, uint64_t fd)
{
    struct file *file = descriptor_get(task, fd);
    if (!file || !(file_flags(file) & O_PATH))
        return file;
    descriptor_put(task, file);
    return NULL;
}

static long sync_file(struct task *task, uint64_t fd, int data_only)
{
    struct file *file = usable(task, fd);
    if (!file)
        return -EBADF;
    long result = file->operations->sync ? file->operations->sync(task, file, data_only) : -EINVAL;
    descriptor_put(task, file);
    return result;
}

long call_fsync(struct task *task, const uint64_t args[6])
{
    return sync_file(task, args[0], 0);
}

long call_fdatasync(struct task *task, const uint64_t args[6])
{
    return sync_file(task, args[0], 1);
}

/* Only the file systems in which the cage can write: the host's others are none of its business. */
long call_sync(struct task *task, const uint64_t args[6])
{
    const struct place *place = task->process->place;
    for (uint32_t i = 0; i < place->mount_count; i++) {
        if (place->mounts[i]->read_only || place->mounts[i]->kind != MOUNT_DIRECTORY ||
            place->mounts[i]->fd < 0)
            continue;
        long fd = open_beneath(place->mounts[i]->fd, ".", O_RDONLY | O_DIRECTORY, 0, 0);
        if (fd < 0)
            continue; /* sync(2) reports no errors */
        host_call1(SYS_syncfs, fd);
        host_call1(SYS_close, fd);
    }
    return 0;
}

/* A call that passes on to the host for its own descriptors; other is for the rest. */
static long pass(struct task *task, const uint64_t args[6], long number, long other)
{
    struct file *file = usable(task, args[0]);
    if (!file)
        return -EBADF;
    long result = other;
    if (file->host_fd >= 0)
        result = host_call4(number, file->host_fd, args[1], args[2], args[3]);
    descriptor_put(task, file);
    return result;
}

long call_syncfs(struct task *task, const uint64_t args[6])
{
    return pass(task, args, SYS_syncfs, 0);
}

long call_sync_file_range(struct task *task, const uint64_t args[6])
{
    return pass(task, args, SYS_sync_file_range, -ESPIPE);
}

long call_fadvise64(struct task *task, const uint64_t args[6])
{
    return pass(task, args, SYS_fadvise64, (uint32_t)args[3] > 5 ? -EINVAL : -ESPIPE);
}

long call_readahead(struct task *task, const uint64_t args[6])
{
    return pass(task, args, SYS_readahead, -EINVAL);
}

/* O_ASYNC is not among them: its signal would go to lind-run. */
#define SETTABLE (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

static long set_flags(struct file *file, uint32_t flags)
{
    uint32_t old = file_flags(file), wanted;
    long error = 0;
    if (file->host_fd >= 0)
        error = host_call3(SYS_fcntl, file->host_fd, F_SETFL, flags & SETTABLE);
    if (error)
        return error;
    do
        wanted = (old & ~(uint32_t)SETTABLE) | (flags & SETTABLE);
    while (!atomic_compare_exchange_weak(&file->flags, &old, wanted));
    return 0;
}

static long get_flags(const struct file *file)
{
    const uint32_t creation = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC;
    if (file->host_fd >= 0)
        return host_call2(SYS_fcntl, file->host_fd, F_GETFL);
    return file_flags(file) & ~creation;
}

long call_fcntl(struct task *task, const uint64_t args[6])
{
    uint32_t command = (uint32_t)args[1];
    struct file *file = descriptor_get(task, args[0]);
    if (!file)
        return -EBADF;
    int path_only = (file_flags(file) & O_PATH) != 0;
    long result = -EBADF;
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        result = descriptor_duplicate(task, (uint32_t)args[0], (uint32_t)args[2],
                                      command == F_DUPFD_CLOEXEC);
        break;
    case F_GETFD:
        result = descriptor_close_on_exec(task, (uint32_t)args[0], -1);
        break;
    case F_SETFD:
        result = descriptor_close_on_exec(task, (uint32_t)args[0], args[2] & FD_CLOEXEC);
        result = result < 0 ? result : 0;
        break;
    case F_GETFL:
        result = get_flags(file);
        break;
    case F_SETFL:
        if (!path_only)
            result = set_flags(file, (uint32_t)args[2]);
        break;
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        if (!path_only)
            result = file_lock_command(task, file, (int)command, args[2]);
        break;
    case F_GETPIPE_SZ:
    case F_SETPIPE_SZ:
        if (path_only)
            break;
        if (file->operations == &pipe_operations)
            result = command == F_GETPIPE_SZ ? pipe_capacity(file)
                                             : pipe_set_capacity(file, (uint32_t)args[2]);
        else
            result = file->kind == FILE_STREAM
                         ? host_call3(SYS_fcntl, file->host_fd, command, (uint32_t)args[2])
                         : -EBADF;
        break;
    case F_ADD_SEALS:
    case F_GET_SEALS:
        if (!path_only)
            result = file->kind == FILE_REGULAR
                         ? host_call3(SYS_fcntl, file->host_fd, command, (uint32_t)args[2])
                         : -EINVAL;
        break;
    default:
        result = path_only ? -EBADF : -EINVAL;
    }
    descriptor_put(task, file);
    return result;
}
