// Processes are killed while they hold locks with owners, wait for them, hand them on: does everybody else get their turn, one at a time?
// RUN: %lind-cc -O2 %s -o %t && timeout 600 %lind-run -- %t
// RUN: %lind-cc -O2 %s -o %t && timeout 600 %lind-run -- %t interrupted
// RUN: %lind-cc -O2 %s -o %t && timeout 600 %lind-run -- %t robust
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/check.h"

enum { LOCK = 6, UNLOCK = 7, TRYLOCK = 8 };
enum { LOCKS = 4, PROCESSES = 6, KILLS = 1200 };
#define OWNER_DIED 0x40000000U
#define ID 0x3fffffffU
#define PID_MAX 4194304 /* greater ones are nobody's: the lock is just being handed over */

static struct {
    volatile uint32_t word;
    volatile int inside;
    volatile long taken, wrong;
} *locks;
static __thread uint32_t me;
static int robust; /* the kernel knows what each holds, so that nobody finds a lock of nobody's */
static __thread struct {
    void *next;
    long offset;
    volatile void *volatile pending;
} held;

static int change(volatile uint32_t *word, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(word, &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Like a C library, but for a dead owner for whom nobody waited: then the lock is everybody's again. */
static int lock(int i, int operation, const struct timespec *limit)
{
    volatile uint32_t *word = &locks[i].word;
    held.pending = (char *)word - held.offset;
    if (change(word, 0, me))
        return 0;
    while (syscall(SYS_futex, word, operation, 0, limit, NULL, 0)) {
        uint32_t now = *word;
        if (errno != ESRCH) {
            held.pending = NULL;
            return errno;
        }
        if (robust)
            locks[i].wrong++;
        if ((now & ID) <= PID_MAX && syscall(SYS_tkill, now & ID, 0))
            change(word, now, (now & ~ID) | OWNER_DIED);
    }
    return 0;
}

static void unlock(int i)
{
    if (!change(&locks[i].word, me, 0) && syscall(SYS_futex, &locks[i].word, UNLOCK, 0, NULL, NULL, 0))
        locks[i].wrong++;
    held.pending = NULL;
}

static void *work(void *number)
{
    unsigned seed = (unsigned)(uintptr_t)number;
    me = (uint32_t)syscall(SYS_gettid);
    held.next = &held;
    held.offset = 64;
    if (robust)
        syscall(SYS_set_robust_list, &held, sizeof held);
    for (;;) {
        int i = rand_r(&seed) % LOCKS, error;
        struct timespec limit;
        clock_gettime(CLOCK_REALTIME, &limit);
        limit.tv_nsec += rand_r(&seed) % 300000;
        limit.tv_sec += limit.tv_nsec / 1000000000;
        limit.tv_nsec %= 1000000000;
        error = lock(i, rand_r(&seed) % 5 ? LOCK : TRYLOCK, rand_r(&seed) % 3 ? NULL : &limit);
        if (error == ETIMEDOUT || error == EAGAIN)
            continue;
        if (locks[i].word & OWNER_DIED) {
            locks[i].inside = 0;
            __sync_fetch_and_and(&locks[i].word, ~OWNER_DIED);
        }
        if (error || (locks[i].word & ID) != me || __sync_fetch_and_add(&locks[i].inside, 1))
            locks[i].wrong++;
        locks[i].taken++;
        if (rand_r(&seed) % 16 == 0)
            sched_yield();
        __sync_fetch_and_sub(&locks[i].inside, 1);
        unlock(i);
    }
    return NULL;
}

static void handler(int signal)
{
}

static pid_t start(unsigned seed, int interrupted)
{
    const struct itimerval often = {{0, 700}, {0, 700}};
    pid_t pid = fork();
    if (pid)
        return pid;
    pthread_t thread;
    if (interrupted)
        setitimer(ITIMER_REAL, &often, NULL);
    for (uintptr_t i = 1; i < 3; i++)
        pthread_create(&thread, NULL, work, (void *)(seed + i));
    work((void *)(uintptr_t)seed);
    _exit(1);
}

int main(int argc, char **argv)
{
    pid_t processes[PROCESSES];
    unsigned seed = 1;
    locks = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    robust = argc > 1 && *argv[1] == 'r';
    signal(SIGALRM, handler);
    me = (uint32_t)syscall(SYS_gettid);
    for (int i = 0; i < PROCESSES; i++)
        processes[i] = start((unsigned)rand_r(&seed), argc > 1 && *argv[1] == 'i');
    for (int kills = 0; kills < KILLS; kills++) {
        const struct timespec while_ = {0, rand_r(&seed) % 3000000};
        int i = rand_r(&seed) % PROCESSES, status;
        nanosleep(&while_, NULL);
        kill(processes[i], SIGKILL);
        CHECK(waitpid(processes[i], &status, 0) == processes[i] && WIFSIGNALED(status));
        processes[i] = start((unsigned)rand_r(&seed), argc > 1 && *argv[1] == 'i');
    }
    for (int i = 0; i < LOCKS; i++) {
        struct timespec limit;
        clock_gettime(CLOCK_REALTIME, &limit);
        limit.tv_sec += 60;
        CHECK(!lock(i, LOCK, &limit));
        unlock(i);
        CHECK(locks[i].taken > 0 && !locks[i].wrong);
    }
    for (int i = 0; i < PROCESSES; i++) {
        kill(processes[i], SIGKILL);
        waitpid(processes[i], NULL, 0);
    }
    return check_end();
}
