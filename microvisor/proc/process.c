/* Creating, running and freeing processes and their tasks. */
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
#include "microvisor/mm/memory.h"
#include "microvisor/proc/proc.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/timers.h"
#include "rt/fault.h"
#include "rt/host.h"
#include "rt/window.h"

/* Ids of cages and processes; never used again in one lind-run. */
static _Atomic uint64_t next_cage = 1;
static _Atomic int next_pid = 1;

/* Task structures are never given back to the host: the gate may look at a dead one (rt/thread.h). Free ones are linked through
 * thread.next. pool_lock is a leaf lock. */
static struct task *free_tasks;
static struct lock pool_lock;

static struct task *task_allocate(void)
{
    lock_acquire(&pool_lock);
    struct task *task = free_tasks;
    if (task)
        free_tasks = (struct task *)task->thread.next;
    lock_release(&pool_lock);
    if (!task)
        return aligned_alloc(64, (sizeof *task + 63) & ~63UL);
    return task;
}

static void task_free(struct task *task)
{
    lock_acquire(&pool_lock);
    task->thread.next = &free_tasks->thread;
    free_tasks = task;
    lock_release(&pool_lock);
}

/* The new process has the host user's ids and the host process's limits. */
static void inherit_host(struct process *process)
{
    struct credentials *credentials = &process->credentials;
    credentials->uid = credentials->suid = getuid();
    credentials->euid = credentials->fsuid = geteuid();
    credentials->gid = credentials->sgid = getgid();
    credentials->egid = credentials->fsgid = getegid();
    for (int i = 0; i < PROCESS_LIMITS; i++)
        getrlimit(i, &process->limits[i]);
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    process->start_time = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

struct task *process_create(struct descriptors *descriptors, struct place *place, int *error)
{
    struct process *process = calloc(1, sizeof *process);
    struct task *task = task_allocate();
    *error = -ENOMEM;
    if (!process || !task)
        goto no_task;
    memset(task, 0, sizeof *task);
    *error = window_reserve(&process->cage.base);
    if (*error)
        goto no_task;
    *error = -ENOMEM;
    process->memory = memory_create(process->cage.base);
    if (!process->memory)
        goto no_memory;
    process->actions = signal_actions_create();
    if (!process->actions)
        goto no_actions;
    process->timers = timers_create(process);
    if (!process->timers)
        goto no_timers;
    if (thread_prepare(&task->thread))
        goto no_thread;
    task->process = process;
    if (task_signals_start(task))
        goto no_signals;

    process->cage.id = atomic_fetch_add(&next_cage, 1);
    process->pid = process->group = process->session = atomic_fetch_add(&next_pid, 1);
    process->descriptors = descriptors;
    process->place = place;
    inherit_host(process);
    calls_fill(process->cage.handlers);

    task->tid = process->pid;
    task->thread.base = process->cage.base;
    task->thread.handlers = process->cage.handlers;
    task->thread.text = &process->cage.text;
    *error = 0;
    return task;

no_signals:
    thread_dispose(&task->thread);
no_thread:
    timers_destroy(process->timers);
no_timers:
    signal_actions_destroy(process->actions);
no_actions:
    memory_destroy(process->memory);
no_memory:
    window_release(process->cage.base);
no_task:
    if (task)
        task_free(task);
    free(process);
    return NULL;
}

int task_run(struct task *task)
{
    struct thread *thread = &task->thread;
    if (fault_thread_start(thread))
        return 125 << 8;
    atomic_store(&thread->host_id, (int)host_call0(SYS_gettid));
    thread_enter(thread);
    thread_forget(thread);
    atomic_store(&thread->host_id, 0);
    return task->process->exit_status;
}

void process_destroy(struct task *task)
{
    struct process *process = task->process;
    task_signals_end(task);
    thread_dispose(&task->thread);
    timers_destroy(process->timers);
    signal_actions_destroy(process->actions);
    memory_destroy(process->memory);
    window_release(process->cage.base);
    free(process->cage.text.targets);
    free(process->arguments);
    free(process->environment);
    free(process);
    task_free(task);
}
