// Do lengths that wrap, holes, and places that cannot be taken have Linux's answers and effects? Natively they must be so, too.
// RUN: %lind-cc -O1 -D_GNU_SOURCE -I%root/test/posix/Inputs %s -o %t && %lind-run %t
// RUN: musl-gcc -static -O1 -D_GNU_SOURCE -I%root/test/posix/Inputs %s -o %t.native && %t.native
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

enum { PAGE = 4096 };

static char *const arena = (char *)0x60000000;

/* The kernel's answer, without the C library's own checks. */
static long call(long number, const char *address, unsigned long length, long third, long fourth, const char *fifth)
{
    long result = syscall(number, address, length, third, fourth, fifth, 0L);
    return result == -1 ? -(long)errno : result;
}

static void map(int page, int pages, int protection, int type)
{
    char *at = arena + (long)page * PAGE;
    CHECK(mmap(at, (size_t)pages * PAGE, protection, type | MAP_FIXED | MAP_ANONYMOUS, -1, 0) == at);
}

static void clear(void)
{
    CHECK(munmap(arena, 64UL * PAGE) == 0);
}

static int writable(int page)
{
    int ends[2];
    CHECK(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
    int result = read(ends[0], arena + (long)page * PAGE, 1) == 1;
    close(ends[0]);
    close(ends[1]);
    return result;
}

/* A length that the rounding makes zero. */
static void lengths_wrap(void)
{
    map(0, 4, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    CHECK(call(SYS_msync, arena, -1UL, MS_ASYNC, 0, 0) == 0);
    CHECK(call(SYS_mlock, arena, -1UL, 0, 0, 0) == 0 && call(SYS_munlock, arena, -1UL, 0, 0, 0) == 0);
    CHECK(call(SYS_madvise, arena, -1UL, MADV_DONTNEED, 0, 0) == -EINVAL);
    CHECK(call(SYS_mincore, arena, -1UL, (long)arena, 0, 0) == -ENOMEM);
    CHECK(call(SYS_msync, arena, -4096UL, MS_ASYNC, 0, 0) == -ENOMEM);
    clear();
}

static void mprotect_beyond_the_end(void)
{
    map(0, 2, PROT_READ, MAP_PRIVATE);
    CHECK(call(SYS_mprotect, arena, 1UL << 62, PROT_READ | PROT_WRITE, 0, 0) == -ENOMEM);
    CHECK(writable(0) && writable(1));
    CHECK(call(SYS_mprotect, arena, -4096UL, PROT_READ, 0, 0) == -ENOMEM && writable(0));
    clear();
}

/* What stands behind the first hole is not locked: DONTNEED would refuse what is. */
static void mlock_stops_at_a_hole(void)
{
    map(0, 1, PROT_READ, MAP_PRIVATE);
    map(2, 1, PROT_READ, MAP_PRIVATE);
    CHECK(call(SYS_mlock, arena, 3UL * PAGE, 0, 0, 0) == -ENOMEM);
    CHECK(call(SYS_madvise, arena, PAGE, MADV_DONTNEED, 0, 0) == -EINVAL);
    CHECK(call(SYS_madvise, arena + 2 * PAGE, PAGE, MADV_DONTNEED, 0, 0) == 0);
    clear();
    map(0, 2, PROT_WRITE, MAP_SHARED);
    CHECK(call(SYS_mlock, arena, 2UL * PAGE, 0, 0, 0) == 0);
    clear();
}

/* A file's offset that cannot be is found before anything goes. */
static void mmap_keeps_what_is_there(void)
{
    int file = memfd_create("file", 0);
    map(0, 2, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    arena[0] = 7;
    CHECK(syscall(SYS_mmap, arena, (long)PAGE, PROT_READ, MAP_FIXED | MAP_PRIVATE, file, -4096L) == -1 && errno == EOVERFLOW);
    CHECK(writable(1) && arena[0] == 7);
    CHECK(syscall(SYS_mmap, arena + 8 * PAGE + 1, (long)PAGE, PROT_READ, MAP_PRIVATE, file, 0L) == (long)(arena + 8 * PAGE));
    close(file);
    clear();
}

static void mremap_loses_nothing(void)
{
    map(0, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    map(4, 2, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    CHECK(call(SYS_mremap, arena, 2UL * PAGE, 3L * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 4 * PAGE) == -EFAULT);
    CHECK(call(SYS_mremap, arena + 20 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 4 * PAGE + 1) == -EINVAL);
    CHECK(call(SYS_mremap, arena, -4096UL, PAGE, 0, 0) == -EINVAL);
    clear();
}

/* Linux before 6.17 unmaps first. */
static void mremap_keeps_its_target(void)
{
    map(0, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    map(4, 2, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    CHECK(call(SYS_mremap, arena, 2UL * PAGE, 3L * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, arena + 4 * PAGE) == -EFAULT);
    CHECK(writable(4) && writable(5));
    clear();
}

int main(void)
{
    clear();
    lengths_wrap();
    mprotect_beyond_the_end();
    mlock_stops_at_a_hole();
    mmap_keeps_what_is_there();
    mremap_loses_nothing();
#ifdef __lind__
    mremap_keeps_its_target();
#endif
    return check_end();
}
