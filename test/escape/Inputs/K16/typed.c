/* Makes random calls whose arguments mostly are of the kinds that the table of calls says, in several threads and processes at once, so
 * that they come to something: typed SEED COUNT THREADS. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum kind { NONE, FD, DIRFD, SIZE, PID, SIGNAL, MODE, ID, PATH, NAME, FLAGS, NUMBER, MEMORY, PLACE, IOVEC, MSGHDR, POLLFD, TIME, EVENT, ACTION };

static const struct {
    int number, count;
    uint8_t kinds[6];
} calls[] = {
#include "calls.h"
};
enum { CALLS = sizeof calls / sizeof *calls, ARENA = 1 << 16, EDGES = 6 };

static __thread uint64_t state;
static __thread unsigned char *arena;
static unsigned char *edges[EDGES]; /* places before and behind which something else begins */
static uint64_t restorer;           /* what the library has signal handlers return to */
static int left;                    /* processes that may be made */

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
    static const uint64_t values[] = {0, 1, 0xffff, 0x10000, 1UL << 31, 0xffffffff, 1UL << 32, 0xffff0000, 1UL << 47, 1UL << 63, -1UL, -4096UL, INT32_MAX, INT64_MAX};
    return values[below(sizeof values / sizeof *values)] + (below(3) ? 0 : below(9) - 4);
}

static int descriptor(void)
{
    return below(30) ? (int)below(28) : (int)edge();
}

static uint64_t size(void)
{
    return below(12) == 0 ? edge() : below(3) ? below(64) : below(20000);
}

static unsigned char *place(void)
{
    if (below(16) == 0)
        return (unsigned char *)edge();
    return below(10) ? arena + below(64) * 512 : edges[below(EDGES)] - below(200);
}

static unsigned char *inside(void)
{
    return arena + below(64) * 512;
}

static struct iovec *vector(void)
{
    struct iovec *of = (struct iovec *)inside();
    for (int i = 0; i < 4; i++)
        of[i] = (struct iovec){place(), size()};
    return of;
}

static struct sockaddr_un *name(void)
{
    struct sockaddr_un *of = (struct sockaddr_un *)inside();
    memset(of, 0, sizeof *of);
    of->sun_family = below(10) ? AF_UNIX : (sa_family_t)below(12);
    snprintf(of->sun_path + below(2), 20, "s%d", (int)below(3));
    return of;
}

static struct msghdr *message(void)
{
    struct msghdr *of = (struct msghdr *)inside();
    unsigned char *control = inside();
    unsigned count = 1 + (unsigned)below(4);
    struct cmsghdr *header = (struct cmsghdr *)control;
    *of = (struct msghdr){.msg_iov = vector(), .msg_iovlen = (int)below(5)};
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = below(4) ? SCM_RIGHTS : (int)below(4);
    header->cmsg_len = (socklen_t)CMSG_LEN(count * sizeof(int)) + (below(8) ? 0 : (socklen_t)below(9) - 4);
    for (unsigned i = 0; i < count; i++)
        ((int *)CMSG_DATA(header))[i] = (int)below(28);
    if (below(3)) {
        of->msg_control = control;
        of->msg_controllen = (socklen_t)CMSG_SPACE(count * sizeof(int)) + (below(8) ? 0 : (socklen_t)below(100));
    }
    if (!below(3)) {
        of->msg_name = name();
        of->msg_namelen = (socklen_t)below(120);
    }
    return of;
}

static const char *path(void)
{
    static const char *const paths[] = {"a", "b", "c", "d", "d/e", "d/f", "a/..", "d/..", "../work", ".", "/", "/tmp", "/tmp/x", "/proc/self/fd/3", "/proc/self/fd/7",
                                        "/proc/self/maps", "/proc/self/task", "/proc/self/cwd/a", "/proc/2/fd", "/proc/3/status", "/dev/null", "/dev/ptmx", "/dev/tty",
                                        "/dev/pts/0", "/dev/pts/1", "/dev/zero", "/dev/shm/x", "/granted/canary", "s0", "", "d/../d/../d/e", "/proc/self/exe"};
    return below(20) ? paths[below(sizeof paths / sizeof *paths)] : (const char *)place();
}

static void handler(int signal)
{
    (void)signal;
}

static uint64_t argument(enum kind kind)
{
    unsigned char *at = inside();
    switch (below(16) ? kind : NONE) {
    case FD:
        return (uint64_t)descriptor();
    case DIRFD:
        return below(3) ? (uint64_t)AT_FDCWD : (uint64_t)descriptor();
    case SIZE:
        return size();
    case PID:
        return below(3) ? 0 : below(8) ? 2 + below(6) : edge();
    case SIGNAL:
        for (int signal;;)
            if ((signal = (int)below(66)) < SIGSTOP || signal > SIGTTOU || signal == SIGCONT)
                return signal == SIGKILL ? 0 : (uint64_t)signal;
    case MODE:
        return below(01000);
    case ID:
        return below(4) ? 0 : below(2000);
    case PATH:
        return (uint64_t)path();
    case NAME:
        return (uint64_t)name();
    case FLAGS:
        return below(4) ? below(12) : below(2) ? 1UL << below(24) : below(1 << 22);
    case NUMBER:
        return below(6) ? below(40) : edge();
    case MEMORY:
        return (uint64_t)place();
    case PLACE:
        return (uint64_t)place() & ~(below(4) ? 4095UL : 0);
    case IOVEC:
        return (uint64_t)vector();
    case MSGHDR:
        return (uint64_t)message();
    case POLLFD:
        for (int i = 0; i < 8; i++)
            ((struct pollfd *)at)[i] = (struct pollfd){descriptor(), (short)below(1 << 15), 0};
        return (uint64_t)at;
    case TIME: /* seconds or not, at most 2 ms */
        for (int i = 0; i < 4; i++)
            ((uint64_t *)at)[i] = i & 1 ? below(2000) : 0;
        return (uint64_t)at;
    case EVENT:
        *(struct epoll_event *)at = (struct epoll_event){(uint32_t)(below(4) ? below(32) : next()), {.u64 = next()}};
        return (uint64_t)at;
    case ACTION:
        ((uint64_t *)at)[0] = below(4) ? (uint64_t)handler : 1;
        ((uint64_t *)at)[1] = (next() & 0x58000003) | SA_RESTART | 0x04000000;
        ((uint64_t *)at)[2] = restorer;
        return (uint64_t)at;
    default:
        return below(3) ? edge() : next() >> below(64);
    }
}

static void calm(void)
{
    struct sigaction action = {.sa_handler = handler};
    struct itimerval often = {{0, 700}, {0, 700}};
    uint64_t none = 0;
    for (int signal = 1; signal <= 64; signal++)
        if (signal != SIGSEGV && signal != SIGBUS && signal != SIGILL && signal != SIGFPE)
            sigaction(signal, &action, 0);
    /* Those that the library keeps for itself. */
    uint64_t as_others[4];
    syscall(SYS_rt_sigaction, 40, 0, as_others, 8);
    restorer = as_others[2];
    for (int signal = 32; signal < 35; signal++)
        syscall(SYS_rt_sigaction, signal, as_others, 0, 8);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
    setitimer(ITIMER_REAL, &often, 0);
}

static void furnish(void)
{
    int ends[2];
    mkdir("d", 0755);
    symlink("d", "c");
    close(open("a", O_CREAT | O_RDWR, 0644));
    for (int i = 0; i < 3; i++) {
        if (socketpair(AF_UNIX, i == 0 ? SOCK_STREAM : i == 1 ? SOCK_DGRAM : SOCK_SEQPACKET, 0, ends) || pipe(ends))
            return;
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
    }
}

static void calls_of(long count);

/* A child, which may run the program anew. It ends with its parent. */
static void make_child(void)
{
    if (__atomic_sub_fetch(&left, 1, __ATOMIC_RELAXED) < 0)
        return;
    int shared = below(3) ? 0 : 0x400 | (below(2) ? 0x200 : 0); /* CLONE_FILES, CLONE_FS */
    long pid = syscall(SYS_clone, shared | SIGCHLD, 0, 0, 0, 0);
    if (pid)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    left = 0;
    if (below(3) == 0) {
        char seed[24];
        snprintf(seed, sizeof seed, "%lu", (unsigned long)next());
        execl("/proc/self/exe", "typed", seed, "40", "1", (char *)0);
    }
    calls_of(60);
    _exit(0);
}

static void calls_of(long count)
{
    int again = 0; /* the arena may be gone */
    for (long i = 0; i < count; i++) {
        if (i % 16 == 0)
            calm();
        if ((again || i % 8 == 0) && mmap(arena, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != arena)
            return;
        if (below(100) == 0)
            make_child();
        if (below(200) == 0)
            furnish();
        unsigned which = (unsigned)below(CALLS);
        uint64_t args[6];
        for (int word = 0; word < 6; word++)
            args[word] = word < calls[which].count ? argument((enum kind)calls[which].kinds[word]) : next();
        int number = calls[which].number;
        /* Nobody would continue a stopped program; a limit of none ends all others' chances. */
        if (number == SYS_kill || number == SYS_tkill || number == SYS_tgkill || number == SYS_rt_sigqueueinfo || number == SYS_rt_tgsigqueueinfo)
            for (int word = 1; word < 3; word++)
                if ((int)args[word] >= SIGSTOP && (int)args[word] <= SIGTTOU)
                    args[word] = SIGCONT;
        if (number == SYS_setrlimit || number == SYS_prlimit64 || number == SYS_chroot || number == SYS_mlockall || number == SYS_seccomp)
            if (below(8))
                continue;
        again = number == SYS_munmap || number == SYS_mprotect || number == SYS_mremap || number == SYS_mmap || number == SYS_madvise;
        syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
    }
}

static long total;

static void *one_of(void *seed)
{
    state = (uint64_t)seed * 0x9e3779b97f4a7c15ULL + 1;
    /* With much around it, as lengths are wrong sometimes. */
    arena = mmap(0, 64 * ARENA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena != MAP_FAILED) {
        arena += 32 * ARENA;
        calls_of(total);
    }
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], 0, 0) : 1;
    total = argc > 2 ? atol(argv[2]) : 1000;
    long threads = argc > 3 ? atol(argv[3]) : 1;
    const int both = PROT_READ | PROT_WRITE;
    left = threads > 1 ? 20 : 0;
    furnish();
    for (int i = 0; i < EDGES; i++) {
        unsigned char *at = mmap(0, 8 * 4096, both, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        edges[i] = at + 4096;
        if (i == 0)
            munmap(at + 4096, 4096);
        else if (i == 1)
            mprotect(at + 4096, 4096, PROT_READ);
        else if (i == 2)
            mprotect(at + 4096, 4096, PROT_NONE);
        else if (i == 3)
            mmap(at, 8192, both, MAP_SHARED | MAP_FIXED, open("a", O_RDWR), 0);
        else if (i == 4)
            mmap(at, 8192, both, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        else
            edges[i] = (unsigned char *)main;
    }
    pthread_t id;
    for (long i = 1; i < threads && !pthread_create(&id, 0, one_of, (void *)(seed * 16 + (uint64_t)i)); i++)
        ;
    one_of((void *)(seed * 16));
    _exit(0);
}
