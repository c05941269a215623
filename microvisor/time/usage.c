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
    tree_lock();
    cpu[0] = task->process->children_cpu[0];
    cpu[1] = task->process->children_cpu[1];
    tree_unlock();
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
    return task_copyout(task, args[1], &usage, sizeof usage);
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

long call_sched_yield(struct task *task, const uint64_t args[6])
{
    return host_call0(SYS_sched_yield);
}

long call_getcpu(struct task *task, const uint64_t args[6])
{
    uint32_t cpu, node;
    host_call3(SYS_getcpu, &cpu, &node, 0);
    if (args[0] && task_copyout(task, args[0], &cpu, sizeof cpu))
        return -EFAULT;
    return args[1] ? task_copyout(task, args[1], &node, sizeof node) : 0;
}

struct search {
    int tid, host_id, change;
};

static long match(struct task *task, void *data)
{
    struct search *search = data;
    if (task->tid != search->tid)
        return 0;
    search->host_id = atomic_load(&task->thread.host_id);
    if (search->change)
        atomic_store(&task->rescheduled, 1);
    return 1;
}

/* The host thread of a task of the caller's process; 0 is the caller. Returns -ESRCH for any other
 * id. change: its scheduling is about to be changed, so no other task is to run on it. */
static int host_thread(struct task *task, uint64_t id, int change)
{
    struct search search = {(int)id ? (int)id : task->tid, 0, change};
    signal_each_task(task->process, match, &search);
    return search.host_id ? search.host_id : -ESRCH;
}

long call_sched_getaffinity(struct task *task, const uint64_t args[6])
{
    uint64_t mask[128];
    uint64_t size = args[1] < sizeof mask ? args[1] : sizeof mask;
    if (size % sizeof(uint64_t))
        return -EINVAL;
    int id = host_thread(task, args[0], 0);
    if (id < 0)
        return id;
    long length = host_call3(SYS_sched_getaffinity, id, size, mask);
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
    int id = host_thread(task, args[0], 1);
    return id < 0 ? id : host_call3(SYS_sched_setaffinity, id, sizeof mask, mask);
}

long call_sched_getscheduler(struct task *task, const uint64_t args[6])
{
    if ((int)args[0] < 0)
        return -EINVAL;
    int id = host_thread(task, args[0], 0);
    return id < 0 ? id : host_call1(SYS_sched_getscheduler, id);
}

long call_sched_getparam(struct task *task, const uint64_t args[6])
{
    struct sched_param param;
    if ((int)args[0] < 0 || !args[1])
        return -EINVAL;
    int id = host_thread(task, args[0], 0);
    if (id < 0)
        return id;
    long error = host_call2(SYS_sched_getparam, id, &param);
    return error ? error : task_copyout(task, args[1], &param, sizeof param);
}

/* A policy, or with policy -1 the one in force. Cages share the host's CPUs fairly: no real-time
 * policies. */
static long set_policy(struct task *task, uint64_t tid, int policy, uint64_t address)
{
    struct sched_param param;
    if ((int)tid < 0 || !address)
        return -EINVAL;
    if (task_copyin(task, &param, address, sizeof param))
        return -EFAULT;
    int id = host_thread(task, tid, 1);
    if (id < 0)
        return id;
    if (policy == SCHED_FIFO || policy == SCHED_RR)
        return param.sched_priority >= 1 && param.sched_priority <= 99 ? -EPERM : -EINVAL;
    if (policy == -1)
        return host_call2(SYS_sched_setparam, id, &param);
    if (policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE)
        return -EINVAL;
    return host_call3(SYS_sched_setscheduler, id, policy, &param);
}

long call_sched_setscheduler(struct task *task, const uint64_t args[6])
{
    return (int)args[1] < 0 ? -EINVAL : set_policy(task, args[0], (int)args[1], args[2]);
}

long call_sched_setparam(struct task *task, const uint64_t args[6])
{
    return set_policy(task, args[0], -1, args[1]);
}

long call_sched_get_priority_max(struct task *task, const uint64_t args[6])
{
    return host_call1(SYS_sched_get_priority_max, (int)args[0]);
}

long call_sched_get_priority_min(struct task *task, const uint64_t args[6])
{
    return host_call1(SYS_sched_get_priority_min, (int)args[0]);
}

long call_sched_rr_get_interval(struct task *task, const uint64_t args[6])
{
    struct timespec time;
    if ((int)args[0] < 0)
        return -EINVAL;
    int id = host_thread(task, args[0], 0);
    if (id < 0)
        return id;
    long error = host_call2(SYS_sched_rr_get_interval, id, &time);
    return error ? error : task_copyout(task, args[1], &time, sizeof time);
}

/* The host threads that a getpriority or setpriority means: -1 those of the caller's process, the
 * only one it may ask about; otherwise one, as Linux has it for PRIO_PROCESS. */
static int named(struct task *task, int which, int who, int change)
{
    const struct process *process = task->process;
    switch (which) {
    case PRIO_PROCESS:
        return host_thread(task, (uint64_t)who, change);
    case PRIO_PGRP:
        return !who || who == process->group ? -1 : -ESRCH;
    case PRIO_USER:
        return !who || (uint32_t)who == process->credentials.uid ? -1 : -ESRCH;
    default:
        return -EINVAL;
    }
}

struct niceness {
    int value;
    long result;
};

/* Linux answers with the highest priority of all that are meant, as 20 less the nice value. */
static long get_nice(struct task *task, void *data)
{
    struct niceness *nice = data;
    int id = atomic_load(&task->thread.host_id);
    long value = id ? host_call2(SYS_getpriority, PRIO_PROCESS, id) : -ESRCH;
    if (value > nice->result)
        nice->result = value;
    return 0;
}

static long set_nice(struct task *task, void *data)
{
    struct niceness *nice = data;
    int id = atomic_load(&task->thread.host_id);
    atomic_store(&task->rescheduled, 1);
    long error = id ? host_call3(SYS_setpriority, PRIO_PROCESS, id, nice->value) : 0;
    if (error)
        nice->result = error;
    return 0;
}

long call_getpriority(struct task *task, const uint64_t args[6])
{
    struct niceness nice = {0, -ESRCH};
    int id = named(task, (int)args[0], (int)args[1], 0);
    if (id > 0)
        return host_call2(SYS_getpriority, PRIO_PROCESS, id);
    if (id < -1)
        return id;
    signal_each_task(task->process, get_nice, &nice);
    return nice.result;
}

long call_setpriority(struct task *task, const uint64_t args[6])
{
    struct niceness nice = {(int)args[2], 0};
    int id = named(task, (int)args[0], (int)args[1], 1);
    if (id > 0)
        return host_call3(SYS_setpriority, PRIO_PROCESS, id, nice.value);
    if (id < -1)
        return id;
    signal_each_task(task->process, set_nice, &nice);
    return nice.result;
}
