// Does a program see its own faults as Linux would show them, on whatever stack it asked for?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <xmmintrin.h>

#include "../Inputs/check.h"

static sigjmp_buf back;
static siginfo_t seen;
static greg_t registers[23];
static int on_alternate;
static char alternate[65536] __attribute__((aligned(16)));

static void caught(int signal, siginfo_t *info, void *context)
{
    char here;
    seen = *info;
    memcpy(registers, ((ucontext_t *)context)->uc_mcontext.gregs, sizeof registers);
    on_alternate = &here >= alternate && &here < alternate + sizeof alternate;
    siglongjmp(back, signal);
}

#define CAUGHT(action)                                                                             \
    ({                                                                                             \
        memset(&seen, 0, sizeof seen);                                                             \
        int caught_signal = sigsetjmp(back, 1);                                                    \
        if (!caught_signal) {                                                                      \
            action;                                                                                \
        }                                                                                          \
        caught_signal;                                                                             \
    })

static volatile int zero;
static volatile int *volatile pointer;
static void (*volatile function)(void);

static int (*volatile deeper)(volatile char *from);

__attribute__((noinline)) static int deep(volatile char *from)
{
    volatile char block[4000];
    block[0] = from ? from[0] : 1;
    return deeper(block) + block[0];
}

int main(void)
{
    const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
        sigaction(signals[i], &action, NULL);
    }

    pointer = (int *)0x18;
    CHECK(CAUGHT((void)*pointer) == SIGSEGV);
    CHECK(seen.si_signo == SIGSEGV && seen.si_code == SEGV_MAPERR && seen.si_addr == (void *)0x18);
    CHECK(registers[REG_TRAPNO] == 14 && registers[REG_ERR] == 4 && registers[REG_CR2] == 0x18);
    CHECK(CAUGHT(*pointer = 1) == SIGSEGV);
    CHECK(registers[REG_ERR] == 6);

    int *page = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    pointer = page + 5;
    CHECK(CAUGHT(*pointer = 1) == SIGSEGV);
    CHECK(seen.si_code == SEGV_ACCERR && seen.si_addr == page + 5);
    CHECK(!munmap(page, 8192));
    CHECK(CAUGHT((void)*pointer) == SIGSEGV);
    CHECK(seen.si_code == SEGV_MAPERR && seen.si_addr == (void *)pointer);

    function = NULL;
    CHECK(CAUGHT(function()) == SIGSEGV);
    CHECK(seen.si_addr == NULL && registers[REG_RIP] == 0);

    CHECK(CAUGHT(__asm__ volatile("cltd\n\tidivl %1" ::"a"(1), "m"(zero) : "rdx")) == SIGFPE);
    CHECK(seen.si_code == FPE_INTDIV && (greg_t)(uintptr_t)seen.si_addr == registers[REG_RIP]);

    CHECK(CAUGHT(__builtin_trap()) == SIGILL);
    CHECK(seen.si_code == ILL_ILLOPN && (greg_t)(uintptr_t)seen.si_addr == registers[REG_RIP]);

    CHECK(CAUGHT(__asm__ volatile("int3")) == SIGTRAP);
    CHECK(seen.si_code == SI_KERNEL);

    unsigned old = _mm_getcsr();
    volatile float one = 1, nothing = 0, result;
    CHECK(CAUGHT(_mm_setcsr(0x1f80 & ~_MM_MASK_DIV_ZERO); result = one / nothing) == SIGFPE);
    CHECK(seen.si_code == FPE_FLTDIV);
    (void)result;
    _mm_setcsr(old);

    deeper = deep;
    /* Stack overflow: only on another stack can it be told. */
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate}, now;
    CHECK(!sigaltstack(&stack, NULL));
    struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGSEGV, &action, NULL);
    for (int i = 0; i < 3; i++) {
        CHECK(CAUGHT(deep(NULL)) == SIGSEGV);
        CHECK(on_alternate && seen.si_addr > (void *)65536);
        CHECK((uintptr_t)registers[REG_RSP] - (uintptr_t)seen.si_addr + 65536 < 2 * 65536);
    }
    CHECK(!sigaltstack(NULL, &now) && now.ss_flags == 0 && now.ss_sp == alternate);

    /* A signal that was sent is no fault and has its sender. */
    CHECK(CAUGHT(kill(getpid(), SIGSEGV)) == SIGSEGV);
    CHECK(seen.si_code == SI_USER && seen.si_pid == getpid());
    return check_end();
}
