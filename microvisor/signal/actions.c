/* The calls that set and query actions, masks and the alternate stack, and those that wait for
 * signals. */
#include <errno.h>
#include <time.h>

#include "microvisor/signal/internal.h"
#include "microvisor/time/clock.h"
#include "rt/host.h"

#define SIGNAL_SET_SIZE 8
#define LIND_SA_RESTORER 0x04000000UL

/* Linux keeps these flags of an action and clears all others, so that programs can find out which
 * exist (sigaction(2)). */
static const uint64_t flags_known =
    (uint32_t)(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER |
               (int)SA_RESETHAND) |
    LIND_SA_RESTORER | 0x800 /* SA_EXPOSE_TAGBITS */;

long call_rt_sigaction(struct task *task, const uint64_t args[6])
{
    struct signal_actions *actions = task->process->actions;
    struct signal_action new, old;
    int signal = (int)args[0];
    if (args[3] != SIGNAL_SET_SIZE)
        return -EINVAL;
    if (args[1] && task_copyin(task, &new, args[1], sizeof new))
        return -EFAULT;
    if (signal < 1 || signal > 64 || (args[1] && (signal_bit(signal) & SIGNAL_SET_UNBLOCKABLE)))
        return -EINVAL;

    lock_acquire(&actions->lock);
    old = actions->table[signal - 1];
    if (args[1]) {
        new.flags &= flags_known;
        new.mask &= ~SIGNAL_SET_UNBLOCKABLE;
        actions->table[signal - 1] = new;
        if (action_ignores(&new, signal))
            signals_drop(actions,
                         signal_bit(signal)); /* POSIX XSH 2.4.3: even when it is blocked */
    }
    lock_release(&actions->lock);
    if (args[1])
        signals_dropped(task->process);
    return args[2] ? task_copyout(task, args[2], &old, sizeof old) : 0;
}

long call_rt_sigprocmask(struct task *task, const uint64_t args[6])
{
    uint64_t old = task->signals.mask, set;
    if (args[3] != SIGNAL_SET_SIZE)
        return -EINVAL;
    if (args[1]) {
        if (task_copyin(task, &set, args[1], sizeof set))
            return -EFAULT;
        switch ((int)args[0]) {
        case SIG_BLOCK:
            set |= old;
            break;
        case SIG_UNBLOCK:
            set = old & ~set;
            break;
        case SIG_SETMASK:
            break;
        default:
            return -EINVAL;
        }
        signal_mask_set(task, set);
    }
    return args[2] ? task_copyout(task, args[2], &old, sizeof old) : 0;
}

uint64_t signal_pending_set(const struct task *task)
{
    return atomic_load(&task->signals.pending) | atomic_load(&task->process->actions->pending);
}

long call_rt_sigpending(struct task *task, const uint64_t args[6])
{
    if (args[1] > SIGNAL_SET_SIZE)
        return -EINVAL;
    signal_host_drain();
    uint64_t set = signal_pending_set(task) & task->signals.mask;
    return task_copyout(task, args[0], &set, args[1]);
}

/* Sleeps until a signal is to be delivered. */
static long wait_for_delivery(struct task *task)
{
    while (!signal_look(task))
        task_blocking(task, SYS_pause, 0);
    return signal_interrupted(task, RESTART_NOHAND);
}

long call_pause(struct task *task, const uint64_t args[6])
{
    return wait_for_delivery(task);
}

long call_rt_sigsuspend(struct task *task, const uint64_t args[6])
{
    uint64_t set;
    if (args[1] != SIGNAL_SET_SIZE)
        return -EINVAL;
    if (task_copyin(task, &set, args[0], sizeof set))
        return -EFAULT;
    signal_mask_swap(task, set);
    return signal_mask_end(task, wait_for_delivery(task));
}

static void set_waiting(struct task *task, uint64_t set)
{
    LOCKED(&task->process->actions->lock);
    task->signals.queue->waiting = set;
}

/* Takes a signal of `set`, waiting for one until the deadline (CLOCK_MONOTONIC nanoseconds). */
static long wait_for_signal(struct task *task, uint64_t set, uint64_t deadline, siginfo_t *info)
{
    for (;;) {
        int look = signal_look(task);
        int signal = signal_take(task, set, info);
        if (signal)
            return signal;
        if (look)
            return -EINTR;
        struct timespec left;
        if (deadline_passed(deadline))
            return -EAGAIN;
        task_blocking(task, SYS_ppoll, 0, 0, HOST_ARG(deadline_left(deadline, &left)));
    }
}

long call_rt_sigtimedwait(struct task *task, const uint64_t args[6])
{
    uint64_t set, deadline = NEVER;
    siginfo_t info;
    if (args[3] != SIGNAL_SET_SIZE)
        return -EINVAL;
    if (task_copyin(task, &set, args[0], sizeof set))
        return -EFAULT;
    if (args[2]) {
        struct timespec limit;
        int error = timespec_copyin(task, &limit, args[2]);
        if (error)
            return error;
        deadline = deadline_of(&limit);
    }
    set &= ~SIGNAL_SET_UNBLOCKABLE;
    set_waiting(task, set);
    long result = wait_for_signal(task, set, deadline, &info);
    set_waiting(task, 0);
    if (signal_pending(task))
        atomic_fetch_or(&task->thread.pending, PENDING_SIGNAL);
    if (result > 0 && args[1] && task_copyout(task, args[1], &info, sizeof info))
        return -EFAULT;
    return result;
}

int signal_stack_holds(const struct task *task, uint64_t pointer)
{
    const struct task_signals *signals = &task->signals;
    return !(signals->stack_flags & STACK_AUTODISARM) && pointer > signals->stack_address &&
           pointer - signals->stack_address <= signals->stack_size;
}

int signal_stack_set(struct task *task, const struct signal_stack *stack, uint64_t pointer)
{
    struct task_signals *signals = &task->signals;
    uint32_t mode = stack->flags & ~STACK_AUTODISARM;
    if (signal_stack_holds(task, pointer))
        return -EPERM;
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
        return -EINVAL;
    if (mode == SS_DISABLE) {
        signals->stack_address = signals->stack_size = 0;
    } else {
        if (stack->size < 2048 /* MINSIGSTKSZ */)
            return -ENOMEM;
        signals->stack_address = stack->address;
        signals->stack_size = stack->size;
    }
    signals->stack_flags = stack->flags;
    return 0;
}

long call_sigaltstack(struct task *task, const uint64_t args[6])
{
    const struct task_signals *signals = &task->signals;
    uint64_t pointer = task->thread.regs.rsp;
    struct signal_stack new, old = {.address = signals->stack_address, .size = signals->stack_size};
    old.flags = !signals->stack_size                ? SS_DISABLE
                : signal_stack_holds(task, pointer) ? SS_ONSTACK
                                                    : 0;
    old.flags |= signals->stack_flags & STACK_AUTODISARM;
    if (args[0]) {
        if (task_copyin(task, &new, args[0], sizeof new))
            return -EFAULT;
        int error = signal_stack_set(task, &new, pointer);
        if (error)
            return error;
    }
    return args[1] ? task_copyout(task, args[1], &old, sizeof old) : 0;
}

long call_restart_syscall(struct task *task, const uint64_t args[6])
{
    struct signal_queue *queue = task->signals.queue;
    call_function *function = queue->restart;
    if (!function)
        return -EINTR;
    queue->restart = NULL;
    return function(task, queue->restart_args);
}

void signal_describe(struct process *process, int tid, struct signal_state *state)
{
    struct signal_actions *actions = process->actions;
    *state = (struct signal_state){0};
    LOCKED(&actions->lock);
    state->shared_pending = atomic_load(&actions->pending);
    state->queued = actions->queued;
    for (int signal = 1; signal <= 64; signal++) {
        uint64_t handler = actions->table[signal - 1].handler;
        if (handler == ACTION_IGNORE)
            state->ignored |= signal_bit(signal);
        else if (handler != ACTION_DEFAULT)
            state->caught |= signal_bit(signal);
    }
    for (struct signal_queue *queue = actions->tasks; queue; queue = queue->next) {
        if (queue->task->tid != tid)
            continue;
        state->pending = atomic_load(&queue->task->signals.pending);
        state->blocked = __atomic_load_n(&queue->task->signals.mask, __ATOMIC_RELAXED);
    }
}
