/* For test programs: what /proc says a task does, and waiting until it does. */
#ifndef STATE_H
#define STATE_H

#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

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

#endif
