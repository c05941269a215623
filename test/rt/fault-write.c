// Does a write through a null pointer, to read-only data, to program text or to nowhere end the program, each with its reason?
// RUN: %lind-cc -g -O1 %s -o %t
// RUN: sh -c '%lind-run %t null; echo "status $?"' 2>&1 | FileCheck --check-prefix=NULL %s
// RUN: sh -c '%lind-run %t const; echo "status $?"' 2>&1 | FileCheck --check-prefix=CONST %s
// RUN: sh -c '%lind-run %t text; echo "status $?"' 2>&1 | FileCheck --check-prefix=TEXT %s
// RUN: sh -c '%lind-run %t guard; echo "status $?"' 2>&1 | FileCheck --check-prefix=GUARD %s
// RUN: sh -c '%lind-run %t inlined; echo "status $?"' 2>&1 | FileCheck --check-prefix=INLINED %s
// RUN: sh -c '%lind-run %t file; echo "status $?"' 2>&1 | FileCheck --check-prefix=FILE %s
#include <string.h>
#include <sys/mman.h>
#include <stdio.h>
#include <unistd.h>

static const char constant[4096] = "constant";
int main(int count, char **words);

__attribute__((noinline)) void put(volatile char *at)
{
    *at = 1;
    // NULL: killed by SIGSEGV: write to 0x0 (null pointer) in put ({{.*}}fault-write.c:[[#@LINE-1]])
    // CONST: killed by SIGSEGV: write to 0x{{[0-9a-f]+}} (read-only memory) in put ({{.*}}fault-write.c:[[#@LINE-2]])
    // TEXT: killed by SIGSEGV: write to 0x{{[0-9a-f]+}} (read-only memory) in put ({{.*}}fault-write.c:[[#@LINE-3]])
    // GUARD: killed by SIGSEGV: write to 0xffffffff (not mapped) in put ({{.*}}fault-write.c:[[#@LINE-4]])
}

static inline __attribute__((always_inline)) void put_inlined(volatile char *at)
{
    *at = 2; // INLINED: write to 0x8 (null pointer) in put_inlined ({{.*}}fault-write.c:[[#@LINE]])
    // INLINED: #0  [[AT:0x[0-9a-f]+]] put_inlined ({{.*}}fault-write.c:[[#@LINE-1]]), inlined in
}

__attribute__((noinline)) void outer(volatile char *at)
{
    put_inlined(at); // INLINED-NEXT: #1  [[AT]] outer+0x{{[0-9a-f]+}} ({{.*}}fault-write.c:[[#@LINE]])
    put_inlined(at + 1);
}

int main(int count, char **words)
{
    char *how = words[1];
    if (!strcmp(how, "null"))
        put(0); // NULL: backtrace:
                // NULL: main+{{.*}} ({{.*}}fault-write.c:[[#@LINE-1]])
    else if (!strcmp(how, "const"))
        put((char *)constant);
    else if (!strcmp(how, "text"))
        put((char *)main);
    else if (!strcmp(how, "guard"))
        put((char *)0xffffffff);
    else if (!strcmp(how, "inlined"))
        outer((char *)8);
    else if (!strcmp(how, "file")) {
        FILE *file = tmpfile();
        char *at = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
        put(at + 4096); // FILE: killed by SIGBUS: write to 0x{{[0-9a-f]+}} (beyond the end of the mapped file) in put
    }
    return 0;
}

// NULL: status 139
// CONST: status 139
// TEXT: status 139
// GUARD: status 139
// INLINED: status 139
// FILE: status 135
