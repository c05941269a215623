// Does lind-run take no fault of its own when a cage makes calls, is signalled, ends or faults with exceptions of x87 and SSE unmasked and pending
// (attack row S2)? The control: the program's own next instruction does fault, natively and in a cage.
// RUN: musl-gcc -static -O1 -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu %s -o %t.native && %t.native %t.native
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t %t 2>&1 | FileCheck %s --implicit-check-not="internal error"
// CHECK: killed by SIGSEGV
// CHECK: as it should be
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../posix/Inputs/check.h"

static sigjmp_buf back;
static volatile int faults, handled;

static const uint16_t unmasked = 0x340, masked = 0x37f;
/* All exceptions unmasked, and noted. */
static const uint32_t sse_unmasked = 0x3f, sse_masked = 0x1f80;

static long raw(long number, long a, long b, long c, long d)
{
    register long r10 __asm__("r10") = d;
    long result;
    /* An invalid operation (a square root of -1) pends; nothing of x87 or SSE may stand between it and the call. */
    __asm__ volatile("fninit\n\tfldcw %6\n\tldmxcsr %7\n\tfld1\n\tfchs\n\tfsqrt\n\t"
                     "syscall\n\t"
                     "fnclex\n\tfninit\n\tldmxcsr %8"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "m"(unmasked), "m"(sse_unmasked), "m"(sse_masked)
                     : "rcx", "r11", "memory");
    return result;
}
#define RAW_(n, a, b, c, d, ...) raw(n, (long)(a), (long)(b), (long)(c), (long)(d))
#define RAW(...) RAW_(__VA_ARGS__, 0, 0, 0, 0)

static void on_fault(int signal)
{
    faults++;
    siglongjmp(back, 1);
}

static void on_signal(int signal)
{
    /* Handlers begin with everything masked. */
    volatile double zero = 0, value = 1 / zero;
    volatile long double number = 1, none = 0;
    number = number / none;
    (void)value;
    handled++;
}

/* The control. */
static void own_faults(void)
{
    faults = 0;
    if (!sigsetjmp(back, 1))
        __asm__ volatile("fninit\n\tfldcw %0\n\tfld1\n\tfchs\n\tfsqrt\n\tfwait" : : "m"(unmasked));
    __asm__ volatile("fnclex\n\tfninit");
    if (!sigsetjmp(back, 1)) {
        volatile float zero = 0;
        __asm__ volatile("ldmxcsr %0" : : "m"(sse_unmasked));
        zero = 1 / zero;
    }
    __asm__ volatile("ldmxcsr %0" : : "m"(sse_masked));
    CHECK(faults == 2);
}

static void *wait_here(void *end)
{
    char byte;
    read(*(int *)end, &byte, 1);
    return NULL;
}

static void calls(const char *program)
{
    char text[4096];
    int pair[2], status;
    struct timespec moment = {0, 1000}, now;
    struct rlimit limit;
    CHECK(RAW(SYS_getppid) >= 0);
    CHECK(RAW(SYS_clock_gettime, CLOCK_MONOTONIC, &now) == 0);
    CHECK(RAW(SYS_pipe2, pair, 0) == 0);
    CHECK(RAW(SYS_write, pair[1], "abc", 3) == 3);
    struct pollfd poll = {pair[0], POLLIN, 0};
    CHECK(RAW(SYS_poll, &poll, 1, 100) == 1);
    CHECK(RAW(SYS_read, pair[0], text, 9) == 3);
    CHECK(RAW(SYS_close, pair[0]) == 0 && RAW(SYS_close, pair[1]) == 0);
    long fd = RAW(SYS_open, "/proc/self/status", O_RDONLY);
    CHECK(fd >= 0 && RAW(SYS_read, fd, text, sizeof text) > 0 && RAW(SYS_close, fd) == 0);
    CHECK(RAW(SYS_open, "/proc/loadavg", O_RDONLY) >= 0); /* prints numbers with fractions */
    CHECK(RAW(SYS_getrlimit, RLIMIT_NOFILE, &limit) == 0);
    CHECK(RAW(SYS_nanosleep, &moment, 0) == 0);
    long memory = RAW(SYS_brk, 0);
    CHECK(memory > 0 && RAW(SYS_brk, memory + 65536) > 0);
    CHECK(RAW(SYS_execve, "/nothing", 0, 0) < 0);
    CHECK(RAW(100000, 1) == -ENOSYS);
    int before = handled;
    CHECK(RAW(SYS_kill, getpid(), SIGUSR1) == 0 && handled == before + 1);
    long pid = RAW(SYS_fork);
    if (!pid)
        RAW(SYS_exit_group, handled == before + 1 ? 7 : 1);
    CHECK(waitpid((pid_t)pid, &status, 0) == pid && status == 7 << 8);
    /* With its state pending in the child, too. */
    pid = fork();
    if (!pid) {
        char *arguments[] = {(char *)program, (char *)program, "again", NULL}, *none[] = {NULL};
        RAW(SYS_execve, program, arguments, none);
        _exit(1);
    }
    CHECK(waitpid((pid_t)pid, &status, 0) == pid && status == 9 << 8);
    pid = fork();
    if (!pid) /* killed by a signal with exceptions pending, in a call that waits */
        RAW(SYS_kill, getpid(), SIGKILL), RAW(SYS_pause);
    CHECK(waitpid((pid_t)pid, &status, 0) == pid && status == SIGKILL);
}

int main(int argc, char **argv)
{
    signal(SIGFPE, on_fault);
    signal(SIGUSR1, on_signal);
    own_faults();
    if (argc > 2)
        return 9;
    for (int i = 0; i < 20; i++)
        calls(argv[1]);
    /* New host threads are made while the maker has them pending, and ended. */
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        int pair[2], status;
        CHECK(pipe(pair) == 0 && pthread_create(&thread, NULL, wait_here, pair) == 0);
        pid_t pid = (pid_t)RAW(SYS_fork);
        if (!pid)
            RAW(SYS_exit_group, 3);
        CHECK(waitpid(pid, &status, 0) == pid && status == 3 << 8);
        write(pair[1], "", 1);
        pthread_join(thread, NULL);
        close(pair[0]);
        close(pair[1]);
    }
    /* A crash, of which lind-run reports, with everything pending. */
    int status;
    pid_t pid = fork();
    if (!pid) {
        __asm__ volatile("fninit\n\tfldcw %0\n\tldmxcsr %1\n\tfld1\n\tfchs\n\tfsqrt\n\tmovl $8, %%eax\n\tmovl (%%rax), %%eax"
                         :
                         : "m"(unmasked), "m"(sse_unmasked)
                         : "rax");
        _exit(1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == SIGSEGV);
    (void)masked;
    if (!check_failures)
        puts("as it should be");
    return check_end();
}
