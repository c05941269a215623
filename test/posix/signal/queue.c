// Are signals queued, merged, ordered, waited for and counted as POSIX and Linux say?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/check.h"

static int order[64], values[64], seen;

static void note(int signal, siginfo_t *info, void *context)
{
    order[seen] = signal;
    values[seen++] = info->si_value.sival_int;
}

static void block(int how, int first, int second)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, first);
    if (second)
        sigaddset(&set, second);
    CHECK(!sigprocmask(how, &set, NULL));
}

static void queued(void)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    sigfillset(&action.sa_mask);
    sigaction(SIGRTMIN, &action, NULL);
    sigaction(SIGRTMIN + 1, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    block(SIG_BLOCK, SIGRTMIN, SIGRTMIN + 1);
    block(SIG_BLOCK, SIGUSR1, 0);
    for (int i = 0; i < 5; i++) {
        CHECK(!sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 100 + i}));
        CHECK(!sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 200 + i}));
        CHECK(!sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 300 + i}));
    }
    sigset_t pending;
    CHECK(!sigpending(&pending));
    CHECK(sigismember(&pending, SIGUSR1) == 1 && sigismember(&pending, SIGRTMIN) == 1);
    CHECK(sigismember(&pending, SIGUSR2) == 0);
    seen = 0;
    sigset_t none;
    sigemptyset(&none);
    CHECK(!sigprocmask(SIG_SETMASK, &none, NULL));
    /* 1 + 5 + 5. Each handler's frame is put upon the one before, so the last taken runs first, but with all signals blocked in handlers
     * they run one by one, lowest number first. */
    CHECK(seen == 11);
    CHECK(order[0] == SIGUSR1 && values[0] == 300);
    for (int i = 0; i < 5; i++) {
        CHECK(order[1 + i] == SIGRTMIN && values[1 + i] == 200 + i);
        CHECK(order[6 + i] == SIGRTMIN + 1 && values[6 + i] == 100 + i);
    }
}

static void waited(void)
{
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN + 3);
    CHECK(!sigprocmask(SIG_BLOCK, &set, NULL));
    CHECK(!sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_ptr = (void *)0x123456789}));
    CHECK(!kill(getpid(), SIGUSR1));
    CHECK(sigwaitinfo(&set, &info) == SIGUSR1 && info.si_code == SI_USER &&
          info.si_pid == getpid());
    CHECK(sigwaitinfo(&set, &info) == SIGRTMIN + 3);
    CHECK(info.si_code == SI_QUEUE && info.si_value.sival_ptr == (void *)0x123456789);
    const struct timespec short_time = {0, 30000000}, none = {0, 0}, bad = {0, 1000000000};
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    FAILS(sigtimedwait(&set, &info, &short_time), EAGAIN);
    clock_gettime(CLOCK_MONOTONIC, &after);
    long passed = (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
    CHECK(passed >= 30000000 && passed < 20000000000);
    FAILS(sigtimedwait(&set, &info, &none), EAGAIN);
    FAILS(sigtimedwait(&set, &info, &bad), EINVAL);

    /* One that is sent while it waits, although its default action is to be ignored. */
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigaddset(&set, SIGCHLD);
    CHECK(!sigprocmask(SIG_BLOCK, &set, NULL));
    alarm(1);
    CHECK(sigwaitinfo(&set, &info) == SIGALRM);
    CHECK(!kill(getpid(), SIGCHLD));
    int number;
    CHECK(!sigwait(&set, &number) && number == SIGCHLD);

    /* Another signal with a handler ends the wait. */
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    const struct itimerspec soon = {{0, 500000000}, {0, 20000000}}; /* again, if it comes before the wait */
    CHECK(!timer_create(CLOCK_MONOTONIC, &event, &timer));
    CHECK(!timer_settime(timer, 0, &soon, NULL));
    FAILS(syscall(SYS_rt_sigtimedwait, &set, &info, NULL, 8),
          EINTR); /* musl's sigwaitinfo goes on */
    CHECK(!timer_delete(timer));
}

/* Setting an action to "ignore" drops what is pending. */
static void dropped(void)
{
    sigset_t pending;
    block(SIG_BLOCK, SIGUSR2, SIGTSTP);
    raise(SIGUSR2);
    signal(SIGUSR2, SIG_IGN);
    CHECK(!sigpending(&pending) && sigismember(&pending, SIGUSR2) == 0);
    /* SIGCONT drops pending stop signals and the other way round. */
    raise(SIGTSTP);
    CHECK(!sigpending(&pending) && sigismember(&pending, SIGTSTP) == 1);
    raise(SIGCONT);
    CHECK(!sigpending(&pending) && sigismember(&pending, SIGTSTP) == 0);
    block(SIG_UNBLOCK, SIGUSR2, SIGTSTP);
}

static void limited(void)
{
    struct rlimit limit;
    block(SIG_BLOCK, SIGRTMIN + 5, 0);
    CHECK(!getrlimit(RLIMIT_SIGPENDING, &limit));
    limit.rlim_cur = 20;
    CHECK(!setrlimit(RLIMIT_SIGPENDING, &limit));
    int sent = 0;
    for (int tries = 0; tries < 20000 && !sent; tries++) { /* natively those of all processes of the user count */
        if (tries)
            usleep(1000);
        while (sent < 1000 && !sigqueue(getpid(), SIGRTMIN + 5, (union sigval){.sival_int = sent}))
            sent++;
    }
    CHECK(errno == EAGAIN && sent <= 20 && sent > 0);
    CHECK(!raise(SIGCONT)); /* not queued: not limited */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 5);
    siginfo_t info;
    const struct timespec none = {0, 0};
    for (int i = 0; i < sent; i++)
        CHECK(sigtimedwait(&set, &info, &none) == SIGRTMIN + 5 && info.si_value.sival_int == i);
    FAILS(sigtimedwait(&set, &info, &none), EAGAIN);
}

static void errors(void)
{
    siginfo_t info = {.si_code = SI_QUEUE};
    sigset_t set;
    void *const bad[] = BAD_ADDRESSES;
    FAILS(kill(getpid(), 65), EINVAL);
    FAILS(kill(getpid(), -1), EINVAL);
    CHECK(!kill(getpid(), 0));
    CHECK(!kill(0, 0));
    FAILS(kill(0x7ffffff0, SIGTERM), ESRCH);
    FAILS(kill(0x7ffffff0, 999), ESRCH);
    FAILS(kill(-0x7ffffff0, 0), ESRCH);
    FAILS(kill(-0x7fffffff - 1, 0), ESRCH);
    FAILS(syscall(SYS_tkill, 0, SIGTERM), EINVAL);
    FAILS(syscall(SYS_tkill, -5, SIGTERM), EINVAL);
    FAILS(syscall(SYS_tkill, 0x7ffffff0, SIGTERM), ESRCH);
    FAILS(syscall(SYS_tgkill, 0, getpid(), SIGTERM), EINVAL);
    FAILS(syscall(SYS_tgkill, 0x7ffffff0, getpid(), SIGTERM), ESRCH);
    FAILS(syscall(SYS_tgkill, getpid(), getpid(), 65), EINVAL);
    CHECK(!syscall(SYS_tgkill, getpid(), getpid(), 0));
    FAILS(syscall(SYS_rt_sigqueueinfo, 0x7ffffff0, SIGUSR2, &info), ESRCH);
    info.si_code = SI_USER;
    FAILS(syscall(SYS_rt_sigqueueinfo, 0x7ffffff0, SIGUSR2, &info), EPERM);
    FAILS(sigaction(SIGKILL, &(struct sigaction){.sa_handler = SIG_IGN}, NULL), EINVAL);
    FAILS(sigaction(SIGSTOP, &(struct sigaction){.sa_handler = SIG_IGN}, NULL), EINVAL);
    CHECK(!syscall(SYS_rt_sigaction, SIGKILL, NULL, NULL, 8));
    FAILS(syscall(SYS_rt_sigaction, 0, NULL, NULL, 8), EINVAL);
    FAILS(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), EINVAL);
    FAILS(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 16), EINVAL);
    FAILS(syscall(SYS_rt_sigprocmask, 0, NULL, NULL, 4), EINVAL);
    FAILS(syscall(SYS_rt_sigprocmask, 9, &set, NULL, 8), EINVAL);
    CHECK(!syscall(SYS_rt_sigprocmask, 9, NULL, &set, 8));
    FAILS(syscall(SYS_rt_sigpending, &set, 16), EINVAL);
    FAILS(syscall(SYS_rt_sigsuspend, &set, 16), EINVAL);
    FAILS(syscall(SYS_rt_sigtimedwait, &set, NULL, NULL, 4), EINVAL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        FAILS(syscall(SYS_rt_sigaction, SIGUSR1, bad[i], NULL, 8), EFAULT);
        FAILS(syscall(SYS_rt_sigaction, SIGUSR1, NULL, bad[i], 8), EFAULT);
        FAILS(syscall(SYS_rt_sigprocmask, SIG_BLOCK, bad[i], NULL, 8), EFAULT);
        FAILS(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, bad[i], 8), EFAULT);
        FAILS(syscall(SYS_rt_sigpending, bad[i], 8), EFAULT);
        FAILS(syscall(SYS_rt_sigsuspend, bad[i], 8), EFAULT);
        FAILS(syscall(SYS_rt_sigtimedwait, bad[i], NULL, NULL, 8), EFAULT);
        FAILS(syscall(SYS_rt_sigtimedwait, &set, NULL, bad[i], 8), EFAULT);
        FAILS(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR2, bad[i]), EFAULT);
        FAILS(syscall(SYS_sigaltstack, bad[i], NULL), EFAULT);
        FAILS(syscall(SYS_sigaltstack, NULL, bad[i]), EFAULT);
    }
}

int main(void)
{
    queued();
    waited();
    dropped();
    limited();
    errors();
    return check_end();
}
