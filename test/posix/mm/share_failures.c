// When the host refuses anything that a put-off copy needs, do relatives see their own content or a fault, and never another's?
// RUN: %clang -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -D_GNU_SOURCE -DLIND_SANITIZED -I%root %s %root/rt/lock.c %root/rt/window.c %root/rt/copy.c %root/rt/copy_access.S -o %t
// RUN: %t
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "rt/host.h"

/* The host, which refuses one of the calls that are made from now on: the one after `before` others; and all that follow. */
static int armed, before, made;

static long host(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    if (armed && (number == SYS_mprotect || number == SYS_pwrite64 || number == SYS_ioctl) && made++ >= before)
        return -12;
    return host_call6(number, a, b, c, d, 0, 0);
}

#undef host_call3
#undef host_call4
#define host_call3(n, a, b, c) host(n, HOST_ARG(a), HOST_ARG(b), HOST_ARG(c), 0)
#define host_call4(n, a, b, c, d) host(n, HOST_ARG(a), HOST_ARG(b), HOST_ARG(c), HOST_ARG(d))
#include "microvisor/mm/share.c"

struct rt_upcalls rt_upcalls;

void thread_each_range(uint64_t base, void (*each)(uint64_t range, void *data), void *data)
{
    abort();
}

int page_map_open(void)
{
    return open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
}

/* As the host's of Linux 6.7, for anonymous memory of which all or nothing of a chunk exists. */
long pages_scan(int fd, struct page_range *ranges, uint64_t count, uint64_t most, uint64_t *start, uint64_t end)
{
    if (host(SYS_ioctl, 0, 0, 0, 0) == -12)
        return -12;
    uint64_t entry;
    assert(pread(fd, &entry, sizeof entry, (off_t)(*start / PAGE_BYTES * sizeof entry)) == sizeof entry);
    *ranges = (struct page_range){*start, end, 0};
    *start = end;
    return entry >> 63;
}

/* Only the stack's count of pages uses it. */
uint64_t pages_first(uint64_t start, uint64_t end)
{
    return end;
}

enum { WINDOWS = 3, FIRST = 1024, CHUNKS = 8 };
#define START (FIRST * SHARE_BYTES)
#define SIZE (CHUNKS * SHARE_BYTES)
static struct shares windows[WINDOWS];

static char *memory(int window)
{
    return (char *)windows[window].base + START;
}

/* What a cage reads there: after a fault, what share_fault opened; -1 for a fault that stays. */
static int look(int window, int chunk, int faults)
{
    char value;
    char *at = memory(window) + (uint64_t)chunk * SHARE_BYTES;
    for (int i = 0; i < 2; i++) {
        struct iovec to = {&value, 1}, from = {at, 1};
        if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1)
            return value;
        if (!faults || !share_fault((uint64_t)at, 0))
            break;
    }
    return -1;
}

/* Three generations; the middle one has touched nothing. Each chunk has a number. */
static void begin_all(void)
{
    for (int i = 0; i < WINDOWS; i++) {
        assert(!window_reserve(&windows[i].base));
        assert(!mprotect(memory(i), SIZE, PROT_READ | PROT_WRITE));
    }
    for (int chunk = 0; chunk < CHUNKS; chunk++)
        memset(memory(0) + (uint64_t)chunk * SHARE_BYTES, chunk + 1, SHARE_BYTES);
    for (int i = 1; i < WINDOWS; i++)
        assert(!share_region(&windows[i], &windows[i - 1], FIRST, FIRST + CHUNKS, 0));
}

static void end_all(void)
{
    for (int i = 0; i < WINDOWS; i++) {
        share_leave(&windows[i]);
        window_release(windows[i].base);
    }
    assert(!all && !windows_borrowing);
}

static int lost;

static void check(int window, int chunk)
{
    int value = look(window, chunk, 1);
    if (value != chunk + 1 && value != -1) {
        printf("window %d, chunk %d: %d\n", window, chunk, value);
        exit(1);
    }
    lost += value == -1;
}

/* What may fail. */
static void leave_first(void)
{
    share_leave(&windows[0]);
}

static void leave_middle(void)
{
    share_leave(&windows[1]);
}

static void settle_first(void)
{
    share_settle(&windows[0], START, SIZE);
}

static void settle_middle(void)
{
    share_settle(&windows[1], START + SHARE_BYTES, 3 * SHARE_BYTES);
}

static void write_first(void)
{
    share_fault((uint64_t)memory(0), 1);
}

static void read_last(void)
{
    share_fault((uint64_t)memory(2), 0);
}

static void (*const operations[])(void) = {leave_first,   leave_middle, settle_first,
                                           settle_middle, write_first,  read_last};

int main(void)
{
    able();
    for (unsigned i = 0; i < sizeof operations / sizeof *operations; i++)
        for (before = 0;; before++) {
            begin_all();
            made = 0;
            armed = 1;
            operations[i]();
            armed = 0;
            int refused = made > before;
            lost = 0;
            /* The youngest first: it has what it has by way of the others. */
            for (int window = WINDOWS - 1; window >= (i == 0); window--)
                for (int chunk = 0; chunk < CHUNKS; chunk++)
                    if (!(i == 1 && window == 1) && !(i == 3 && window == 1))
                        check(window, chunk);
            /* Nothing is lost unless something was refused. */
            assert(refused || !lost);
            end_all();
            if (!refused)
                break;
        }
    return 0;
}
