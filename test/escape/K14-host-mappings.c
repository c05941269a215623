// When all cages together have used up the host's mappings, can a cage that goes on mapping, unmapping, moving, protecting, locking, forking and
// The sanitizers themselves end where they get no mapping.
// UNSUPPORTED: sanitizer-address, sanitizer-thread
// ending take lind-run, and with it its siblings, down (attack row K14)? (The control is K14-mappings.c: natively the host's limit is reached.)
// RUN: %lind-cc -O1 -D_GNU_SOURCE -I%root/test/posix/mm %s -o %t
// RUN: %lind-run %t 6 | FileCheck %s
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

#include "mm.h"

enum { FILLERS = 5, FUZZERS = 3, EACH = 16000, AREA = 4096 };

static int ready[2], go[2], begin[2];
static time_t *end; /* for all; 0: not yet */
static unsigned state;

static unsigned next(unsigned below)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % below;
}

/* Takes as many mappings as there are, once all that are to do so are there. */
static void fill(void)
{
    char byte = 0;
    if (read(begin[0], &byte, 1) != 1)
        _exit(1);
    char *at = mmap(0, 2UL * EACH * PAGE, PROT_READ | PROT_WRITE, ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (int made = 0; made < EACH / 2; made++)
        if (mprotect(at + 2UL * (unsigned)made * PAGE, PAGE, PROT_READ))
            break;
    if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) < 0)
        _exit(1);
    _exit(0);
}

static int refused, allowed;

static void one_call(char *area, int file)
{
    char *at = area + (size_t)next(AREA) * PAGE, *to = area + (size_t)next(AREA) * PAGE;
    size_t size = (1 + next(next(2) ? 4 : 64)) * PAGE, other = (1 + next(8)) * PAGE;
    if (at + size > area + AREA * PAGE)
        size = (size_t)(area + AREA * PAGE - at);
    if (to + other > area + AREA * PAGE)
        other = (size_t)(area + AREA * PAGE - to);
    long result = 0;
    switch (next(16)) {
    case 0:
    case 1:
        result = (long)mmap(at, size, next(4), ANONYMOUS | MAP_FIXED, -1, 0);
        break;
    case 2:
        result = (long)mmap(at, size, next(4), MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        break;
    case 3:
        result = (long)mmap(at, size, next(4), (next(2) ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED, file, 0);
        break;
    case 4:
        result = munmap(at, size);
        break;
    case 5:
    case 6:
        result = mprotect(at, size, (int)next(4));
        break;
    case 7:
    case 8:
        result = (long)mremap(at, size, other, MREMAP_MAYMOVE | MREMAP_FIXED, to);
        break;
    case 9:
        result = (long)mremap(at, size, other, MREMAP_MAYMOVE);
        break;
    case 10:
        result = (long)mremap(at, size, size, MREMAP_MAYMOVE | 4);
        break;
    case 11:
        result = mlock(at, size);
        break;
    case 12:
        result = munlock(at, size);
        break;
    case 13:
        result = madvise(at, size, (int)next(5));
        break;
    case 14:
        result = (long)sbrk((intptr_t)(next(64) * PAGE) - 32 * PAGE);
        break;
    default:
        if (next(16) == 0) {
            pid_t pid = fork();
            if (pid == 0)
                _exit(0);
            result = pid;
            if (pid > 0)
                waitpid(pid, NULL, 0);
        }
    }
    result == -1 ? refused++ : allowed++;
}

/* Calls at the limit. A part of them is what the runtime must undo at the end of the process: locked memory. */
static void fuzz(unsigned seed)
{
    int file = memfd_create("file", 0);
    for (; !*(volatile time_t *)end || time(NULL) < *end; seed += 101) {
        pid_t pid = fork();
        if (pid > 0) {
            int status;
            waitpid(pid, &status, 0);
            continue;
        }
        if (pid < 0)
            continue;
        state = seed * 2654435761u | 1;
        CHECK(ftruncate(file, 64 * PAGE) == 0);
        char *area = mmap(0, AREA * PAGE, PROT_READ | PROT_WRITE, ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (area == MAP_FAILED)
            _exit(1);
        for (int i = 0; i < 3000; i++)
            one_call(area, file);
        mlock(area, 3 * PAGE);
        _exit(refused == 0);
    }
    _exit(0);
}

int main(int argc, char **argv)
{
    char byte;
    end = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(end != MAP_FAILED && pipe(ready) == 0 && pipe(go) == 0 && pipe(begin) == 0);
    /* Those that fill up come last: the others have their processes by then. */
    for (unsigned i = 0; i < FUZZERS; i++)
        if (fork() == 0) {
            close(go[1]);
            fuzz(i + 1);
        }
    for (int i = 0; i < FILLERS; i++)
        if (fork() == 0) {
            close(go[1]);
            fill();
        }
    for (int i = 0; i < FILLERS; i++)
        CHECK(write(begin[1], "", 1) == 1);
    for (int i = 0; i < FILLERS; i++)
        CHECK(read(ready[0], &byte, 1) == 1);
    *end = time(NULL) + 1 + atoi(argv[1]);
    /* This cage goes on meanwhile, and meets the limit itself now and then. */
    int failed = 0;
    while (time(NULL) < *end) {
        struct timespec moment = {0, 5000000};
        nanosleep(&moment, NULL);
        void *one = mmap(0, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        failed += one == MAP_FAILED;
        CHECK(one == MAP_FAILED || munmap(one, PAGE) == 0 || errno == ENOMEM);
    }
    printf("the limit was %s\n", failed ? "reached" : "never reached");
    close(go[1]);
    int status, bad = 0;
    for (int i = 0; i < FUZZERS + FILLERS; i++)
        bad += wait(&status) < 0 || status != 0;
    CHECK(bad == 0);
    // CHECK: the limit was reached
    // CHECK: all as it should be
    return finish();
}
