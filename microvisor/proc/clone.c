/* clone, clone3, fork, vfork: new tasks and new processes. */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/mm/memory.h"
#include "microvisor/proc/proc.h"
#include "microvisor/proc/tree.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/timers.h"
#include "rt/host.h"
#include "rt/load.h"

/* What is asked for. */
struct request {
    uint64_t flags;
    int exit_signal;
    uint64_t stack; /* the new stack pointer; 0: the caller's */
    uint64_t parent_tid, child_tid, pointer;
};

/* A parent in clone(CLONE_VFORK). On its stack; the child points to it. */
struct vfork {
    _Atomic uint32_t done; /* futex: 0, SLEEPS while the parent sleeps, 1 */
};
enum { SLEEPS = 2 };

#define NAMESPACES                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET | CLONE_NEWTIME)

/* Errors as clone(2), and what cages do not have: name spaces (EPERM, as without privileges); and
 * sharing the place or the actions between processes (EINVAL). */
static int check(const struct request *request)
{
    uint64_t flags = request->flags;
    int same_process = (flags & CLONE_THREAD) != 0;
    if (flags & NAMESPACES)
        return -EPERM;
    if ((flags & CLONE_SIGHAND && !(flags & CLONE_VM)) ||
        (same_process && !(flags & CLONE_SIGHAND)))
        return -EINVAL;
    if (same_process ? !(flags & CLONE_FILES) || !(flags & CLONE_FS)
                     : (flags & (CLONE_SIGHAND | CLONE_FS)) != 0)
        return -EINVAL;
    if (flags & CLONE_PIDFD || request->exit_signal < 0 || request->exit_signal > 64)
        return -EINVAL;
    return 0;
}

/* Whether one more task keeps within RLIMIT_NPROC, which counts all tasks of the user in this
 * lind-run. */
static long count_user(struct process *process, void *data)
{
    struct process *one = ((struct process **)data)[0];
    if (process->credentials.uid == one->credentials.uid)
        ((uint64_t *)data)[1] += atomic_load(&process->task_count);
    return 0;
}

static int within_limit(struct process *process)
{
    uint64_t limit = process_limit(process, RLIMIT_NPROC);
    struct {
        struct process *process;
        uint64_t count;
    } search = {process, 0};
    if (limit >= PID_MAX)
        return 1;
    TREE_LOCKED();
    if (tree_task_total() < limit)
        return 1; /* whoever they belong to */
    tree_each(count_user, &search);
    return search.count < limit;
}

/* The child's registers: the caller's, but for the result, and the stack pointer if another was
 * given. */
static void copy_registers(struct task *child, const struct task *task, uint64_t stack)
{
    child->thread.regs = task->thread.regs;
    child->thread.regs.rax = 0;
    child->thread.regs.number = UINT64_MAX;
    if (stack)
        child->thread.regs.rsp = (uint32_t)stack;
    memcpy(child->thread.xsave, task->thread.xsave, xsave_size());
    atomic_store(&child->rescheduled, atomic_load(&task->rescheduled));
    /* What was sent to it before it could be woken is seen first of all. */
    atomic_fetch_or(&child->thread.pending, PENDING_SIGNAL);
}

/* The words that the caller asked to be written, and the thread pointer. */
static int start_words(struct task *task, struct task *child, const struct request *request)
{
    uint64_t pointer = request->pointer;
    uint64_t base = child->thread.base;
    if (!(request->flags & CLONE_SETTLS))
        pointer = task->thread.pointer;
    int error = thread_set_pointer(&child->thread, pointer);
    if (error)
        return error;
    /* As in Linux, it is no error if these cannot be written. */
    if (request->flags & CLONE_PARENT_SETTID)
        copyout_window(task->thread.base, request->parent_tid, &child->tid, sizeof child->tid);
    if (request->flags & CLONE_CHILD_SETTID)
        copyout_window(base, request->child_tid, &child->tid, sizeof child->tid);
    if (request->flags & CLONE_CHILD_CLEARTID)
        child->clear_child_tid = request->child_tid;
    return 0;
}

static long clone_thread(struct task *task, const struct request *request)
{
    char name[16];
    task_get_name(task, name);
    struct task *child = task_create(task->process, 0, task->signals.mask, name);
    if (!child)
        return -EAGAIN;
    descriptors_share(task->process->descriptors);
    copy_registers(child, task, request->stack);
    int tid = child->tid, error = start_words(task, child, request);
    /* A task that was not there when the others were told to end. */
    if (!error && (atomic_load(&task->process->exiting) || atomic_load(&task->exiting)))
        error = -EAGAIN;
    if (!error)
        error = worker_start(child);
    if (!error)
        return tid;
    task_discard(child);
    return error;
}

/* The child's space: a copy of the parent's, or the same. */
static int give_space(struct process *child, struct process *from, uint64_t flags)
{
    int error = 0;
    if (flags & CLONE_VM) {
        child->space = from->space;
        atomic_fetch_add(&child->space->users, 1);
    } else {
        child->space = space_create(from->space->image, from->space->gate, &error);
        if (!child->space)
            return error;
        int others = atomic_load(&from->task_count) > 1;
        if (atomic_load(&from->space->users) > 1)
            others = -1;
        error = space_copy(child->space, from->space, others);
        if (error)
            return error;
    }
    child->memory = child->space->memory;
    child->cage.base = child->space->base;
    return 0;
}

static int give_descriptors(struct process *child, struct process *from, uint64_t flags)
{
    if (flags & CLONE_FILES) {
        child->descriptors = from->descriptors;
        descriptors_share(child->descriptors);
        atomic_fetch_add(&child->descriptors->users, 1);
        return 0;
    }
    child->descriptors = descriptors_copy(from->descriptors);
    return child->descriptors ? 0 : -ENOMEM;
}

void vfork_done(struct process *child)
{
    tree_lock();
    struct vfork *vfork = child->vfork;
    child->vfork = NULL;
    int sleeps = vfork && atomic_exchange(&vfork->done, 1) == SLEEPS;
    tree_unlock();
    /* The parent may be gone on already, and its stack with `done`: nobody waits there then. */
    if (sleeps)
        host_call3(SYS_futex, &vfork->done, 129 /* WAKE, private */, 1);
}

/* Waits until the child has left this space, or this task is to end. Only that interrupts the wait.
 */
static void vfork_wait(struct task *task, int pid, struct vfork *vfork)
{
    uint32_t done = 0;
    if (!spin_wait(&task->vfork_spin, &vfork->done, 0, (const _Atomic uint32_t *)&task->exiting)) {
        atomic_compare_exchange_strong(&vfork->done, &done, SLEEPS);
        signal_sleep(task, &vfork->done, SLEEPS);
    }
    TREE_LOCKED();
    struct process *child = tree_find(pid);
    if (child && child->vfork == vfork)
        child->vfork = NULL;
}

static void forking_begin(struct process *process, struct forking *forking)
{
    *forking = (struct forking){0};
    TREE_LOCKED();
    forking->next = process->forking;
    process->forking = forking;
}

/* The tree lock is held. */
static void forking_end(struct process *process, const struct forking *forking)
{
    struct forking **at = &process->forking;
    while (*at != forking)
        at = &(*at)->next;
    *at = forking->next;
}

/* A child that did not come to be. */
static long forking_failed(struct process *from, const struct forking *forking,
                           struct process *process, long error)
{
    tree_lock();
    forking_end(from, forking);
    tree_unlock();
    if (process)
        process_undo_copy(process);
    return error;
}

/* What was sent to a group while one of its members, whose actions or mask leave it alive, made
 * this process. */
static void send_delayed(struct process *process, uint64_t signals)
{
    for (int signal = 1; signals; signal++, signals >>= 1) {
        const siginfo_t info = {.si_signo = signal, .si_code = SI_USER};
        if (signals & 1)
            signal_send_process(process, &info);
    }
}

static long clone_process(struct task *task, const struct request *request)
{
    struct process *from = task->process;
    struct forking forking;
    forking_begin(from, &forking);
    if (signal_pending(task))
        return forking_failed(from, &forking, NULL, signal_interrupted(task, RESTART_NOINTR));
    struct process *process = process_copy(from);
    struct vfork vfork = {0};
    if (!process)
        return forking_failed(from, &forking, NULL, -ENOMEM);
    for (size_t i = 0; i < HOST_RANGES; i++)
        atomic_store(&task->thread.host_ranges[i], 0);
    int error = give_space(process, from, request->flags);
    if (!error)
        error = give_descriptors(process, from, request->flags);
    if (error)
        return forking_failed(from, &forking, process, error);
    process->exit_signal = request->exit_signal;
    process->vfork = request->flags & CLONE_VFORK ? &vfork : NULL;
    tree_lock();
    /* The process' end, or a signal that it has yet to deal with: no child may miss these. */
    if (atomic_load(&from->exiting) || (forking.signals && signal_pending(task))) {
        tree_unlock();
        return forking_failed(from, &forking, process, signal_interrupted(task, RESTART_NOINTR));
    }
    forking_end(from, &forking);
    process->pid = tree_new_id();
    process->group = from->group;
    process->session = from->session;
    process->terminal = from->terminal;
    tree_add(process, request->flags & CLONE_PARENT ? from->parent_process : from);
    send_delayed(process, forking.signals);
    tree_unlock();
    process_started();
    char name[16];
    task_get_name(task, name);
    struct task *child = task_create(process, process->pid, task->signals.mask, name);
    int pid = process->pid;
    error = child ? 0 : -EAGAIN;
    if (child) {
        copy_registers(child, task, request->stack);
        child->signals.stack_address = request->flags & CLONE_VM ? 0 : task->signals.stack_address;
        child->signals.stack_size = request->flags & CLONE_VM ? 0 : task->signals.stack_size;
        child->signals.stack_flags = task->signals.stack_flags;
        if (!(request->flags & CLONE_VM))
            child->robust_list = 0;
        if (process_limit(process, RLIMIT_CPU) != RLIM_INFINITY)
            timers_cpu_limit_changed(process);
        error = start_words(task, child, request);
        if (!error)
            error = worker_start(child);
    }
    if (!error && request->flags & CLONE_VFORK)
        vfork_wait(task, pid, &vfork);
    if (!error)
        return pid;
    if (child)
        task_discard(child);
    tree_lock();
    tree_remove(process);
    tree_unlock();
    process_not_started();
    process_undo_copy(process);
    return error;
}

static long clone_as_asked(struct task *task, const struct request *request)
{
    int error = check(request);
    if (error)
        return error;
    if (!within_limit(task->process))
        return -EAGAIN;
    return request->flags & CLONE_THREAD ? clone_thread(task, request)
                                         : clone_process(task, request);
}

/* The child gets the caller's vector state, which only a hot function sees: it is kept in the task
 * before anything else runs. */
NO_SANITIZER static long go_cold(struct task *task, const uint64_t args[6],
                                 handler_function *function)
{
    thread_save_vectors(&task->thread);
    return handler_cold(&task->thread, args, (void *)(uintptr_t)function);
}

static long clone_cold(struct thread *thread, const uint64_t args[6], void *unused)
{
    const struct request request = {.flags = (uint32_t)args[0] & ~(uint64_t)CSIGNAL,
                                    .exit_signal = (int)(args[0] & CSIGNAL),
                                    .stack = args[1],
                                    .parent_tid = args[2],
                                    .child_tid = args[3],
                                    .pointer = args[4]};
    return clone_as_asked(task_of(thread), &request);
}

NO_SANITIZER long call_clone(struct task *task, const uint64_t args[6])
{
    return go_cold(task, args, clone_cold);
}

NO_SANITIZER long call_fork(struct task *task, const uint64_t args[6])
{
    const uint64_t same[6] = {SIGCHLD};
    return go_cold(task, same, clone_cold);
}

NO_SANITIZER long call_vfork(struct task *task, const uint64_t args[6])
{
    const uint64_t same[6] = {CLONE_VFORK | CLONE_VM | SIGCHLD};
    return go_cold(task, same, clone_cold);
}

static long clone3_cold(struct thread *thread, const uint64_t args[6], void *unused)
{
    struct task *task = task_of(thread);
    struct clone_args words = {0};
    if (args[1] < CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    int error = task_copyin_growing(task, &words, sizeof words, args[0], args[1]);
    if (error)
        return error;
    if (words.flags >> 32 || words.flags & (CLONE_DETACHED | CSIGNAL) || words.set_tid_size ||
        words.exit_signal > 64 || !words.stack != !words.stack_size)
        return -EINVAL;
    const struct request request = {.flags = words.flags,
                                    .exit_signal = (int)words.exit_signal,
                                    .stack = words.stack ? words.stack + words.stack_size : 0,
                                    .parent_tid = words.parent_tid,
                                    .child_tid = words.child_tid,
                                    .pointer = words.tls};
    return clone_as_asked(task, &request);
}

NO_SANITIZER long call_clone3(struct task *task, const uint64_t args[6])
{
    return go_cold(task, args, clone3_cold);
}
