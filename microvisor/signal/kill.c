/* The calls that send signals. Ids are those of the microvisor: an id of the host means nothing
 * here (attack row K12). */
#include <errno.h>
#include <limits.h>

#include "microvisor/proc/tree.h"
#include "microvisor/signal/internal.h"

static siginfo_t info_user(const struct task *from, int signal, int code)
{
    siginfo_t info = {.si_signo = signal, .si_code = code};
    info.si_pid = from->process->pid;
    info.si_uid = from->process->credentials.uid;
    return info;
}

/* kill(2): the sender is privileged, or its real or effective user is the receiver's real or saved
 * one; SIGCONT may go to any process of the session. */
static int may_send(const struct process *from, const struct process *to, int signal)
{
    const struct credentials *sender = &from->credentials, *receiver = &to->credentials;
    return from == to || !sender->euid || sender->euid == receiver->suid ||
           sender->euid == receiver->uid || sender->uid == receiver->suid ||
           sender->uid == receiver->uid || (signal == SIGCONT && from->session == to->session);
}

static long check(const struct process *from, const struct process *to, int signal)
{
    if (!to)
        return -ESRCH;
    if (signal < 0 || signal > 64)
        return -EINVAL;
    return may_send(from, to, signal) ? 0 : -EPERM;
}

/* Sends to a process, or to one task of it; the tree lock is held. Signal 0 only asks. */
static long send(const struct process *from, struct process *to, struct task *task,
                 const siginfo_t *info)
{
    long error = check(from, to, info->si_signo);
    if (error)
        return error;
    if (!info->si_signo || to->state != PROCESS_ALIVE)
        return 0; /* a zombie and process 1 take everything and do nothing */
    return task ? signal_send_task(task, info) : signal_send_process(to, info);
}

/* kill(2) to several processes. */
enum { NONE_YET = 1 };

struct many {
    const struct process *from;
    const siginfo_t *info;
    int group; /* 0: all but process 1 and the sender */
    int count;
    long result; /* NONE_YET; 0 once one was sent; otherwise the first error */
};

static long send_one_of_many(struct process *process, void *data)
{
    struct many *many = data;
    if (many->group ? process->group != many->group
                    : process->pid == PID_INIT || process == many->from)
        return 0;
    many->count++;
    long result = send(many->from, process, NULL, many->info);
    if (!result)
        tree_signalled_many(process, many->info->si_signo);
    if (!result || (!many->group && result == -EPERM))
        many->result = 0; /* as on Linux, kill(-1) just leaves out whom it may not send to */
    else if (many->result == NONE_YET)
        many->result = result;
    return 0;
}

long call_kill(struct task *task, const uint64_t args[6])
{
    int pid = (int)args[0];
    siginfo_t info = info_user(task, (int)args[1], SI_USER);
    if (pid == INT_MIN)
        return -ESRCH;
    TREE_LOCKED();
    long result;
    if (pid > 0) {
        result = send(task->process, tree_find(pid), NULL, &info);
    } else {
        struct many many = {.from = task->process, .info = &info, .result = NONE_YET};
        many.group = pid == 0 ? task->process->group : pid == -1 ? 0 : -pid;
        tree_each(send_one_of_many, &many);
        result = many.count ? many.result : -ESRCH;
    }
    return result;
}

/* group 0: any. */
static long send_to_tid(struct task *task, int group, int tid, const siginfo_t *info)
{
    TREE_LOCKED();
    struct task *to = tree_find_task(tid);
    const struct process *process = to ? to->process : tree_find(tid);
    long result = -ESRCH;
    if (to && (!group || group == to->process->pid))
        result = send(task->process, to->process, to, info);
    else if (process && !to && (!group || group == tid)) /* its first task has ended, or it has none */
        result = check(task->process, process, info->si_signo);
    return result;
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
    long result = info_copy(task, &info, args[2], (int)args[1], (int)args[0]);
    if (result)
        return result;
    TREE_LOCKED();
    result = send(task->process, tree_find((int)args[0]), NULL, &info);
    return result;
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
