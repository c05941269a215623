/* wait4 and waitid. */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "microvisor/calls.h"
#include "microvisor/proc/proc.h"
#include "microvisor/proc/tree.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/clock.h"
#include "rt/host.h"

#define WAIT_NO_THREAD 0x20000000 /* __WNOTHREAD: children are the process's, so it says nothing   \
                                   */
#define WAIT_ALL 0x40000000
#define WAIT_CLONE 0x80000000U

/* What is waited for, and what was found. */
struct wait {
    idtype_t type;
    int id;
    uint32_t options; /* WEXITED, WSTOPPED, WCONTINUED, WNOHANG, WNOWAIT, WAIT_… */
    int found;        /* pid, 0 for nothing yet */
    int code, status; /* CLD_…, and the signal or exit code */
    int wait_status;  /* as wait(2) has it */
    uint32_t uid;
    uint64_t cpu[2];
};

static int is_meant(const struct wait *wait, const struct process *child)
{
    if (wait->type == P_PID && child->pid != wait->id)
        return 0;
    if (wait->type == P_PGID && child->group != wait->id)
        return 0;
    int is_clone = child->exit_signal != SIGCHLD;
    return wait->options & WAIT_ALL || is_clone == ((wait->options & WAIT_CLONE) != 0);
}

static void report(struct wait *wait, const struct process *child, int code, int status,
                   int wait_status)
{
    wait->found = child->pid;
    wait->code = code;
    wait->status = status;
    wait->wait_status = wait_status;
    wait->uid = child->credentials.uid;
}

/* Looks at one child. Returns whether it has something to report. */
static int look(struct process *parent, struct wait *wait, struct process *child)
{
    if (child->state == PROCESS_ZOMBIE) {
        if (!(wait->options & WEXITED))
            return 0;
        int status = child->exit_status, signal = status & 0x7f;
        report(wait, child, signal ? CLD_KILLED : CLD_EXITED, signal ? signal : status >> 8 & 0xff,
               status);
        for (int i = 0; i < 2; i++)
            wait->cpu[i] = child->used_cpu[i] + child->children_cpu[i];
        if (!(wait->options & WNOWAIT)) {
            for (int i = 0; i < 2; i++)
                parent->children_cpu[i] += wait->cpu[i];
            tree_remove(child);
            process_free(child);
        }
        return 1;
    }
    if (child->wait_event == CLD_STOPPED && wait->options & WSTOPPED)
        report(wait, child, CLD_STOPPED, child->stop_signal, child->stop_signal << 8 | 0x7f);
    else if (child->wait_event == CLD_CONTINUED && wait->options & WCONTINUED)
        report(wait, child, CLD_CONTINUED, SIGCONT, 0xffff);
    else
        return 0;
    if (!(wait->options & WNOWAIT))
        child->wait_event = 0;
    return 1;
}

/* Returns 0 with wait->found set or, with WNOHANG, 0; -ECHILD; or the code of an interrupted call.
 */
static long wait_for(struct task *task, struct wait *wait)
{
    struct process *parent = task->process;
    for (int interrupted = 0;;) {
        int any = 0;
        tree_lock();
        for (struct process *child = parent->first_child, *next; child && !wait->found;
             child = next) {
            next = child->next_sibling;
            if (!is_meant(wait, child))
                continue;
            /* As in Linux, a zombie will neither stop nor continue. */
            any |= child->state != PROCESS_ZOMBIE || wait->options & WEXITED;
            look(parent, wait, child);
        }
        uint32_t changes = atomic_load(&parent->child_changes);
        tree_unlock();
        if (wait->found)
            return 0;
        if (!any)
            return -ECHILD;
        if (wait->options & WNOHANG)
            return 0;
        /* Not before it has looked again: the signal may be that of the child that ended. */
        if (interrupted)
            return signal_interrupted(task, RESTART_SYS);
        if (spin_wait(&task->wait_spin, &parent->child_changes, changes,
                      &task->thread.pending))
            continue;
        atomic_fetch_add(&parent->waiting, 1);
        long result = task_blocking(task, SYS_futex, HOST_ARG(&parent->child_changes),
                                    128 /* WAIT, private */, changes);
        atomic_fetch_sub(&parent->waiting, 1);
        interrupted = result == -EINTR;
    }
}

static int copy_usage(struct task *task, const struct wait *wait, uint64_t to)
{
    struct rusage usage = {0};
    if (!to)
        return 0;
    usage.ru_utime = timeval_of(wait->cpu[1]);
    usage.ru_stime = timeval_of(wait->cpu[0] - wait->cpu[1]);
    return task_copyout(task, to, &usage, LINUX_RUSAGE_SIZE);
}

long call_wait4(struct task *task, const uint64_t args[6])
{
    int pid = (int)args[0];
    uint32_t options = (uint32_t)args[2];
    if (options & ~(uint32_t)(WNOHANG | WUNTRACED | WCONTINUED | WAIT_NO_THREAD | WAIT_ALL) &
        ~WAIT_CLONE)
        return -EINVAL;
    if (pid == INT_MIN)
        return -ESRCH;
    struct wait wait = {.type = P_ALL, .options = options | WEXITED};
    if (pid > 0) {
        wait.type = P_PID;
        wait.id = pid;
    } else if (pid != -1) {
        wait.type = P_PGID;
        wait.id = pid ? -pid : task->process->group;
    }
    long result = wait_for(task, &wait);
    if (result || !wait.found)
        return result;
    if (args[1] && task_copyout(task, args[1], &wait.wait_status, sizeof(int)))
        return -EFAULT;
    return copy_usage(task, &wait, args[3]) ? -EFAULT : wait.found;
}

long call_waitid(struct task *task, const uint64_t args[6])
{
    struct wait wait = {
        .type = (idtype_t)args[0], .id = (int)args[1], .options = (uint32_t)args[3]};
    if (wait.options &
        ~(uint32_t)(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | WAIT_NO_THREAD |
                    WAIT_ALL) &
        ~WAIT_CLONE)
        return -EINVAL;
    if (!(wait.options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    switch (wait.type) {
    case P_ALL:
        break;
    case P_PID:
        if (wait.id <= 0)
            return -EINVAL;
        break;
    case P_PGID:
        if (wait.id < 0)
            return -EINVAL;
        if (!wait.id)
            wait.id = task->process->group;
        break;
    default:
        return -EINVAL;
    }
    long result = wait_for(task, &wait);
    if (result)
        return result;
    if (args[2]) {
        siginfo_t info = {0};
        if (wait.found) {
            info.si_signo = SIGCHLD;
            info.si_code = wait.code;
            info.si_pid = wait.found;
            info.si_uid = wait.uid;
            info.si_status = wait.status;
        }
        /* Linux writes these fields alone: signal, error, code; process, user, status. */
        enum { FIELDS = 3 * sizeof(int), IDS = offsetof(siginfo_t, si_pid) };
        if (task_copyout(task, args[2], &info, FIELDS) ||
            task_copyout(task, args[2] + IDS, (const char *)&info + IDS, FIELDS))
            return -EFAULT;
    }
    return wait.found && copy_usage(task, &wait, args[4]) ? -EFAULT : 0;
}
