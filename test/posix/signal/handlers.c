// Do handlers get what sigaction(2) promises, with all flags, and does the interrupted code notice nothing?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "../Inputs/check.h"

static volatile int calls, depth, deepest;
static volatile uintptr_t entry_alignment;

static void count(int signal)
{
    calls++;
    if (++depth > deepest)
        deepest = depth;
    if (calls < 3)
        raise(signal);
    depth--;
}

static void look(int signal, siginfo_t *info, void *context)
{
    const ucontext_t *user = context;
    sigset_t now;
    CHECK(signal == SIGUSR1);
    CHECK(info->si_signo == SIGUSR1 && info->si_pid == getpid() && info->si_uid == getuid());
    CHECK(info->si_code == SI_TKILL || info->si_code == SI_USER);
    sigprocmask(SIG_BLOCK, NULL, &now);
    CHECK(sigismember(&now, SIGUSR1) == 1);
    CHECK(sigismember(&now, SIGUSR2) == 1);
    CHECK(sigismember(&now, SIGHUP) == 0);
    CHECK(sigismember(&user->uc_sigmask, SIGUSR1) == 0);
    CHECK(user->uc_mcontext.gregs[REG_RSP] > (greg_t)(uintptr_t)&user);
    CHECK(user->uc_mcontext.fpregs != NULL);
    entry_alignment = (uintptr_t)__builtin_frame_address(0) % 16;
    calls++;
}

static void set(int signal, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    CHECK(!sigaction(signal, &action, NULL));
}

static void arguments(void)
{
    struct sigaction action = {.sa_sigaction = look, .sa_flags = SA_SIGINFO}, old;
    sigaddset(&action.sa_mask, SIGUSR2);
    CHECK(!sigaction(SIGUSR1, &action, NULL));
    CHECK(!sigaction(SIGUSR1, NULL, &old));
    CHECK(old.sa_sigaction == look && (old.sa_flags & SA_SIGINFO));
    CHECK(sigismember(&old.sa_mask, SIGUSR2) == 1 && sigismember(&old.sa_mask, SIGHUP) == 0);
    calls = 0;
    raise(SIGUSR1);
    CHECK(calls == 1);
    kill(getpid(), SIGUSR1);
    CHECK(calls == 2);
    CHECK(entry_alignment == 0);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    CHECK(sigismember(&now, SIGUSR1) == 0 && sigismember(&now, SIGUSR2) == 0);
}

static void flags(void)
{
    calls = depth = deepest = 0;
    set(SIGUSR2, count, 0); /* blocked meanwhile: one after the other */
    raise(SIGUSR2);
    CHECK(calls == 3 && deepest == 1);
    calls = depth = deepest = 0;
    set(SIGUSR2, count, SA_NODEFER);
    raise(SIGUSR2);
    CHECK(calls == 3 && deepest == 3);

    struct sigaction old;
    calls = 2;
    set(SIGUSR2, count, SA_RESETHAND);
    raise(SIGUSR2);
    CHECK(calls == 3);
    CHECK(!sigaction(SIGUSR2, NULL, &old) && old.sa_handler == SIG_DFL);
    set(SIGUSR2, SIG_IGN, 0);
    raise(SIGUSR2);
    CHECK(calls == 3);
}

/* The floating point state of a handler is its own and a fresh one. */
static volatile int rounding_in_handler;

static void change_floating(int signal)
{
    rounding_in_handler = fegetround();
    fesetround(FE_DOWNWARD);
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n\tmovdqa %%xmm0, %%xmm9\n\tmovdqa %%xmm0, %%xmm15\n\t"
                     "fldpi\n\tfldpi" ::
                         : "xmm0", "xmm9", "xmm15");
}

static void floating(void)
{
    set(SIGUSR1, change_floating, 0);
    fesetround(FE_UPWARD);
    volatile long double kept = 1.0L / 3;
    uint64_t before[2] = {0x1122334455667788, 0x99aabbccddeeff00}, after[2] = {0};
    long result;
    __asm__ volatile("movdqu %3, %%xmm9\n\t"
                     "fldpi\n\t"
                     "syscall\n\t"
                     "fldpi\n\t"
                     "fsubrp %%st, %%st(1)\n\t"
                     "fstp %%st\n\t"
                     "movdqu %%xmm9, %0"
                     : "=m"(after), "=a"(result)
                     : "a"(62L), "m"(before), "D"((long)getpid()), "S"((long)SIGUSR1)
                     : "rcx", "r11", "xmm9", "memory", "cc");
    CHECK(!result && !memcmp(before, after, sizeof before));
    CHECK(rounding_in_handler == FE_TONEAREST);
    CHECK(fegetround() == FE_UPWARD);
    fesetround(FE_TONEAREST);
    CHECK(kept > 0.33L);
}

/* A storm of asynchronous signals over code that uses every kind of register, memory below %rsp, strings and calls. */
static volatile unsigned ticks;

static void tick(int signal)
{
    volatile double mess = ticks;
    char text[64];
    memset(text, 0x55, sizeof text);
    __asm__ volatile("" ::"m"(text));
    mess = mess * 1.5 + 1;
    ticks++;
}

__attribute__((noinline)) static uint64_t leaf(uint64_t n)
{
    uint64_t local[8]; /* in the red zone */
    for (int i = 0; i < 8; i++)
        local[i] = n * (uint64_t)(i + 1);
    __asm__ volatile("" : "+m"(local));
    uint64_t sum = 0;
    for (int i = 0; i < 8; i++)
        sum += local[i];
    return sum;
}

static uint64_t (*volatile indirect)(uint64_t) = leaf;

static void storm(void)
{
    set(SIGALRM, tick, SA_RESTART);
    const struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    CHECK(!setitimer(ITIMER_REAL, &often, NULL));
    static char from[300], to[300];
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (char)(i * 7);
    uint64_t sum = 0, expected = 0;
    double product = 1;
    int bad = 0;
    for (uint64_t i = 0; ticks < 200 || i < 100000; i++) {
        sum += indirect(i);
        expected += 36 * i;
        product = product * 3 / 3;
        size_t length = i % sizeof from;
        void *destination = to;
        const void *source = from;
        __asm__ volatile("rep movsb" : "+D"(destination), "+S"(source), "+c"(length)::"memory");
        if (i % 64 == 0)
            bad |= memcmp(from, to, i % sizeof from);
        if (i % 1024 == 0)
            bad |= getpid() <= 0;
    }
    CHECK(!setitimer(ITIMER_REAL, &never, NULL));
    CHECK(sum == expected && product == 1 && !bad);
}

/* Out of a handler by siglongjmp. */
static sigjmp_buf back;

static void jump(int signal)
{
    siglongjmp(back, 7);
}

static void long_jump(void)
{
    set(SIGUSR1, jump, 0);
    for (volatile int i = 0; i < 100; i++) {
        int value = sigsetjmp(back, 1);
        if (!value)
            raise(SIGUSR1);
        CHECK(value == 7 || !value);
        if (!value)
            CHECK(!"raise returned");
    }
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    CHECK(sigismember(&now, SIGUSR1) == 0);
}

/* A handler may change where it returns to and with what registers. */
static void change_result(int signal, siginfo_t *info, void *context)
{
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RBX] = 4711;
}

static void changed_registers(void)
{
    struct sigaction action = {.sa_sigaction = change_result, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    long result, value = 1;
    __asm__ volatile("movq $5, %%rbx\n\tsyscall\n\tmovq %%rbx, %1"
                     : "=a"(result), "=r"(value)
                     : "a"(62L), "D"((long)getpid()), "S"((long)SIGUSR1)
                     : "rcx", "r11", "rbx", "memory");
    CHECK(!result && value == 4711);
}

int main(void)
{
    arguments();
    flags();
    floating();
    storm();
    long_jump();
    changed_registers();
    return check_end();
}
