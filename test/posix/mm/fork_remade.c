// Does mremap move in a child what its parent has mapped at once, though the child before mapped the same place piece by piece?
// RUN: musl-gcc -static -O1 %s -o %t.native && %t.native
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 60, PIECE = 20, ROUNDS = 24 };
static char *base;

static char *map(char *at, size_t pages, int protection)
{
    return mmap(at, pages * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0), -1, 0);
}

/* Page i is the parent's, but every third is empty. */
static char letter(int i)
{
    return (char)(i % 3 ? 'a' + i % 26 : 0);
}

/* First the ends, then what is between: a kernel keeps these apart. */
static void remake(int whole)
{
    munmap(base, (size_t)PAGES * PAGE);
    for (int i = 0; i < 2; i++)
        memset(map(base + i * 2 * PIECE * PAGE, PIECE, PROT_READ | PROT_WRITE), 'x', (size_t)PIECE * PAGE);
    if (whole)
        map(base + PIECE * PAGE, PIECE, PROT_READ | PROT_WRITE);
}

static int move(int pages, int protection)
{
    if (mprotect(base, (size_t)PAGES * PAGE, protection))
        return 1;
    char *now = mremap(base, (size_t)PAGES * PAGE, (size_t)pages * PAGE, MREMAP_MAYMOVE);
    if (now == MAP_FAILED)
        return 2;
    if (mprotect(now, (size_t)pages * PAGE, PROT_READ | PROT_WRITE))
        return 3;
    for (int i = 0; i < pages * PAGE; i++) {
        if (now[i] != (i / PAGE < PAGES ? letter(i / PAGE) : 0))
            return 4;
        now[i] = 'y';
    }
    return now != base && map(base, PAGES, PROT_NONE) != base ? 5 : 0;
}

int main(void)
{
    static const int protections[] = {PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE};
    base = map(NULL, PAGES + 2, PROT_READ | PROT_WRITE) + PAGE;
    munmap(base - PAGE, PAGE);
    map(base + PAGES * PAGE, 1, PROT_READ); /* so it cannot grow where it is */
    for (int i = 0; i < PAGES; i++)
        memset(base + i * PAGE, letter(i), letter(i) ? PAGE : 0);
    for (int round = 0; round < ROUNDS; round++) {
        int status;
        pid_t child = fork();
        if (!child) {
            if (round % 2)
                _exit(move(PAGES + round, protections[round / 4 % 3]));
            remake(round / 2 % 2);
            _exit(0);
        }
        if (waitpid(child, &status, 0) != child || status) {
            printf("round %d: %x\n", round, status);
            return 1;
        }
    }
    return 0;
}
