/* Bringing files to storage, advice about them, fcntl. Not HOT. */
#include <errno.h>
#include <fcntl.h>

#include "microvisor/calls.h"
#include "microvisor/fs/pipe.h"
#include "microvisor/fs/resolve.h"

static long sync_file(struct task *task, uint64_t fd, int data_only)
{
    DESCRIPTION(file, task, fd);
    if (!file || file_flags(file) & O_PATH)
        return -EBADF;
    return file->operations->sync ? file->operations->sync(task, file, data_only) : -EINVAL;
}

CALL_IS(fsync, sync_file(task, args[0], 0))
CALL_IS(fdatasync, sync_file(task, args[0], 1))

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
    DESCRIPTION(file, task, args[0]);
    if (!file || file_flags(file) & O_PATH)
        return -EBADF;
    return file->host_fd < 0 ? other
                             : host_call4(number, file->host_fd, args[1], args[2], args[3]);
}

CALL_IS(syncfs, pass(task, args, SYS_syncfs, 0))
CALL_IS(sync_file_range, pass(task, args, SYS_sync_file_range, -ESPIPE))
CALL_IS(fadvise64, pass(task, args, SYS_fadvise64, (uint32_t)args[3] > 5 ? -EINVAL : -ESPIPE))
CALL_IS(readahead, pass(task, args, SYS_readahead, -EINVAL))

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

/* The commands that are the host's for some kinds of its descriptors. */
static long pass_command(const struct file *file, uint32_t kind, long other, const uint64_t args[6])
{
    return file->kind == kind
               ? host_call3(SYS_fcntl, file->host_fd, (uint32_t)args[1], (uint32_t)args[2])
               : other;
}

/* How long what is written to a file will live, a hint that the host's file systems take. */
static long write_hint(struct task *task, const struct file *file, int set, uint64_t argument)
{
    uint64_t hint = 0;
    if (file->kind != FILE_REGULAR || file->host_fd < 0)
        return -EINVAL;
    if (set && (file->inherited || (file->mount && file->mount->read_only)))
        return -EPERM;
    if (set && task_copyin(task, &hint, argument, sizeof hint))
        return -EFAULT;
    long error = host_call3(SYS_fcntl, file->host_fd, set ? F_SET_RW_HINT : F_GET_RW_HINT, &hint);
    return error || set ? error : task_copyout(task, argument, &hint, sizeof hint);
}

long call_fcntl(struct task *task, const uint64_t args[6])
{
    uint32_t fd = (uint32_t)args[0], command = (uint32_t)args[1], argument = (uint32_t)args[2];
    DESCRIPTION(file, task, fd);
    long result;
    if (!file)
        return -EBADF;
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return descriptor_duplicate(task, fd, argument, command == F_DUPFD_CLOEXEC);
    case F_GETFD:
        return descriptor_close_on_exec(task, fd, -1);
    case F_SETFD:
        result = descriptor_close_on_exec(task, fd, argument & FD_CLOEXEC);
        return result < 0 ? result : 0;
    case F_GETFL:
        return get_flags(file);
    }
    if (file_flags(file) & O_PATH)
        return -EBADF;
    switch (command) {
    case F_SETFL:
        return set_flags(file, argument);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return file_lock_command(task, file, (int)command, args[2]);
    case F_SETOWN:
    case F_GETOWN:
    case F_SETOWN_EX:
    case F_GETOWN_EX:
    case F_SETSIG:
    case F_GETSIG:
        return file_owner_command(task, file, (int)command, args[2]);
    case F_GETPIPE_SZ:
        return file->operations == &pipe_operations ? pipe_capacity(file)
                                                    : pass_command(file, FILE_STREAM, -EBADF, args);
    case F_SETPIPE_SZ:
        return file->operations == &pipe_operations ? pipe_set_capacity(file, argument)
                                                    : pass_command(file, FILE_STREAM, -EBADF, args);
    case F_GETLEASE: /* none is ever given */
        return F_UNLCK;
    case F_GET_RW_HINT:
    case F_SET_RW_HINT:
        return write_hint(task, file, command == F_SET_RW_HINT, args[2]);
    case F_ADD_SEALS:
    case F_GET_SEALS:
        return pass_command(file, FILE_REGULAR, -EINVAL, args);
    default:
        return -EINVAL;
    }
}
