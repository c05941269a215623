/* Processes that come to a bad end: they crash, or are killed in whatever they do. For tests of
 * what that leaves behind. The program sets the variables, calls victim_run, and has "exec FD" as
 * arguments that lead to executing(). */
#ifndef VICTIMS_H
#define VICTIMS_H

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
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *program;           /* path of the program itself */
static int tell = -1;           /* where a victim says that it is about to crash or to block */
static char scratch[1000];      /* a directory for its files */
static char lock_path[1020];    /* a file that somebody has locked with flock and fcntl */
static pthread_mutex_t *robust; /* in shared memory; NULL in a program of its own */

static volatile int zero; /* stays so */
static void *volatile nowhere;
static int pipe_ends[2];

static void ready(void)
{
    if (write(tell, "r", 1) != 1)
        _exit(99);
}

static void read_null(void)
{
    *(volatile int *)nowhere;
}

static void write_text(void)
{
    *(volatile char *)(uintptr_t)read_null = 1;
}

static void write_wild(void)
{
    *((volatile char *)nowhere + 0x7ffff1234567) = 1;
    read_null(); /* in a cage the address may be one of its own */
}

static void jump_null(void)
{
    ((void (*)(void))nowhere)();
}

static void jump_stack(void)
{
    char code[64] __attribute__((aligned(64)));
    memset(code, 0x90, sizeof code);
    void *volatile at = code;
    ((void (*)(void))at)();
}

__attribute__((noinline)) static int deep(volatile char *above)
{
    volatile char block[3000];
    block[zero] = above[0];
    return deep(block) + block[1];
}

static void overflow(void)
{
    char first = 1;
    deep(&first);
}

static void trap(void)
{
    __builtin_trap();
}

static void divide(void)
{
    volatile int number = 1000;
    number = number / zero;
}

static void beyond_file(void)
{
    int fd = memfd_create("short", 0);
    char *at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ftruncate(fd, 100) || at == MAP_FAILED)
        _exit(98);
    at[5000] = 1;
}

static void abort_blocked(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(SIGABRT, SIG_IGN);
    abort();
}

static void ignored_fault(void)
{
    signal(SIGSEGV, SIG_IGN);
    read_null();
}

static void crash_again(int signal)
{
    read_null();
}

static void fault_in_handler(void)
{
    signal(SIGSEGV, crash_again);
    read_null();
}

static void no_room_for_handler(void)
{
    struct sigaction action = {.sa_handler = crash_again, .sa_flags = SA_ONSTACK};
    char *pages = mmap(NULL, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const stack_t stack = {.ss_sp = pages, .ss_size = 16384};
    sigaction(SIGUSR1, &action, NULL);
    sigaltstack(&stack, NULL);
    raise(SIGUSR1);
}

static void *thread_null(void *data)
{
    read_null();
    return NULL;
}

static void *thread_read(void *data)
{
    char byte;
    read(pipe_ends[0], &byte, 1);
    return NULL;
}

static void *thread_spin(void *data)
{
    while (!zero)
        ;
    return NULL;
}

static void *thread_sleep(void *data)
{
    sleep(1000);
    return NULL;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *thread_lock(void *data)
{
    pthread_mutex_lock(&mutex);
    pthread_mutex_lock(&mutex);
    return NULL;
}

static void start_threads(void)
{
    static void *(*const functions[])(void *) = {thread_read, thread_spin, thread_sleep,
                                                 thread_lock};
    pthread_t thread;
    for (int i = 0; i < 4; i++)
        if (pthread_create(&thread, NULL, functions[i], NULL))
            _exit(97);
}

static void fault_among_threads(void)
{
    pthread_t thread;
    start_threads();
    if (!pthread_create(&thread, NULL, thread_null, NULL))
        pthread_join(thread, NULL);
}

static void abort_among_threads(void)
{
    start_threads();
    abort();
}

static void kill_self(void)
{
    kill(getpid(), SIGKILL);
}

/* The rest are killed. */

static void in_read(void)
{
    thread_read(NULL);
}

static void in_write(void)
{
    char bytes[100000] = {0};
    write(pipe_ends[1], bytes, sizeof bytes);
}

static void in_futex(void)
{
    thread_lock(NULL);
}

static void in_robust(void)
{
    if (!robust)
        pause();
    if (pthread_mutex_lock(robust) == EOWNERDEAD)
        pthread_mutex_consistent(robust);
    pause();
}

static void in_poll(void)
{
    struct pollfd wait[] = {{.fd = pipe_ends[0], .events = POLLIN}, {.fd = -1}};
    poll(wait, 2, -1);
}

static void in_select(void)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pipe_ends[0], &set);
    select(pipe_ends[0] + 1, &set, NULL, NULL, NULL);
}

static void in_epoll(void)
{
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(epoll, EPOLL_CTL_ADD, pipe_ends[0], &event);
    epoll_wait(epoll, &event, 1, -1);
}

static void in_nanosleep(void)
{
    thread_sleep(NULL);
}

static void in_clock_nanosleep(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1000;
    clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL);
}

/* A child that ends when its parent has. */
static int child_until_end(int (*make)(void))
{
    int ends[2];
    if (pipe(ends))
        _exit(96);
    int pid = make();
    if (!pid) {
        char byte;
        close(ends[1]);
        read(ends[0], &byte, 1);
        _exit(0);
    }
    return pid;
}

static void in_wait(void)
{
    child_until_end(fork);
    wait(NULL);
}

static void in_vfork(void)
{
    int ends[2];
    if (pipe(ends))
        _exit(96);
    if (!vfork()) {
        char byte;
        syscall(SYS_close, ends[1]);
        syscall(SYS_read, ends[0], &byte, 1);
        _exit(0);
    }
}

static void in_sigsuspend(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigsuspend(&none);
}

static void in_pause(void)
{
    pause();
}

static void in_sigwait(void)
{
    sigset_t set;
    int got;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigwait(&set, &got);
}

static void in_eventfd(void)
{
    uint64_t value;
    read(eventfd(0, 0), &value, sizeof value);
}

static void in_timerfd(void)
{
    const struct itimerspec late = {.it_value = {1000, 0}};
    uint64_t value;
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    timerfd_settime(fd, 0, &late, NULL);
    read(fd, &value, sizeof value);
}

static void in_signalfd(void)
{
    struct signalfd_siginfo info;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    read(signalfd(-1, &set, 0), &info, sizeof info);
}

static void in_terminal(void)
{
    char byte;
    read(open("/dev/ptmx", O_RDWR | O_NOCTTY), &byte, 1);
}

static void in_open(void)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/fifo.%d", scratch, getpid());
    unlink(path);
    if (!mkfifo(path, 0600))
        open(path, O_RDONLY);
}

static void in_flock(void)
{
    flock(open(lock_path, O_RDWR), LOCK_EX);
}

static void in_lock(void)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    fcntl(open(lock_path, O_RDWR), F_SETLKW, &whole);
}

static void stopped(void)
{
    raise(SIGSTOP);
}

static void in_threads(void)
{
    start_threads();
    pause();
}

static void spinning(void)
{
    thread_spin(NULL);
}

static void calling(void)
{
    while (!zero)
        getppid();
}

static void file_calls(void)
{
    char path[1100], bytes[9000] = {0};
    snprintf(path, sizeof path, "%s/file.%d", scratch, getpid());
    while (!zero) {
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        write(fd, bytes, sizeof bytes);
        pread(fd, bytes, sizeof bytes, 0);
        close(fd);
    }
}

static void mapping(void)
{
    while (!zero) {
        char *at = mmap(NULL, 3 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(at, 1, 1 << 20);
        mprotect(at + 4096, 4096, PROT_NONE);
        munmap(at, 3 << 20);
    }
}

static void forking(void)
{
    char *large = malloc(4 << 20);
    memset(large, 1, 4 << 20);
    while (!zero) {
        pid_t child = fork();
        if (!child)
            _exit(large[12345] != 1);
        waitpid(child, NULL, 0);
    }
}

static void executing(void)
{
    char end[16], *again[] = {program, "exec", end, NULL};
    snprintf(end, sizeof end, "%d", tell);
    execv("/proc/self/exe", again);
}

static void threading(void)
{
    while (!zero) {
        pthread_t thread;
        if (!pthread_create(&thread, NULL, (void *(*)(void *))(void *)getppid, NULL))
            pthread_join(thread, NULL);
    }
}

static void signaling(void)
{
    struct sigaction action = {.sa_handler = (void (*)(int))(void *)getppid};
    sigaction(SIGUSR1, &action, NULL);
    while (!zero)
        raise(SIGUSR1);
}

/* A descriptor on its way. */

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static int send_file(int to, char text, int file)
{
    union control control = {.header = {.cmsg_len = CMSG_LEN(sizeof file),
                                        .cmsg_level = SOL_SOCKET,
                                        .cmsg_type = SCM_RIGHTS}};
    struct iovec vector = {&text, 1};
    const struct msghdr message = {.msg_iov = &vector,
                                   .msg_iovlen = 1,
                                   .msg_control = &control,
                                   .msg_controllen = sizeof control};
    memcpy(CMSG_DATA(&control.header), &file, sizeof file);
    return sendmsg(to, &message, MSG_NOSIGNAL) == 1;
}

/* Returns what came, or -1. */
static int receive_file(int from, char *text)
{
    union control control;
    struct iovec vector = {text, 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    int file;
    if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) != 1 || message.msg_controllen < sizeof control)
        return -1;
    memcpy(&file, CMSG_DATA(&control.header), sizeof file);
    return file;
}

static void in_accept(void)
{
    const struct sockaddr_un any = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (!bind(fd, (const struct sockaddr *)&any, sizeof any.sun_family) && !listen(fd, 1))
        accept(fd, NULL, NULL);
}

static void in_connect(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof name;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (!bind(fd, (struct sockaddr *)&name, sizeof name.sun_family) && !listen(fd, 0) &&
        !getsockname(fd, (struct sockaddr *)&name, &size))
        while (!connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, size))
            ;
}

static void in_recvmsg(void)
{
    int pair[2];
    char text;
    if (!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
        receive_file(pair[0], &text);
}

static void in_sendmsg(void)
{
    int pair[2];
    if (!socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        while (send_file(pair[0], 'x', pipe_ends[0]))
            ;
}

static void passing(void)
{
    int pair[2];
    char text;
    while (!zero && !socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)) {
        for (int i = 0; i < 3; i++)
            send_file(pair[0], 'x', pipe_ends[i % 2]);
        close(receive_file(pair[1], &text));
        close(pair[0]);
        close(pair[1]);
    }
}

static void *thread_user(void *data)
{
    while (!zero) {
        syscall(SYS_setresuid, -1, 12345, -1);
        access(lock_path, R_OK);
        syscall(SYS_setresuid, -1, 0, -1);
    }
    return NULL;
}

static void changing_user(void)
{
    pthread_t thread;
    if (!pthread_create(&thread, NULL, thread_user, NULL))
        thread_user(NULL);
}

static void changing_root(void)
{
    while (!zero) {
        chroot(scratch);
        access("/lock", R_OK);
    }
}

static const struct victim {
    void (*run)(void);
    int signal; /* that ends it; SIGKILL comes from outside, too */
} victims[] = {
    {read_null, SIGSEGV},
    {write_text, SIGSEGV},
    {write_wild, SIGSEGV},
    {jump_null, SIGSEGV},
    {jump_stack, SIGSEGV},
    {overflow, SIGSEGV},
    {trap, SIGILL},
    {divide, SIGFPE},
    {beyond_file, SIGBUS},
    {abort, SIGABRT},
    {abort_blocked, SIGABRT},
    {ignored_fault, SIGSEGV},
    {fault_in_handler, SIGSEGV},
    {no_room_for_handler, SIGSEGV},
    {fault_among_threads, SIGSEGV},
    {abort_among_threads, SIGABRT},
    {kill_self, SIGKILL},
    {in_read, SIGKILL},
    {in_write, SIGKILL},
    {in_futex, SIGKILL},
    {in_robust, SIGKILL},
    {in_poll, SIGKILL},
    {in_select, SIGKILL},
    {in_epoll, SIGKILL},
    {in_nanosleep, SIGKILL},
    {in_clock_nanosleep, SIGKILL},
    {in_wait, SIGKILL},
    {in_vfork, SIGKILL},
    {in_sigsuspend, SIGKILL},
    {in_pause, SIGKILL},
    {in_sigwait, SIGKILL},
    {in_eventfd, SIGKILL},
    {in_timerfd, SIGKILL},
    {in_signalfd, SIGKILL},
    {in_terminal, SIGKILL},
    {in_open, SIGKILL},
    {in_flock, SIGKILL},
    {in_lock, SIGKILL},
    {stopped, SIGKILL},
    {in_threads, SIGKILL},
    {spinning, SIGKILL},
    {calling, SIGKILL},
    {file_calls, SIGKILL},
    {mapping, SIGKILL},
    {forking, SIGKILL},
    {executing, SIGKILL},
    {threading, SIGKILL},
    {signaling, SIGKILL},
    {in_accept, SIGKILL},
    {in_connect, SIGKILL},
    {in_recvmsg, SIGKILL},
    {in_sendmsg, SIGKILL},
    {passing, SIGKILL},
    {changing_user, SIGKILL},
    {changing_root, SIGKILL},
};
enum { VICTIM_KINDS = sizeof victims / sizeof *victims };

/* Holds what a process can hold, says so, and comes to its end. */
static _Noreturn void victim_run(int kind)
{
    const struct itimerspec late = {.it_value = {1000, 0}, .it_interval = {1000, 0}};
    timer_t timer;
    int file = open(program, O_RDONLY), copies = 0;
    while (copies < 5 && dup(file) >= 0)
        copies++;
    char *pages = mmap(NULL, 300000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copies != 5 || pages == MAP_FAILED || pipe(pipe_ends) || memfd_create("held", 0) < 0 ||
        epoll_create1(0) < 0 || timer_create(CLOCK_MONOTONIC, NULL, &timer) ||
        timer_settime(timer, 0, &late, NULL))
        _exit(95);
    memset(pages, kind, 200000);
    sigset_t urgent;
    sigemptyset(&urgent);
    sigaddset(&urgent, SIGURG);
    sigprocmask(SIG_BLOCK, &urgent, NULL);
    raise(SIGURG); /* stays pending */
    ready();
    victims[kind].run();
    _exit(94);
}

#endif
