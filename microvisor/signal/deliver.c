/* Delivery: on a task's way back to cage code, signals become frames of handlers, ends of
 * processes, or nothing, and interrupted calls become -EINTR or are made again. */
#include <errno.h>

#include "microvisor/mm/memory.h"
#include "microvisor/proc/report.h"
#include "microvisor/proc/tree.h"
#include "microvisor/signal/internal.h"
#include "rt/host.h"

/* Sets the registers so that the task's call is made again as `number`: back to the gate group,
 * which ends before the bundle that the call returns to (docs/sfi.md 4). The program might have
 * forged the return address, so the group is searched for, and taken only if the verifier knows it
 * as a place to jump to. Returns 0, or -1 when there is none. */
static int call_again(struct task *task, uint64_t number)
{
    enum { LEA = 7, GROUP = 13 };
    struct registers *regs = &task->thread.regs;
    uint64_t bundle = regs->rip - LIND_BUNDLE_SIZE;
    uint8_t code[LIND_BUNDLE_SIZE];
    if (task_copyin(task, code, bundle, sizeof code))
        return -1;
    for (int i = LIND_BUNDLE_SIZE - GROUP; i >= 0; i--) {
        int rest = LIND_BUNDLE_SIZE - (i + LEA); /* the lea's displacement */
        if (code[i] == 0x4c && code[i + 1] == 0x8d && code[i + 2] == 0x1d && code[i + 3] == rest &&
            !code[i + 4] && !code[i + 5] && !code[i + 6] && code[i + LEA] == 0xff &&
            code[i + LEA + 1] == 0x25 && text_is_target(task->thread.text, bundle + (uint64_t)i)) {
            regs->rip = bundle + (uint64_t)i;
            regs->rax = number;
            return 0;
        }
    }
    return -1;
}

/* Decides once how an interrupted call goes on. action: of the handler that is about to run, or
 * NULL. */
static void settle_call(struct task *task, const struct signal_action *action)
{
    struct registers *regs = &task->thread.regs;
    long result = (long)regs->rax;
    uint64_t number = regs->number;
    if (number == UINT64_MAX)
        return;
    regs->number = UINT64_MAX;
    int again;
    switch (result) {
    case RESTART_SYS:
        again = !action || (action->flags & SA_RESTART);
        break;
    case RESTART_NOINTR:
        again = 1;
        break;
    case RESTART_NOHAND:
        again = !action;
        break;
    case RESTART_BLOCK:
        again = !action;
        number = SYS_restart_syscall;
        break;
    default:
        return;
    }
    if (!again || call_again(task, number))
        regs->rax = (uint64_t)-EINTR;
}

/* Ends the process. fault: what to report, or NULL. */
static _Noreturn void die(struct task *task, int signal, const struct fault *fault)
{
    if (fault) {
        /* An execve may be ending the tasks one by one, and what those leave make this one fault
         * (musl's list of threads is unlocked by their ends): that is nobody's end but its own. */
        struct signal_actions *actions = task->process->actions;
        lock_acquire(&actions->lock);
        int ending = atomic_load(&task->exiting);
        lock_release(&actions->lock);
        if (ending)
            task_exit(task, 0);
        fault_report(task, fault);
    }
    process_exit(task, signal);
}

static void run_handler(struct task *task, const struct signal_action *action,
                        const siginfo_t *info, const struct fault *fault)
{
    struct task_signals *signals = &task->signals;
    uint64_t old = signals->restore_saved_mask ? signals->saved_mask : signals->mask;
    settle_call(task, action);
    if (signal_frame_build(task, action, info, old, fault)) {
        struct fault bad = {.signal = SIGSEGV, .code = SI_KERNEL};
        if (info->si_signo == SIGSEGV)
            die(task, SIGSEGV, &bad);
        signal_force(task, &bad);
        return;
    }
    signals->restore_saved_mask = 0;
    signals->queue->restart = NULL; /* an interrupted call does not go on behind a handler */
    uint64_t mask = signals->mask | action->mask;
    if (!(action->flags & SA_NODEFER))
        mask |= signal_bit(info->si_signo);
    signal_mask_set(task, mask);
}

/* The action in force for a signal about to be delivered. */
static struct signal_action action_take(struct task *task, int signal)
{
    struct signal_actions *actions = task->process->actions;
    LOCKED(&actions->lock);
    struct signal_action action = actions->table[signal - 1];
    if ((action.flags & SA_RESETHAND) && action.handler > ACTION_IGNORE)
        actions->table[signal - 1].handler = ACTION_DEFAULT;
    return action;
}

void signal_force(struct task *task, const struct fault *fault)
{
    struct signal_action action = action_take(task, fault->signal);
    if (action.handler <= ACTION_IGNORE || (task->signals.mask & signal_bit(fault->signal)))
        die(task, fault->signal, fault);
    siginfo_t info = {.si_signo = fault->signal, .si_code = fault->code};
    info.si_addr = (void *)fault->address;
    run_handler(task, &action, &info, fault);
}

/* Sleeps while the process is stopped. Only its end interrupts that. */
static void park(struct task *task)
{
    struct signal_actions *actions = task->process->actions;
    uint32_t signal;
    while ((signal = atomic_load(&actions->stopped)) != 0 && !atomic_load(&task->exiting))
        signal_sleep(task, &actions->stopped, signal);
    if (!atomic_load(&actions->continued) || !atomic_exchange(&actions->continued, 0))
        return;
    TREE_LOCKED();
    tree_child_changed(task->process, CLD_CONTINUED, SIGCONT);
}

/* A stop signal's default action. The first program stops as lind-run, the job of the host's shell.
 */
static void stop(struct task *task, int signal)
{
    struct process *process = task->process;
    struct signal_actions *actions = process->actions;
    if (process->pid == PID_FIRST) {
        signal_host_stop(actions, signal);
        return;
    }
    tree_lock();
    if (signal != SIGSTOP && tree_group_orphaned(process->group, NULL)) {
        tree_unlock();
        return;
    }
    lock_acquire(&actions->lock);
    if (!actions->stop_taken) { /* SIGCONT, sent after the signal was taken, undid it */
        lock_release(&actions->lock);
        tree_unlock();
        return;
    }
    atomic_store(&actions->stopped, (uint32_t)signal);
    for (struct signal_queue *queue = actions->tasks; queue; queue = queue->next)
        if (queue->task != task)
            signal_wake(queue->task);
    lock_release(&actions->lock);
    tree_child_changed(process, CLD_STOPPED, signal);
    tree_unlock();
    park(task);
}

static void deliver(struct task *task, const siginfo_t *info)
{
    int signal = info->si_signo;
    struct signal_action action = action_take(task, signal);
    if (action_ignores(&action, signal))
        return;
    if (action.handler != ACTION_DEFAULT)
        run_handler(task, &action, info, NULL);
    else if (signal_bit(signal) & SIGNAL_SET_STOP)
        stop(task, signal);
    else
        die(task, signal, NULL);
}

/* What is free in a window is an inaccessible mapping of the host; to the program it is not mapped.
 */
static void correct_code(struct task *task, struct fault *fault)
{
    struct memory_region region;
    char name[1];
    if (fault->signal == SIGSEGV && fault->code == SEGV_ACCERR &&
        (!memory_describe(task->process->memory, task->process->place, fault->address, &region,
                          name, sizeof name) ||
         region.start > fault->address))
        fault->code = SEGV_MAPERR;
}

void signal_deliver_pending(struct thread *thread)
{
    struct task *task = task_of(thread);
    uint32_t bits = atomic_fetch_and(&thread->pending, ~(uint32_t)(PENDING_FAULT | PENDING_SIGNAL));
    signal_host_drain();
    if (atomic_load(&task->process->actions->stopped))
        park(task);
    if (atomic_load(&task->process->exiting) || atomic_load(&task->exiting))
        task_exit(task, 0);
    if (bits & PENDING_FAULT) {
        correct_code(task, &thread->fault);
        signal_force(task, &thread->fault);
    }
    siginfo_t info;
    while (signal_take(task, ~task->signals.mask, &info)) {
        deliver(task, &info);
        if (atomic_load(&task->exiting))
            task_exit(task, 0);
    }
    settle_call(task, NULL);
    if (task->signals.restore_saved_mask) {
        task->signals.restore_saved_mask = 0;
        signal_mask_set(task, task->signals.saved_mask);
    }
}
