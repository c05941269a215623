// Processes end, start programs and fork while their threads hold locks, sit in calls of every kind, fault and make threads. Does each come to its end, with the
// status that was wanted, and leave its siblings and lind-run whole (attack row K15)? The control: natively the same program sees the same.
// RUN: musl-gcc -static -O2 -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu %s -o %t.native && timeout 300 %t.native 1 %t.native
// RUN: %lind-cc -O2 %s -o %t && timeout 250 %lind-run %t 5 %t 2>&1 | FileCheck %s --implicit-check-not="internal error" --implicit-check-not="not so"
// CHECK: {{[1-9][0-9]+}} ends
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../posix/Inputs/check.h"

enum { THREADS = 5 };
enum { EXITS, KILLED, EXECS, LAST_THREAD, FAULTS, FORKS_THEN_EXITS, KINDS };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *program;
static int shared_pipe[2]; /* between all processes: readers offer their memory, writers come from others */
static int shared_set;     /* an epoll set that all of them have, too */

static void *nothing(void *unused)
{
    return NULL;
}

/* One of what a thread can be at, for ever. */
static void *busy(void *data)
{
    unsigned kind = (unsigned)(uintptr_t)data;
    static char bytes[65536];
    int own[2], status;
    pipe(own);
    for (unsigned round = 0;; round++)
        switch (kind % 17) {
        case 0:
            pthread_mutex_lock(&lock);
            sched_yield();
            pthread_mutex_unlock(&lock);
            break;
        case 1:
            read(own[0], bytes, 1);
            break;
        case 2:
            read(shared_pipe[0], bytes, sizeof bytes);
            break;
        case 3:
            write(shared_pipe[1], bytes, sizeof bytes / 2);
            break;
        case 4: {
            struct pollfd polls[2] = {{own[0], POLLIN, 0}, {shared_pipe[0], POLLIN, 0}};
            poll(polls, 2, round % 2 ? -1 : 0);
            break;
        }
        case 5: {
            struct epoll_event events[4];
            epoll_wait(shared_set, events, 4, -1);
            break;
        }
        case 6: {
            /* Comes and goes in the set that others wait for. */
            struct epoll_event event = {.events = EPOLLIN};
            int counter = eventfd(1, EFD_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
            int set = epoll_create1(EPOLL_CLOEXEC);
            epoll_ctl(set, EPOLL_CTL_ADD, counter, &event);
            epoll_ctl(shared_set, EPOLL_CTL_ADD, set, &event);
            epoll_ctl(shared_set, EPOLL_CTL_ADD, timer, &event);
            close(counter);
            close(timer);
            close(set);
            break;
        }
        case 7: {
            pid_t pid = fork();
            if (pid == 0)
                _exit(0);
            waitpid(pid, &status, 0);
            break;
        }
        case 8: {
            pid_t pid = vfork();
            if (pid == 0) {
                if (round % 2)
                    execl(program, program, "end", NULL);
                _exit(0);
            }
            waitpid(pid, &status, 0);
            break;
        }
        case 9: {
            pthread_t thread;
            if (!pthread_create(&thread, NULL, nothing, NULL))
                pthread_join(thread, NULL);
            break;
        }
        case 10: {
            char *at = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (at != MAP_FAILED)
                memset(at, 1, 1 << 20);
            munmap(at, 1 << 20);
            break;
        }
        case 11: {
            static uint32_t word;
            syscall(SYS_futex, &word, 128, 0, 0);
            break;
        }
        case 12: {
            struct timespec long_time = {1000, 0};
            nanosleep(&long_time, NULL);
            break;
        }
        case 13: {
            /* Others' files of /proc, while they come and go. */
            char name[64], text[4096];
            snprintf(name, sizeof name, "/proc/%d/%s", getpid() + (int)(round % 8) - 4,
                     (const char *[]){"maps", "environ", "stat", "cmdline", "fd", "status", "exe", "auxv"}[round / 8 % 8]);
            int fd = open(name, O_RDONLY);
            read(fd, text, sizeof text);
            readlink(name, text, sizeof text);
            close(fd);
            break;
        }
        case 14: {
            sigset_t set;
            sigemptyset(&set);
            sigaddset(&set, SIGURG);
            pthread_sigmask(SIG_BLOCK, &set, NULL);
            int fd = signalfd(-1, &set, SFD_CLOEXEC | (round % 2 ? SFD_NONBLOCK : 0));
            kill(getpid(), SIGURG);
            read(fd, bytes, 128);
            close(fd);
            break;
        }
        case 15:
            kill(getpid(), SIGWINCH);
            break;
        default:
            waitpid(-1, &status, round % 2 ? 0 : WNOHANG);
        }
}

static void on_signal(int signal)
{
}

static void *end_later(void *data)
{
    usleep((useconds_t)(uintptr_t)data % 500);
    syscall(SYS_exit, 9); /* whose status it is, first or last, differs between versions of Linux */
    return NULL;
}

/* A process with threads at it, that ends in one of the ways. */
static void live(unsigned seed)
{
    pthread_t threads[THREADS];
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    /* Ignored by the next program if they are still pending then. */
    sigaction(SIGWINCH, &action, NULL);
    sigaction(SIGURG, &action, NULL);
    unsigned kind = seed % KINDS;
    if (kind == LAST_THREAD) {
        for (uintptr_t i = 0; i < THREADS; i++)
            pthread_create(&threads[i], NULL, end_later, (void *)(uintptr_t)(seed * 31 + i * 97));
        syscall(SYS_exit, 9);
    }
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, busy, (void *)(uintptr_t)(seed * 7 + i * (1 + seed % 5)));
    usleep(seed * 37 % 900);
    switch (kind) {
    case EXECS:
        execl(program, program, "end", NULL);
        _exit(1);
    case FAULTS:
        *(volatile int *)(uintptr_t)(seed % 2 ? 8 : 0x7fff0000) = 1;
        _exit(1);
    case FORKS_THEN_EXITS:
        /* With the lock that another thread may hold. */
        if (fork() == 0)
            _exit(0);
        _exit(9);
    case KILLED:
        for (;;)
            pause();
    default:
        _exit(9);
    }
}

int main(int argc, char **argv)
{
    if (!strcmp(argv[1], "end"))
        return 9;
    program = argv[2];
    unsigned long ends = 0;
    pipe2(shared_pipe, O_CLOEXEC);
    shared_set = epoll_create1(EPOLL_CLOEXEC);
    time_t end = time(NULL) + atoi(argv[1]);
    for (unsigned seed = 1; time(NULL) < end || ends < 10; seed += 2) {
        pid_t pids[2];
        for (unsigned i = 0; i < 2; i++)
            if ((pids[i] = fork()) == 0)
                live(seed + i);
        for (unsigned i = 0; i < 2; i++) {
            unsigned kind = (seed + i) % KINDS;
            int status = -1;
            if (kind == KILLED) {
                usleep(seed % 700);
                kill(pids[i], SIGKILL);
            }
            CHECK(waitpid(pids[i], &status, 0) == pids[i]);
            const int expected = kind == KILLED ? SIGKILL : kind == FAULTS ? SIGSEGV : 9 << 8;
            if ((status & ~0x80) != expected)
                printf("not so: seed %u ended with %x\n", seed + i, status), check_failures++;
            ends++;
        }
    }
    printf("%lu ends\n", ends);
    return check_end();
}
