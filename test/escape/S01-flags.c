// Are the direction, trap, alignment, nested-task and other system flags clear in handlers, after forged returns of handlers, in calls, threads,
// children and programs (attack row S1)? (S03-gate.c sets DF where no verifier forbids it. S04-forged-sigreturn.c has natively what each forgery does.)
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t %t
// The control: natively some of the forged flags stay set, and the same look sees them.
// RUN: musl-gcc -static -O1 -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu %s -o %t.native && not %t.native %t.native | FileCheck %s --check-prefix=NATIVE
// NATIVE: flags 400 set after a forged return
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "../posix/Inputs/check.h"

/* All that no cage may have: TF, DF, IOPL, NT, RF, VM, AC, VIF, VIP; ID is the program's to set. */
#define FORBIDDEN 0x1f7500UL

static uint64_t flags(void)
{
    uint64_t value;
    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(value));
    return value;
}

static void look(const char *where)
{
    uint64_t set = flags() & FORBIDDEN;
    __asm__ volatile("cld");
    if (set) {
        printf("flags %lx set %s\n", set, where);
        check_failures++;
    }
}

static volatile uint64_t forged;
static volatile int handled;

static void handler(int signal, siginfo_t *info, void *context)
{
    look("in a handler");
    handled++;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= (greg_t)forged;
    if (signal == SIGUSR1 && handled % 3 == 0) {
        uint64_t keep = forged;
        forged = 0;
        raise(SIGUSR2);
        forged = keep;
        look("in a handler behind another");
    }
}

/* A signal to itself, whose handler forges flags; then, at once, a look and a call. */
__attribute__((noinline)) static void forge(long second, long argument)
{
    uint64_t first, after;
    long result;
    __asm__ volatile("syscall\n\t"
                     "pushfq\n\tpopq %0\n\t"
                     "movq %5, %%rax\n\tmovq %6, %%rdi\n\t"
                     "syscall\n\t"
                     "pushfq\n\tpopq %1\n\t"
                     "cld"
                     : "=&r"(first), "=&r"(after), "=a"(result)
                     : "2"((long)SYS_kill), "D"((long)getpid()), "r"(second), "r"(argument), "S"((long)SIGUSR1)
                     : "rcx", "r11", "memory", "cc");
    if (first & FORBIDDEN || after & FORBIDDEN) {
        printf("flags %lx set after a forged return, %lx after a call\n", first & FORBIDDEN, after & FORBIDDEN);
        check_failures++;
    }
    (void)result;
}

static void *in_thread(void *unused)
{
    look("in a thread");
    return NULL;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    look("at the start");
    if (argc > 2)
        return check_end();
#ifdef __lind__
    for (int bit = 0; bit < 64; bit++) {
        forged = 1UL << bit;
#else
    for (int once = 0; once < 1; once++) {
        forged = 0x400;
#endif
        forge(SYS_getppid, 0);          /* hot */
        forge(SYS_sched_yield, 0);
        forge(SYS_newfstatat, -1);      /* cold */
        forge(SYS_fork, 0);
        pid_t own = getpid();
        if (own != getppid() && waitpid(-1, NULL, 0) < 0)
            _exit(check_end());
    }
#ifdef __lind__
    forged = ~0UL;
    forge(SYS_getppid, 0);
    forge(SYS_fork, 0);
    if (waitpid(-1, NULL, 0) < 0)
        _exit(check_end());
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, in_thread, NULL) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(handled > 65 * 4);
#endif
    if (check_failures)
        return check_end();
    char *again[] = {argv[0], argv[1], "again", NULL};
    execv(argv[1], again);
    return 1;
}
