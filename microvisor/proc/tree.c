#include "microvisor/proc/tree.h"

#include <errno.h>
#include <stddef.h>

#include "microvisor/signal/signal.h"
#include "rt/host.h"

enum { CHAINS = 4096 };

/* All under the tree lock. Hashes by number: numbers are given out in order, so the chains stay
 * even. */
static struct lock lock;
static struct process *processes[CHAINS];
static struct process *all;
static struct task *tasks[CHAINS];
static uint64_t task_total; /* of those entered */
static int last_id;

void tree_lock(void)
{
    lock_acquire(&lock);
}

/* Whose waiters are to be woken once the lock is open, so that they do not run into it. By then
 * the process may have gone: its memory is never given back (process.c), and waking nobody does no
 * harm, but nothing is read of it. */
static struct process *to_wake;

/* Who begins to wait later finds child_changes changed. The lock is held. */
static _Atomic uint32_t *waited_for(struct process *parent)
{
    return parent && atomic_load(&parent->waiting) ? &parent->child_changes : NULL;
}

static void wake_waiters(_Atomic uint32_t *changes)
{
    if (changes)
        host_call3(SYS_futex, changes, 129 /* WAKE, private */, INT32_MAX);
}

void tree_unlock(void)
{
    _Atomic uint32_t *changes = waited_for(to_wake);
    to_wake = NULL;
    lock_release(&lock);
    wake_waiters(changes);
}

struct process *tree_find(int pid)
{
    struct process *process = processes[(unsigned)pid % CHAINS];
    while (process && process->pid != pid)
        process = process->next;
    return process;
}

struct task *tree_find_task(int tid)
{
    struct task *task = tasks[(unsigned)tid % CHAINS];
    while (task && task->tid != tid)
        task = task->next_id;
    return task;
}

long tree_each(long (*visit)(struct process *process, void *data), void *data)
{
    for (struct process *process = all, *next; process; process = next) {
        next = process->next_of_all;
        long result = visit(process, data);
        if (result)
            return result;
    }
    return 0;
}

static long has_number(struct process *process, void *number)
{
    return process->group == *(int *)number || process->session == *(int *)number;
}

int tree_id_used(int id)
{
    return tree_find(id) || tree_find_task(id) || tree_each(has_number, &id);
}

int tree_new_id(void)
{
    /* Until the numbers have gone round once, none was ever used. */
    static int again;
    for (;;) {
        if (++last_id >= PID_MAX) {
            last_id = 300; /* as Linux: low numbers are left to the system's first processes */
            again = 1;
        }
        if (!again || !tree_id_used(last_id))
            return last_id;
    }
}

static void link_child(struct process *process, struct process *parent)
{
    process->parent_process = parent;
    process->parent = parent ? parent->pid : 0;
    process->previous_sibling = 0;
    process->next_sibling = parent ? parent->first_child : 0;
    if (process->next_sibling)
        process->next_sibling->previous_sibling = process;
    if (parent)
        parent->first_child = process;
}

static void unlink_child(struct process *process)
{
    if (process->next_sibling)
        process->next_sibling->previous_sibling = process->previous_sibling;
    if (process->previous_sibling)
        process->previous_sibling->next_sibling = process->next_sibling;
    else if (process->parent_process)
        process->parent_process->first_child = process->next_sibling;
    process->parent_process = process->next_sibling = process->previous_sibling = 0;
}

void tree_add(struct process *process, struct process *parent)
{
    struct process **chain = &processes[(unsigned)process->pid % CHAINS];
    process->next = *chain;
    *chain = process;
    process->previous_of_all = NULL;
    process->next_of_all = all;
    if (all)
        all->previous_of_all = process;
    all = process;
    link_child(process, parent);
}

void tree_remove(struct process *process)
{
    struct process **at = &processes[(unsigned)process->pid % CHAINS];
    while (*at != process)
        at = &(*at)->next;
    *at = process->next;
    if (process->next_of_all)
        process->next_of_all->previous_of_all = process->previous_of_all;
    if (process->previous_of_all)
        process->previous_of_all->next_of_all = process->next_of_all;
    else
        all = process->next_of_all;
    unlink_child(process);
}

void tree_move(struct process *process, struct process *parent)
{
    unlink_child(process);
    link_child(process, parent);
}

void tree_add_task(struct task *task)
{
    struct task **chain = &tasks[(unsigned)task->tid % CHAINS];
    task->next_id = *chain;
    *chain = task;
    task_total++;
}

uint64_t tree_task_total(void)
{
    return task_total;
}

void tree_remove_task(struct task *task)
{
    struct task **at = &tasks[(unsigned)task->tid % CHAINS];
    while (*at && *at != task)
        at = &(*at)->next_id;
    if (*at) {
        *at = task->next_id;
        task_total--;
    }
}

struct group_search {
    int group, session;
    const struct process *leaving;
    const siginfo_t *info;
    int count;
};

static long in_session(struct process *process, void *data)
{
    const struct group_search *search = data;
    return process->group == search->group && process->session == search->session;
}

int tree_group_exists(int group, int session)
{
    struct group_search search = {.group = group, .session = session};
    return (int)tree_each(in_session, &search);
}

int tree_is_outside(const struct process *parent, const struct process *process)
{
    return parent && parent->pid != PID_INIT && parent->group != process->group &&
           parent->session == process->session;
}

static long has_outside_parent(struct process *process, void *data)
{
    const struct group_search *search = data;
    const struct process *parent = process->parent_process;
    return process->group == search->group && process != search->leaving &&
           process->state != PROCESS_ZOMBIE && parent != search->leaving &&
           tree_is_outside(parent, process);
}

int tree_group_orphaned(int group, const struct process *leaving)
{
    struct group_search search = {.group = group, .leaving = leaving};
    return !tree_each(has_outside_parent, &search);
}

void tree_signalled_many(struct process *process, int signal)
{
    for (struct forking *one = process->forking; one && signal; one = one->next)
        one->signals |= signal_bit(signal);
}

static long send_to_member(struct process *process, void *data)
{
    struct group_search *search = data;
    if (process->group != search->group)
        return 0;
    search->count++;
    if (process->state != PROCESS_ALIVE)
        return 0;
    signal_send_process(process, search->info);
    tree_signalled_many(process, search->info->si_signo);
    return 0;
}

int tree_signal_group(int group, const siginfo_t *info)
{
    struct group_search search = {.group = group, .info = info};
    tree_each(send_to_member, &search);
    return search.count;
}

void tree_wake_parent(struct process *parent)
{
    atomic_fetch_add(&parent->child_changes, 1);
    if (to_wake != parent)
        wake_waiters(waited_for(to_wake));
    to_wake = parent;
}

void tree_child_changed(struct process *process, int code, int status)
{
    struct process *parent = process->parent_process;
    process->wait_event = code;
    process->stop_signal = status;
    if (!parent)
        return;
    if (parent->state == PROCESS_ALIVE && !signal_no_child_stops(parent->actions)) {
        siginfo_t info = {.si_signo = SIGCHLD, .si_code = code};
        info.si_pid = process->pid;
        info.si_uid = process->credentials.uid;
        info.si_status = status;
        signal_send_process(parent, &info);
    }
    tree_wake_parent(parent);
}

struct process *tree_pin(struct task *task, int pid)
{
    if (!pid || pid == task->process->pid)
        return task->process;
    for (;;) {
        tree_lock();
        struct process *process = tree_find(pid);
        if (process && process->state != PROCESS_ALIVE)
            process = 0;
        int changing = process && process->changing;
        if (process && !changing)
            atomic_fetch_add(&process->pins, 1);
        tree_unlock();
        if (!changing)
            return process;
        host_call0(SYS_sched_yield);
    }
}

void tree_unpin(struct task *task, struct process *process)
{
    if (process != task->process)
        atomic_fetch_sub(&process->pins, 1);
}

void tree_wait_unpinned(struct process *process)
{
    /* Pins are held for microseconds. */
    while (atomic_load(&process->pins))
        host_call0(SYS_sched_yield);
}
