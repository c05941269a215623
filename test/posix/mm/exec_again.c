// Does each start of a program find its memory as its file has it, whatever earlier runs of the same program did to theirs?
// RUN: musl-gcc -static-pie -O1 %s -o %t.native && %t.native
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
// Zeroed data that is more than a start of the same program writes to, and is discarded:
// RUN: %lind-cc -O1 -DMORE=65536 %s -o %t.more && %lind-run %t.more
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, KINDS = 24, ROUNDS = 14 * KINDS, CLEAN = 200, FAR = 256 * 1024, NEAR = 6000, STACK = 8 << 20, CHAIN = 400,
       STARTS = 64, MOVED = 0x30000000 };

static char data[3 * PAGE] __attribute__((aligned(PAGE))) = {[0 ... 3 * PAGE - 1] = 'd'};
static char zeros[8 * PAGE] __attribute__((aligned(PAGE)));
#ifdef MORE
static char more[MORE] __attribute__((used));
#endif
static const char constant[2 * PAGE] __attribute__((aligned(PAGE))) = {[0 ... 2 * PAGE - 1] = 'c'};
extern char **environ;

/* What a run tells the one that started it. */
struct told {
    uint64_t shape, image, stack, free, heap;
};

static void fail(const char *what, int round)
{
    printf("round %d: %s\n", round, what);
    fflush(stdout);
    _exit(1);
}

static int all(const volatile char *bytes, size_t length, char value)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != value)
            return 0;
    return 1;
}

struct range {
    unsigned long start, end;
};
static struct range image_data, image_end; /* mappings: that with `data`, that where `zeros` ends */
static struct range stack_shown;

/* Whether the system itself can read there. */
static int readable(unsigned long address)
{
    static int ends[2];
    char byte;
    if (!ends[1] && pipe(ends))
        return -1;
    return write(ends[1], (char *)address, 1) == 1 && read(ends[0], &byte, 1) == 1;
}

/* Sizes and protections of what is mapped, as a number. Around it nothing may be. */
static uint64_t shape(int round, char **before)
{
    static char text[2 * PAGE];
    static struct range ranges[100];
    size_t length = 0, count = 0, stack = 0;
    ssize_t got;
    int fd = open("/proc/self/maps", O_RDONLY);
    while ((got = read(fd, text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)got;
    close(fd);
    uint64_t hash = 14695981039346656037u;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char protection[5];
        struct range *range = &ranges[count];
        if (sscanf(line, "%lx-%lx %4s", &range->start, &range->end, protection) != 3)
            fail("maps", round);
        if ((uintptr_t)data >= range->start && (uintptr_t)data < range->end)
            image_data = *range;
        if ((uintptr_t)zeros + sizeof zeros > range->start && (uintptr_t)zeros + sizeof zeros <= range->end)
            image_end = *range;
        if (strstr(line, "[stack]"))
            stack = count;
        count++;
        if (strstr(line, "[heap]") || strstr(line, "[v"))
            continue; /* the heap, and what the kernel maps, come and go */
        uint64_t words[2] = {strstr(line, "[stack]") ? 0 : range->end - range->start,
                             (uint64_t)(protection[0] << 16 | protection[1] << 8 | protection[2])};
        for (size_t i = 0; i < sizeof words; i++)
            hash = (hash ^ ((unsigned char *)words)[i]) * 1099511628211u;
    }
    stack_shown = ranges[stack];
    for (; *before; before++) {
        unsigned long address = strtoul(*before, NULL, 0);
        int mapped = 0;
        for (size_t i = 0; i < count; i++)
            mapped |= address >= ranges[i].start && address < ranges[i].end;
        mapped |= address < ranges[stack].start && address >= ranges[stack].end - STACK; /* it grows */
        if (!mapped && readable(address))
            fail("something of an earlier run is still mapped", round);
    }
    /* Natively stacks grow, and what is above belongs to the kernel. */
    for (size_t i = 0; i + 1 < stack; i++)
        for (unsigned long step = 0; step < 64 * PAGE; step += PAGE) {
            unsigned long up = ranges[i].end + step, down = ranges[i + 1].start - PAGE - step;
            if ((up < ranges[i + 1].start && readable(up)) ||
                (down >= ranges[i].end && readable(down)))
                fail("something is mapped that is not in the map", round);
        }
    return hash;
}

/* The address, of which the compiler does not know what is below. */
static char *address_of(char *object)
{
    __asm__("" : "+r"(object));
    return object;
}

static void check(int round)
{
    char local, *here = address_of(&local);
    if (!all(data, sizeof data, 'd'))
        fail("initialised data", round);
    if (!all(zeros, sizeof zeros, 0))
        fail("zeroed data", round);
    if (!all(constant, sizeof constant, 'c'))
        fail("constant data", round);
    if (!all(here - FAR - 65536, 65536, 0) || !all(here - NEAR - 24000, 24000, 0))
        fail("stack", round);
    char *end = (char *)syscall(SYS_brk, 0);
    end += -(uintptr_t)end % PAGE;
    if (syscall(SYS_brk, end + 4 * PAGE) != (long)(end + 4 * PAGE) || !all(end, 4 * PAGE, 0))
        fail("heap", round);
    syscall(SYS_brk, end);
}

static char *page(const void *address)
{
    return (char *)((uintptr_t)address & ~(uintptr_t)(PAGE - 1));
}

static void soil_stack(void)
{
    char local, *here = address_of(&local);
    volatile char *at = here - FAR;
    for (int i = 0; i < 65536; i++)
        *--at = 'x';
    at = here - NEAR;
    for (int i = 0; i < 40000; i++)
        *--at = 'x';
}

/* An end that needs no data. */
static void leave(void)
{
    long number = SYS_exit_group;
    __asm__ volatile("syscall" : "+a"(number) : "D"(0L) : "rcx", "r11", "memory");
}

static void soil(int kind)
{
    char *writable = (char *)constant;
    __asm__("" : "+r"(writable)); /* what the compiler may not know: it is written to */
    char *memory, *heap = (char *)syscall(SYS_brk, 0);
    struct rlimit limit;
    size_t length;
    int status;
    memset(data, 'x', sizeof data);
    memset(zeros, 'x', sizeof zeros);
    soil_stack();
    syscall(SYS_brk, heap + 5 * PAGE);
    memset(heap, 'x', 5 * PAGE);
    switch (kind) {
    case 0: /* constants that are written to, and constant again */
        mprotect(writable, PAGE, PROT_READ | PROT_WRITE);
        memset(writable, 'x', PAGE);
        mprotect(writable, PAGE, PROT_READ);
        break;
    case 1:
        mprotect(writable, sizeof constant, PROT_READ | PROT_WRITE);
        memset(writable, 'x', sizeof constant);
        break;
    case 2: /* constants that are other memory of the same kind */
        mmap(writable, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        break;
    case 3:
        munmap(writable, PAGE);
        break;
    case 4:
        mprotect(data, PAGE, PROT_READ);
        break;
    case 5:
        mprotect(data + PAGE, PAGE, PROT_NONE);
        break;
    case 6:
        munmap(data, PAGE);
        break;
    case 7:
        memory = mmap(data, sizeof data, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        memset(memory, 'y', PAGE);
        break;
    case 8:
        memory = mmap(zeros, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        memset(memory, 'y', PAGE);
        break;
    case 9: /* the stack's lower part */
        memory = page(&memory) - 2 * FAR;
        memory = mmap(memory, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        break;
    case 10: /* right below and above what the image has */
        for (int i = 1; i <= 4; i++) {
            memory = page(data) + (i - 2) * 16 * PAGE;
            memory = mmap(memory, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            memset(memory, 'x', PAGE);
        }
        break;
    case 11:
        mlock(data, PAGE);
        break;
    case 12:
        madvise(zeros, PAGE, MADV_DONTFORK);
        break;
    case 13:
        madvise(zeros, PAGE, MADV_RANDOM);
        break;
    case 14: /* many regions */
        for (int i = 0; i < 40; i++) {
            memory = mmap(NULL, 2 * PAGE, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (!(i & 1))
                memset(memory, 'x', 2 * PAGE);
        }
        break;
    case 15: /* a copy, which soils its own */
        if (!fork()) {
            mprotect(writable, PAGE, PROT_READ | PROT_WRITE);
            memset(writable, 'z', PAGE);
            mprotect(writable, PAGE, PROT_READ);
            memset(data, 'z', sizeof data);
            _exit(0);
        }
        wait(&status);
        break;
    case 16: /* a copy of what is soiled */
        mprotect(writable, PAGE, PROT_READ | PROT_WRITE);
        memset(writable, 'x', PAGE);
        mprotect(writable, PAGE, PROT_READ);
        if (!fork())
            _exit(0);
        wait(&status);
        break;
    case 17:
        memory = mremap(zeros, PAGE, 3 * PAGE, MREMAP_MAYMOVE);
        if (memory != MAP_FAILED)
            memset(memory, 'x', PAGE);
        break;
    case 18:
        abort();
    case 19: /* the same pages with another protection, or other memory there */
        mprotect((void *)image_data.start, image_data.end - image_data.start, PROT_READ);
        leave();
        break;
    case 20:
        mprotect((void *)image_data.start, image_data.end - image_data.start, PROT_NONE);
        leave();
        break;
    case 21:
        mmap((void *)image_data.start, image_data.end - image_data.start, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        leave();
        break;
    case 22:
        mremap((void *)image_end.start, image_end.end - image_end.start,
               image_end.end - image_end.start + 4 * PAGE, 0);
        break;
    case 23: /* the stack to where the next run must not have it; this one ends by it */
        getrlimit(RLIMIT_STACK, &limit);
        length = limit.rlim_cur;
        memory = (char *)stack_shown.end - length;
        if (mremap(memory, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, MOVED) == MAP_FAILED) {
            length = stack_shown.end - stack_shown.start; /* natively it has not grown so far */
            mremap((void *)stack_shown.start, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, MOVED);
        }
        break;
    }
    _exit(0);
}

static int run_child(char **argv)
{
    int round = atoi(argv[1]);
    char here;
    struct told told = {.shape = shape(round, argv + 3), .image = (uintptr_t)data, .stack = (uintptr_t)page(&here)};
    check(round);
    char *memory = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    told.free = (uintptr_t)memory;
    munmap(memory, PAGE);
    told.heap = (uintptr_t)syscall(SYS_brk, 0);
    if (write(atoi(argv[2]), &told, sizeof told) != sizeof told)
        fail("write", round);
    if (round < ROUNDS)
        soil(round / 2 % KINDS);
    return 0;
}

/* Every second one by fork. */
static struct told start(char *self, int round, int ends[2])
{
    static struct told told;
    char number[16], end[16], heap[32], free[32];
    char *arguments[] = {self, number, end, heap, free, NULL};
    pid_t pid;
    int status;
    snprintf(number, sizeof number, "%d", round);
    snprintf(end, sizeof end, "%d", ends[1]);
    snprintf(heap, sizeof heap, "%#lx", (unsigned long)told.heap);
    snprintf(free, sizeof free, "%#lx", (unsigned long)told.free);
    if (round & 1) {
        pid = fork();
        if (!pid) {
            execv(self, arguments);
            _exit(127);
        }
    } else if (posix_spawn(&pid, self, NULL, NULL, arguments, environ)) {
        fail("posix_spawn", round);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid ||
        (status && !(WIFSIGNALED(status) &&
                     (WTERMSIG(status) == SIGABRT ||
                      (WTERMSIG(status) == SIGSEGV && round / 2 % KINDS == 23)))))
        fail("child", round);
    if (read(ends[0], &told, sizeof told) != sizeof told)
        fail("read", round);
    if (told.stack >= MOVED && told.stack < MOVED + 2 * STACK)
        fail("the stack is where an earlier run had put it", round);
    return told;
}

static int compare(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

static int different(uint64_t *values, int count)
{
    int result = 1;
    qsort(values, (size_t)count, sizeof *values, compare);
    for (int i = 1; i < count; i++)
        result += values[i] != values[i - 1];
    return result;
}

/* A copy of this process may get the window of a run that was; it has this one's stack, which does not reach so far. */
static void check_copy(int round)
{
    char local, *here = address_of(&local);
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(!all(here - 2 * NEAR - 20000, 20000, 0));
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
        fail("a copy's stack", round);
}

/* So that it does: windows of copies, of which one serves a run that soils its stack. */
static void check_copies(char *self)
{
    enum { COPIES = 3 };
    char *arguments[] = {self, "0", "0", "soil", NULL}, byte;
    int ends[2], status;
    pid_t pid;
    if (pipe(ends))
        fail("pipe", 0);
    for (int i = 0; i < COPIES; i++) {
        pid = fork();
        if (pid == 0) {
            close(ends[1]);
            _exit(read(ends[0], &byte, 1) != 0);
        }
    }
    close(ends[1]);
    close(ends[0]);
    for (int i = 0; i < COPIES; i++)
        if (wait(&status) < 0 || status)
            fail("copies", i);
    if (posix_spawn(&pid, self, NULL, NULL, arguments, environ) || waitpid(pid, &status, 0) != pid || status)
        fail("soil", 0);
    check_copy(0);
}

/* One of many starts in a row, each of which leaves windows that fork made, too. */
static int run_link(char **argv)
{
    int left = atoi(argv[1]);
    char number[16];
    char *arguments[] = {argv[0], number, argv[2], "link", NULL};
    uint64_t here = (uintptr_t)data;
    check_copy(left);
    if (write(atoi(argv[2]), &here, sizeof here) != sizeof here)
        fail("link", left);
    soil_stack();
    snprintf(number, sizeof number, "%d", left - 1);
    return left > 1 && execv(argv[0], arguments);
}

/* The most starts with the same layout, of CHAIN in a row. */
static int most_alike(char *self, int ends[2])
{
    static uint64_t images[CHAIN];
    char number[16], end[16];
    char *arguments[] = {self, number, end, "link", NULL};
    pid_t pid;
    int status, most = 0;
    snprintf(number, sizeof number, "%d", CHAIN);
    snprintf(end, sizeof end, "%d", ends[1]);
    if (posix_spawn(&pid, self, NULL, NULL, arguments, environ) || waitpid(pid, &status, 0) != pid || status)
        fail("chain", CHAIN);
    for (int i = 0; i < CHAIN; i++)
        if (read(ends[0], &images[i], sizeof images[i]) != sizeof images[i])
            fail("read", i);
    for (int i = 0; i < CHAIN; i++) {
        int alike = 0;
        for (int j = 0; j < CHAIN; j++)
            alike += images[i] == images[j];
        most = alike > most ? alike : most;
    }
    return most;
}

int main(int argc, char **argv)
{
    static uint64_t images[ROUNDS], stacks[ROUNDS], frees[ROUNDS];
    struct rlimit limit;
    int ends[2];
    if (argc > 3 && !strcmp(argv[3], "link"))
        return run_link(argv);
    if (argc > 3 && !strcmp(argv[3], "soil"))
        return soil_stack(), 0;
    if (argc > 1)
        return run_child(argv);
    check_copies(argv[0]);
    if (pipe(ends))
        fail("pipe", -1);
    uint64_t first = start(argv[0], 0, ends).shape;
    for (int round = 0; round < ROUNDS; round++) {
        if (round == ROUNDS / 2) { /* another size of the stack */
            getrlimit(RLIMIT_STACK, &limit);
            limit.rlim_cur = 4 << 20;
            setrlimit(RLIMIT_STACK, &limit);
        }
        struct told told = start(argv[0], round, ends);
        if (told.shape != first)
            fail("what is mapped", round);
        images[round] = told.image;
        stacks[round] = told.stack;
        frees[round] = told.free;
    }
    /* The layout is not the same for ever, even if they do nothing. */
    if (different(images, ROUNDS) < 3 || different(stacks, ROUNDS) < 3 || different(frees, ROUNDS) < ROUNDS / 4)
        fail("the layout does not change", ROUNDS);
    for (int i = 0; i < CLEAN; i++) {
        struct told told = start(argv[0], ROUNDS + 2 * i, ends);
        images[i] = told.image;
        stacks[i] = told.stack;
    }
    if (different(images, CLEAN) < 3 || different(stacks, CLEAN) < 3)
        fail("the layout does not change", ROUNDS + CLEAN);
    if (most_alike(argv[0], ends) > STARTS)
        fail("a layout goes on from window to window", CHAIN);
    return 0;
}
