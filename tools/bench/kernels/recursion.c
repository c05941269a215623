/* Small recursive functions: calls and returns. */
#include "kernel.h"

__attribute__((noinline)) static unsigned fibonacci(unsigned n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

__attribute__((noinline)) static unsigned ackermann(unsigned m, unsigned n)
{
    return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

static int queens(unsigned all, unsigned columns, unsigned left, unsigned right)
{
    if (columns == all)
        return 1;
    int count = 0;
    for (unsigned free = all & ~(columns | left | right); free; free &= free - 1) {
        unsigned bit = free & -free;
        count += queens(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return count;
}

int main(int argc, char **argv)
{
    uint64_t sum = 0;
    volatile unsigned thirty = 30; /* so that no round is the same to the compiler */
    for (long round = rounds(argc, argv, 160); round > 0; round--)
        sum = sum * 31 + fibonacci(thirty) + ackermann(2, 20 * thirty) + (unsigned)queens((1u << (thirty / 3)) - 1, 0, 0, 0);
    return finish(sum);
}
