// Other threads change what a call's pointers lead to, while it is made: vectors, paths, argument lists, actions, sets, times, futex words, messages with
// descriptors; between what is right and what is hostile. Does lind-run stay whole, and memory of a sibling (attack row K2)?
// RUN: rm -rf %t.d && mkdir %t.d && cd %t.d && %lind-cc -O2 %s -o %t && %lind-run %t 5 | FileCheck %s
// CHECK: the control: {{[1-9][0-9]+}} of two looks differed
// CHECK: {{[1-9][0-9]+}} calls succeeded, {{[1-9][0-9]+}} failed
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../posix/Inputs/check.h"

enum { WORDS = 64, FLIPPERS = 2, CALLERS = 3, CANARY = 1 << 20 };

/* Two versions of the same bytes, and where they are put in turn. */
static union page {
    uint64_t words[WORDS];
    struct iovec vector[8];
    struct pollfd polls[8];
    struct epoll_event event;
    struct timespec time;
    struct itimerspec timer;
    struct clone_args clone;
    struct {
        uint64_t handler, flags, restorer, mask;
    } action;
    char *list[8];
    char path[WORDS * 8];
    uint32_t futex;
} right[16], wrong[16], shared[16] __attribute__((aligned(4096)));

static _Atomic int stop;
static _Atomic unsigned long succeeded, failed, differed;
static int clones; /* and received messages, only those: they may well harm the program that makes them */
static char buffer[8192];

static unsigned next(unsigned *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static const uint64_t hostile[] = {
    0, 8, 0xfff8, 0xffff0000, 0xfffffff8, 0x100000000, 0xfffffffffffffff8, 0x8000000000000000, 0x7fffffffffffffff,
    0x7ffffffff000, 0xffffffffffffffff, 0x5a5a5a5a5a5a5a5a, 0x1000, 0xfffff000, 0x80000000,
};

static void *flip(void *data)
{
    unsigned state = (unsigned)(uintptr_t)data * 7919 + 1;
    while (!stop) {
        unsigned page = next(&state) % 16, word = next(&state) % WORDS;
        volatile uint64_t *to = shared[page].words;
        switch (next(&state) % 4) {
        case 0:
            for (int i = 0; i < WORDS; i++)
                to[i] = wrong[page].words[i];
            break;
        case 1:
            to[word % 16] = hostile[next(&state) % (sizeof hostile / sizeof *hostile)];
            break;
        default:
            for (int i = 0; i < WORDS; i++)
                to[i] = right[page].words[i];
        }
    }
    return NULL;
}

/* What a careless callee would do: look at all, and look again. On one processor, too, a flipper gets
 * in between. */
static void *look_twice(void *unused)
{
    volatile uint64_t *word = shared[0].words;
    while (!stop) {
        uint64_t first[WORDS];
        unsigned found = 0;
        for (int i = 0; i < WORDS; i++)
            first[i] = word[i];
        for (int i = 0; i < WORDS; i++)
            found += first[i] != word[i];
        differed += found;
    }
    return NULL;
}

static void count(long result)
{
    result == -1 ? failed++ : succeeded++;
}

static void *call(void *data)
{
    unsigned state = (unsigned)(uintptr_t)data * 104729 + 3;
    int pipes[2], file = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600), counter = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    int set = epoll_create1(EPOLL_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    int pair[2], named = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    pipe2(pipes, O_NONBLOCK | O_CLOEXEC);
    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair);
    ftruncate(file, 4096);
    while (!stop) {
        union page *at = &shared[next(&state) % 16];
        if (next(&state) % 64 == 0)
            syscall(SYS_close_range, 64, ~0U, 0); /* opened and received */
        unsigned dangerous = next(&state) % 9;
        switch (!clones ? next(&state) % 26 : dangerous ? 25 + dangerous : 22) {
        case 0:
            count(syscall(SYS_writev, pipes[1], at, 4));
            break;
        case 1:
            count(syscall(SYS_readv, pipes[0], at, 4));
            break;
        case 2:
            count(syscall(SYS_preadv, file, at, 3, 0, 0));
            break;
        case 3:
            count(syscall(SYS_pwritev, file, at, 3, 0, 0));
            break;
        case 4:
            count(syscall(SYS_poll, at, 4, 0));
            break;
        case 5:
            count(syscall(SYS_ppoll, at, 3, &(struct timespec){0, 1000}, &at->words[40], 8));
            break;
        case 6:
            count(syscall(SYS_select, 64, at, &at->words[8], 0, &(struct timeval){0, 0}));
            break;
        case 7:
            count(syscall(SYS_epoll_ctl, set, EPOLL_CTL_ADD + next(&state) % 3, counter, at));
            break;
        case 8:
            count(syscall(SYS_epoll_wait, set, at, 4, 0));
            break;
        case 9:
            count(syscall(SYS_openat, AT_FDCWD, at->path, O_RDONLY | O_PATH | O_CLOEXEC));
            break;
        case 10:
            count(syscall(SYS_newfstatat, AT_FDCWD, at->path, buffer, 0));
            break;
        case 11:
            count(syscall(SYS_readlink, at->path, buffer, sizeof buffer));
            break;
        case 12:
            count(syscall(SYS_rt_sigaction, SIGUSR2, at, buffer, 8));
            break;
        case 13:
            count(syscall(SYS_rt_sigprocmask, SIG_BLOCK, at, 0, 8));
            count(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &(uint64_t){0}, 0, 8));
            break;
        case 14:
            count(syscall(SYS_futex, at, 129 /* WAKE */, 1));
            break;
        case 15:
            count(syscall(SYS_futex, at, 128 /* WAIT */, (uint32_t)at->words[0], &(struct timespec){0, 1000}));
            break;
        case 16:
            count(syscall(SYS_timerfd_settime, timer, 0, at, at->words + 8));
            break;
        case 17:
            count(syscall(SYS_prlimit64, 0, RLIMIT_CORE, at, buffer));
            break;
        case 18:
            count(syscall(SYS_mincore, at, 4096, at));
            break;
        case 19:
            count(syscall(SYS_utimensat, AT_FDCWD, "file", at, 0));
            break;
        case 20:
            count(syscall(SYS_setgroups, 3, at));
            break;
        case 21: {
            /* Its arguments change under it; what it names does not exist. */
            char *const *list = at->list;
            count(syscall(SYS_execve, next(&state) & 1 ? "/nothing" : "file", list, list));
            break;
        }
        case 22: {
            long pid = clones ? syscall(SYS_clone3, at, sizeof at->clone) : -1;
            if (pid == 0)
                syscall(SYS_exit, 0);
            count(pid);
            if (pid > 0)
                waitpid((pid_t)pid, NULL, 0);
            break;
        }
        case 23:
            count(syscall(SYS_rename, at->path, at[1 - (at == &shared[15]) * 2].path));
            break;
        case 24:
            count(syscall(SYS_rt_sigtimedwait, at, buffer, &(struct timespec){0, 0}, 8));
            break;
        case 26:
            count(syscall(SYS_sendmmsg, pair[0], at, 2, MSG_NOSIGNAL));
            break;
        case 27:
            count(syscall(SYS_recvmmsg, pair[1], at, 2, 0, &at->time));
            break;
        case 28:
        case 29:
            count(syscall(SYS_sendmsg, pair[0], at, MSG_NOSIGNAL));
            break;
        case 30:
        case 31:
            count(syscall(SYS_recvmsg, pair[1], at, MSG_CMSG_CLOEXEC));
            break;
        case 32:
            count(syscall(SYS_sendto, named, at, 64, MSG_NOSIGNAL, at->words + 16, 20));
            break;
        case 33:
            count(syscall(SYS_recvfrom, pair[1], at, 64, 0, at->words + 16, at->words + 20));
            break;
        default:
            count(syscall(SYS_sched_setaffinity, 0, 64, at));
        }
    }
    return NULL;
}

static void prepare(void)
{
    /* Lengths are hostile, too: what lies behind it is nothing. */
    char *place = mmap(0, 2 * CANARY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(place + CANARY, CANARY, PROT_NONE);
    for (int page = 0; page < 16; page++) {
        for (unsigned i = 0; i < WORDS; i++) {
            right[page].words[i] = (uint64_t)(uintptr_t)place;
            wrong[page].words[i] = hostile[(i * 7 + (unsigned)page) % (sizeof hostile / sizeof *hostile)];
        }
        switch (page % (clones ? 6 : 5)) {
        case 5: { /* two messages, each with a piece and a descriptor */
            uint64_t *words = right[page].words, *used = shared[page].words;
            struct cmsghdr header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
            memset(words, 0, sizeof right[page]);
            for (int i = 0; i < 2; i++, words += 8, used += 8) {
                words[2] = (uintptr_t)(used + 16);
                words[3] = 1;
                words[4] = (uintptr_t)(used + 18);
                words[5] = CMSG_SPACE(sizeof(int));
                words[16] = (uintptr_t)place;
                words[17] = 64;
                memcpy(words + 18, &header, sizeof header);
            }
            break;
        }
        case 0:
            for (int i = 0; i < 8; i++)
                right[page].vector[i] = (struct iovec){place + 64 * i, 64};
            break;
        case 1:
            strcpy(right[page].path, page & 1 ? "file" : "./../.././file");
            memset(wrong[page].path, '/', sizeof wrong[page].path);
            break;
        case 2:
            for (int i = 0; i < 8; i++)
                right[page].polls[i] = (struct pollfd){i, POLLIN, 0};
            break;
        case 3:
            right[page].clone = (struct clone_args){.exit_signal = SIGCHLD};
            break;
        default:
            for (int i = 0; i < 8; i++)
                right[page].list[i] = i < 7 ? place : NULL;
        }
    }
    strcpy(place, "text");
}

int main(int argc, char **argv)
{
    /* A sibling, whose memory is what nobody may change. */
    int told[2], status;
    char byte = 0;
    CHECK(pipe(told) == 0);
    pid_t sibling = fork();
    if (sibling == 0) {
        unsigned char *canary = mmap(0, CANARY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(canary, 0x5a, CANARY);
        close(told[1]);
        read(told[0], &byte, 1);
        for (int i = 0; i < CANARY; i++)
            if (canary[i] != 0x5a)
                _exit(1);
        _exit(0);
    }
    close(told[0]);
    signal(SIGUSR2, SIG_IGN);
    pid_t attacker = 0, cloner = fork();
    clones = cloner == 0;
    while (clones && (attacker = fork()) != 0) /* as often as it ends */
        waitpid(attacker, &status, 0);
    if (!clones)
        attacker = fork();
    if (attacker == 0) {
        if (clones)
            close(2);
        prepare();
        pthread_t thread;
        for (uintptr_t i = 0; i < FLIPPERS; i++)
            pthread_create(&thread, NULL, flip, (void *)(i + 1));
        pthread_create(&thread, NULL, look_twice, NULL);
        for (uintptr_t i = 0; i < CALLERS; i++)
            pthread_create(&thread, NULL, call, (void *)(i + 1));
        sleep((unsigned)atoi(argv[1]));
        stop = 1;
        if (clones)
            _exit(0);
        printf("the control: %lu of two looks differed\n", differed);
        printf("%lu calls succeeded, %lu failed\n", succeeded, failed);
        fflush(stdout);
        _exit(0);
    }
    CHECK(waitpid(attacker, &status, 0) == attacker && status == 0);
    kill(cloner, SIGKILL);
    CHECK(waitpid(cloner, &status, 0) == cloner);
    close(told[1]);
    CHECK(waitpid(sibling, &status, 0) == sibling && status == 0);
    return check_end();
}
