/* A program with much of what compilers emit: the flip tests damage its text. Never meant to be
 * useful. */
#include <math.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_long counter;
static _Thread_local int local;
static jmp_buf buffer;
typedef int (*operation)(int, int);

static int add(int a, int b)
{
    return a + b;
}

static int divide(int a, int b)
{
    return b ? a / b : 0;
}

static operation volatile operations[] = {add, divide};

__attribute__((noinline)) static long choose(int what, long value)
{
    switch (what) {
    case 0:
        return value * 3;
    case 1:
        return value >> 3;
    case 2:
        return __builtin_popcountl(value);
    case 3:
        return __builtin_bswap64(value);
    case 4:
        return value % 10;
    case 5:
        return __builtin_ctzl(value | 1);
    default:
        return atomic_fetch_or(&counter, value) ^ local++;
    }
}

__attribute__((noinline)) static double mix(const float *in, double *out, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        out[i] = in[i] * 1.5 + out[i];
        sum += sqrt(fabs(out[i]));
    }
    return sum;
}

__attribute__((noinline)) static long double slow(long double x, int n)
{
    while (n-- > 0)
        x = x * 1.0000001L + n;
    return fmodl(x, 7);
}

__attribute__((noinline)) static int stack(int n)
{
    char text[n + 1], big[100000];
    memset(text, 'x', n);
    memset(big, n, sizeof big);
    text[n] = 0;
    return (int)strlen(text) + big[n];
}

__attribute__((noinline)) static void bytes(uint8_t *to, const uint8_t *from, const uint16_t *words,
                                            int n)
{
    for (int i = 0; i < n; i++)
        to[i] = (uint8_t)((from[i] ^ words[i]) > 100 ? words[i] >> 3 : from[i] + i);
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

int main(int argc, char **argv)
{
    static float in[100];
    static double out[100];
    static uint8_t to[300], from[300];
    static uint16_t words[300];
    int numbers[] = {5, 3, 9, 1};
    long sum = 0;
    for (int i = 0; i < 50; i++)
        sum += choose(i % 7, i * 12345678901L);
    qsort(numbers, 4, sizeof *numbers, compare);
    bytes(to, from, words, 300);
    if (setjmp(buffer) == 0)
        longjmp(buffer, argc);
    __int128 wide = (__int128)sum * sum;
    printf("%ld %d %d %f %Lf %d %s %ld %x\n", sum, operations[argc & 1](argc, 3), numbers[0],
           mix(in, out, 100), slow(argc, 9), stack(argc), argv[0], (long)(wide >> 64), to[7]);
    return 0;
}
