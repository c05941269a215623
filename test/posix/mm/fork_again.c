// Does each child begin with what its parent has, and nothing of the children before, whatever they did to their memory?
// RUN: musl-gcc -static -O1 %s -o %t.native && %t.native
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 16, SPARSE = 180, LARGE = 300, ROUNDS = 800 };

static char data[3 * PAGE] = "data";
static char zeros[5 * PAGE];
static char sparse[SPARSE][PAGE] __attribute__((aligned(PAGE))); /* pages 0, or a letter */
static char letters[SPARSE];
static int ends[2], passed[2], zero;
static char *heap, *area, *hidden, *fixed, *empty;
static char *large; /* of which only the first page is not 0 */
static size_t grown; /* bytes of the heap behind the first PAGES pages, all 0 */
static char fixed_value = 'r';
static char relocated[PAGE] __attribute__((aligned(PAGE))); /* read-only after the start */
static uint32_t seed = 1;

static uint32_t next_random(uint32_t below)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % below;
}

/* musl has no sbrk that moves. */
static char *grow(size_t size)
{
    char *end = (char *)syscall(SYS_brk, 0);
    return syscall(SYS_brk, end + size) == (long)(end + size) ? end : NULL;
}

static void fail(const char *what, int round)
{
    printf("round %d: %s\n", round, what);
    fflush(stdout);
    _exit(1);
}

/* What /proc/self/maps says, without the devices and file numbers. */
static size_t read_maps(char *text, size_t size)
{
    int fd = open("/proc/self/maps", O_RDONLY);
    size_t length = 0;
    ssize_t got;
    while ((got = read(fd, text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    close(fd);
    text[length] = 0;
    return length;
}

static char before[65536], now[65536];

static int all(const char *bytes, size_t length, char value)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != value)
            return 0;
    return 1;
}

/* Whether all is as the parent left it. */
static void check(int round)
{
    if (strcmp(data, "data") || !all(data + 4, sizeof data - 4, 0))
        fail("initialised data", round);
    if (!all(zeros, sizeof zeros, 0))
        fail("zeroed data", round);
    for (int i = 0; i < SPARSE; i++)
        if (!all(sparse[i], PAGE, letters[i]))
            fail("sparse data", round);
    if (!all(heap, PAGES * PAGE, 'h'))
        fail("heap", round);
    if (!all(heap + PAGES * PAGE, grown, 0))
        fail("grown heap", round);
    if (!all(area, PAGE, 'a') || !all(area + PAGE, (PAGES - 1) * PAGE, 0))
        fail("mapped memory", round);
    if (!all(empty, PAGE, 0))
        fail("empty memory", round);
    if (!all(large, PAGE, 'l') || !all(large + PAGE, (LARGE - 1) * PAGE, 0))
        fail("large memory", round);
    if (!all(fixed, PAGE, fixed_value) || !all(relocated, sizeof relocated, fixed_value))
        fail("read-only memory", round);
    if (write(ends[1], hidden, 1) >= 0 || read(zero, fixed, 1) >= 0 ||
        read(zero, empty, 1) >= 0)
        fail("protection", round);
    if (mprotect(hidden, PAGE, PROT_READ) || !all(hidden, PAGE, 's'))
        fail("inaccessible memory", round);
    mprotect(hidden, PAGE, PROT_NONE);
    /* Below the stack pointer, where earlier children had their stack. */
    volatile char *here = (volatile char *)&round - 65536;
    for (int i = 0, run = 0; i < 65536 - 2048; i++) {
        run = here[i] == 'x' ? run + 1 : 0;
        if (run == 64)
            fail("stack", round);
    }
    read_maps(now, sizeof now);
    if (strcmp(now, before)) {
        printf("%s--- not\n%s", now, before);
        fail("maps", round);
    }
}

static void __attribute__((noinline)) soil_stack(void)
{
    char bytes[100000];
    memset(bytes, 'x', sizeof bytes);
    __asm__ volatile("" : : "r"(bytes) : "memory");
}

/* One change at a time to what cannot be written. */
static void disturb(int round)
{
    switch (round % 9) {
    case 0:
        madvise(fixed, PAGE, MADV_DONTNEED);
        break;
    case 1: /* other memory that looks the same */
        mmap(fixed, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        break;
    case 2:
        munmap(relocated, PAGE);
        mmap(relocated, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        break;
    case 3:
        mprotect(relocated, PAGE, PROT_READ | PROT_WRITE);
        memset(relocated, 'x', PAGE);
        mprotect(relocated, PAGE, PROT_READ);
        break;
    case 4:
        madvise(fixed, PAGE, MADV_WIPEONFORK);
        madvise(fixed, PAGE, MADV_KEEPONFORK);
        mprotect(fixed, PAGE, PROT_READ | PROT_WRITE);
        memset(fixed, 'x', PAGE);
        mprotect(fixed, PAGE, PROT_READ);
        break;
    case 5: /* a child that is empty there, and says no longer that it is */
        madvise(fixed, PAGE, MADV_WIPEONFORK);
        if (!fork()) {
            madvise(fixed, PAGE, MADV_KEEPONFORK);
            _exit(0);
        }
        wait(NULL);
        break;
    case 6:
        mremap(relocated, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
        break;
    case 7:
        mprotect(hidden, PAGE, PROT_READ | PROT_WRITE);
        memset(hidden, 'x', PAGE);
        mprotect(hidden, PAGE, PROT_NONE);
    }
    _exit(0);
}

static void soil(int round)
{
    uint32_t what = next_random(4096);
    memset(data, 'x', sizeof data);
    memset(zeros, 'x', sizeof zeros);
    for (int i = 0; i < SPARSE; i++)
        if (next_random(3) == 0)
            memset(sparse[i], 'x', PAGE);
    memset(heap, 'x', PAGES * PAGE);
    memset(area, 'x', PAGES * PAGE);
    soil_stack();
    mprotect(hidden, PAGE, PROT_READ | PROT_WRITE);
    memset(hidden, 'x', PAGE);
    mprotect(fixed, PAGE, PROT_READ | PROT_WRITE);
    memset(fixed, 'x', PAGE);
    mprotect(empty, PAGE, PROT_READ | PROT_WRITE);
    memset(empty, 'x', PAGE);
    if (what & 1) {
        mprotect(empty, PAGE, PROT_READ);
        mprotect(hidden, PAGE, PROT_NONE);
        mprotect(fixed, PAGE, PROT_READ);
    }
    if (what & 2)
        mprotect(area + next_random(PAGES) * PAGE, PAGE, PROT_READ);
    if (what & 4)
        munmap(area + next_random(PAGES) * PAGE, PAGE);
    if (what & 8)
        memset(grow(PAGE * 3), 'x', PAGE * 3);
    if (what & 16)
        memset(mmap(NULL, PAGE * 7, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
               'x', PAGE * 7);
    if (what & 32)
        madvise(area, PAGE, next_random(2) ? MADV_RANDOM : MADV_DONTFORK);
    if (what & 64)
        mlock(area, PAGE);
    if (what & 128) {
        char *shared = mmap(area + PAGE, PAGE, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        memset(shared, 'x', PAGE);
    }
    if (what & 256) /* other memory at the same place, with the same protection */
        memset(mmap(area, PAGES * PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), 'x', PAGES * PAGE);
    if (what & 512)
        memset(mmap(zeros + (uintptr_t)-(uintptr_t)zeros % PAGE, PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), 'x', PAGE);
    if (what & 1024) {
        char *moved = mremap(area, PAGE, PAGE * 2, MREMAP_MAYMOVE);
        if (moved != MAP_FAILED)
            memset(moved, 'x', PAGE);
    }
    if (next_random(4) == 0) { /* what is left is not large */
        munmap(large + 10 * PAGE, 200 * PAGE);
        memset(large, 'x', 10 * PAGE);
        memset(large + 210 * PAGE, 'x', (LARGE - 210) * PAGE);
    }
    if (what & 2048) { /* the same memory in pieces, and more beside it */
        for (int i = 0; i < PAGES; i++)
            if (next_random(3) == 0)
                munmap(area + i * PAGE, PAGE);
        for (int i = 0; i < 2; i++) {
            char *at = i ? area + PAGES * PAGE : area - 2 * PAGE;
            if (mmap(at, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == at)
                memset(at, 'x', 2 * PAGE);
        }
    }
    switch (next_random(4)) {
    case 0:
        abort();
    case 1: { /* a grandchild soils a window of its own */
        pid_t child = fork();
        if (!child) {
            memset(zeros, 'y', sizeof zeros);
            _exit(0);
        }
        waitpid(child, NULL, 0);
        break;
    }
    case 2:
        execl("/nowhere", "nowhere", NULL);
    }
    _exit(0);
}

int main(void)
{
    zero = open("/dev/zero", O_RDONLY);
    if (pipe(ends) || pipe2(passed, O_NONBLOCK))
        fail("pipe", -1);
    heap = grow((PAGES + 1) * PAGE);
    heap += (uintptr_t)-(uintptr_t)heap % PAGE;
    memset(heap, 'h', PAGES * PAGE);
    area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(area, 'a', PAGE);
    /* With a hole above it, so the others do not become part of it. */
    large = mmap(NULL, (LARGE + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(large + LARGE * PAGE, PAGE);
    memset(large, 'l', PAGE);
    hidden = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(hidden, 's', PAGE);
    mprotect(hidden, PAGE, PROT_NONE);
    fixed = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(fixed, 'r', PAGE);
    mprotect(fixed, PAGE, PROT_READ);
    memset(relocated, 'r', PAGE);
    mprotect(relocated, PAGE, PROT_READ);
    /* With holes around it, so it stays a mapping of its own. */
    empty = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(empty + 2 * PAGE, PAGE);
    munmap(empty, PAGE);
    empty += PAGE;
    printf("forks\n");
    fflush(stdout);
    for (int round = 0; round < ROUNDS; round++) {
        int status;
        read_maps(before, sizeof before);
        next_random(2);
        pid_t child = fork();
        if (child < 0)
            fail("fork", round);
        if (!child) {
            if (round % 4 == 1) /* without a check, which changes something itself */
                disturb(round / 4);
            check(round);
            if (write(passed[1], "", 1) != 1)
                fail("write", round);
            if (round % 4 > 1)
                soil(round);
            _exit(0);
        }
        char byte; /* those that soil may die of it, but not before */
        if (waitpid(child, &status, 0) != child ||
            (round % 4 == 1 ? status != 0 : read(passed[0], &byte, 1) != 1) ||
            (status && WTERMSIG(status) != SIGABRT && WTERMSIG(status) != SIGSEGV))
            fail("child", round);
        if (round % 7 == 6) {
            int i = (int)next_random(SPARSE);
            letters[i] = (char)('a' + round % 20);
            memset(sparse[i], letters[i], PAGE);
            i = (int)next_random(SPARSE);
            letters[i] = 0;
            madvise(sparse[i], PAGE, MADV_DONTNEED);
        }
        if (round % 30 == 29) {
            fixed_value = (char)('A' + round % 26);
            mprotect(fixed, PAGE, PROT_READ | PROT_WRITE);
            memset(fixed, fixed_value, PAGE);
            mprotect(fixed, PAGE, PROT_READ);
            mprotect(relocated, PAGE, PROT_READ | PROT_WRITE);
            memset(relocated, fixed_value, PAGE);
            mprotect(relocated, PAGE, PROT_READ);
        }
        if (round % 40 == 39 && grow(PAGE))
            grown += PAGE;
        if (round % 50 == 49) { /* the parent changes, too */
            size_t some = 1 + next_random(4);
            mmap(NULL, some * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        }
    }
    return 0;
}
