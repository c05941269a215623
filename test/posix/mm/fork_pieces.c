// Does a child begin with its parent's memory, and nothing of the child before, if that made one mapping of many of the parent's?
// RUN: musl-gcc -static -O1 %s -o %t.native && %t.native
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Both fewer and more mappings than a window may have whose mappings are kept for the next child. */
enum { PAGE = 4096, PIECES = 30, PAGES = 3, ROUNDS = 8 };

static char *base;

static char *piece(int i)
{
    return base + i * (PAGES + 1) * PAGE;
}

/* Only the first page of each is the parent's, the others are empty. */
static int is_parents(const char *at)
{
    for (int i = 0; i < PAGES * PAGE; i++)
        if (at[i] != (i < PAGE ? 'p' : 0))
            return 0;
    return 1;
}

/* Fills the gaps between the pieces, and all with its own. cut: the stack is in parts, too. */
static void join_pieces(int pieces, int cut)
{
    for (int i = 0; i < pieces; i++) {
        mmap(piece(i) + PAGES * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        memset(piece(i), 'x', (PAGES + 1) * PAGE);
    }
    if (cut)
        mprotect((char *)((uintptr_t)&cut & -(uintptr_t)PAGE) - 30 * PAGE, PAGE, PROT_READ);
}

int main(void)
{
    for (int pieces = 2; pieces <= PIECES; pieces++) {
        base = mmap(NULL, PIECES * (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        munmap(piece(pieces), (size_t)(PIECES - pieces) * (PAGES + 1) * PAGE);
        for (int i = 0; i < pieces; i++) {
            munmap(piece(i) + PAGES * PAGE, PAGE);
            memset(piece(i), 'p', PAGE);
        }
        for (int round = 0; round < ROUNDS; round++) {
            int status;
            pid_t child = fork();
            if (!child) {
                for (int i = 0; i < pieces; i++)
                    if (!is_parents(piece(i)))
                        _exit(1);
                join_pieces(pieces, round % 2);
                _exit(0);
            }
            if (child < 0 || waitpid(child, &status, 0) != child || status) {
                printf("%d pieces, round %d: %s\n", pieces, round, child < 0 ? "no fork" : "not the parent's");
                return 1;
            }
        }
        munmap(base, PIECES * (PAGES + 1) * PAGE);
    }
    return 0;
}
