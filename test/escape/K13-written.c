// Do calls write into the caller's memory what Linux writes, and nothing behind or between: no uninitialised bytes of the runtime's stack? The control is
// the same program natively: for each call it prints how many bytes, up to which, were written.
// RUN: musl-gcc -static -O1 -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu %s -o %t.native && %t.native > %t.linux
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t > %t.caged && diff %t.linux %t.caged
// And it does see what is written too much.
// RUN: %lind-run %t more | FileCheck %s
// CHECK: too much: 48 bytes, up to 48
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 4096 };
static unsigned char one[SIZE], other[SIZE];

static void report(const char *name)
{
    int count = 0, last = 0;
    for (int i = 0; i < SIZE; i++)
        if (one[i] != 0xee || other[i] != 0x11) {
            count++;
            last = i + 1;
        }
    printf("%s: %d bytes, up to %d\n", name, count, last);
}

#undef pread64
#define CALL(name, before, ...)                                                                    \
    do {                                                                                           \
        unsigned char *buffer = one;                                                               \
        memset(one, 0xee, SIZE);                                                                   \
        memset(other, 0x11, SIZE);                                                                 \
        before;                                                                                    \
        syscall(SYS_##name, __VA_ARGS__);                                                          \
        buffer = other;                                                                            \
        before;                                                                                    \
        syscall(SYS_##name, __VA_ARGS__);                                                          \
        report(#name);                                                                             \
    } while (0)

static void nothing(int signal)
{
}

static void child(void)
{
    if (fork() == 0)
        _exit(3);
}

static void alarm_soon(void)
{
    struct itimerval soon = {{0, 20000}, {0, 20000}}; /* again, as the first one may come before the sleep */
    setitimer(ITIMER_REAL, &soon, NULL);
}

#define PUT(at, value) memcpy(buffer + (at), &(value), sizeof(value))

/* What writes to where it has read, or only part of what it could. */
static void more(int pair[2], int timer, timer_t posix_timer)
{
    struct pollfd polled[2] = {{pair[0], POLLIN, 0x5a5a}, {-1, POLLIN, 0x5a5a}};
    struct timespec moment = {0, 1000}, long_time = {60, 0};
    struct timeval now = {0, 0};
    struct itimerspec later = {{0, 0}, {100, 0}};
    struct flock lock = {.l_type = F_WRLCK};
    uint64_t set = 1ULL << pair[1], offset = 0;
    uint32_t version = 0x20080522, none = 0;
    int file = memfd_create("file", 0), terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    int directory = open("/dev/shm", O_RDONLY | O_DIRECTORY);
    char *memory = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    write(file, "0123456789", 10);
    signal(SIGALRM, nothing);
    CALL(pread64, , file, buffer, 100, 2);
    CALL(readlink, , "/proc/self/fd/0", buffer, 3);
    CALL(getdents64, , directory, buffer, 20);
    CALL(getgroups, , 0, buffer);
    CALL(fgetxattr, , file, "user.none", buffer, 100);
    CALL(poll, PUT(0, polled), buffer, 2, 0);
    CALL(ppoll, PUT(0, polled); PUT(64, moment), buffer, 2, buffer + 64, 0, 8);
    CALL(select, PUT(0, set); PUT(64, now), pair[1] + 1, 0, buffer, 0, buffer + 64);
    CALL(pselect6, PUT(0, set); PUT(64, moment), pair[1] + 1, 0, buffer, 0, buffer + 64, 0);
    CALL(mincore, , memory, 8192, buffer);
    CALL(sched_getaffinity, , 0, 128, buffer);
    CALL(getrandom, , buffer, 64, 0);
    CALL(setitimer, , ITIMER_VIRTUAL, 0, buffer);
    CALL(timer_settime, , posix_timer, 0, &later, buffer);
    CALL(timerfd_settime, , timer, 0, &later, buffer);
    CALL(nanosleep, alarm_soon(), &long_time, buffer);
    CALL(clock_nanosleep, alarm_soon(), CLOCK_MONOTONIC, 0, &long_time, buffer);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    CALL(clock_nanosleep, , CLOCK_MONOTONIC, 1, &moment, buffer);
    CALL(capget, PUT(0, version); PUT(4, none), buffer, buffer + 64);
    CALL(capget, PUT(0, none); PUT(4, none), buffer, buffer + 64);
    CALL(ioctl, , terminal, 0x80045430 /* TIOCGPTN */, buffer);
    CALL(ioctl, , terminal, 0x5401 /* TCGETS */, buffer);
    CALL(ioctl, , terminal, 0x5413 /* TIOCGWINSZ */, buffer);
    CALL(ioctl, , terminal, 0x540f /* TIOCGPGRP */, buffer);
    CALL(ioctl, , terminal, 0x5411 /* TIOCOUTQ */, buffer);
    CALL(fcntl, PUT(0, lock), file, F_GETLK, buffer);
    CALL(fcntl, PUT(0, lock), file, 36 /* F_OFD_GETLK */, buffer);
    CALL(sendfile, PUT(0, offset), pair[1], file, buffer, 5);
}

int main(int argc, char **argv)
{
    int pair[2], counter = eventfd(1, EFD_NONBLOCK), set = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
    struct epoll_event event = {.events = EPOLLIN};
    struct timespec zero = {0, 0};
    timer_t posix_timer;
    struct sigevent none = {.sigev_notify = SIGEV_NONE};
    uint64_t usr1 = 1 << (SIGUSR1 - 1);
    pipe(pair);
    epoll_ctl(set, EPOLL_CTL_ADD, counter, &event);
    timer_create(CLOCK_MONOTONIC, &none, &posix_timer);
    signal(SIGUSR2, nothing);
    CALL(uname, , buffer);
    if (argc > 1) {
        memset(one, 0xee, SIZE);
        memset(other, 0x11, SIZE);
        memset(one, 1, 48);
        report("too much");
        return 0;
    }
    CALL(sched_getparam, , 0, buffer);
    CALL(sched_rr_get_interval, , 0, buffer);
    CALL(fstat, , pair[0], buffer);
    CALL(stat, , "/dev/null", buffer);
    CALL(lstat, , "/proc/self/exe", buffer);
    CALL(newfstatat, , AT_FDCWD, "/", buffer, 0);
    CALL(statx, , AT_FDCWD, "/proc/self/status", 0, 0x7ff, buffer);
    CALL(statfs, , "/proc", buffer);
    CALL(fstatfs, , pair[0], buffer);
    CALL(getrusage, , RUSAGE_SELF, buffer);
    CALL(getrusage, , RUSAGE_CHILDREN, buffer);
    CALL(times, , buffer);
    CALL(sysinfo, , buffer);
    CALL(getrlimit, , RLIMIT_CORE, buffer);
    CALL(prlimit64, , 0, RLIMIT_CORE, 0, buffer);
    CALL(clock_gettime, , CLOCK_MONOTONIC, buffer);
    CALL(clock_getres, , CLOCK_MONOTONIC, buffer);
    CALL(gettimeofday, , buffer, 0);
    CALL(time, , buffer);
    CALL(getitimer, , ITIMER_REAL, buffer);
    CALL(timer_gettime, , posix_timer, buffer);
    CALL(timerfd_gettime, , timer, buffer);
    CALL(rt_sigaction, , SIGUSR2, 0, buffer, 8);
    CALL(rt_sigprocmask, , SIG_BLOCK, 0, buffer, 8);
    CALL(rt_sigpending, , buffer, 8);
    CALL(sigaltstack, , 0, buffer);
    CALL(getresuid, , buffer, buffer + 8, buffer + 16);
    CALL(getresgid, , buffer, buffer + 8, buffer + 16);
    CALL(getcpu, , buffer, buffer + 8, 0);
    CALL(prctl, , 16 /* PR_GET_NAME */, buffer);
    CALL(prctl, , 2 /* PR_GET_PDEATHSIG */, buffer);
    CALL(get_robust_list, , 0, buffer, buffer + 64);
    CALL(epoll_wait, , set, buffer, 4, 0);
    CALL(ioctl, write(pair[1], "abc", 3), pair[0], 0x541b /* FIONREAD */, buffer);
    CALL(pipe2, , buffer, 0);
    CALL(wait4, child(), -1, buffer, 0, buffer + 64);
    CALL(waitid, child(), P_ALL, 0, buffer, WEXITED, buffer + 256);
    CALL(read, , counter, buffer, 100);
    write(counter, &usr1, sizeof usr1);
    CALL(rt_sigprocmask, , SIG_BLOCK, &usr1, buffer, 8);
    CALL(rt_sigtimedwait, kill(getpid(), SIGUSR1), &usr1, buffer, &zero, 8);
    more(pair, timer, posix_timer);
    int signals = signalfd(-1, (sigset_t *)&usr1, 0);
    CALL(read, kill(getpid(), SIGUSR1), signals, buffer, 1000);
    return 0;
}
