/* Calls through tables of functions, unpredictable ones included. */
#include "kernel.h"

typedef uint32_t step(uint32_t);

#define STEP(n)                                                                                    \
    __attribute__((noinline)) static uint32_t step##n(uint32_t x)                                  \
    {                                                                                              \
        return (x ^ (n * 0x9e3779b9u)) + (x >> (n % 7 + 1));                                       \
    }
STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)

static step *const steps[8] = {step0, step1, step2, step3, step4, step5, step6, step7};

int main(int argc, char **argv)
{
    uint32_t state = 5, value = 1;
    uint64_t sum = 0;
    for (long round = rounds(argc, argv, 120); round > 0; round--)
        for (int i = 0; i < 1000000; i++) {
            /* Three predictable calls for each that is not. */
            unsigned which = i & 3 ? (unsigned)i & 7 : next_random(&state) & 7;
            value = steps[which](value);
            sum += value;
        }
    return finish(sum);
}
