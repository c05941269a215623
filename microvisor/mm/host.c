/* What changes of a window's map are to the host.
 *
 * Private anonymous memory is made out of the reservation by mprotect: it needs no unmapping,
 * cannot fail half way, and the host joins it with its neighbours. Everything else is mapped over
 * the reservation with MAP_FIXED, and unmapping maps a piece of reservation over, so the window has
 * no holes into which the host could put something of its own.
 *
 * Two operations of mremap leave a hole between two host calls: growing a mapping where it is, and
 * the place that a moved one leaves. The host looks for free space from the top of its address
 * space and takes the highest gap that is large enough; the gap between the windows and the
 * libraries above them is always larger. If something got into the hole all the same, the second
 * call notices it, and the runtime ends: nothing of the host's may be within a cage's reach. */
#include <sys/mman.h>

#include "microvisor/mm/share.h"
#include "rt/host.h"

#define MADV_POPULATE_READ_HOST 22 /* Linux 5.14; not in all headers */
#define MADV_POPULATE_WRITE_HOST 23
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define RESERVATION (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static uint64_t address(const struct memory *memory, uint64_t page)
{
    return memory->base + (page << PAGE_SHIFT);
}

static uint64_t bytes(uint64_t pages)
{
    return pages << PAGE_SHIFT;
}

static _Noreturn void give_up(void)
{
    static const char words[] = "lind-run: the host lost a part of a cage's reserved address space "
                                "(out of memory, or of mappings: vm.max_map_count); ending\n";
    host_call3(SYS_write, 2, words, sizeof words - 1);
    for (;;)
        host_call1(SYS_exit_group, 125);
}

/* What fork left to be copied is copied before anything is done to it. */
static void settle(const struct memory *memory, uint32_t start, uint64_t pages)
{
    share_settle(memory->shares, (uint64_t)start << PAGE_SHIFT, bytes(pages));
}

int host_try_reserve(const struct memory *memory, uint32_t start, uint32_t end)
{
    settle(memory, start, end - start);
    long at = host_call6(SYS_mmap, address(memory, start), bytes(end - start), PROT_NONE,
                         RESERVATION | MAP_FIXED, (uint64_t)-1, 0);
    /* The host refuses a mapping too many before it has changed anything. */
    return at < 0 ? -ENOMEM : 0;
}

void host_reserve(const struct memory *memory, uint32_t start, uint32_t end)
{
    /* Where the host cannot map, taking access and content away does as well. */
    if (host_try_reserve(memory, start, end) &&
        (host_call3(SYS_mprotect, address(memory, start), bytes(end - start), PROT_NONE) < 0 ||
         host_advise(memory, start, end, MADV_DONTNEED) < 0))
        give_up();
}

/* Puts a piece of reservation where a hole is, and only there. */
static void fill_hole(const struct memory *memory, uint32_t start, uint32_t end)
{
    uint64_t from = address(memory, start);
    long at = host_call6(SYS_mmap, from, bytes(end - start), PROT_NONE,
                         RESERVATION | MAP_FIXED_NOREPLACE, (uint64_t)-1, 0);
    if (at != (long)from)
        give_up();
}

int host_protect(struct memory *memory, uint32_t start, uint32_t end, uint32_t flags)
{
    settle(memory, start, end - start);
    int error = (int)host_call3(SYS_mprotect, address(memory, start), bytes(end - start),
                                flags & REGION_PROTECTION);
    if (error)
        memory->spoilt = 1; /* a part may have changed */
    return error;
}

int host_map(const struct memory *memory, uint32_t start, uint32_t end, uint32_t protection,
             int flags, int fd, uint64_t offset)
{
    settle(memory, start, end - start);
    long at = host_call6(SYS_mmap, address(memory, start), bytes(end - start), protection,
                         (uint64_t)(flags | MAP_FIXED | MAP_NORESERVE), (uint64_t)(int64_t)fd,
                         bytes(offset));
    if (at >= 0)
        return 0;
    /* Either the host has changed nothing, or what was there is gone already. */
    if (host_try_reserve(memory, start, end) &&
        host_call3(SYS_madvise, address(memory, start), bytes(end - start), MADV_NORMAL) == -ENOMEM)
        give_up();
    return (int)at;
}

int host_share(const struct memory *to, const struct memory *from, uint32_t start, uint32_t end)
{
    /* An old length of 0 makes a second mapping, with the protection of the first. */
    long at = host_call5(SYS_mremap, address(from, start), 0, bytes(end - start),
                         MREMAP_MAYMOVE | MREMAP_FIXED, address(to, start));
    if (at >= 0)
        return 0;
    host_reserve(to, start, end);
    return (int)at;
}

int host_move(const struct memory *memory, uint32_t from, uint32_t old, uint32_t to, uint32_t new,
              int keep)
{
    uint64_t flags = MREMAP_MAYMOVE | MREMAP_FIXED | (keep ? MREMAP_DONTUNMAP : 0U);
    settle(memory, from, old);
    settle(memory, to, new);
    long at = host_call5(SYS_mremap, address(memory, from), bytes(old), bytes(new), flags,
                         address(memory, to));
    if (at < 0) {
        host_reserve(memory, to, to + new);
        return (int)at;
    }
    if (old && !keep)
        fill_hole(memory, from, from + old);
    return 0;
}

int host_grow(const struct memory *memory, uint32_t start, uint32_t old, uint32_t new)
{
    uint64_t tail = address(memory, start + old);
    settle(memory, start, old);
    long error = host_call2(SYS_munmap, tail, bytes(new - old));
    if (error < 0)
        return (int)error;
    error = host_call4(SYS_mremap, address(memory, start), bytes(old), bytes(new), 0);
    if (error < 0) {
        fill_hole(memory, start + old, start + new);
        return (int)error;
    }
    return 0;
}

long host_advise(const struct memory *memory, uint32_t start, uint32_t end, int advice)
{
    settle(memory, start, end - start);
    return host_call3(SYS_madvise, address(memory, start), bytes(end - start), advice);
}

int host_lock(const struct memory *memory, uint32_t start, uint32_t end, int locked)
{
    uint64_t at = address(memory, start), size = bytes(end - start);
    settle(memory, start, end - start);
    return (int)(locked ? host_call3(SYS_mlock2, at, size, 1 /* MLOCK_ONFAULT */)
                        : host_call2(SYS_munlock, at, size));
}

int memory_populate(struct memory *memory, uint32_t start, uint32_t end)
{
    int error = 0;
    while (start < end) {
        map_lock(memory);
        uint32_t index = map_find(memory, start);
        struct region region = {.start = end};
        if (index < memory->count)
            region = memory->regions[index];
        lock_release(&memory->lock);
        if (region.start >= end)
            break;
        uint32_t from = region.start > start ? region.start : start;
        start = region.end < end ? region.end : end;
        int advice = (region.flags & (REGION_SHARED | PROT_WRITE)) == PROT_WRITE
                         ? MADV_POPULATE_WRITE_HOST
                         : MADV_POPULATE_READ_HOST;
        if (host_advise(memory, from, start, advice) < 0)
            error = -ENOMEM;
    }
    return error;
}
