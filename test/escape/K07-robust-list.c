// A list of robust locks is the program's own: whatever it says, the end of a task neither faults
// lind-run nor takes for ever, and writes nothing but words that hold the task's number. The control
// is a proper list, whose lock is marked.
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../posix/Inputs/check.h"

struct head {
    uint64_t next;
    int64_t offset;
    uint64_t in_progress;
};

static struct {
    struct head head;
    struct {
        uint64_t next;
        uint32_t word;
    } entry;
} *shared;

/* A child that ends with this list. Returns the word afterwards. */
static uint32_t end_with(uint64_t list, struct head head, uint64_t next, int how)
{
    pid_t pid = fork();
    if (!pid) {
        shared->head = head;
        shared->entry.next = next;
        shared->entry.word = (uint32_t)gettid();
        syscall(SYS_set_robust_list, list, sizeof(struct head));
        if (how == 1)
            raise(SIGKILL);
        if (how == 2)
            *(volatile int *)8 = 0;
        _exit(0);
    }
    int status, ends[] = {0, SIGKILL, SIGSEGV};
    CHECK(waitpid(pid, &status, 0) == pid && status == ends[how]);
    return shared->entry.word;
}

int main(void)
{
    shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *no_access = mmap(0, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t list = (uint64_t)&shared->head, entry = (uint64_t)&shared->entry;
    const int64_t offset = 8;
    enum { DIED = 0x40000000 };
    CHECK(end_with(list, (struct head){entry, offset, 0}, list, 0) == DIED);
    CHECK(end_with(list, (struct head){list, offset, entry}, list, 0) == DIED);
    CHECK(end_with(list, (struct head){entry, offset, 0}, list, 1) == DIED);
    uint64_t bad[] = {8, (uint64_t)no_access, (uint64_t)no_access + 8192 - 8, UINT64_MAX,
                      0xffffffff, 0x100000000, 0x7fffffffe000, (uint64_t)1 << 63};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        for (int how = 0; how < 3; how++) {
            CHECK(end_with(bad[i], (struct head){0, 0, 0}, 0, how) != DIED);
            CHECK(end_with(list, (struct head){bad[i], offset, 0}, 0, how) != DIED);
            CHECK(end_with(list, (struct head){list, (int64_t)bad[i], bad[i]}, 0, how) != DIED);
            end_with(list, (struct head){entry, (int64_t)bad[i], entry}, bad[i], how);
        }
    end_with(list, (struct head){entry, offset, 0}, entry, 0); /* a ring without the head */
    return check_end();
}
