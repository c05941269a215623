// When other cages have used up the host's mappings, does a write to a pipe still succeed, as on Linux? (posix_spawn tells its caller so that exec
// failed, and tries for ever.) The control is a new mapping, which fails.
// The sanitizers themselves end where they get no mapping.
// UNSUPPORTED: sanitizer-address, sanitizer-thread
// RUN: %lind-cc -O1 -D_GNU_SOURCE %s -o %t
// RUN: timeout 300 %lind-run %t | FileCheck %s
// CHECK: a new mapping: Out of memory
// CHECK-NEXT: 4 bytes written, 4 read
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, FILLERS = 5, EACH = 8000, LEFT = 100 };

/* Takes two of the host's mappings for each page that it opens, until it gets none. */
static void fill(_Atomic int *full)
{
    char *memory = mmap(NULL, 2UL * EACH * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (unsigned long i = 0; i < EACH && !mprotect(memory + 2 * i * PAGE, PAGE, PROT_READ); i++)
        ;
    ++*full;
    pause();
}

int main(void)
{
    _Atomic int *full = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t fillers[FILLERS];
    int ends[2], count = 0;
    char bytes[4];
    if (pipe(ends))
        return 1;
    for (; count < FILLERS && (fillers[count] = fork()) >= 0; count++)
        if (!fillers[count])
            fill(full);
    while (*full < count)
        usleep(1000);
    void *more = NULL;
    for (int i = 0; i < LEFT && more != MAP_FAILED; i++) /* a filler wants two at once */
        more = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const char *error = more == MAP_FAILED ? strerror(errno) : "made";
    long written = write(ends[1], "word", 4), got = written == 4 ? read(ends[0], bytes, 4) : 0;
    for (int i = 0; i < count; i++)
        kill(fillers[i], SIGKILL);
    for (int i = 0; i < count; i++)
        wait(NULL);
    printf("a new mapping: %s\n%ld bytes written, %ld read\n", error, written, got);
    return 0;
}
