// Do locks with owners (futex's PI operations, and musl's mutexes with PTHREAD_PRIO_INHERIT) do what they do on Linux: owners, turns, dead owners, time limits, errors?
// RUN: musl-gcc -static -O2 %s -o %t.native && timeout 300 %t.native
// RUN: %lind-cc -O2 %s -o %t && timeout 300 %lind-run -- %t exact
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/check.h"
#include "../Inputs/state.h"

#define LOCK 6
#define UNLOCK 7
#define TRYLOCK 8
#define LOCK2 13
#define PRIVATE 128
#define REALTIME 256
#define WAITERS 0x80000000U
#define OWNER_DIED 0x40000000U
#define ID 0x3fffffffU

static long futex(volatile void *word, int operation, const void *limit)
{
    return syscall(SYS_futex, word, operation, 0, limit, NULL, 0);
}

static uint32_t self(void)
{
    return (uint32_t)syscall(SYS_gettid);
}

static struct timespec after(clockid_t clock, long milliseconds)
{
    struct timespec time;
    clock_gettime(clock, &time);
    time.tv_nsec += milliseconds % 1000 * 1000000;
    time.tv_sec += milliseconds / 1000 + time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static void nap(long milliseconds)
{
    const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* Until somebody waits for the lock in the kernel, or is about to. */
static void until_awaited(volatile uint32_t *word)
{
    while (!(*word & WAITERS))
        nap(1);
}

/* Until a task of a process, whose id comes to be known, waits for the lock. */
static void until_waits(volatile uint32_t *word, pid_t process, const volatile pid_t *task)
{
    until_awaited(word);
    while (!*task)
        nap(1);
    nap(20); /* it is alive, but may sleep for something else yet */
    CHECK(task_becomes(process, *task, 'S'));
}

static void errors(void)
{
    static volatile uint32_t word;
    static uint32_t unaligned[2];
    const struct timespec bad = {0, 1000000000}, past = {1, 0};
    const uint32_t me = self();
    CHECK(!futex(&word, LOCK | PRIVATE, NULL) && word == me);
    FAILS(futex(&word, LOCK | PRIVATE, NULL), EDEADLK);
    FAILS(futex(&word, TRYLOCK | PRIVATE, NULL), EDEADLK);
    CHECK(!futex(&word, UNLOCK | PRIVATE, NULL) && !word);
    FAILS(futex(&word, UNLOCK | PRIVATE, NULL), EPERM);
    CHECK(!futex(&word, TRYLOCK, NULL) && word == me && !futex(&word, UNLOCK, NULL) && !word);
    word = OWNER_DIED;
    CHECK(!futex(&word, LOCK, NULL) && word == (me | OWNER_DIED));
    CHECK(!futex(&word, UNLOCK, NULL) && !word);
    word = me | WAITERS; /* nobody does */
    CHECK(!futex(&word, UNLOCK, NULL) && !word);
    word = 0x2fffffff; /* nobody's id */
    FAILS(futex(&word, LOCK, NULL), ESRCH);
    FAILS(futex(&word, TRYLOCK, NULL), ESRCH);
    FAILS(futex(&word, UNLOCK, NULL), EPERM);
    FAILS(futex(&word, LOCK, &bad), EINVAL);
    FAILS(futex(&word, LOCK, (void *)8), EFAULT);
    word = 0;
    CHECK(!futex(&word, LOCK, &past) && word == me); /* no need to wait */
    CHECK(!futex(&word, UNLOCK, &bad) && !word);     /* not looked at */
    FAILS(futex((char *)&word + 1, LOCK, NULL), EINVAL);
    FAILS(futex((char *)&word + 2, UNLOCK, NULL), EPERM); /* looks at the owner first */
    memcpy((char *)unaligned + 2, &me, sizeof me);
    FAILS(futex((char *)unaligned + 2, UNLOCK, NULL), EINVAL);
    FAILS(futex((void *)8, LOCK, NULL), EFAULT);
    FAILS(futex((void *)8, TRYLOCK, NULL), EFAULT);
    FAILS(futex((void *)8, UNLOCK, NULL), EFAULT);
    FAILS(futex(&word, LOCK | REALTIME, NULL), ENOSYS);
    FAILS(futex(&word, TRYLOCK | REALTIME, NULL), ENOSYS);
    FAILS(futex(&word, UNLOCK | REALTIME, NULL), ENOSYS);
    CHECK(!futex(&word, LOCK2 | REALTIME, NULL) && !futex(&word, UNLOCK, NULL));
    uint32_t *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FAILS(futex(page, LOCK, NULL), EFAULT);
    munmap(page, 4096);
}

static volatile uint32_t raw;
static volatile int go, done;

static void *holder(void *unused)
{
    CHECK(!futex(&raw, LOCK | PRIVATE, NULL));
    go = 1;
    while (!done)
        nap(1);
    CHECK(!futex(&raw, UNLOCK | PRIVATE, NULL));
    return unused;
}

static int passed(clockid_t clock, const struct timespec *limit)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec > limit->tv_sec || (now.tv_sec == limit->tv_sec && now.tv_nsec >= limit->tv_nsec);
}

static void limits(void)
{
    pthread_t thread;
    struct timespec limit;
    go = done = 0;
    CHECK(!pthread_create(&thread, NULL, holder, NULL));
    while (!go)
        nap(1);
    FAILS(futex(&raw, TRYLOCK | PRIVATE, NULL), EAGAIN);
    CHECK(raw & WAITERS); /* it says so all the same */
    limit = after(CLOCK_REALTIME, 30);
    FAILS(futex(&raw, LOCK | PRIVATE, &limit), ETIMEDOUT);
    CHECK(passed(CLOCK_REALTIME, &limit));
    limit = after(CLOCK_MONOTONIC, 30);
    FAILS(futex(&raw, LOCK2 | PRIVATE, &limit), ETIMEDOUT);
    CHECK(passed(CLOCK_MONOTONIC, &limit));
    limit = after(CLOCK_REALTIME, 30);
    FAILS(futex(&raw, LOCK2 | REALTIME | PRIVATE, &limit), ETIMEDOUT);
    CHECK(passed(CLOCK_REALTIME, &limit));
    FAILS(futex(&raw, UNLOCK | PRIVATE, NULL), EPERM);
    done = 1;
    CHECK(!pthread_join(thread, NULL));
    CHECK(!raw); /* nobody waited any more */
}

/* Who unlocks and locks again comes after the one who waits. */
static void *in_turn(void *id)
{
    *(volatile pid_t *)id = (pid_t)self();
    CHECK(!futex(&raw, LOCK | PRIVATE, NULL));
    done++;
    CHECK(!futex(&raw, UNLOCK | PRIVATE, NULL));
    return id;
}

static void turns(void)
{
    pthread_t threads[3];
    static volatile pid_t ids[3];
    done = 0;
    CHECK(!futex(&raw, LOCK | PRIVATE, NULL));
    for (int i = 0; i < 3; i++)
        CHECK(!pthread_create(&threads[i], NULL, in_turn, (void *)&ids[i]));
    for (int i = 0; i < 3; i++)
        until_waits(&raw, getpid(), &ids[i]);
    for (int i = 1; i <= 3; i++) {
        CHECK(!futex(&raw, UNLOCK | PRIVATE, NULL));
        CHECK((raw & ID) != self());
        CHECK(!futex(&raw, LOCK | PRIVATE, NULL) && done >= i);
    }
    CHECK(!futex(&raw, UNLOCK | PRIVATE, NULL));
    for (int i = 0; i < 3; i++)
        CHECK(!pthread_join(threads[i], NULL));
    CHECK(!raw && done == 3);
}

/* A signal's handler runs while the caller waits, and the call goes on, SA_RESTART or not. */
static volatile sig_atomic_t handled;

static void handler(int signal)
{
    handled++;
}

static pthread_t main_thread;

static void *sends_and_unlocks(void *unused)
{
    CHECK(!futex(&raw, LOCK | PRIVATE, NULL));
    go = 1;
    for (int i = 0; i < 3; i++) {
        const pid_t main_task = getpid();
        until_waits(&raw, main_task, &main_task);
        pthread_kill(main_thread, SIGUSR1);
        while (handled <= i)
            nap(1);
    }
    CHECK(!futex(&raw, UNLOCK | PRIVATE, NULL));
    return unused;
}

static void signals(void)
{
    const struct sigaction action = {.sa_handler = handler};
    pthread_t thread;
    sigaction(SIGUSR1, &action, NULL);
    main_thread = pthread_self();
    go = 0;
    CHECK(!pthread_create(&thread, NULL, sends_and_unlocks, NULL));
    while (!go)
        nap(1);
    CHECK(!futex(&raw, LOCK | PRIVATE, NULL) && handled == 3);
    CHECK(!futex(&raw, UNLOCK | PRIVATE, NULL));
    CHECK(!pthread_join(thread, NULL));
}

/* Threads, and processes, whose owner ends: the first of them gets the lock. */
static volatile pid_t takers[3];
static volatile int taker;

static void *takes_from_dead(void *word)
{
    takers[__sync_fetch_and_add(&taker, 1)] = (pid_t)self();
    CHECK(!futex(word, LOCK, NULL));
    CHECK((*(volatile uint32_t *)word & ID) == self());
    if (*(volatile uint32_t *)word & OWNER_DIED)
        go++;
    done++;
    CHECK(!futex(word, UNLOCK, NULL));
    return NULL;
}

static void *dies(void *word)
{
    CHECK(!futex(word, LOCK, NULL));
    for (int i = 0; i < 3; i++)
        until_waits(word, getpid(), &takers[i]);
    return NULL;
}

static void dead_threads(void)
{
    pthread_t owner, waiters[3];
    static volatile uint32_t word;
    go = done = 0;
    CHECK(!pthread_create(&owner, NULL, dies, (void *)&word));
    while (!word)
        nap(1);
    for (int i = 0; i < 3; i++)
        CHECK(!pthread_create(&waiters[i], NULL, takes_from_dead, (void *)&word));
    CHECK(!pthread_join(owner, NULL));
    for (int i = 0; i < 3; i++)
        CHECK(!pthread_join(waiters[i], NULL));
    CHECK(done == 3 && go == 1 && !word);
    /* Nobody waited: who comes later is told. */
    pid_t child = vfork();
    if (!child)
        _exit(0);
    CHECK(waitpid(child, NULL, 0) == child);
    word = (uint32_t)child;
    FAILS(futex(&word, LOCK, NULL), ESRCH);
}

static void dead_processes(void)
{
    volatile uint32_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    for (int round = 0; round < 5; round++) {
        fflush(stdout);
        pid_t waiters[2], owner = fork();
        if (!owner) {
            futex(shared, LOCK, NULL);
            shared[1] = 1;
            for (;;)
                pause();
        }
        while (!shared[1])
            nap(1);
        for (int i = 0; i < 2; i++)
            if (!(waiters[i] = fork())) {
                CHECK(!futex(shared, LOCK, NULL) && (*shared & ID) == self());
                int died = (*shared & OWNER_DIED) != 0;
                CHECK(!futex(shared, UNLOCK, NULL));
                fflush(stdout);
                _exit(check_failures ? 9 : died);
            }
        for (int i = 0; i < 2; i++)
            until_waits(shared, waiters[i], &waiters[i]);
        kill(owner, SIGKILL);
        CHECK(waitpid(owner, &status, 0) == owner && WIFSIGNALED(status));
        int died = 0, others = 0;
        for (int i = 0; i < 2; i++) {
            CHECK(waitpid(waiters[i], &status, 0) == waiters[i] && WIFEXITED(status));
            died += WEXITSTATUS(status) == 1;
            others += WEXITSTATUS(status) > 1;
        }
        CHECK(died == 1 && !others && !*shared);
        *shared = shared[1] = 0;
    }
    munmap((void *)shared, 4096);
}

/* Each that gets it ends at once without unlocking. */
static void heirs(void)
{
    enum { HEIRS = 16, ROUNDS = 20 };
    volatile uint32_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < ROUNDS; round++) {
        int status, wrong = 0;
        pid_t pids[HEIRS];
        *shared = self();
        for (int i = 0; i < HEIRS; i++)
            if (!(pids[i] = fork())) {
                shared[1 + i] = 1;
                long error = futex(shared, LOCK, NULL);
                _exit(error || (*shared & ID) != self());
            }
        for (int i = 0; i < HEIRS; i++)
            while (!shared[1 + i])
                nap(1);
        nap(20);
        for (int i = 0; i < HEIRS; i++)
            CHECK(task_becomes(pids[i], pids[i], 'S'));
        CHECK(!futex(shared, UNLOCK, NULL));
        for (int i = 0; i < HEIRS; i++)
            wrong += wait(&status) < 0 || status;
        CHECK(!wrong);
        memset((void *)shared, 0, 4096);
    }
    munmap((void *)shared, 4096);
}

/* musl's mutexes. */
static pthread_mutex_t *mutex_of(int type, int robust, int shared)
{
    static pthread_mutex_t *mutexes;
    static int count;
    pthread_mutexattr_t attributes;
    int protocol = -1;
    if (!mutexes)
        mutexes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_init(&attributes);
    CHECK(!pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
    CHECK(!pthread_mutexattr_getprotocol(&attributes, &protocol) && protocol == PTHREAD_PRIO_INHERIT);
    CHECK(!pthread_mutexattr_settype(&attributes, type));
    CHECK(!pthread_mutexattr_setrobust(&attributes, robust));
    CHECK(!pthread_mutexattr_setpshared(&attributes, shared));
    CHECK(!pthread_mutex_init(&mutexes[count], &attributes));
    return &mutexes[count++];
}

static long counter;

static void *counts(void *mutex)
{
    for (int i = 0; i < 2000; i++) {
        CHECK(!pthread_mutex_lock(mutex));
        for (volatile int work = 0; work < 50; work++)
            ;
        counter++;
        if (i % 64 == 0) /* the others come meanwhile */
            sched_yield();
        CHECK(!pthread_mutex_unlock(mutex));
    }
    return NULL;
}

static void contended(void)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    for (int type = PTHREAD_MUTEX_NORMAL; type <= PTHREAD_MUTEX_ERRORCHECK; type++)
        for (int robust = 0; robust < 2; robust++) {
            pthread_mutex_t *mutex = mutex_of(type, robust, type == PTHREAD_MUTEX_RECURSIVE);
            counter = 0;
            for (int i = 0; i < THREADS; i++)
                CHECK(!pthread_create(&threads[i], NULL, counts, mutex));
            for (int i = 0; i < THREADS; i++)
                CHECK(!pthread_join(threads[i], NULL));
            CHECK(counter == THREADS * 2000 && !pthread_mutex_destroy(mutex));
        }
}

/* musl tells the kernel of a thread's shared robust mutexes when it first gets one that nobody else
 * holds or waits for; what it held before is not known when it ends. */
static void registers(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutex_t mutex;
    pthread_mutexattr_init(&attributes);
    CHECK(!pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST));
    CHECK(!pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED));
    CHECK(!pthread_mutex_init(&mutex, &attributes));
    CHECK(!pthread_mutex_lock(&mutex) && !pthread_mutex_unlock(&mutex));
}

static void *leaves_locked(void *mutex)
{
    registers();
    CHECK(!pthread_mutex_lock(mutex));
    go = 1;
    nap(100);
    return NULL;
}

static void mutexes(void)
{
    pthread_t thread;
    struct timespec limit;
    pthread_mutex_t *mutex = mutex_of(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, 0);
    CHECK(!pthread_mutex_lock(mutex) && pthread_mutex_lock(mutex) == EDEADLK);
    CHECK(!pthread_mutex_unlock(mutex) && pthread_mutex_unlock(mutex) == EPERM);
    CHECK(!pthread_mutex_trylock(mutex) && !pthread_mutex_unlock(mutex));

    mutex = mutex_of(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, 0);
    CHECK(!pthread_create(&thread, NULL, leaves_locked, mutex) && !pthread_join(thread, NULL));
    CHECK(pthread_mutex_trylock(mutex) == EBUSY);
    limit = after(CLOCK_REALTIME, 30);
    CHECK(pthread_mutex_timedlock(mutex, &limit) == ETIMEDOUT && passed(CLOCK_REALTIME, &limit));

    for (int waits = 0; waits < 2; waits++) {
        mutex = mutex_of(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED);
        go = 0;
        CHECK(!pthread_create(&thread, NULL, leaves_locked, mutex));
        if (!waits)
            CHECK(!pthread_join(thread, NULL));
        while (!go)
            nap(1);
        CHECK(pthread_mutex_lock(mutex) == EOWNERDEAD);
        CHECK(!pthread_mutex_consistent(mutex) && !pthread_mutex_unlock(mutex));
        CHECK(!pthread_mutex_lock(mutex) && !pthread_mutex_unlock(mutex));
        if (waits)
            CHECK(!pthread_join(thread, NULL));
    }
    mutex = mutex_of(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, 0);
    CHECK(!pthread_create(&thread, NULL, leaves_locked, mutex) && !pthread_join(thread, NULL));
    CHECK(pthread_mutex_trylock(mutex) == EOWNERDEAD && !pthread_mutex_unlock(mutex));
    CHECK(pthread_mutex_lock(mutex) == ENOTRECOVERABLE);
}

/* Processes count together, and some of them die with the lock. Linux may say twice that an owner
 * has died: once as its list of robust mutexes says so, and again to who waited for it. */
static void shared_counters(int exact)
{
    enum { CHILDREN = 6, ROUNDS = 3000 };
    pthread_mutex_t *mutex = mutex_of(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED);
    volatile long *counters = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fflush(stdout);
    for (int i = 0; i < CHILDREN; i++)
        if (!fork()) {
            registers();
            for (int round = 0; round < ROUNDS; round++) {
                int error = pthread_mutex_lock(mutex);
                if (error == EOWNERDEAD)
                    counters[1]++, error = pthread_mutex_consistent(mutex);
                if (error)
                    _exit(1);
                counters[0]++;
                if (i >= CHILDREN / 2 && round == 100 * i)
                    kill(getpid(), SIGKILL);
                if (pthread_mutex_unlock(mutex))
                    _exit(2);
            }
            _exit(0);
        }
    int killed = 0, status;
    for (int i = 0; i < CHILDREN; i++) {
        CHECK(wait(&status) > 0 && (!status || WIFSIGNALED(status)));
        killed += WIFSIGNALED(status) != 0;
    }
    int error = pthread_mutex_lock(mutex);
    CHECK(!error || error == EOWNERDEAD);
    const long told = counters[1] + (error != 0);
    CHECK(killed == CHILDREN / 2 && (exact ? told == killed : told >= killed));
    CHECK(counters[0] == CHILDREN / 2 * ROUNDS + 301 + 401 + 501);
    munmap((void *)counters, 4096);
}

int main(int argc, char **argv)
{
    errors();
    limits();
    turns();
    signals();
    dead_threads();
    dead_processes();
    heirs();
    mutexes();
    contended();
    shared_counters(argc > 1);
    return check_end();
}
