/* Descriptors that signals are read from (signalfd(2)). Whose signals depends on who reads: the
 * description itself holds the set alone. All of them share one queue, on which every signal that
 * is sent is announced as long as there are any. HOT. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/anonymous.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/ranges.h"
#include "microvisor/fs/wait.h"
#include "microvisor/signal/signal.h"
#include "rt/copy.h"

#define UNBLOCKABLE (signal_bit(SIGKILL) | signal_bit(SIGSTOP))

/* The lock is a leaf: signals are sent with others held. What is pending is looked at without one,
 * since a signal is pending before it is announced. */
static struct lock lock;
static struct wait_queue queue;
static _Atomic uint32_t count;

void signal_files_announce(void)
{
    if (!atomic_load(&count))
        return;
    LOCKED(&lock);
    wait_queue_announce(&queue, POLLIN);
}

static int is_pending(const struct task *task, uint64_t set)
{
    return (signal_pending_set(task) & set) != 0;
}

static struct signalfd_siginfo described(const siginfo_t *info)
{
    struct signalfd_siginfo one = {.ssi_signo = (uint32_t)info->si_signo,
                                   .ssi_errno = info->si_errno,
                                   .ssi_code = info->si_code};
    int signal = info->si_signo, code = info->si_code;
    if (code == SI_TIMER) {
        one.ssi_tid = (uint32_t)info->si_timerid;
        one.ssi_overrun = (uint32_t)info->si_overrun;
    } else if (code > 0 && (signal == SIGSEGV || signal == SIGBUS || signal == SIGILL ||
                            signal == SIGFPE || signal == SIGTRAP)) {
        one.ssi_addr = (uint64_t)info->si_addr;
        return one;
    } else if (code > 0 && signal == SIGIO) {
        one.ssi_band = (uint32_t)info->si_band;
        one.ssi_fd = info->si_fd;
        return one;
    } else {
        one.ssi_pid = (uint32_t)info->si_pid;
        one.ssi_uid = info->si_uid;
    }
    if (code > 0 && signal == SIGCHLD) {
        one.ssi_status = info->si_status;
        one.ssi_utime = (uint64_t)info->si_utime;
        one.ssi_stime = (uint64_t)info->si_stime;
    } else if (code < 0 && code != SI_TKILL) {
        one.ssi_int = info->si_value.sival_int;
        one.ssi_ptr = (uint64_t)info->si_value.sival_ptr;
    }
    return one;
}

/* Waits until some signal is sent, unless one of the set is pending. Returns 0 or -errno. */
static long await(struct task *task, struct file *file, uint64_t set)
{
    long woken = 0;
    lock_acquire(&lock);
    int pending = is_pending(task, set);
    if (!pending && !(file_flags(file) & O_NONBLOCK))
        woken = wait_queue_sleep(task, &queue, &lock);
    lock_release(&lock);
    signal_host_drain();
    if (pending || is_pending(task, set))
        return 0;
    if (file_flags(file) & O_NONBLOCK)
        return -EAGAIN;
    return woken ? signal_interrupted(task, RESTART_SYS) : 0;
}

static long signals_read(struct task *task, struct file *file, const struct transfer *transfer)
{
    struct signalfd_siginfo one;
    uint64_t done = 0;
    if (transfer->total < sizeof one)
        return -EINVAL;
    signal_host_drain();
    while (transfer->total - done >= sizeof one) {
        uint64_t set = __atomic_load_n(&file->data, __ATOMIC_RELAXED);
        siginfo_t info;
        if (!signal_take(task, set, &info)) {
            long error = done ? -EAGAIN : await(task, file, set);
            if (error)
                return done ? (long)done : error;
            continue;
        }
        one = described(&info);
        long copied = ranges_copyout(task, transfer, done, &one, sizeof one);
        if (copied < 0)
            return done ? (long)done : copied;
        done += sizeof one;
    }
    return (long)done;
}

static int signals_poll(struct task *task, struct file *file, int events)
{
    signal_host_drain();
    return is_pending(task, __atomic_load_n(&file->data, __ATOMIC_RELAXED)) ? events & POLLIN : 0;
}

static struct wait_queue *signals_queue(struct file *file)
{
    return &queue;
}

static void signals_release(struct file *file)
{
    atomic_fetch_sub(&count, 1);
}

static const struct file_operations signal_operations = {
    .name = "anon_inode:[signalfd]",
    .read = signals_read,
    .stat = anonymous_stat,
    .seek = anonymous_seek,
    .poll = signals_poll,
    .queue = signals_queue,
    .release = signals_release,
};

long call_signalfd4(struct task *task, const uint64_t args[6])
{
    uint32_t flags = (uint32_t)args[3];
    uint64_t set;
    if (args[2] != sizeof set)
        return -EINVAL;
    if (task_copyin(task, &set, args[1], sizeof set))
        return -EFAULT;
    if (flags & ~(uint32_t)(SFD_CLOEXEC | SFD_NONBLOCK))
        return -EINVAL;
    set &= ~UNBLOCKABLE;

    if ((int)args[0] == -1) {
        struct file *file =
            file_new(&signal_operations, -1, O_RDWR | (flags & O_NONBLOCK), FILE_OTHER);
        if (!file)
            return -ENOMEM;
        file->data = set;
        atomic_fetch_add(&count, 1);
        return descriptor_install(task, file, !!(flags & SFD_CLOEXEC));
    }
    DESCRIPTION(file, task, args[0]);
    if (!file)
        return -EBADF;
    if (file->operations != &signal_operations)
        return -EINVAL;
    __atomic_store_n(&file->data, set, __ATOMIC_RELAXED);
    signal_files_announce(); /* what was not asked for before may be pending */
    return (int)args[0];
}

