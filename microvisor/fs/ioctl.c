/* ioctl(2): what every description has, and the way to the operations of the others. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/signal/signal.h"
#include "rt/copy.h"

static long set_nonblock(struct task *task, uint64_t fd, int on)
{
    const uint64_t get[6] = {fd, F_GETFL};
    long flags = call_fcntl(task, get);
    if (flags < 0)
        return flags;
    const uint64_t set[6] = {fd, F_SETFL,
                             (uint64_t)(on ? flags | O_NONBLOCK : flags & ~(long)O_NONBLOCK)};
    return call_fcntl(task, set);
}

long call_ioctl(struct task *task, const uint64_t args[6])
{
    uint32_t command = (uint32_t)args[1];
    int value = 0;
    DESCRIPTION(file, task, args[0]);
    if (!file || file_flags(file) & O_PATH)
        return -EBADF;
    switch (command) {
    case FIOCLEX:
    case FIONCLEX: {
        const uint64_t set[6] = {args[0], F_SETFD, command == FIOCLEX ? FD_CLOEXEC : 0};
        return call_fcntl(task, set);
    }
    case FIONBIO:
        if (task_copyin(task, &value, args[2], sizeof value))
            return -EFAULT;
        return set_nonblock(task, args[0], value);
    case FIOASYNC: /* SIGIO is never sent */
        if (task_copyin(task, &value, args[2], sizeof value))
            return -EFAULT;
        return value ? -ENOTTY : 0;
    }
    if (file->operations->ioctl)
        return file->operations->ioctl(task, file, command, args[2]);
    if (command == FIONREAD && (file->kind == FILE_REGULAR || file->kind == FILE_STREAM)) {
        long result = host_file_ioctl(task, file, command, HOST_ARG(&value));
        return result ? result : task_copyout(task, args[2], &value, sizeof value);
    }
    return -ENOTTY;
}
