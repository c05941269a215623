/* Does the cages' C library compute what the same library computes natively: assembly routines, long double
 * mathematics, jumps, floating-point environment, formatting, sorting, allocation, builtins?
 *
 * RUN: rm -rf %t && mkdir -p %t
 * RUN: musl-gcc -static -O1 -w %s -o %t/native -lm && %t/native > %t/native.txt
 * RUN: for o in -O0 -O2 "-O2 -flto" "-Os -fPIC" "-O3 -march=x86-64-v3 -ffp-contract=off"; do \
 * RUN:   %lind-cc $o -w %s -o %t/caged -lm && %lind-verify %t/caged && \
 * RUN:   %lind-run %t/caged > %t/caged.txt && diff %t/native.txt %t/caged.txt || exit 1; done
 */
#define _GNU_SOURCE
#include <complex.h>
#include <fenv.h>
#include <math.h>
#include <search.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

static uint64_t state = 42;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* Through pointers: each function's address must be one that can be called. */
static const struct {
    const char *name;
    long double (*call)(long double);
} functions[] = {
    {"acosl", acosl}, {"asinl", asinl}, {"atanl", atanl}, {"ceill", ceill},   {"expl", expl},
    {"exp2l", exp2l}, {"expm1l", expm1l}, {"fabsl", fabsl}, {"floorl", floorl}, {"logl", logl},
    {"log10l", log10l}, {"log1pl", log1pl}, {"log2l", log2l}, {"rintl", rintl}, {"sqrtl", sqrtl},
    {"truncl", truncl}, {"sinl", sinl}, {"cosl", cosl}, {"tanl", tanl}, {"cbrtl", cbrtl},
    {"tgammal", tgammal}, {"erfl", erfl},
};

static void mathematics(void)
{
    static const long double values[] = {0, -0.0L, 0.5L, -0.75L, 1, 1.5L, -3.25L, 17, 1e10L, 1e-10L,
                                         0x1p-16400L, 1e4000L, INFINITY, -INFINITY};
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            long double result = functions[f].call(values[v]);
            printf("%s(%La) = %La\n", functions[f].name, values[v], isnan(result) ? 0 : result);
        }
    }
    volatile double x = 1.25, y = 2.5;
    volatile float z = 0.3f;
    printf("%a %a %a %a %a\n", pow(x, y), sin(x), exp(y), atan2(x, y), fma(x, y, 0.1));
    printf("%a %a %La %La\n", sinf(z), powf(z, 2.5f), atan2l(x, y), fmodl(1e20L, y));
    printf("%ld %lld %La\n", lrint(x * y), llrintl(-7.5L), remainderl(10, 3));
    double complex c = CMPLX(x, y), d = c * c / CMPLX(y, -x);
    printf("%.12g %.12g %.12g\n", creal(d), cimag(d), cabs(cexp(c)));
}

static void environment(void)
{
    volatile double one = 1, three = 3, zero = 0;
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    for (int i = 0; i < 4; i++) {
        fesetround(modes[i]);
        printf("%d %a %La\n", fegetround() == modes[i], one / three, (long double)one / three);
    }
    fesetround(FE_TONEAREST);
    feclearexcept(FE_ALL_EXCEPT);
    volatile double result = one / zero;
    printf("%d %d\n", fetestexcept(FE_DIVBYZERO) != 0, fetestexcept(FE_INVALID) != 0);
    fenv_t saved;
    feholdexcept(&saved);
    printf("%d\n", fetestexcept(FE_ALL_EXCEPT));
    feraiseexcept(FE_OVERFLOW);
    feupdateenv(&saved);
    printf("%d %d\n", fetestexcept(FE_DIVBYZERO) != 0, fetestexcept(FE_OVERFLOW) != 0);
    fesetenv(FE_DFL_ENV);
    printf("%d\n", fetestexcept(FE_ALL_EXCEPT));
}

static jmp_buf jump;
static sigjmp_buf signal_jump;

static void deep(int levels)
{
    volatile char frame[100];
    frame[levels % 100] = 1;
    if (!levels) {
        longjmp(jump, 7);
    }
    deep(levels - 1);
}

static void jumps(void)
{
    volatile int count = 0;
    int value = setjmp(jump);
    printf("setjmp %d\n", value);
    if (count++ < 3) {
        deep(100 * count);
    }
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    volatile int again = 0;
    if (!sigsetjmp(signal_jump, 1)) {
        sigprocmask(SIG_BLOCK, &set, NULL);
        again = 1;
        siglongjmp(signal_jump, 2);
    }
    sigprocmask(SIG_BLOCK, NULL, &old);
    printf("siglongjmp %d %d\n", again, sigismember(&old, SIGUSR1));
}

static int by_value(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void memory(void)
{
    int values[1000];
    for (int i = 0; i < 1000; i++) {
        values[i] = (int)(next() % 5000);
    }
    qsort(values, 1000, sizeof *values, by_value);
    unsigned long sum = 0;
    for (int i = 0; i < 1000; i++) {
        sum = sum * 31 + (unsigned)values[i];
    }
    printf("qsort %lu %d\n", sum, bsearch(&values[500], values, 1000, sizeof *values, by_value) != NULL);
    char *blocks[200] = {0};
    for (int i = 0; i < 20000; i++) {
        int slot = (int)(next() % 200);
        size_t size = next() % 5 ? next() % 300 : next() % 300000;
        blocks[slot] = realloc(blocks[slot], size + 1);
        memset(blocks[slot], slot, size + 1);
        if (next() % 3 == 0) {
            free(blocks[slot]);
            blocks[slot] = NULL;
        }
    }
    puts("malloc");
}

static void text(void)
{
    char buffer[300];
    printf("%d %ld %llx %o %c %s %-8s| %8.3f %e %g %p %%\n", -5, 1L << 40, 0xfeedfacecafebeefULL, 8, 'x',
           "text", "left", 3.14159, 1e100, 1e-5, (void *)0x1234);
    printf("%Lf %La %.30Lf\n", 1.0L / 3, 1.0L / 3, 0.1L);
    snprintf(buffer, sizeof buffer, "%1$s %2$d %1$s", "twice", 5);
    puts(buffer);
    int number;
    double real;
    char word[20];
    printf("%d ", sscanf("17 0x1.8p3 word", "%d %lf %19s", &number, &real, word));
    printf("%d %g %s\n", number, real, word);
    printf("%g %ld %lu\n", strtod("1.7976931348623157e308", NULL), strtol("-0x7f", NULL, 0),
           strtoul("zz", NULL, 36));
    printf("%ls %zu\n", L"wide", wcslen(L"characters"));
    struct tm when;
    time_t seconds = 1000000000;
    gmtime_r(&seconds, &when);
    strftime(buffer, sizeof buffer, "%Y-%m-%d %H:%M:%S %A", &when);
    puts(buffer);
    printf("%s %s %s\n", strstr("haystack with needle", "needle"), strpbrk("abc,def", ",;"),
           strtok((char[]){"first second"}, " "));
    printf("%s\n", strerror(2));
}

static __thread int per_thread = 5;
static _Alignas(64) __thread char aligned_per_thread[64];

static void builtins(void)
{
    volatile unsigned __int128 wide = (unsigned __int128)next() << 64 | next(), small = next();
    unsigned __int128 quotient = wide / small, rest = wide % small;
    printf("%llx%016llx %llx\n", (long long)(quotient >> 64), (long long)quotient, (long long)rest);
    volatile __float128 q = 1;
    q = q / 3 + 2;
    printf("%a %d\n", (double)q, q > 2);
    per_thread++;
    printf("%d %d\n", per_thread, (int)((uintptr_t)aligned_per_thread % 64));
    printf("%d\n", (int)(sizeof(void *) * 10 + sizeof(long)));
}

int main(void)
{
    mathematics();
    environment();
    jumps();
    memory();
    text();
    builtins();
    return 0;
}
