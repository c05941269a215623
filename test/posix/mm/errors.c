// Are bad arguments of the memory calls refused with Linux's errors, in Linux's order?
// RUN: rm -rf %t.dir && mkdir %t.dir && cd %t.dir
// RUN: musl-gcc -static -D_GNU_SOURCE -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu %s -o native && ./native > expected
// RUN: %lind-cc -D_GNU_SOURCE %s -o caged && %lind-run ./caged > got
// RUN: diff expected got
#include "mm.h"

#define HUGE_ADDRESS 0x7ffffffffffff000UL
#define NOREPLACE 0x100000
#define VALIDATE 3

int main(void)
{
    char *area = mmap(0, 64 * PAGE, PROT_NONE, ANONYMOUS, -1, 0);
    int file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(area != MAP_FAILED && ftruncate(file, 4 * PAGE) == 0);
    int reading = open("file", O_RDONLY), writing = open("file", O_WRONLY), path = open("file", O_PATH);
    int directory = open(".", O_RDONLY), ends[2];
    CHECK(pipe(ends) == 0);
    uint64_t at = (uint64_t)area;

    TRY("mmap length 0", SYS_mmap, 0, 0, 3, ANONYMOUS, -1, 0);
    TRY("mmap length -1", SYS_mmap, 0, -1L, 3, ANONYMOUS, -1, 0);
    TRY("mmap length -4096", SYS_mmap, 0, -4096L, 3, ANONYMOUS, -1, 0);
    TRY("mmap half the addresses", SYS_mmap, 0, 1L << 62, 3, ANONYMOUS, -1, 0);
    TRY("mmap offset unaligned", SYS_mmap, 0, PAGE, 3, ANONYMOUS, -1, 1);
    TRY("mmap offset unaligned and length 0", SYS_mmap, 0, 0, 3, ANONYMOUS, -1, 1);
    TRY("mmap without type", SYS_mmap, 0, PAGE, 3, MAP_ANONYMOUS, -1, 0);
    TRY("mmap bad type", SYS_mmap, 0, PAGE, 3, MAP_ANONYMOUS | 0xf, -1, 0);
    TRY("mmap anonymous VALIDATE", SYS_mmap, 0, PAGE, 3, MAP_ANONYMOUS | VALIDATE, -1, 0);
    TRY("mmap unknown flag", SYS_mmap, 0, PAGE, 3, ANONYMOUS | 0x40000000, -1, 0);
    TRY("mmap fixed unaligned", SYS_mmap, at + 1, PAGE, 3, ANONYMOUS | MAP_FIXED, -1, 0);
    TRY("mmap fixed too high", SYS_mmap, HUGE_ADDRESS, PAGE, 3, ANONYMOUS | MAP_FIXED, -1, 0);
    TRY("mmap fixed too high and unaligned", SYS_mmap, HUGE_ADDRESS + 1, PAGE, 3, ANONYMOUS | MAP_FIXED, -1, 0);
    TRY("mmap fixed wrapping", SYS_mmap, -4096L, 2 * PAGE, 3, ANONYMOUS | MAP_FIXED, -1, 0);
    TRY("mmap noreplace", SYS_mmap, at, PAGE, 3, ANONYMOUS | NOREPLACE, -1, 0);
    TRY("mmap noreplace over the end", SYS_mmap, at - PAGE, 4 * PAGE, 3, ANONYMOUS | NOREPLACE, -1, 0);
    TRY("mmap fixed", SYS_mmap, at, PAGE, 3, ANONYMOUS | MAP_FIXED, -1, 0);
    TRY("mmap hint", SYS_mmap, 1, PAGE, 3, ANONYMOUS, -1, 0);

    TRY("mmap fd -1", SYS_mmap, 0, PAGE, 3, MAP_PRIVATE, -1, 0);
    TRY("mmap fd -1 length 0", SYS_mmap, 0, 0, 3, MAP_PRIVATE, -1, 0);
    TRY("mmap O_PATH", SYS_mmap, 0, PAGE, 1, MAP_PRIVATE, path, 0);
    TRY("mmap directory", SYS_mmap, 0, PAGE, 1, MAP_PRIVATE, directory, 0);
    TRY("mmap pipe", SYS_mmap, 0, PAGE, 1, MAP_PRIVATE, ends[0], 0);
    TRY("mmap write-only private", SYS_mmap, 0, PAGE, 1, MAP_PRIVATE, writing, 0);
    TRY("mmap write-only shared", SYS_mmap, 0, PAGE, 2, MAP_SHARED, writing, 0);
    TRY("mmap read-only shared for writing", SYS_mmap, 0, PAGE, 3, MAP_SHARED, reading, 0);
    TRY("mmap read-only private for writing", SYS_mmap, 0, PAGE, 3, MAP_PRIVATE, reading, 0);
    TRY("mmap VALIDATE", SYS_mmap, 0, PAGE, 3, VALIDATE, file, 0);
    TRY("mmap VALIDATE unknown flag", SYS_mmap, 0, PAGE, 3, VALIDATE | 0x200000, file, 0);
    TRY("mmap VALIDATE highest flag", SYS_mmap, 0, PAGE, 3, VALIDATE | 0x80000000, file, 0);
    TRY("mmap VALIDATE MAP_SYNC", SYS_mmap, 0, PAGE, 3, VALIDATE | 0x80000, file, 0);
    TRY("mmap VALIDATE noreplace", SYS_mmap, at + 60 * PAGE, PAGE, 3, VALIDATE | NOREPLACE, file, 0);
    TRY("mmap file hugetlb", SYS_mmap, 0, PAGE, 3, MAP_PRIVATE | MAP_HUGETLB, file, 0);
    TRY("mmap file growsdown", SYS_mmap, 0, PAGE, 3, MAP_PRIVATE | MAP_GROWSDOWN, file, 0);
    TRY("mmap offset too large", SYS_mmap, 0, PAGE, 3, MAP_PRIVATE, file, -4096L);
    TRY("mmap offset and length overflow", SYS_mmap, 0, 2 * PAGE, 3, MAP_PRIVATE, file, 0x7ffffffffffff000L);
    TRY("mmap beyond the file's end", SYS_mmap, 0, PAGE, 3, MAP_PRIVATE, file, 100 * PAGE);

    /* From here on nothing new is mapped, so that the hole stays one. */
    long shared = TRY("mmap read-only shared", SYS_mmap, 0, PAGE, 1, MAP_SHARED, reading, 0);
    TRY("munmap unaligned", SYS_munmap, at + 1, PAGE);
    TRY("munmap length 0", SYS_munmap, at, 0);
    TRY("munmap length 1", SYS_munmap, at + 63 * PAGE, 1);
    TRY("munmap again", SYS_munmap, at + 63 * PAGE, 1);
    TRY("munmap too high", SYS_munmap, HUGE_ADDRESS, PAGE);
    TRY("munmap wrapping", SYS_munmap, at, -4096L);
    TRY("munmap length -1", SYS_munmap, at, -1L);
    TRY("munmap page 0", SYS_munmap, 0, PAGE);

    TRY("mprotect unaligned", SYS_mprotect, at + 1, PAGE, 1);
    TRY("mprotect length 0", SYS_mprotect, at, 0, 1);
    TRY("mprotect length 0, unmapped", SYS_mprotect, HUGE_ADDRESS, 0, 1);
    TRY("mprotect hole", SYS_mprotect, at + 62 * PAGE, 2 * PAGE, 1);
    TRY("mprotect hole first", SYS_mprotect, at + 63 * PAGE, PAGE, 1);
    TRY("mprotect bad bits", SYS_mprotect, at, PAGE, 0x100);
    TRY("mprotect bad bits, unmapped", SYS_mprotect, at + 63 * PAGE, PAGE, 0x100);
    TRY("mprotect wrapping", SYS_mprotect, at, -4096L, 1);
    TRY("mprotect PROT_SEM", SYS_mprotect, at, PAGE, 1 | 8);
    TRY("mprotect growsdown", SYS_mprotect, at, PAGE, 1 | PROT_GROWSDOWN);
    TRY("mprotect growsdown and up", SYS_mprotect, at, PAGE, 1 | PROT_GROWSDOWN | PROT_GROWSUP);
    TRY("mprotect page 0", SYS_mprotect, 0, PAGE, 1);
    TRY("mprotect read-only shared for writing", SYS_mprotect, shared, PAGE, 3);
    TRY("mprotect read-only shared to nothing", SYS_mprotect, shared, PAGE, 0);

    TRY("mremap unknown flag", SYS_mremap, at, PAGE, PAGE, 8, 0);
    TRY("mremap fixed without maymove", SYS_mremap, at, PAGE, PAGE, 2, at + 8 * PAGE);
    TRY("mremap dontunmap without maymove", SYS_mremap, at, PAGE, PAGE, 4, 0);
    TRY("mremap dontunmap other length", SYS_mremap, at, PAGE, 2 * PAGE, 5, 0);
    TRY("mremap unaligned", SYS_mremap, at + 1, PAGE, PAGE, 1, 0);
    TRY("mremap new length 0", SYS_mremap, at, PAGE, 0, 1, 0);
    TRY("mremap hole", SYS_mremap, at + 63 * PAGE, PAGE, PAGE, 1, 0);
    TRY("mremap into hole", SYS_mremap, at + 62 * PAGE, 2 * PAGE, 3 * PAGE, 1, 0);
    TRY("mremap over two mappings", SYS_mremap, at, 2 * PAGE, 3 * PAGE, 1, 0);
    TRY("mremap no room", SYS_mremap, at + PAGE, PAGE, 2 * PAGE, 0, 0);
    TRY("mremap private old length 0", SYS_mremap, at, 0, PAGE, 1, 0);
    TRY("mremap fixed unaligned", SYS_mremap, at, PAGE, PAGE, 3, at + 8 * PAGE + 1);
    TRY("mremap fixed overlapping", SYS_mremap, at + 4 * PAGE, 4 * PAGE, 4 * PAGE, 3, at + 6 * PAGE);
    TRY("mremap fixed overlapping below", SYS_mremap, at + 4 * PAGE, 4 * PAGE, 4 * PAGE, 3, at + PAGE);
    TRY("mremap fixed too high", SYS_mremap, at, PAGE, PAGE, 3, HUGE_ADDRESS);
    TRY("mremap same length", SYS_mremap, at, PAGE, PAGE, 0, 0);
    TRY("mremap shrink to same pages", SYS_mremap, at, PAGE, 1, 0, 0);

    TRY("madvise unknown", SYS_madvise, at, PAGE, 77);
    TRY("madvise -1", SYS_madvise, at, PAGE, -1);
    TRY("madvise unaligned", SYS_madvise, at + 1, PAGE, MADV_DONTNEED);
    TRY("madvise length 0", SYS_madvise, at, 0, MADV_DONTNEED);
    TRY("madvise length -1", SYS_madvise, at, -1L, MADV_DONTNEED);
    TRY("madvise wrapping", SYS_madvise, at, -4096L, MADV_DONTNEED);
    TRY("madvise hole", SYS_madvise, at + 62 * PAGE, 2 * PAGE, MADV_DONTNEED);
    TRY("madvise free of a file", SYS_madvise, shared, PAGE, MADV_FREE);
    TRY("madvise remove of private memory", SYS_madvise, at, PAGE, MADV_REMOVE);
    TRY("madvise wipe of a file", SYS_madvise, shared, PAGE, 18);
    TRY("madvise normal", SYS_madvise, at, PAGE, MADV_NORMAL);
    TRY("madvise random", SYS_madvise, at, PAGE, MADV_RANDOM);
    TRY("madvise populate nothing accessible", SYS_madvise, at + 20 * PAGE, PAGE, 22);

    TRY("msync bad flags", SYS_msync, at, PAGE, 8);
    TRY("msync sync and async", SYS_msync, at, PAGE, MS_SYNC | MS_ASYNC);
    TRY("msync unaligned", SYS_msync, at + 1, PAGE, MS_SYNC);
    TRY("msync length 0", SYS_msync, at, 0, MS_SYNC);
    TRY("msync hole", SYS_msync, at + 62 * PAGE, 2 * PAGE, MS_SYNC);
    TRY("msync wrapping", SYS_msync, at, -4096L, MS_SYNC);
    TRY("msync", SYS_msync, shared, PAGE, MS_SYNC);

    unsigned char vector[64];
    TRY("mincore unaligned", SYS_mincore, at + 1, PAGE, vector);
    TRY("mincore length 0", SYS_mincore, at, 0, vector);
    TRY("mincore hole", SYS_mincore, at + 62 * PAGE, 2 * PAGE, vector);
    TRY("mincore null", SYS_mincore, at, PAGE, 0);
    TRY("mincore bad vector", SYS_mincore, at, PAGE, at + 20 * PAGE);
    TRY("mincore", SYS_mincore, at, PAGE, vector);
    TRY("mincore too high", SYS_mincore, HUGE_ADDRESS, 1L << 62, vector);

    TRY("mlock hole", SYS_mlock, at + 62 * PAGE, 2 * PAGE);
    TRY("mlock length 0", SYS_mlock, at, 0);
    TRY("mlock unaligned", SYS_mlock, at + 7, 5);
    TRY("msync invalidate of locked", SYS_msync, at, PAGE, MS_INVALIDATE);
    TRY("madvise dontneed of locked", SYS_madvise, at, PAGE, MADV_DONTNEED);
    TRY("munlock", SYS_munlock, at, PAGE);
    TRY("munlock wrapping", SYS_munlock, at, -4096L);
    TRY("mlock2 bad flags", SYS_mlock2, at, PAGE, 2);
    TRY("mlock2 on fault", SYS_mlock2, at + 10 * PAGE, PAGE, 1);
    TRY("mlock nothing accessible", SYS_mlock, at + 10 * PAGE, PAGE);
    TRY("mlockall 0", SYS_mlockall, 0);
    TRY("mlockall 8", SYS_mlockall, 8);
    TRY("mlockall on fault alone", SYS_mlockall, 4);
    TRY("munlockall", SYS_munlockall);
    return failures;
}
