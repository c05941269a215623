// Do futex operations check, count and time out as futex(2) says, and are the thread lists kept?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/check.h"

enum {
    FUTEX_WAIT = 0,
    FUTEX_WAKE = 1,
    FUTEX_REQUEUE = 3,
    FUTEX_CMP_REQUEUE = 4,
    FUTEX_WAKE_OP = 5,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAKE_BITSET = 10,
    FUTEX_PRIVATE_FLAG = 128,
    FUTEX_CLOCK_REALTIME = 256,
    FUTEX_OP_ADD = 1,
    FUTEX_OP_CMP_EQ = 0,
};
#define FUTEX_OP(op, argument, cmp, value) ((op) << 28 | (cmp) << 24 | (argument) << 12 | (value))

static int word, other;

static long futex(void *at, int operation, unsigned value, void *limit, void *second,
                  unsigned third)
{
    return syscall(SYS_futex, at, operation, value, limit, second, third);
}

int main(void)
{
    void *const bad[] = BAD_ADDRESSES;
    struct timespec limit = {0, 20000000}, start, end;
    word = 5;
    for (int private = 0; private <= FUTEX_PRIVATE_FLAG; private += FUTEX_PRIVATE_FLAG) {
        FAILS(futex(&word, FUTEX_WAIT | private, 4, NULL, NULL, 0), EAGAIN);
        clock_gettime(CLOCK_MONOTONIC, &start);
        FAILS(futex(&word, FUTEX_WAIT | private, 5, &limit, NULL, 0), ETIMEDOUT);
        clock_gettime(CLOCK_MONOTONIC, &end);
        CHECK((end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec - start.tv_nsec >= 20000000);
        FAILS(futex(&word, FUTEX_WAIT_BITSET | private, 5, &start, NULL, 1), ETIMEDOUT); /* past */
        clock_gettime(CLOCK_REALTIME, &end);
        FAILS(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME | private, 5, &end, NULL, 1),
              ETIMEDOUT);
        FAILS(futex(&word, FUTEX_WAIT_BITSET | private, 5, &start, NULL, 0), EINVAL);
        CHECK(futex(&word, FUTEX_WAKE | private, 1, NULL, NULL, 0) == 0);
        CHECK(futex(&word, FUTEX_WAKE_BITSET | private, 1, NULL, NULL, 1) == 0);
        FAILS(futex(&word, FUTEX_WAKE_BITSET | private, 1, NULL, NULL, 0), EINVAL);
        CHECK(futex(&word, FUTEX_REQUEUE | private, 1, (void *)1, &other, 0) == 0);
        CHECK(futex(&word, FUTEX_CMP_REQUEUE | private, 1, (void *)1, &other, 5) == 0);
        FAILS(futex(&word, FUTEX_CMP_REQUEUE | private, 1, (void *)1, &other, 6), EAGAIN);
        other = 10;
        CHECK(futex(&word, FUTEX_WAKE_OP | private, 1, (void *)1, &other,
                    FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 10)) == 0);
        CHECK(other == 13);
    }
    FAILS(futex((char *)&word + 1, FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
    FAILS(futex((char *)&word + 1, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
    limit.tv_nsec = -1;
    FAILS(futex(&word, FUTEX_WAIT, 5, &limit, NULL, 0), EINVAL);
    FAILS(futex(&word, 99, 5, NULL, NULL, 0), ENOSYS);
    FAILS(futex(&word, FUTEX_WAIT | 1 << 20, 5, NULL, NULL, 0), ENOSYS);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        void *at = (void *)((uintptr_t)bad[i] & ~3UL);
        FAILS(futex(at, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
        FAILS(futex(&word, FUTEX_WAIT, 5, bad[i], NULL, 0), EFAULT);
        FAILS(futex(&word, FUTEX_WAKE_OP, 1, (void *)1, at, 0), EFAULT);
    }
    void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    limit = (struct timespec){0, 1000000};
    FAILS(futex(shared, FUTEX_WAIT, 0, &limit, NULL, 0), ETIMEDOUT);

    /* The kernel's lists. */
    struct {
        void *next;
        long offset;
        void *pending;
    } head = {&head, 0, NULL};
    void *listed;
    size_t size;
    CHECK(syscall(SYS_set_tid_address, &word) == syscall(SYS_gettid));
    FAILS(syscall(SYS_set_robust_list, &head, 23), EINVAL);
    CHECK(!syscall(SYS_set_robust_list, &head, sizeof head));
    CHECK(!syscall(SYS_get_robust_list, 0, &listed, &size));
    CHECK(listed == &head && size == sizeof head);
    FAILS(syscall(SYS_get_robust_list, 0x7ffffff0, &listed, &size), ESRCH);
    FAILS(syscall(SYS_get_robust_list, 0, bad[1], &size), EFAULT);
    return check_end();
}
