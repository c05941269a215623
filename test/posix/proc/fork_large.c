// Do parent and child of a fork each have large memory of their own, whoever writes or ends first?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../Inputs/check.h"

#define MIB (1UL << 20)
#define PAGE 4096UL
enum { READ_WRITE = PROT_READ | PROT_WRITE, PRIVATE = MAP_PRIVATE | MAP_ANONYMOUS };

static char *map(size_t size)
{
    char *memory = mmap(NULL, size, READ_WRITE, PRIVATE, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

/* One word in each page of a piece says what it should hold. */
static void fill(char *memory, size_t size, uint64_t seed)
{
    for (size_t at = 0; at < size; at += PAGE)
        *(uint64_t *)(memory + at + 64) = seed ^ at;
}

static int holds(const char *memory, size_t size, uint64_t seed)
{
    for (size_t at = 0; at < size; at += PAGE)
        if (*(const uint64_t *)(memory + at + 64) != (seed ^ at))
            return 0;
    return 1;
}

/* A pipe that one side waits at for the other. */
struct turn {
    int ends[2];
};

static void turn_make(struct turn *turn)
{
    CHECK(!pipe(turn->ends));
}

static void turn_give(struct turn *turn)
{
    CHECK(write(turn->ends[1], "", 1) == 1);
}

static void turn_take(struct turn *turn)
{
    char byte;
    CHECK(read(turn->ends[0], &byte, 1) == 1);
}

static void turn_end(struct turn *turn)
{
    close(turn->ends[0]);
    close(turn->ends[1]);
}

static _Noreturn void leave(void)
{
    fflush(stdout);
    _exit(check_failures != 0);
}

static void await(pid_t pid)
{
    int status = -1;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

static pid_t start(void)
{
    fflush(stdout);
    pid_t pid = fork();
    if (!pid)
        check_failures = 0;
    return pid;
}

/* Each side changes every eighth page of a piece of its own, then both see what they should. */
static void both_write(size_t size)
{
    char *memory = map(size);
    fill(memory, size, 1);
    struct turn written;
    turn_make(&written);
    pid_t pid = start();
    if (!pid) {
        turn_take(&written);
        CHECK(holds(memory, size, 1));
        for (size_t at = 3 * PAGE; at < size; at += 8 * PAGE)
            memory[at + 4090] = 'c';
        for (size_t at = 0; at < size; at += PAGE)
            CHECK(memory[at + 4090] == (at / PAGE % 8 == 3 ? 'c' : 0) && !memory[at + 4095]);
        leave();
    }
    for (size_t at = 5 * PAGE; at < size; at += 8 * PAGE)
        memory[at + 4095] = 'p';
    turn_give(&written);
    await(pid);
    CHECK(holds(memory, size, 1));
    for (size_t at = 0; at < size; at += PAGE)
        CHECK(memory[at + 4095] == (at / PAGE % 8 == 5 ? 'p' : 0) && !memory[at + 4090]);
    turn_end(&written);
    CHECK(!munmap(memory, size));
}

/* Pages that do not exist stay zero on both sides. */
static void holes(void)
{
    size_t size = 64 * MIB;
    char *memory = map(size);
    for (size_t at = 0; at < size; at += 7 * PAGE)
        memory[at] = 'x';
    pid_t pid = start();
    if (!pid) {
        for (size_t at = 0; at < size; at += PAGE)
            CHECK(memory[at] == (at / PAGE % 7 ? 0 : 'x'));
        memory[PAGE] = 'y';
        leave();
    }
    await(pid);
    CHECK(memory[PAGE] == 0 && memory[0] == 'x');
    CHECK(!munmap(memory, size));
}

/* A chain of children, each of which changes memory before and after it forks, in an order that
 * lets a parent write before anyone has read. */
static void nested(char *memory, size_t size, int depth)
{
    struct turn written;
    turn_make(&written);
    pid_t pid = start();
    if (!pid) {
        turn_take(&written);
        for (int i = 0; i <= 8; i++)
            CHECK(memory[(size_t)i * MIB] == (i <= depth ? 'a' + i : 0));
        CHECK(holds(memory + 16 * MIB, size - 16 * MIB, 9));
        if (depth < 6) {
            memory[(size_t)(depth + 1) * MIB] = (char)('a' + depth + 1);
            nested(memory, size, depth + 1);
        }
        leave();
    }
    memory[(size_t)(depth + 1) * MIB] = 'z';
    fill(memory + 16 * MIB, MIB * (size_t)(depth + 1), 77);
    turn_give(&written);
    await(pid);
    CHECK(memory[(size_t)(depth + 1) * MIB] == 'z');
    CHECK(holds(memory + 16 * MIB, MIB * (size_t)(depth + 1), 77));
    turn_end(&written);
}

/* The middle of three generations ends, or they end from the top. */
static void ends(int parent_first)
{
    size_t size = 64 * MIB;
    char *memory = map(size);
    fill(memory, size, 3);
    struct turn go, done;
    turn_make(&go);
    turn_make(&done);
    pid_t top = start();
    if (!top) {
        memory[100] = 't';
        pid_t middle = start();
        if (!middle) {
            memory[200] = 'm';
            pid_t low = start();
            if (!low) {
                turn_take(&go);
                usleep(20000);
                CHECK(memory[100] == 't' && memory[200] == 'm' && !memory[300]);
                CHECK(holds(memory, size, 3));
                fill(memory, size, 4);
                CHECK(holds(memory, size, 4));
                CHECK(write(done.ends[1], check_failures ? "n" : "y", 1) == 1);
                leave();
            }
            memory[300] = 'l';
            fill(memory + 32 * MIB, MIB, 5);
            leave();
        }
        if (!parent_first)
            await(middle);
        leave();
    }
    await(top);
    fill(memory, 8 * MIB, 6);
    turn_give(&go);
    char answer = 0;
    CHECK(read(done.ends[0], &answer, 1) == 1 && answer == 'y');
    CHECK(holds(memory, 8 * MIB, 6));
    turn_end(&go);
    turn_end(&done);
    CHECK(!munmap(memory, size));
}

/* Calls that change what is mapped, on either side. */
static void calls(char *memory, size_t size)
{
    unsigned char present[16];
    CHECK(!madvise(memory + MIB, MIB, MADV_DONTNEED));
    CHECK(memory[MIB] == 0 && holds(memory, MIB, 2));
    CHECK(!mprotect(memory + 3 * MIB, MIB, PROT_READ));
    CHECK(holds(memory + 3 * MIB, MIB, 2 ^ (3 * MIB)));
    CHECK(!mprotect(memory + 3 * MIB, MIB, READ_WRITE));
    memory[3 * MIB + 4000] = 'w';
    CHECK(!mincore(memory + 5 * MIB, sizeof present * PAGE, present));
    for (size_t i = 0; i < sizeof present; i++)
        CHECK(present[i] & 1);
    CHECK(!munmap(memory + 6 * MIB + 5 * PAGE, 3 * PAGE));
    CHECK(holds(memory + 6 * MIB, 5 * PAGE, 2 ^ (6 * MIB)));
    char *fixed = mmap(memory + 7 * MIB, PAGE, READ_WRITE, PRIVATE | MAP_FIXED, -1, 0);
    CHECK(fixed == memory + 7 * MIB && !*fixed && !fixed[PAGE + 4095]);
    char *moved = mremap(memory + 8 * MIB, size - 8 * MIB, size, MREMAP_MAYMOVE);
    CHECK(moved != MAP_FAILED);
    for (size_t at = 0; at < size - 8 * MIB; at += PAGE)
        CHECK(*(uint64_t *)(moved + at + 64) == (2 ^ (at + 8 * MIB)));
    CHECK(!moved[size - 1]);
    memset(moved, 1, size);
    CHECK(!munmap(moved, size) && !munmap(memory, 8 * MIB));
}

static void changes(int child)
{
    size_t size = 32 * MIB;
    char *memory = map(size);
    fill(memory, size, 2);
    struct turn done;
    turn_make(&done);
    pid_t pid = start();
    if (!pid) {
        if (child)
            calls(memory, size);
        else
            turn_take(&done);
        if (!child)
            CHECK(holds(memory, size, 2));
        leave();
    }
    if (!child) {
        /* Some of it was opened before. */
        memory[8 * MIB + 9 * PAGE + 4092] = 0;
        memory[20 * MIB + 4092] = 0;
        calls(memory, size);
        turn_give(&done);
    }
    await(pid);
    if (child) {
        CHECK(holds(memory, size, 2));
        CHECK(!munmap(memory, size));
    }
    turn_end(&done);
}

/* What the kernel reads and writes: files, pipes, vectors. */
static void transfers(void)
{
    size_t size = 16 * MIB;
    char *memory = map(size), name[] = "/tmp/fork_large_XXXXXX";
    fill(memory, size, 8);
    int fd = mkstemp(name);
    CHECK(fd >= 0 && !unlink(name));
    struct turn done;
    turn_make(&done);
    pid_t pid = start();
    if (!pid) {
        turn_take(&done);
        CHECK(pread(fd, memory + 4 * MIB + 100, 3 * MIB, 0) == 3 * (ssize_t)MIB);
        CHECK(holds(memory + 4 * MIB + 100, 3 * MIB, 8));
        CHECK(holds(memory, 4 * MIB, 8));
        struct iovec vector[2] = {{memory + 9 * MIB, PAGE}, {memory + 12 * MIB, PAGE}};
        CHECK(preadv(fd, vector, 2, 0) == 2 * (ssize_t)PAGE);
        CHECK(!memcmp(memory + 12 * MIB, memory + PAGE, PAGE));
        CHECK(write(fd, memory + 14 * MIB, MIB) == (ssize_t)MIB);
        leave();
    }
    CHECK(pwrite(fd, memory, 4 * MIB, 0) == 4 * (ssize_t)MIB);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    int zero = open("/dev/zero", O_RDONLY);
    CHECK(read(zero, memory + 14 * MIB, MIB) == (ssize_t)MIB);
    CHECK(read(fd, memory + 8 * MIB, MIB) == (ssize_t)MIB);
    CHECK(holds(memory + 8 * MIB, MIB, 8));
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    turn_give(&done);
    await(pid);
    CHECK(pread(fd, memory, MIB, 0) == (ssize_t)MIB && holds(memory, MIB, 8 ^ (14 * MIB)));
    CHECK(!memory[14 * MIB] && holds(memory + 15 * MIB, MIB, 8 ^ (15 * MIB)));
    close(zero);
    close(fd);
    turn_end(&done);
    CHECK(!munmap(memory, size));
}

struct reader {
    char *memory;
    size_t size, number;
    int ok;
};

/* Every page is read, then written to at the thread's own place. */
static void *go_over(void *argument)
{
    struct reader *reader = argument;
    reader->ok = 1;
    for (size_t at = 0; at < reader->size; at += PAGE) {
        reader->ok &= *(volatile uint64_t *)(reader->memory + at + 64) == (10 ^ at);
        reader->memory[at + 1000 + reader->number] = (char)('0' + reader->number);
    }
    return NULL;
}

/* Threads made after the fork, in both, go over the same memory at once. */
static void threads(void)
{
    enum { COUNT = 4 };
    size_t size = 64 * MIB;
    char *memory = map(size);
    fill(memory, size, 10);
    pid_t pid = start();
    pthread_t thread[COUNT];
    struct reader reader[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        reader[i] = (struct reader){memory, size, i, 0};
        CHECK(!pthread_create(&thread[i], NULL, go_over, &reader[i]));
    }
    for (size_t i = 0; i < COUNT; i++)
        CHECK(!pthread_join(thread[i], NULL) && reader[i].ok);
    for (size_t at = 0; at < size; at += PAGE)
        for (size_t i = 0; i < COUNT; i++)
            CHECK(memory[at + 1000 + i] == (char)('0' + i));
    if (!pid)
        leave();
    await(pid);
    CHECK(!munmap(memory, size));
}

/* What the threads do that run on while others fork. */
struct busy {
    char *memory;
    size_t size;
    int fd, pipe, bad;
    _Atomic int ready, end;
    uint64_t rounds;
};

/* The kernel fills pieces all over the memory, never less than was asked for. */
static void *reads(void *argument)
{
    struct busy *busy = argument;
    for (size_t i = 0; !busy->end; i++) {
        char *at = busy->memory + i * 5 * MIB / 8 % (busy->size - 2 * MIB);
        busy->bad += pread(busy->fd, at, MIB, 0) != (ssize_t)MIB;
        busy->bad += *(uint64_t *)(at + 64) != 7 ||
                     *(uint64_t *)(at + MIB - PAGE + 64) != (7 ^ (MIB - PAGE));
        busy->ready = 1;
    }
    return NULL;
}

/* Every word is what the thread has written last. */
static void *counts(void *argument)
{
    struct busy *busy = argument;
    while (!busy->end) {
        for (size_t at = 0; at < busy->size; at += 16 * PAGE) {
            volatile uint64_t *word = (volatile uint64_t *)(busy->memory + at);
            busy->bad += *word != busy->rounds;
            *word = busy->rounds + 1;
        }
        busy->rounds++;
        busy->ready = 1;
    }
    return NULL;
}

/* A wait in the kernel, for data to be put into the memory. */
static void *waits(void *argument)
{
    struct busy *busy = argument;
    char *at = busy->memory + busy->size / 2;
    busy->ready = 1;
    busy->bad += read(busy->pipe, at, 4 * PAGE) != 4 * (ssize_t)PAGE || at[4 * PAGE - 1] != 'd';
    return NULL;
}

static void threads_run_on(void)
{
    enum { COUNT = 3, FORKS = 40 };
    size_t size = 32 * MIB;
    struct turn data;
    turn_make(&data);
    char name[] = "/tmp/fork_large_XXXXXX", *first = map(MIB);
    fill(first, MIB, 7);
    int fd = mkstemp(name);
    CHECK(fd >= 0 && !unlink(name) && pwrite(fd, first, MIB, 0) == (ssize_t)MIB);
    void *(*const run[COUNT])(void *) = {reads, counts, waits};
    struct busy busy[COUNT];
    pthread_t thread[COUNT];
    for (int i = 0; i < COUNT; i++) {
        busy[i] = (struct busy){.memory = map(size), .size = size, .fd = fd, .pipe = data.ends[0]};
        memset(busy[i].memory, 0, size);
        fill(busy[i].memory + size - 2 * MIB, 2 * MIB, 15);
        if (run[i] == counts)
            busy[i].size -= 2 * MIB;
        CHECK(!pthread_create(&thread[i], NULL, run[i], &busy[i]));
        while (!busy[i].ready)
            usleep(100);
    }
    usleep(10000);
    for (int i = 0; i < FORKS; i++) {
        pid_t pid = start();
        if (!pid) {
            for (int j = 0; j < COUNT; j++) {
                CHECK(run[j] != waits || holds(busy[j].memory + size - 2 * MIB, 2 * MIB, 15));
                uint64_t word = *(volatile uint64_t *)(busy[j].memory + MIB);
                usleep(1000);
                CHECK(*(volatile uint64_t *)(busy[j].memory + MIB) == word);
            }
            leave();
        }
        await(pid);
    }
    memset(first, 'd', 4 * PAGE);
    CHECK(write(data.ends[1], first, 4 * PAGE) == 4 * (ssize_t)PAGE);
    for (int i = 0; i < COUNT; i++) {
        busy[i].end = 1;
        CHECK(!pthread_join(thread[i], NULL) && !busy[i].bad);
        CHECK(!munmap(busy[i].memory, size));
    }
    CHECK(!munmap(first, MIB));
    close(fd);
    turn_end(&data);
}

static sigjmp_buf back;

static void jump(int signal)
{
    siglongjmp(back, signal);
}

/* A wrong access is still one. */
static void wrong_accesses(void)
{
    size_t size = 16 * MIB;
    char *memory = map(size);
    fill(memory, size, 12);
    signal(SIGSEGV, jump);
    pid_t pid = start();
    memory[4 * MIB + 4000] = 1;
    CHECK(!mprotect(memory + 4 * MIB, PAGE, PROT_READ));
    CHECK(!mprotect(memory + 8 * MIB, PAGE, PROT_NONE));
    volatile int caught = 0;
    if (!sigsetjmp(back, 1))
        memory[4 * MIB + 1] = 1;
    else
        caught++;
    if (!sigsetjmp(back, 1))
        caught += *(volatile char *)(memory + 8 * MIB);
    else
        caught++;
    CHECK(caught == 2);
    memory[8 * MIB + PAGE] = 3;
    if (!pid)
        leave();
    await(pid);
    signal(SIGSEGV, SIG_DFL);
    CHECK(!munmap(memory, size));
}

/* Many children that live at the same time, each with what was at its fork. */
static void many(void)
{
    enum { COUNT = 12 };
    size_t size = 16 * MIB;
    char *memory = map(size);
    pid_t pid[COUNT];
    struct turn done;
    turn_make(&done);
    for (int i = 0; i < COUNT; i++) {
        fill(memory, size, 100 + (uint64_t)i);
        pid[i] = start();
        if (!pid[i]) {
            if (i % 3 == 0)
                leave();
            turn_take(&done);
            CHECK(holds(memory, size, 100 + (uint64_t)i));
            leave();
        }
        if (i % 4 == 1)
            memory[(size_t)i * MIB] = 0;
    }
    fill(memory, size, 99);
    for (int i = 0; i < COUNT; i++)
        turn_give(&done);
    for (int i = 0; i < COUNT; i++)
        await(pid[i]);
    CHECK(holds(memory, size, 99));
    turn_end(&done);
    CHECK(!munmap(memory, size));
}

/* Limits count what is mapped, whether it was copied or not. */
static void limits(void)
{
    char *memory = map(64 * MIB);
    fill(memory, 64 * MIB, 14);
    pid_t pid = start();
    if (!pid) {
        struct rlimit limit = {96 * MIB, 96 * MIB};
        CHECK(!setrlimit(RLIMIT_AS, &limit) && !setrlimit(RLIMIT_DATA, &limit));
        CHECK(mmap(NULL, 48 * MIB, READ_WRITE, PRIVATE, -1, 0) == MAP_FAILED);
        CHECK(holds(memory, 64 * MIB, 14));
        CHECK(!munmap(memory + 32 * MIB, 32 * MIB));
        CHECK(mmap(NULL, 48 * MIB, READ_WRITE, PRIVATE, -1, 0) != MAP_FAILED);
        leave();
    }
    await(pid);
    CHECK(!munmap(memory, 64 * MIB));
}

int main(void)
{
    both_write(2 * MIB + 3 * PAGE);
    both_write(64 * MIB);
    both_write(512 * MIB);
    holes();
    char *memory = map(32 * MIB);
    memory[0] = 'a';
    fill(memory + 16 * MIB, 16 * MIB, 9);
    nested(memory, 32 * MIB, 0);
    CHECK(!munmap(memory, 32 * MIB));
    ends(0);
    ends(1);
    changes(0);
    changes(1);
    transfers();
    threads();
    threads_run_on();
    wrong_accesses();
    many();
    limits();
    return check_end();
}
