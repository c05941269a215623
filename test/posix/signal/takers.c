// Does a signal to a process go to the thread that waits for it, where Linux gives it to that one, and never to one that has ended?
// RUN: musl-gcc -static -O2 -pthread -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu %s -o %t.native && timeout 600 %t.native | FileCheck-22 %s
// RUN: %lind-cc -O2 -pthread %s -o %t && timeout 600 %lind-run -- %t | FileCheck-22 %s
// CHECK: SIGTERM, first thread waits, second open: taken
// CHECK-NEXT: SIGTERM, first thread open, second waits: ended
// CHECK-NEXT: SIGTERM, first thread blocks, second open: ended
// CHECK-NEXT: SIGTERM, second thread ended: taken
// CHECK-NEXT: SIGCHLD, first thread waits, second open: taken
// CHECK-NEXT: SIGCHLD, first thread open, second forks and waits: taken
// CHECK-NEXT: SIGWINCH, first thread waits, second open: taken
// CHECK-NEXT: SIGWINCH, second thread ended: taken
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/state.h"

enum { ROUNDS = 5000 };

static int number; /* of the signal in question */
static sigset_t set;
static pthread_barrier_t both;

static void nap(long milliseconds)
{
    const struct timespec length = {0, milliseconds * 1000000};
    nanosleep(&length, NULL);
}

/* Another process sends the signal when the caller, who waits, is asleep, or is the child that ended. */
static void provoke(void)
{
    pid_t to = getpid(), task = (pid_t)syscall(SYS_gettid);
    if (fork())
        return;
    nap(100);
    task_becomes(to, task, 'S');
    if (number != SIGCHLD)
        kill(to, number);
    _exit(0);
}

static void *wait_for_it(void *unused)
{
    const struct timespec limit = {60, 0};
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    provoke();
    _exit(sigtimedwait(&set, NULL, &limit) == number ? 0 : 1);
}

static void *sleep_open(void *unused)
{
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    pthread_barrier_wait(&both);
    for (;;)
        pause();
}

static void first_waits(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, sleep_open, NULL);
    pthread_barrier_wait(&both);
    wait_for_it(NULL);
}

static void second_waits(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, wait_for_it, NULL);
    for (;;)
        pause();
}

static void first_blocks(void)
{
    pthread_t thread;
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_create(&thread, NULL, sleep_open, NULL);
    pthread_barrier_wait(&both);
    provoke();
    for (int i = 0; i < 60; i++)
        nap(900);
    _exit(2);
}

static int end_open(void *unused)
{
    static const unsigned long none;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
    syscall(SYS_exit, 0);
    return 0;
}

/* The kernel says that the second thread is gone; who looks at once sees it before all of it is. */
static void second_ended(void)
{
    static char stack[1 << 16] __attribute__((aligned(16)));
    static volatile int living;
    const struct timespec now = {0};
    const time_t end = time(NULL) + 30;
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < ROUNDS && (i < 200 || time(NULL) < end); i++) { /* fewer where others have the processors */
        living = 1;
        if (clone(end_open, stack + sizeof stack,
                  CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                      CLONE_SYSVSEM | CLONE_CHILD_CLEARTID,
                  NULL, NULL, NULL, &living) < 0)
            _exit(3);
        for (int looks = 0; living; looks++)
            if (looks > 2000)
                sched_yield();
        kill(getpid(), number);
        if (sigtimedwait(&set, NULL, &now) != number)
            _exit(1);
    }
    _exit(0);
}

static void try(int signal_number, const char *name, void (*run)(void))
{
    int status;
    number = signal_number;
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_barrier_init(&both, NULL, 2);
    pid_t pid = fork();
    if (!pid)
        run();
    if (waitpid(pid, &status, 0) != pid)
        exit(1);
    printf("%s: %s\n", name,
           WIFSIGNALED(status) && WTERMSIG(status) == number ? "ended"
           : status                                          ? "lost"
                                                             : "taken");
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    try(SIGTERM, "SIGTERM, first thread waits, second open", first_waits);
    try(SIGTERM, "SIGTERM, first thread open, second waits", second_waits);
    try(SIGTERM, "SIGTERM, first thread blocks, second open", first_blocks);
    try(SIGTERM, "SIGTERM, second thread ended", second_ended);
    try(SIGCHLD, "SIGCHLD, first thread waits, second open", first_waits);
    try(SIGCHLD, "SIGCHLD, first thread open, second forks and waits", second_waits);
    try(SIGWINCH, "SIGWINCH, first thread waits, second open", first_waits);
    try(SIGWINCH, "SIGWINCH, second thread ended", second_ended);
    return 0;
}
