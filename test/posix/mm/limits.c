// Do RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK and the size of the machine bound what a program maps?
// RUN: rm -rf %t.dir && mkdir %t.dir && cd %t.dir
// RUN: musl-gcc -static -D_GNU_SOURCE -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu %s -o native && ./native | FileCheck %s
// RUN: %lind-cc -D_GNU_SOURCE %s -o caged && %lind-run ./caged | FileCheck %s
// CHECK: all as it should be
#include "mm.h"

#define MIB (1UL << 20)

static void set(int resource, unsigned long value)
{
    struct rlimit limit;
    CHECK(getrlimit(resource, &limit) == 0);
    limit.rlim_cur = value;
    CHECK(setrlimit(resource, &limit) == 0);
}

/* How many MiB can be mapped one by one, at most `most`. */
static unsigned long capacity(int protection, int flags, unsigned long most)
{
    static void *maps[4096];
    unsigned long count = 0;
    while (count < most && (maps[count] = mmap(0, MIB, protection, flags, -1, 0)) != MAP_FAILED)
        count++;
    if (count < most)
        CHECK(errno == ENOMEM);
    for (unsigned long i = 0; i < count; i++)
        CHECK(munmap(maps[i], MIB) == 0);
    return count;
}

int main(void)
{
    unsigned long full = capacity(3, ANONYMOUS, 300);
    CHECK(full == 300);
    struct rlimit before;
    getrlimit(RLIMIT_AS, &before);
    set(RLIMIT_AS, 100 * MIB);
    unsigned long some = capacity(0, ANONYMOUS, 300);
    CHECK(some > 50 && some < 100);
    CHECK(capacity(0, ANONYMOUS, 300) == some);
    set(RLIMIT_AS, before.rlim_max);

    getrlimit(RLIMIT_DATA, &before);
    set(RLIMIT_DATA, 50 * MIB);
    some = capacity(3, ANONYMOUS, 300);
    CHECK(some > 30 && some < 50);
    CHECK(capacity(PROT_READ, ANONYMOUS, 300) == 300);
    CHECK(capacity(3, MAP_SHARED | MAP_ANONYMOUS, 300) == 300);
    char *end = (char *)syscall(SYS_brk, 0);
    CHECK((char *)syscall(SYS_brk, end + 60 * MIB) == end);
    CHECK((char *)syscall(SYS_brk, end + 10 * MIB) == end + 10 * MIB);
    CHECK((char *)syscall(SYS_brk, end) == end);
    set(RLIMIT_DATA, before.rlim_max);

    /* Locked memory; root is not bound by it natively. */
    if (geteuid() != 0) {
        set(RLIMIT_MEMLOCK, 64 * 1024);
        char *at = mmap(0, MIB, 3, ANONYMOUS, -1, 0);
        CHECK(mlock(at, 32 * 1024) == 0 && mlock(at, 32 * 1024) == 0);
        CHECK(mlock(at, MIB) == -1 && errno == ENOMEM);
        CHECK(mmap(0, MIB, 3, ANONYMOUS | MAP_LOCKED, -1, 0) == MAP_FAILED && errno == EAGAIN);
        CHECK(munlock(at, MIB) == 0);
    }
    /* More than the machine has is refused, unless the program promises not to use it. */
    CHECK(mmap(0, 1L << 45, 3, ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);
    return finish();
}
