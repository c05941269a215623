/* What the engine of timers (timers.c) and its calls (timer_calls.c) share. */
#ifndef LIND_TIME_INTERNAL_H
#define LIND_TIME_INTERNAL_H

#include <stdatomic.h>

#include "microvisor/process.h"
#include "microvisor/time/timers.h"

/* Clocks of timers that are not the host's. */
enum { TIMER_CPU = -1, TIMER_CPU_USER = -2, TIMER_CPU_TASK = -3 };

/* Numbers of timers: setitimer's three in its order, RLIMIT_CPU's, then those of timer_create, which
 * lie in pieces of memory that stay where they are, each twice as large as the one before. */
enum {
    TIMER_CPU_LIMIT = 3,
    TIMER_POSIX = 4,
    TIMER_PIECE = 32, /* timers in the first piece */
    TIMER_PIECES = 12,
};

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
    uint64_t look;     /* CLOCK_MONOTONIC time at which the engine looks at it: timer_look_at */
    uint64_t seen;     /* CPU clocks: reading at the last look */
    uint64_t idle;     /* CPU clocks: least wait until the next look */
    uint64_t seen_now;
    struct task *target_task; /* only while the signal is sent */
    struct timers *timers;
    uint32_t number;
    struct timer *child, *next, *previous; /* timer_heap.c */
};

struct timers {
    struct process *process;
    _Atomic uint64_t ended[2]; /* CPU time of ended tasks: all, user */
    struct timer timer[TIMER_POSIX];
    struct timer *piece[TIMER_PIECES]; /* of timer_create; given up at execve and the end alone */
    uint32_t room;                     /* timers in the pieces */
    uint32_t used;                     /* of them */
    uint32_t first_free;               /* none before it is free */
};

/* Over all of the above but `ended`. Taken before the signal locks. */
extern struct lock timers_lock;

/* With the lock held. */
int timers_engine_start(void);
uint64_t timer_clock(struct process *process, struct timer *timer);

/* A timer of timer_create: one that is free, to be filled in, or NULL when there are too many or
 * memory is out; the one with a program's id, or NULL; and giving one up. */
struct timer *timer_new(struct timers *timers);
struct timer *timer_find(struct timers *timers, uint32_t id);
void timer_free(struct timer *timer);

/* Sets when the engine looks at a timer, NEVER for not; the timer that it looks at next, or NULL. */
void timer_look_at(struct timer *timer, uint64_t when);
struct timer *timers_first(void);

/* Has the engine look at a timer whose expiry changed, not before a time of CLOCK_MONOTONIC. */
void timer_schedule(struct process *process, struct timer *timer, uint64_t not_before);

#endif
