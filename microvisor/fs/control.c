#include "microvisor/fs/control.h"

#include <errno.h>
#include <fcntl.h>

#include "microvisor/fs/locks.h"
#include "microvisor/fs/pipe.h"

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif

long file_control(struct task *task, struct file *file, uint32_t command, uint64_t argument)
{
    int own_pipe = file->operations == &pipe_operations;
    switch (command) {
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return lock_control(task, file, command, argument);
    case F_GETPIPE_SZ:
    case F_SETPIPE_SZ:
        if (own_pipe)
            return command == F_GETPIPE_SZ ? pipe_capacity(file)
                                           : pipe_set_capacity(file, (uint32_t)argument);
        if (file->kind == FILE_STREAM)
            return host_call3(SYS_fcntl, file->host_fd, command, (uint32_t)argument);
        return -EBADF;
    case F_ADD_SEALS:
    case F_GET_SEALS:
        /* The host's kernel refuses seals of anything but memory files, and unknown ones. */
        if (file->kind != FILE_REGULAR)
            return -EINVAL;
        return host_call3(SYS_fcntl, file->host_fd, command, (uint32_t)argument);
    case F_GETOWN:
    case F_GETSIG:
        return 0; /* SIGIO is never sent; setting an owner is refused below */
    case F_GETLEASE:
        return F_UNLCK;
    default:
        return -EINVAL;
    }
}

long file_set_nonblock(struct file *file, int on)
{
    if (file->host_fd >= 0 && file->kind != FILE_OTHER) {
        long flags = host_call2(SYS_fcntl, file->host_fd, F_GETFL);
        if (flags >= 0)
            flags = host_call3(SYS_fcntl, file->host_fd, F_SETFL,
                               on ? flags | O_NONBLOCK : flags & ~(long)O_NONBLOCK);
        if (flags < 0)
            return flags;
    }
    if (on)
        atomic_fetch_or(&file->flags, O_NONBLOCK);
    else
        atomic_fetch_and(&file->flags, ~(uint32_t)O_NONBLOCK);
    return 0;
}
