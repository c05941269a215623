/* Making and freeing processes and tasks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/place.h"
#include "microvisor/fs/pool.h"
#include "microvisor/mm/memory.h"
#include "microvisor/proc/proc.h"
#include "microvisor/proc/rights.h"
#include "microvisor/proc/tree.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/clock.h"
#include "microvisor/time/timers.h"

/* Ids of cages; never used again in one lind-run. */
static _Atomic uint64_t next_cage = 1;

/* Task structures that are free, for later tasks; linked through next_id. pool_lock is a leaf lock. */
static struct task *free_tasks;
static struct lock pool_lock;

static struct task *task_allocate(void)
{
    lock_acquire(&pool_lock);
    struct task *task = free_tasks;
    if (task)
        free_tasks = task->next_id;
    lock_release(&pool_lock);
    if (!task)
        return aligned_alloc(64, (sizeof *task + 63) & ~63UL);
    return task;
}

void task_free(struct task *task)
{
    LOCKED(&pool_lock);
    task->next_id = free_tasks;
    free_tasks = task;
}

struct task *task_create(struct process *process, int tid, uint64_t mask, const char *name)
{
    struct task *task = task_allocate();
    if (!task)
        return NULL;
    memset(task, 0, sizeof *task);
    if (thread_prepare(&task->thread))
        goto no_thread;
    task->process = process;
    task->signals.mask = mask;
    task->thread.handlers = process->cage.handlers;
    if (process->space) {
        task->thread.base = process->space->base;
        task->thread.text = &process->space->text;
    }
    if (name)
        memcpy(task->name, name, sizeof task->name);
    tree_lock();
    task->tid = tid ? tid : tree_new_id();
    tree_unlock();
    if (task_signals_start(task)) /* from here on others see it */
        goto no_signals;
    tree_lock();
    tree_add_task(task);
    tree_unlock();
    atomic_fetch_add(&process->task_count, 1);
    return task;

no_signals:
    thread_dispose(&task->thread);
no_thread:
    task_free(task);
    return NULL;
}

void task_become_leader(struct task *task)
{
    TREE_LOCKED();
    tree_remove_task(task);
    signal_task_number(task, task->process->pid);
    tree_add_task(task);
}

void task_discard(struct task *task)
{
    tree_lock();
    tree_remove_task(task);
    tree_unlock();
    task_signals_end(task);
    thread_forget(&task->thread);
    thread_dispose(&task->thread);
    atomic_fetch_sub(&task->process->task_count, 1);
    task_free(task);
}

/* Their memory is never given back: who wakes waiters (tree.c) may come too late. */
static struct pool processes = POOL_OF(struct process);

void process_free(struct process *process)
{
    pool_give(&processes, process);
}

/* The new process has the host user's ids and the host process's limits. */
static void inherit_host(struct process *process)
{
    struct rlimit limit;
    rights_start(&process->credentials);
    for (int i = 0; i < PROCESS_LIMITS; i++)
        if (!getrlimit(i, &limit))
            process_set_limits(process, i, limit);
    process->start_time = clock_host(CLOCK_BOOTTIME);
}

/* Enters lind-run itself as process 1. Returns it, or NULL when out of memory. */
static struct process *init_create(void)
{
    struct process *process = pool_take(&processes);
    if (!process)
        return NULL;
    process->state = PROCESS_INIT;
    snprintf(process->name, sizeof process->name, "lind-run");
    process->start_time = clock_host(CLOCK_BOOTTIME);
    TREE_LOCKED();
    process->pid = process->group = process->session = tree_new_id();
    tree_add(process, NULL);
    return process;
}

struct task *process_create(struct descriptors *descriptors, struct place *place, int *error)
{
    struct process *init = init_create(), *process = init ? pool_take(&processes) : NULL;
    *error = -ENOMEM;
    if (!process)
        return NULL;
    process->actions = signal_actions_create();
    process->timers = timers_create(process);
    if (!process->actions || !process->timers)
        goto bad;
    process->cage.id = atomic_fetch_add(&next_cage, 1);
    process->descriptors = descriptors;
    process->place = place;
    inherit_host(process);
    calls_fill(process->cage.handlers);
    tree_lock();
    process->pid = process->group = process->session = tree_new_id();
    if (getsid(0) != getpid())
        process->session = init->session;
    tree_add(process, init);
    tree_unlock();
    struct task *task = task_create(process, process->pid, 0, NULL);
    if (task)
        return task;
    tree_lock();
    tree_remove(process);
    tree_unlock();
bad:
    if (process->timers)
        timers_destroy(process->timers);
    if (process->actions)
        signal_actions_destroy(process->actions);
    process_free(process);
    return NULL;
}

struct process *process_copy(struct process *from)
{
    struct process *process = pool_take(&processes);
    if (!process)
        return NULL;
    process->actions = signal_actions_fork(from->actions);
    process->timers = timers_create(process);
    process->place = place_copy(from->place);
    if (!process->actions || !process->timers || !process->place) {
        process_undo_copy(process);
        return NULL;
    }
    process->cage.id = atomic_fetch_add(&next_cage, 1);
    memcpy(process->cage.handlers, from->cage.handlers, sizeof from->cage.handlers);
    lock_acquire(&from->lock);
    process->credentials = from->credentials;
    atomic_init(&process->rights, atomic_load(&from->rights));
    memcpy(process->limits, from->limits, sizeof from->limits);
    process->options = from->options;
    memcpy(process->name, from->name, sizeof from->name);
    lock_release(&from->lock);
    process->executable = from->executable;
    atomic_fetch_add(&process->executable->users, 1);
    process->start_time = clock_host(CLOCK_BOOTTIME);
    return process;
}

struct task *process_beside(struct process *first)
{
    struct process *process = process_copy(first);
    if (!process)
        return NULL;
    process->descriptors = descriptors_copy(first->descriptors);
    if (!process->descriptors) {
        process_undo_copy(process);
        return NULL;
    }
    process->exit_signal = SIGCHLD;
    tree_lock();
    process->pid = process->group = tree_new_id();
    process->session = first->session;
    process->terminal = first->terminal;
    tree_add(process, first->parent_process);
    tree_unlock();
    process_started();
    return task_create(process, process->pid, 0, NULL);
}

void process_undo_copy(struct process *process)
{
    executable_put(process->executable);
    space_put(process->space);
    if (process->descriptors)
        descriptors_leave(process->descriptors);
    if (process->place)
        place_free(process->place);
    if (process->timers)
        timers_destroy(process->timers);
    if (process->actions)
        signal_actions_destroy(process->actions);
    process_free(process);
}

static void set_name(struct task *task, const char *path)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    snprintf(task->process->name, sizeof task->process->name, "%s", name);
    snprintf(task->name, sizeof task->name, "%s", name);
}

void process_adopt(struct task *task, const struct loaded *loaded, struct descriptors *own,
                   const char *name, int host_fd)
{
    struct process *process = task->process;
    struct space *old_space = process->space;
    struct executable *old_executable = process->executable;
    loaded->executable->fd = host_fd;

    tree_lock();
    process->changing = 1;
    tree_unlock();
    tree_wait_unpinned(process);
    thread_forget(&task->thread);
    process->space = loaded->space;
    process->memory = loaded->space->memory;
    process->cage.base = loaded->space->base;
    process->executable = loaded->executable;
    if (own) {
        struct descriptors *shared = process->descriptors;
        process->descriptors = own;
        own = shared;
    }
    set_name(task, name);
    tree_lock();
    process->changing = 0;
    process->has_execed = 1;
    tree_unlock();

    struct thread *thread = &task->thread;
    thread->base = loaded->space->base;
    thread->text = &loaded->space->text;
    thread_reset(thread);
    thread->regs.rip = loaded->entry;
    thread->regs.rsp = loaded->pointer;
    thread_set_pointer(thread, 0);
    space_put(old_space);
    executable_put(old_executable);
    if (own)
        descriptors_leave(own);
}
