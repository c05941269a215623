// Do windows that are kept for the next process keep little memory: neither what cannot be written any more, nor page tables of what was large?
// The sanitizers' allocators keep what was freed, so the control fails under them.
// UNSUPPORTED: sanitizer-address, sanitizer-thread
// RUN: %lind-cc -O1 %s -o %t
// RUN: python3 %root/test/posix/proc/Inputs/leaks.py 400 8192 %lind-run -- %t
// The control: what the parent keeps is seen.
// RUN: not python3 %root/test/posix/proc/Inputs/leaks.py 400 8192 %lind-run -- %t keep
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 12, SIZE = 8 << 20, HUGE = 2 << 20 };
#define SPAN (3UL << 30)

static char *filled(int protection)
{
    char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    memset(memory, 'x', SIZE);
    return mprotect(memory, SIZE, protection) ? NULL : memory;
}

/* The parent waits for all, so each has a window of its own. */
static int child(int number, int end)
{
    volatile char *span;
    char byte = 0;
    switch (number % 4) {
    case 1:
        if (!filled(PROT_NONE))
            return 1;
        break;
    case 2:
        if (!filled(PROT_READ))
            return 1;
        break;
    case 3:
        span = mmap(NULL, SPAN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (span == MAP_FAILED)
            return 1;
        for (size_t at = 0; at < SPAN; at += HUGE)
            byte |= span[at]; /* no page, but a page table */
    }
    return byte || read(end, &byte, 1);
}

static int run(int soil)
{
    int ends[2], status, bad = 0;
    if (pipe(ends))
        return 1;
    for (int i = 0; i < CHILDREN; i++) {
        pid_t pid = fork();
        if (pid < 0)
            return 1;
        if (pid == 0) {
            close(ends[1]);
            _exit(child(soil ? i : 0, ends[0]));
        }
    }
    close(ends[1]);
    for (int i = 0; i < CHILDREN; i++)
        bad |= wait(&status) < 0 || status;
    close(ends[0]);
    return bad;
}

static int say(const char *word)
{
    char byte;
    printf("%s\n", word);
    fflush(stdout);
    return read(0, &byte, 1) < 0;
}

int main(int argc, char **argv)
{
    return run(0) || say("ready") || run(1) || (argc > 1 && (!filled(PROT_NONE) || !filled(PROT_NONE))) || say("done");
}
