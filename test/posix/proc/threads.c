// Threads: musl's own, and what the kernel does for them.
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/check.h"
#include "../Inputs/state.h"

#define FUTEX_WAIT 0
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129

static __thread long mine;
static long counter;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static void *count(void *amount)
{
    for (long i = 0; i < (long)amount; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
        mine++;
    }
    return (void *)mine;
}

static void basics(void)
{
    enum { THREADS = 8, EACH = 5000 };
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(!pthread_create(&threads[i], 0, count, (void *)(long)EACH));
    for (int i = 0; i < THREADS; i++) {
        void *result;
        CHECK(!pthread_join(threads[i], &result) && (long)result == EACH);
    }
    CHECK(counter == THREADS * EACH && mine == 0);
    /* One after the other: each may have the stack of the last. */
    for (int i = 0; i < 500; i++) {
        CHECK(!pthread_create(&threads[0], 0, count, (void *)1L));
        CHECK(!pthread_join(threads[0], 0));
    }
}

static int turn;

static void *ping(void *parity)
{
    for (int i = 0; i < 300; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % 2 != (int)(long)parity)
            pthread_cond_wait(&condition, &mutex);
        turn++;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
    return 0;
}

static pthread_barrier_t barrier;
static _Atomic int serial;

static void *meet(void *unused)
{
    for (int i = 0; i < 50; i++)
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            serial++;
    return 0;
}

static void meetings(void)
{
    pthread_t threads[4];
    for (long i = 0; i < 2; i++)
        pthread_create(&threads[i], 0, ping, (void *)i);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], 0);
    CHECK(turn == 600);
    pthread_barrier_init(&barrier, 0, 4);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], 0, meet, 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], 0);
    CHECK(serial == 50);
    struct timespec past = {1, 0};
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    FAILS(sem_timedwait(&semaphore, &past), ETIMEDOUT);
    pthread_mutex_lock(&mutex);
    CHECK(pthread_cond_timedwait(&condition, &mutex, &past) == ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
}

static int cleaned;

static void clean(void *unused)
{
    cleaned++;
}

static void *blocked(void *how)
{
    pthread_cleanup_push(clean, 0);
    if ((long)how == 0) {
        pause();
    } else if ((long)how == 1) {
        int ends[2];
        char byte;
        pipe(ends);
        read(ends[0], &byte, 1);
    } else {
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, 0);
        for (;;)
            ;
    }
    pthread_cleanup_pop(0);
    return 0;
}

static void cancellation(void)
{
    for (long how = 0; how < 3; how++) {
        pthread_t thread;
        void *result;
        cleaned = 0;
        CHECK(!pthread_create(&thread, 0, blocked, (void *)how));
        usleep(10000);
        CHECK(!pthread_cancel(thread) && !pthread_join(thread, &result));
        CHECK(result == PTHREAD_CANCELED && cleaned == 1);
    }
}

static void *dies_with(void *lock)
{
    pthread_mutex_lock(lock);
    return 0;
}

static void robust(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutex_t *lock = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(lock, &attributes);
    pthread_t thread;
    pthread_create(&thread, 0, dies_with, lock);
    pthread_join(thread, 0);
    CHECK(pthread_mutex_lock(lock) == EOWNERDEAD);
    CHECK(!pthread_mutex_consistent(lock) && !pthread_mutex_unlock(lock));
    pid_t pid = fork();
    if (!pid) {
        pthread_mutex_lock(lock);
        _exit(0);
    }
    waitpid(pid, 0, 0);
    CHECK(pthread_mutex_lock(lock) == EOWNERDEAD);
    CHECK(!pthread_mutex_unlock(lock));
    CHECK(pthread_mutex_lock(lock) == ENOTRECOVERABLE);
}

/* Between processes, by futexes in shared memory. */
static void shared(void)
{
    sem_t *semaphores =
        mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sem_init(&semaphores[0], 1, 0);
    sem_init(&semaphores[1], 1, 0);
    pid_t pid = fork();
    for (int i = 0; i < 200; i++) {
        if (pid) {
            sem_post(&semaphores[0]);
            sem_wait(&semaphores[1]);
        } else {
            sem_wait(&semaphores[0]);
            sem_post(&semaphores[1]);
        }
    }
    if (!pid)
        _exit(0);
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && !status);
    /* A private futex of one process is none of another's, at the same address. */
    static _Atomic int word;
    pid = fork();
    if (!pid) {
        struct timespec moment = {0, 30000000};
        long result = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &moment, 0, 0);
        _exit(result == -1 && errno == ETIMEDOUT ? 0 : 1);
    }
    for (int i = 0; i < 30; i++) {
        CHECK(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0) == 0);
        usleep(500);
    }
    CHECK(waitpid(pid, &status, 0) == pid && !status);
}

static void futex_errors(void)
{
    static _Atomic int word = 5;
    struct timespec bad = {0, 1000000000}, past = {0, 1};
    FAILS(syscall(SYS_futex, &word, FUTEX_WAIT, 4, 0, 0, 0), EAGAIN);
    FAILS(syscall(SYS_futex, &word, FUTEX_WAIT, 5, &bad, 0, 0), EINVAL);
    FAILS(syscall(SYS_futex, &word, FUTEX_WAIT, 5, &past, 0, 0), ETIMEDOUT);
    FAILS(syscall(SYS_futex, (char *)&word + 1, FUTEX_WAIT, 5, 0, 0, 0), EINVAL);
    FAILS(syscall(SYS_futex, 0, FUTEX_WAIT, 0, 0, 0, 0), EFAULT);
    FAILS(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 5, 0, 0, 0), EINVAL);
    FAILS(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1, &word, 4), EAGAIN);
    FAILS(syscall(SYS_futex, &word, 77, 0, 0, 0, 0), ENOSYS);
    FAILS(syscall(SYS_set_robust_list, &word, 23), EINVAL);
}

static _Atomic int got, tids[3];

static void on_signal(int signal)
{
    got = gettid();
}

static void *wait_for_signal(void *index)
{
    tids[(long)index] = gettid();
    while (got != gettid())
        usleep(100);
    return 0;
}

static void signals(void)
{
    pthread_t thread;
    signal(SIGUSR1, on_signal);
    pthread_create(&thread, 0, wait_for_signal, (void *)0);
    while (!tids[0])
        sched_yield();
    CHECK(tids[0] != getpid());
    CHECK(!pthread_kill(thread, SIGUSR1));
    pthread_join(thread, 0);
    CHECK(got == tids[0]);
    /* It was joined before it was gone altogether. */
    while (!syscall(SYS_tgkill, getpid(), tids[0], 0))
        usleep(100);
    CHECK(errno == ESRCH);
    FAILS(syscall(SYS_tgkill, getpid(), 0, SIGUSR1), EINVAL);
    CHECK(!syscall(SYS_tgkill, getpid(), gettid(), 0));
    got = 0;
    /* One that blocks the signal is passed over. */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_create(&thread, 0, wait_for_signal, (void *)1);
    pthread_sigmask(SIG_BLOCK, &set, 0);
    while (!tids[1])
        sched_yield();
    CHECK(!kill(getpid(), SIGUSR1));
    pthread_join(thread, 0);
    CHECK(got == tids[1]);
    pthread_sigmask(SIG_UNBLOCK, &set, 0);
    char name[16];
    CHECK(!pthread_setname_np(pthread_self(), "a name"));
    CHECK(!pthread_getname_np(pthread_self(), name, sizeof name) && !strcmp(name, "a name"));
}

static void *last_one(void *unused)
{
    usleep(20000);
    exit(6);
}

static void *ends_process(void *unused)
{
    usleep(20000);
    raise(SIGTERM);
    return 0;
}

static _Atomic int beats;

static void *beat(void *unused)
{
    for (;;)
        beats++;
    return 0;
}

/* How a process with threads ends. */
static void ends(void)
{
    int status;
    pthread_t thread;
    pid_t pid = fork();
    if (!pid) { /* the first thread goes, the process lives on */
        pthread_create(&thread, 0, last_one, 0);
        pthread_exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 6);
    pid = fork();
    if (!pid) {
        pthread_create(&thread, 0, ends_process, 0);
        for (;;)
            pause();
    }
    CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGTERM);
    pid = fork();
    if (!pid) { /* all are gone, whatever they do */
        for (long i = 0; i < 3; i++)
            pthread_create(&thread, 0, blocked, (void *)i);
        usleep(10000);
        _exit(8);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 8);
    /* Only the thread that forks lives on in the child. */
    pthread_create(&thread, 0, beat, 0);
    while (!beats)
        sched_yield();
    pid = fork();
    if (!pid) {
        int before = beats;
        usleep(20000);
        _exit(beats == before ? 9 : 10);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 9);
    /* Another thread's exit(6) comes while this one waits for a child that does not end before. */
    pid = getpid();
    if (!fork()) {
        while (getppid() == pid)
            usleep(1000);
        _exit(0);
    }
    pthread_create(&thread, 0, last_one, 0);
    waitpid(-1, &status, 0);
    CHECK(!"reached");
}

static int goes;

static void *end_later(void *from)
{
    char byte;
    if (!from)
        return NULL;
    read(*(int *)from, &byte, 1);
    syscall(SYS_exit, 7);
    return NULL;
}

static int tasks_of(pid_t pid)
{
    char name[40];
    int count = 0;
    snprintf(name, sizeof name, "/proc/%d/task", pid);
    DIR *directory = opendir(name);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        count += *entry->d_name != '.';
    if (directory)
        closedir(directory);
    return count;
}

/* The status of a process whose threads end one by one is the last one's (Linux 6.1 and later); until
 * then a first thread that has ended is a zombie that cannot be waited for. */
static void one_by_one(void)
{
    for (int first = 0; first < 2; first++) {
        int status, ends[2];
        CHECK(!pipe(ends));
        pid_t pid = fork();
        if (!pid) {
            pthread_t thread;
            goes = ends[0];
            pthread_create(&thread, NULL, end_later, first ? NULL : &goes);
            if (first)
                pthread_join(thread, NULL);
            syscall(SYS_exit, 5);
        }
        if (!first) {
            char name[40];
            snprintf(name, sizeof name, "/proc/%d/task/%d/comm", pid, pid);
            CHECK(task_becomes(pid, pid, 'Z') && !access(name, F_OK) && tasks_of(pid) == 2);
            CHECK(waitpid(pid, &status, WNOHANG) == 0);
            CHECK(write(ends[1], "x", 1) == 1);
        }
        CHECK(waitpid(pid, &status, 0) == pid && status == (first ? 5 << 8 : 7 << 8));
        close(ends[0]);
        close(ends[1]);
    }
}

int main(void)
{
    int status;
    alarm(50);
    basics();
    meetings();
    cancellation();
    robust();
    shared();
    futex_errors();
    signals();
    one_by_one();
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        ends();
        _exit(1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 6);
    return check_end();
}
