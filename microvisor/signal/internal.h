/* What the files of this room share: the queues. signal.h says what they are for. */
#ifndef LIND_SIGNAL_INTERNAL_H
#define LIND_SIGNAL_INTERNAL_H

#include "microvisor/signal/signal.h"

/* One pending signal. Entries come from a pool, so that hot calls and host threads may send. */
struct signal_entry {
    struct signal_entry *next;
    uint32_t timer; /* number of the timer that sent it plus one, 0 for none */
    uint32_t reserved; /* of a timer of timer_create: it was counted with the timer */
    siginfo_t info;
};

struct signal_list {
    struct signal_entry *first, **end; /* end: where the next entry is linked in */
};

/* Of a task. */
struct signal_queue {
    struct signal_list list;
    struct task *task;
    struct signal_queue *next; /* in the process' list of tasks */
    uint64_t waiting; /* rt_sigtimedwait: signals that wake the task although it blocks them */
    call_function *restart; /* signal_restart_later */
    uint64_t restart_args[6];
};

struct signal_actions {
    struct lock lock;
    struct signal_action table[64];
    _Atomic uint64_t pending; /* process-directed */
    struct signal_list list;
    struct signal_queue *tasks;
    _Atomic uint32_t queued; /* entries in use, and timers of timer_create, which have one in reserve
                              * each; changed under the lock */
    _Atomic uint32_t stopped; /* futex of parked tasks: the stop signal, 0 while the process runs */
    _Atomic int continued;    /* the parent is to hear of it */
    int stop_taken; /* a stop signal was taken and no SIGCONT came since; under the lock */
    struct signal_entry *dropped; /* entries of timers, which are to be told */
};

#define SIGNAL_SET_UNBLOCKABLE ((1ULL << (SIGKILL - 1)) | (1ULL << (SIGSTOP - 1)))
#define SIGNAL_SET_STOP                                                                            \
    ((1ULL << (SIGSTOP - 1)) | (1ULL << (SIGTSTP - 1)) | (1ULL << (SIGTTIN - 1)) |                 \
     (1ULL << (SIGTTOU - 1)))
#define SIGNAL_SET_IGNORED                                                                         \
    ((1ULL << (SIGCHLD - 1)) | (1ULL << (SIGCONT - 1)) | (1ULL << (SIGURG - 1)) |                  \
     (1ULL << (SIGWINCH - 1)))
#define SIGNAL_SET_CORE                                                                            \
    ((1ULL << (SIGQUIT - 1)) | (1ULL << (SIGILL - 1)) | (1ULL << (SIGTRAP - 1)) |                  \
     (1ULL << (SIGABRT - 1)) | (1ULL << (SIGBUS - 1)) | (1ULL << (SIGFPE - 1)) |                   \
     (1ULL << (SIGSEGV - 1)) | (1ULL << (SIGXCPU - 1)) | (1ULL << (SIGXFSZ - 1)) |                 \
     (1ULL << (SIGSYS - 1)))

/* SS_AUTODISARM: the alternate stack is taken away while a handler runs on it. */
#define STACK_AUTODISARM (1U << 31)

#define ACTION_DEFAULT 0
#define ACTION_IGNORE 1

/* Whether the action for a signal is to do nothing. */
static inline int action_ignores(const struct signal_action *action, int signal)
{
    return action->handler == ACTION_IGNORE ||
           (action->handler == ACTION_DEFAULT && (signal_bit(signal) & SIGNAL_SET_IGNORED));
}

/* Sends to a task, or to the process when task is NULL. timer: 0 or a timer's number plus one.
 * Returns 0 when queued, 1 when it was ignored or is pending already, -EAGAIN. */
int signal_send(struct process *process, struct task *task, const siginfo_t *info, uint32_t timer);

/* Drops what is pending of `set`, for the process and all its tasks. The lock is held;
 * signals_dropped is called after it. */
void signals_drop(struct signal_actions *actions, uint64_t set);
void signals_dropped(struct process *process);

/* Delivers a signal that cannot wait: to its handler, or the process ends. The report on standard
 * error is made from *fault. */
void signal_force(struct task *task, const struct fault *fault);

/* Writes a frame for a handler and sets the registers to its start (frame.c). oldmask: what
 * sigreturn restores. fault: NULL, or what the frame shows of it. Returns 0, or -1 with nothing
 * changed when the frame or the handler's address is bad. */
int signal_frame_build(struct task *task, const struct signal_action *action, const siginfo_t *info,
                       uint64_t old_mask, const struct fault *fault);

/* sigaltstack(2) with a stack already copied in; called by rt_sigreturn too. */
struct signal_stack {
    uint64_t address;
    uint32_t flags, unused;
    uint64_t size;
};
int signal_stack_set(struct task *task, const struct signal_stack *stack, uint64_t pointer);
int signal_stack_holds(const struct task *task, uint64_t pointer);

/* Stops lind-run by a stop signal that its first process, with these actions, has taken, so that the
 * host's shell sees a stopped job. */
void signal_host_stop(struct signal_actions *actions, int signal);

#endif
