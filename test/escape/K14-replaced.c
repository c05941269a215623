// When the host has no mappings left, does a file that was to be replaced stay readable where nothing is mapped any more?
// RUN: %lind-cc -O1 -D_GNU_SOURCE -I%root/test/posix/mm %s -o %t
// RUN: %lind-run %t | FileCheck %s
// The control: the file's memory, while it is still mapped, is what the check finds.
// RUN: %lind-run %t control | FileCheck %s --check-prefix=CONTROL
#include <sys/wait.h>

#include "mm.h"

/* Each cage may have 16384 mappings, and all of them together what the host allows one process. */
enum { CAGES = 6, EACH = 16000, SECRET = 0x5a };
static char *const place = (char *)0x50000000;

static int files[2];

/* Once told, takes as many mappings as there are; says so, and waits until all may go. */
static void fill(int ready, int go)
{
    char byte = 0;
    if (read(go, &byte, 1) != 1)
        _exit(1);
    char *at = mmap(0, 2UL * EACH * PAGE, PROT_READ | PROT_WRITE, ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (int made = 0; made < EACH / 2; made++)
        if (mprotect(at + 2UL * (unsigned)made * PAGE, PAGE, PROT_READ))
            break;
    if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) < 0)
        _exit(1);
    _exit(0);
}

/* What is at the place for a program that maps new memory there. */
static int look(void)
{
    char *at = mmap(place, PAGE, PROT_READ | PROT_WRITE, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    return at == place ? *(volatile char *)at : errno == EEXIST ? *(volatile char *)place - SECRET : -1;
}

int main(int argc, char **argv)
{
    int ready[2], go[2];
    char byte;
    for (int i = 0; i < 2; i++) {
        files[i] = memfd_create("file", 0);
        CHECK(files[i] >= 0 && ftruncate(files[i], PAGE) == 0);
    }
    char secret = SECRET;
    CHECK(pwrite(files[0], &secret, 1, 0) == 1);
    CHECK(mmap(place, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, files[0], 0) == place);
    if (argc > 1) {
        // CONTROL: found: 5a
        printf("found: %x\n", *(volatile char *)place);
        return 0;
    }
    CHECK(pipe(ready) == 0 && pipe(go) == 0);
    for (int i = 0; i < CAGES; i++)
        if (fork() == 0) {
            close(go[1]);
            fill(ready[1], go[0]);
        }
    for (int i = 0; i < CAGES; i++)
        CHECK(write(go[1], "", 1) == 1);
    for (int i = 0; i < CAGES; i++)
        CHECK(read(ready[0], &byte, 1) == 1);
    /* The last few, side by side: one that cuts nothing is granted where a cut is refused, and then no more at all. */
    int last = 0;
    while (last < 100 && mmap(place + (unsigned)(last + 1) * PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED,
                              files[(last + 1) % 2], 0) != MAP_FAILED)
        last++;
    void *over = mmap(place, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, files[1], 0);
    // CHECK: full: 1, replaced: 0
    printf("full: %d, replaced: %d\n", last < 100, over != MAP_FAILED);
    close(go[1]);
    for (int i = 0; i < CAGES; i++)
        wait(NULL);
    // CHECK: found: 0
    printf("found: %x\n", look());
    return finish();
}
