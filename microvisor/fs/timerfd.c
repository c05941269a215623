/* timerfd_create(2) and kin: the host's, with copied times; the kernel keeps no address of the cage
 * (attack row K7). HOT. */
#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "rt/copy.h"

long call_timerfd_create(struct task *task, const uint64_t args[6])
{
    uint32_t clock = (uint32_t)args[0], flags = (uint32_t)args[1];
    struct file *file;
    if (flags & ~(uint32_t)(TFD_CLOEXEC | TFD_NONBLOCK))
        return -EINVAL;
    if (clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM)
        return -EPERM; /* they would wake the machine */
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
        return -EINVAL;
    long fd = host_call2(SYS_timerfd_create, clock, flags | TFD_CLOEXEC);
    if (fd < 0)
        return fd;
    long error = file_from_host((int)fd, NULL, &file);
    return error ? error : descriptor_install(task, file, !!(flags & TFD_CLOEXEC));
}

/* The host tells timers from other descriptors (EINVAL). */
static long timer_call(struct task *task, uint64_t fd, long number, uint64_t flags,
                       const struct itimerspec *set, uint64_t out)
{
    struct itimerspec old;
    DESCRIPTION(file, task, fd);
    if (!file)
        return -EBADF;
    if (file->host_fd < 0 || file->kind != FILE_STREAM)
        return -EINVAL;
    long error = set ? host_call4(number, file->host_fd, flags, set, &old)
                     : host_call2(number, file->host_fd, &old);
    return error || !out ? error : task_copyout(task, out, &old, sizeof old);
}

long call_timerfd_settime(struct task *task, const uint64_t args[6])
{
    struct itimerspec set;
    uint32_t flags = (uint32_t)args[1];
    if (task_copyin(task, &set, args[2], sizeof set))
        return -EFAULT;
    if (flags & ~(uint32_t)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
        return -EINVAL;
    return timer_call(task, args[0], SYS_timerfd_settime, flags, &set, args[3]);
}

long call_timerfd_gettime(struct task *task, const uint64_t args[6])
{
    return timer_call(task, args[0], SYS_timerfd_gettime, 0, NULL, args[1] ? args[1] : UINT64_MAX);
}
