// Buffers of calls that wait (or copy much) are unmapped, mapped anew, moved and protected by other threads meanwhile. Does every call end with what it
// has, or EFAULT; does lind-run stay whole, and the memory of a sibling (attack row K3)?
// RUN: %lind-cc -O2 %s -o %t && %lind-run %t 5 | FileCheck %s
// The control: the program's own access to the same memory does fault.
// CHECK: own accesses that faulted: {{[1-9]}}
// CHECK: calls: {{[1-9][0-9]+}} done, {{[1-9][0-9]*}} met memory that was gone, {{0}} otherwise
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../posix/Inputs/check.h"

enum { PAGE = 4096, SIZE = 64 * PAGE, CANARY = 1 << 20, CALLERS = 3 };
static char *const area = (char *)0x50000000;

static _Atomic int stop;
static _Atomic unsigned long done, gone, other;
static int pipes[2], counter, set, file, memory_file;

static unsigned next(unsigned *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* The memory comes and goes. */
static void *change(void *data)
{
    unsigned state = (unsigned)(uintptr_t)data * 7919 + 1;
    while (!stop) {
        char *at = area + (next(&state) % 64) * PAGE;
        size_t size = (1 + next(&state) % 32) * PAGE;
        if (at + size > area + SIZE)
            size = (size_t)(area + SIZE - at);
        switch (next(&state) % 8) {
        case 0:
            munmap(at, size);
            break;
        case 1:
            mprotect(at, size, (int)(next(&state) % 2));
            break;
        case 2:
            mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory_file, 0);
            break;
        case 3:
            mmap(at, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, 0); /* beyond the file's end: SIGBUS */
            break;
        case 4:
            mremap(at, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, area + 2 * SIZE);
            break;
        case 5:
            ftruncate(memory_file, next(&state) % 2 ? PAGE : SIZE);
            break;
        default:
            mmap(area, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        }
        if (next(&state) % 64 == 0) {
            pid_t pid = fork(); /* what it shares with a child until it is written */
            if (pid == 0)
                _exit(0);
            waitpid(pid, NULL, 0);
        }
    }
    return NULL;
}

/* Ends the others' waits, now and then. */
static void *feed(void *unused)
{
    static char bytes[3 * PAGE];
    uint64_t one = 1;
    while (!stop) {
        write(pipes[1], bytes, sizeof bytes);
        write(counter, &one, sizeof one);
        usleep(100);
    }
    return NULL;
}

static void count(long result)
{
    if (result != -1)
        done++;
    else if (errno == EFAULT)
        gone++;
    else if (errno != EINTR && errno != EAGAIN && errno != ETIMEDOUT && errno != EINVAL && errno != ENOENT && errno != ECHILD &&
             errno != E2BIG && errno != ENAMETOOLONG && errno != ENOTDIR && errno != EACCES && errno != ENOEXEC && errno != EPERM)
        printf("errno %d\n", errno), other++;
}

static void *call(void *data)
{
    unsigned state = (unsigned)(uintptr_t)data * 104729 + 3;
    struct timespec moment = {0, 300000};
    struct iovec vector[3];
    int directory = open("/proc/self", O_RDONLY | O_DIRECTORY);
    while (!stop) {
        char *at = area + next(&state) % (SIZE - 4 * PAGE);
        size_t size = next(&state) % 4 ? 1 + next(&state) % 64 : 4 * PAGE;
        switch (next(&state) % 20) {
        case 0:
        case 1:
            count(read(pipes[0], at, size));
            break;
        case 2:
            for (int i = 0; i < 3; i++)
                vector[i] = (struct iovec){area + next(&state) % (SIZE - PAGE), 1 + next(&state) % PAGE};
            count(readv(pipes[0], vector, 3));
            break;
        case 3:
            count(read(counter, at, 8));
            break;
        case 4:
            /* Its array is written when the wait is over. */
            count(syscall(SYS_poll, at, 1 + size % 4, 1));
            break;
        case 5:
            count(syscall(SYS_select, 8, at, 0, 0, &(struct timeval){0, 300}));
            break;
        case 6:
            count(syscall(SYS_epoll_wait, set, at, 4, 1));
            break;
        case 7: {
            pid_t pid = syscall(SYS_vfork) ? 0 : -1;
            if (pid < 0)
                syscall(SYS_exit, 0);
            count(syscall(SYS_wait4, -1, at, 0, at + 8));
            break;
        }
        case 8:
            count(syscall(SYS_nanosleep, &moment, at));
            break;
        case 9:
            lseek(directory, 0, SEEK_SET);
            count(syscall(SYS_getdents64, directory, at, 4 * PAGE));
            break;
        case 10:
            count(syscall(SYS_futex, at - (uintptr_t)at % 4, 128, 0, &moment));
            break;
        case 11:
            count(write(pipes[1], at, size % 512));
            break;
        case 12:
            count(pread(file, at, size, 0));
            break;
        case 13:
            count(pwrite(memory_file, at, size, 0));
            break;
        case 14:
            count(syscall(SYS_execve, at, at, at));
            break;
        case 15:
            count(syscall(SYS_openat, AT_FDCWD, at, O_PATH | O_DIRECTORY | O_CLOEXEC));
            break;
        case 16:
            count(syscall(SYS_getrandom, at, size, 0));
            break;
        case 17:
            count(syscall(SYS_rt_sigtimedwait, at, at + 128, &moment, 8));
            break;
        case 18:
            count(syscall(SYS_newfstatat, AT_FDCWD, "/proc/self/status", at, 0));
            break;
        default:
            count(syscall(SYS_ppoll, at, 2, at + PAGE, 0, 8) > 0 ? 0 : 0);
        }
    }
    return NULL;
}

static sigjmp_buf back;

static void on_fault(int signal)
{
    siglongjmp(back, 1);
}

/* The control, in a thread's place. */
static int own_accesses(void)
{
    int faults = 0;
    signal(SIGSEGV, on_fault);
    signal(SIGBUS, on_fault);
    munmap(area, PAGE);
    mmap(area + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, file, SIZE);
    for (volatile int i = 0; i < 2; i++)
        if (sigsetjmp(back, 1))
            faults++;
        else
            (void)*(volatile char *)(area + i * PAGE);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    return faults;
}

static int attack(unsigned seconds)
{
    pthread_t threads[CALLERS + 2];
    file = open("/proc/self/exe", O_RDONLY);
    memory_file = memfd_create("memory", 0);
    ftruncate(memory_file, SIZE);
    pipe2(pipes, O_NONBLOCK);
    fcntl(pipes[0], F_SETFL, 0);
    counter = eventfd(0, EFD_NONBLOCK);
    fcntl(counter, F_SETFL, 0);
    set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(set, EPOLL_CTL_ADD, counter, &event);
    mmap(area, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    printf("own accesses that faulted: %d\n", own_accesses());
    pthread_create(&threads[0], NULL, change, (void *)1);
    pthread_create(&threads[1], NULL, feed, NULL);
    for (uintptr_t i = 0; i < CALLERS; i++)
        pthread_create(&threads[2 + i], NULL, call, (void *)(i + 1));
    sleep(seconds);
    printf("calls: %lu done, %lu met memory that was gone, %lu otherwise\n", done, gone, other);
    fflush(stdout);
    _exit(0); /* with all of them under way */
}

int main(int argc, char **argv)
{
    int told[2], status;
    char byte = 0;
    CHECK(pipe(told) == 0);
    pid_t sibling = fork();
    if (sibling == 0) {
        unsigned char *canary = mmap(area, CANARY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        memset(canary, 0x5a, CANARY);
        close(told[1]);
        read(told[0], &byte, 1);
        for (int i = 0; i < CANARY; i++)
            if (canary[i] != 0x5a)
                _exit(1);
        _exit(0);
    }
    close(told[0]);
    pid_t attacker = fork();
    if (attacker == 0)
        attack((unsigned)atoi(argv[1]));
    CHECK(waitpid(attacker, &status, 0) == attacker && status == 0);
    close(told[1]);
    CHECK(waitpid(sibling, &status, 0) == sibling && status == 0);
    return check_end();
}
