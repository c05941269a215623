/* What the engine of timers (timers.c) and its calls (timer_calls.c) share. */
#ifndef LIND_TIME_INTERNAL_H
#define LIND_TIME_INTERNAL_H

#include <stdatomic.h>

#include "microvisor/process.h"
#include "microvisor/time/timers.h"

/* Clocks of timers that are not the host's. */
enum { TIMER_CPU = -1, TIMER_CPU_USER = -2, TIMER_CPU_TASK = -3 };

/* Numbers of timers: setitimer's three in its order, RLIMIT_CPU's, then those of timer_create. At
 * most 64: signal/internal.h. */
enum { TIMER_CPU_LIMIT = 3, TIMER_POSIX = 4, TIMER_COUNT = 36 };

struct timer {
    int used; /* by timer_create */
    int armed;
    int queued; /* its signal was sent and not taken yet: an interval timer waits for that */
    int clock;  /* the host's, or TIMER_CPU… */
    int notify; /* SIGEV_NONE: nothing is sent */
    int signal;
    int target; /* SIGEV_THREAD_ID: the task that gets the signal; 0: the process */
    int owner;  /* TIMER_CPU_TASK: whose clock */
    int last_overrun;
    uint64_t value;    /* si_value */
    uint64_t expiry;   /* in the clock's time, nanoseconds */
    uint64_t interval; /* 0: once */
    uint64_t overrun;  /* expiries since the last signal was taken */
    uint64_t look;     /* CLOCK_MONOTONIC time at which the engine looks at it */
    uint64_t seen;     /* CPU clocks: reading at the last look */
    uint64_t idle;     /* CPU clocks: least wait until the next look */
    uint64_t seen_now;
    struct task *target_task; /* only while the signal is sent */
};

struct timers {
    struct process *process;
    struct timers *next;
    int registered;
    _Atomic uint64_t ended[2]; /* CPU time of ended tasks: all, user */
    struct timer timer[TIMER_COUNT];
};

/* Over all of the above but `ended`. Taken before the signal locks. */
extern struct lock timers_lock;

/* With the lock held. */
int timers_register(struct timers *timers);
uint64_t timer_clock(struct process *process, struct timer *timer);

/* Has the engine look at a timer whose expiry changed, not before a time of CLOCK_MONOTONIC. */
void timer_schedule(struct process *process, struct timer *timer, uint64_t not_before);

#endif
