// Can a program map over, unmap, protect, move, discard or grow into its text, its gate page, the null page or the guards?
// RUN: %lind-cc -D_GNU_SOURCE -I%root/test/posix/mm %s -o %t
// RUN: %lind-run %t pinned | FileCheck %s --check-prefix=PINNED
// RUN: %lind-run %t guards | FileCheck %s --check-prefix=GUARDS
// The control: the same attacks on a page of the program's own take effect.
// RUN: %lind-run %t own | FileCheck %s --check-prefix=OWN
#include "mm.h"

extern char __lind_base[] __attribute__((visibility("hidden")));

static const char *area;
static int done;

static void attack(const char *name, long result)
{
    if (result == -1) {
        printf("%s %s: %s\n", area, name, errno_name(errno));
        return;
    }
    printf("%s %s: done\n", area, name);
    done++;
}

static char *own_page(char fill)
{
    char *at = mmap(0, 4 * PAGE, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0);
    memset(at, fill, 4 * PAGE);
    return at;
}

/* Every way to change the page at `page`, one after the other. The own page is made anew where an attack takes it away. */
static void attack_page(const char *name, char *page, int own)
{
    char *mine = own_page(0x55);
    area = name;
#define TARGET (own ? own_page(0x33) : page)
    attack("mmap", syscall(SYS_mmap, TARGET, PAGE, 3, ANONYMOUS | MAP_FIXED, -1, 0));
    attack("mmap nothing", syscall(SYS_mmap, TARGET, PAGE, 0, ANONYMOUS | MAP_FIXED, -1, 0));
    attack("munmap", syscall(SYS_munmap, TARGET, PAGE));
    attack("mprotect write", syscall(SYS_mprotect, TARGET, PAGE, PROT_READ | PROT_WRITE));
    attack("mprotect none", syscall(SYS_mprotect, TARGET, PAGE, PROT_NONE));
    attack("mremap away", syscall(SYS_mremap, TARGET, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
    attack("mremap to it", syscall(SYS_mremap, mine, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, TARGET));
    attack("mremap keeping", syscall(SYS_mremap, TARGET, PAGE, PAGE, MREMAP_MAYMOVE | 4));
    attack("madvise dontneed", syscall(SYS_madvise, TARGET, PAGE, MADV_DONTNEED));
    attack("madvise free", syscall(SYS_madvise, TARGET, PAGE, MADV_FREE));
    attack("madvise dontfork", syscall(SYS_madvise, TARGET, PAGE, MADV_DONTFORK));
#undef TARGET
}

/* Ranges that have the page somewhere in them. */
static void attack_around(const char *name, char *page)
{
    area = name;
    attack("munmap around", syscall(SYS_munmap, page - 16 * PAGE, 32 * PAGE));
    attack("mmap around", syscall(SYS_mmap, page - 16 * PAGE, 32 * PAGE, 3, ANONYMOUS | MAP_FIXED, -1, 0));
    attack("munmap everything", syscall(SYS_munmap, 0x10000UL, 0x100000000UL - 0x20000));
    attack("mmap everything",
           syscall(SYS_mmap, 0x10000UL, 0x100000000UL - 0x20000, 0, ANONYMOUS | MAP_FIXED, -1, 0));
}

int main(int argc, char **argv)
{
    static char text[PAGE], gate[PAGE];
    char *code = (char *)((uintptr_t)main & ~(PAGE - 1)), *slots = __lind_base;
    memcpy(text, code, PAGE);
    memcpy(gate, slots, PAGE);
    if (!strcmp(argv[1], "own")) {
        attack_page("own", NULL, 1);
        // OWN: own mmap: done
        // OWN: own mmap nothing: done
        // OWN: own munmap: done
        // OWN: own mprotect write: done
        // OWN: own mprotect none: done
        // OWN: own mremap away: done
        // OWN: own mremap to it: done
        // OWN: own mremap keeping: done
        // OWN: own madvise dontneed: done
        // OWN: own madvise free: done
        // OWN: own madvise dontfork: done
    } else if (!strcmp(argv[1], "pinned")) {
        attack_page("text", code, 0);
        attack_around("text", code);
        attack_page("gate", slots, 0);
        attack_around("gate", slots);
        // PINNED-NOT: done
        // PINNED: text mmap: EPERM
        // PINNED-NEXT: text mmap nothing: EPERM
        // PINNED-NEXT: text munmap: EPERM
        // PINNED-NEXT: text mprotect write: EPERM
        // PINNED-NEXT: text mprotect none: EPERM
        // PINNED-NEXT: text mremap away: EPERM
        // PINNED-NEXT: text mremap to it: EPERM
        // PINNED-NEXT: text mremap keeping: EPERM
        // PINNED-NEXT: text madvise dontneed: EPERM
        // PINNED-NEXT: text madvise free: EPERM
        // PINNED-NEXT: text madvise dontfork: EPERM
        // PINNED-NEXT: text munmap around: EPERM
        // PINNED-NEXT: text mmap around: EPERM
        // PINNED-NEXT: text munmap everything: EPERM
        // PINNED-NEXT: text mmap everything: EPERM
        // PINNED-COUNT-15: gate {{.*}}: EPERM
        // PINNED-NEXT: text whole 1, gate page whole 1
    } else {
        attack_page("null", NULL, 0);
        attack_page("low", (char *)0xf000UL, 0);
        attack_page("high", (char *)0xffff0000UL, 0);
        attack_page("last", (char *)0xfffff000UL, 0);
        attack_page("beyond", (char *)0x100000000UL, 0);
        attack_page("kernel", (char *)0xffffffff80000000UL, 0);
        char *end = (char *)syscall(SYS_brk, 0);
        area = "heap";
        attack("brk to the end", (char *)syscall(SYS_brk, 0xffff8000UL) == end ? (errno = ENOMEM, -1) : 0);
        attack("brk to the stack", (char *)syscall(SYS_brk, &end) == end ? (errno = ENOMEM, -1) : 0);
        attack("brk down", (char *)syscall(SYS_brk, 0x10000UL) == end ? (errno = ENOMEM, -1) : 0);
        // Where nothing can be, unmapping changes nothing and succeeds, as on Linux. Nothing else does.
        // GUARDS: null mmap: EPERM
        // GUARDS-NEXT: null mmap nothing: EPERM
        // GUARDS-NEXT: null munmap: done
        // GUARDS-NEXT: null mprotect write: ENOMEM
        // GUARDS-NEXT: null mprotect none: ENOMEM
        // GUARDS-NEXT: null mremap away: EFAULT
        // GUARDS-NEXT: null mremap to it: EPERM
        // GUARDS-NEXT: null mremap keeping: EFAULT
        // GUARDS-NEXT: null madvise dontneed: ENOMEM
        // GUARDS-NEXT: null madvise free: ENOMEM
        // GUARDS-NEXT: null madvise dontfork: ENOMEM
        // GUARDS-NEXT: low mmap: EPERM
        // GUARDS-NEXT: low mmap nothing: EPERM
        // GUARDS-NEXT: low munmap: done
        // GUARDS-NOT: done
        // GUARDS: high mmap: ENOMEM
        // GUARDS: high munmap: EINVAL
        // GUARDS: high mremap to it: EINVAL
        // GUARDS: last mmap: ENOMEM
        // GUARDS: beyond mmap: ENOMEM
        // GUARDS: kernel mmap: ENOMEM
        // GUARDS: heap brk to the end: ENOMEM
        // GUARDS: heap brk to the stack: ENOMEM
        // GUARDS: heap brk down: ENOMEM
        // GUARDS: guards untouched: 1
        printf("guards untouched: %d\n",
               !accessible((char *)8, 0) && !accessible((char *)0xf000UL, 0) &&
                   !accessible((char *)0xffff0000UL, 0) && !accessible((char *)0xfffff000UL, 0));
    }
    printf("text whole %d, gate page whole %d\n", !memcmp(text, code, PAGE), !memcmp(gate, slots, PAGE));
    return 0;
}
