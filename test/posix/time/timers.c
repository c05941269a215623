// Do alarm, interval timers and POSIX timers ring when they should, as often, and say so when asked?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/check.h"

/* How often a signal came, and how many expiries these were: those that came late, since others had the processor, count as overruns. What is
 * checked holds on a loaded machine too: no expiry comes early, and none is lost where all are counted. */
static volatile int rings[65], expiries[65];
static volatile siginfo_t last;

static void ring(int signal, siginfo_t *info, void *context)
{
    rings[signal]++;
    expiries[signal] += 1 + (info->si_code == SI_TIMER ? info->si_overrun : 0);
    last = *info;
}

static long long clock_now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static long long since(long long start)
{
    return clock_now(CLOCK_MONOTONIC) - start;
}

/* How many expiries there can have been up to now of a timer that was set after `start`, in milliseconds. */
static int due(long long start, int first, int interval)
{
    long long passed = since(start) - first * 1000000LL;
    return passed < 0 ? 0 : 1 + (int)(passed / (interval * 1000000LL));
}

static const char *program;
static volatile double work;

/* Uses CPU time. */
static void burn(long long milliseconds)
{
    long long end = clock_now(CLOCK_PROCESS_CPUTIME_ID) + milliseconds * 1000000;
    while (clock_now(CLOCK_PROCESS_CPUTIME_ID) < end)
        for (int i = 0; i < 1000; i++)
            work = work * 1.0001 + 1;
}

/* Whether alarm() may say so of what was set to `seconds` after `start`: it rounds. */
static int is_left(unsigned left, unsigned seconds, long long start)
{
    return left <= seconds && left + (unsigned)((since(start) + 500000000) / 1000000000) >= seconds;
}

static void alarms(void)
{
    long long start = clock_now(CLOCK_MONOTONIC), passed = 0;
    CHECK(alarm(100) == 0);
    unsigned left = alarm(50);
    CHECK(is_left(left, 100, start));
    start = clock_now(CLOCK_MONOTONIC);
    left = alarm(0);
    CHECK(is_left(left, 50, start));
    /* Early never, and late only where others have the processor. */
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_BLOCK, &set, &old);
    for (int tries = 0; tries < 10; tries++) {
        rings[SIGALRM] = 0;
        start = clock_now(CLOCK_MONOTONIC);
        CHECK(alarm(1) == 0);
        sigsuspend(&old);
        passed = since(start);
        CHECK(rings[SIGALRM] == 1 && passed > 900000000);
        if (passed < 1900000000)
            break;
    }
    sigprocmask(SIG_SETMASK, &old, NULL);
    CHECK(passed < 1900000000 && alarm(0) == 0);
}

static void intervals(void)
{
    struct itimerval value = {{0, 20000}, {0, 50000}}, old = {{9, 9}, {9, 9}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    rings[SIGALRM] = 0;
    long long start = clock_now(CLOCK_MONOTONIC);
    CHECK(!setitimer(ITIMER_REAL, &value, &old));
    CHECK(!old.it_value.tv_sec && !old.it_value.tv_usec && !old.it_interval.tv_sec);
    CHECK(!getitimer(ITIMER_REAL, &value));
    CHECK(value.it_interval.tv_usec == 20000);
    CHECK(value.it_value.tv_usec <= 50000 && (rings[SIGALRM] || value.it_value.tv_usec > 0));
    CHECK(rings[SIGALRM] || value.it_value.tv_usec >= 50000 - since(start) / 1000 - 1);
    while (rings[SIGALRM] < 10)
        usleep(5000);
    CHECK(rings[SIGALRM] <= due(start, 50, 20));
    CHECK(!setitimer(ITIMER_REAL, &never, &value) && value.it_interval.tv_usec == 20000);

    /* CPU time: not while we sleep. */
    value = (struct itimerval){{0, 10000}, {0, 10000}};
    CHECK(!setitimer(ITIMER_PROF, &value, NULL));
    usleep(60000);
    int idle = rings[SIGPROF];
    CHECK(idle <= 3);
    for (int i = 0; i < 100 && rings[SIGPROF] - idle < 5; i++)
        burn(30);
    CHECK(rings[SIGPROF] - idle >= 5);
    CHECK(!setitimer(ITIMER_PROF, &never, NULL));
    CHECK(!setitimer(ITIMER_VIRTUAL, &value, NULL));
    for (int i = 0; i < 100 && rings[SIGVTALRM] < 3; i++)
        burn(50);
    CHECK(rings[SIGVTALRM] >= 3);
    CHECK(!setitimer(ITIMER_VIRTUAL, &never, NULL));

    void *const bad[] = BAD_ADDRESSES;
    FAILS(syscall(SYS_getitimer, 3, &value), EINVAL);
    FAILS(syscall(SYS_setitimer, 3, &value, NULL), EINVAL);
    value.it_value.tv_usec = 1000000;
    FAILS(setitimer(ITIMER_REAL, &value, NULL), EINVAL);
    value.it_value.tv_usec = -1;
    FAILS(setitimer(ITIMER_REAL, &value, NULL), EINVAL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        FAILS(syscall(SYS_getitimer, 0, bad[i]), EFAULT);
        FAILS(syscall(SYS_setitimer, 0, bad[i], NULL), EFAULT);
    }
}

static void posix_timers(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2};
    event.sigev_value.sival_ptr = (void *)0xabcdef;
    timer_t timer, other;
    struct itimerspec value, old;
    CHECK(!timer_create(CLOCK_MONOTONIC, &event, &timer));
    CHECK(!timer_gettime(timer, &value) && !value.it_value.tv_sec && !value.it_value.tv_nsec);
    value = (struct itimerspec){{0, 10000000}, {0, 30000000}};
    long long start = clock_now(CLOCK_MONOTONIC);
    CHECK(!timer_settime(timer, 0, &value, &old) && !old.it_value.tv_nsec);
    CHECK(!timer_gettime(timer, &value));
    CHECK(value.it_value.tv_nsec > 0 && value.it_value.tv_nsec <= 30000000);
    CHECK(rings[SIGRTMIN + 2] || value.it_value.tv_nsec >= 30000000 - since(start));
    CHECK(value.it_interval.tv_nsec == 10000000);
    while (since(start) < 130000000)
        usleep(3000);
    /* All that were due come, be it as overruns of those that come later. */
    int wanted = due(start, 30, 10);
    CHECK(wanted >= 11);
    for (int i = 0; i < 1000 && expiries[SIGRTMIN + 2] < wanted; i++)
        usleep(3000);
    int came = expiries[SIGRTMIN + 2];
    CHECK(came >= wanted && came <= due(start, 30, 10));
    CHECK(last.si_code == SI_TIMER && last.si_value.sival_ptr == (void *)0xabcdef);

    /* Overruns are counted while the signal is blocked. */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 2);
    value = (struct itimerspec){{0, 5000000}, {0, 5000000}};
    sigprocmask(SIG_BLOCK, &set, NULL);
    start = clock_now(CLOCK_MONOTONIC);
    CHECK(!timer_settime(timer, 0, &value, NULL));
    rings[SIGRTMIN + 2] = 0;
    const struct timespec nap = {0, 103000000};
    value = (struct itimerspec){0};
    sigset_t pending;
    sigemptyset(&pending);
    for (int i = 0; i < 200 && !sigismember(&pending, SIGRTMIN + 2); i++) { /* once, unless nobody had time for the timer */
        clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
        CHECK(!sigpending(&pending));
    }
    CHECK(sigismember(&pending, SIGRTMIN + 2) == 1);
    siginfo_t info;
    CHECK(sigwaitinfo(&set, &info) == SIGRTMIN + 2);
    CHECK(info.si_code == SI_TIMER && info.si_overrun >= 15 && info.si_overrun < due(start, 5, 5));
    CHECK(timer_getoverrun(timer) == info.si_overrun);
    CHECK(!timer_settime(timer, 0, &value, NULL));
    const struct timespec none = {0, 0};
    while (sigtimedwait(&set, &info, &none) > 0)
        ;
    sigprocmask(SIG_UNBLOCK, &set, NULL);

    /* Absolute times, and times past. */
    long long at = clock_now(CLOCK_REALTIME) + 30000000;
    CHECK(!timer_create(CLOCK_REALTIME, NULL, &other));
    value = (struct itimerspec){{0, 0}, {at / 1000000000, at % 1000000000}};
    rings[SIGALRM] = 0;
    CHECK(!timer_settime(other, TIMER_ABSTIME, &value, NULL));
    while (!rings[SIGALRM])
        usleep(5000);
    CHECK(clock_now(CLOCK_REALTIME) >= at);
    CHECK(last.si_code == SI_TIMER && last.si_value.sival_int == (int)(long)other);
    value.it_value.tv_sec -= 100;
    CHECK(!timer_settime(other, TIMER_ABSTIME, &value, NULL));
    for (int i = 0; i < 2000 && rings[SIGALRM] < 2; i++)
        usleep(5000);
    CHECK(rings[SIGALRM] == 2);
    CHECK(!timer_gettime(other, &value) && !value.it_value.tv_sec && !value.it_value.tv_nsec);
    CHECK(!timer_delete(other));
    FAILS(syscall(SYS_timer_delete, other), EINVAL);

    /* CPU time; and no notification at all. */
    CHECK(!timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &other));
    value = (struct itimerspec){{0, 0}, {0, 30000000}};
    rings[SIGRTMIN + 2] = 0;
    CHECK(!timer_settime(other, 0, &value, NULL));
    for (int i = 0; i < 20 && !rings[SIGRTMIN + 2]; i++)
        burn(100);
    burn(100);
    CHECK(rings[SIGRTMIN + 2] == 1);
    CHECK(!timer_delete(other));
    event.sigev_notify = SIGEV_NONE;
    CHECK(!timer_create(CLOCK_MONOTONIC, &event, &other));
    CHECK(!timer_settime(other, 0, &value, NULL));
    const struct timespec longer = {0, 50000000};
    CHECK(!clock_nanosleep(CLOCK_MONOTONIC, 0, &longer, NULL));
    CHECK(!timer_gettime(other, &value) && !value.it_value.tv_sec && !value.it_value.tv_nsec);
    CHECK(!timer_delete(other));
    event.sigev_notify = SIGEV_THREAD_ID;
    ((int *)&event)[4] = getpid(); /* sigev_notify_thread_id */
    CHECK(!timer_create(CLOCK_MONOTONIC, &event, &other));
    value = (struct itimerspec){{0, 0}, {0, 1}};
    rings[SIGRTMIN + 2] = 0;
    CHECK(!timer_settime(other, 0, &value, NULL));
    for (int i = 0; i < 2000 && !rings[SIGRTMIN + 2]; i++)
        usleep(5000);
    CHECK(rings[SIGRTMIN + 2] == 1);
    CHECK(!timer_delete(other));

    /* Errors, by the calls themselves. */
    void *const bad[] = BAD_ADDRESSES;
    int id;
    FAILS(syscall(SYS_timer_create, 1000, NULL, &id), EINVAL);
    FAILS(syscall(SYS_timer_create, CLOCK_MONOTONIC_RAW, NULL, &id), EOPNOTSUPP);
    event = (struct sigevent){.sigev_notify = 77, .sigev_signo = SIGUSR1};
    FAILS(syscall(SYS_timer_create, CLOCK_REALTIME, &event, &id), EINVAL);
    event = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65};
    FAILS(syscall(SYS_timer_create, CLOCK_REALTIME, &event, &id), EINVAL);
    event = (struct sigevent){.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
    ((int *)&event)[4] = 0x7ffffff0;
    FAILS(syscall(SYS_timer_create, CLOCK_REALTIME, &event, &id), EINVAL);
    FAILS(syscall(SYS_timer_settime, 5000, 0, &value, NULL), EINVAL);
    FAILS(syscall(SYS_timer_settime, timer, 0, NULL, NULL), EINVAL);
    FAILS(syscall(SYS_timer_gettime, -1, &value), EINVAL);
    FAILS(syscall(SYS_timer_getoverrun, 12345), EINVAL);
    FAILS(syscall(SYS_timer_delete, 12345), EINVAL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        FAILS(syscall(SYS_timer_create, CLOCK_REALTIME, bad[i], &id), EFAULT);
        FAILS(syscall(SYS_timer_create, CLOCK_REALTIME, NULL, bad[i]), EFAULT);
        FAILS(syscall(SYS_timer_settime, 0, 0, bad[i], NULL), EFAULT);
        FAILS(syscall(SYS_timer_gettime, timer, bad[i]), EFAULT);
    }
    value.it_value.tv_nsec = 1000000000;
    FAILS(timer_settime(timer, 0, &value, NULL), EINVAL);
    CHECK(!timer_delete(timer));
}

/* A timer takes one of the signals that may be queued, whether its signal is or not; and there is
 * no other limit that a program meets. All of many ring. */
static void many_timers(void)
{
    enum { MANY = 3000, SIGNAL = 40 };
    static timer_t timers[MANY];
    static unsigned char came[MANY];
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGNAL};
    struct itimerspec value = {{0, 0}, {0, 1000000}};
    struct rlimit limit;
    const struct timespec patience = {20, 0};
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGNAL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < MANY; i++) {
        event.sigev_value.sival_int = i;
        CHECK(!timer_create(CLOCK_MONOTONIC, &event, &timers[i]));
    }
    CHECK(!getrlimit(RLIMIT_SIGPENDING, &limit));
    limit.rlim_cur = 10;
    CHECK(!setrlimit(RLIMIT_SIGPENDING, &limit));
    FAILS(timer_create(CLOCK_MONOTONIC, &event, &timers[0]), EAGAIN);
    FAILS(sigqueue(getpid(), SIGNAL, (union sigval){0}), EAGAIN);
    for (int i = 0; i < MANY; i++) {
        value.it_value.tv_nsec = 1 + i * 7919LL % 50 * 1000000; /* in any order */
        CHECK(!timer_settime(timers[i], 0, &value, NULL));
    }
    for (int i = 0; i < MANY; i += 3) { /* a third is armed again, or not to ring */
        value.it_value.tv_nsec = i % 2 ? 999999999 : 0;
        CHECK(!timer_settime(timers[i], 0, &value, NULL));
    }
    for (int left = MANY - MANY / 3; left > 0;) {
        int got = sigtimedwait(&set, &info, &patience);
        CHECK(got == SIGNAL && info.si_code == SI_TIMER);
        if (got != SIGNAL)
            break;
        came[info.si_value.sival_int]++;
        left -= info.si_value.sival_int % 3 != 0; /* the others may have rung before */
    }
    for (int i = 0; i < MANY; i++)
        CHECK(i % 3 == 0 || came[i] == 1);
    for (int i = 0; i < MANY; i++)
        CHECK(!timer_delete(timers[i]));
    while (sigtimedwait(&set, &info, &(struct timespec){0, 0}) == SIGNAL)
        ;
    int count = 0;
    timer_t timer;
    while (count < 20 && !timer_create(CLOCK_MONOTONIC, &event, &timer))
        timers[count++] = timer;
    CHECK(count <= 10); /* fewer when others of this user have signals queued */
    for (int i = 0; i < count; i++)
        CHECK(!timer_delete(timers[i]));

    /* Those of a process are gone with it, and with execve. */
    limit.rlim_cur = limit.rlim_max;
    CHECK(!setrlimit(RLIMIT_SIGPENDING, &limit));
    for (int round = 0; round < 20; round++) {
        pid_t pid = fork();
        if (!pid) {
            for (int i = 0; i < 2000; i++)
                if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
                    timer_settime(timer, 0, &value, NULL))
                    _exit(1);
            if (round % 2)
                execl(program, program, "gone", NULL);
            _exit(0);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    }
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Soft limit of CPU time: a signal each second from there on. */
static void cpu_limit(void)
{
    struct rlimit limit;
    CHECK(!getrlimit(RLIMIT_CPU, &limit));
    limit.rlim_cur = 1 + (rlim_t)(clock_now(CLOCK_PROCESS_CPUTIME_ID) / 1000000000);
    CHECK(!setrlimit(RLIMIT_CPU, &limit));
    for (int i = 0; i < 30 && !rings[SIGXCPU]; i++)
        burn(50);
    CHECK(rings[SIGXCPU] == 1);
}

int main(int count, char **arguments)
{
    struct itimerspec value;
    program = arguments[0];
    if (count > 1)
        return !(syscall(SYS_timer_gettime, 0, &value) == -1 && errno == EINVAL &&
                 syscall(SYS_timer_gettime, 1999, &value) == -1);
    struct sigaction action = {.sa_sigaction = ring, .sa_flags = SA_SIGINFO};
    const int signals[] = {SIGALRM, SIGPROF, SIGVTALRM, SIGXCPU, SIGRTMIN + 2};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
    alarms();
    intervals();
    posix_timers();
    many_timers();
    cpu_limit();
    return check_end();
}
