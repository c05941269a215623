// Is anything of an earlier cage left in a window that is used again: readable memory, or content of new mappings?
// RUN: %lind-cc -O1 -D_GNU_SOURCE %s -o %t
// RUN: %lind-run -- %t | FileCheck %s
// The control: a child that shares its parent's window does leave it all, and the check sees that.
// RUN: %lind-run -- %t control | FileCheck %s --check-prefix=CONTROL
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIZE = 1 << 17, PAGE = 4096, AREAS = 4, ROUNDS = 60 };
static char *const areas = (char *)0x50000000; /* AREAS areas with unmapped space between */
static sigjmp_buf fault;

static char *area(int i)
{
    return areas + (size_t)i * 2 * SIZE;
}

/* Fills private, shared and file memory, and memory that is protected afterwards. */
static int fill(void *unused)
{
    int file = memfd_create("old", 0);
    if (file < 0 || ftruncate(file, SIZE))
        _exit(1);
    for (int i = 0; i < AREAS; i++) {
        int flags = MAP_FIXED | (i == 1 ? MAP_SHARED : MAP_PRIVATE) | (i == 2 ? 0 : MAP_ANONYMOUS);
        if (mmap(area(i), SIZE, PROT_READ | PROT_WRITE, flags, i == 2 ? file : -1, 0) != area(i))
            _exit(1);
        memset(area(i), 0x5a, SIZE);
    }
    if (mprotect(area(3), SIZE, PROT_NONE))
        _exit(1);
    _exit(0);
}

static void on_fault(int signal)
{
    siglongjmp(fault, 1);
}

/* How many pages of the areas can be read as they are, and how many hold anything once mapped anew. */
static void look(int *readable, int *stale)
{
    *readable = *stale = 0;
    for (volatile int i = 0; i < AREAS; i++) {
        for (volatile size_t at = 0; at < SIZE; at += PAGE)
            if (!sigsetjmp(fault, 1)) {
                (void)*(volatile char *)(area(i) + at);
                ++*readable;
            }
        /* Made accessible without mapping anything: not for what is not mapped. */
        if (!mprotect(area(i), SIZE, PROT_READ))
            for (size_t at = 0; at < SIZE; at += PAGE)
                *stale += area(i)[at] != 0;
    }
    for (int i = 0; i < AREAS; i++) {
        char *at = mmap(area(i), SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (at != area(i))
            continue;
        for (size_t byte = 0; byte < SIZE; byte++)
            *stale += at[byte] != 0;
        munmap(at, SIZE);
    }
}

static int run(int (*function)(void *), int flags)
{
    static char stack[65536] __attribute__((aligned(16)));
    int status = -1;
    pid_t pid = clone(function, stack + sizeof stack, flags | SIGCHLD, NULL);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static int look_in_child(void *unused)
{
    int readable, stale;
    look(&readable, &stale);
    _exit(readable || stale);
}

int main(int argc, char **argv)
{
    signal(SIGSEGV, on_fault);
    if (argc > 1 && !strcmp(argv[1], "look"))
        look_in_child(NULL);
    if (argc > 1) {
        int readable, stale;
        if (run(fill, CLONE_VM | CLONE_VFORK))
            return 1;
        look(&readable, &stale);
        // CONTROL: readable 96, stale 128
        printf("readable %d, stale %d\n", readable, stale);
        return 0;
    }
    int bad = 0;
    for (int i = 0; i < ROUNDS; i++) {
        bad += run(fill, 0) != 0;
        if (i % 2) {
            bad += run(look_in_child, 0) != 0;
            continue;
        }
        int status;
        pid_t pid = vfork();
        if (!pid) {
            execl("/proc/self/exe", argv[0], "look", (char *)0);
            _exit(2);
        }
        bad += waitpid(pid, &status, 0) != pid || status != 0;
    }
    // CHECK: rounds with something left: 0
    printf("rounds with something left: %d\n", bad);
    return 0;
}
