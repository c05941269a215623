/* Signals of processes and tasks: actions, pending queues, delivery, and what interrupts a blocking
 * call.
 *
 * A signal is *sent* to a process or to one task (actions.c, queue.c), stays *pending* in a queue
 * until a task that does not block it is on its way back to cage code, and is *delivered* there
 * (deliver.c): its default action, or a frame on the cage's stack (frame.c). Numbers are
 * Linux', 1..64; bit n-1 of a set stands for signal n.
 *
 * Lock: one in each struct signal_actions, over the table, all queues of the process and its list
 * of tasks. A leaf lock. No function here uses vector registers unless it says so, so hot
 * calls may send signals. */
#ifndef LIND_SIGNAL_H
#define LIND_SIGNAL_H

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#include "microvisor/calls.h"
#include "microvisor/process.h"

/* What an interrupted call returns instead of -EINTR to say how it goes on (Linux' internal codes).
 * The way back to the cage turns each into -EINTR or a repetition of the call; a program never sees
 * them. They may be returned only when thread.pending is not zero, so return them through
 * signal_interrupted(). */
#define RESTART_SYS                                                                                \
    (-512L) /* again if no handler ran, or it has SA_RESTART: read, wait4, futex … */
#define RESTART_NOINTR (-513L) /* again always */
#define RESTART_NOHAND                                                                             \
    (-514L)                   /* again only if no handler ran: pause, sigsuspend, ppoll, select    \
                               */
#define RESTART_BLOCK (-516L) /* no handler ran: go on where signal_restart_later() said */

/* The signal of the host by which threads of lind-run interrupt each other. */
#define HOST_SIGNAL_WAKE 40

struct signal_action { /* the kernel's struct sigaction, as rt_sigaction passes it */
    uint64_t handler, flags, restorer, mask;
};

static inline uint64_t signal_bit(int signal)
{
    return 1ULL << (signal - 1);
}

/* The table of a new process: all defaults. NULL when out of memory. */
struct signal_actions *signal_actions_create(void);

/* A copy of the parent's table for a forked process: same actions, nothing pending, no tasks. NULL
 * when out of memory. */
struct signal_actions *signal_actions_fork(struct signal_actions *parent);

/* For execve: handlers become defaults, ignored signals stay ignored. */
void signal_actions_exec(struct signal_actions *actions);

/* The process must have no task left. */
void signal_actions_destroy(struct signal_actions *actions);

/* Enters a task in its process' list (process->actions is set) and gives it an empty queue;
 * task->signals.mask stays as it is. Returns 0 or -ENOMEM. task_signals_end takes it out and drops
 * what is pending; a process-directed signal that only it could take goes to another task. To be
 * called by the ending task, or for one that never ran. */
int task_signals_start(struct task *task);
void task_signals_end(struct task *task);

/* Makes this lind-run take the signals that the host sends it, for `first`; a signal that lind-run
 * was started with as ignored is ignored by `first` too (nohup). Returns 0 or -errno. Uses libc. */
int signal_host_start(struct process *first);

/* The process' table is about to go: the host's signals have nobody to go to if it was theirs. The
 * tree lock is held. */
void signal_host_forget(const struct signal_actions *actions);

/* rt_upcalls.pending and rt_upcalls.host_signal (rt/thread.h). */
void signal_deliver_pending(struct thread *thread);
void signal_from_host(struct thread *thread, int signal, const void *siginfo);

/* Whether a signal, or the task's end, waits for this task: a blocking call should return. */
int signal_pending(const struct task *task);

/* Returns code (one of RESTART_*, or -EINTR) after making sure that the way back looks at signals.
 */
static inline long signal_interrupted(struct task *task, long code)
{
    atomic_fetch_or(&task->thread.pending, PENDING_SIGNAL);
    return code;
}

/* task_blocking for a call that is made again if no handler ran, or one with SA_RESTART. */
#define task_interruptible(task, number, ...)                                                      \
    signal_restarted(task, task_blocking(task, number, __VA_ARGS__))

static inline long signal_restarted(struct task *task, long result)
{
    return result == -EINTR ? signal_interrupted(task, RESTART_SYS) : result;
}

/* For calls with a time limit: if no handler runs, `function` is called with args (absolute
 * deadline inside) as restart_syscall. Returns RESTART_BLOCK, which the call returns. */
long signal_restart_later(struct task *task, call_function *function, const uint64_t args[6]);

/* Sends a signal as the kernel does on a task's own doing (SIGPIPE, SIGXFSZ): to the task, si_code
 * SI_USER from its own process. */
void signal_send_self(struct task *task, int signal);

/* Send with the given siginfo (si_signo and si_code set; at most 128 bytes are kept). Return 0
 * (also when the signal is ignored), or -EAGAIN when a queued signal is over RLIMIT_SIGPENDING. May
 * be called from any thread of the runtime. */
int signal_send_task(struct task *task, const siginfo_t *info);
int signal_send_process(struct process *process, const siginfo_t *info);

/* Signals that the process has queued, as RLIMIT_SIGPENDING counts them, with those that each timer of
 * timer_create has in reserve: signal_room_take and _give change that by one. */
uint32_t signal_queued(struct process *process);
void signal_room_take(struct process *process);
void signal_room_give(struct process *process);

/* What is pending for a task, for itself and for its process, blocked or not. */
uint64_t signal_pending_set(const struct task *task);

/* fs/signalfd.c: says that a signal became pending. With any lock held but those of waiting. */
void signal_files_announce(void);

/* Moves signals of the host from where the host's handlers noted them to the process that gets
 * them. */
void signal_host_drain(void);

/* Sleeps on a futex word while it has a value; of signals, only the task's end ends that. The host's
 * are moved on meanwhile: nobody else may be awake to do so. */
void signal_sleep(struct task *task, _Atomic uint32_t *word, uint32_t value);

/* Takes the next pending signal out of `set` for this task: its number with *info filled, or 0. */
int signal_take(struct task *task, uint64_t set, siginfo_t *info);

/* For calls that Linux never repeats (rt_sigtimedwait, epoll_wait …): whether something is really
 * to be delivered. If not, what interrupted the call was ignored or blocked: the call goes on
 * waiting. */
int signal_look(struct task *task);

/* What the action for SIGCHLD says: nothing about children that stop (SA_NOCLDSTOP, or ignored); nor
 * about those that end (ignored: not even if it is blocked); no zombies (ignored, or SA_NOCLDWAIT).
 * Whether a process is stopped. */
int signal_no_child_stops(struct signal_actions *actions);
int signal_ignores_children(struct signal_actions *actions);
int signal_no_zombies(struct signal_actions *actions);
int signal_stopped(struct signal_actions *actions);

/* Whether a signal to the task would do nothing now: it is blocked, or its action is to ignore it.
 */
int signal_ignored(const struct task *task, int signal);

/* Tells all tasks of a process to end, with this exit status (as wait(2) has it) unless one is set;
 * or all but the caller, which stays. */
void signal_end_tasks(struct process *process, int status);
void signal_end_other_tasks(struct task *task);

/* Interrupts a task's blocking call and cage code, to look at signals and at `exiting`. */
void signal_wake(struct task *task);

/* Sets the task's mask (SIGKILL and SIGSTOP never block), and looks again at what is pending. */
void signal_mask_set(struct task *task, uint64_t mask);

/* ppoll, pselect6, epoll_pwait: signal_mask_swap puts a mask in force for the call alone. After the
 * call, signal_mask_end with its result: the old mask comes back at once, or after the delivery
 * when result is -EINTR or a restart code. Returns result. */
void signal_mask_swap(struct task *task, uint64_t mask);
long signal_mask_end(struct task *task, long result);

/* Changes a task's number, which signal_each_task's visitors read. */
void signal_task_number(struct task *task, int tid);

/* Calls visit for each task of a process, under the process' signal lock, until it returns
 * non-zero, which is returned. */
long signal_each_task(struct process *process, long (*visit)(struct task *task, void *data),
                      void *data);

/* What /proc/PID/status says of signals: the sets of the process, and those of the task with this
 * id (empty if there is none); how many signals are queued. */
struct signal_state {
    uint64_t pending, shared_pending, blocked, ignored, caught;
    uint32_t queued;
};
void signal_describe(struct process *process, int tid, struct signal_state *state);

#endif
