/* Windows that keep their mappings for the next fork or execve.
 *
 * Undoing and making the mappings of a small program is most of what a fork or an execve costs. A
 * process mostly leaves its window as it got it, and the next fork of the same parent, or the next
 * start of the same program, wants the same again: so the window of one that ends only loses its
 * private content, and the one that takes it over compares, and does to the host what differs.
 * What a program has mapped besides, the next start will not want: only fork's copies keep it.
 *
 * Only regions are kept whose whole state stands in their `flags`: private memory, anonymous or of
 * the image, without locks or advice, in windows that share nothing with a relative (share.c).
 * What is writable is discarded at the end, with exceptions: the next start writes small regions of
 * the loader's anew, and the stack's end; and in a window that fork had made small regions and the
 * stack's end keep their pages, for the next fork to write what it copies into them and to discard
 * the others (copy.c), which is less work than a fault for each page. What is not writable stays
 * (relocated data, mostly), if it is not much, but is discarded by the next fork unless
 * memory->constant says that it is what that would copy, and by the next start unless
 * memory->loaded is still that of the last one. The executable pages and the gate page no cage
 * could ever write. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "microvisor/mm/share.h"
#include "microvisor/mm/warm.h"
#include "rt/copy.h"
#include "rt/host.h"

/* Pages that one window may keep of what can be written, and as many of what cannot; and the pages
 * that its regions may span, as the host keeps its page tables. */
enum { PAGES_KEPT = 512, PAGES_SPANNED = 1 << 16 };
/* Regions of the loader's of up to so many pages are written anew for the next start, and so many
 * pages of a stack: less work than a fault for each page, and no interrupt for the processors on
 * which the window's threads ran, which taking pages away is. */
enum { PAGES_WRITTEN = 16, STACK_KEPT = 8 };
enum { KEPT_FLAGS = REGION_PROTECTION | REGION_PINNED | REGION_STACK | REGION_IMAGE };

static int is_gate(const struct memory *memory, const struct region *region)
{
    return region->flags & REGION_PINNED && !(region->flags & PROT_EXEC) &&
           region->start == memory->warm.gate;
}

/* Private memory that nobody can write, other than what nobody ever could. */
static int is_constant(const struct memory *memory, const struct region *region)
{
    return !(region->flags & (PROT_WRITE | PROT_EXEC)) && !is_gate(memory, region);
}

static int discard(const struct memory *memory, const struct region *region)
{
    return host_advise(memory, region->start, region->end, MADV_DONTNEED) < 0 ? -ENOMEM : 0;
}

static int same(const struct region *a, const struct region *b)
{
    return a->start == b->start && a->end == b->end && a->flags == b->flags &&
           a->offset == b->offset && a->object == b->object;
}

uint32_t warm_kept_from(const struct region *region)
{
    uint32_t pages = region->end - region->start;
    if (!(region->flags & PROT_WRITE))
        return region->end;
    if (region->flags & REGION_STACK)
        return region->end - (pages < STACK_KEPT ? pages : STACK_KEPT);
    return pages < SHARE_PAGES_LEAST ? region->start : region->end;
}

/* What of a region the next start writes: all of a small one that the loader made, a stack's end. */
static uint32_t written_from(const struct region *region, uintptr_t loaders)
{
    if (region->flags & REGION_STACK)
        return warm_kept_from(region);
    return region->flags & PROT_WRITE && region->object == loaders &&
                   region->end - region->start <= PAGES_WRITTEN
               ? region->start
               : region->end;
}

/* The name that the loader gives what it maps; 0: there is nothing of the loader's. */
static uintptr_t loaders_name(const struct region *regions, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (regions[i].flags & REGION_IMAGE)
            return regions[i].object;
    return 0;
}

/* Gives the pages from `from` on the content that they begin with. */
static int write_anew(const struct memory *memory, const struct region *region, uint32_t from)
{
    uint64_t start = (uint64_t)from << PAGE_SHIFT;
    uint64_t size = (uint64_t)(region->end - from) << PAGE_SHIFT;
    if (!(region->flags & REGION_IMAGE))
        return clearout_window(memory->base, start, size);
    uint64_t offset = (region->offset + (from - region->start)) << PAGE_SHIFT;
    return host_call4(SYS_pread64, memory->image_fd, memory->base + start, size, offset) ==
                   (long)size
               ? 0
               : -EIO;
}

/* Whether not too much is kept of what cannot be written. Large pieces are seldom all there. */
static int constants_are_few(const struct memory *memory)
{
    uint64_t most = PAGES_KEPT;
    for (uint32_t i = 0; i < memory->count; i++) {
        const struct region *region = &memory->regions[i];
        uint64_t pages = region->end - region->start;
        if (!is_constant(memory, region))
            continue;
        if (pages > most)
            pages = pages_count(memory->base + ((uint64_t)region->start << PAGE_SHIFT),
                                memory->base + ((uint64_t)region->end << PAGE_SHIFT), most + 1);
        if (pages > most)
            return 0;
        most -= pages;
    }
    return 1;
}

/* Takes away what the program that is started next will not want again: all but the loader's
 * regions, what lies side by side in one go. Returns 0 or -ENOMEM. */
static int drop_others(struct memory *memory)
{
    for (uint32_t i = 0; i < memory->count;) {
        const uint32_t start = memory->regions[i].start;
        uint32_t end = start;
        for (uint32_t next = i; next < memory->count; next++) {
            const struct region *region = &memory->regions[next];
            if (map_is_loaders(region) || (next > i && region->start != end))
                break;
            end = region->end;
        }
        if (end == start)
            i++;
        else if (memory_unmap(memory, start, end))
            return -ENOMEM;
    }
    return 0;
}

static int keep_regions(struct memory *memory)
{
    struct warm *warm = &memory->warm;
    uint32_t kept = 0;
    if (memory->spoilt || memory->lost || atomic_load(&memory->shares->used))
        return 0;
    if (!memory->copied && drop_others(memory))
        return 0;
    if (memory->count > WARM_MOST || memory->pages.total > PAGES_SPANNED)
        return 0;
    for (uint32_t i = 0; i < memory->count; i++)
        if (memory->regions[i].flags & ~(uint32_t)KEPT_FLAGS)
            return 0;
    if (!constants_are_few(memory))
        return 0;
    const uintptr_t loaders = loaders_name(memory->regions, memory->count);
    for (uint32_t i = 0; i < memory->count; i++) {
        struct region rest = memory->regions[i];
        uint32_t from = memory->copied ? warm_kept_from(&rest) : written_from(&rest, loaders);
        warm->regions[i] = rest;
        if (kept + (rest.end - from) <= PAGES_KEPT) {
            kept += rest.end - from;
            rest.end = from;
        }
        if (rest.flags & PROT_WRITE && rest.start < rest.end && discard(memory, &rest))
            return 0;
    }
    warm->count = memory->count;
    warm->constant = memory->constant;
    warm->loaded = memory->loaded;
    warm->pages = kept;
    return 1;
}

int memory_rest(struct memory *memory, uint64_t gate, int start)
{
    map_lock(memory);
    /* What a start that failed has not taken over is still mapped, but in no list. */
    int kept = !memory->warm.count && (start || memory->copied);
    memory->warm.gate = (uint32_t)(gate >> PAGE_SHIFT);
    kept = kept && keep_regions(memory);
    if (kept)
        map_forget(memory);
    map_unlock(memory);
    return kept ? 0 : memory_clear(memory);
}

int memory_cool(struct memory *memory)
{
    return memory->warm.count ? memory_clear(memory) : 0;
}

int memory_is_warm(const struct memory *memory)
{
    return memory->warm.count != 0;
}

/* Whether what the window has of a region is what the map wants of another one where they overlap:
 * they are the same; or ordinary memory, of which the last process has mapped more or unmapped some
 * (as a child does that allocates), and all of which memory_copy will look after. */
static int agree(const struct region *wanted, const struct region *region)
{
    return same(wanted, region) ||
           (region->flags == (PROT_READ | PROT_WRITE) && wanted->flags == region->flags &&
            wanted->object == region->object &&
            wanted->offset - wanted->start == region->offset - region->start &&
            wanted->end - wanted->start < SHARE_PAGES_LEAST);
}

/* Finds the next part of a region, from *at on, that the map does not want: *at to the page that is
 * returned. The region's end, twice: there is none. */
static uint32_t next_unwanted(const struct memory *memory, const struct region *region,
                              uint32_t *at)
{
    uint32_t index = map_find(memory, *at);
    const struct region *other = &memory->regions[index];
    for (; index < memory->count && other->start <= *at && agree(other, region); index++, other++)
        *at = other->end < region->end ? other->end : region->end;
    for (; index < memory->count && other->start < region->end; index++, other++)
        if (agree(other, region))
            return other->start;
    return region->end;
}

/* Takes away what the map does not want of a region of the window. */
static int drop_unwanted(struct memory *to, const struct memory *from, const struct region *region)
{
    int stale = to->warm.constant != from->constant && is_constant(to, region);
    if (stale && discard(to, region))
        return -ENOMEM;
    for (uint32_t at = region->start, end;; at = end) {
        end = next_unwanted(from, region, &at);
        if (at == end)
            return 0;
        if (host_try_reserve(to, at, end))
            return -ENOMEM;
    }
}

/* Gives a window that has only what is wanted all of a region of which it has something. Returns 1;
 * 0 if it has nothing; -ENOMEM. */
static int complete(struct memory *memory, const struct region *wanted)
{
    const struct warm *warm = &memory->warm;
    uint32_t at = wanted->start;
    int found = 0, error = 0;
    for (uint32_t i = 0; i < warm->count && !error; i++) {
        const struct region *region = &warm->regions[i];
        if (region->start >= wanted->end || region->end <= wanted->start || !agree(wanted, region))
            continue;
        found = 1;
        if (at < region->start)
            error = host_protect(memory, at, region->start, wanted->flags);
        at = region->end;
    }
    if (found && !error && at < wanted->end)
        error = host_protect(memory, at, wanted->end, wanted->flags);
    return error ? -ENOMEM : found;
}

int warm_start(struct memory *to, const struct memory *from, uint64_t gate)
{
    struct warm *warm = &to->warm;
    struct region kept[WARM_MOST];
    uint32_t count = 0, unwanted = 0;
    if (!warm->count)
        return 0;
    for (uint32_t i = 0; i < warm->count; i++) {
        uint32_t at = warm->regions[i].start;
        unwanted += next_unwanted(from, &warm->regions[i], &at) == warm->regions[i].end &&
                    at == warm->regions[i].start;
    }
    if (to->image_fd != from->image_fd || warm->gate != gate >> PAGE_SHIFT ||
        warm->count - unwanted < unwanted) {
        warm->count = 0;
        return host_try_reserve(to, PAGES_START, PAGES_END);
    }
    for (uint32_t i = 0; i < warm->count; i++)
        if (drop_unwanted(to, from, &warm->regions[i]))
            return -ENOMEM;
    for (uint32_t i = 0; i < from->count; i++) {
        const struct region *region = &from->regions[i];
        if (count == WARM_MOST) { /* more than a region may have become of one of the window's */
            if (host_try_reserve(to, region->start, PAGES_END))
                return -ENOMEM;
            break;
        }
        int found = complete(to, region);
        if (found < 0)
            return -ENOMEM;
        if (found)
            kept[count++] = *region;
    }
    memcpy(warm->regions, kept, count * sizeof *kept);
    warm->count = count;
    return 0;
}

/* A region with what the program that was may have left in it. */
static int start_region(const struct memory *memory, const struct region *region, uintptr_t loaders)
{
    uint32_t from = written_from(region, loaders);
    if (from < region->end && !write_anew(memory, region, from))
        return 0;
    return discard(memory, region);
}

int memory_start(struct memory *memory)
{
    const struct warm *warm = &memory->warm;
    const uintptr_t loaders = loaders_name(warm->regions, warm->count);
    for (uint32_t i = 0; i < warm->count; i++) {
        const struct region *region = &warm->regions[i];
        if (!map_is_loaders(region))
            continue; /* warm_take leaves it */
        int stale = warm->pages && warm_kept_from(region) < region->end;
        if (warm->loaded != memory->started)
            stale |= is_constant(memory, region);
        if (stale && start_region(memory, region, loaders))
            return -ENOMEM;
    }
    return 0;
}

int warm_take(struct memory *memory, const struct region *wanted)
{
    struct warm *warm = &memory->warm;
    uint32_t kept = 0;
    int error = 0, found = 0;
    for (uint32_t i = 0; i < warm->count; i++) {
        const struct region *region = &warm->regions[i];
        if (map_is_loaders(region) && same(region, wanted))
            found = 1;
        else if (region->start < wanted->end && region->end > wanted->start && !error)
            error = host_try_reserve(memory, region->start, region->end);
        else
            warm->regions[kept++] = *region;
    }
    if (!error)
        warm->count = kept;
    return error ? error : found;
}

int memory_started(struct memory *memory)
{
    struct warm *warm = &memory->warm;
    int error = 0;
    map_lock(memory);
    for (uint32_t i = 0; !error && i < warm->count; i++)
        error = host_try_reserve(memory, warm->regions[i].start, warm->regions[i].end);
    if (!error) {
        warm->count = 0;
        memory->started = memory->loaded;
    }
    map_unlock(memory);
    return error;
}

int warm_is_copy(const struct memory *to, const struct memory *from, const struct region *region)
{
    return to->warm.constant == from->constant && !from->spoilt &&
           !(region->flags & (PROT_WRITE | REGION_SHARED)) && warm_has(to, region);
}

int warm_has(const struct memory *memory, const struct region *region)
{
    const struct warm *warm = &memory->warm;
    for (uint32_t i = 0; i < warm->count; i++)
        if (same(&warm->regions[i], region))
            return 1;
    return 0;
}
