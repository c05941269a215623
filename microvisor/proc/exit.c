/* The ends of tasks and processes (docs/processes.md). */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/place.h"
#include "microvisor/fs/terminal.h"
#include "microvisor/fs/unix_socket.h"
#include "microvisor/proc/proc.h"
#include "microvisor/proc/tree.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/timers.h"
#include "rt/host.h"

#define EXIT_STATUS(code) ((int)((code)&0xff) << 8)

/* Futexes of lind-run's main thread: the first program's end, and the number of processes that are
 * not zombies. */
static _Atomic uint32_t first_ended;
static int first_status;
static _Atomic uint32_t living = 1;
static _Atomic uint32_t living_most = 1;
static _Atomic uint64_t started = 1;

static void futex_wake(_Atomic uint32_t *word)
{
    host_call3(SYS_futex, word, 129 /* WAKE, private */, INT32_MAX);
}

static void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
    host_call4(SYS_futex, word, 128 /* WAIT, private */, value, 0);
}

void process_started(void)
{
    uint32_t now = atomic_fetch_add(&living, 1) + 1, most = atomic_load(&living_most);
    while (now > most && !atomic_compare_exchange_weak(&living_most, &most, now))
        ;
    atomic_fetch_add_explicit(&started, 1, memory_order_relaxed);
}

void process_totals(uint64_t *all, uint64_t *most)
{
    *all = atomic_load(&started);
    *most = atomic_load(&living_most);
}

void process_not_started(void)
{
    if (atomic_fetch_sub(&living, 1) == 1)
        futex_wake(&living);
}

void process_kill(struct process *process, int status)
{
    signal_end_tasks(process, status);
}

void process_exit(struct task *task, int status)
{
    process_kill(task->process, status);
    thread_leave(&task->thread);
}

void task_exit(struct task *task, int status)
{
    struct process *process = task->process;
    atomic_store(&task->exiting, 1);
    lock_acquire(&process->lock);
    /* The status of a process whose tasks end one by one is that of the last one, as in Linux since
     * 6.1. */
    if (!atomic_load(&process->exiting))
        process->exit_status = status;
    lock_release(&process->lock);
    thread_leave(&task->thread);
}

long call_exit(struct task *task, const uint64_t args[6])
{
    task_exit(task, EXIT_STATUS(args[0]));
}

long call_exit_group(struct task *task, const uint64_t args[6])
{
    process_exit(task, EXIT_STATUS(args[0]));
}

int process_end_others(struct task *task)
{
    struct process *process = task->process;
    if (atomic_exchange(&process->execing, 1))
        return -EAGAIN;
    signal_end_other_tasks(task);
    uint32_t count;
    while ((count = atomic_load(&process->task_count)) > 1)
        futex_wait(&process->task_count, count);
    atomic_store(&process->execing, 0);
    return atomic_load(&process->exiting) || atomic_load(&task->exiting) ? -EAGAIN : 0;
}

/* Gives up what the process holds. No task of it is left. */
static void process_release(struct process *process)
{
    tree_lock();
    process->state = PROCESS_ENDING;
    signal_host_forget(process->actions);
    tree_unlock();
    tree_wait_unpinned(process);
    uint64_t used[2] = {process_cpu_time(process, 0), process_cpu_time(process, 1)};
    tree_lock();
    process->used_cpu[0] = used[0];
    process->used_cpu[1] = used[1];
    tree_unlock();
    timers_destroy(process->timers);
    descriptors_leave(process->descriptors);
    circles_look(CIRCLES_ENDED);
    place_free(process->place);
    space_put(process->space);
    executable_put(process->executable);
    signal_actions_destroy(process->actions);
    process->timers = NULL;
    process->descriptors = NULL;
    process->place = NULL;
    process->space = NULL;
    process->memory = NULL;
    process->executable = NULL;
    process->actions = NULL;
}

static long kill_one(struct process *process, void *unused)
{
    if (process->state == PROCESS_ALIVE)
        process_kill(process, SIGKILL);
    return 0;
}

static long kill_in(struct process *process, void *space)
{
    if (process->space == space && process->state == PROCESS_ALIVE)
        process_kill(process, SIGKILL);
    return 0;
}

void process_end_space(const struct space *space)
{
    TREE_LOCKED();
    tree_each(kill_in, (void *)(uintptr_t)space);
}

/* POSIX exit(3): a group that becomes orphaned and has a stopped member gets SIGHUP and SIGCONT. */
static long is_stopped(struct process *process, void *group)
{
    return process->group == *(int *)group && process->state == PROCESS_ALIVE &&
           signal_stopped(process->actions);
}

static void orphaned(int group, int session, const struct process *leaving)
{
    siginfo_t hang_up = {.si_signo = SIGHUP, .si_code = SI_KERNEL};
    siginfo_t go_on = {.si_signo = SIGCONT, .si_code = SI_KERNEL};
    if (!tree_group_exists(group, session) || !tree_group_orphaned(group, leaving) ||
        !tree_each(is_stopped, &group))
        return;
    tree_signal_group(group, &hang_up);
    tree_signal_group(group, &go_on);
}

/* Sends the parent the signal that a process is a zombie. */
static void announce_end(const struct process *process)
{
    int status = process->exit_status;
    siginfo_t info = {.si_signo = process->exit_signal};
    if (!process->exit_signal ||
        (process->exit_signal == SIGCHLD &&
         signal_ignores_children(process->parent_process->actions)))
        return;
    info.si_code = status & 0x7f ? CLD_KILLED : CLD_EXITED;
    info.si_status = status & 0x7f ? status & 0x7f : status >> 8 & 0xff;
    info.si_pid = process->pid;
    info.si_uid = process->credentials.uid;
    info.si_utime = (long)(process->used_cpu[1] / 10000000);
    info.si_stime = (long)((process->used_cpu[0] - process->used_cpu[1]) / 10000000);
    signal_send_process(process->parent_process, &info);
}

/* Whether nobody will wait for a zombie: process 1 is its parent, or one that wants none. One that
 * is ending itself will pass it on. */
static int is_unwanted(const struct process *zombie)
{
    const struct process *parent = zombie->parent_process;
    return parent->state == PROCESS_INIT ||
           (parent->state == PROCESS_ALIVE && zombie->exit_signal == SIGCHLD &&
            signal_no_zombies(parent->actions));
}

/* Who gets the children of a process: the nearest ancestor that asked for such, or process 1. */
static struct process *heir_of(const struct process *process)
{
    struct process *heir = process->parent_process;
    while (heir->state != PROCESS_INIT && !(heir->state == PROCESS_ALIVE && heir->is_subreaper))
        heir = heir->parent_process;
    return heir;
}

/* Gives the children of a process that has ended to its heir. Returns those that are zombies and
 * nobody waits for, linked by next, out of the tree. */
static struct process *pass_children_on(struct process *process)
{
    struct process *unwanted = NULL;
    int changed = 0;
    if (!process->first_child)
        return NULL;
    struct process *heir = heir_of(process);
    for (struct process *child = process->first_child, *next; child; child = next) {
        next = child->next_sibling;
        tree_move(child, heir);
        child->exit_signal = SIGCHLD;
        if (child->state == PROCESS_ZOMBIE) {
            changed = 1;
            if (heir->state == PROCESS_ALIVE)
                announce_end(child);
            if (is_unwanted(child)) {
                tree_remove(child);
                child->next = unwanted;
                unwanted = child;
            }
            continue;
        }
        if (child->state != PROCESS_ALIVE)
            continue;
        if (child->parent_death_signal) {
            siginfo_t info = {.si_signo = child->parent_death_signal, .si_code = SI_USER};
            info.si_pid = process->pid;
            signal_send_process(child, &info);
        }
        if (tree_is_outside(process, child))
            orphaned(child->group, child->session, process);
    }
    if (changed)
        tree_wake_parent(heir);
    return unwanted;
}

/* Makes a zombie of a process that holds nothing any more, and tells its parent. Frees it if no
 * parent will. */
static void process_bury(struct process *process)
{
    tree_lock();
    if (process->pid == process->session)
        terminal_leader_ended(process);
    struct process *unwanted = pass_children_on(process), *parent = process->parent_process;
    process->state = PROCESS_ZOMBIE;
    process->wait_event = 0;
    int first = process->pid == PID_FIRST;
    if (tree_is_outside(parent, process))
        orphaned(process->group, process->session, process);
    if (first)
        first_status = process->exit_status;
    if (parent->state == PROCESS_ALIVE)
        announce_end(process);
    if (is_unwanted(process)) {
        tree_remove(process);
        process->next = unwanted;
        unwanted = process;
    }
    tree_wake_parent(parent);
    if (first)
        tree_each(kill_one, NULL);
    while (unwanted) {
        struct process *next = unwanted->next;
        process_free(unwanted);
        unwanted = next;
    }
    tree_unlock();
    if (first) {
        atomic_store(&first_ended, 1);
        futex_wake(&first_ended);
    }
    process_not_started();
}

void task_end(struct task *task)
{
    struct process *process = task->process;
    long priority = 20, policy = -1;
    int first = task->tid == process->pid;
    if (first)
        priority = host_call2(SYS_getpriority, PRIO_PROCESS, 0); /* 20 less the nice value */
    if (first && atomic_load(&task->rescheduled))
        policy = host_call1(SYS_sched_getscheduler, 0);
    tree_lock();
    if (first) {
        process->last_nice = priority > 0 ? 20 - (int)priority : 0;
        process->last_policy = (int)policy;
    }
    tree_remove_task(task);
    tree_unlock();
    task_signals_end(task);
    atomic_store(&task->thread.host_id, 0);
    thread_dispose(&task->thread);
    int last = atomic_fetch_sub(&process->task_count, 1) == 1;
    if (last) {
        process_release(process);
        vfork_done(process);
        process_bury(process);
    } else {
        futex_wake(&process->task_count);
    }
    task_free(task);
}

int processes_wait_all(void)
{
    enum { PATIENCE = 2 };
    const struct timespec limit = {PATIENCE, 0};
    uint32_t count;
    while (!atomic_load(&first_ended))
        futex_wait(&first_ended, 0);
    while ((count = atomic_load(&living)) != 0)
        if (host_call4(SYS_futex, &living, 128 /* WAIT, private */, count, &limit) == -ETIMEDOUT)
            break; /* something sleeps in the host: it ends with lind-run */
    return first_status;
}
