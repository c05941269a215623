/* getrusage, times, getcpu, and scheduling. A task is a host thread, so what the host says and does
 * about that thread is the task's. */
#include <errno.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/times.h>

#include "microvisor/proc/tree.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/clock.h"
#include "microvisor/time/timers.h"
#include "rt/host.h"

#define TICK (SECOND / 100) /* sysconf(_SC_CLK_TCK) is 100 */

struct timeval timeval_of(uint64_t nanoseconds)
{
    return (struct timeval){(long)(nanoseconds / SECOND), (long)(nanoseconds % SECOND / 1000)};
}

/* What the children used that were waited for: all, user. */
static void children_cpu(struct task *task, uint64_t cpu[2])
{
    TREE_LOCKED();
    cpu[0] = task->process->children_cpu[0];
    cpu[1] = task->process->children_cpu[1];
}

long call_getrusage(struct task *task, const uint64_t args[6])
{
    struct rusage usage = {0};
    uint64_t cpu[2] = {0};
    switch ((int)args[0]) {
    case RUSAGE_THREAD:
        host_call2(SYS_getrusage, RUSAGE_THREAD, &usage);
        cpu[0] = task_cpu_time(task, 0);
        cpu[1] = task_cpu_time(task, 1);
        break;
    case RUSAGE_SELF:
        /* Faults, switches and memory are counted for lind-run as a whole. */
        host_call2(SYS_getrusage, RUSAGE_SELF, &usage);
        cpu[0] = process_cpu_time(task->process, 0);
        cpu[1] = process_cpu_time(task->process, 1);
        break;
    case RUSAGE_CHILDREN:
        children_cpu(task, cpu);
        break;
    default:
        return -EINVAL;
    }
    usage.ru_utime = timeval_of(cpu[1]);
    usage.ru_stime = timeval_of(cpu[0] > cpu[1] ? cpu[0] - cpu[1] : 0);
    return task_copyout(task, args[1], &usage, LINUX_RUSAGE_SIZE);
}

long call_times(struct task *task, const uint64_t args[6])
{
    if (args[0]) {
        uint64_t all = process_cpu_time(task->process, 0),
                 user = process_cpu_time(task->process, 1);
        uint64_t children[2];
        children_cpu(task, children);
        struct tms times = {.tms_utime = (long)(user / TICK),
                            .tms_stime = (long)((all > user ? all - user : 0) / TICK),
                            .tms_cutime = (long)(children[1] / TICK),
                            .tms_cstime = (long)((children[0] - children[1]) / TICK)};
        if (task_copyout(task, args[0], &times, sizeof times))
            return -EFAULT;
    }
    return (long)(clock_host(CLOCK_BOOTTIME) / TICK);
}

CALL_IS(sched_yield, host_call0(SYS_sched_yield))

long call_getcpu(struct task *task, const uint64_t args[6])
{
    uint32_t cpu, node;
    host_call3(SYS_getcpu, &cpu, &node, 0);
    if (args[0] && task_copyout(task, args[0], &cpu, sizeof cpu))
        return -EFAULT;
    return args[1] ? task_copyout(task, args[1], &node, sizeof node) : 0;
}

/* Linux asks so for every change of another's scheduling. The tree lock is held. */
static int may_change(const struct task *task, const struct process *process)
{
    const struct credentials *own = &task->process->credentials, *its = &process->credentials;
    return !own->euid || own->euid == its->uid || own->euid == its->euid;
}

/* A task that was started has its host thread in a moment. */
static void wait_for_start(void)
{
    const struct timespec moment = {0, 50000};
    host_call2(SYS_nanosleep, &moment, NULL);
}

/* Whose scheduling a call is about. host_id 0: a process's first task has ended, but as long as its
 * number is in use Linux keeps what it had: process->last_nice, last_policy. */
struct target {
    struct process *process;
    int host_id;
};

/* The host thread of a task; id 0 is the caller. Returns 0 and holds the tree lock, which keeps the
 * task on its thread; let_go ends that. Otherwise returns -ESRCH or -EPERM. change: the task's
 * scheduling is about to be changed, so no other is to run on its thread later. */
static int hold(struct task *task, uint64_t id, int change, struct target *target)
{
    struct task *found;
    for (;;) {
        tree_lock();
        found = (int)id ? tree_find_task((int)id) : task;
        target->process = found ? found->process : tree_find((int)id);
        target->host_id = found ? atomic_load(&found->thread.host_id) : 0;
        if (!found || target->host_id)
            break;
        tree_unlock();
        wait_for_start();
    }
    int error = !target->process                               ? -ESRCH
                : change && !may_change(task, target->process) ? -EPERM
                                                               : 0;
    if (!error && target->process->state == PROCESS_INIT) {
        target->host_id = (int)host_call0(SYS_getpid); /* it has no thread of its own … */
        error = change ? -EPERM : 0;                   /* … nor is one changed */
    }
    if (error)
        tree_unlock();
    else if (change && found)
        atomic_store(&found->rescheduled, 1);
    return error;
}

static long let_go(long result)
{
    tree_unlock();
    return result;
}

/* Of the ended, the affinity is not kept: they have lind-run's. */
static long get_affinity(const struct target *target, uint64_t size, uint64_t *mask)
{
    long id = target->host_id ? target->host_id : host_call0(SYS_getpid);
    return host_call3(SYS_sched_getaffinity, id, size, mask);
}

static long set_affinity(const struct target *target, uint64_t size, const uint64_t *mask)
{
    uint64_t possible[128] = {0}, common = 0;
    if (target->host_id)
        return host_call3(SYS_sched_setaffinity, target->host_id, size, mask);
    long length = get_affinity(target, sizeof possible, possible);
    for (long i = 0; i < length / 8; i++)
        common |= possible[i] & mask[i];
    return length < 0 ? length : common ? 0 : -EINVAL;
}

long call_sched_getaffinity(struct task *task, const uint64_t args[6])
{
    struct target target;
    uint64_t mask[128];
    uint64_t size = args[1] < sizeof mask ? args[1] : sizeof mask;
    if (size % sizeof(uint64_t))
        return -EINVAL;
    long length = hold(task, args[0], 0, &target);
    if (length < 0)
        return length;
    length = let_go(get_affinity(&target, size, mask));
    if (length > 0 && task_copyout(task, args[2], mask, (size_t)length))
        return -EFAULT;
    return length;
}

long call_sched_setaffinity(struct task *task, const uint64_t args[6])
{
    struct target target;
    uint64_t mask[128] = {0};
    uint64_t size = args[1] < sizeof mask ? args[1] : sizeof mask;
    if (task_copyin(task, mask, args[2], size))
        return -EFAULT;
    long error = hold(task, args[0], 1, &target);
    return error ? error : let_go(set_affinity(&target, sizeof mask, mask));
}

/* last_policy -1: lind-run's own. */
static long get_policy(const struct target *target)
{
    if (!target->host_id && target->process->last_policy >= 0)
        return target->process->last_policy;
    return host_call1(SYS_sched_getscheduler,
                      target->host_id ? target->host_id : host_call0(SYS_getpid));
}

long call_sched_getscheduler(struct task *task, const uint64_t args[6])
{
    struct target target;
    if ((int)args[0] < 0)
        return -EINVAL;
    long error = hold(task, args[0], 0, &target);
    return error ? error : let_go(get_policy(&target));
}

long call_sched_getparam(struct task *task, const uint64_t args[6])
{
    struct target target;
    int param = 0; /* Linux's struct sched_param; the C library's may be longer */
    if ((int)args[0] < 0 || !args[1])
        return -EINVAL;
    long error = hold(task, args[0], 0, &target);
    if (error)
        return error;
    error = target.host_id ? host_call2(SYS_sched_getparam, target.host_id, &param) : 0;
    return let_go(error) ? error : task_copyout(task, args[1], &param, sizeof param);
}

/* Whether a process may have this priority, 20 less the nice value (setpriority(2), RLIMIT_NICE):
 * lind-run may give more than the user of a process may. The tree lock is held. */
static int may_have(const struct task *task, const struct process *process, long priority)
{
    return !task->process->credentials.euid ||
           (rlim_t)priority <= process_limit(process, RLIMIT_NICE);
}

static long get_priority(const struct target *target)
{
    return target->host_id ? host_call2(SYS_getpriority, PRIO_PROCESS, target->host_id)
                           : 20 - target->process->last_nice;
}

/* A policy, or with policy -1 the one in force. Cages share the host's CPUs fairly: no real-time
 * policies. The tree lock is held. */
static long set_policy(const struct task *task, const struct target *target, int policy, int param)
{
    if (policy == SCHED_FIFO || policy == SCHED_RR)
        return param >= 1 && param <= 99 ? -EPERM : -EINVAL;
    if (policy == -1 && target->host_id)
        return host_call2(SYS_sched_setparam, target->host_id, &param);
    if (policy != -1 && policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE)
        return -EINVAL;
    if (policy != SCHED_IDLE && policy != -1 && get_policy(target) == SCHED_IDLE &&
        !may_have(task, target->process, get_priority(target)))
        return -EPERM;
    if (target->host_id)
        return host_call3(SYS_sched_setscheduler, target->host_id, policy, &param);
    if (param)
        return -EINVAL;
    if (policy != -1)
        target->process->last_policy = policy;
    return 0;
}

static long change_policy(struct task *task, uint64_t tid, int policy, uint64_t address)
{
    struct target target;
    int param; /* as above */
    if ((int)tid < 0 || !address)
        return -EINVAL;
    if (task_copyin(task, &param, address, sizeof param))
        return -EFAULT;
    long error = hold(task, tid, 1, &target);
    return error ? error : let_go(set_policy(task, &target, policy, param));
}

CALL_IS(sched_setscheduler,
        (int)args[1] < 0 ? -EINVAL : change_policy(task, args[0], (int)args[1], args[2]))

CALL_IS(sched_setparam, change_policy(task, args[0], -1, args[1]))
CALL_IS(sched_get_priority_max, host_call1(SYS_sched_get_priority_max, (int)args[0]))
CALL_IS(sched_get_priority_min, host_call1(SYS_sched_get_priority_min, (int)args[0]))

long call_sched_rr_get_interval(struct task *task, const uint64_t args[6])
{
    struct target target;
    struct timespec time;
    if ((int)args[0] < 0)
        return -EINVAL;
    long error = hold(task, args[0], 0, &target);
    if (error)
        return error;
    error = let_go(host_call2(SYS_sched_rr_get_interval, target.host_id, &time));
    return error ? error : task_copyout(task, args[1], &time, sizeof time);
}

/* What getpriority and setpriority do to the processes of a group or user. */
struct niceness {
    struct task *task;
    int which, who, value;
    int starting; /* there is a task without a host thread yet */
    long result;
};

/* Linux answers with the highest priority of all that are meant, as 20 less the nice value. */
static void get_one(struct niceness *nice, const struct target *target)
{
    long value = get_priority(target);
    if (value > nice->result)
        nice->result = value;
}

static long get_nice(struct task *task, void *data)
{
    struct niceness *nice = data;
    const struct target target = {task->process, atomic_load(&task->thread.host_id)};
    nice->starting |= !target.host_id;
    if (target.host_id)
        get_one(nice, &target);
    return 0;
}

/* The tree lock is held. */
static long change_nice(const struct niceness *nice, const struct target *target)
{
    int value = nice->value < -20 ? -20 : nice->value > 19 ? 19 : nice->value;
    if (20 - value > get_priority(target) && !may_have(nice->task, target->process, 20 - value))
        return -EACCES;
    if (target->host_id)
        return host_call3(SYS_setpriority, PRIO_PROCESS, target->host_id, value);
    target->process->last_nice = value;
    return 0;
}

static void set_one(struct niceness *nice, const struct target *target)
{
    long error = change_nice(nice, target);
    if (error || nice->result == -ESRCH)
        nice->result = error;
}

static long set_nice(struct task *task, void *data)
{
    struct niceness *nice = data;
    const struct target target = {task->process, atomic_load(&task->thread.host_id)};
    atomic_store(&task->rescheduled, 1);
    nice->starting |= !target.host_id;
    if (target.host_id)
        set_one(nice, &target);
    return 0;
}

static int means(const struct niceness *nice, const struct process *process)
{
    return process->state != PROCESS_INIT &&
           (nice->which == PRIO_PGRP ? process->group == nice->who
                                     : process->credentials.uid == (uint32_t)nice->who);
}

static long get_nice_of_process(struct process *process, void *data)
{
    const struct target ended = {process, 0};
    if (!means(data, process))
        return 0;
    if (!tree_find_task(process->pid))
        get_one(data, &ended);
    return process->state == PROCESS_ALIVE ? signal_each_task(process, get_nice, data) : 0;
}

static long set_nice_of_process(struct process *process, void *data)
{
    struct niceness *nice = data;
    const struct target ended = {process, 0};
    if (!means(nice, process))
        return 0;
    if (!may_change(nice->task, process)) {
        nice->result = -EPERM;
        return 0;
    }
    if (!tree_find_task(process->pid))
        set_one(nice, &ended);
    return process->state == PROCESS_ALIVE ? signal_each_task(process, set_nice, data) : 0;
}

/* For a group or a user; who 0 is the caller's. */
static long each_meant(struct niceness *nice, long (*visit)(struct process *process, void *data))
{
    const struct process *own = nice->task->process;
    if (nice->which != PRIO_PGRP && nice->which != PRIO_USER)
        return -EINVAL;
    do {
        nice->starting = 0;
        tree_lock();
        if (!nice->who)
            nice->who = nice->which == PRIO_PGRP ? own->group : (int)own->credentials.uid;
        tree_each(visit, nice);
        tree_unlock();
        if (nice->starting)
            wait_for_start();
    } while (nice->starting);
    return nice->result;
}

long call_getpriority(struct task *task, const uint64_t args[6])
{
    struct niceness nice = {task, (int)args[0], (int)args[1], 0, 0, -ESRCH};
    if (nice.which != PRIO_PROCESS)
        return each_meant(&nice, get_nice_of_process);
    struct target target;
    long error = hold(task, args[1], 0, &target);
    return error ? error : let_go(get_priority(&target));
}

long call_setpriority(struct task *task, const uint64_t args[6])
{
    struct niceness nice = {task, (int)args[0], (int)args[1], (int)args[2], 0, -ESRCH};
    if (nice.which != PRIO_PROCESS)
        return each_meant(&nice, set_nice_of_process);
    struct target target;
    long error = hold(task, args[1], 1, &target);
    return error ? error : let_go(change_nice(&nice, &target));
}
