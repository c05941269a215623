// Does the stack count as far as it has grown, in /proc and for the limits of address space and locked memory?
// RUN: musl-gcc -static -O1 -D_GNU_SOURCE -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu %s -o %t.native && %t.native | FileCheck %s
// RUN: %lind-cc -O1 -D_GNU_SOURCE %s -o %t && %lind-run -- %t | FileCheck %s
// CHECK: all as it should be
// Wherever the stack lies: it is somewhere else each time.
// RUN: for i in $(seq 60); do %lind-run -- %t >%t.said || { cat %t.said; exit 1; }; done
#include "mm.h"

#include <sys/wait.h>

#define KIB 1024UL
#define MIB (1024UL * KIB)

/* A number of /proc/self/status, in KiB. */
static unsigned long status(const char *name)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY);
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    text[length < 0 ? 0 : length] = 0;
    char *line = strstr(text, name);
    return line ? strtoul(line + strlen(name), NULL, 10) : 0;
}

/* The lower and upper end of what /proc/self/maps calls the stack: of all such lines. */
static int stack_lines(unsigned long *low, unsigned long *high)
{
    char line[500];
    int count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) {
        unsigned long start, end;
        if (!strstr(line, "[stack]") || sscanf(line, "%lx-%lx", &start, &end) != 2)
            continue;
        CHECK(start < end && (!count || start == *high));
        if (!count++)
            *low = start;
        *high = end;
    }
    fclose(maps);
    return count;
}

/* Uses `size` bytes more of the stack. */
__attribute__((noinline)) static void use(unsigned long size, void (*then)(void))
{
    volatile char block[size];
    for (unsigned long at = size; at >= PAGE; at -= PAGE)
        block[at - PAGE] = 1;
    if (then)
        then();
    block[0] = 2;
}

static unsigned long small;

static void deep(void)
{
    unsigned long low, high;
    CHECK(stack_lines(&low, &high) >= 1 && high - low > 5 * MIB && high - low < 6 * MIB);
    CHECK(low <= (unsigned long)&low && (unsigned long)&low < high);
    CHECK(status("VmStk:") > 5 * KIB && status("VmStk:") < 6 * KIB);
    CHECK(status("VmSize:") > small + 4 * KIB + 800 && status("VmSize:") < small + 5 * KIB + 512);
}

static void in_child(void)
{
    pid_t pid = fork();
    if (!pid) {
        failures = 0;
        deep();
        fflush(stdout);
        _exit(failures != 0);
    }
    int how = -1;
    CHECK(waitpid(pid, &how, 0) == pid && how == 0);
    deep();
}

static void set(int resource, unsigned long value)
{
    struct rlimit limit;
    CHECK(!getrlimit(resource, &limit));
    limit.rlim_cur = value;
    CHECK(!setrlimit(resource, &limit));
}

/* As a user, since natively root may lock all. */
static void locked(void)
{
    unsigned long low, high;
    set(RLIMIT_MEMLOCK, 4 * MIB);
    if (!getuid())
        CHECK(!syscall(SYS_setresuid, 65534, 65534, 65534));
    CHECK(!mlockall(MCL_CURRENT) && status("VmLck:") > 100 && status("VmLck:") < 4 * KIB);
    CHECK(stack_lines(&low, &high) >= 1 && high - low < MIB);
    CHECK(!munlockall() && status("VmLck:") == 0);
    CHECK(stack_lines(&low, &high) >= 1 && high - low < MIB);
    use(5 * MIB, NULL);
    CHECK(mlockall(MCL_CURRENT) == -1 && errno == ENOMEM);
    CHECK(mlockall(MCL_FUTURE) == 0 && status("VmLck:") == 0);
    CHECK(mmap(0, 5 * MIB, 3, ANONYMOUS, -1, 0) == MAP_FAILED && errno == EAGAIN);
    CHECK(mmap(0, MIB, 3, ANONYMOUS, -1, 0) != MAP_FAILED && status("VmLck:") == KIB);
}

int main(void)
{
    unsigned long low, high;
    CHECK(stack_lines(&low, &high) >= 1 && high - low < MIB && high - low >= 64 * KIB);
    CHECK(low <= (unsigned long)&low && (unsigned long)&low < high);
    CHECK(status("VmStk:") >= 64 && status("VmStk:") < KIB);
    small = status("VmSize:");
    CHECK(small > 200 && small < 5 * KIB);
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        locked();
        fflush(stdout);
        _exit(failures != 0);
    }
    int how = -1;
    CHECK(waitpid(pid, &how, 0) == pid && how == 0);

    struct rlimit before;
    getrlimit(RLIMIT_AS, &before);
    set(RLIMIT_AS, small * KIB + 3 * MIB);
    void *at = mmap(0, 2 * MIB, 3, ANONYMOUS, -1, 0);
    CHECK(at != MAP_FAILED && !munmap(at, 2 * MIB));
    CHECK(mmap(0, 4 * MIB, 3, ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);
    set(RLIMIT_AS, before.rlim_max);
    use(5 * MIB, deep);
    use(5 * MIB, in_child);
    return finish();
}
