/* qsort with a comparison function: indirect calls and returns. */
#include "kernel.h"

static int compare(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    enum { N = 200000 };
    uint32_t *values = malloc(N * sizeof *values), state = 7;
    uint64_t sum = 0;
    for (long round = rounds(argc, argv, 12); round > 0; round--) {
        for (int i = 0; i < N; i++)
            values[i] = next_random(&state);
        qsort(values, N, sizeof *values, compare);
        for (int i = 0; i < N; i += 97)
            sum = sum * 31 + values[i];
    }
    free(values);
    return finish(sum);
}
