/* Makes random system calls with random arguments: fuzz SEED COUNT. */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

enum { ARENA = 1 << 18 };
static uint64_t state;
static unsigned char *arena;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1dULL;
}

static uint64_t below(uint64_t n)
{
    return (next() >> 16) % n;
}

static uint64_t edge(void)
{
    static const uint64_t edges[] = {0x10000,     0xffff,      0xffff0000,     0xfffffff8,          0xffffffff, 1UL << 32,
                                     1UL << 31,   1UL << 47,   1UL << 62,      1UL << 63,           -1UL,       -4096UL,
                                     INT32_MAX,   INT64_MAX,   0x7ffffffff000, 0xffffffff81000000, 4096,       8};
    return edges[below(sizeof edges / sizeof *edges)] + (below(3) ? 0 : below(17) - 8);
}

static uint64_t argument(void)
{
    switch (below(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
        return (uint64_t)arena + (below(3) ? below(64) * 64 : below(ARENA));
    case 4:
    case 5:
    case 6:
        return below(24);
    case 7:
        return below(2) ? 1UL << below(34) : below(1 << 16);
    case 8:
        return edge();
    case 9:
        return -100L; /* AT_FDCWD */
    case 10:
        return next() >> below(64);
    default:
        return 0;
    }
}

static uint64_t number(void)
{
    for (;;) {
        uint64_t value = below(10) ? below(470) : below(3) ? below(1201) : below(600) + edge();
        switch ((uint32_t)value) { /* the kernel looks at no more */
        case SYS_exit:
        case SYS_exit_group:
        case SYS_sync:   /* the whole machine's disks */
        case SYS_syncfs:
        case SYS_fork:   /* the child would do the same */
        case SYS_vfork:
        case SYS_clone:
        case SYS_clone3:
        case SYS_rt_sigreturn: /* forged frames have a test of their own (S4) */
            continue;
        }
        return value;
    }
}

static void handler(int signal)
{
}

static void calm(void)
{
    struct sigaction action = {.sa_handler = handler};
    struct itimerval often = {{0, 400}, {0, 400}};
    uint64_t none = 0;
    for (int signal = 1; signal <= 64; signal++)
        if (signal != SIGSEGV && signal != SIGBUS && signal != SIGILL && signal != SIGFPE)
            sigaction(signal, &action, 0);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
    setitimer(ITIMER_REAL, &often, 0);
}

/* Contents that mean something: small numbers, addresses, paths. */
static void fill(void)
{
    static const char *const paths[] = {".", "file", "../../..", "/", "/proc/self/mem", "/proc/self/fd/1", "/dev/zero", "/tmp/x",
                                        "/proc/self/exe", "/etc/passwd", "/proc/1/root/etc", "/granted/canary", "/granted/new"};
    for (int i = 0; i < 64; i++) {
        unsigned char *slot = arena + i * 64;
        if (i % 3 == 0)
            strcpy((char *)slot, paths[below(sizeof paths / sizeof *paths)]);
        else
            for (int word = 0; word < 8; word++)
                ((uint64_t *)slot)[word] = argument();
    }
}

int main(int argc, char **argv)
{
    state = argc > 1 ? strtoull(argv[1], 0, 0) * 0x9e3779b97f4a7c15ULL + 1 : 1;
    long count = argc > 2 ? atol(argv[2]) : 1000;
    arena = mmap(0, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (arena == MAP_FAILED)
        return 1;
    for (long i = 0; i < count; i++) {
        if (i % 16 == 0)
            calm();
        if (i % 8 == 0) {
            /* The arena may be gone, or closed. */
            if (mmap(arena, ARENA / 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != arena)
                return 0;
            fill();
        }
        uint64_t args[6];
        for (int word = 0; word < 6; word++)
            args[word] = argument();
        uint64_t which = number();
        /* Nobody would continue a stopped program. */
        int low = (int)which;
        if (low == SYS_kill || low == SYS_tkill || low == SYS_tgkill || low == SYS_rt_sigqueueinfo)
            for (int word = 1; word < 3; word++)
                if ((int)args[word] == SIGSTOP)
                    args[word] = SIGCONT;
        syscall((long)which, args[0], args[1], args[2], args[3], args[4], args[5]);
        if (low == SYS_setitimer || low == SYS_alarm || low == SYS_rt_sigprocmask || low == SYS_rt_sigaction)
            calm();
    }
    return 0;
}
