// Do the bases of %fs and %gs always belong to the task and the cage that run: after signals, nested ones, jumps out of handlers, switches of
// threads, calls that wait, fork, vfork, new threads (attack row S6)?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t 4
// The control: a thread pointer that is another thread's, and memory that is another cage's, are noticed.
// RUN: not %lind-run %t control | FileCheck %s
// CHECK: not its own thread's memory
// CHECK: not its own cage's memory
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../posix/Inputs/check.h"

enum { CAGES = 3, THREADS = 3, SET_FS = 0x1002, GET_FS = 0x1003 };

static __thread volatile uint64_t thread_is;
static volatile uint64_t *cage_is; /* at the same place in each cage */
static _Atomic unsigned long looks, jumps;
static time_t end;

/* thread and cage come from registers and the stack, which %rsp addresses without a base. */
static void look(uint64_t thread, uint64_t cage, const char *when)
{
    int bad = 0;
    if (thread_is != thread)
        printf("%s: not its own thread's memory\n", when), bad++;
    if (*cage_is != cage)
        printf("%s: not its own cage's memory\n", when), bad++;
    check_failures += bad;
    looks++;
}

static __thread sigjmp_buf back;
static __thread volatile sig_atomic_t may_jump, depth, turns;

static void handler(int signal, siginfo_t *info, void *context)
{
    uint64_t thread = thread_is, cage = *cage_is;
    struct rlimit limit;
    if (signal != SIGUSR1 && ++turns % 3 == 0) {
        depth++;
        raise(SIGUSR1);
        depth--;
    }
    getppid();
    getrlimit(RLIMIT_CORE, &limit);
    look(thread, cage, "in a handler");
    if (may_jump && depth == 0 && ++turns % 5 == 0) {
        may_jump = 0;
        jumps++;
        siglongjmp(back, 1);
    }
}

static void *ends_at_once(void *unused)
{
    if (thread_is) /* a new thread's is zero */
        check_failures++;
    thread_is = 1;
    return NULL;
}

struct work {
    uint64_t thread, cage;
};

/* When the time is over and there was enough to see; in the end in any case. */
static int over(void)
{
    time_t now = time(NULL);
    return now >= end && ((looks >= 1000 && jumps >= 10) || now >= end + 120);
}

static void *worker(void *data)
{
    const struct work *work = data;
    volatile uint64_t thread = work->thread, cage = work->cage;
    int pair[2];
    thread_is = thread;
    CHECK(pipe(pair) == 0);
    for (volatile unsigned long round = 0; !over(); round++) {
        struct timespec moment = {0, 100000};
        char byte = 0;
        if (!sigsetjmp(back, 1)) {
            may_jump = 1;
            look(thread, cage, "in a loop");
            nanosleep(&moment, NULL);
            look(thread, cage, "after a sleep");
            raise(SIGUSR2);
            look(thread, cage, "after a signal");
            write(pair[1], &byte, 1);
            read(pair[0], &byte, 1);
            look(thread, cage, "after a pipe");
            sched_yield();
        } else {
            look(thread, cage, "after a jump");
        }
        may_jump = 0;
        if (round % 16 == thread % 16) {
            pid_t pid = round & 16 ? vfork() : fork();
            if (pid == 0)
                _exit(thread_is == thread && *cage_is == cage ? 0 : 1);
            int status = -1;
            while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
            if (pid > 0 && status)
                printf("not its own in a child: %x\n", status), check_failures++;
            look(thread, cage, "after a child");
            pthread_t one;
            if (pthread_create(&one, NULL, ends_at_once, NULL) == 0)
                pthread_join(one, NULL);
            look(thread, cage, "after a thread");
        }
    }
    return NULL;
}

/* Signals leave time for work between them, however slow their handling is (sanitizers). */
static suseconds_t interval(void)
{
    enum { TIMES = 50, SHARE = 8, TRIES = 5 };
    struct timespec start, now;
    long least = 10000000;
    for (int k = 0; k < TRIES; k++) { /* in some of them nothing else has the processor */
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (int i = 0; i < TIMES; i++)
            raise(SIGUSR2);
        clock_gettime(CLOCK_MONOTONIC, &now);
        long each = ((now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec) / TIMES;
        if (each < least)
            least = each;
    }
    return 1000 + least / 1000 * SHARE * THREADS * CAGES;
}

static int run(uint64_t cage)
{
    struct work work[THREADS];
    pthread_t threads[THREADS];
    *cage_is = cage;
    const struct itimerval never = {0};
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    const suseconds_t each = interval();
    const struct itimerval often = {{0, each}, {0, each}};
    setitimer(ITIMER_REAL, &often, NULL);
    for (uint64_t i = 0; i < THREADS; i++) {
        work[i] = (struct work){cage * 100 + i + 1, cage};
        CHECK(pthread_create(&threads[i], NULL, worker, &work[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    setitimer(ITIMER_REAL, &never, NULL);
    if (looks < 1000 || jumps < 10)
        printf("%lu looks, %lu jumps\n", looks, jumps), check_failures++;
    return check_end();
}

static volatile uint64_t pointer_of_other;
static volatile int done;

static void *other_thread(void *unused)
{
    uint64_t own;
    thread_is = 2;
    syscall(SYS_arch_prctl, GET_FS, &own);
    pointer_of_other = own;
    while (!done)
        sched_yield();
    return NULL;
}

/* What a wrong base shows: the first thread looks at another's memory, as it would with its %fs; and the cage's word is another's. */
static int control(void)
{
    pthread_t thread;
    thread_is = 1;
    *cage_is = 1;
    pthread_create(&thread, NULL, other_thread, NULL);
    while (!pointer_of_other)
        sched_yield();
    uint64_t own;
    syscall(SYS_arch_prctl, GET_FS, &own);
    volatile uint64_t *mine = &thread_is;
    uint64_t *others = (uint64_t *)((uintptr_t)mine - own + pointer_of_other);
    uint64_t value = *others;
    thread_is = value;
    look(1, 1, "control");
    thread_is = 1;
    *cage_is = 2;
    look(1, 1, "control");
    done = 1;
    pthread_join(thread, NULL);
    return check_end();
}

int main(int argc, char **argv)
{
    cage_is = mmap((void *)0x50000000, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (!strcmp(argv[1], "control"))
        return control();
    end = time(NULL) + atoi(argv[1]);
    for (uint64_t cage = 1; cage <= CAGES; cage++)
        if (fork() == 0)
            return run(cage);
    int status, bad = 0;
    for (int i = 0; i < CAGES; i++)
        bad += wait(&status) < 0 || status != 0;
    CHECK(bad == 0);
    return check_end();
}
