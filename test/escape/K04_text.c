// Can a program change its verified code, or make other bytes executable: through the file it came from, a mapping of that file, memory
// that is both written and executed, or an alias of its text?
// RUN: rm -rf %t.dir && mkdir %t.dir && cd %t.dir
// RUN: %lind-cc -O1 -D_GNU_SOURCE -I%root/test/posix/mm %s -o caged
// RUN: musl-gcc -static -O1 -DNATIVE -D_GNU_SOURCE -I%root/test/posix/mm -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu %s -o native
// A cage finds the file busy; the host does not, and changes it while it runs.
// RUN: (until test -e started; do sleep 0.1; done; ./native patch caged) | %lind-run ./caged write | FileCheck %s --check-prefix=CAGED
// What was written is in the file: started anew, the program has changed.
// RUN: %lind-run ./caged | FileCheck %s --check-prefix=ANEW
// RUN: %lind-run ./caged jump >out 2>&1; test $? = 139
// The control: natively, code that is a mapping of a file changes with the file, and written memory can be executed.
// RUN: ./native write | FileCheck %s --check-prefix=NATIVE
// RUN: ./native jump
#include "mm.h"

#include <sys/stat.h>

__attribute__((noinline)) unsigned probe(void)
{
    unsigned value;
    __asm__ volatile("movl $0x5eed1234, %0" : "=r"(value));
    return value;
}

/* The constant without its own bytes being in this program's text or data once more. */
static unsigned needle(void)
{
    volatile unsigned mask = 0x11111111;
    return 0x4ffc0325 ^ mask;
}

/* Changes the constant wherever it stands in the file; returns how often. */
static int patch(int file, const char *content, long size)
{
    int found = 0;
    unsigned wanted = needle(), other = wanted + 1;
    for (long i = 0; i + 4 <= size; i++)
        if (!memcmp(content + i, &wanted, 4) && pwrite(file, &other, 4, i) == 4)
            found++;
    return found;
}

#ifdef NATIVE
static int patch_program(const char *path)
{
    static char content[1 << 24];
    int file = open(path, O_RDWR);
    long size = read(file, content, sizeof content);
    return patch(file, content, size) == 0;
}
#endif

int main(int argc, char **argv)
{
    static const unsigned char code[32] = {0xb8, 42, 0, 0, 0, 0xc3};
    const char *mode = argc > 1 ? argv[1] : "";
#ifdef NATIVE
    if (!strcmp(mode, "patch"))
        return patch_program(argv[2]);
#endif
    printf("probe says %s\n", probe() == needle() ? "what was verified" : "something else");
    // CAGED: probe says what was verified
    // ANEW: probe says something else
    if (!strcmp(mode, "write")) {
#ifdef NATIVE
        /* A running program's file is busy: map a copy of it, as a careless loader would. */
        char command[600];
        snprintf(command, sizeof command, "cp %s copy", argv[0]);
        CHECK(system(command) == 0);
        int file = open("copy", O_RDWR);
#else
        TRY("own file", SYS_open, argv[0], O_RDWR, 0, 0, 0, 0);
        TRY("own file cut", SYS_truncate, argv[0], 0, 0, 0, 0, 0);
        // CAGED-NEXT: own file: ETXTBSY
        // CAGED-NEXT: own file cut: ETXTBSY
        int file = open("data", O_RDWR | O_CREAT, 0700), own_file = open(argv[0], O_RDONLY);
        char own_bytes[4096];
        for (long size; (size = read(own_file, own_bytes, sizeof own_bytes)) > 0;)
            CHECK(write(file, own_bytes, (size_t)size) == size);
#endif
        struct stat status;
        CHECK(file >= 0 && fstat(file, &status) == 0);
        char *shared = mmap(0, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        CHECK(shared != MAP_FAILED);
#ifdef NATIVE
        char *text = mmap(0, (size_t)status.st_size, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
        unsigned (*mapped)(void) = 0, wanted = needle();
        for (long i = 1; i + 4 <= status.st_size; i++)
            if (!memcmp(text + i, &wanted, 4))
                mapped = (unsigned (*)(void))(text + i - 1);
        CHECK(mapped && mapped() == needle());
        printf("patched %d\n", patch(file, shared, status.st_size) > 0);
        printf("the mapped probe says %s\n", mapped() == needle() ? "what it was" : "something else");
        // NATIVE: the mapped probe says something else
#else
        char end;
        CHECK(open("started", O_WRONLY | O_CREAT, 0600) >= 0 && read(0, &end, 1) == 0);
#endif
        printf("now probe says %s\n", probe() == needle() ? "what was verified" : "something else");
        // CAGED: now probe says what was verified
#ifndef NATIVE
        /* Executable memory of other kinds, and second mappings of the text. */
        char *mine = mmap(0, 2 * PAGE, 3, ANONYMOUS, -1, 0);
        char *own = (char *)((uintptr_t)probe & ~(PAGE - 1));
        TRY("anonymous rwx", SYS_mmap, 0, PAGE, 7, ANONYMOUS, -1, 0);
        TRY("anonymous rx", SYS_mmap, 0, PAGE, 5, ANONYMOUS, -1, 0);
        TRY("shared rx", SYS_mmap, 0, PAGE, 5, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        TRY("file rx", SYS_mmap, 0, PAGE, 5, MAP_PRIVATE, file, 0);
        TRY("shared file rx", SYS_mmap, 0, PAGE, 5, MAP_SHARED, file, 0);
        TRY("mprotect rx", SYS_mprotect, mine, PAGE, 5);
        TRY("mprotect x", SYS_mprotect, mine, PAGE, 4);
        TRY("mprotect file x", SYS_mprotect, shared, PAGE, 5);
        TRY("mprotect text rwx", SYS_mprotect, own, PAGE, 7);
        TRY("mprotect across text", SYS_mprotect, own - PAGE, 2 * PAGE, 3);
        TRY("second mapping of text", SYS_mremap, own, 0, PAGE, MREMAP_MAYMOVE, 0);
        TRY("pkey_mprotect", SYS_pkey_mprotect, mine, PAGE, 5, -1);
        TRY("remap_file_pages", SYS_remap_file_pages, shared, PAGE, 0, 1, 0);
#endif
        // CAGED: anonymous rwx: EACCES
        // CAGED-NEXT: anonymous rx: EACCES
        // CAGED-NEXT: shared rx: EACCES
        // CAGED-NEXT: file rx: EPERM
        // CAGED-NEXT: shared file rx: EPERM
        // CAGED-NEXT: mprotect rx: EACCES
        // CAGED-NEXT: mprotect x: EACCES
        // CAGED-NEXT: mprotect file x: EACCES
        // CAGED-NEXT: mprotect text rwx: EPERM
        // CAGED-NEXT: mprotect across text: {{EPERM|ENOMEM}}
        // CAGED-NEXT: second mapping of text: EPERM
        // CAGED-NEXT: pkey_mprotect: ENOSYS
        // CAGED-NEXT: remap_file_pages: ENOSYS
    } else if (!strcmp(mode, "jump")) {
        unsigned char *at = mmap(0, PAGE, 3, ANONYMOUS, -1, 0);
        memcpy(at, code, sizeof code);
#ifdef NATIVE
        CHECK(mprotect(at, PAGE, PROT_READ | PROT_EXEC) == 0);
#endif
        fflush(stdout);
        int (*function)(void) = (int (*)(void))at;
        if (function() != 42)
            return 1;
    }
    return failures;
}
