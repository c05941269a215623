/* alarm, getitimer, setitimer and the calls on POSIX timers. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "microvisor/proc/proc.h"
#include "microvisor/proc/tree.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/clock.h"
#include "microvisor/time/internal.h"

/* Nanoseconds. value 0: not armed. */
struct setting {
    uint64_t interval, value;
};

static struct setting get(struct process *process, struct timer *timer)
{
    struct setting setting = {timer->interval, 0};
    if (!timer->armed)
        return setting;
    uint64_t reading = timer_clock(process, timer), expiry = timer->expiry;
    if (reading >= expiry && timer->interval)
        expiry += ((reading - expiry) / timer->interval + 1) * timer->interval;
    /* Expired, but its signal is not sent yet: not 0, which would say that it is not armed. */
    setting.value = reading < expiry ? expiry - reading : timer->notify == SIGEV_NONE ? 0 : 1;
    return setting;
}

/* Arms or disarms, with the lock held. Returns 0 or -EAGAIN when there is no thread to be had. */
static int set(struct process *process, struct timer *timer, const struct setting *new,
               int absolute, struct setting *old)
{
    int error = 0;
    *old = get(process, timer);
    if (new->value)
        error = timers_engine_start();
    if (!error) {
        timer->armed = new->value != 0;
        timer->interval = new->interval;
        timer->expiry = absolute ? new->value : new->value + timer_clock(process, timer);
        if (timer->expiry > INT64_MAX)
            timer->expiry = INT64_MAX;
        timer->queued = 0;
        timer->overrun = 0;
        timer->last_overrun = 0;
        timer->idle = 0;
        timer_schedule(process, timer, 0);
    }
    return error;
}

/* One of setitimer's. */
static int set_interval(struct process *process, uint64_t which, const struct setting *new,
                        struct setting *old)
{
    LOCKED(&timers_lock);
    return set(process, &process->timers->timer[which], new, 0, old);
}

static int timeval_get(const struct timeval *time, uint64_t *nanoseconds)
{
    if (time->tv_sec < 0 || (uint64_t)time->tv_usec >= 1000000)
        return -EINVAL;
    const struct timespec same = {time->tv_sec, time->tv_usec * 1000};
    *nanoseconds = timespec_nanoseconds(&same);
    return 0;
}

static int put_itimer(struct task *task, uint64_t to, const struct setting *setting)
{
    struct itimerval value = {timeval_of(setting->interval), timeval_of(setting->value)};
    if (setting->value && !value.it_value.tv_sec && !value.it_value.tv_usec)
        value.it_value.tv_usec = 1; /* armed is not 0 */
    return task_copyout(task, to, &value, sizeof value);
}

long call_getitimer(struct task *task, const uint64_t args[6])
{
    if (args[0] > ITIMER_PROF)
        return -EINVAL;
    lock_acquire(&timers_lock);
    struct setting setting = get(task->process, &task->process->timers->timer[args[0]]);
    lock_release(&timers_lock);
    return put_itimer(task, args[1], &setting);
}

long call_setitimer(struct task *task, const uint64_t args[6])
{
    struct itimerval value = {0};
    struct setting new, old;
    /* Linux takes a null pointer for a disarmed timer. */
    if (args[1] && task_copyin(task, &value, args[1], sizeof value))
        return -EFAULT;
    if (args[0] > ITIMER_PROF || timeval_get(&value.it_interval, &new.interval) ||
        timeval_get(&value.it_value, &new.value))
        return -EINVAL;
    int error = set_interval(task->process, args[0], &new, &old);
    if (error)
        return error;
    return args[2] ? put_itimer(task, args[2], &old) : 0;
}

long call_alarm(struct task *task, const uint64_t args[6])
{
    uint64_t seconds = (uint32_t)args[0] > INT_MAX ? INT_MAX : (uint32_t)args[0];
    struct setting new = {0, seconds * SECOND}, old;
    int error = set_interval(task->process, ITIMER_REAL, &new, &old);
    if (error)
        return error;
    uint64_t left = old.value / SECOND, rest = old.value % SECOND;
    return (long)(left + ((!left && rest) || rest >= SECOND / 2));
}

static long match_tid(struct task *task, void *data)
{
    return task->tid == *(int *)data;
}

/* What a timer runs on. Returns 0 or an error. */
static int choose_clock(struct task *task, int clock, struct timer *timer)
{
    enum { KIND = 3, KIND_USER = 1, THREAD = 4 };
    uint64_t unused;
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_TAI:
        timer->clock = clock;
        return 0;
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
        return -EPERM; /* wakes the machine: CAP_WAKE_ALARM */
    case CLOCK_PROCESS_CPUTIME_ID:
        timer->clock = TIMER_CPU;
        return 0;
    case CLOCK_THREAD_CPUTIME_ID:
        timer->clock = TIMER_CPU_TASK;
        timer->owner = task->tid;
        return 0;
    default:
        if (clock >= 0)
            return clock <= CLOCK_TAI ? -EOPNOTSUPP : -EINVAL;
    }
    if (clock_read(task, clock, &unused))
        return -EINVAL;
    timer->clock = clock & THREAD                ? TIMER_CPU_TASK
                   : (clock & KIND) == KIND_USER ? TIMER_CPU_USER
                                                 : TIMER_CPU;
    timer->owner = ~(clock >> 3) ? ~(clock >> 3) : task->tid;
    return 0;
}

struct event { /* struct sigevent */
    uint64_t value;
    int32_t signal, notify, tid, unused[11];
};

static int choose_notification(struct task *task, const struct event *event, struct timer *timer)
{
    int tid = event->tid;
    switch (event->notify) {
    case SIGEV_THREAD_ID:
        if (!signal_each_task(task->process, match_tid, &tid))
            return -EINVAL;
        timer->target = tid;
        break;
    case SIGEV_SIGNAL:
    case SIGEV_THREAD:
        break;
    case SIGEV_NONE:
        timer->notify = SIGEV_NONE;
        timer->value = event->value;
        return 0;
    default:
        return -EINVAL;
    }
    if (event->signal < 1 || event->signal > 64)
        return -EINVAL;
    timer->notify = event->notify;
    timer->signal = event->signal;
    timer->value = event->value;
    return 0;
}

/* As in Linux, a timer takes one of the signals that its user may have queued. */
struct user_signals {
    uint32_t uid;
    uint64_t queued;
};

static long count_signals(struct process *process, void *data)
{
    struct user_signals *user = data;
    if (process->state == PROCESS_ALIVE && process->credentials.uid == user->uid)
        user->queued += signal_queued(process);
    return 0;
}

static int within_limit(struct process *process)
{
    struct user_signals user = {.uid = process->credentials.uid};
    TREE_LOCKED();
    tree_each(count_signals, &user);
    return user.queued < process_limit(process, RLIMIT_SIGPENDING);
}

/* Copies what was chosen to a new timer. Returns its id or -EAGAIN. */
static int32_t make_timer(struct process *process, const struct timer *chosen, int value_is_id)
{
    LOCKED(&timers_lock);
    struct timer *timer = timer_new(process->timers);
    if (!timer)
        return -EAGAIN;
    int32_t id = (int32_t)(timer->number - TIMER_POSIX);
    timer->clock = chosen->clock;
    timer->notify = chosen->notify;
    timer->signal = chosen->signal;
    timer->target = chosen->target;
    timer->owner = chosen->owner;
    timer->value = value_is_id ? (uint64_t)id : chosen->value;
    return id;
}

long call_timer_create(struct task *task, const uint64_t args[6])
{
    struct event event = {.signal = SIGALRM};
    struct timer timer = {0};
    if (args[1] && task_copyin(task, &event, args[1], sizeof event))
        return -EFAULT;
    int error = choose_clock(task, (int)args[0], &timer);
    if (!error)
        error = choose_notification(task, &event, &timer);
    if (error)
        return error;
    int32_t id = within_limit(task->process) ? make_timer(task->process, &timer, !args[1]) : -EAGAIN;
    if (id < 0)
        return id;
    if (!task_copyout(task, args[2], &id, sizeof id))
        return 0;
    const uint64_t made[6] = {(uint32_t)id};
    call_timer_delete(task, made);
    return -EFAULT;
}

static int put_itimerspec(struct task *task, uint64_t to, const struct setting *setting)
{
    const struct itimerspec value = {timespec_of(setting->interval), timespec_of(setting->value)};
    return task_copyout(task, to, &value, sizeof value);
}

long call_timer_settime(struct task *task, const uint64_t args[6])
{
    struct itimerspec value;
    struct setting old;
    if (!args[2])
        return -EINVAL;
    if (task_copyin(task, &value, args[2], sizeof value))
        return -EFAULT;
    if (!timespec_valid(&value.it_interval) || !timespec_valid(&value.it_value))
        return -EINVAL;
    struct setting new = {timespec_nanoseconds(&value.it_interval),
                          timespec_nanoseconds(&value.it_value)};
    lock_acquire(&timers_lock);
    struct timer *timer = timer_find(task->process->timers, (uint32_t)args[0]);
    int error = timer ? set(task->process, timer, &new, (args[1] & TIMER_ABSTIME) != 0, &old)
                      : -EINVAL;
    lock_release(&timers_lock);
    if (error)
        return error;
    return args[3] ? put_itimerspec(task, args[3], &old) : 0;
}

long call_timer_gettime(struct task *task, const uint64_t args[6])
{
    struct setting setting = {0};
    lock_acquire(&timers_lock);
    struct timer *timer = timer_find(task->process->timers, (uint32_t)args[0]);
    if (timer)
        setting = get(task->process, timer);
    lock_release(&timers_lock);
    return !timer ? -EINVAL : put_itimerspec(task, args[1], &setting);
}

long call_timer_getoverrun(struct task *task, const uint64_t args[6])
{
    LOCKED(&timers_lock);
    struct timer *timer = timer_find(task->process->timers, (uint32_t)args[0]);
    return timer ? timer->last_overrun : -EINVAL;
}

long call_timer_delete(struct task *task, const uint64_t args[6])
{
    LOCKED(&timers_lock);
    struct timer *timer = timer_find(task->process->timers, (uint32_t)args[0]);
    if (!timer)
        return -EINVAL;
    timer_free(timer);
    return 0;
}
