// Can a program get anywhere, or into any state, by a forged signal frame? The control is the same program run natively, where each
// forgery that matters has its effect.
// RUN: musl-gcc -static -O2 -mno-red-zone %s -o %t.native && %t.native | FileCheck-22 --check-prefix=NATIVE %s
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t | FileCheck-22 --check-prefix=CAGED %s
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#define TRAP_FLAG 0x100
#define DIRECTION_FLAG 0x400
#define ALIGNMENT_FLAG 0x40000

static sigjmp_buf back;
static void (*forge)(ucontext_t *);
static char alternate[65536];
static volatile int backwards;

static void forger(int signal, siginfo_t *info, void *context)
{
    forge(context);
}

static void caught(int signal)
{
#ifndef __lind__
    /* Natively a handler runs with a forged alignment flag still set. */
    __asm__ volatile("pushfq\n\tandl $~0x40000, (%%rsp)\n\tpopfq" ::: "cc", "memory");
#endif
    siglongjmp(back, signal);
}

/* Reached only by a jump through a register that no group has masked. */
static void landing(void)
{
    siglongjmp(back, 1000);
}

/* Inside its instruction's immediate stands: jmp *%rbx. */
__attribute__((noinline, used)) static uint64_t host(void)
{
    uint64_t value;
    __asm__ volatile(".globl carrier\ncarrier: movabsq $0x90909090e3ff9090, %0" : "=a"(value));
    return value;
}
extern const char carrier[];

static void forge_program_counter(ucontext_t *context)
{
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)(carrier + 4);
    context->uc_mcontext.gregs[REG_RBX] = (greg_t)(uintptr_t)landing;
}

static void forge_outside(ucontext_t *context)
{
    static const unsigned char code[] = {0xff, 0xe3};
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)code;
    context->uc_mcontext.gregs[REG_RBX] = (greg_t)(uintptr_t)landing;
}

static void forge_trap(ucontext_t *context)
{
    context->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void forge_alignment(ucontext_t *context)
{
    context->uc_mcontext.gregs[REG_EFL] |= ALIGNMENT_FLAG;
}

static void forge_direction(ucontext_t *context)
{
    context->uc_mcontext.gregs[REG_EFL] |= DIRECTION_FLAG;
}

static void forge_stack_pointer(ucontext_t *context)
{
    context->uc_mcontext.gregs[REG_RSP] |= (greg_t)0x7f00000000000000;
}

#ifdef __lind__
static void forge_segments(ucontext_t *context)
{
    context->uc_mcontext.gregs[REG_CSGSFS] = 0x0053002b002b0023;
}

static void forge_vectors(ucontext_t *context)
{
    unsigned char *state = (unsigned char *)context->uc_mcontext.fpregs;
    memset(state + 24, 0xff, 4);   /* MXCSR */
    memset(state + 512, 0xff, 64); /* header: components, compaction, reserved */
}

static void forge_vectors_address(ucontext_t *context)
{
    context->uc_mcontext.fpregs = (void *)(uintptr_t)0xffffffffffff0000;
}

static void forge_no_vectors(ucontext_t *context)
{
    context->uc_mcontext.fpregs = NULL;
}

static void forge_mask(ucontext_t *context)
{
    memset(&context->uc_sigmask, 0xff, 8);
}
#endif

/* A signal to itself, then an unaligned load and a string operation. */
__attribute__((noinline)) static void provoke(void)
{
    static char target[64];
    long status;
    memset(target, 0, sizeof target);
    __asm__ volatile("syscall\n\t"
                     "movl 1+%2, %%ecx\n\t"
                     "leaq 32+%2, %%rdi\n\t"
                     "movl $4, %%ecx\n\t"
                     "movl $1, %%eax\n\t"
                     "rep stosb\n\t"
#ifndef __lind__
                     "cld\n\t"
#endif
                     : "=a"(status)
                     : "D"((long)getpid()), "m"(target), "S"((long)SIGUSR1), "0"(62L)
                     : "rcx", "r11", "memory", "cc");
    backwards = target[31];
}

static void attempt(const char *what, void (*how)(ucontext_t *))
{
    int result = sigsetjmp(back, 1);
    forge = how;
    backwards = 0;
    if (!result)
        provoke();
    printf("%s: %s\n", what,
           result == 1000      ? "reached"
           : result == SIGSEGV ? "refused"
           : result == SIGTRAP ? "trapped"
           : result == SIGBUS  ? "bus error"
           : result            ? "other"
           : backwards         ? "backwards"
                               : "went on");
    fflush(stdout);
}

int main(void)
{
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    struct sigaction action = {.sa_sigaction = forger, .sa_flags = SA_SIGINFO};
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    action = (struct sigaction){.sa_handler = caught, .sa_flags = SA_ONSTACK};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGTRAP, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    host();

    // NATIVE: program counter: reached
    // CAGED: program counter: refused
    attempt("program counter", forge_program_counter);
    // NATIVE: outside: refused
    // CAGED: outside: refused
    attempt("outside", forge_outside);
    // NATIVE: trap flag: trapped
    // CAGED: trap flag: went on
    attempt("trap flag", forge_trap);
    // NATIVE: alignment flag: bus error
    // CAGED: alignment flag: went on
    attempt("alignment flag", forge_alignment);
    // NATIVE: direction flag: backwards
    // CAGED: direction flag: went on
    attempt("direction flag", forge_direction);
#ifdef __lind__
    // CAGED: segments: went on
    attempt("segments", forge_segments);
    // CAGED: vectors: went on
    attempt("vectors", forge_vectors);
    // CAGED: vectors' address: refused
    attempt("vectors' address", forge_vectors_address);
    // CAGED: no vectors: went on
    attempt("no vectors", forge_no_vectors);
    // CAGED: stack pointer: went on
    attempt("stack pointer", forge_stack_pointer);
    // CAGED: mask: went on
    attempt("mask", forge_mask);
#else
    // Which of the two depends on the CPU.
// NATIVE: stack pointer: {{bus error|refused}}
    attempt("stack pointer", forge_stack_pointer);
#endif
    return 0;
}
