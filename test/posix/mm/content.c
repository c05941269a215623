// Do mappings hold, share, move, drop and protect their content as POSIX and Linux say?
// RUN: rm -rf %t.dir && mkdir %t.dir && cd %t.dir
// RUN: musl-gcc -static -D_GNU_SOURCE -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu %s -o native && ./native | FileCheck %s
// RUN: %lind-cc -D_GNU_SOURCE %s -o caged && %lind-run ./caged | FileCheck %s
// CHECK: all as it should be
#include "mm.h"

static char *map(unsigned long pages, int protection, int flags, int fd)
{
    char *at = mmap(0, pages * PAGE, protection, flags, fd, 0);
    CHECK(at != MAP_FAILED);
    return at;
}

static int all(const char *at, unsigned long pages, int byte)
{
    for (unsigned long i = 0; i < pages * PAGE; i++)
        if (at[i] != byte)
            return 0;
    return 1;
}

static void anonymous(void)
{
    char *at = map(16, 3, ANONYMOUS, -1);
    CHECK(all(at, 16, 0));
    memset(at, 1, 16 * PAGE);
    /* Replacing, dropping and mapping again give zeroes. */
    CHECK(mmap(at + 4 * PAGE, PAGE, 3, ANONYMOUS | MAP_FIXED, -1, 0) == at + 4 * PAGE);
    CHECK(madvise(at + 5 * PAGE, PAGE, MADV_DONTNEED) == 0);
    CHECK(munmap(at + 6 * PAGE, PAGE) == 0 && !accessible(at + 6 * PAGE, 0));
    CHECK(mmap(at + 6 * PAGE, PAGE, 3, ANONYMOUS | MAP_FIXED, -1, 0) == at + 6 * PAGE);
    CHECK(all(at + 4 * PAGE, 3, 0) && all(at, 4, 1) && all(at + 7 * PAGE, 9, 1));
    /* Protection. */
    CHECK(mprotect(at + PAGE, PAGE, PROT_READ) == 0 && mprotect(at + 2 * PAGE, PAGE, PROT_NONE) == 0);
    CHECK(accessible(at + PAGE, 0) && !accessible(at + PAGE, 1));
    CHECK(!accessible(at + 2 * PAGE, 0) && accessible(at + 3 * PAGE, 1));
    CHECK(mprotect(at, 16 * PAGE, PROT_READ | PROT_WRITE) == 0 && all(at + 7 * PAGE, 9, 1));
    /* A hole in the middle stops mprotect there and munmap not at all. */
    CHECK(munmap(at + 8 * PAGE, PAGE) == 0);
    CHECK(mprotect(at + 7 * PAGE, 3 * PAGE, PROT_READ) == -1 && errno == ENOMEM);
    CHECK(!accessible(at + 7 * PAGE, 1) && accessible(at + 9 * PAGE, 1));
    CHECK(munmap(at, 16 * PAGE) == 0 && !accessible(at, 0) && !accessible(at + 15 * PAGE, 0));
}

static void files(void)
{
    int file = open("content", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(file >= 0 && ftruncate(file, 2 * PAGE + 100) == 0 && pwrite(file, "hello", 5, PAGE) == 5);
    char *shared = map(3, 3, MAP_SHARED, file), *copy = map(3, 3, MAP_PRIVATE, file), back[5];
    CHECK(!memcmp(shared + PAGE, "hello", 5) && !memcmp(copy + PAGE, "hello", 5));
    copy[PAGE] = 'j';
    CHECK(pread(file, back, 5, PAGE) == 5 && !memcmp(back, "hello", 5) && shared[PAGE] == 'h');
    shared[PAGE + 4] = 'y';
    CHECK(pread(file, back, 5, PAGE) == 5 && !memcmp(back, "helly", 5));
    CHECK(msync(shared, 3 * PAGE, MS_SYNC) == 0);
    /* Private memory falls back to the file. */
    CHECK(madvise(copy + PAGE, PAGE, MADV_DONTNEED) == 0 && !memcmp(copy + PAGE, "helly", 5));
    /* The rest of the last page is zeroes; the mapping outlives the descriptor. */
    CHECK(close(file) == 0 && all(shared + 2 * PAGE, 1, 0));
    shared[0] = 'z';
    file = open("content", O_RDONLY);
    CHECK(pread(file, back, 1, 0) == 1 && back[0] == 'z');
    /* With an offset, read-only. */
    char *part = mmap(0, PAGE, PROT_READ, MAP_SHARED, file, PAGE);
    CHECK(part != MAP_FAILED && !memcmp(part, "helly", 5) && !accessible(part, 1));
    CHECK(truncate("content", PAGE) == 0 && !accessible(shared + PAGE, 0) && accessible(shared, 0));
    CHECK(munmap(shared, 3 * PAGE) == 0 && munmap(copy, 3 * PAGE) == 0 && munmap(part, PAGE) == 0);
    close(file);
}

static void moving(void)
{
    char *at = map(8, 3, ANONYMOUS, -1);
    for (int i = 0; i < 8; i++)
        memset(at + (unsigned)i * PAGE, 'a' + i, PAGE);
    /* Shrinking, growing where there is room, growing by moving. */
    CHECK(mremap(at, 8 * PAGE, 4 * PAGE, 0) == at && !accessible(at + 4 * PAGE, 0));
    CHECK(mremap(at, 4 * PAGE, 6 * PAGE, 0) == at);
    CHECK(all(at + 3 * PAGE, 1, 'd') && all(at + 4 * PAGE, 2, 0));
    char *stop = mmap(at + 6 * PAGE, PAGE, 0, ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(stop == at + 6 * PAGE && mremap(at, 6 * PAGE, 100 * PAGE, 0) == MAP_FAILED && errno == ENOMEM);
    char *moved = mremap(at, 6 * PAGE, 100 * PAGE, MREMAP_MAYMOVE);
    CHECK(moved != MAP_FAILED && moved != at && !accessible(at, 0) && accessible(moved + 99 * PAGE, 1));
    for (int i = 0; i < 4; i++)
        CHECK(all(moved + (unsigned)i * PAGE, 1, 'a' + i));
    CHECK(all(moved + 4 * PAGE, 96, 0));
    /* To a place of the caller's choice, over what is there. */
    char *place = map(16, 3, ANONYMOUS, -1);
    memset(place, 'x', 16 * PAGE);
    CHECK(mremap(moved + PAGE, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place + 4 * PAGE) ==
          place + 4 * PAGE);
    CHECK(all(place, 4, 'x') && all(place + 4 * PAGE, 1, 'b') && all(place + 5 * PAGE, 1, 'c'));
    CHECK(all(place + 6 * PAGE, 1, 0) && all(place + 7 * PAGE, 9, 'x') && !accessible(moved + PAGE, 0));
    /* A moved piece can grow and move again. */
    char *again = mremap(place + 4 * PAGE, 3 * PAGE, 5 * PAGE, MREMAP_MAYMOVE);
    CHECK(again != MAP_FAILED && all(again, 1, 'b') && all(again + 2 * PAGE, 3, 0));
    again = mremap(again, 5 * PAGE, 50 * PAGE, MREMAP_MAYMOVE);
    CHECK(again != MAP_FAILED && all(again, 1, 'b') && all(again + 2 * PAGE, 48, 0));
    /* Leaving the old place mapped, empty. */
    char *left = mremap(again, 50 * PAGE, 50 * PAGE, MREMAP_MAYMOVE | 4 /* MREMAP_DONTUNMAP */);
    CHECK(left != MAP_FAILED && left != again && all(left, 1, 'b') && all(again, 50, 0));
    /* Shared memory has a second mapping with an old length of 0. */
    char *shared = map(4, 3, MAP_SHARED | MAP_ANONYMOUS, -1);
    char *second = mremap(shared, 0, 4 * PAGE, MREMAP_MAYMOVE);
    CHECK(second != MAP_FAILED && second != shared);
    shared[3 * PAGE] = 7;
    CHECK(second[3 * PAGE] == 7 && munmap(shared, 4 * PAGE) == 0 && second[3 * PAGE] == 7);
    /* A large block that grows by steps, as realloc does. */
    unsigned long pages = 40;
    char *block = map(pages, 3, ANONYMOUS, -1);
    for (int round = 0; round < 40; round++) {
        memset(block + (pages - 1) * PAGE, round, PAGE);
        char *larger = mremap(block, pages * PAGE, (pages + 7) * PAGE, MREMAP_MAYMOVE);
        CHECK(larger != MAP_FAILED && all(larger + (pages - 1) * PAGE, 1, round) && all(larger + pages * PAGE, 7, 0));
        block = larger;
        pages += 7;
        if (round % 3 == 0)
            map(1, 3, ANONYMOUS, -1);
    }
}

static void states(void)
{
    char *at = map(8, 3, ANONYMOUS, -1);
    unsigned char in[8];
    at[2 * PAGE] = 1;
    CHECK(mincore(at, 8 * PAGE, in) == 0 && in[2] & 1 && !(in[5] & 1));
    char *ready = map(8, 3, ANONYMOUS | MAP_POPULATE, -1);
    CHECK(mincore(ready, 8 * PAGE, in) == 0 && in[0] & 1 && in[7] & 1);
    CHECK(mlock(at, 8 * PAGE) == 0 && mincore(at, 8 * PAGE, in) == 0 && in[5] & 1);
    CHECK(munlock(at, 8 * PAGE) == 0);
    CHECK(madvise(at, 8 * PAGE, MADV_WILLNEED) == 0 && madvise(at, 8 * PAGE, MADV_FREE) == 0);
    CHECK(madvise(at, 8 * PAGE, MADV_SEQUENTIAL) == 0 && madvise(at, 8 * PAGE, MADV_NORMAL) == 0);
    /* 32-bit addresses when asked for; the hint when it is free. */
    char *low = map(1, 3, ANONYMOUS | MAP_32BIT, -1);
    CHECK((unsigned long)low < 1UL << 31);
    char *hint = at + 4 * PAGE;
    CHECK(munmap(hint, PAGE) == 0 && mmap(hint, PAGE, 3, ANONYMOUS, -1, 0) == hint);
    CHECK(mmap(hint, PAGE, 3, ANONYMOUS, -1, 0) != hint);
}

static void heap(void)
{
    char *start = (char *)syscall(SYS_brk, 0), *end = start + 64 * PAGE;
    CHECK(start == (char *)syscall(SYS_brk, 1) && start == (char *)syscall(SYS_brk, -1L));
    CHECK((char *)syscall(SYS_brk, end) == end && accessible(end - 1, 1) && all(start, 32, 0));
    memset(start, 1, 64 * PAGE);
    CHECK((char *)syscall(SYS_brk, start + 32 * PAGE + 5) == start + 32 * PAGE + 5);
    CHECK(!accessible(start + 33 * PAGE, 0) && accessible(start + 33 * PAGE - 1, 0));
    CHECK((char *)syscall(SYS_brk, end) == end && all(start + 33 * PAGE, 31, 0) && all(start, 33, 1));
    /* What is mapped above ends it. */
    CHECK(mmap(end + 4 * PAGE, PAGE, 0, ANONYMOUS | MAP_FIXED, -1, 0) == end + 4 * PAGE);
    CHECK((char *)syscall(SYS_brk, end + 8 * PAGE) == end);
    CHECK((char *)syscall(SYS_brk, start) == start && !accessible(start, 0));
}

int main(void)
{
    anonymous();
    files();
    moving();
    states();
    heap();
    return finish();
}
