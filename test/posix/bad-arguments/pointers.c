// Does every pointer argument of every call of the table meet a bad address with EFAULT (or another error of Linux's), without harm to
// lind-run and to memory that the call was not given?
// RUN: rm -rf %t.dir && mkdir %t.dir && cd %t.dir && mkdir work
// RUN: %python %S/Inputs/generate.py %root > table.h
// RUN: %lind-cc -O1 -D_GNU_SOURCE -I. %s -o program
// RUN: cd work && %lind-run ../program > ../out 2>&1 || (tail -40 ../out; false)
// RUN: FileCheck %s < %t.dir/out
// CHECK-NOT: FAILED
// CHECK: {{[1-9][0-9][0-9]+}} calls with bad pointers made of {{[1-9][0-9]+}} system calls, 0 failed
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum kind { SCALAR, PATH, IN, OUT, INOUT };

/* Of the table's scalars. */
#define FILE_FD 100
#define DIRECTORY_FD 101
#define EPOLL_FD 102
#define PIPE_FD 103
#define SOCKET_FD 105
#define TIMER 0

struct argument {
    const char *name;
    enum kind kind;
    uint64_t value;
    uint64_t unit;
    int count_of; /* argument that says how many units, or -1 */
    uint64_t count;
    int optional, loose, ranges;
    const char *text;
};

struct call {
    long number;
    const char *name;
    int waits, count;
    struct argument arguments[6];
};

/* Memory: pages of different kinds beside each other, canaries between. */
enum { PAGE = 4096, CANARY = 0xa5 };
static unsigned char *arena;
#define CANARY_BEFORE (arena)
#define GOOD(argument) (arena + (4 + 4 * (argument)) * PAGE) /* two pages for each argument, then two canaries */
#define READ_ONLY (arena + 30 * PAGE)
#define NOTHING (arena + 32 * PAGE)
#define LAST (arena + 34 * PAGE) /* mapped; nothing behind it */
enum { ARENA_PAGES = 36 };

static int made, failed;

static int pipe_ends[2];

static void put(int fd, int number)
{
    if (fd < 0 || dup2(fd, number) < 0)
        abort();
    if (fd != number)
        close(fd);
}

static void interrupted(int signal)
{
}

/* What waits for ever, as some calls rightly do with a NULL timeout, is interrupted. */
static void prepare_signals(void)
{
    struct sigaction action = {.sa_handler = interrupted};
    struct itimerval often = {{0, 5000}, {0, 5000}};
    uint64_t none = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
    sigaction(SIGALRM, &action, 0);
    setitimer(ITIMER_REAL, &often, 0);
}

/* Files, directories, descriptors, signals as each call finds them. */
static void prepare(void)
{
    prepare_signals();
    static const char text[200] = "some text to be read";
    struct stat status;
    /* Only what the last call has changed is made anew: that is slow. */
    if (!lstat("fresh", &status) && (S_ISDIR(status.st_mode) ? rmdir("fresh") : unlink("fresh")))
        abort();
    if (lstat("directory", &status) && mkdir("directory", 0700))
        abort();
    if (lstat("link", &status) && symlink("file", "link"))
        abort();
    int file = open("file", O_RDWR | O_CREAT, 0600);
    if (file < 0 || fstat(file, &status) || pwrite(file, text, sizeof text, 0) != sizeof text ||
        (status.st_size != sizeof text && ftruncate(file, sizeof text)))
        abort();
    put(file, FILE_FD);
    put(open(".", O_RDONLY | O_DIRECTORY), DIRECTORY_FD);
    put(epoll_create1(0), EPOLL_FD);
    if (pipe(pipe_ends))
        abort();
    put(pipe_ends[0], PIPE_FD);
    put(pipe_ends[1], PIPE_FD + 1);
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || write(pair[1], text, sizeof text) != sizeof text)
        abort();
    put(pair[0], SOCKET_FD);
    put(pair[1], SOCKET_FD + 1);
}

static void prepare_memory(const struct call *call)
{
    memset(CANARY_BEFORE, CANARY, 4 * PAGE);
    for (int i = 0; i < 6; i++) {
        memset(GOOD(i), 0, 2 * PAGE);
        memset(GOOD(i) + 2 * PAGE, CANARY, 2 * PAGE);
        if (i < call->count && call->arguments[i].kind == PATH)
            strcpy((char *)GOOD(i), call->arguments[i].text);
    }
    memset(LAST, 0, PAGE);
}

static int canaries_whole(void)
{
    for (int i = 0; i < 4 * PAGE; i++)
        if (CANARY_BEFORE[i] != CANARY)
            return 0;
    for (int argument = 0; argument < 6; argument++)
        for (int i = 0; i < 2 * PAGE; i++)
            if (GOOD(argument)[2 * PAGE + i] != CANARY)
                return 0;
    for (int i = 0; i < PAGE; i++)
        if (READ_ONLY[i] != 'r')
            return 0;
    return 1;
}

static long make(const struct call *call, const uint64_t *args)
{
    long result = syscall(call->number, args[0], args[1], args[2], args[3], args[4], args[5]);
    return result == -1 ? -errno : result;
}

static void good_arguments(const struct call *call, uint64_t *args)
{
    memset(args, 0, 6 * sizeof *args);
    for (int i = 0; i < call->count; i++)
        args[i] = call->arguments[i].kind == SCALAR ? call->arguments[i].value : (uint64_t)GOOD(i);
}

/* must: 2 an error that says so; 1 an error, or success when the call need not look; 0 anything but harm. */
static void attempt(const struct call *call, const uint64_t *args, int which, const char *how, long usual, int must)
{
    prepare();
    long result = make(call, args);
    int told = result == -EFAULT || result == -EINVAL || result == -ENOMEM || result == -ENAMETOOLONG ||
               (usual < 0 && result == usual) || (must == 1 && result == -EAGAIN) ||
               (call->arguments[which].kind == PATH && result == -ERANGE); /* names of attributes that are too long */
    int whole = canaries_whole();
    made++;
    if (whole && (told || !must || (must == 1 && result >= 0)))
        return;
    failed++;
    printf("FAILED: %s, argument %s %s: %s%s (usually %ld)\n", call->name, call->arguments[which].name, how,
           result < 0 ? strerror((int)-result) : "success", whole ? "" : ", and other memory is changed", usual);
}

static void bad_pointer(const struct call *call, int which, long usual)
{
    const struct argument *argument = &call->arguments[which];
    uint64_t size = argument->kind == PATH ? strlen(argument->text) + 1 : argument->unit * argument->count, args[6];
    if (argument->count_of >= 0)
        size = argument->unit * call->arguments[argument->count_of].value;
    uint64_t good = (uint64_t)GOOD(which);
    int fixed = argument->kind == PATH || argument->count_of < 0;
    int must = argument->loose ? 1 : 2;
    const struct {
        const char *how;
        uint64_t address;
        int must;
    } addresses[] = {
        {"NULL", 0, argument->optional ? 0 : must},
        {"8", 8, must},
        {"in the lower guard", 0xfff8, must},
        {"below the lower guard's end", 0x10000 - size / 2 - 1, must},
        {"in the upper guard", 0xffff0000, must},
        {"at the window's end", 0x100000000 - size, must},
        {"across the window's end", 0x100000000 - size / 2, must},
        {"the window's end", 0x100000000, must},
        {"good with a bit above 32", good + 0x100000000, must},
        {"good with the highest bit", good | 1UL << 63, must},
        {"-1", UINT64_MAX, must},
        {"-8", -8UL, must},
        {"wrapping around", -size / 2, must},
        {"the largest positive", INT64_MAX, must},
        {"the kernel's", 0xffffffff81000000, must},
        {"inaccessible", (uint64_t)NOTHING, must},
        {"half in nothing", (uint64_t)(LAST + PAGE) - (size + 1) / 2, size > 1 ? (fixed ? must : 1) : 0},
        {"read-only", (uint64_t)READ_ONLY, argument->kind == OUT ? must : 0},
    };
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        if (call->waits && addresses[i].must != 2)
            continue;
        prepare_memory(call);
        good_arguments(call, args);
        args[which] = addresses[i].address;
        if (argument->kind == PATH)
            memset(LAST, 'a', PAGE);
        attempt(call, args, which, addresses[i].how, usual, addresses[i].must);
    }
    /* Good pointer, wild count. */
    static const uint64_t counts[] = {0, 1, 3, 1UL << 20, INT32_MAX, 1UL << 31, UINT32_MAX, 1UL << 32, (1UL << 32) + 8,
                                      1UL << 62, INT64_MAX, 1UL << 63, UINT64_MAX};
    for (size_t i = 0; argument->count_of >= 0 && !call->waits && i < sizeof counts / sizeof *counts; i++) {
        prepare_memory(call);
        good_arguments(call, args);
        args[which] = (uint64_t)LAST;
        args[argument->count_of] = counts[i];
        char how[64];
        snprintf(how, sizeof how, "with count %#lx", counts[i]);
        attempt(call, args, which, how, usual, 0);
    }
    /* Arrays of ranges: good array, bad ranges. */
    static const uint64_t ranges[][2] = {{8, 8},           {0xffff0000, 8},      {0xfffffff0, 64}, {1UL << 32, 8}, {-8UL, 8},
                                         {-8UL, 64},       {0x10000, UINT64_MAX}, {8, INT64_MAX},   {0, 1UL << 63}, {0, 1}};
    for (size_t i = 0; argument->ranges && i < sizeof ranges / sizeof *ranges; i++) {
        prepare_memory(call);
        good_arguments(call, args);
        memcpy(GOOD(which), ranges[i], sizeof ranges[i]);
        attempt(call, args, which, "with a bad range", usual, 2);
        good_arguments(call, args);
        prepare_memory(call);
        uint64_t two[4] = {good + PAGE, 4, ranges[i][0], ranges[i][1]};
        memcpy(GOOD(which), two, sizeof two);
        attempt(call, args, which, "with a bad second range", usual, 1);
    }
    if (argument->kind == PATH) {
        prepare_memory(call);
        good_arguments(call, args);
        memset(GOOD(which), 'a', 2 * PAGE);
        attempt(call, args, which, "without end", usual, must);
        prepare_memory(call);
        memset(LAST, '/', PAGE);
        args[which] = (uint64_t)LAST + 1;
        attempt(call, args, which, "without end before nothing", usual, must);
    }
}

int main(void)
{
    struct call calls[] = {
#include "table.h"
    };
    size_t count = sizeof calls / sizeof *calls;
    arena = mmap(0, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (arena == MAP_FAILED)
        abort();
    memset(READ_ONLY, 'r', PAGE);
    if (mprotect(READ_ONLY, PAGE, PROT_READ) || mprotect(NOTHING, PAGE, PROT_NONE) || munmap(LAST + PAGE, PAGE))
        abort();
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    long timer;
    syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer);

    for (size_t i = 0; i < count; i++) {
        uint64_t args[6];
        long usual = 0;
        prepare_memory(&calls[i]);
        prepare();
        good_arguments(&calls[i], args);
        if (!calls[i].waits)
            usual = make(&calls[i], args);
        if (usual == -EFAULT || !canaries_whole()) {
            failed++;
            printf("FAILED: %s: usually %ld, canaries whole %d\n", calls[i].name, usual, canaries_whole());
        }
        if (getenv("VERBOSE"))
            printf("%s: usually %ld\n", calls[i].name, usual);
        fflush(stdout);
        for (int which = 0; which < calls[i].count; which++)
            if (calls[i].arguments[which].kind != SCALAR)
                bad_pointer(&calls[i], which, usual);
    }
    printf("%d calls with bad pointers made of %zu system calls, %d failed\n", made, count, failed);
    return failed != 0;
}
