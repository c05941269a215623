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

/* The host thread of a task; id 0 is the caller. Then the tree lock is held, which keeps the task
 * on its thread; release_thread ends that. Otherwise returns -ESRCH or -EPERM. change: the task's
 * scheduling is about to be changed, so no other is to run on its thread later. */
static int hold_thread(struct task *task, uint64_t id, int change)
{
    struct task *found;
    int host_id;
    for (;;) {
        tree_lock();
        found = (int)id ? tree_find_task((int)id) : task;
        host_id = found ? atomic_load(&found->thread.host_id) : -ESRCH;
        if (!found && (int)id == PID_INIT) /* it has no thread of its own, nor is one changed */
            host_id = change ? -EPERM : (int)host_call0(SYS_getpid);
        if (host_id)
            break;
        tree_unlock();
        wait_for_start();
    }
    if (host_id > 0 && change && !may_change(task, found->process))
        host_id = -EPERM;
    if (host_id < 0)
        tree_unlock();
    else if (change)
        atomic_store(&found->rescheduled, 1);
    return host_id;
}

static long release_thread(long result)
{
    tree_unlock();
    return result;
}

long call_sched_getaffinity(struct task *task, const uint64_t args[6])
{
    uint64_t mask[128];
    uint64_t size = args[1] < sizeof mask ? args[1] : sizeof mask;
    if (size % sizeof(uint64_t))
        return -EINVAL;
    int id = hold_thread(task, args[0], 0);
    if (id < 0)
        return id;
    long length = release_thread(host_call3(SYS_sched_getaffinity, id, size, mask));
    if (length > 0 && task_copyout(task, args[2], mask, (size_t)length))
        return -EFAULT;
    return length;
}

long call_sched_setaffinity(struct task *task, const uint64_t args[6])
{
    uint64_t mask[128] = {0};
    uint64_t size = args[1] < sizeof mask ? args[1] : sizeof mask;
    if (task_copyin(task, mask, args[2], size))
        return -EFAULT;
    int id = hold_thread(task, args[0], 1);
    return id < 0 ? id : release_thread(host_call3(SYS_sched_setaffinity, id, sizeof mask, mask));
}

long call_sched_getscheduler(struct task *task, const uint64_t args[6])
{
    if ((int)args[0] < 0)
        return -EINVAL;
    int id = hold_thread(task, args[0], 0);
    return id < 0 ? id : release_thread(host_call1(SYS_sched_getscheduler, id));
}

long call_sched_getparam(struct task *task, const uint64_t args[6])
{
    int param; /* Linux's struct sched_param; the C library's may be longer */
    if ((int)args[0] < 0 || !args[1])
        return -EINVAL;
    int id = hold_thread(task, args[0], 0);
    if (id < 0)
        return id;
    long error = release_thread(host_call2(SYS_sched_getparam, id, &param));
    return error ? error : task_copyout(task, args[1], &param, sizeof param);
}

/* Whether a process may have this priority, 20 less the nice value (setpriority(2), RLIMIT_NICE):
 * lind-run may give more than the user of a process may. The tree lock is held. */
static int may_have(const struct task *task, const struct process *process, long priority)
{
    return !task->process->credentials.euid ||
           (rlim_t)priority <= process_limit(process, RLIMIT_NICE);
}

/* A policy, or with policy -1 the one in force. Cages share the host's CPUs fairly: no real-time
 * policies. */
static long set_policy(struct task *task, uint64_t tid, int policy, uint64_t address)
{
    int param; /* as above */
    if ((int)tid < 0 || !address)
        return -EINVAL;
    if (task_copyin(task, &param, address, sizeof param))
        return -EFAULT;
    int id = hold_thread(task, tid, 1);
    if (id < 0)
        return id;
    if (policy == SCHED_FIFO || policy == SCHED_RR)
        return release_thread(param >= 1 && param <= 99 ? -EPERM : -EINVAL);
    if (policy == -1)
        return release_thread(host_call2(SYS_sched_setparam, id, &param));
    if (policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE)
        return release_thread(-EINVAL);
    const struct task *of = (int)tid ? tree_find_task((int)tid) : task;
    if (policy != SCHED_IDLE && host_call1(SYS_sched_getscheduler, id) == SCHED_IDLE &&
        !may_have(task, of->process, host_call2(SYS_getpriority, PRIO_PROCESS, id)))
        return release_thread(-EPERM);
    return release_thread(host_call3(SYS_sched_setscheduler, id, policy, &param));
}

CALL_IS(sched_setscheduler, (int)args[1] < 0 ? -EINVAL
        : set_policy(task, args[0], (int)args[1], args[2]))

CALL_IS(sched_setparam, set_policy(task, args[0], -1, args[1]))
CALL_IS(sched_get_priority_max, host_call1(SYS_sched_get_priority_max, (int)args[0]))
CALL_IS(sched_get_priority_min, host_call1(SYS_sched_get_priority_min, (int)args[0]))

long call_sched_rr_get_interval(struct task *task, const uint64_t args[6])
{
    struct timespec time;
    if ((int)args[0] < 0)
        return -EINVAL;
    int id = hold_thread(task, args[0], 0);
    if (id < 0)
        return id;
    long error = release_thread(host_call2(SYS_sched_rr_get_interval, id, &time));
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
static long get_nice(struct task *task, void *data)
{
    struct niceness *nice = data;
    int id = atomic_load(&task->thread.host_id);
    long value = id ? host_call2(SYS_getpriority, PRIO_PROCESS, id) : -ESRCH;
    nice->starting |= !id;
    if (value > nice->result)
        nice->result = value;
    return 0;
}

/* A host thread's nice value, which is that of a task of the process. The tree lock is held. */
static long change_nice(const struct niceness *nice, const struct process *process, int id)
{
    long priority = nice->value < -20 ? 40 : nice->value > 19 ? 1 : 20 - nice->value;
    if (priority > host_call2(SYS_getpriority, PRIO_PROCESS, id) &&
        !may_have(nice->task, process, priority))
        return -EACCES;
    return host_call3(SYS_setpriority, PRIO_PROCESS, id, nice->value);
}

static long set_nice(struct task *task, void *data)
{
    struct niceness *nice = data;
    int id = atomic_load(&task->thread.host_id);
    atomic_store(&task->rescheduled, 1);
    long error = id ? change_nice(nice, task->process, id) : 0;
    nice->starting |= !id;
    if (error || nice->result == -ESRCH)
        nice->result = error;
    return 0;
}

static int means(const struct niceness *nice, const struct process *process)
{
    return process->state == PROCESS_ALIVE &&
           (nice->which == PRIO_PGRP ? process->group == nice->who
                                     : process->credentials.uid == (uint32_t)nice->who);
}

static long get_nice_of_process(struct process *process, void *data)
{
    return means(data, process) ? signal_each_task(process, get_nice, data) : 0;
}

static long set_nice_of_process(struct process *process, void *data)
{
    struct niceness *nice = data;
    if (!means(nice, process))
        return 0;
    if (may_change(nice->task, process))
        return signal_each_task(process, set_nice, data);
    nice->result = -EPERM;
    return 0;
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
    int id = hold_thread(task, args[1], 0);
    return id < 0 ? id : release_thread(host_call2(SYS_getpriority, PRIO_PROCESS, id));
}

long call_setpriority(struct task *task, const uint64_t args[6])
{
    struct niceness nice = {task, (int)args[0], (int)args[1], (int)args[2], 0, -ESRCH};
    if (nice.which != PRIO_PROCESS)
        return each_meant(&nice, set_nice_of_process);
    int id = hold_thread(task, args[1], 1);
    if (id < 0)
        return id;
    const struct task *of = nice.who ? tree_find_task(nice.who) : task;
    return release_thread(change_nice(&nice, of->process, id));
}
