// Does a program that signals interrupt at any instruction, in groups, in the gate and in calls, nested too, compute what it should?
// RUN: %lind-cc -O2 %s -o %t && timeout 600 %lind-run -- %t 20000 40
// RUN: %lind-cc -O0 %s -o %t.O0 && timeout 600 %lind-run -- %t.O0 5000 40
// The control: without the interruptions the same sums come out (the program compares), and the count shows that there were some.
// RUN: %lind-run -- %t 0
#define _GNU_SOURCE
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile unsigned signals, nested, depth;
static struct itimerval often;
static const struct itimerval never;

static uint64_t mix(uint64_t a, uint64_t b);
static uint64_t (*volatile mixer)(uint64_t, uint64_t) = mix;

static void interrupt(int signal, siginfo_t *info, void *context)
{
    /* Uses what it can: stack, vectors, strings, calls. */
    enum { DEPTH_MOST = 100 }; /* where signals come faster than they are served */
    if (++depth == DEPTH_MOST)
        setitimer(ITIMER_REAL, &never, NULL);
    char text[100], copy[100];
    volatile double number = signals;
    memset(text, (int)signals, sizeof text);
    memcpy(copy, text, sizeof copy);
    number = number / 3 * 3;
    if (mixer(signals, 7) == 42 && copy[5] == text[6])
        number++;
    signals++;
    if (signals % 16 == 0 && nested < 4) {
        nested++;
        raise(SIGUSR1);
        getrlimit(RLIMIT_CPU, &(struct rlimit){0});
        nested--;
    }
    if (depth-- == DEPTH_MOST)
        setitimer(ITIMER_REAL, &often, NULL);
}

__attribute__((noinline)) static uint64_t mix(uint64_t a, uint64_t b)
{
    return (a ^ b) * 0x9e3779b97f4a7c15 + (a >> 7);
}

/* One round: indirect calls, a variable part of the stack, string operations, doubles, hot and cold calls. */
__attribute__((noinline)) static uint64_t round_of(uint64_t n)
{
    size_t size = 64 + n % 4000;
    char *block = alloca(size);
    uint64_t sum = n;
    void *to = block;
    size_t count = size;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"((int)(n & 0x7f)) : "memory");
    for (size_t i = 0; i < size; i += 37)
        sum = mixer(sum, (unsigned char)block[i]);
    double product = 1;
    for (int i = 1; i < 20; i++)
        product = product * i / (i + 0.5);
    uint64_t bits;
    memcpy(&bits, &product, sizeof bits);
    sum ^= bits;
    switch (n % 4) {
    case 0:
        sum += (uint64_t)(getppid() >= 0);
        break;
    case 1: {
        struct rlimit limit;
        sum += !getrlimit(RLIMIT_CORE, &limit);
        break;
    }
    case 2: {
        struct timespec time;
        sum += !clock_gettime(CLOCK_MONOTONIC, &time);
        break;
    }
    default:
        sum += (uint64_t)(write(-1, "", 0) == -1);
    }
    return sum;
}

static uint64_t rounds(void)
{
    uint64_t sum = 0;
    for (uint64_t n = 0; n < 300; n++)
        sum = mix(sum, round_of(n));
    return sum;
}

/* As often as signals can be served: each microsecond if one takes less. */
static suseconds_t interval(void)
{
    enum { TIMES = 100, TRIES = 10 };
    struct timespec start, end;
    long least = 1000000;
    for (int k = 0; k < TRIES; k++) { /* in some of them nothing else has the processor */
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (int i = 0; i < TIMES; i++)
            raise(SIGALRM);
        clock_gettime(CLOCK_MONOTONIC, &end);
        long each = ((end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec - start.tv_nsec) / TIMES;
        if (each < least)
            least = each;
    }
    signals = 0;
    return 1 + least / 1000 * 2;
}

/* S05-signal-storm SIGNALS [SECONDS]: that many; after the seconds a twentieth is enough, for processors that have so much other
 * work that each signal waits its turn. */
int main(int argc, char **argv)
{
    unsigned wanted = (unsigned)atoi(argv[1]);
    const time_t end = argc > 2 ? time(NULL) + atoi(argv[2]) : 0;
    uint64_t expected = rounds();
    struct sigaction action = {.sa_sigaction = interrupt,
                               .sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER};
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    often.it_interval.tv_usec = often.it_value.tv_usec = interval();
    if (wanted)
        setitimer(ITIMER_REAL, &often, NULL);
    unsigned bad = 0, total = 0;
    do {
        bad += rounds() != expected;
        total++;
        if (end && time(NULL) >= end && signals >= wanted / 20)
            wanted = signals;
    } while (signals < wanted);
    setitimer(ITIMER_REAL, &never, NULL);
    if (bad || signals < wanted)
        printf("%u of %u sums are wrong after %u signals\n", bad, total, signals);
    return bad != 0;
}
