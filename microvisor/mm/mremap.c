/* mremap: resizing and moving without copying. HOT. Checks as in Linux's mm/mremap.c; pinned
 * memory, as source or as target, is EPERM. */
#include <sys/mman.h>

#include "microvisor/calls.h"
#include "microvisor/mm/share.h"
#include "rt/copy.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* A move or growth, in pages. */
struct remap {
    struct task *task;
    struct memory *memory;
    uint32_t from, old, new, to; /* to: 0 for wherever there is room */
    uint64_t flags;
};

/* Whether the piece of `region` at remap->from may become remap->new pages long: 0 or -errno. */
static int may_resize(const struct remap *remap, const struct region *region)
{
    const struct memory_pages none = {0};
    if (!remap->old && !(region->flags & REGION_SHARED))
        return -EINVAL;
    if (remap->old > region->end - remap->from)
        return -EFAULT;
    int keep = (remap->flags & MREMAP_DONTUNMAP) != 0;
    if (remap->new == remap->old && !keep)
        return 0;
    uint32_t more = remap->new - (keep ? 0 : remap->old);
    uint64_t most = process_limit(remap->task->process, RLIMIT_MEMLOCK) >> PAGE_SHIFT;
    if (region->flags & REGION_LOCKED && remap->memory->pages.locked + more > most)
        return -EAGAIN;
    return memory_may_grow(remap->task, more, region->flags, 1, &none) ? 0 : -ENOMEM;
}

/* The record of the piece of `region` that starts at page `from`, put at `to`. */
static struct region piece(const struct region *region, uint32_t from, uint32_t to, uint32_t pages)
{
    struct region result = *region;
    result.start = to;
    result.end = to + pages;
    result.offset += from - region->start;
    return result;
}

/* Lets the mapping grow where it stands. Returns 0, or -errno when it could not: then nothing has
 * changed. */
static int grow_here(const struct remap *remap, const struct region *region)
{
    struct memory *memory = remap->memory;
    uint32_t end = remap->from + remap->old;
    if (end != region->end || remap->from + remap->new > PAGES_END ||
        !map_free(memory, end, remap->from + remap->new))
        return -ENOMEM;
    struct region tail = piece(region, end, end, remap->new - remap->old);
    /* Private memory that was never moved or marked joins on the host with what is made next to it;
     * anything else must be told to grow. */
    int joins = !(region->flags & ~REGION_PROTECTION) && region->offset == region->start;
    int error = joins ? host_protect(memory, tail.start, tail.end, tail.flags)
                      : host_grow(memory, remap->from, remap->old, remap->new);
    if (error)
        return error;
    if (tail.flags & REGION_FILE)
        file_get((struct file *)tail.object);
    map_insert(memory, tail);
    return 0;
}

/* For a region of which the host has several mappings, which it would not move together: a process
 * that had the window before mapped its parts in an order in which the host did not join them, and
 * left them to this one (warm.c). Puts copies of the pages at remap->to. Returns 0, or -ENOMEM with
 * nothing changed. */
static int copy_there(const struct remap *remap, const struct region *region)
{
    struct memory *memory = remap->memory;
    const uint32_t end = remap->from + remap->old, to_end = remap->to + remap->new;
    uint64_t at = memory->base + ((uint64_t)remap->from << PAGE_SHIFT);
    const uint64_t last = memory->base + ((uint64_t)end << PAGE_SHIFT);
    int error = host_protect(memory, remap->to, to_end, PROT_READ | PROT_WRITE);
    if (!error && !region->flags)
        error = host_protect(memory, remap->from, end, PROT_READ);
    for (; !error && (at = pages_first(at, last)) < last; at += PAGE_BYTES) {
        uint64_t page = (at - memory->base) >> PAGE_SHIFT;
        error = copyout_window(memory->base, (page - remap->from + remap->to) << PAGE_SHIFT,
                               (const void *)at, PAGE_BYTES);
    }
    if (!error)
        error = host_protect(memory, remap->to, to_end, region->flags);
    if (!error)
        error = host_try_reserve(memory, remap->from, end);
    if (!error)
        return 0;
    memory->spoilt = 1; /* what is to be undone may stay */
    host_protect(memory, remap->from, end, region->flags);
    host_try_reserve(memory, remap->to, to_end);
    return -ENOMEM;
}

/* Moves to remap->to, where whatever was mapped is gone already. */
static int move(const struct remap *remap, const struct region *region)
{
    struct memory *memory = remap->memory;
    int keep = (remap->flags & MREMAP_DONTUNMAP) != 0;
    struct region moved = piece(region, remap->from, remap->to, remap->new);
    int error = host_move(memory, remap->from, remap->old, remap->to, remap->new, keep);
    if (error == -EFAULT && remap->old && !keep &&
        !(region->flags & ~(uint32_t)(PROT_READ | PROT_WRITE)))
        error = copy_there(remap, region);
    if (error)
        return error;
    if (moved.flags & REGION_FILE)
        file_get((struct file *)moved.object);
    if (keep)
        map_change(memory, remap->from, remap->from + remap->old, REGION_LOCKED | REGION_ON_FAULT,
                   0);
    else if (remap->old)
        map_remove(memory, remap->from, remap->from + remap->old);
    map_insert(memory, moved);
    return 0;
}

/* MREMAP_FIXED or MREMAP_DONTUNMAP. Returns the new first page or -errno. */
static long remap_to(struct remap *remap, uint64_t target)
{
    struct memory *memory = remap->memory;
    /* Nothing is lost at the target for a source that cannot go there. */
    const struct region *source = map_at(memory, remap->from);
    int refused = remap->new >= remap->old                    ? may_resize(remap, source)
                  : remap->new > source->end - remap->from ? -EFAULT
                                                           : 0;
    if (refused)
        return refused;
    if (remap->flags & MREMAP_FIXED) {
        remap->to = (uint32_t)(target >> PAGE_SHIFT);
        if (target < MEMORY_START || map_pinned(memory, remap->to, remap->to + remap->new))
            return -EPERM;
        memory_stop_stack(memory, remap->to, remap->to + remap->new);
        if (memory_unmap(memory, remap->to, remap->to + remap->new))
            return -ENOMEM;
        /* Cutting at the target's borders may have used up the room. */
        if (!map_room(memory))
            return -ENOMEM;
    }
    if (remap->old > remap->new) {
        if (memory_unmap(memory, remap->from + remap->new, remap->from + remap->old))
            return -ENOMEM;
        remap->old = remap->new;
    }
    struct region *region = map_at(memory, remap->from);
    int error = region ? may_resize(remap, region) : -EFAULT;
    if (error)
        return error;
    if (!remap->to)
        remap->to = map_search(memory, remap->new, memory->top);
    if (!remap->to)
        return -ENOMEM;
    struct region copy = *region;
    error = move(remap, &copy);
    return error ? error : (long)remap->to;
}

/* Without an address. Returns the new first page or -errno. */
static long resize(struct remap *remap, const struct region *region)
{
    struct memory *memory = remap->memory;
    if (remap->new <= remap->old) {
        if (remap->new < remap->old &&
            memory_unmap(memory, remap->from + remap->new, remap->from + remap->old))
            return -ENOMEM;
        return remap->from;
    }
    int error = may_resize(remap, region);
    if (error)
        return error;
    struct region copy = *region;
    if (remap->old && !grow_here(remap, &copy))
        return remap->from;
    if (!(remap->flags & MREMAP_MAYMOVE))
        return -ENOMEM;
    remap->to = map_search(memory, remap->new, memory->top);
    if (!remap->to)
        return -ENOMEM;
    error = move(remap, &copy);
    return error ? error : (long)remap->to;
}

/* Whether MREMAP_FIXED names a place outside the window, or one that the source has a part of. */
static int bad_target(uint64_t address, uint64_t old, uint64_t new, uint64_t target)
{
    new = (new + PAGE_MASK) & ~PAGE_MASK;
    return target & PAGE_MASK || new > MEMORY_END || target > MEMORY_END - new ||
           (address + old > target && target + new > address);
}

long call_mremap(struct task *task, const uint64_t args[6])
{
    uint64_t address = args[0], old = args[1], new = args[2], flags = args[3];
    struct memory *memory = task->process->memory;
    if (flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
        return -EINVAL;
    if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(flags & MREMAP_MAYMOVE))
        return -EINVAL;
    if (flags & MREMAP_DONTUNMAP && old != new)
        return -EINVAL;
    /* Lengths beyond the window are as wrong as those that the rounding makes zero. */
    if (address & PAGE_MASK || !new || new > LIND_WINDOW_SIZE)
        return -EINVAL;
    old = (old + PAGE_MASK) & ~PAGE_MASK;
    const int wraps = address + old < address;
    if (flags & MREMAP_FIXED && bad_target(address, old, new, args[4]))
        return -EINVAL;
    if (address >= MEMORY_END || (!wraps && old > MEMORY_END - address))
        return -EFAULT;

    struct remap remap = {.task = task,
                          .memory = memory,
                          .flags = flags,
                          .from = (uint32_t)(address >> PAGE_SHIFT),
                          .old = (uint32_t)((old + PAGE_MASK) >> PAGE_SHIFT),
                          .new = (uint32_t)((new + PAGE_MASK) >> PAGE_SHIFT)};
    map_lock(memory);
    const struct region *region = map_at(memory, remap.from);
    long result = region ? -EINVAL : -EFAULT;
    if (!region || wraps)
        goto out;
    result = -EPERM;
    uint32_t touched = remap.old ? remap.old : 1;
    if (map_pinned(memory, remap.from, remap.from + touched))
        goto out;
    result = -ENOMEM;
    if (!map_room(memory))
        goto out;
    result = flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) ? remap_to(&remap, args[4])
                                                       : resize(&remap, region);
out:;
    struct region *now = result >= 0 ? map_at(memory, (uint32_t)result) : NULL;
    int populate = now && remap.new > remap.old &&
                   (now->flags & (REGION_LOCKED | REGION_ON_FAULT)) == REGION_LOCKED;
    map_unlock(memory);
    memory_end_if_lost(task);
    if (populate)
        memory_populate(memory, (uint32_t)result, (uint32_t)result + remap.new);
    return result < 0 ? result : result << PAGE_SHIFT;
}
