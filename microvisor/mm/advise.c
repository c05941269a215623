/* madvise, msync, mincore, and the mlock family. HOT. */
#include <sys/mman.h>

#include "microvisor/calls.h"
#include "microvisor/mm/map.h"
#include "rt/copy.h"
#include "rt/host.h"

/* A length that rounding to pages makes zero, which some calls take for that. */
static int length_wraps(uint64_t length)
{
    return length > UINT64_MAX - PAGE_MASK;
}

/* A range of args as whole pages. Returns 0 with *end >= *start; the errors are each call's own. */
static int pages_of(uint64_t address, uint64_t length, uint64_t *start, uint64_t *end)
{
    uint64_t first = address & ~PAGE_MASK;
    uint64_t size = (length + (address & PAGE_MASK) + PAGE_MASK) & ~PAGE_MASK;
    if (first + size < first)
        return -1;
    *start = first >> PAGE_SHIFT;
    *end = (first + size) >> PAGE_SHIFT;
    return 0;
}

/* The part of [*at, end) that lies in one region. Returns it with *from and *to set, or NULL when
 * there is nothing more; *hole is set when something before it is not mapped. */
static struct region *next_part(struct memory *memory, uint64_t at, uint64_t end, uint32_t *from,
                                uint32_t *to, int *hole)
{
    uint32_t index = at < PAGES_END ? map_find(memory, (uint32_t)at) : memory->count;
    struct region *region = &memory->regions[index];
    if (at >= end)
        return NULL;
    if (index == memory->count || region->start >= end) {
        *hole = 1;
        return NULL;
    }
    *from = region->start;
    if (region->start > at)
        *hole = 1;
    else
        *from = (uint32_t)at;
    *to = region->end < end ? region->end : (uint32_t)end;
    return region;
}

/* What an advice does. */
struct advice {
    uint8_t known;
    uint8_t host;      /* goes to the host */
    uint8_t open;      /* may take long and changes no mapping: without the lock */
    uint8_t harmless;  /* allowed on pinned memory */
    uint8_t anonymous; /* only for private anonymous memory */
    uint32_t clear, set;
};

#define PATTERN (REGION_RANDOM | REGION_SEQUENTIAL)
#define HUGE (REGION_HUGE | REGION_NO_HUGE)
static const struct advice advices[] = {
    [0 /* NORMAL */] = {1, 1, 0, 1, 0, PATTERN, 0},
    [1 /* RANDOM */] = {1, 1, 0, 0, 0, PATTERN, REGION_RANDOM},
    [2 /* SEQUENTIAL */] = {1, 1, 0, 0, 0, PATTERN, REGION_SEQUENTIAL},
    [3 /* WILLNEED */] = {1, 1, 1, 1, 0, 0, 0},
    [4 /* DONTNEED */] = {1, 1, 0, 0, 0, 0, 0},
    [8 /* FREE */] = {1, 1, 0, 0, 1, 0, 0},
    [9 /* REMOVE */] = {1, 1, 0, 0, 0, 0, 0},
    [10 /* DONTFORK */] = {1, 0, 0, 0, 0, 0, REGION_NO_FORK},
    [11 /* DOFORK */] = {1, 0, 0, 0, 0, REGION_NO_FORK, 0},
    [14 /* HUGEPAGE */] = {1, 1, 0, 0, 0, HUGE, REGION_HUGE},
    [15 /* NOHUGEPAGE */] = {1, 1, 0, 0, 0, HUGE, REGION_NO_HUGE},
    [16 /* DONTDUMP */] = {1, 0, 0, 0, 0, 0, REGION_NO_DUMP},
    [17 /* DODUMP */] = {1, 0, 0, 0, 0, REGION_NO_DUMP, 0},
    [18 /* WIPEONFORK */] = {1, 0, 0, 0, 1, 0, REGION_WIPE},
    [19 /* KEEPONFORK */] = {1, 0, 0, 0, 0, REGION_WIPE, 0},
    [20 /* COLD */] = {1, 1, 1, 0, 0, 0, 0},
    [21 /* PAGEOUT */] = {1, 1, 1, 0, 0, 0, 0},
    [22 /* POPULATE_READ */] = {1, 1, 1, 1, 0, 0, 0},
    [23 /* POPULATE_WRITE */] = {1, 1, 1, 0, 0, 0, 0},
};

/* Applies an advice to a part of a region. */
static long advise_part(struct memory *memory, const struct advice *advice, int number,
                        const struct region *region, uint32_t from, uint32_t to)
{
    if (region->flags & REGION_PINNED && !advice->harmless)
        return -EPERM;
    if (advice->anonymous && region->flags & (REGION_SHARED | REGION_FILE | REGION_IMAGE))
        return -EINVAL;
    if ((advice->clear | advice->set) && !map_room_to_cut(memory, from, to))
        return -ENOMEM;
    if (advice->host && !advice->open) {
        long error = host_advise(memory, from, to, number);
        if (!(region->flags & PROT_WRITE))
            map_constant_changed(memory, region); /* it may be gone, after an error in part */
        if (error < 0)
            return error;
    }
    if (advice->clear | advice->set && !(region->flags & REGION_PINNED))
        map_change(memory, from, to, advice->clear, advice->set);
    return 0;
}

long call_madvise(struct task *task, const uint64_t args[6])
{
    struct memory *memory = task->process->memory;
    int number = (int)args[2];
    uint64_t start, end;
    if (number < 0 || (size_t)number >= sizeof advices / sizeof *advices || !advices[number].known)
        return -EINVAL;
    const struct advice *advice = &advices[number];
    if (args[0] & PAGE_MASK || length_wraps(args[1]) || pages_of(args[0], args[1], &start, &end))
        return -EINVAL;

    /* What is mapped is advised, even if there are holes, which are an error in the end. */
    int hole = 0;
    long error = 0;
    while (!error) {
        uint32_t from, to;
        map_lock(memory);
        struct region *region = next_part(memory, start, end, &from, &to, &hole);
        if (region)
            error = advise_part(memory, advice, number, region, from, to);
        map_unlock(memory);
        if (!region)
            break;
        if (!error && advice->open)
            error = host_advise(memory, from, to, number);
        start = to;
    }
    return error ? error : hole ? -ENOMEM : 0;
}

long call_msync(struct task *task, const uint64_t args[6])
{
    struct memory *memory = task->process->memory;
    uint64_t start, end, flags = (uint32_t)args[2];
    if (flags & ~(uint64_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || args[0] & PAGE_MASK ||
        (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
        return -EINVAL;
    if (pages_of(args[0], args[1], &start, &end))
        return -ENOMEM;

    int hole = 0;
    long error = 0;
    while (!error) {
        uint32_t from = 0, to = 0;
        map_lock(memory);
        const struct region *region = next_part(memory, start, end, &from, &to, &hole);
        uint32_t kind = region ? region->flags : 0;
        map_unlock(memory);
        if (!region)
            break;
        if (flags & MS_INVALIDATE && kind & REGION_LOCKED)
            error = -EBUSY;
        else if (flags & MS_SYNC && kind & REGION_FILE && kind & REGION_SHARED)
            error = host_call3(SYS_msync, memory->base + ((uint64_t)from << PAGE_SHIFT),
                               (uint64_t)(to - from) << PAGE_SHIFT, MS_SYNC);
        start = to;
    }
    return error ? error : hole ? -ENOMEM : 0;
}

long call_mincore(struct task *task, const uint64_t args[6])
{
    struct memory *memory = task->process->memory;
    uint64_t start, end;
    if (args[0] & PAGE_MASK)
        return -EINVAL;
    if (length_wraps(args[1]) || pages_of(args[0], args[1], &start, &end) || end > PAGES_END)
        return -ENOMEM;
    void *vector = window_pointer(&task->thread, args[2], end - start);
    if (!vector)
        return -EFAULT;
    map_lock(memory);
    uint64_t mapped = start == end ? end : map_extent(memory, (uint32_t)start, (uint32_t)end);
    map_unlock(memory);
    /* The host sees the reservation in holes. What another thread unmaps now is told as absent. */
    long error = 0;
    if (mapped > start)
        window_for_host(&task->thread, start << PAGE_SHIFT, (mapped - start) << PAGE_SHIFT, 0);
    if (mapped > start)
        error = host_call3(SYS_mincore, memory->base + (start << PAGE_SHIFT),
                           (mapped - start) << PAGE_SHIFT, vector);
    return error ? error : mapped < end ? -ENOMEM : 0;
}

/* Locks, or unlocks (flags 0), what is mapped in [start, end), up to the first error; a hole is one
 * (-ENOMEM) unless over_holes. */
static int set_locked(struct memory *memory, uint64_t start, uint64_t end, uint32_t flags,
                      int over_holes)
{
    uint32_t from, to;
    int hole = 0;
    while (next_part(memory, start, end, &from, &to, &hole)) {
        if (hole && !over_holes)
            return -ENOMEM;
        if (!map_room_to_cut(memory, from, to))
            return -ENOMEM;
        int error = host_lock(memory, from, to, flags != 0);
        if (error)
            return error;
        map_change(memory, from, to, REGION_LOCKED | REGION_ON_FAULT, flags);
        start = to;
    }
    return hole && !over_holes ? -ENOMEM : 0;
}

/* mlock, mlock2 and munlock of a range of any alignment. */
static long lock_range(struct task *task, uint64_t address, uint64_t length, uint32_t flags)
{
    struct memory *memory = task->process->memory;
    uint64_t start, end, most = process_limit(task->process, RLIMIT_MEMLOCK);
    if (flags && !most)
        return -EPERM;
    if (pages_of(address, length, &start, &end))
        return -EINVAL;
    struct memory_pages already;
    long error = -ENOMEM;
    map_lock(memory);
    uint32_t last = end < PAGES_END ? (uint32_t)end : PAGES_END;
    map_count(memory, start < last ? (uint32_t)start : last, last, &already);
    if (!flags ||
        memory->pages.locked - already.locked + (end - start) <= most >> PAGE_SHIFT)
        error = set_locked(memory, start, end, flags, 0);
    map_unlock(memory);
    if (!error && flags == REGION_LOCKED)
        error = memory_populate(memory, (uint32_t)start, (uint32_t)end);
    return error;
}

CALL_IS(mlock, lock_range(task, args[0], args[1], REGION_LOCKED))

long call_mlock2(struct task *task, const uint64_t args[6])
{
    if ((uint32_t)args[2] & ~1U /* MLOCK_ONFAULT */)
        return -EINVAL;
    return lock_range(task, args[0], args[1], REGION_LOCKED | (args[2] & 1 ? REGION_ON_FAULT : 0));
}

CALL_IS(munlock, lock_range(task, args[0], args[1], 0))

long call_mlockall(struct task *task, const uint64_t args[6])
{
    struct memory *memory = task->process->memory;
    uint32_t flags = (uint32_t)args[0];
    uint64_t most = process_limit(task->process, RLIMIT_MEMLOCK);
    if (!flags || flags & ~7U || flags == 4 /* MCL_ONFAULT alone */)
        return -EINVAL;
    if (!most)
        return -EPERM;
    uint32_t region_flags = REGION_LOCKED | (flags & 4 ? REGION_ON_FAULT : 0);
    uint32_t stack = PAGES_START, rest;
    int error = 0;
    map_lock(memory);
    rest = memory_stack_rest(memory, &stack);
    if (flags & MCL_CURRENT && memory->pages.total - rest > most >> PAGE_SHIFT)
        error = -ENOMEM;
    else
        memory->lock_future = flags & MCL_FUTURE ? region_flags : 0;
    /* Of the stack, what it has grown to. */
    if (!error && flags & MCL_CURRENT)
        error = set_locked(memory, PAGES_START, stack, region_flags, 1);
    if (!error && flags & MCL_CURRENT)
        error = set_locked(memory, stack + rest, PAGES_END, region_flags, 1);
    map_unlock(memory);
    if (!error && flags & MCL_CURRENT && region_flags == REGION_LOCKED) {
        memory_populate(memory, PAGES_START, stack);
        memory_populate(memory, stack + rest, PAGES_END);
    }
    return error;
}

long call_munlockall(struct task *task, const uint64_t args[6])
{
    struct memory *memory = task->process->memory;
    MEMORY_LOCKED(memory);
    memory->lock_future = 0;
    return set_locked(memory, PAGES_START, PAGES_END, 0, 1);
}
