/* Job control (POSIX.1-2017 XBD 11.1, ioctl_tty(2)): whose terminal it is, who is in its
 * foreground, and who is told when that ends. */
#include <errno.h>
#include <stddef.h>

#include "microvisor/fs/terminal.h"
#include "microvisor/proc/tree.h"
#include "microvisor/signal/signal.h"

static void send_group(int group, int signal)
{
    const siginfo_t info = {.si_signo = signal, .si_code = SI_KERNEL};
    if (group)
        tree_signal_group(group, &info);
}

void terminal_signal(struct terminal *terminal, int signal)
{
    TREE_LOCKED();
    send_group(terminal->foreground, signal);
}

void terminal_unlock(struct terminal *terminal)
{
    uint64_t raised = terminal->raised;
    terminal->raised = 0;
    lock_release(&terminal->lock);
    for (int signal = 1; raised; signal++, raised >>= 1)
        if (raised & 1)
            terminal_signal(terminal, signal);
}

int terminal_in_background(struct task *task, const struct terminal *terminal)
{
    const struct process *process = task->process;
    TREE_LOCKED();
    return process->terminal == terminal && terminal->foreground &&
                 terminal->foreground != process->group;
}

long terminal_check(struct task *task, struct terminal *terminal, int signal)
{
    struct process *process = task->process;
    long result = 0;
    tree_lock();
    if (process->terminal == terminal && terminal->foreground &&
        terminal->foreground != process->group) {
        if (signal_ignored(task, signal))
            result = signal == SIGTTIN ? -EIO : 0;
        else if (tree_group_orphaned(process->group, NULL))
            result = -EIO;
        else
            result = RESTART_SYS;
    }
    if (result == RESTART_SYS)
        send_group(process->group, signal);
    tree_unlock();
    return result == RESTART_SYS ? signal_interrupted(task, RESTART_SYS) : result;
}

/* Gives a terminal that is nobody's to the caller's session. The tree lock is held. */
static void adopt(struct process *process, struct terminal *terminal)
{
    process->terminal = terminal;
    terminal->session = process->session;
    terminal->foreground = process->group;
}

static int may_adopt(const struct process *process, const struct terminal *terminal)
{
    return process->pid == process->session && !process->terminal && !terminal->session &&
           !terminal->is_host;
}

void terminal_opened(struct task *task, struct terminal *terminal)
{
    TREE_LOCKED();
    if (may_adopt(task->process, terminal))
        adopt(task->process, terminal);
}

/* The terminal is no session's any more. The tree lock is held. */
static long forget_one(struct process *process, void *terminal)
{
    if (process->terminal == terminal)
        process->terminal = NULL;
    return 0;
}

static void detach(struct terminal *terminal)
{
    tree_each(forget_one, terminal);
    terminal->session = terminal->foreground = 0;
}

void terminal_hang_up(struct terminal *terminal)
{
    TREE_LOCKED();
    struct process *leader = terminal->session ? tree_find(terminal->session) : NULL;
    if (leader && leader->state == PROCESS_ALIVE) {
        siginfo_t info = {.si_signo = SIGHUP, .si_code = SI_KERNEL};
        leader->lost_foreground = terminal->foreground;
        signal_send_process(leader, &info);
        info.si_signo = SIGCONT;
        signal_send_process(leader, &info);
    }
    detach(terminal);
}

void terminal_leader_ended(struct process *leader)
{
    struct terminal *terminal = leader->terminal;
    if (terminal) {
        send_group(terminal->foreground, SIGHUP);
        detach(terminal);
    } else {
        send_group(leader->lost_foreground, SIGHUP);
        send_group(leader->lost_foreground, SIGCONT);
    }
}

/* TIOCSCTTY; root may take another session's terminal away. */
static long take(struct process *process, struct terminal *terminal, int steal)
{
    if (process->pid == process->session && process->terminal == terminal)
        return 0;
    int leader = process->pid == process->session && !process->terminal;
    if (leader && steal && !process->credentials.euid && !terminal->is_host)
        detach(terminal);
    if (!may_adopt(process, terminal))
        return -EPERM;
    adopt(process, terminal);
    return 0;
}

static long give_up(struct process *process, struct terminal *terminal)
{
    if (process->terminal != terminal)
        return -ENOTTY;
    if (process->pid == process->session) {
        send_group(terminal->foreground, SIGHUP);
        send_group(terminal->foreground, SIGCONT);
        detach(terminal);
    }
    process->terminal = NULL;
    return 0;
}

static long set_foreground(struct process *process, struct terminal *terminal, int group)
{
    if (process->terminal != terminal || terminal->session != process->session)
        return -ENOTTY;
    if (group < 0)
        return -EINVAL;
    if (!tree_group_exists(group, process->session))
        return tree_find(group) || tree_find_task(group) ? -EPERM : -ESRCH;
    terminal->foreground = group;
    return 0;
}

long terminal_job_ioctl(struct task *task, struct terminal *terminal, enum side side,
                        uint32_t command, uint64_t argument)
{
    struct process *process = task->process;
    int number = 0;
    long result = 0;
    if (command == TIOCSPGRP) {
        result = terminal_check(task, terminal, SIGTTOU);
        if (result)
            return result == -EIO ? -ENOTTY : result;
        if (task_copyin(task, &number, argument, sizeof number))
            return -EFAULT;
    }
    tree_lock();
    switch (command) {
    case TIOCSCTTY:
        result = take(process, terminal, argument == 1);
        break;
    case TIOCNOTTY:
        result = give_up(process, terminal);
        break;
    case TIOCSPGRP:
        result = set_foreground(process, terminal, number);
        break;
    case TIOCGPGRP:
    case TIOCGSID:
        number = command == TIOCGSID ? terminal->session : terminal->foreground;
        if ((side == SLAVE && process->terminal != terminal) || (command == TIOCGSID && !number))
            result = -ENOTTY;
        break;
    default:
        result = -ENOTTY;
    }
    tree_unlock();
    if (!result && (command == TIOCGPGRP || command == TIOCGSID))
        result = task_copyout(task, argument, &number, sizeof number);
    return result;
}
