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
 * call notices it, and the cage ends, as it does when the host has no mapping left for that call:
 * nothing of the host's may be within a cage's reach. Its window is not used again. */
#include <errno.h>
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

/* The window may have a hole that the host has no mapping left for. */
static void lose(struct memory *memory)
{
    static const char words[] = "lind-run: the host has no mapping left (vm.max_map_count) to close a "
                                "gap in a cage's address space: that cage ends\n";
    if (!atomic_exchange(&memory->lost, 1))
        host_call3(SYS_write, 2, words, sizeof words - 1);
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

void host_abandon(struct memory *memory)
{
    uint64_t size = bytes(PAGES_END - PAGES_START);
    if (!atomic_load(&memory->lost)) {
        /* Taking access and content away does as well, and needs no mapping. */
        host_call2(SYS_munlock, address(memory, PAGES_START), size);
        if (!host_call3(SYS_mprotect, address(memory, PAGES_START), size, PROT_NONE) &&
            !host_advise(memory, PAGES_START, PAGES_END, MADV_DONTNEED))
            return;
        atomic_store(&memory->lost, 1);
        host_call2(SYS_munmap, address(memory, PAGES_START), size);
        return;
    }
    /* Elsewhere may be what is not the window's. */
    for (uint32_t i = 0; i < memory->count; i++)
        host_call2(SYS_munmap, address(memory, memory->regions[i].start),
                   bytes(memory->regions[i].end - memory->regions[i].start));
}

/* Puts a piece of reservation where a hole is, and only there. */
static void fill_hole(struct memory *memory, uint32_t start, uint32_t end)
{
    enum { TRIES = 64 };
    uint64_t from = address(memory, start);
    for (int i = 0; i < TRIES; i++) {
        long at = host_call6(SYS_mmap, from, bytes(end - start), PROT_NONE,
                             RESERVATION | MAP_FIXED_NOREPLACE, (uint64_t)-1, 0);
        if (at == (long)from)
            return;
        if (at != -ENOMEM)
            break;
        host_call0(SYS_sched_yield); /* others may give mappings back */
    }
    lose(memory);
}

/* After a failed call that maps over a range: either the host has changed nothing, or what was there
 * is gone already. */
static void reserve_again(struct memory *memory, uint32_t start, uint32_t end)
{
    if (host_try_reserve(memory, start, end) &&
        host_call3(SYS_madvise, address(memory, start), bytes(end - start), MADV_NORMAL) == -ENOMEM)
        lose(memory);
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

int host_map(struct memory *memory, uint32_t start, uint32_t end, uint32_t protection,
             int flags, int fd, uint64_t offset)
{
    settle(memory, start, end - start);
    long at = host_call6(SYS_mmap, address(memory, start), bytes(end - start), protection,
                         (uint64_t)(flags | MAP_FIXED | MAP_NORESERVE), (uint64_t)(int64_t)fd,
                         bytes(offset));
    if (at >= 0)
        return 0;
    reserve_again(memory, start, end);
    return (int)at;
}

int host_share(struct memory *to, const struct memory *from, uint32_t start, uint32_t end)
{
    /* An old length of 0 makes a second mapping, with the protection of the first. */
    long at = host_call5(SYS_mremap, address(from, start), 0, bytes(end - start),
                         MREMAP_MAYMOVE | MREMAP_FIXED, address(to, start));
    if (at < 0)
        reserve_again(to, start, end);
    else /* the copy is locked if the first is */
        at = host_call2(SYS_munlock, address(to, start), bytes(end - start));
    return (int)at;
}

int host_move(struct memory *memory, uint32_t from, uint32_t old, uint32_t to, uint32_t new,
              int keep)
{
    uint64_t flags = MREMAP_MAYMOVE | MREMAP_FIXED | (keep ? MREMAP_DONTUNMAP : 0U);
    settle(memory, from, old);
    settle(memory, to, new);
    long at = host_call5(SYS_mremap, address(memory, from), bytes(old), bytes(new), flags,
                         address(memory, to));
    if (at < 0) {
        reserve_again(memory, to, to + new);
        return (int)at;
    }
    if (old && !keep)
        fill_hole(memory, from, from + old);
    return 0;
}

int host_grow(struct memory *memory, uint32_t start, uint32_t old, uint32_t new)
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

int host_lock(struct memory *memory, uint32_t start, uint32_t end, int locked)
{
    uint64_t at = address(memory, start), size = bytes(end - start);
    settle(memory, start, end - start);
    int error = (int)(locked ? host_call3(SYS_mlock2, at, size, 1 /* MLOCK_ONFAULT */)
                             : host_call2(SYS_munlock, at, size));
    if (error)
        memory->spoilt = 1; /* a part may have changed */
    return error;
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
        /* What may not be read cannot be populated so. */
        int writes = region.flags & PROT_WRITE &&
                     (!(region.flags & REGION_SHARED) || !(region.flags & PROT_READ));
        int advice = writes ? MADV_POPULATE_WRITE_HOST : MADV_POPULATE_READ_HOST;
        if (host_advise(memory, from, start, advice) < 0)
            error = -ENOMEM;
    }
    return error;
}
