/* What the deeds of stress.c share. A deed is a function that does something whose end it knows, and
 * returns whether it went right. */
#ifndef STRESS_H
#define STRESS_H

#include "../../../Inputs/check.h"
#include "../victims.h"

enum { LARGE = 3 << 20, EXEC_STATUS = 42 };

extern char **environ;
static unsigned seed;
static volatile sig_atomic_t signals;
static time_t end;

static unsigned choose(unsigned below)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % below;
}

static void count_signal(int signal)
{
    signals++;
}

static int status_of(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) == -1)
        if (errno != EINTR)
            return -1;
    return status;
}

static int exits_with(pid_t pid, int code)
{
    return pid > 0 && status_of(pid) == code << 8;
}

static int killed_by(pid_t pid, int signal)
{
    return pid > 0 && (status_of(pid) & 0x7f) == signal;
}

/* A process of its own does it, and is killed now and then in the middle of it. */
static int in_child(void (*function)(void))
{
    int killed = !choose(3), late = (int)choose(20000), status;
    pid_t pid = fork();
    if (!pid) {
        signal(SIGUSR1, SIG_DFL);
        function();
        _exit(0);
    }
    if (killed) {
        usleep((unsigned)late);
        kill(pid, SIGKILL);
    }
    status = status_of(pid);
    if (status && (!killed || status != SIGKILL))
        fprintf(stderr, "in_child: status %#x\n", (unsigned)status);
    return !status || (killed && status == SIGKILL);
}

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d, errno %d: not so: %s\n", __FILE__, __LINE__, errno,            \
                    #condition);                                                                   \
            _exit(95);                                                                             \
        }                                                                                          \
    } while (0)

static void with_threads(void *(*const functions[])(void *), int count)
{
    pthread_t threads[8];
    for (int i = 0; i < count; i++)
        MUST(!pthread_create(&threads[i], NULL, functions[i], NULL));
    for (int i = 0; i < count; i++)
        MUST(!pthread_join(threads[i], NULL));
}

#endif
