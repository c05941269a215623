/* memory_copy: what fork does with memory. Both windows are in one address space, so private pages
 * cannot be shared until written: those that exist are copied. Which exist is read from the host's
 * page map, where swapped ones count, and of a private mapping of a file those that are still the
 * file's do not. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "microvisor/mm/map.h"
#include "rt/copy.h"

#define PAGE_PRESENT (1ULL << 63)
#define PAGE_SWAPPED (1ULL << 62)
#define PAGE_OF_FILE (1ULL << 61)

enum { CHUNK = 512 };

/* Copies the pages [start, start + count) of a private region. page_map: host fd or -1. Returns 0
 * or -ENOMEM. */
static int copy_chunk(struct memory *to, const struct memory *from, uint64_t start, size_t count,
                      int page_map)
{
    uint64_t entries[CHUNK];
    memset(entries, 0xff, sizeof entries);
    uint64_t host_page = (from->base >> PAGE_SHIFT) + start;
    ssize_t size = (ssize_t)(count * sizeof *entries);
    if (pread(page_map, entries, (size_t)size, (off_t)(host_page * sizeof *entries)) != size)
        for (size_t i = 0; i < count; i++)
            entries[i] = PAGE_PRESENT;
    for (size_t i = 0; i < count; i++) {
        if (!(entries[i] & (PAGE_PRESENT | PAGE_SWAPPED)) ||
            (entries[i] & PAGE_OF_FILE && !(entries[i] & PAGE_SWAPPED)))
            continue;
        uint64_t at = (start + i) << PAGE_SHIFT;
        if (copyout_window(to->base, at, (const void *)(from->base + at), PAGE_BYTES))
            return -ENOMEM;
    }
    return 0;
}

static int copy_pages(struct memory *to, const struct memory *from, const struct region *region,
                      int page_map)
{
    int error = 0;
    int readable = region->flags & (PROT_READ | PROT_WRITE);
    if (!readable)
        error = host_protect(from, region->start, region->end, PROT_READ);
    for (uint64_t at = region->start; !error && at < region->end; at += CHUNK) {
        size_t count = region->end - at < CHUNK ? region->end - at : CHUNK;
        error = copy_chunk(to, from, at, count, page_map);
    }
    if (!readable && host_protect(from, region->start, region->end, region->flags) && !error)
        error = -ENOMEM;
    return error;
}

/* Makes the same region in `to`. */
static int copy_region(struct memory *to, struct memory *from, const struct region *region,
                       int page_map)
{
    struct region copy = *region;
    copy.flags &= ~(REGION_LOCKED | REGION_ON_FAULT);
    uint32_t start = region->start, end = region->end;
    /* Memory as it is at the beginning; of executable pages, that of their file. */
    int fresh = (region->flags & (REGION_WIPE | PROT_EXEC)) != 0;
    const uint32_t writable = PROT_READ | PROT_WRITE;
    uint32_t first = fresh ? region->flags & REGION_PROTECTION : writable;
    int error = 0;
    if (region->flags & REGION_SHARED) {
        error = host_share(to, from, start, end);
    } else if (region->flags & REGION_FILE) {
        const struct file *file = (const struct file *)region->object;
        error = host_map(to, start, end, first, MAP_PRIVATE, file->host_fd, region->offset);
    } else if (region->flags & REGION_IMAGE) {
        error = host_map(to, start, end, first, MAP_PRIVATE, from->image_fd, region->offset);
    } else {
        error = host_protect(to, start, end, first);
    }
    if (!error && !(region->flags & REGION_SHARED) && !fresh)
        error = copy_pages(to, from, region, page_map);
    if (!error && !(region->flags & REGION_SHARED) &&
        first != (region->flags & REGION_PROTECTION))
        error = host_protect(to, start, end, region->flags);
    if (error)
        return -ENOMEM;
    if (copy.flags & REGION_FILE)
        file_get((struct file *)copy.object);
    map_insert(to, copy);
    return 0;
}

int memory_copy(struct memory *to, struct memory *from)
{
    int page_map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    int error = 0;
    map_lock(from);
    for (uint32_t i = 0; !error && i < from->count; i++)
        if (!(from->regions[i].flags & REGION_NO_FORK))
            error = copy_region(to, from, &from->regions[i], page_map);
    to->top = to->search_from = from->top;
    to->search_hole = PAGES_WINDOW;
    to->break_start = from->break_start;
    to->break_end = from->break_end;
    to->next_object = from->next_object;
    to->image_fd = from->image_fd;
    map_unlock(from);
    if (page_map >= 0)
        close(page_map);
    if (error)
        memory_clear(to);
    return error;
}
