/* What a process asks about its system and sets about itself: uname, sysinfo, limits, prctl, random
 * bytes, the thread pointer. */
#include <asm/prctl.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/membarrier.h>
#include <linux/prctl.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "microvisor/mm/memory.h"
#include "microvisor/proc/proc.h"
#include "microvisor/proc/tree.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/timers.h"
#include "rt/host.h"

long call_uname(struct task *task, const uint64_t args[6])
{
    static const struct utsname name = {
        .sysname = "Linux",
        .nodename = SYSTEM_NODENAME,
        .release = SYSTEM_RELEASE,
        .version = SYSTEM_VERSION,
        .machine = "x86_64",
        .domainname = "(none)",
    };
    return task_copyout(task, args[0], &name, sizeof name);
}

/* A cage's host name is fixed. */
CALL_IS(sethostname, -EPERM)
CALL_IS(setdomainname, -EPERM)

static long count(struct process *process, void *data)
{
    *(unsigned short *)data += (unsigned short)atomic_load(&process->task_count);
    return 0;
}

/* Memory, load and uptime are the host's; of its processes a program sees those of this lind-run.
 */
long call_sysinfo(struct task *task, const uint64_t args[6])
{
    enum { LINUX_SIZE = 112 }; /* the C library's may be longer */
    struct sysinfo info = {0};
    host_call1(SYS_sysinfo, &info);
    info.procs = 0;
    tree_lock();
    tree_each(count, &info.procs);
    tree_unlock();
    return task_copyout(task, args[0], &info, LINUX_SIZE);
}

long call_getrandom(struct task *task, const uint64_t args[6])
{
    enum { NONBLOCK = 1, RANDOM = 2, INSECURE = 4 };
    if (args[2] & ~(uint64_t)(NONBLOCK | RANDOM | INSECURE))
        return -EINVAL;
    void *to = window_pointer(&task->thread, args[0], args[1]);
    if (!to)
        return -EFAULT;
    return task_interruptible(task, SYS_getrandom, HOST_ARG(to), args[1], args[2]);
}

/* Limits. Who enforces one reads process->limits: RLIMIT_NOFILE and RLIMIT_FSIZE fs/, RLIMIT_AS,
 * RLIMIT_DATA and RLIMIT_STACK mm/, RLIMIT_SIGPENDING signal/, RLIMIT_CPU time/. No cage dumps
 * core. The others are about facilities that cages do not have. */
static long change_limit(struct process *process, unsigned resource, const struct rlimit *new,
                         struct rlimit *old)
{
    long error = 0;
    if (resource >= PROCESS_LIMITS || (new &&new->rlim_cur > new->rlim_max))
        return -EINVAL;
    lock_acquire(&process->lock);
    *old = process_limits(process, (int)resource);
    if (new &&new->rlim_max > old->rlim_max) {
        error = -EPERM; /* no CAP_SYS_RESOURCE in a cage */
    } else if (new) {
        struct rlimit to = *new;
        /* "Already reached" is not to mean "none": Linux takes 0 for 1 here. */
        if (resource == RLIMIT_CPU && !to.rlim_cur)
            to.rlim_cur = 1;
        process_set_limits(process, (int)resource, to);
    }
    lock_release(&process->lock);
    return error;
}

/* prlimit(2): all of the other's ids are the caller's, or the caller is privileged. */
static int same_user(const struct process *caller, const struct process *other)
{
    const struct credentials *mine = &caller->credentials, *theirs = &other->credentials;
    return caller == other || !mine->euid ||
           (mine->uid == theirs->uid && mine->uid == theirs->euid && mine->uid == theirs->suid &&
            mine->gid == theirs->gid && mine->gid == theirs->egid && mine->gid == theirs->sgid);
}

/* A process that has ended keeps its limits for as long as it can be waited for. */
static long change_limit_of_ended(struct task *task, int pid, unsigned resource,
                                  const struct rlimit *new, struct rlimit *old)
{
    TREE_LOCKED();
    struct process *process = tree_find(pid);
    if (!process || process->state == PROCESS_INIT)
        return process ? -EPERM : -ESRCH;
    if (!same_user(task->process, process))
        return -EPERM;
    return change_limit(process, resource, new, old);
}

static long is_other(struct task *task, void *caller)
{
    return task != caller && !atomic_load(&task->exiting);
}

/* The caller's main stack follows RLIMIT_STACK. In vfork's child it is the parent's. */
static void stack_limit_changed(struct task *task, uint64_t soft)
{
    struct process *process = task->process;
    if (atomic_load(&process->space->users) == 1)
        memory_limit_stack(process->memory, soft, !signal_each_task(process, is_other, task));
}

long call_prlimit64(struct task *task, const uint64_t args[6])
{
    struct rlimit new, old;
    if (args[2] && task_copyin(task, &new, args[2], sizeof new))
        return -EFAULT;
    const struct rlimit *to = args[2] ? &new : NULL;
    unsigned resource = (unsigned)args[1];
    struct process *process = tree_pin(task, (int)args[0]);
    long error = -EPERM;
    if (!process)
        error = change_limit_of_ended(task, (int)args[0], resource, to, &old);
    else if (same_user(task->process, process))
        error = change_limit(process, resource, to, &old);
    if (process && to && !error && resource == RLIMIT_CPU)
        timers_cpu_limit_changed(process);
    if (process == task->process && to && !error && resource == RLIMIT_STACK)
        stack_limit_changed(task, new.rlim_cur);
    if (process)
        tree_unpin(task, process);
    if (error)
        return error;
    return args[3] ? task_copyout(task, args[3], &old, sizeof old) : 0;
}

long call_getrlimit(struct task *task, const uint64_t args[6])
{
    const uint64_t same[6] = {0, args[0], 0, args[1]};
    return args[1] ? call_prlimit64(task, same) : -EFAULT;
}

long call_setrlimit(struct task *task, const uint64_t args[6])
{
    const uint64_t same[6] = {0, args[0], args[1], 0};
    return args[1] ? call_prlimit64(task, same) : -EFAULT;
}

/* process->options */

/* Sets or clears one option to `value`, which must be 0 or 1. */
static long set_option(struct process *process, uint32_t option, uint64_t value)
{
    if (value > 1)
        return -EINVAL;
    LOCKED(&process->lock);
    process->options = value ? process->options | option : process->options & ~option;
    return 0;
}

void task_set_name(struct task *task, const char name[16])
{
    LOCKED(&task->process->lock);
    for (size_t i = 0; i < sizeof task->name; i++) {
        task->name[i] = name[i];
        if (task->tid == task->process->pid)
            task->process->name[i] = name[i];
    }
}

void task_get_name(struct task *task, char name[16])
{
    LOCKED(&task->process->lock);
    memcpy(name, task->name, sizeof task->name);
}

static long set_name(struct task *task, uint64_t from)
{
    char name[16] = {0};
    long length = copyinstr(&task->thread, name, from, sizeof name);
    if (length == -EFAULT)
        return length;
    name[15] = 0; /* a longer name is cut */
    task_set_name(task, name);
    return 0;
}

/* The set of ambient capabilities is empty, and stays so: none is inheritable. */
static long ambient_capabilities(const uint64_t args[6])
{
    uint64_t what = args[1], capability = args[2];
    if (args[3] || args[4])
        return -EINVAL;
    if (what == PR_CAP_AMBIENT_CLEAR_ALL)
        return capability ? -EINVAL : 0;
    if (capability > CAP_LAST_CAP)
        return -EINVAL;
    return what == PR_CAP_AMBIENT_IS_SET || what == PR_CAP_AMBIENT_LOWER ? 0
           : what == PR_CAP_AMBIENT_RAISE                                ? -EPERM
                                                                         : -EINVAL;
}

long call_prctl(struct task *task, const uint64_t args[6])
{
    struct process *process = task->process;
    uint64_t value = args[1];
    char name[16];
    switch ((int)args[0]) {
    case PR_SET_NAME:
        return set_name(task, value);
    case PR_GET_NAME:
        task_get_name(task, name);
        return task_copyout(task, value, name, sizeof name);
    case PR_SET_PDEATHSIG:
        if (value > 64)
            return -EINVAL;
        tree_lock(); /* its parent, which ends, looks twice */
        process->parent_death_signal = (int)value;
        tree_unlock();
        return 0;
    case PR_GET_PDEATHSIG:
        return task_copyout(task, value, &process->parent_death_signal, sizeof(int));
    case PR_SET_CHILD_SUBREAPER:
        tree_lock();
        process->is_subreaper = value != 0;
        tree_unlock();
        return 0;
    case PR_GET_CHILD_SUBREAPER:
        return task_copyout(task, value, &process->is_subreaper, sizeof(int));
    case PR_GET_DUMPABLE:
        return !(process->options & OPTION_NOT_DUMPABLE);
    case PR_SET_DUMPABLE:
        return value > 1 ? -EINVAL : set_option(process, OPTION_NOT_DUMPABLE, !value);
    case PR_GET_KEEPCAPS:
        return (process->options & OPTION_KEEP_CAPABILITIES) != 0;
    case PR_SET_KEEPCAPS:
        return set_option(process, OPTION_KEEP_CAPABILITIES, value);
    case PR_SET_NO_NEW_PRIVS:
        if (value != 1 || args[2] || args[3] || args[4])
            return -EINVAL;
        return set_option(process, OPTION_NO_NEW_PRIVILEGES, 1);
    case PR_GET_NO_NEW_PRIVS:
        if (value || args[2] || args[3] || args[4])
            return -EINVAL;
        return (process->options & OPTION_NO_NEW_PRIVILEGES) != 0;
    case PR_GET_TIMING:
    case PR_GET_SECCOMP:
    case PR_GET_SECUREBITS:
        return 0;
    case PR_CAPBSET_READ:
        return value > CAP_LAST_CAP ? -EINVAL : value < 32 && CAPABILITIES_OF_ROOT >> value & 1;
    case PR_CAP_AMBIENT:
        return ambient_capabilities(args);
    case PR_GET_THP_DISABLE: /* lind-run's own, which no cage changes */
        return host_call5(SYS_prctl, PR_GET_THP_DISABLE, value, args[2], args[3], args[4]);
    case PR_GET_TSC: {
        static const int enabled = PR_TSC_ENABLE;
        return task_copyout(task, value, &enabled, sizeof enabled);
    }
    case PR_GET_TID_ADDRESS:
        return task_copyout(task, value, &task->clear_child_tid, sizeof task->clear_child_tid);
    case PR_SET_TIMERSLACK: /* of this host thread */
        atomic_store(&task->rescheduled, 1);
        /* fall through */
    case PR_GET_TIMERSLACK:
        return host_call2(SYS_prctl, (int)args[0], value);
    default:
        return -EINVAL;
    }
}

long call_arch_prctl(struct task *task, const uint64_t args[6])
{
    uint64_t value = 0;
    switch ((int)args[0]) {
    case ARCH_SET_FS:
        return thread_set_pointer(&task->thread, args[1]);
    case ARCH_SET_GS:
        return -EPERM; /* the window's base (docs/sfi.md 1) */
    case ARCH_GET_FS:
        value = task->thread.pointer;
        __attribute__((fallthrough));
    case ARCH_GET_GS:
        return task_copyout(task, args[1], &value, sizeof value);
    default:
        return -EINVAL;
    }
}

/* There is one way of running programs; asking for it, or for which it is, is all right. */
long call_personality(struct task *task, const uint64_t args[6])
{
    return (uint32_t)args[0] == UINT32_MAX || !(uint32_t)args[0] ? 0 : -EINVAL;
}

long call_membarrier(struct task *task, const uint64_t args[6])
{
    const int allowed =
        MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
    int command = (int)args[0];
    if ((uint32_t)args[1])
        return -EINVAL;
    if (command == MEMBARRIER_CMD_QUERY) {
        long commands = host_call3(SYS_membarrier, command, 0, 0);
        return commands < 0 ? commands : commands & allowed;
    }
    if (command != MEMBARRIER_CMD_PRIVATE_EXPEDITED &&
        command != MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
        return -EINVAL;
    return host_call3(SYS_membarrier, command, 0, 0);
}
