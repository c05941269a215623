// Does a program that makes as many mappings as it can run into its own limit, leave lind-run its own, and get all of them back?
// RUN: %lind-cc -O1 -D_GNU_SOURCE -I%root/test/posix/mm %s -o %t
// RUN: %lind-run %t | FileCheck %s
// The control: without a limit of ours, the host's is reached, which all cages share.
// RUN: musl-gcc -static -O1 -D_GNU_SOURCE -I%root/test/posix/mm -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu %s -o %t.native
// RUN: %t.native | FileCheck %s --check-prefix=NATIVE
#include "mm.h"

enum { PAGES = 150000 };

int main(void)
{
    for (int round = 0; round < 3; round++) {
        char *at = mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE, ANONYMOUS | MAP_NORESERVE, -1, 0);
        CHECK(at != MAP_FAILED);
        int made = 0;
        while (made < PAGES / 2 && mprotect(at + 2UL * (unsigned)made * PAGE, PAGE, PROT_READ) == 0)
            made++;
        CHECK(made == PAGES / 2 || errno == ENOMEM);
        if (round == 0)
            printf("mappings: %s\n", made > 30000 ? "the host's limit" : made > 5000 ? "a limit of its own" : "few");
        // CHECK: mappings: a limit of its own
        // NATIVE: mappings: the host's limit
        CHECK(mmap(0, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED || made < 40000);
        /* What needs no mapping still works, and taking all away gives them back. */
        at[PAGE] = 1;
        CHECK(getppid() >= 0 && munmap(at, PAGES * PAGE) == 0);
        void *again = mmap(0, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(again != MAP_FAILED && munmap(again, PAGE) == 0);
    }
    // CHECK: all as it should be
    // NATIVE: all as it should be
    return finish();
}
