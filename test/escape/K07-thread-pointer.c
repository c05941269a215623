// The thread pointer is the program's own: wherever it points, no call takes what lies around it
// for the runtime's thread-local storage. Pages without neighbours show any access of that kind;
// then the memory around it is what it was before. (The runtime's own is at %fs, where a program can
// only load its pointer: verify/V16-reach.test.)
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// The control: a C library that is asked for an error number there writes to it.
// RUN: not %t.native control | FileCheck %s
// CHECK: pages[i] == 0x41
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../posix/Inputs/check.h"

enum { SET_FS = 0x1002, GET_FS = 0x1003, PAGE = 4096 };

static long raw(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#define RAW_(n, a, b, c, d, e, f, ...)                                                             \
    raw(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define RAW(...) RAW_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
/* Notes the line of the first wrong result: nothing of libc may be used meanwhile. */
#define IS(condition) (void)(wrong || (condition) || (wrong = __LINE__))

static volatile int wrong;

static void calls(void)
{
    int pair[2], status = -1;
    char text[256];
    IS(RAW(SYS_pipe2, pair, O_CLOEXEC) == 0);
    for (int i = 0; i < 20; i++) {
        long pid = RAW(SYS_fork);
        if (!pid) {
            RAW(SYS_write, pair[1], "x", 1);
            RAW(SYS_execve, "/nothing/here", 0, 0);
            RAW(SYS_exit_group, 7);
        }
        IS(pid > 0);
        IS(RAW(SYS_read, pair[0], text, 10) == 1 && *text == 'x');
        if (i & 1)
            IS(RAW(SYS_wait4, pid, &status, 0, 0) == pid && status == 7 << 8);
        else
            IS(RAW(SYS_waitid, 1 /* P_PID */, pid, text, 4 /* WEXITED */, 0) == 0);
    }
    struct pollfd poll = {pair[0], POLLIN, 0};
    IS(RAW(SYS_poll, &poll, 1, 0) == 0);
    struct epoll_event event = {.events = EPOLLIN};
    long epoll = RAW(SYS_epoll_create1, 0);
    IS(epoll >= 0 && RAW(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, pair[0], &event) == 0);
    struct iovec vector[2] = {{"ab", 2}, {"cd", 2}};
    IS(RAW(SYS_writev, pair[1], vector, 2) == 4);
    IS(RAW(SYS_epoll_wait, epoll, &event, 1, -1) == 1);
    IS(RAW(SYS_read, pair[0], text, sizeof text) == 4);
    struct itimerspec in = {.it_value = {0, 1000}};
    long timer = RAW(SYS_timerfd_create, CLOCK_MONOTONIC, 0);
    IS(timer >= 0 && RAW(SYS_timerfd_settime, timer, 0, &in, 0) == 0);
    IS(RAW(SYS_read, timer, text, 8) == 8);
    long event_fd = RAW(SYS_eventfd2, 3, 0);
    IS(RAW(SYS_read, event_fd, text, 8) == 8 && *text == 3);
    long copy = RAW(SYS_dup, pair[0]);
    IS(copy >= 0 && RAW(SYS_fcntl, copy, F_GETFD) == 0);
    long file = RAW(SYS_openat, AT_FDCWD, "/proc/self/stat", O_RDONLY);
    IS(file >= 0 && RAW(SYS_read, file, text, sizeof text) > 0);
    IS(RAW(SYS_lseek, file, 0, 0) == 0 && RAW(SYS_pread64, file, text, 9, 1) == 9);
    IS(RAW(SYS_fstat, file, text) == 0);
    long memory = RAW(SYS_mmap, 0, 4 * PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    IS(memory > 0 && RAW(SYS_mprotect, memory, PAGE, PROT_READ) == 0);
    IS(RAW(SYS_madvise, memory, PAGE, MADV_DONTNEED) == 0);
    memory = RAW(SYS_mremap, memory + PAGE, 3 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
    IS(memory > 0 && RAW(SYS_munmap, memory, 8 * PAGE) == 0);
    uint32_t word = 1;
    IS(RAW(SYS_futex, &word, 129 /* WAKE, private */, 1) == 0);
    IS(RAW(SYS_getrandom, text, 16, 0) == 16);
    IS(RAW(SYS_clock_gettime, CLOCK_REALTIME, text) == 0);
    uint64_t set = 1ULL << (SIGUSR1 - 1), old;
    IS(RAW(SYS_rt_sigprocmask, SIG_BLOCK, &set, &old, 8) == 0);
    IS(RAW(SYS_tgkill, RAW(SYS_getpid), RAW(SYS_gettid), SIGUSR1) == 0);
    IS(RAW(SYS_rt_sigtimedwait, &set, 0, 0, 8) == SIGUSR1);
    IS(RAW(SYS_rt_sigprocmask, SIG_SETMASK, &old, 0, 8) == 0);
    IS(RAW(SYS_getcwd, text, sizeof text) > 0);
    long all[] = {pair[0], pair[1], epoll, timer, event_fd, copy, file};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        IS(RAW(SYS_close, all[i]) == 0);
}

static void with(char *pointer)
{
    uint64_t own = 0;
    IS(RAW(SYS_arch_prctl, GET_FS, &own) == 0);
    IS(RAW(SYS_arch_prctl, SET_FS, pointer) == 0);
    calls();
    IS(RAW(SYS_arch_prctl, SET_FS, own) == 0);
    if (wrong)
        printf("# line %d\n", wrong);
    CHECK(!wrong);
}

int main(int argc, char **argv)
{
    char *pages = mmap(0, 64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *page = pages + 32 * PAGE;
    CHECK(!mprotect(page, PAGE, PROT_READ | PROT_WRITE));
    with(page);             /* nothing below: thread-local variables */
    with(page + PAGE - 16); /* nothing above: what the pointer itself points to */

    CHECK(!mprotect(pages, 64 * PAGE, PROT_READ | PROT_WRITE));
    memset(pages, 0x41, 64 * PAGE); /* pointers to nowhere */
    with(page);
    if (argc > 1) {
        uint64_t own = 0;
        memcpy(page, &page, sizeof page);
        IS(RAW(SYS_arch_prctl, GET_FS, &own) == 0 && RAW(SYS_arch_prctl, SET_FS, page) == 0);
        close(-1);
        IS(RAW(SYS_arch_prctl, SET_FS, own) == 0);
        memset(page, 0x41, sizeof page);
    }
    for (int i = 0; i < 64 * PAGE; i++)
        CHECK(pages[i] == 0x41);
    return check_end();
}
