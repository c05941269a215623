// Do poll, ppoll and select wait for the time given, use no CPU meanwhile, and wake at an event?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"
#include "../Inputs/state.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

static int ends[2];

static void on_alarm(int number)
{
    write(ends[1], "x", 1);
}

static volatile sig_atomic_t handled;

static void on_alarm_idle(int number)
{
    handled++;
}

/* No time to wait, and a mask that lets a pending signal through: a call with nothing ready is
 * interrupted; one with something ready is not, and its mask is gone before the signal could come.
 * epoll_pwait does not look at signals then. SIGALRM is blocked and has on_alarm_idle. */
static void no_time(void)
{
    const struct timespec no = {0, 0};
    sigset_t none, pending;
    sigemptyset(&none);
    struct pollfd out = {ends[1], POLLOUT, 0}, in = {ends[0], POLLIN, 0};
    fd_set set;
    int epoll = epoll_create1(0);
    struct epoll_event event;
    handled = 0;
    for (int ready = 1; ready >= 0; ready--) {
        raise(SIGALRM);
        errno = 0;
        CHECK(ppoll(ready ? &out : &in, 1, &no, &none) == (ready ? 1 : -1));
        CHECK((errno == EINTR) == !ready && handled == !ready);
    }
    for (int ready = 1; ready >= 0; ready--) {
        FD_ZERO(&set);
        FD_SET(ends[ready], &set);
        raise(SIGALRM);
        errno = 0;
        CHECK(pselect(ends[ready] + 1, ready ? NULL : &set, ready ? &set : NULL, NULL, &no, &none) ==
              (ready ? 1 : -1));
        CHECK((errno == EINTR) == !ready && handled == 1 + !ready);
    }
    /* One that is ignored interrupts nothing. */
    raise(SIGALRM);
    signal(SIGALRM, SIG_IGN);
    raise(SIGALRM);
    CHECK(ppoll(&in, 1, &no, &none) == 0);
    signal(SIGALRM, on_alarm_idle);
    raise(SIGALRM);
    CHECK(epoll_pwait(epoll, &event, 1, 0, &none) == 0 && handled == 2);
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGALRM));
    CHECK_ERROR(ppoll(NULL, 0, &no, &none), EINTR);
    CHECK(handled == 3);
    close(epoll);
}

/* Times so short that they pass on the way to sleep: at whatever moment, the sleep ends. */
static void moments(void)
{
    int epoll = epoll_create1(0);
    struct epoll_event event;
    struct pollfd in = {ends[0], POLLIN, 0};
    alarm(600); /* instead of sleeping for ever */
    for (int round = 0; round < 20; round++)
        for (long i = 1; i < 3000; i += 10) {
            struct timespec moment = {0, i + round % 10};
            CHECK(ppoll(&in, 1, &moment, NULL) == 0);
            CHECK(syscall(SYS_epoll_pwait2, epoll, &event, 1, &moment, NULL, 8L) == 0);
        }
    alarm(0);
    close(epoll);
}

/* Each call for 60 ms. */
static void sixty(void)
{
    struct pollfd in = {ends[0], POLLIN, 0};
    CHECK(poll(&in, 1, 60) == 0);
    CHECK(poll(NULL, 0, 60) == 0);
    struct timespec pause = {0, 60000000};
    CHECK(ppoll(&in, 1, &pause, NULL) == 0);
    struct timeval time = {0, 60000};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    CHECK(syscall(SYS_select, ends[0] + 1, &set, NULL, NULL, &time) == 0); /* musl keeps the time from it */
    CHECK(!FD_ISSET(ends[0], &set));
    CHECK(time.tv_sec == 0 && time.tv_usec == 0);
    time = (struct timeval){INT64_MAX, 1000000}; /* the sum is no time */
    CHECK_ERROR(syscall(SYS_select, 0, NULL, NULL, NULL, &time), EINVAL);
    pause = (struct timespec){0, 60000000};
    CHECK(pselect(0, NULL, NULL, NULL, &pause, NULL) == 0);
    CHECK(pause.tv_nsec == 60000000);
}

int main(void)
{
    struct pollfd entries[2];
    CHECK(pipe(ends) == 0);
    moments();
    int file = open("poll_waits.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);

    entries[0] = (struct pollfd){ends[0], POLLIN, 0};
    long spent = 900;
    clock_t cpu = CLOCKS_PER_SEC;
    /* Other work may well hold up one try. */
    for (int tries = 0; tries < 30 && (spent >= 900 || cpu >= CLOCKS_PER_SEC / 20); tries++) {
        long start = milliseconds();
        cpu = clock();
        sixty();
        spent = milliseconds() - start;
        cpu = clock() - cpu;
        CHECK(spent >= 299);
    }
    CHECK(spent < 900);
    CHECK(cpu < CLOCKS_PER_SEC / 20);

    /* A signal handler makes the pipe readable: first EINTR, then ready at once. */
    struct task_sleeper sleeper;
    fd_set set;
    signal(SIGALRM, on_alarm); /* SA_RESTART does not help poll */
    CHECK(task_sleeps(&sleeper, NULL, SIGALRM));
    CHECK_ERROR(poll(entries, 1, 60000), EINTR);
    task_slept(&sleeper);
    CHECK(poll(entries, 1, 2000) == 1 && entries[0].revents == POLLIN);
    char byte;
    CHECK(read(ends[0], &byte, 1) == 1);
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    CHECK(task_sleeps(&sleeper, NULL, SIGALRM));
    CHECK_ERROR(select(ends[0] + 1, &set, NULL, NULL, NULL), EINTR);
    task_slept(&sleeper);
    CHECK(read(ends[0], &byte, 1) == 1);

    /* ppoll's mask: the signal pending under it comes through only while waiting. */
    sigset_t block, none;
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    signal(SIGALRM, on_alarm_idle);
    sigprocmask(SIG_BLOCK, &block, NULL);
    raise(SIGALRM);
    CHECK(ppoll(entries, 1, &(struct timespec){0, 1000}, NULL) == 0);
    CHECK_ERROR(ppoll(entries, 1, &(struct timespec){2, 0}, &none), EINTR);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    CHECK(sigismember(&now, SIGALRM));
    raise(SIGALRM);
    CHECK_ERROR(pselect(0, NULL, NULL, NULL, &(struct timespec){2, 0}, &none), EINTR);

    no_time();

    /* A file beside an empty pipe: the file is ready at once. */
    entries[1] = (struct pollfd){file, POLLIN, 0};
    CHECK(poll(entries, 2, -1) == 1 && entries[0].revents == 0 && entries[1].revents == POLLIN);

    CHECK_ERROR(ppoll(entries, 1, &(struct timespec){-1, 0}, NULL), EINVAL);
    CHECK_ERROR(ppoll(entries, 1, &(struct timespec){0, 1000000000}, NULL), EINVAL);
    CHECK_ERROR(select(-1, NULL, NULL, NULL, NULL), EINVAL);
    CHECK_ERROR(syscall(SYS_select, 1, BAD, NULL, NULL, NULL), EFAULT);
    CHECK_ERROR(syscall(SYS_ppoll, entries, 1, BAD, NULL, 8), EFAULT);
    CHECK_ERROR(syscall(SYS_ppoll, entries, 1, NULL, BAD, 8), EFAULT);
    CHECK_ERROR(syscall(SYS_ppoll, entries, 1, NULL, &none, 4), EINVAL);
    FD_ZERO(&set);
    FD_SET(20, &set);
    CHECK_ERROR(select(21, &set, NULL, NULL, NULL), EBADF);
    close(file);
    unlink("poll_waits.tmp");
    return check_done();
}
