#include "rt/spin.h"

#include <sched.h>
#include <time.h>

unsigned spin_limit;

/* A pause takes 10 to 150 cycles, depending on the processor. */
static long pauses_take(unsigned turns)
{
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    for (unsigned i = 0; i < turns; i++)
        __builtin_ia32_pause();
    clock_gettime(CLOCK_MONOTONIC, &after);
    return (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
}

void spin_init(void)
{
    enum { LIMIT_NS = 100000, SAMPLE = 32, SAMPLES = 3 };
    cpu_set_t may;
    long least = LIMIT_NS;
    CPU_ZERO(&may);
    /* More CPUs than fit in the set: surely more than one. */
    if (sched_getaffinity(0, sizeof may, &may) == 0 && CPU_COUNT(&may) == 1)
        return;
    for (int i = 0; i < SAMPLES; i++) {
        long one = pauses_take(SAMPLE);
        if (one > 0 && one < least)
            least = one;
    }
    spin_limit = (unsigned)(LIMIT_NS * SAMPLE / least);
}
