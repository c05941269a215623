/* Signals that the host sends to lind-run: noted by the host's handler, sent on to the process that
 * lind-run was started for. */
#include <errno.h>

#include "microvisor/fs/terminal.h"
#include "microvisor/proc/tree.h"
#include "microvisor/signal/internal.h"
#include "rt/fault.h"
#include "rt/host.h"

/* What arrived and was not sent on. Written in signal handlers, so without a lock: a set of
 * signals, and how each was last sent. */
static _Atomic uint64_t arrived;
static _Atomic int arrived_code[65];
static struct process *_Atomic receiver;

/* Called in the host's signal handler, which may have interrupted a sanitizer's own code. Stop
 * signals and SIGCONT undo each other. */
NO_SANITIZER void signal_from_host(struct thread *thread, int signal, const void *siginfo)
{
    if (signal != HOST_SIGNAL_WAKE) {
        int code = ((const siginfo_t *)siginfo)->si_code;
        const uint64_t bit = 1ULL << (signal - 1), continues = 1ULL << (SIGCONT - 1);
        uint64_t undone = bit & SIGNAL_SET_STOP ? continues : bit & continues ? SIGNAL_SET_STOP : 0;
        uint64_t before = atomic_load(&arrived);
        atomic_store(&arrived_code[signal], code == SI_KERNEL ? SI_KERNEL : SI_USER);
        while (!atomic_compare_exchange_weak(&arrived, &before, (before & ~undone) | bit))
            ;
    }
    atomic_fetch_or(&thread->pending, PENDING_SIGNAL);
}

/* What a terminal sends to its foreground group. */
static const uint64_t keyboard = 1ULL << (SIGINT - 1) | 1ULL << (SIGQUIT - 1) |
                                 1ULL << (SIGTSTP - 1) | 1ULL << (SIGWINCH - 1);

void signal_host_drain(void)
{
    if (!atomic_load_explicit(&arrived, memory_order_relaxed))
        return;
    TREE_LOCKED(); /* who has it knows that all was sent on or is in `arrived` */
    uint64_t set = atomic_exchange(&arrived, 0);
    struct process *process = atomic_load(&receiver);
    for (int signal = 1; set && process; signal++, set >>= 1) {
        if (!(set & 1))
            continue;
        /* The sender is outside: no process that the program could know, like a sender outside a
         * pid namespace. */
        siginfo_t info = {.si_signo = signal, .si_code = atomic_load(&arrived_code[signal])};
        int group = info.si_code == SI_KERNEL && signal_bit(signal) & keyboard
                        ? host_terminal_foreground()
                        : 0;
        if (!group || !tree_signal_group(group, &info))
            signal_send_process(process, &info);
    }
}

void signal_sleep(struct task *task, _Atomic uint32_t *word, uint32_t value)
{
    uint32_t seen = 0;
    atomic_store(&task->signals.deaf, 1);
    for (;;) {
        /* The bit goes first, so what comes from now on sets it again and ends the sleep. */
        seen |= atomic_fetch_and(&task->thread.pending, ~(uint32_t)PENDING_SIGNAL);
        signal_host_drain();
        if (atomic_load(word) != value || atomic_load(&task->exiting))
            break;
        task_blocking(task, SYS_futex, HOST_ARG(word), 128 /* WAIT, private */, value);
    }
    atomic_store(&task->signals.deaf, 0);
    atomic_fetch_or(&task->thread.pending, seen & PENDING_SIGNAL);
}

void signal_host_forget(const struct signal_actions *actions)
{
    struct process *process = atomic_load(&receiver);
    if (process && process->actions == actions)
        atomic_store(&receiver, NULL);
}

/* SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP have the runtime's handlers already and come here
 * when they were sent by kill(2). SIGCHLD is about children of lind-run, which a program knows
 * nothing of. */
static const uint8_t forwarded[] = {
    SIGHUP,    SIGINT,  SIGQUIT,  SIGABRT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM,
    SIGSTKFLT, SIGCONT, SIGTSTP,  SIGTTIN, SIGTTOU, SIGURG,  SIGXCPU, SIGXFSZ,
    SIGVTALRM, SIGPROF, SIGWINCH, SIGIO,   SIGPWR,  SIGSYS,
};

/* Whether SIGCONT has come since the stop signal was taken: was sent on, is noted by a handler, or
 * still with the kernel, which tells a thread that blocks it. The tree lock is held. */
static int continued(struct signal_actions *actions)
{
    uint64_t pending = 0;
    host_call2(SYS_rt_sigpending, &pending, sizeof pending);
    LOCKED(&actions->lock);
    return !actions->stop_taken || (pending | atomic_load(&arrived)) & signal_bit(SIGCONT);
}

/* By the signal's own default action: the kernel knows whether there is anybody to continue the job
 * (orphaned process groups). It is sent to this thread, which it stops before the call returns:
 * another one might take it when it has its handler again. A SIGCONT that came meanwhile undoes it.
 * One that comes between looking for it and the stop, or that a thread has taken without having
 * noted it yet, is lost, as the kernel has no call that looks and stops in one. */
void signal_host_stop(struct signal_actions *actions, int signal)
{
    struct sigaction fallback = {.sa_handler = SIG_DFL};
    const uint64_t block = signal_bit(SIGCONT);
    uint64_t mask;
    host_call4(SYS_rt_sigprocmask, SIG_BLOCK, &block, &mask, sizeof mask);
    if (signal != SIGSTOP)
        sigaction(signal, &fallback, NULL);
    host_terminal_leave();
    tree_lock();
    if (!continued(actions))
        host_call3(SYS_tgkill, host_call0(SYS_getpid), host_call0(SYS_gettid), signal);
    tree_unlock();
    host_call4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
    host_terminal_return();
    if (signal != SIGSTOP)
        fault_take_signal(signal);
}

int signal_host_start(struct process *first)
{
    struct signal_action *table = first->actions->table;
    sigset_t blocked, all;
    sigfillset(&all);
    atomic_store(&receiver, first);
    for (size_t i = 0; i < sizeof forwarded; i++) {
        struct sigaction old;
        int signal = forwarded[i];
        if (sigaction(signal, NULL, &old))
            return -errno;
        if (old.sa_handler == SIG_IGN)
            table[signal - 1].handler = ACTION_IGNORE; /* until the program sets another action */
        int error = fault_take_signal(signal);
        if (error)
            return error;
    }
    /* Writers to broken pipes get EPIPE from the host; the signal is sent by the call that sees it.
     */
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    if (sigaction(SIGPIPE, &ignore, &old))
        return -errno;
    if (old.sa_handler == SIG_IGN)
        table[SIGPIPE - 1].handler = ACTION_IGNORE;
    if (!sigaction(SIGCHLD, NULL, &old) && old.sa_handler == SIG_IGN)
        table[SIGCHLD - 1].handler = ACTION_IGNORE;
    int error = fault_take_signal(HOST_SIGNAL_WAKE);
    if (error)
        return error;
    /* What lind-run's parent blocked is blocked in the program, not in lind-run, where signals are
     * open while a task runs. */
    if (sigprocmask(SIG_SETMASK, &all, &blocked))
        return -errno;
    uint64_t mask = 0;
    for (int signal = 1; signal <= 64; signal++)
        if (sigismember(&blocked, signal) == 1)
            mask |= signal_bit(signal);
    if (first->actions->tasks)
        first->actions->tasks->task->signals.mask = mask & ~SIGNAL_SET_UNBLOCKABLE;
    return 0;
}
