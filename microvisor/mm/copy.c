/* memory_copy: what fork does with memory. Both windows are in one address space, so private pages
 * cannot be shared until written: those that exist are copied. Which exist is asked of the host's
 * page map, where swapped ones count, and of a private mapping of a file those that are still the
 * file's do not. */
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "microvisor/mm/share.h"
#include "microvisor/mm/warm.h"
#include "rt/copy.h"
#include "rt/host.h"

#define PAGE_PRESENT (1ULL << 63)
#define PAGE_SWAPPED (1ULL << 62)
#define PAGE_OF_FILE (1ULL << 61)

enum { CHUNK = 512, RANGES = 64 };

struct page_scan {
    uint64_t size, flags, start, end, walk_end, ranges, range_count, pages_most;
    uint64_t inverted, all_of, any_of, told;
};
#define PAGEMAP_SCAN_HOST _IOWR('f', 16, struct page_scan)
#define SCAN_FILE 4ULL
#define SCAN_PRESENT 8ULL
#define SCAN_SWAPPED 16ULL
#define SCAN_ZERO 32ULL

/* The host's page map of this address space, once it was wanted; -1 before. */
static _Atomic int page_map = -1;

int page_map_open(void)
{
    int fd = atomic_load(&page_map), none = -1;
    if (fd >= 0)
        return fd;
    fd = (int)host_call4(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (atomic_compare_exchange_strong(&page_map, &none, fd))
        return fd;
    host_call1(SYS_close, fd);
    return none;
}

/* Without PAGEMAP_SCAN: looks at one chunk. If nothing can be known, all pages may exist. */
static int find_in_map(int fd, struct page_range *ranges, uint64_t *start, uint64_t end)
{
    uint64_t entries[CHUNK], at = *start, count = (end - at) >> PAGE_SHIFT;
    int found = 0;
    if (count > CHUNK)
        count = CHUNK;
    *start = at + (count << PAGE_SHIFT);
    long size = (long)(count * sizeof *entries);
    if (host_call4(SYS_pread64, fd, entries, size, at / PAGE_BYTES * sizeof *entries) != size) {
        *ranges = (struct page_range){at, *start, 0};
        return 1;
    }
    for (uint64_t i = 0; i < count && found < RANGES; i++, at += PAGE_BYTES) {
        *start = at + PAGE_BYTES;
        if (!(entries[i] & (PAGE_PRESENT | PAGE_SWAPPED)) ||
            (entries[i] & PAGE_OF_FILE && !(entries[i] & PAGE_SWAPPED)))
            continue;
        if (found && ranges[found - 1].end == at)
            ranges[found - 1].end = *start;
        else
            ranges[found++] = (struct page_range){at, *start, 0};
    }
    return found;
}

long pages_scan(int fd, struct page_range *ranges, uint64_t count, uint64_t most, uint64_t *start,
                uint64_t end)
{
    struct page_scan scan = {.size = sizeof scan,
                             .start = *start,
                             .end = end,
                             .ranges = (uint64_t)ranges,
                             .range_count = count,
                             .pages_most = most,
                             .inverted = SCAN_FILE | SCAN_ZERO,
                             .all_of = SCAN_FILE | SCAN_ZERO,
                             .any_of = SCAN_PRESENT | SCAN_SWAPPED,
                             .told = SCAN_FILE};
    long found = host_call3(SYS_ioctl, fd, PAGEMAP_SCAN_HOST, &scan);
    if (found >= 0)
        *start = scan.walk_end;
    return found;
}

/* Finds pages of [*start, end) that exist and are no longer a file's: at most RANGES ranges. Sets
 * *start to where to go on. Returns the number of ranges. All are addresses of the host. */
static int find_pages(int fd, struct page_range *ranges, uint64_t *start, uint64_t end)
{
    long found = pages_scan(fd, ranges, RANGES, 0, start, end);
    return found < 0 ? find_in_map(fd, ranges, start, end) : (int)found;
}

uint64_t pages_first(uint64_t start, uint64_t end)
{
    struct page_range ranges[RANGES];
    int fd = page_map_open();
    while (start < end)
        if (find_pages(fd, ranges, &start, end))
            return ranges[0].start;
    return end;
}

uint64_t pages_count(uint64_t start, uint64_t end, uint64_t most)
{
    struct page_range ranges[RANGES];
    uint64_t count = 0;
    int fd = page_map_open();
    while (start < end && count < most)
        for (int i = find_pages(fd, ranges, &start, end); i-- > 0;)
            count += (ranges[i].end - ranges[i].start) >> PAGE_SHIFT;
    return count;
}

/* Bits of the pages of a region from warm_kept_from on. */
struct page_set {
    uint64_t bits[SHARE_PAGES_LEAST / 64];
};

static void pages_add(struct page_set *set, const struct page_range *range, uint64_t start)
{
    for (uint64_t at = range->start < start ? start : range->start; at < range->end;
         at += PAGE_BYTES)
        set->bits[(at - start) / PAGE_BYTES / 64] |= 1ULL << ((at - start) / PAGE_BYTES % 64);
}

/* Discards the pages from `from` on that the set does not have. Returns 0 or -ENOMEM. */
static int discard_others(const struct memory *memory, const struct region *region, uint32_t from,
                          const struct page_set *wanted, int fd)
{
    struct page_range ranges[RANGES];
    struct page_set there = {0};
    uint64_t start = memory->base + ((uint64_t)from << PAGE_SHIFT), at = start;
    uint64_t end = memory->base + ((uint64_t)region->end << PAGE_SHIFT);
    while (at < end)
        for (int i = find_pages(fd, ranges, &at, end); i-- > 0;)
            pages_add(&there, &ranges[i], start);
    for (uint32_t page = 0, count = region->end - from, next; page < count; page = next) {
        for (next = page;
             next < count && (there.bits[next / 64] & ~wanted->bits[next / 64]) >> (next % 64) & 1;)
            next++;
        if (next == page)
            next++;
        else if (host_advise(memory, from + page, from + next, MADV_DONTNEED) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Regions of so few pages are copied whole: less work than asking which pages exist. */
enum { PAGES_WHOLE = 2 };

/* Whether a region, or a part of one, is copied whole: what a file has no page for could not be
 * read, and which pages the stack has tells how far it has grown. */
static int is_whole(const struct region *region)
{
    return region->end - region->start <= PAGES_WHOLE &&
           !(region->flags & (REGION_FILE | REGION_STACK)) &&
           (region->flags & REGION_PROTECTION) == (PROT_READ | PROT_WRITE);
}

/* Copies the pages that exist of a private region that both windows have with its protection. If
 * there are any and that is not a writable one, `to` is left writable and *opened set. Returns 0 or
 * -ENOMEM. */
static int copy_pages(struct memory *to, struct memory *from, const struct region *region,
                      int *opened)
{
    struct page_range ranges[RANGES];
    struct page_set copied = {0};
    uint32_t kept = region->end; /* from here on `to` may have other pages */
    uint64_t size = (uint64_t)(region->end - region->start) << PAGE_SHIFT;
    int error = share_read(from->shares, (uint64_t)region->start << PAGE_SHIFT, size);
    int fd = page_map_open();
    if (error || !size)
        return error;
    if (to->warm.pages && warm_has(to, region))
        kept = warm_kept_from(region);
    if (is_whole(region)) {
        const uint64_t first = (uint64_t)region->start << PAGE_SHIFT;
        return copyout_window(to->base, first, (const void *)(from->base + first), size) ? -ENOMEM
                                                                                         : 0;
    }
    int readable = region->flags & (PROT_READ | PROT_WRITE);
    if (!readable)
        error = host_protect(from, region->start, region->end, PROT_READ);
    uint64_t at = from->base + ((uint64_t)region->start << PAGE_SHIFT);
    uint64_t end = from->base + ((uint64_t)region->end << PAGE_SHIFT);
    uint64_t kept_start = from->base + ((uint64_t)kept << PAGE_SHIFT);
    while (!error && at < end) {
        int found = find_pages(fd, ranges, &at, end);
        if (found && !(region->flags & PROT_WRITE) && !*opened) {
            *opened = 1;
            error = host_protect(to, region->start, region->end, PROT_READ | PROT_WRITE);
        }
        for (int i = 0; !error && i < found; i++) {
            error = copyout_window(to->base, ranges[i].start - from->base,
                                   (const void *)ranges[i].start, ranges[i].end - ranges[i].start);
            pages_add(&copied, &ranges[i], kept_start);
        }
    }
    if (kept < region->end && !error)
        error = discard_others(to, region, kept, &copied, fd);
    if (!readable && host_protect(from, region->start, region->end, region->flags))
        error = -ENOMEM;
    return error ? -ENOMEM : 0;
}

/* The same for writable memory that is no file's; unless others is -1, the inner part of a large
 * region is put off. */
static int copy_private(struct memory *to, struct memory *from, const struct region *region,
                        int others)
{
    int opened = 0; /* it is writable */
    struct region low = *region, high = *region;
    uint32_t first = (region->start + SHARE_PAGES - 1) / SHARE_PAGES;
    uint32_t end = region->end / SHARE_PAGES;
    int error = -EAGAIN;
    if (others >= 0 && end >= first + SHARE_PAGES_LEAST / SHARE_PAGES)
        error = share_region(to->shares, from->shares, first, end, others);
    if (error == -EAGAIN)
        return copy_pages(to, from, region, &opened);
    low.end = first * SHARE_PAGES;
    high.start = end * SHARE_PAGES;
    if (!error && high.start < high.end &&
        host_advise(to, high.start, high.end, MADV_DONTNEED) < 0)
        error = -ENOMEM; /* what was kept of a stack's end; as a part it is not looked after */
    if (!error)
        error = copy_pages(to, from, &low, &opened);
    return error ? error : copy_pages(to, from, &high, &opened);
}

/* Makes the same region in `to`. */
static int copy_region(struct memory *to, struct memory *from, const struct region *region,
                       int others)
{
    struct region copy = *region;
    copy.flags &= ~(REGION_LOCKED | REGION_ON_FAULT);
    uint32_t start = region->start, end = region->end;
    /* Memory as it is at the beginning; of executable pages, that of their file. */
    int fresh = (region->flags & (REGION_WIPE | PROT_EXEC)) != 0;
    const uint32_t protection = region->flags & REGION_PROTECTION;
    int error = 0, opened = 0;
    if (region->flags & REGION_SHARED) {
        error = host_share(to, from, start, end);
    } else if (warm_has(to, region)) {
        error = 0;
    } else if (region->flags & REGION_FILE) {
        const struct file *file = (const struct file *)region->object;
        error = host_map(to, start, end, protection, MAP_PRIVATE, file->host_fd, region->offset);
    } else if (region->flags & REGION_IMAGE) {
        error = host_map(to, start, end, protection, MAP_PRIVATE, from->image_fd, region->offset);
    } else {
        error = host_protect(to, start, end, protection);
    }
    const uint32_t special = REGION_SHARED | REGION_FILE | REGION_IMAGE | REGION_PINNED |
                             REGION_LOCKED | REGION_PROTECTION;
    if (!error && !fresh && (region->flags & special) == (PROT_READ | PROT_WRITE))
        error = copy_private(to, from, region, others);
    else if (!error && !(region->flags & REGION_SHARED) && !fresh &&
             !warm_is_copy(to, from, region))
        error = copy_pages(to, from, region, &opened);
    if (!error && opened)
        error = host_protect(to, start, end, protection);
    if (error)
        return -ENOMEM;
    if (copy.flags & REGION_FILE)
        file_get((struct file *)copy.object);
    map_insert(to, copy);
    return 0;
}

/* The gate page, which is different in each window: writable, to be filled. Returns 1 if it is
 * there already. */
static int copy_gate(struct memory *to, const struct region *region)
{
    struct region copy = *region;
    if (warm_has(to, region)) {
        map_insert(to, copy);
        return 1;
    }
    copy.flags |= PROT_WRITE;
    if (host_protect(to, copy.start, copy.end, copy.flags))
        return -ENOMEM;
    map_insert(to, copy);
    return 0;
}

int memory_copy(struct memory *to, struct memory *from, uint64_t gate, int others)
{
    int gate_ready = 0;
    map_lock(from);
    int error = warm_start(to, from, gate);
    for (uint32_t i = 0; !error && i < from->count; i++) {
        const struct region *region = &from->regions[i];
        if (gate && region->start == gate >> PAGE_SHIFT) {
            error = copy_gate(to, region);
            gate_ready = error > 0;
            error = error < 0 ? error : 0;
        } else if (!(region->flags & REGION_NO_FORK))
            error = copy_region(to, from, region, others);
    }
    to->warm.count = to->warm.pages = 0; /* all of it is the map's now */
    to->copied = 1;
    to->top = to->search_from = from->top;
    to->search_hole = PAGES_WINDOW;
    to->break_start = from->break_start;
    to->break_end = from->break_end;
    to->next_object = from->next_object;
    to->image_fd = from->image_fd;
    to->constant = from->constant;
    to->loaded = from->loaded;
    to->started = from->started;
    map_unlock(from);
    if (error)
        memory_clear(to);
    return error ? error : gate_ready;
}
