/* For test programs: what /proc says a task does, waiting until it does, and what is to happen while a task sleeps. */
#ifndef STATE_H
#define STATE_H

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* The letter of proc(5); 0 if there is no such task. */
static inline char task_state(pid_t pid, pid_t tid)
{
    char name[64], text[512] = "";
    if (pid == tid)
        snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
    else
        snprintf(name, sizeof name, "/proc/%d/task/%d/stat", (int)pid, (int)tid);
    FILE *file = fopen(name, "r");
    if (!file)
        return 0;
    const char *end = fgets(text, sizeof text, file) ? strrchr(text, ')') : NULL;
    fclose(file);
    return end ? end[2] : 0;
}

/* Until a task is in a state, for a minute at most. Returns whether it is. */
static inline int task_becomes(pid_t pid, pid_t tid, char state)
{
    const struct timespec moment = {0, 1000000};
    for (int i = 0; i < 60000; i++) {
        if (task_state(pid, tid) == state)
            return 1;
        nanosleep(&moment, NULL);
    }
    return 0;
}

/* What is done to a thread that sleeps: to be sure that it does, no pause is long enough. */
struct task_sleeper {
    pthread_t thread, helper;
    pid_t tid;
    void (*function)(struct task_sleeper *);
    int signal;
    volatile int ready;
};

static inline void *task_sleeper_run(void *data)
{
    struct task_sleeper *sleeper = (struct task_sleeper *)data;
    const struct timespec moment = {0, 1000000};
    while (!sleeper->ready)
        nanosleep(&moment, NULL);
    task_becomes(getpid(), sleeper->tid, 'S');
    sleeper->function(sleeper);
    return NULL;
}

static inline void task_sleeper_signal(struct task_sleeper *sleeper)
{
    pthread_kill(sleeper->thread, sleeper->signal);
}

/* Has another thread call the function (NULL: send the signal to this one) once this one sleeps, in the call that it makes next.
 * task_slept() is to follow. Returns whether there is such a thread. */
static inline int task_sleeps(struct task_sleeper *sleeper, void (*function)(struct task_sleeper *), int signal)
{
    sleeper->thread = pthread_self();
    sleeper->tid = (pid_t)syscall(SYS_gettid);
    sleeper->function = function ? function : task_sleeper_signal;
    sleeper->signal = signal;
    sleeper->ready = 0;
    if (pthread_create(&sleeper->helper, NULL, task_sleeper_run, sleeper))
        return 0;
    sleeper->ready = 1; /* what this thread slept for until now was something else */
    return 1;
}

static inline void task_slept(struct task_sleeper *sleeper)
{
    pthread_join(sleeper->helper, NULL);
}

#endif
