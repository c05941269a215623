// Do clocks exist, run, agree with each other, and refuse to be set?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/check.h"

static long long read_clock(clockid_t clock)
{
    struct timespec time = {-1, -1};
    CHECK(!clock_gettime(clock, &time));
    CHECK(time.tv_sec >= 0 && time.tv_nsec >= 0 && time.tv_nsec < 1000000000);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static volatile double work;

static void burn(long long nanoseconds)
{
    long long end = read_clock(CLOCK_PROCESS_CPUTIME_ID) + nanoseconds;
    while (read_clock(CLOCK_PROCESS_CPUTIME_ID) < end)
        for (int i = 0; i < 10000; i++)
            work = work * 1.0001 + 1;
}

int main(void)
{
    static const clockid_t clocks[] = {
        CLOCK_REALTIME,          CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
        CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
        CLOCK_MONOTONIC_COARSE,  CLOCK_BOOTTIME,      CLOCK_TAI,
    };
    struct timespec resolution, time;
    void *const bad[] = BAD_ADDRESSES;
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        long long first = read_clock(clocks[i]), last = first;
        for (int n = 0; n < 1000; n++) {
            long long next = read_clock(clocks[i]);
            CHECK(next >= last);
            last = next;
        }
        CHECK(!clock_getres(clocks[i], &resolution));
        CHECK(resolution.tv_sec == 0 && resolution.tv_nsec >= 1 && resolution.tv_nsec <= 10000000);
        for (size_t n = 0; n < sizeof bad / sizeof *bad; n++)
            FAILS(syscall(SYS_clock_gettime, clocks[i], bad[n]), EFAULT);
    }
    CHECK(!clock_getres(CLOCK_REALTIME, NULL));
    long long real = read_clock(CLOCK_REALTIME), coarse = read_clock(CLOCK_REALTIME_COARSE);
    struct timeval now;
    struct timezone zone = {77, 77};
    CHECK(!syscall(SYS_gettimeofday, &now, &zone));
    long long later = read_clock(CLOCK_REALTIME);
    CHECK(real - coarse < 1000000000LL && coarse - later < 1000000000LL);
    CHECK(now.tv_sec - later / 1000000000 <= 1 && now.tv_sec >= real / 1000000000 - 1);
    CHECK(zone.tz_minuteswest == 0 && zone.tz_dsttime == 0);
    time_t stored = 0;
    time_t seconds = syscall(SYS_time, &stored);
    CHECK(seconds == stored && seconds >= real / 1000000000 - 1);
    CHECK(real > 1600000000LL * 1000000000);

    /* CPU time: ours, and of a clock named by id. */
    long long before = read_clock(CLOCK_PROCESS_CPUTIME_ID),
              thread = read_clock(CLOCK_THREAD_CPUTIME_ID);
    burn(60000000);
    CHECK(read_clock(CLOCK_PROCESS_CPUTIME_ID) - before >= 60000000);
    CHECK(read_clock(CLOCK_THREAD_CPUTIME_ID) - thread >= 50000000);
    clockid_t own;
    CHECK(!clock_getcpuclockid(getpid(), &own));
    CHECK(read_clock(own) >= before + 60000000);
    CHECK(!pthread_getcpuclockid(pthread_self(), &own));
    CHECK(read_clock(own) >= thread + 50000000);
    long long asleep = 40000000;
    for (int tries = 0; tries < 10 && asleep >= 40000000; tries++) { /* a machine that is itself put to sleep may count that */
        before = read_clock(CLOCK_PROCESS_CPUTIME_ID);
        usleep(50000);
        asleep = read_clock(CLOCK_PROCESS_CPUTIME_ID) - before;
    }
    CHECK(asleep < 40000000);
    struct rusage usage;
    CHECK(!getrusage(RUSAGE_SELF, &usage));
    CHECK(usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec +
              usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec >=
          50000);
    CHECK(usage.ru_maxrss > 0);
    CHECK(!getrusage(RUSAGE_THREAD, &usage));
    CHECK(!getrusage(RUSAGE_CHILDREN, &usage));
    CHECK(usage.ru_utime.tv_sec == 0 && usage.ru_utime.tv_usec == 0);
    struct tms tms;
    clock_t ticks = times(&tms);
    CHECK(ticks > 0 && tms.tms_utime + tms.tms_stime >= 4 && tms.tms_cutime == 0);
    CHECK(times(NULL) >= ticks);

    /* Errors. */
    FAILS(syscall(SYS_clock_gettime, 1000, &time), EINVAL);
    FAILS(syscall(SYS_clock_gettime, 15, &time), EINVAL);
    FAILS(syscall(SYS_clock_gettime, -5, &time), EINVAL);              /* a descriptor's clock */
    FAILS(syscall(SYS_clock_gettime, -0x20000000 + 2, &time), EINVAL); /* no such process */
    FAILS(syscall(SYS_clock_getres, 1000, &time), EINVAL);
    FAILS(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &time), EINVAL);
    if (geteuid()) {
        time = (struct timespec){1, 0};
        FAILS(syscall(SYS_clock_settime, CLOCK_REALTIME, &time), EPERM);
        FAILS(syscall(SYS_settimeofday, &now, NULL), EPERM);
    }
    FAILS(getrusage(55, &usage), EINVAL);
    struct timex timex = {0};
    CHECK(syscall(SYS_adjtimex, &timex) >= 0);
    CHECK(timex.time.tv_sec >= real / 1000000000 - 1);
    for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
        FAILS(syscall(SYS_clock_getres, CLOCK_REALTIME, bad[n]), EFAULT);
        FAILS(syscall(SYS_gettimeofday, bad[n], NULL), EFAULT);
        FAILS(syscall(SYS_gettimeofday, NULL, bad[n]), EFAULT);
        FAILS(syscall(SYS_settimeofday, bad[n], NULL), EFAULT);
        FAILS(syscall(SYS_getrusage, RUSAGE_SELF, bad[n]), EFAULT);
        FAILS(syscall(SYS_times, bad[n]), EFAULT);
        FAILS(syscall(SYS_time, bad[n]), EFAULT);
        FAILS(syscall(SYS_adjtimex, bad[n]), EFAULT);
        FAILS(syscall(SYS_nanosleep, bad[n], NULL), EFAULT);
        FAILS(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, bad[n], NULL), EFAULT);
    }

    /* Sleeping. */
    long long start = read_clock(CLOCK_MONOTONIC);
    time = (struct timespec){0, 20000000};
    CHECK(!nanosleep(&time, &time) && time.tv_nsec == 20000000);
    CHECK(read_clock(CLOCK_MONOTONIC) - start >= 20000000);
    start = read_clock(CLOCK_MONOTONIC) + 20000000;
    time = (struct timespec){start / 1000000000, start % 1000000000};
    CHECK(!clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL));
    CHECK(read_clock(CLOCK_MONOTONIC) >= start);
    CHECK(!clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL)); /* past */
    time.tv_nsec = 1000000000;
    FAILS(nanosleep(&time, NULL), EINVAL);
    time = (struct timespec){-1, 0};
    FAILS(nanosleep(&time, NULL), EINVAL);
    time = (struct timespec){0, 0};
    CHECK(!nanosleep(&time, NULL));
    FAILS(syscall(SYS_clock_nanosleep, 1000, 0, &time, NULL), EINVAL);
    FAILS(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &time, NULL), EOPNOTSUPP);
    FAILS(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &time, NULL), EOPNOTSUPP);
    return check_end();
}
