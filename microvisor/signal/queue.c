/* Pending signals: sending, taking, masks, and the tables and lists that belong to a process. */
#include <errno.h>
#include <stdlib.h>

#include "microvisor/fs/pool.h"
#include "microvisor/signal/internal.h"
#include "microvisor/time/timers.h"
#include "rt/host.h"

#define FIRST_QUEUED 32 /* signals from here on are queued as often as they are sent */

static void list_clear(struct signal_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static struct pool actions_pool = POOL_OF(struct signal_actions);
static struct pool entries = POOL_OF(struct signal_entry);

struct signal_actions *signal_actions_create(void)
{
    struct signal_actions *actions = pool_take(&actions_pool);
    if (actions)
        list_clear(&actions->list);
    return actions;
}

struct signal_actions *signal_actions_fork(struct signal_actions *parent)
{
    struct signal_actions *actions = signal_actions_create();
    if (!actions)
        return NULL;
    lock_acquire(&parent->lock);
    for (int i = 0; i < 64; i++)
        actions->table[i] = parent->table[i];
    lock_release(&parent->lock);
    return actions;
}

void signal_actions_exec(struct signal_actions *actions)
{
    LOCKED(&actions->lock);
    for (int i = 0; i < 64; i++) {
        uint64_t handler =
            actions->table[i].handler == ACTION_IGNORE ? ACTION_IGNORE : ACTION_DEFAULT;
        actions->table[i] = (struct signal_action){.handler = handler};
    }
}

/* An entry for a signal, or NULL when the process has as many as its limit allows, or when memory is
 * out. Signals without a queue are above the limit; a timer of timer_create has its own. */
static struct signal_entry *entry_new(struct process *process, const siginfo_t *info, uint32_t timer)
{
    struct signal_actions *actions = process->actions;
    int reserved = timer && info->si_code == SI_TIMER;
    if (!reserved && info->si_signo >= FIRST_QUEUED &&
        actions->queued >= process_limit(process, RLIMIT_SIGPENDING))
        return NULL;
    struct signal_entry *entry = pool_take(&entries);
    if (!entry)
        return NULL;
    actions->queued += !reserved;
    *entry = (struct signal_entry){.info = *info, .timer = timer, .reserved = (uint32_t)reserved};
    return entry;
}

static void entry_free(struct signal_actions *actions, struct signal_entry *entry)
{
    actions->queued -= !entry->reserved;
    pool_give(&entries, entry);
}

uint32_t signal_queued(struct process *process)
{
    return atomic_load(&process->actions->queued);
}

void signal_room_take(struct process *process)
{
    LOCKED(&process->actions->lock);
    process->actions->queued++;
}

void signal_room_give(struct process *process)
{
    LOCKED(&process->actions->lock);
    process->actions->queued--;
}

static void list_drop(struct signal_actions *actions, struct signal_list *list,
                      _Atomic uint64_t *pending, uint64_t set)
{
    if (!(atomic_load(pending) & set))
        return;
    atomic_fetch_and(pending, ~set);
    for (struct signal_entry **at = &list->first; *at;) {
        struct signal_entry *entry = *at;
        if (!(signal_bit(entry->info.si_signo) & set)) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        if (!entry->next)
            list->end = at;
        if (entry->timer) {
            entry->next = actions->dropped;
            actions->dropped = entry;
        } else {
            entry_free(actions, entry);
        }
    }
}

/* Takes one of the entries whose timers are to be told. Returns the timer's number plus one, or 0. */
static uint32_t next_dropped(struct signal_actions *actions)
{
    LOCKED(&actions->lock);
    struct signal_entry *entry = actions->dropped;
    if (!entry)
        return 0;
    uint32_t timer = entry->timer;
    actions->dropped = entry->next;
    entry_free(actions, entry);
    return timer;
}

void signals_drop(struct signal_actions *actions, uint64_t set)
{
    list_drop(actions, &actions->list, &actions->pending, set);
    for (struct signal_queue *queue = actions->tasks; queue; queue = queue->next)
        list_drop(actions, &queue->list, &queue->task->signals.pending, set);
}

void signal_actions_destroy(struct signal_actions *actions)
{
    signal_host_forget(actions);
    list_drop(actions, &actions->list, &actions->pending, UINT64_MAX);
    while (next_dropped(actions))
        ;
    pool_give(&actions_pool, actions);
}

void signals_dropped(struct process *process)
{
    uint32_t timer;
    while ((timer = next_dropped(process->actions)))
        timers_signal_taken(process, timer - 1);
}

static void interrupt(const struct task *task)
{
    int id = atomic_load(&task->thread.host_id);
    if (id && id != host_call0(SYS_gettid))
        host_call3(SYS_tgkill, host_call0(SYS_getpid), id, HOST_SIGNAL_WAKE);
}

void signal_wake(struct task *task)
{
    /* If it is set, who set it has woken it, or it is the task itself, which looks before it sleeps. */
    if (!(atomic_fetch_or(&task->thread.pending, PENDING_SIGNAL) & PENDING_SIGNAL))
        interrupt(task);
}

/* For tasks that sleep while their pending bit is set, and look at `exiting` alone. */
static void task_end_asked(struct task *task)
{
    atomic_store(&task->exiting, 1);
    atomic_fetch_or(&task->thread.pending, PENDING_SIGNAL);
    interrupt(task);
}

static void end_tasks_locked(struct process *process, int status)
{
    struct signal_actions *actions = process->actions;
    lock_acquire(&process->lock);
    if (!atomic_exchange(&process->exiting, 1))
        process->exit_status = status;
    lock_release(&process->lock);
    for (struct signal_queue *queue = actions->tasks; queue; queue = queue->next)
        task_end_asked(queue->task);
}

void signal_end_tasks(struct process *process, int status)
{
    LOCKED(&process->actions->lock);
    end_tasks_locked(process, status);
}

void signal_end_other_tasks(struct task *task)
{
    struct signal_actions *actions = task->process->actions;
    LOCKED(&actions->lock);
    for (struct signal_queue *queue = actions->tasks; queue; queue = queue->next)
        if (queue->task != task)
            task_end_asked(queue->task);
}

static void continue_locked(struct signal_actions *actions)
{
    if (!atomic_exchange(&actions->stopped, 0))
        return;
    atomic_store(&actions->continued, 1);
    host_call3(SYS_futex, &actions->stopped, 129 /* WAKE, private */, INT32_MAX);
}

int signal_stopped(struct signal_actions *actions)
{
    return atomic_load(&actions->stopped) != 0;
}

static struct signal_action child_action(struct signal_actions *actions)
{
    LOCKED(&actions->lock);
    return actions->table[SIGCHLD - 1];
}

int signal_no_child_stops(struct signal_actions *actions)
{
    struct signal_action action = child_action(actions);
    return action.handler == ACTION_IGNORE || (action.flags & SA_NOCLDSTOP);
}

int signal_ignores_children(struct signal_actions *actions)
{
    return child_action(actions).handler == ACTION_IGNORE;
}

int signal_no_zombies(struct signal_actions *actions)
{
    struct signal_action action = child_action(actions);
    return action.handler == ACTION_IGNORE || (action.flags & SA_NOCLDWAIT);
}

static uint64_t mask_of(const struct task *task)
{
    return __atomic_load_n(&task->signals.mask, __ATOMIC_RELAXED);
}

int signal_ignored(const struct task *task, int signal)
{
    struct signal_actions *actions = task->process->actions;
    LOCKED(&actions->lock);
    return (mask_of(task) & signal_bit(signal)) != 0 ||
                 actions->table[signal - 1].handler == ACTION_IGNORE;
}

/* What a task takes, now or as soon as it looks. */
static uint64_t takes(const struct task *task)
{
    return ~mask_of(task) | task->signals.queue->waiting;
}

/* Wakes a task that can take what is in `set`, all of which was sent to the process. The first task
 * is preferred. */
static void wake_some(struct signal_actions *actions, uint64_t set)
{
    for (struct signal_queue *queue = actions->tasks; queue && set; queue = queue->next) {
        uint64_t taken = set & takes(queue->task);
        if (taken)
            signal_wake(queue->task);
        set &= ~taken;
    }
}

/* Signals that nobody would take now: these wait even if their action ignores them. */
static uint64_t blocked_by(const struct signal_actions *actions, const struct task *task)
{
    if (task)
        return mask_of(task) | task->signals.queue->waiting;
    uint64_t blocked = UINT64_MAX;
    for (struct signal_queue *queue = actions->tasks; queue; queue = queue->next)
        if (!atomic_load(&queue->task->exiting))
            blocked &= mask_of(queue->task) | queue->waiting;
    return blocked;
}

/* The task in rt_sigtimedwait for a signal to the process that its action ignores, or NULL. Linux
 * keeps such a signal if the first task blocks it, and SIGCHLD if the one that made the child does. */
static struct task *waiter_for(const struct signal_actions *actions, int signal)
{
    uint64_t bit = signal_bit(signal);
    struct signal_queue *queue = actions->tasks;
    if (signal != SIGCHLD && queue && !(mask_of(queue->task) & bit))
        return NULL;
    while (queue && !(queue->waiting & bit))
        queue = queue->next;
    return queue ? queue->task : NULL;
}

/* Whether a task takes a signal, if there is a choice: not if it has one already that it does not
 * look at for long. */
static int wants(const struct task *task, uint64_t bit)
{
    return takes(task) & bit && !atomic_load(&task->exiting) &&
           !(atomic_load(&task->signals.deaf) && signal_pending_set(task) & takes(task));
}

/* Who is to take a signal to the process: the first task that wants it, or that only could, or
 * NULL. */
static struct task *taker_of(const struct signal_actions *actions, uint64_t bit)
{
    struct task *could = NULL;
    for (struct signal_queue *queue = actions->tasks; queue; queue = queue->next) {
        if (wants(queue->task, bit))
            return queue->task;
        if (!could && takes(queue->task) & bit)
            could = queue->task;
    }
    return could;
}

/* Whether a signal ends the process as it is sent, as Linux has it for those without a core dump that
 * somebody would take and does not wait for: even tasks that wait for a child of vfork end then. */
static int is_fatal(const struct signal_actions *actions, const struct task *taker, int signal)
{
    uint64_t bit = signal_bit(signal);
    return actions->table[signal - 1].handler == ACTION_DEFAULT &&
           !(bit & (SIGNAL_SET_IGNORED | SIGNAL_SET_STOP | SIGNAL_SET_CORE)) &&
           !atomic_load(&actions->stopped) && taker && wants(taker, bit) &&
           !(mask_of(taker) & bit);
}

static int send_locked(struct process *process, struct task *task, const siginfo_t *info,
                       uint32_t timer)
{
    struct signal_actions *actions = process->actions;
    int signal = info->si_signo;
    uint64_t bit = signal_bit(signal);
    const int ignored = action_ignores(&actions->table[signal - 1], signal);
    if (!task && ignored) /* the others would only drop it */
        task = waiter_for(actions, signal);
    struct task *taker = task ? task : taker_of(actions, bit);
    struct signal_list *list = task ? &task->signals.queue->list : &actions->list;
    _Atomic uint64_t *pending = task ? &task->signals.pending : &actions->pending;

    if (bit & SIGNAL_SET_STOP)
        signals_drop(actions, signal_bit(SIGCONT));
    if (signal == SIGCONT) {
        signals_drop(actions, SIGNAL_SET_STOP);
        actions->stop_taken = 0;
        continue_locked(actions);
    }
    if (signal == SIGKILL) {
        end_tasks_locked(process, SIGKILL);
        return 0;
    }
    if (is_fatal(actions, taker, signal)) {
        end_tasks_locked(process, signal);
        return 0;
    }
    if (ignored && !(blocked_by(actions, task) & bit))
        return 1;
    int standard = signal < FIRST_QUEUED;
    if (standard && (atomic_load(pending) & bit))
        return 1;
    struct signal_entry *entry = entry_new(process, info, timer);
    if (entry) {
        *list->end = entry;
        list->end = &entry->next;
    } else if (!standard && info->si_code != SI_USER) {
        return -EAGAIN;
    }
    atomic_fetch_or(pending, bit);
    if (taker && takes(taker) & bit)
        signal_wake(taker);
    else if (!task) /* it has just blocked it */
        wake_some(actions, bit);
    return 0;
}

int signal_send(struct process *process, struct task *task, const siginfo_t *info, uint32_t timer)
{
    lock_acquire(&process->actions->lock);
    int result = send_locked(process, task, info, timer);
    int dropped = process->actions->dropped != NULL;
    lock_release(&process->actions->lock);
    if (dropped && !timer) /* a timer's caller holds the timers' lock; stop signals from timers are
                              told later */
        signals_dropped(process);
    if (!result)
        signal_files_announce();
    return result;
}

int signal_send_task(struct task *task, const siginfo_t *info)
{
    int result = signal_send(task->process, task, info, 0);
    return result < 0 ? result : 0;
}

int signal_send_process(struct process *process, const siginfo_t *info)
{
    int result = signal_send(process, NULL, info, 0);
    return result < 0 ? result : 0;
}

void signal_send_self(struct task *task, int signal)
{
    siginfo_t info = {.si_signo = signal, .si_code = SI_USER};
    info.si_pid = task->process->pid;
    info.si_uid = task->process->credentials.uid;
    signal_send_task(task, &info);
}

/* Takes the next signal of `set` out of one list. */
static int take_from(struct signal_actions *actions, struct signal_list *list,
                     _Atomic uint64_t *pending, uint64_t set, struct signal_entry *taken)
{
    static const uint64_t synchronous = (1ULL << (SIGSEGV - 1)) | (1ULL << (SIGBUS - 1)) |
                                        (1ULL << (SIGILL - 1)) | (1ULL << (SIGTRAP - 1)) |
                                        (1ULL << (SIGFPE - 1)) | (1ULL << (SIGSYS - 1));
    uint64_t ready = atomic_load(pending) & set;
    if (!ready)
        return 0;
    int signal = __builtin_ctzll(ready & synchronous ? ready & synchronous : ready) + 1;
    *taken = (struct signal_entry){.info = {.si_signo = signal, .si_code = SI_USER}};
    int found = 0, more = 0;
    for (struct signal_entry **at = &list->first; *at;) {
        struct signal_entry *entry = *at;
        if (entry->info.si_signo == signal && !found) {
            found = 1;
            *taken = *entry;
            *at = entry->next;
            if (!entry->next)
                list->end = at;
            entry_free(actions, entry);
            continue;
        }
        if (entry->info.si_signo == signal) {
            more = 1;
            break;
        }
        at = &entry->next;
    }
    if (!more)
        atomic_fetch_and(pending, ~signal_bit(signal));
    return signal;
}

int signal_take(struct task *task, uint64_t set, siginfo_t *info)
{
    struct signal_actions *actions = task->process->actions;
    struct signal_entry taken;
    if (!((atomic_load(&task->signals.pending) | atomic_load(&actions->pending)) & set))
        return 0;
    lock_acquire(&actions->lock);
    int signal =
        take_from(actions, &task->signals.queue->list, &task->signals.pending, set, &taken);
    if (!signal)
        signal = take_from(actions, &actions->list, &actions->pending, set, &taken);
    if (signal && (signal_bit(signal) & SIGNAL_SET_STOP))
        actions->stop_taken = 1;
    lock_release(&actions->lock);
    if (!signal)
        return 0;
    *info = taken.info;
    if (taken.timer) {
        int overrun = timers_signal_taken(task->process, taken.timer - 1);
        if (info->si_code == SI_TIMER)
            info->si_overrun = overrun;
    }
    return signal;
}

int task_signals_start(struct task *task)
{
    struct signal_actions *actions = task->process->actions;
    struct signal_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return -ENOMEM;
    list_clear(&queue->list);
    queue->task = task;
    task->signals.queue = queue;
    LOCKED(&actions->lock);
    struct signal_queue **at = &actions->tasks;
    while (*at)
        at = &(*at)->next;
    *at = queue;
    return 0;
}

void signal_task_number(struct task *task, int tid)
{
    LOCKED(&task->process->actions->lock);
    task->tid = tid;
}

void task_signals_end(struct task *task)
{
    struct signal_actions *actions = task->process->actions;
    struct signal_queue *queue = task->signals.queue;
    lock_acquire(&actions->lock);
    timers_task_ended(task);
    struct signal_queue **at = &actions->tasks;
    while (*at && *at != queue)
        at = &(*at)->next;
    if (*at)
        *at = queue->next;
    list_drop(actions, &queue->list, &task->signals.pending, UINT64_MAX);
    wake_some(actions, atomic_load(&actions->pending));
    lock_release(&actions->lock);
    signals_dropped(task->process);
    task->signals.queue = NULL;
    free(queue);
}

long signal_each_task(struct process *process, long (*visit)(struct task *task, void *data),
                      void *data)
{
    long result = 0;
    LOCKED(&process->actions->lock);
    for (struct signal_queue *queue = process->actions->tasks; queue && !result;
         queue = queue->next)
        result = visit(queue->task, data);
    return result;
}

int signal_pending(const struct task *task)
{
    uint64_t pending =
        atomic_load(&task->signals.pending) | atomic_load(&task->process->actions->pending);
    return (pending & ~task->signals.mask) || atomic_load(&task->exiting) ||
           atomic_load(&task->process->exiting);
}

int signal_look(struct task *task)
{
    /* The bit goes first, so what is sent from now on sets it again. */
    atomic_fetch_and(&task->thread.pending, ~(uint32_t)PENDING_SIGNAL);
    signal_host_drain();
    if (!signal_pending(task))
        return 0;
    atomic_fetch_or(&task->thread.pending, PENDING_SIGNAL);
    return 1;
}

void signal_mask_set(struct task *task, uint64_t mask)
{
    struct signal_actions *actions = task->process->actions;
    uint64_t old = task->signals.mask;
    mask &= ~SIGNAL_SET_UNBLOCKABLE;
    __atomic_store_n(&task->signals.mask, mask, __ATOMIC_SEQ_CST);
    uint64_t lost = mask & ~old & atomic_load(&actions->pending);
    if (lost) {
        /* Sent to the process while this task would have taken it: another one has to. */
        lock_acquire(&actions->lock);
        wake_some(actions, lost);
        lock_release(&actions->lock);
    }
    if (signal_pending(task))
        atomic_fetch_or(&task->thread.pending, PENDING_SIGNAL);
}

void signal_mask_swap(struct task *task, uint64_t mask)
{
    task->signals.saved_mask = task->signals.mask;
    task->signals.restore_saved_mask = 1;
    signal_mask_set(task, mask);
}

long signal_mask_end(struct task *task, long result)
{
    if (result == -EINTR || (result <= RESTART_SYS && result >= RESTART_BLOCK))
        return signal_interrupted(task, result);
    task->signals.restore_saved_mask = 0;
    signal_mask_set(task, task->signals.saved_mask);
    return result;
}

long signal_restart_later(struct task *task, call_function *function, const uint64_t args[6])
{
    struct signal_queue *queue = task->signals.queue;
    queue->restart = function;
    for (int i = 0; i < 6; i++)
        queue->restart_args[i] = args[i];
    return signal_interrupted(task, RESTART_BLOCK);
}
