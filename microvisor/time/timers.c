/* The engine of timers.h.
 *
 * A timer is armed with an expiry in its clock's time. The thread of this file sleeps until the
 * first moment at which a timer may have expired, looks at its clock, and sends its signal. As in
 * Linux, an interval timer is armed again when its signal is taken (overruns are counted then), so
 * a program that does not take signals costs nothing; when the signal was ignored, or merged with
 * one that is pending, it is armed again at once but looked at a thousand times a second at most,
 * and less often if the process has many (attack row K14).
 *
 * CPU clocks have no sleep: a process with n tasks cannot use its remaining time up in less than an
 * nth of that, so that is when its clock is looked at next.
 *
 * Lock: timers_lock (internal.h). */
#include "microvisor/time/timers.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "microvisor/fs/file.h"
#include "microvisor/fs/pool.h"
#include "microvisor/proc/proc.h"
#include "microvisor/signal/internal.h"
#include "microvisor/time/clock.h"
#include "microvisor/time/internal.h"
#include "rt/host.h"

#define LOOK_LEAST (SECOND / 1000)
#define LOOKS_AT_ONCE 64 /* before others get the lock */
#define LOOK_IDLE_MOST (SECOND / 32)

struct lock timers_lock;
static int engine_started;              /* the thread runs */
static _Atomic uint32_t engine_changes; /* futex: the thread has to look again */
static _Atomic uint64_t engine_next =
    NEVER; /* CLOCK_MONOTONIC time until which the thread sleeps */

static long count_task(struct task *task, void *data)
{
    ++*(uint64_t *)data;
    return 0;
}

static uint64_t thread_cpu(int id, int user_only)
{
    enum { THREAD = 4, USER = 1, ALL = 2 };
    struct timespec time;
    unsigned clock = ~(unsigned)id << 3 | THREAD | (user_only ? USER : ALL);
    return host_call2(SYS_clock_gettime, (int)clock, &time) ? 0 : timespec_nanoseconds(&time);
}

uint64_t host_thread_cpu(int user_only)
{
    return thread_cpu(0, user_only);
}

uint64_t task_cpu_time(const struct task *task, int user_only)
{
    int id = atomic_load(&task->thread.host_id);
    if (!id) /* cpu_before is not there yet */
        return 0;
    uint64_t used = thread_cpu(id, user_only), before = task->cpu_before[user_only];
    return used > before ? used - before : 0;
}

struct cpu_sum {
    struct timers *timers;
    int user_only;
    uint64_t running, ended;
};

static long add_cpu_time(struct task *task, void *data)
{
    struct cpu_sum *sum = data;
    sum->running += task_cpu_time(task, sum->user_only);
    /* Read under the lock under which a task that ends goes from one sum to the other. */
    sum->ended = atomic_load(&sum->timers->ended[sum->user_only]);
    return 0;
}

uint64_t process_cpu_time(struct process *process, int user_only)
{
    /* `ended` as it stands if no task is left to be visited. */
    struct cpu_sum sum = {process->timers, user_only, 0,
                          atomic_load(&process->timers->ended[user_only])};
    signal_each_task(process, add_cpu_time, &sum);
    return sum.running + sum.ended;
}

void timers_task_ended(struct task *task)
{
    struct timers *timers = task->process->timers;
    for (int user_only = 0; timers && user_only < 2; user_only++)
        atomic_fetch_add(&timers->ended[user_only], task_cpu_time(task, user_only));
}

static long clock_of_task(struct task *task, void *data)
{
    struct timer *timer = data;
    if (task->tid != timer->owner)
        return 0;
    timer->seen_now = task_cpu_time(task, 0);
    return 1;
}

uint64_t timer_clock(struct process *process, struct timer *timer)
{
    switch (timer->clock) {
    case TIMER_CPU:
    case TIMER_CPU_USER:
        return process_cpu_time(process, timer->clock == TIMER_CPU_USER);
    case TIMER_CPU_TASK:
        /* A task that ended does not go on. */
        signal_each_task(process, clock_of_task, timer);
        return timer->seen_now;
    default:
        return clock_host(timer->clock);
    }
}

/* How long not to look at a timer that costs the engine time and its program none: all of a process
 * take as much of the engine's time as TIMER_PIECE. */
static uint64_t look_least(const struct timer *timer)
{
    return LOOK_LEAST * (1 + timer->timers->used / TIMER_PIECE);
}

/* When to look at an armed timer next, in CLOCK_MONOTONIC time. */
static uint64_t next_look(struct process *process, struct timer *timer, uint64_t now)
{
    if (timer->notify == SIGEV_NONE)
        return NEVER;
    uint64_t reading = timer_clock(process, timer), wait = 0;
    if (reading < timer->expiry)
        wait = timer->expiry - reading;
    if (timer->clock < 0) {
        uint64_t tasks = 0;
        signal_each_task(process, count_task, &tasks);
        if (tasks > 1 && timer->clock != TIMER_CPU_TASK)
            wait /= tasks;
        /* Less and less often while the process sleeps. */
        timer->idle = reading != timer->seen         ? look_least(timer)
                      : timer->idle < LOOK_IDLE_MOST ? timer->idle * 2
                                                     : timer->idle;
        timer->seen = reading;
        if (wait < timer->idle)
            wait = timer->idle;
    } else if (timer->clock == CLOCK_REALTIME && wait > SECOND) {
        wait = SECOND; /* the host may set this clock */
    }
    return wait > INT64_MAX - now ? NEVER - 1 : now + wait;
}

static void engine_wake(void)
{
    atomic_fetch_add(&engine_changes, 1);
    host_call3(SYS_futex, &engine_changes, 129 /* WAKE, private */, 1);
}

void timer_schedule(struct process *process, struct timer *timer, uint64_t not_before)
{
    uint64_t now = clock_host(CLOCK_MONOTONIC);
    uint64_t look = timer->armed ? next_look(process, timer, now) : NEVER;
    timer_look_at(timer, look < not_before ? not_before : look);
    if (timer->look < atomic_load(&engine_next))
        engine_wake();
}

/* Moves an interval timer's expiry to the first one after its clock's reading. Returns how many it
 * passed over. */
static uint64_t advance(struct timer *timer, uint64_t reading)
{
    if (reading < timer->expiry)
        return 0;
    uint64_t passed = (reading - timer->expiry) / timer->interval;
    timer->expiry += (passed + 1) * timer->interval;
    return passed;
}

/* The soft limit of RLIMIT_CPU was reached, or another second after it. */
static int cpu_limit_signal(struct process *process, uint64_t reading)
{
    return reading / SECOND >= atomic_load(&process->limits[RLIMIT_CPU].hard) ? SIGKILL : SIGXCPU;
}

static long find_task(struct task *task, void *data)
{
    struct timer *timer = data;
    if (task->tid != timer->target)
        return 0;
    timer->target_task = task;
    return 1;
}

static void expire(struct timer *timer, uint64_t reading, uint64_t now)
{
    struct process *process = timer->timers->process;
    uint32_t number = timer->number;
    siginfo_t info = {.si_signo = timer->signal, .si_code = SI_KERNEL};
    if (number >= TIMER_POSIX) {
        info.si_code = SI_TIMER;
        info.si_timerid = (int)(number - TIMER_POSIX);
        info.si_value.sival_ptr = (void *)timer->value;
    } else if (number == TIMER_CPU_LIMIT) {
        info.si_signo = cpu_limit_signal(process, reading);
    }
    timer->target_task = NULL;
    if (timer->target)
        signal_each_task(process, find_task, timer);
    int sent = !timer->target || timer->target_task
                   ? signal_send(process, timer->target_task, &info, number + 1)
                   : -ESRCH;
    if (!timer->interval) {
        timer->armed = 0;
        timer->queued = !sent;
        timer_look_at(timer, NEVER);
    } else if (!sent && number != TIMER_CPU_LIMIT) {
        timer->queued = 1;
        timer_look_at(timer, NEVER); /* until the signal is taken */
    } else {
        timer->overrun += advance(timer, reading) + 1;
        uint64_t look = next_look(process, timer, now);
        uint64_t least = now + look_least(timer);
        timer_look_at(timer, look < least ? least : look);
    }
}

int timers_signal_taken(struct process *process, uint32_t number)
{
    uint64_t overrun = 0;
    LOCKED(&timers_lock);
    /* A signal may outlive its timer. */
    struct timer *timer = number < TIMER_POSIX
                              ? &process->timers->timer[number]
                              : timer_find(process->timers, number - TIMER_POSIX);
    if (timer && timer->queued) {
        timer->queued = 0;
        if (timer->armed && timer->interval)
            timer->overrun += advance(timer, timer_clock(process, timer));
        overrun = timer->overrun > INT_MAX ? INT_MAX : timer->overrun;
        timer->last_overrun = (int)overrun;
        timer->overrun = 0;
        timer_schedule(process, timer, 0);
    }
    return (int)overrun;
}

/* Gives the lock to others, who would not get it from a thread that takes it again at once. */
static void engine_release(void)
{
    const struct timespec moment = {0, 20000};
    int wanted = atomic_load(&timers_lock.state) == 2;
    lock_release(&timers_lock);
    if (wanted)
        host_call2(SYS_nanosleep, &moment, 0);
}

static void *engine_run(void *unused)
{
    for (;;) {
        uint32_t changes = atomic_load(&engine_changes);
        uint64_t now = clock_host(CLOCK_MONOTONIC);
        struct timer *timer;
        lock_acquire(&timers_lock);
        for (unsigned looks = 1; (timer = timers_first()) && timer->look <= now; looks++) {
            uint64_t reading = timer_clock(timer->timers->process, timer);
            if (reading >= timer->expiry)
                expire(timer, reading, now);
            else
                timer_look_at(timer, next_look(timer->timers->process, timer, now));
            if (looks % LOOKS_AT_ONCE == 0) {
                engine_release();
                lock_acquire(&timers_lock);
            }
        }
        uint64_t next = timer ? timer->look : NEVER;
        atomic_store(&engine_next, next);
        engine_release();
        struct timespec end = timespec_of(next);
        host_call6(SYS_futex, (uint64_t)&engine_changes, 9 | 128 /* WAIT_BITSET, private */,
                   changes, next == NEVER ? 0 : (uint64_t)&end, 0, UINT32_MAX);
    }
    return NULL;
}

/* Starts the engine's thread. The lock is held. Returns 0 or -EAGAIN. Uses libc. */
int timers_engine_start(void)
{
    if (!engine_started) {
        int error = host_thread_start(engine_run, NULL);
        if (error)
            return error;
        engine_started = 1;
    }
    return 0;
}

/* The timer with an id, used or not; it is less than timers->room. */
static struct timer *posix_timer(struct timers *timers, uint32_t id)
{
    int piece = 31 - __builtin_clz(id / TIMER_PIECE + 1);
    return &timers->piece[piece][id - TIMER_PIECE * ((1U << piece) - 1)];
}

static uint64_t piece_size(int piece)
{
    return ((uint64_t)TIMER_PIECE << piece) * sizeof(struct timer);
}

struct timer *timer_find(struct timers *timers, uint32_t id)
{
    struct timer *timer = id < timers->room ? posix_timer(timers, id) : NULL;
    return timer && timer->used ? timer : NULL;
}

struct timer *timer_new(struct timers *timers)
{
    uint32_t id = timers->first_free;
    while (id < timers->room && posix_timer(timers, id)->used)
        id++;
    timers->first_free = id;
    if (id == timers->room) {
        int piece = 31 - __builtin_clz(id / TIMER_PIECE + 1);
        if (piece == TIMER_PIECES || !(timers->piece[piece] = file_pages(piece_size(piece))))
            return NULL;
        timers->room += TIMER_PIECE << piece;
    }
    struct timer *timer = posix_timer(timers, id);
    *timer = (struct timer){
        .used = 1, .timers = timers, .number = TIMER_POSIX + id, .look = NEVER};
    timers->used++;
    signal_room_take(timers->process);
    return timer;
}

void timer_free(struct timer *timer)
{
    struct timers *timers = timer->timers;
    uint32_t id = timer->number - TIMER_POSIX;
    timer_look_at(timer, NEVER);
    *timer = (struct timer){0};
    timers->used--;
    if (id < timers->first_free)
        timers->first_free = id;
    signal_room_give(timers->process);
}

static struct pool pool = POOL_OF(struct timers);

struct timers *timers_create(struct process *process)
{
    struct timers *timers = pool_take(&pool);
    if (!timers)
        return NULL;
    timers->process = process;
    static const int clocks[] = {CLOCK_MONOTONIC, TIMER_CPU_USER, TIMER_CPU, TIMER_CPU};
    static const int signals[] = {SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU};
    for (int i = 0; i < TIMER_POSIX; i++) {
        timers->timer[i].timers = timers;
        timers->timer[i].number = (uint32_t)i;
        timers->timer[i].look = NEVER;
        timers->timer[i].clock = clocks[i];
        timers->timer[i].signal = signals[i];
    }
    return timers;
}

void timers_exec(struct timers *timers)
{
    lock_acquire(&timers_lock);
    for (uint32_t id = 0; timers->used && id < timers->room; id++) {
        struct timer *timer = timer_find(timers, id);
        if (timer)
            timer_free(timer);
    }
    for (int i = 0; i < TIMER_PIECES; i++)
        if (timers->piece[i]) {
            file_pages_free(timers->piece[i], piece_size(i));
            timers->piece[i] = NULL;
        }
    timers->room = timers->first_free = 0;
    lock_release(&timers_lock);
}

void timers_destroy(struct timers *timers)
{
    timers_exec(timers);
    lock_acquire(&timers_lock);
    for (int i = 0; i < TIMER_POSIX; i++)
        timer_look_at(&timers->timer[i], NEVER);
    lock_release(&timers_lock);
    pool_give(&pool, timers);
}

void timers_cpu_limit_changed(struct process *process)
{
    struct timer *timer = &process->timers->timer[TIMER_CPU_LIMIT];
    LOCKED(&timers_lock);
    /* Of two changes at a time the later one counts for both: whoever comes here last sees it. */
    rlim_t limit = process_limit(process, RLIMIT_CPU);
    timer->armed = limit < INT64_MAX / SECOND && !timers_engine_start();
    timer->expiry = limit * SECOND;
    timer->interval = SECOND;
    timer_schedule(process, timer, 0);
}
