/* What the kernels share: a generator, and a result that the compiler cannot drop. Each kernel takes the number of rounds as its
 * argument and prints one checksum, which must be the same natively and in a cage. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static inline long rounds(int argc, char **argv, long otherwise)
{
    return argc > 1 ? atol(argv[1]) : otherwise;
}

static inline int finish(uint64_t sum)
{
    return printf("%016llx\n", (unsigned long long)sum) < 0;
}

#endif
