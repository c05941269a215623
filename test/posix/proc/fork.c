// What a child of fork has of its parent, and what not.
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <fcntl.h>
#include <fenv.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../Inputs/check.h"

/* Runs body in a child, whose failed checks count here. */
#define IN_CHILD(...)                                                                              \
    do {                                                                                           \
        fflush(stdout);                                                                            \
        pid_t pid_ = fork();                                                                       \
        if (!pid_) {                                                                               \
            check_failures = 0;                                                                    \
            __VA_ARGS__;                                                                           \
            fflush(stdout);                                                                        \
            _exit(check_failures != 0);                                                            \
        }                                                                                          \
        int status_ = -1;                                                                          \
        CHECK(pid_ > 0 && waitpid(pid_, &status_, 0) == pid_ && status_ == 0);                     \
    } while (0)

static int global = 1;
static __thread int local = 2;

static void memory(void)
{
    int on_stack = 3, *on_heap = malloc(1 << 20);
    int *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int *private = mmap(0, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *read_only = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    on_heap[1000] = 4;
    *shared = 5;
    private[5000] = 6;
    IN_CHILD({
        CHECK(global == 1 && local == 2 && on_stack == 3 && on_heap[1000] == 4 && *shared == 5);
        CHECK(private[5000] == 6 && read_only[100] == 0);
        global = local = on_stack = on_heap[1000] = *shared = private[5000] = 77;
        CHECK(!munmap(private, 1 << 16));
    });
    CHECK(global == 1 && local == 2 && on_stack == 3 && on_heap[1000] == 4 && *shared == 77);
    CHECK(private[5000] == 6);
    private[0] = 8;
    CHECK(!madvise(private, 4096, MADV_DONTFORK));
    IN_CHILD({
        unsigned char there;
        errno = 0;
        CHECK(mincore(private, 4096, &there) == -1 && errno == ENOMEM);
    });
    CHECK(!madvise(private + 4096, 4096, MADV_WIPEONFORK));
    private[5000] = 9;
    IN_CHILD(CHECK(private[5000] == 0));
    CHECK(private[5000] == 9);
}

static void files(void)
{
    char name[] = "fork.XXXXXX";
    int fd = mkstemp(name), closing = open(name, O_RDONLY | O_CLOEXEC);
    unlink(name);
    CHECK(write(fd, "abcdef", 6) == 6);
    CHECK(lseek(fd, 1, SEEK_SET) == 1);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CHECK(!fcntl(fd, F_SETLK, &lock));
    IN_CHILD({
        struct flock probe = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        CHECK(!fcntl(fd, F_GETLK, &probe) && probe.l_type == F_WRLCK);
        char byte;
        CHECK(read(fd, &byte, 1) == 1 && byte == 'b');
        CHECK(fcntl(closing, F_GETFD) == FD_CLOEXEC);
        CHECK(fcntl(fd, F_SETFL, O_APPEND) == 0);
        close(fd);
        CHECK(!chdir("/") && umask(0) == 027);
    });
    char byte, here[100];
    CHECK(read(fd, &byte, 1) == 1 && byte == 'c');
    CHECK(fcntl(fd, F_GETFL) & O_APPEND);
    CHECK(getcwd(here, sizeof here) && strcmp(here, "/"));
    CHECK(umask(027) == 027);
    close(fd);
    close(closing);
}

static volatile sig_atomic_t caught;

static void on_signal(int signal)
{
    caught = signal;
}

static void signals_and_timers(void)
{
    sigset_t set, got;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, 0);
    raise(SIGUSR1);
    struct itimerval timer = {.it_value = {100, 0}};
    setitimer(ITIMER_REAL, &timer, 0);
    IN_CHILD({
        CHECK(!sigpending(&got) && !sigismember(&got, SIGUSR1));
        CHECK(!sigprocmask(SIG_BLOCK, 0, &got) && sigismember(&got, SIGUSR1));
        struct itimerval left;
        CHECK(!getitimer(ITIMER_REAL, &left) && !left.it_value.tv_sec && !left.it_value.tv_usec);
        CHECK(alarm(0) == 0);
        sigprocmask(SIG_UNBLOCK, &set, 0);
        CHECK(!caught);
        raise(SIGUSR1);
        CHECK(caught == SIGUSR1);
    });
    CHECK(alarm(0) > 90);
    sigprocmask(SIG_UNBLOCK, &set, 0);
    CHECK(caught == SIGUSR1);
}

static void identity(void)
{
    pid_t parent = getpid(), group = getpgrp(), session = getsid(0);
    struct rlimit limit = {100, 200}, got;
    setrlimit(RLIMIT_NOFILE, &limit);
    IN_CHILD({
        CHECK(getppid() == parent && getpid() != parent && getpgrp() == group);
        CHECK(getsid(0) == session && gettid() == getpid());
        CHECK(!getrlimit(RLIMIT_NOFILE, &got) && got.rlim_cur == 100 && got.rlim_max == 200);
        struct tms used;
        times(&used);
        CHECK(used.tms_cutime == 0 && used.tms_cstime == 0);
    });
}

/* The x87 control word and MXCSR are the parent's; so is the direction of rounding. */
static void rounding(void)
{
    fesetround(FE_UPWARD);
    IN_CHILD({
        volatile double one = 1, three = 3;
        volatile long double long_one = 1, long_three = 3;
        CHECK(fegetround() == FE_UPWARD);
        CHECK(one / three * 3 > 1 || one / three > 0.33333333333333331);
        CHECK(long_one / long_three * 3 > 1);
    });
    fesetround(FE_TONEAREST);
}

static void vforked(void)
{
    volatile int seen = 0;
    pid_t pid = vfork();
    if (!pid) {
        seen = 1;
        _exit(9);
    }
    int status;
    CHECK(seen == 1);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 9);
}

static int cloned(void *argument)
{
    *(int *)argument = 5;
    return 12;
}

static void clones(void)
{
    static char stack[65536] __attribute__((aligned(16)));
    volatile int seen = 0;
    int status;
    pid_t pid = clone(cloned, stack + sizeof stack, SIGCHLD, (void *)&seen);
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 12 && seen == 0);
    pid = clone(cloned, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)&seen);
    CHECK(pid > 0 && seen == 5);
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 12);
    /* No signal at its end: only __WCLONE or __WALL finds it. */
    pid = clone(cloned, stack + sizeof stack, 0, (void *)&seen);
    FAILS(waitpid(pid, &status, 0), ECHILD);
    CHECK(waitpid(pid, &status, __WCLONE) == pid);
    pid_t tid = 0;
    pid = (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_PARENT_SETTID, 0, &tid, 0, 0);
    if (!pid)
        _exit(tid == getpid() ? 0 : 1);
    CHECK(tid == pid && waitpid(pid, &status, 0) == pid);
    /* One that cannot be written is no error. */
    pid = (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_PARENT_SETTID, 0, 8L, 0, 0);
    if (!pid)
        _exit(4);
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 4);
    /* The descriptors are one table: what the child closes is closed here. */
    int fd = dup(0);
    pid = (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_FILES, 0, 0, 0, 0);
    if (!pid)
        _exit(close(fd) != 0);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    FAILS(fcntl(fd, F_GETFD), EBADF);
    FAILS(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0), EINVAL);
    FAILS(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL);
    FAILS(syscall(SYS_clone, CLONE_VM | CLONE_THREAD, 0, 0, 0, 0), EINVAL);
    FAILS(syscall(SYS_clone3, 0, 64), EFAULT);
    FAILS(syscall(SYS_clone3, 0, 63), EINVAL);
    FAILS(syscall(SYS_clone3, 0, 5000), E2BIG);
}

static void many(void)
{
    enum { COUNT = 200 };
    int sum = 0;
    for (int i = 0; i < COUNT; i++)
        if (!fork())
            _exit(i & 0x7f);
    for (int i = 0; i < COUNT; i++) {
        int status = -1;
        CHECK(wait(&status) > 0 && WIFEXITED(status));
        sum += WEXITSTATUS(status);
    }
    int expected = 0;
    for (int i = 0; i < COUNT; i++)
        expected += i & 0x7f;
    CHECK(sum == expected);
    FAILS(wait(0), ECHILD);
}

int main(void)
{
    umask(027);
    memory();
    files();
    signals_and_timers();
    rounding();
    vforked();
    clones();
    many();
    identity();
    return check_end();
}
