/* Host threads that run tasks. A thread whose task has ended waits for another one: starting a task
 * wakes it. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>

#include "microvisor/proc/proc.h"
#include "microvisor/proc/rights.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/futex.h"
#include "microvisor/time/timers.h"
#include "rt/fault.h"
#include "rt/host.h"
#include "rt/spare.h"

#ifdef LIND_SANITIZED
enum { STACK_SIZE = 1 << 20 };
#else
enum { STACK_SIZE = 1 << 17 };
#endif
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define FRAMES_ARE_COUNTED
#endif
#endif

struct worker {
    struct worker *next;    /* among the idle ones (rt/spare.h) */
    _Atomic uint32_t ready; /* futex: 0, SLEEPS while the thread sleeps, 1: a task was put here */
    struct task *task;
    struct spin spin;
};
enum { SLEEPS = 2 };

/* Threads that wait for a task. */
static struct spares idle = {.most = 64};

static void block_signals(int how)
{
    /* The kernel's set, which has the signals that libc keeps to itself, too. */
    uint64_t all = UINT64_MAX;
    host_call4(SYS_rt_sigprocmask, how, &all, 0, sizeof all);
}

/* Runs cage code until thread_leave. ThreadSanitizer counts calls on a stack of its own, where the
 * frames that thread_leave abandons would stay: after some ten thousand tasks it would overflow.
 * longjmp takes them off. */
static void enter(struct thread *thread)
{
#ifdef FRAMES_ARE_COUNTED
    jmp_buf here;
    if (!setjmp(here)) {
        thread_enter(thread);
        longjmp(here, 1);
    }
#else
    thread_enter(thread);
#endif
}

int task_run(struct task *task)
{
    struct thread *thread = &task->thread;
    if (fault_thread_start(thread)) {
        process_kill(task->process, SIGKILL);
    } else {
        task->cpu_before[0] = host_thread_cpu(0);
        task->cpu_before[1] = host_thread_cpu(1);
        atomic_store(&thread->host_id, (int)host_call0(SYS_gettid));
        task->rights = 0; /* a thread between tasks has lind-run's own */
        if (atomic_load(&task->process->rights))
            rights_carry(task);
        block_signals(SIG_UNBLOCK);
        do {
            task->reenter = 0;
            enter(thread);
        } while (task->reenter);
        /* Out of the window before this one's end is announced. The lists of locks are the
         * program's: a bad one faults, for which no signal may be blocked. */
        thread_forget(thread);
        futex_task_end(task);
        futex_owner_end(task);
        block_signals(SIG_BLOCK);
        signal_host_drain(); /* what came while this thread was on its way out */
        rights_leave();
    }
    int fit = !atomic_load(&task->rescheduled);
    task_end(task);
    return fit;
}

/* Waits for the next task. Returns 0 when the thread is not needed. */
static int wait_idle(struct worker *worker)
{
    atomic_store(&worker->ready, 0);
    int keep = spare_keep(&idle, worker);
    static const _Atomic uint32_t never = 0;
    uint32_t ready = 0;
    if (!keep || spin_wait(&worker->spin, &worker->ready, 0, &never))
        return keep;
    if (atomic_compare_exchange_strong(&worker->ready, &ready, SLEEPS))
        while (atomic_load(&worker->ready) == SLEEPS)
            host_call4(SYS_futex, &worker->ready, 128 /* WAIT, private */, SLEEPS, 0);
    return keep;
}

static void *worker_run(void *data)
{
    struct worker *worker = data;
    while (task_run(worker->task) && wait_idle(worker))
        ;
    free(worker);
    return NULL;
}

int host_thread_start(void *(*run)(void *data), void *data)
{
    const uint64_t all = UINT64_MAX; /* those that libc keeps to itself, too */
    uint64_t mask;
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    /* A new thread has its maker's mask and rights. */
    host_call4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, sizeof all);
    int from = rights_own();
    int error = pthread_create(&thread, &attributes, run, data);
    rights_back(from);
    host_call4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
    pthread_attr_destroy(&attributes);
    return error ? -EAGAIN : 0;
}

static int worker_create(struct task *task)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return -EAGAIN;
    worker->task = task;
    int error = host_thread_start(worker_run, worker);
    if (error)
        free(worker);
    return error;
}

int worker_start(struct task *task)
{
    /* A task begins with its maker's scheduling, as a new host thread does; those that wait have
     * that of lind-run. */
    if (atomic_load(&task->rescheduled))
        return worker_create(task);
    struct worker *worker = spare_take(&idle);
    if (!worker)
        return worker_create(task);
    worker->task = task;
    /* The worker may be gone by the time of the call: whoever is woken then looks and sleeps on. */
    if (atomic_exchange(&worker->ready, 1) == SLEEPS)
        host_call3(SYS_futex, &worker->ready, 129 /* WAKE, private */, 1);
    return 0;
}
