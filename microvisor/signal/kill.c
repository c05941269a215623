/* The calls that send signals. Ids are those of the microvisor: an id of the host means nothing
 * here (attack row K12). */
#include <errno.h>
#include <limits.h>

#include "microvisor/signal/internal.h"

static siginfo_t info_user(const struct task *from, int signal, int code)
{
    siginfo_t info = {.si_signo = signal, .si_code = code};
    info.si_pid = from->process->pid;
    info.si_uid = from->process->credentials.uid;
    return info;
}

/* The process with an id, as far as the caller may see it: it sees itself. */
static struct process *find_process(struct task *task, int pid)
{
    return pid == task->process->pid ? task->process : NULL;
}

struct task_search {
    int tid;
    struct task *found;
};

static long match_tid(struct task *task, void *data)
{
    struct task_search *search = data;
    if (task->tid != search->tid)
        return 0;
    search->found = task;
    return 1;
}

static long send_to_process(struct process *process, const siginfo_t *info)
{
    if (!process)
        return -ESRCH;
    if (info->si_signo < 0 || info->si_signo > 64)
        return -EINVAL;
    return info->si_signo ? signal_send_process(process, info) : 0;
}

/* group 0: any. */
static long send_to_tid(struct task *task, int group, int tid, const siginfo_t *info)
{
    struct task_search search = {.tid = tid};
    if (!group || group == task->process->pid)
        signal_each_task(task->process, match_tid, &search);
    if (!search.found)
        return -ESRCH;
    if (info->si_signo < 0 || info->si_signo > 64)
        return -EINVAL;
    return info->si_signo ? signal_send_task(search.found, info) : 0;
}

long call_kill(struct task *task, const uint64_t args[6])
{
    int pid = (int)args[0];
    const struct process *self = task->process;
    siginfo_t info = info_user(task, (int)args[1], SI_USER);
    if (pid == INT_MIN)
        return -ESRCH;
    if (pid == 0 || pid == -1 || (pid < 0 && -pid == self->group))
        pid = self->pid;
    return send_to_process(find_process(task, pid), &info);
}

long call_tkill(struct task *task, const uint64_t args[6])
{
    siginfo_t info = info_user(task, (int)args[1], SI_TKILL);
    if ((int)args[0] <= 0)
        return -EINVAL;
    return send_to_tid(task, 0, (int)args[0], &info);
}

long call_tgkill(struct task *task, const uint64_t args[6])
{
    siginfo_t info = info_user(task, (int)args[2], SI_TKILL);
    if ((int)args[0] <= 0 || (int)args[1] <= 0)
        return -EINVAL;
    return send_to_tid(task, (int)args[0], (int)args[1], &info);
}

/* Copies a siginfo from the program. Only to itself may it pretend that the kernel or kill(2) sent
 * the signal. */
static long info_copy(struct task *task, siginfo_t *info, uint64_t from, int signal, int receiver)
{
    if (task_copyin(task, info, from, sizeof *info))
        return -EFAULT;
    info->si_signo = signal;
    if ((info->si_code >= 0 || info->si_code == SI_TKILL) && receiver != task->process->pid)
        return -EPERM;
    return 0;
}

long call_rt_sigqueueinfo(struct task *task, const uint64_t args[6])
{
    siginfo_t info;
    long error = info_copy(task, &info, args[2], (int)args[1], (int)args[0]);
    return error ? error : send_to_process(find_process(task, (int)args[0]), &info);
}

long call_rt_tgsigqueueinfo(struct task *task, const uint64_t args[6])
{
    siginfo_t info;
    long error = info_copy(task, &info, args[3], (int)args[2], (int)args[1]);
    if (error)
        return error;
    if ((int)args[0] <= 0 || (int)args[1] <= 0)
        return -EINVAL;
    return send_to_tid(task, (int)args[0], (int)args[1], &info);
}
