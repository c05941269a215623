// Do the host's signals arrive, too, by a thread of lind-run that is about to end, of a stopped process, or that waits for a child of vfork?
// (The host prefers the first thread, which is idle here, and then the oldest that does not block the signal.)
// RUN: %lind-cc -O2 -pthread %s -o %t
// RUN: %python %S/Inputs/send.py USR1,USR1,USR1,USR1,USR1,USR1,USR1,USR1 %lind-run -- %t end | FileCheck-22 %s --check-prefix=END
// END: 8 got, 0 lost
// END-NEXT: status 0
// RUN: %python %S/Inputs/send.py USR1 %lind-run -- %t stop | FileCheck-22 %s --check-prefix=ONE
// RUN: %python %S/Inputs/send.py USR1 %lind-run -- %t vfork | FileCheck-22 %s --check-prefix=ONE
// ONE: 1 got, 0 lost
// ONE-NEXT: status 0
// Is somebody awake to see to that they do, where every process is stopped or waits so?
// RUN: %python %S/Inputs/send.py TERM %lind-run -- %t nobody | FileCheck-22 %s --check-prefix=NOBODY
// NOBODY: status 143
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ENDS = 8, LOCKS = 2048 };

static pthread_t first;
static sem_t may_end[ENDS], ready;
static sigset_t set;
static pid_t child;

static void take(int count, int (*next)(int))
{
    const struct timespec limit = {30, 0};
    int got = 0, lost = 0;
    for (int i = 0; i < count; i++) {
        time_t start = time(NULL);
        next(i);
        /* The end of the wait looks for signals once more: too late. */
        if (sigtimedwait(&set, NULL, &limit) == SIGUSR1 && time(NULL) < start + limit.tv_sec)
            got++;
        else
            lost++;
    }
    printf("%d got, %d lost\n", got, lost);
}

/* Its end takes long: it holds many locks for which somebody seems to wait. */
static void *ending(void *number)
{
    struct lock {
        struct lock *next;
        uint32_t word;
    } locks[LOCKS];
    struct {
        struct lock *first;
        long offset;
        struct lock *pending;
    } head = {locks, sizeof(struct lock *), NULL};
    for (int i = 0; i < LOCKS; i++)
        locks[i] = (struct lock){i + 1 < LOCKS ? &locks[i + 1] : (struct lock *)&head,
                                 (uint32_t)gettid() | FUTEX_WAITERS};
    sem_post(&ready);
    sem_wait(&may_end[(intptr_t)number]);
    syscall(SYS_set_robust_list, &head, sizeof head);
    static const char line[] = "ending\n";
    syscall(SYS_write, 1, line, sizeof line - 1);
    syscall(SYS_exit, 0);
    return NULL;
}

static int end_one(int i)
{
    return sem_post(&may_end[i]);
}

static int say_ready(int unused)
{
    return puts("ready");
}

static void *receive(void *mode)
{
    pthread_join(first, NULL);
    if (!strcmp(mode, "end"))
        take(ENDS, end_one);
    else
        take(1, say_ready);
    if (child)
        kill(child, SIGKILL);
    _exit(0);
}

/* The child keeps its parent waiting. */
static void *vforking(void *unused)
{
    sem_post(&ready);
    if (!vfork())
        for (;;)
            pause();
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    first = pthread_self();
    if (!strcmp(argv[1], "nobody")) {
        if (vfork())
            return 2;
        puts("ready");
        kill(getpid(), SIGSTOP);
        _exit(1);
    }
    sem_init(&ready, 0, 0);
    if (!strcmp(argv[1], "end")) {
        for (intptr_t i = 0; i < ENDS; i++) {
            sem_init(&may_end[i], 0, 0);
            if (pthread_create(&thread, NULL, ending, (void *)i))
                return 1;
            sem_wait(&ready);
        }
    } else if (!strcmp(argv[1], "stop")) {
        int status;
        child = fork();
        if (!child) {
            raise(SIGSTOP);
            _exit(0);
        }
        if (waitpid(child, &status, WUNTRACED) != child)
            return 1;
    } else {
        if (pthread_create(&thread, NULL, vforking, NULL))
            return 1;
        sem_wait(&ready);
        usleep(100000); /* the child waits by then */
    }
    if (pthread_create(&thread, NULL, receive, argv[1]))
        return 1;
    pthread_exit(NULL);
}
