// Does each thread load its own thread pointer, whatever that is and with whomever it shares it: 0, odd, unmapped, the window's last byte; after
// calls, signals, faults, fork, vfork, new threads with and without CLONE_SETTLS, while other threads set theirs, fork and take signals (attack row S6)?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
// The control: a pointer that is not its own is noticed.
// RUN: not %lind-run %t control | FileCheck %s
// CHECK: wrong thread pointers: 1
// A crash with such a pointer is the program's, and is reported.
// RUN: not %lind-run %t crash 2>&1 | FileCheck --check-prefix=CRASH %s
// CRASH-NOT: internal error
// CRASH: killed by SIGSEGV
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../posix/Inputs/check.h"

enum { SET_FS = 0x1002, GET_FS = 0x1003, STACK = 65536, THREADS = 6, SECONDS = 3 };
#define THREAD_FLAGS                                                                               \
    (CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_FS | CLONE_FILES | CLONE_PARENT_SETTID |      \
     CLONE_CHILD_CLEARTID)
#define LAST 0xffffffffUL

/* What runs with a strange pointer uses nothing of libc. */
static long raw(long number, long a, long b, long c, long d, long e)
{
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

#define RAW_(n, a, b, c, d, e, ...) raw(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))
#define RAW(...) RAW_(__VA_ARGS__, 0, 0, 0, 0, 0)

static uint64_t pointer(void)
{
    uint64_t value;
    __asm__ volatile("movq %%fs:0, %0" : "=r"(value));
    return value;
}

static volatile int wrong_line;
static _Atomic int wrong;
#define IS(condition) (void)((condition) || (wrong++, wrong_line = __LINE__))

static char stacks[THREADS + 1][STACK] __attribute__((aligned(64)));

/* The child runs function(data) on a stack of its own and ends with the result. */
static long spawn(unsigned long flags, char *stack, uint64_t its, int (*function)(uint64_t),
                  uint64_t data, volatile int *tid)
{
    register long r10 __asm__("r10") = (long)tid, r8 __asm__("r8") = (long)its;
    long result;
    uint64_t *top = (uint64_t *)(stack + STACK);
    top[-1] = (uint64_t)function;
    top[-2] = data;
    __asm__ volatile("syscall\n"
                     "testq %%rax, %%rax\n"
                     "jnz 1f\n"
                     "popq %%rdi\n"
                     "popq %%rax\n"
                     "call *%%rax\n"
                     "movl %%eax, %%edi\n"
                     "movl $60, %%eax\n" /* exit */
                     "syscall\n"
                     "hlt\n"
                     "1:"
                     : "=a"(result)
                     : "a"(SYS_clone), "D"(flags), "S"(top - 2), "d"(tid), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory", "cc");
    return result;
}

static void ends(long pid)
{
    int status = -1;
    long ended;
    while ((ended = RAW(SYS_wait4, pid, &status, 0x40000000 /* __WALL */, 0)) == -EINTR)
        ;
    IS(pid > 0 && ended == pid && status == 0);
}

static void gone(long made, volatile int *tid)
{
    IS(made > 0);
    while (made > 0 && *tid)
        RAW(SYS_sched_yield);
}

static int reads(uint64_t its)
{
    return pointer() != its;
}

static int sets(uint64_t its)
{
    int bad = pointer() != its || RAW(SYS_arch_prctl, SET_FS, 0x1234) || pointer() != 0x1234;
    RAW(SYS_getpid);
    return bad || pointer() != 0x1234;
}

static void on_signal(int signal)
{
    uint64_t before = pointer();
    if (signal == SIGUSR1)
        RAW(SYS_tgkill, RAW(SYS_getpid), RAW(SYS_gettid), SIGUSR2);
    RAW(SYS_getppid);
    IS(pointer() == before);
}

static volatile uint64_t expected;
static volatile int faults;
extern char behind[];

static void on_fault(int signal, siginfo_t *info, void *context)
{
    enum { RIP = 5 + 16 };
    IS(pointer() == expected);
    faults++;
    ((uint64_t *)context)[RIP] = (uint64_t)behind;
}

static void with(uint64_t its)
{
    volatile int tid = 0;
    uint64_t own = pointer(), got = 5;
    IS(RAW(SYS_arch_prctl, SET_FS, its) == 0 && pointer() == its);
    IS(RAW(SYS_arch_prctl, GET_FS, &got) == 0 && got == its);
    IS(RAW(SYS_arch_prctl, SET_FS, LAST + 1) == -EPERM && pointer() == its);
    IS(RAW(SYS_arch_prctl, SET_FS, -1) == -EPERM && pointer() == its);
    expected = its;
    RAW(SYS_tgkill, RAW(SYS_getpid), RAW(SYS_gettid), SIGUSR1);
    IS(pointer() == its);
    faults = 0;
    __asm__ volatile(".globl behind\n"
                     ".type behind, @function\n"
                     "movl 8, %%eax\n"
                     ".p2align 5\n"
                     "behind:" ::
                         : "eax", "memory");
    IS(faults == 1 && pointer() == its);
    long pid = RAW(SYS_fork);
    if (!pid)
        RAW(SYS_exit_group, pointer() != its);
    ends(pid);
    pid = RAW(SYS_vfork);
    if (!pid)
        RAW(SYS_exit_group, pointer() != its);
    ends(pid);
    ends(spawn(SIGCHLD | CLONE_VM | CLONE_VFORK, stacks[0], 0, sets, its, 0));
    ends(spawn(SIGCHLD | CLONE_VM | CLONE_VFORK | CLONE_SETTLS, stacks[0], LAST, sets, LAST, 0));
    ends(spawn(SIGCHLD | CLONE_VM | CLONE_SETTLS, stacks[0], its, sets, its, 0));
    ends(spawn(SIGCHLD | CLONE_VM, stacks[0], 0, sets, its, 0));
    ends(spawn(SIGCHLD | CLONE_SETTLS, stacks[0], its ^ 1, reads, its ^ 1, 0));
    gone(spawn(THREAD_FLAGS | CLONE_SETTLS, stacks[0], its, sets, its, &tid), &tid);
    gone(spawn(THREAD_FLAGS, stacks[0], 0, sets, its, &tid), &tid);
    IS(pointer() == its);
    IS(spawn(SIGCHLD | CLONE_SETTLS, stacks[0], LAST + 1, reads, 0, 0) == -EPERM);
    IS(spawn(THREAD_FLAGS | CLONE_SETTLS, stacks[0], LAST + 1, reads, 0, &tid) == -EPERM);
    IS(pointer() == its);
    RAW(SYS_arch_prctl, SET_FS, own);
}

static volatile int stop;
static _Atomic unsigned long rounds;

static int works(uint64_t its)
{
    const struct timespec moment = {0, 20000};
    for (unsigned round = 1; !stop; round++) {
        IS(pointer() == its);
        RAW(SYS_getpid);
        if (round % 7 == 0)
            RAW(SYS_nanosleep, &moment, 0);
        if (round % 5 == 0)
            RAW(SYS_tgkill, RAW(SYS_getpid), RAW(SYS_gettid), SIGUSR1);
        IS(pointer() == its);
        if (round % 11 == 0) {
            long pid = RAW(round % 2 ? SYS_fork : SYS_vfork);
            if (!pid)
                RAW(SYS_exit_group, pointer() != its);
            ends(pid);
        }
        if (round % 13 == 0) {
            RAW(SYS_arch_prctl, SET_FS, its ^ 3);
            IS(pointer() == (its ^ 3));
            RAW(SYS_arch_prctl, SET_FS, its);
        }
        rounds++;
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct timespec moment = {0, 1000000};
    static volatile int tids[THREADS];
    uint64_t own = pointer();
    if (argc > 1 && !strcmp(argv[1], "crash")) {
        RAW(SYS_arch_prctl, SET_FS, LAST);
        __asm__ volatile("movl 8, %%eax" ::: "eax", "memory");
    }
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &fault, NULL);
    if (argc > 1)
        IS(reads(own ^ 8) == 0);
    static const uint64_t pointers[] = {0, 1, 4095, 0xffff, 0x10000, 0x70000001, 0xffff0000, LAST};
    for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++)
        with(pointers[i]);

    const struct itimerval often = {{0, 3000}, {0, 3000}}, never = {0};
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < THREADS; i++) {
        uint64_t its = i < THREADS / 2 ? 4096UL * i + 5 : LAST; /* half of them share one */
        CHECK(spawn(THREAD_FLAGS | CLONE_SETTLS, stacks[i + 1], its, works, its, &tids[i]) > 0);
    }
    for (time_t end = time(NULL) + SECONDS; time(NULL) < end; nanosleep(&moment, NULL))
        IS(pointer() == own);
    stop = 1;
    for (int i = 0; i < THREADS; i++)
        gone(1, &tids[i]);
    setitimer(ITIMER_REAL, &never, NULL);
    if (wrong)
        printf("wrong thread pointers: %d, the last in line %d\n", wrong, wrong_line);
    CHECK(wrong == 0 && rounds > 100);
    return check_end();
}
