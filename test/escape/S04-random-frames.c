// Does lind-run survive frames that are random in parts, returned to in thousands, with the program's death as the worst?
// RUN: %lind-cc -O2 %s -o %t
// RUN: for seed in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do timeout 60 %lind-run -- %t $seed >>%t.out 2>%t.err; s=$?; ! grep "internal error" %t.err && test $s -ne 125 -a $s -ne 124 || { echo seed $seed status $s; exit 1; }; done
// The control: with one seed the program only counts, so we see that frames were forged and some of them taken.
// RUN: %lind-run -- %t count | FileCheck-22 %s
// CHECK: forged 3000, refused {{[1-9][0-9]*}}, taken {{[1-9][0-9]*}}
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf back;
static char alternate[65536];
static uint64_t state;
static volatile int taken;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t odd_value(void)
{
    switch (next() % 6) {
    case 0:
        return next();
    case 1:
        return (uint32_t)next();
    case 2:
        return 1ULL << (next() % 64);
    case 3:
        return (uintptr_t)odd_value + next() % 4096 - 2048;
    case 4:
        return 0xfffff000 + next() % 8192;
    default:
        return ~0ULL << (next() % 64);
    }
}

static void forger(int signal, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    unsigned char *vectors = (unsigned char *)user->uc_mcontext.fpregs;
    for (int changes = 1 + next() % 4; changes; changes--) {
        switch (next() % 5) {
        case 0:
            user->uc_mcontext.gregs[next() % 23] = (greg_t)odd_value();
            break;
        case 1: /* vector state: headers of both kinds */
            vectors[(next() % 2 ? 464 : 512) + next() % 64] = (unsigned char)next();
            break;
        case 2:
            vectors[next() % 836] = (unsigned char)next();
            break;
        case 3:
            user->uc_mcontext.fpregs = (void *)(next() % 4 ? odd_value() : 0);
            break;
        default:
            ((unsigned char *)user)[next() % 304] = (unsigned char)next();
        }
    }
}

static void caught(int signal)
{
    siglongjmp(back, 1);
}

__attribute__((noinline)) static void provoke(void)
{
    long result;
    /* All registers may come back changed. */
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"((long)SYS_kill), "D"((long)getpid()), "S"((long)SIGUSR1)
                     : "rcx", "r11", "rdx", "rbx", "r8", "r9", "r10", "r12", "r13", "r14", "r15",
                       "memory", "cc");
}

/* Forgeries that leave program counter and stack alone. */
static void forge_state(int signal, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    greg_t rip = user->uc_mcontext.gregs[REG_RIP], rsp = user->uc_mcontext.gregs[REG_RSP];
    greg_t rbp = user->uc_mcontext.gregs[REG_RBP];
    forger(signal, info, context);
    user->uc_mcontext.gregs[REG_RIP] = rip;
    user->uc_mcontext.gregs[REG_RSP] = rsp;
    user->uc_mcontext.gregs[REG_RBP] = rbp;
    sigemptyset(&user->uc_sigmask);
}

int main(int argc, char **argv)
{
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    int counting = !strcmp(argv[1], "count");
    struct sigaction action = {.sa_flags = SA_SIGINFO};
    state = counting ? 99 : strtoul(argv[1], NULL, 0) * 0x9e3779b97f4a7c15;
    action.sa_sigaction = counting ? forge_state : forger;
    sigaction(SIGUSR1, &action, NULL);
    action = (struct sigaction){.sa_handler = caught, .sa_flags = SA_ONSTACK | SA_NODEFER};
    const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigaction(faults[i], &action, NULL);
    volatile int forged = 0, refused = 0;
    for (volatile int i = 0; i < 3000; i++) {
        sigaltstack(&stack, NULL);
        if (!counting)
            alarm(2); /* for what wanders about in the program's own code */
        forged++;
        if (!sigsetjmp(back, 1)) {
            provoke();
            taken++;
        } else {
            refused++;
        }
    }
    printf("forged %d, refused %d, taken %d\n", forged, refused, taken);
    return 0;
}
