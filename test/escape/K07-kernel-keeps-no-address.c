// Can a program have the host's kernel keep an address to write to later? The control registers one natively.
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native | FileCheck-22 %s --check-prefix=NATIVE
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t | FileCheck-22 %s --check-prefix=CAGED
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
    uint32_t cpu_start, cpu, rest[6];
} __attribute__((aligned(32))) sequence = {0xffffffff, 0xffffffff, {0}};
static uint64_t context;

static void attempt(const char *what, long result)
{
    printf("%s: %s\n", what,
           result != -1      ? "done"
           : errno == ENOSYS ? "no such call"
                             : "other error");
}

int main(void)
{
    // NATIVE: rseq: done
    // CAGED: rseq: no such call
    attempt("rseq", syscall(SYS_rseq, &sequence, sizeof sequence, 0, 0x53053053));
    // NATIVE: the kernel wrote a word
    // CAGED: the kernel wrote nothing
    for (int i = 0; i < 1000 && sequence.cpu == 0xffffffff; i++)
        usleep(100);
    puts(sequence.cpu == 0xffffffff ? "the kernel wrote nothing" : "the kernel wrote a word");
    // NATIVE: io_setup: done
    // CAGED: io_setup: no such call
    attempt("io_setup", syscall(SYS_io_setup, 1, &context));
    // CAGED: userfaultfd: no such call
    attempt("userfaultfd", syscall(SYS_userfaultfd, 0));
    // CAGED: process_vm_readv: no such call
    attempt("process_vm_readv", syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0));
    /* These are kept, by the microvisor: a wild address is only a number. */
    // CAGED: set_tid_address: done
    attempt("set_tid_address", syscall(SYS_set_tid_address, 0xfffffffffffffff0));
    // CAGED: set_robust_list: done
    attempt("set_robust_list", syscall(SYS_set_robust_list, 0x7ffffffff000, 24));
    return 0;
}
