// Which interrupted calls go on, which fail with EINTR, and does no internal code ever come out?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/check.h"

static volatile int calls;
static int ends[2];

static void note(int signal)
{
    calls++;
}

static void note_and_write(int signal)
{
    if (++calls == 3)
        (void)!write(ends[1], "x", 1);
}

static void set(void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    CHECK(!sigaction(SIGALRM, &action, NULL));
    calls = 0;
}

static void ring(long microseconds, long again)
{
    const struct itimerval value = {{0, again}, {0, microseconds}};
    CHECK(!setitimer(ITIMER_REAL, &value, NULL));
}

/* The call is interrupted by one signal. A signal that comes before it, since others had the processor, is followed by
 * another one, and all is done again. */
#define INTERRUPTED(call)                                                                          \
    do {                                                                                           \
        const int before = calls;                                                                  \
        for (int tries = 0; tries < 20; tries++) {                                                 \
            calls = before;                                                                        \
            ring(20000, 500000);                                                                   \
            FAILS(call, EINTR);                                                                    \
            ring(0, 0);                                                                            \
            if (calls == before + 1)                                                               \
                break;                                                                             \
        }                                                                                          \
        CHECK(calls == before + 1);                                                                \
    } while (0)

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void reading(void)
{
    char byte = 0;
    set(note, 0);
    INTERRUPTED(read(ends[0], &byte, 1));
    CHECK(calls == 1);

    set(note_and_write, SA_RESTART);
    ring(10000, 10000);
    CHECK(read(ends[0], &byte, 1) == 1 && byte == 'x');
    ring(0, 0);
    CHECK(calls >= 3);
}

/* Whether this can be left of five seconds that began after `start`. */
static int is_left(const struct timespec *left, double start)
{
    const double seconds = (double)left->tv_sec + (double)left->tv_nsec / 1e9;
    return left->tv_nsec >= 0 && left->tv_nsec < 1000000000 && seconds < 5 && seconds >= 5 - (now() - start);
}

static void sleeping(void)
{
    struct timespec time = {5, 0}, left = {99, 99};
    set(note, SA_RESTART); /* sleeping never restarts */
    double start = now();
    INTERRUPTED(nanosleep(&time, &left));
    CHECK(calls == 1 && is_left(&left, start));
    start = now();
    INTERRUPTED((errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &left)) ? -1 : 0);
    CHECK(is_left(&left, start));
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_sec += 60;
    INTERRUPTED((errno = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &time, NULL)) ? -1 : 0);

    /* An ignored signal does not shorten a sleep. */
    signal(SIGALRM, SIG_IGN);
    ring(5000, 5000);
    start = now();
    time = (struct timespec){0, 60000000};
    CHECK(!nanosleep(&time, NULL));
    CHECK(now() - start >= 0.06);
    ring(0, 0);
}

static void waiting(void)
{
    set(note, SA_RESTART);
    INTERRUPTED(pause());
    CHECK(calls == 1);

    sigset_t blocked, old, none, after;
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    sigprocmask(SIG_BLOCK, &blocked, &old);
    ring(1000, 0);
    usleep(20000);
    CHECK(calls == 1);
    FAILS(sigsuspend(&none), EINTR); /* pending already */
    CHECK(calls == 2);
    ring(20000, 0);
    FAILS(sigsuspend(&none), EINTR);
    CHECK(calls == 3);
    sigprocmask(SIG_SETMASK, &old, &after);
    CHECK(sigismember(&after, SIGALRM) == 1);
}

static void polling(void)
{
    struct pollfd entry = {.fd = ends[0], .events = POLLIN};
    fd_set set_of_one;
    set(note, SA_RESTART);
    INTERRUPTED(poll(&entry, 1, 5000));
    FD_ZERO(&set_of_one);
    FD_SET(ends[0], &set_of_one);
    INTERRUPTED(select(ends[0] + 1, &set_of_one, NULL, NULL, NULL));
    sigset_t none;
    sigemptyset(&none);
    INTERRUPTED(ppoll(&entry, 1, NULL, &none));
    CHECK(calls == 3);
}

static void futexes(void)
{
    int word = 1;
    struct timespec limit = {0, 50000000};
    double start = now();
    signal(SIGALRM, SIG_IGN);
    ring(5000, 5000);
    FAILS(syscall(SYS_futex, &word, 128, 1, &limit, NULL, 0), ETIMEDOUT);
    CHECK(now() - start >= 0.05 && now() - start < 20);
    ring(0, 0);
    set(note, 0);
    INTERRUPTED(syscall(SYS_futex, &word, 128, 1, NULL, NULL, 0));
    set(note, SA_RESTART);
    limit = (struct timespec){5, 0};
    INTERRUPTED(syscall(SYS_futex, &word, 128, 1, &limit, NULL, 0));
    FAILS(syscall(SYS_restart_syscall), EINTR);
}

int main(void)
{
    CHECK(!pipe(ends));
    reading();
    sleeping();
    waiting();
    polling();
    futexes();
    return check_end();
}
