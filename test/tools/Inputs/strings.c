/* Compares our string functions, linked under the prefix lind_, with the host's, over all small sizes and
 * alignments, with operands that end at an unmapped page. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *lind_memcpy(void *, const void *, size_t), *lind_memmove(void *, const void *, size_t),
    *lind_memset(void *, int, size_t), *lind_memchr(const void *, int, size_t),
    *lind_memrchr(const void *, int, size_t);
int lind_memcmp(const void *, const void *, size_t), lind_strcmp(const char *, const char *),
    lind_strncmp(const char *, const char *, size_t);
size_t lind_strlen(const char *);
char *lind_strchrnul(const char *, int);

static long failures;
static uint64_t state = 88172645463325252;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void check(const char *name, size_t a, size_t b, size_t size, int good)
{
    if (!good && failures++ < 20) {
        printf("%s differs (%zu, %zu, %zu)\n", name, a, b, size);
    }
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

/* Two pages that are there between two that are not. */
static unsigned char *pages(void)
{
    unsigned char *all = mmap(NULL, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(all + 4096, 8192, PROT_READ | PROT_WRITE);
    return all + 4096;
}

int main(void)
{
    unsigned char *x = pages(), *y = pages(), want[8192];
    for (size_t size = 0; size <= 700; size++) {
        for (int turn = 0; turn < 60; turn++) {
            /* At the end, at the start, or anywhere. */
            size_t i = turn % 3 == 0 ? 8192 - size : turn % 3 == 1 ? 0 : next() % (8193 - size);
            size_t j = turn % 4 == 0 ? 8192 - size : turn % 4 == 1 ? next() % 64 : next() % (8193 - size);
            int alphabet = turn % 2 ? 3 : 256;
            for (size_t k = 0; k < 8192; k++) {
                x[k] = (unsigned char)(next() >> 40) % alphabet;
            }
            memcpy(y, x, 8192);
            memcpy(want, x, 8192);
            memmove(want + j, want + i, size);
            check("memmove", i, j, size, lind_memmove(y + j, y + i, size) == y + j && !memcmp(y, want, 8192));
            size_t close = i + next() % 40 - 20;
            if (close < 8192 && close + size <= 8192) {
                memcpy(y, x, 8192);
                memcpy(want, x, 8192);
                memmove(want + close, want + i, size);
                lind_memmove(y + close, y + i, size);
                check("memmove near", i, close, size, !memcmp(y, want, 8192));
            }
            memset(y, 1, 8192);
            memset(want, 1, 8192);
            memcpy(want + j, x + i, size);
            check("memcpy", i, j, size, lind_memcpy(y + j, x + i, size) == y + j && !memcmp(y, want, 8192));
            check("memcmp equal", i, j, size, lind_memcmp(x + i, y + j, size) == 0);
            if (size) {
                y[j + next() % size] ^= 1 + next() % 255;
                check("memcmp", i, j, size,
                      sign(lind_memcmp(x + i, y + j, size)) == sign(memcmp(x + i, y + j, size)));
            }
            memset(want, 1, 8192);
            memset(y, 1, 8192);
            memset(want + j, turn, size);
            check("memset", j, turn, size, lind_memset(y + j, turn, size) == y + j && !memcmp(y, want, 8192));
            check("memchr", i, turn, size, lind_memchr(x + i, turn % 5, size) == memchr(x + i, turn % 5, size));
            check("memrchr", i, turn, size, lind_memrchr(x + i, turn % 5, size) == memrchr(x + i, turn % 5, size));
            if (!size) {
                continue;
            }
            /* Strings of size - 1 bytes, ended at the last byte of the region. */
            for (size_t k = 0; k < size; k++) {
                x[i + k] |= 1;
                y[j + k] = x[i + k];
            }
            x[i + size - 1] = y[j + size - 1] = 0;
            const char *a = (char *)x + i, *b = (char *)y + j;
            check("strlen", i, 0, size, lind_strlen(a) == size - 1);
            check("strchrnul", i, 0, size, lind_strchrnul(a, 3) == strchrnul(a, 3));
            check("strchrnul absent", i, 0, size, lind_strchrnul(a, 2) == strchrnul(a, 2));
            check("strcmp equal", i, j, size, lind_strcmp(a, b) == 0);
            check("strncmp equal", i, j, size, lind_strncmp(a, b, next() % (2 * size)) == 0);
            y[j + next() % size] ^= 2;
            y[j + size - 1] = 0;
            check("strcmp", i, j, size, sign(lind_strcmp(a, b)) == sign(strcmp(a, b)));
            size_t limit = next() % (2 * size);
            check("strncmp", i, j, limit, sign(lind_strncmp(a, b, limit)) == sign(strncmp(a, b, limit)));
        }
    }
    check("memchr without a limit", 0, 0, 0, lind_memchr(x, x[5], SIZE_MAX) != NULL);
    printf("%ld differences\n", failures);
    return failures != 0;
}
