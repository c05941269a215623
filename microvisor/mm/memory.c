/* A map's life, what the loader maps, and what /proc shows. */
#include "microvisor/mm/memory.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "microvisor/fs/place.h"
#include "microvisor/mm/share.h"
#include "microvisor/mm/warm.h"
#include "rt/host.h"
#include "rt/window.h"

/* Room above the default top for a stack, and how far it is moved at random, in pages. */
enum { TOP_ROOM = 0x4000, TOP_RANDOM = 0x10000 };
/* Linux keeps as much free below a stack (vm.stack_guard_gap). */
enum { STACK_GAP = 256 };

#define MAP_SIZE                                                                                   \
    (((sizeof(struct memory) + 63) & ~63UL) +                                                      \
     MAP_ENTRIES * (sizeof(struct region) + sizeof(struct file *)) + sizeof(struct shares))

void map_forget(struct memory *memory)
{
    map_constants_changed(memory);
    memory->count = memory->lock_future = 0;
    memory->break_start = memory->break_end = 0;
    memory->pages = (struct memory_pages){0};
    memory->next_object = 1;
    memory->copied = 0;
    memory->top = PAGES_END - TOP_ROOM - (uint32_t)(random_bits() % TOP_RANDOM);
    memory->search_from = memory->top;
    memory->search_hole = 0;
}

struct memory *memory_create(uint64_t base)
{
    struct memory *memory = host_pages(MAP_SIZE);
    if (!memory)
        return NULL;
    memory->base = base;
    memory->regions = (struct region *)((char *)memory + ((sizeof *memory + 63) & ~63UL));
    memory->dropped = (struct file **)(memory->regions + MAP_ENTRIES);
    memory->shares = (struct shares *)(memory->dropped + MAP_ENTRIES);
    memory->shares->base = base;
    struct sysinfo info;
    memory->commit_limit = PAGES_WINDOW;
    if (!host_call1(SYS_sysinfo, &info))
        memory->commit_limit = (info.totalram + info.totalswap) * info.mem_unit >> PAGE_SHIFT;
    map_forget(memory);
    return memory;
}

int memory_clear(struct memory *memory)
{
    share_leave(memory->shares);
    map_lock(memory);
    int error = -ENOMEM;
    if (!atomic_load(&memory->lost))
        error = host_try_reserve(memory, PAGES_START, PAGES_END);
    if (error)
        host_abandon(memory);
    map_remove(memory, PAGES_START, PAGES_END);
    map_forget(memory);
    memory->warm.count = 0;
    memory->spoilt = error != 0;
    map_unlock(memory);
    return error;
}

int memory_destroy(struct memory *memory)
{
    memory_clear(memory);
    int lost = atomic_load(&memory->lost);
    host_pages_free(memory, MAP_SIZE);
    return lost ? -ENOMEM : 0;
}

/* Whether [start, start + length) is whole pages inside the window, at least one of them. Sets the
 * pages. */
static int range_pages(uint64_t start, uint64_t length, uint32_t *first, uint32_t *end)
{
    if (start & PAGE_MASK || !length || start < MEMORY_START || length > MEMORY_END ||
        start > MEMORY_END - length)
        return 0;
    *first = (uint32_t)(start >> PAGE_SHIFT);
    *end = (uint32_t)((start + length + PAGE_MASK) >> PAGE_SHIFT);
    return 1;
}

void memory_set_image(struct memory *memory, int host_fd)
{
    memory->image_fd = host_fd;
}

int memory_map_fixed(struct memory *memory, uint64_t start, uint64_t length, unsigned flags,
                     int host_fd, uint64_t offset, const char *name)
{
    struct region region = {
        .flags = flags, .offset = offset >> PAGE_SHIFT, .object = (uintptr_t)name};
    if (!range_pages(start, length, &region.start, &region.end) || offset & PAGE_MASK ||
        flags & ~(unsigned)(REGION_PROTECTION | REGION_PINNED | REGION_STACK) ||
        (flags & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC))
        return -EINVAL;
    if (!name)
        region.offset = region.start;
    if (host_fd >= 0)
        region.flags |= REGION_IMAGE;
    MEMORY_LOCKED(memory);
    if (!map_free(memory, region.start, region.end))
        return -EEXIST;
    if (!map_room(memory))
        return -ENOMEM;
    int kept = warm_take(memory, &region), error;
    if (kept)
        error = kept < 0 ? kept : 0;
    else if (host_fd >= 0)
        error = host_map(memory, region.start, region.end, (int)(flags & REGION_PROTECTION),
                         MAP_PRIVATE, host_fd, offset >> PAGE_SHIFT);
    else
        error = host_protect(memory, region.start, region.end, flags);
    if (!error)
        map_insert(memory, region);
    return error ? error : kept;
}

int memory_protect(struct memory *memory, uint64_t start, uint64_t length, int protection)
{
    uint32_t first, end;
    if (!range_pages(start, length, &first, &end) ||
        (protection & (PROT_WRITE | PROT_EXEC)) == (PROT_WRITE | PROT_EXEC))
        return -EINVAL;
    MEMORY_LOCKED(memory);
    if (!map_room_to_cut(memory, first, end) || map_extent(memory, first, end) != end)
        return -ENOMEM;
    int error = host_protect(memory, first, end, (uint32_t)protection);
    if (!error)
        map_change(memory, first, end, REGION_PROTECTION, (uint32_t)protection & REGION_PROTECTION);
    return error;
}

void memory_set_break(struct memory *memory, uint64_t start)
{
    MEMORY_LOCKED(memory);
    memory->break_start = memory->break_end = (start + PAGE_MASK) & ~PAGE_MASK;
}

void memory_set_top(struct memory *memory, uint64_t top)
{
    uint64_t pages = top >> PAGE_SHIFT;
    MEMORY_LOCKED(memory);
    if (pages > PAGES_END)
        pages = PAGES_END;
    if (pages > PAGES_START + STACK_GAP)
        memory->top = (uint32_t)pages - STACK_GAP;
    memory->search_from = memory->top;
    memory->search_hole = 0;
}

/* What Linux maps of a stack at first, in pages. */
enum { STACK_FIRST = 33 };

uint32_t memory_stack_rest(const struct memory *memory, uint32_t *start)
{
    uint32_t index = map_find(memory, memory->top);
    *start = PAGES_START;
    while (index < memory->count && !(memory->regions[index].flags & REGION_STACK))
        index++;
    if (index == memory->count)
        return 0;
    const struct region *low = &memory->regions[index];
    uint32_t end = low->end;
    for (; ++index < memory->count && memory->regions[index].flags & REGION_STACK;)
        end = memory->regions[index].end;
    *start = low->start;
    end = end - low->start > STACK_FIRST ? end - STACK_FIRST : low->start;
    if (end > low->end)
        end = low->end;
    return share_first_page(memory->shares, low->start, end) - low->start;
}

/* Gives the stack's lowest region the pages from `target` up to its start. */
static void stack_extend(struct memory *memory, const struct region *lowest, uint32_t target)
{
    struct region more = *lowest;
    more.start = target;
    more.end = lowest->start;
    more.offset -= lowest->start - target;
    more.flags &= ~(REGION_LOCKED | REGION_ON_FAULT);
    if (map_room(memory) && !host_protect(memory, more.start, more.end, more.flags))
        map_insert(memory, more);
}

void memory_limit_stack(struct memory *memory, uint64_t size, int less)
{
    uint32_t start;
    MEMORY_LOCKED(memory);
    const uint32_t rest = memory_stack_rest(memory, &start), index = map_find(memory, start);
    const struct region *lowest = &memory->regions[index];
    if (index == memory->count || !(lowest->flags & REGION_STACK))
        return; /* the program has unmapped it */
    uint32_t floor = memory->top;
    if (index && lowest[-1].end > floor)
        floor = lowest[-1].end;
    floor += STACK_GAP;
    const uint64_t pages = size >> PAGE_SHIFT;
    if (floor < start && lowest->end - start < pages) {
        stack_extend(memory, lowest,
                     pages < lowest->end - floor ? lowest->end - (uint32_t)pages : floor);
    } else if (less && lowest->end - start > pages && rest) {
        uint32_t target = lowest->end - (uint32_t)pages;
        /* Where it cannot be taken away the stack just stays as large. */
        memory_unmap(memory, start, target < start + rest ? target : start + rest);
    }
}

void memory_stop_stack(struct memory *memory, uint32_t start, uint32_t end)
{
    uint32_t low;
    if (end <= memory->top)
        return;
    const uint32_t rest = memory_stack_rest(memory, &low);
    end += STACK_GAP;
    if (start < low + rest && end > low)
        memory_unmap(memory, low, end < low + rest ? end : low + rest);
}

/* The guest name of a file that is mapped, as /proc/self/maps has it. */
static void file_name(struct file *file, struct place *place, struct memory_region *region,
                      char *name, size_t size)
{
    struct stat status;
    if (file->host_fd < 0 || fstat(file->host_fd, &status))
        return;
    region->device = status.st_dev;
    region->inode = status.st_ino;
    if (place && place_guest_path(place, file->mount, file->host_fd, name, size) < 0)
        name[0] = 0;
}

int memory_describe(struct memory *memory, struct place *place, uint64_t from,
                    struct memory_region *region, char *name, size_t size)
{
    const char *label = "";
    struct file *file = NULL;
    struct region found;
    map_lock(memory);
    uint32_t page = from >= MEMORY_END ? PAGES_END : (uint32_t)(from >> PAGE_SHIFT);
    uint32_t index = map_find(memory, page);
    int exists = index < memory->count;
    if (exists && memory->regions[index].flags & REGION_STACK) {
        uint32_t grown, rest = memory_stack_rest(memory, &grown);
        grown += rest;
        index = map_find(memory, page > grown ? page : grown);
        found = memory->regions[index];
        if (found.start < grown)
            found.start = grown;
    } else if (exists) {
        found = memory->regions[index];
    }
    if (exists) {
        region->start = (uint64_t)found.start << PAGE_SHIFT;
        region->end = (uint64_t)found.end << PAGE_SHIFT;
        region->flags = found.flags & ~(REGION_FILE | REGION_IMAGE);
        region->offset = region->device = region->inode = 0;
        if (found.flags & REGION_FILE) {
            file = (struct file *)found.object;
            file_get(file);
        } else if (found.flags & REGION_STACK) {
            label = "[stack]";
        } else if (found.flags & REGION_SHARED) {
            label = "/dev/zero (deleted)";
        } else if (found.object) {
            label = (const char *)found.object;
        } else if (region->start < memory->break_end && region->end > memory->break_start) {
            label = "[heap]";
        }
        if (file || (found.object && !(found.flags & (REGION_SHARED | REGION_STACK))))
            region->offset = found.offset << PAGE_SHIFT;
    }
    map_unlock(memory);
    if (!exists)
        return 0;
    size_t length = strlen(label);
    if (length >= size)
        length = size - 1;
    memcpy(name, label, length);
    name[length] = 0;
    if (file) {
        file_name(file, place, region, name, size);
        file_put(file);
    }
    return 1;
}

void memory_usage(struct memory *memory, struct memory_usage *usage)
{
    MEMORY_LOCKED(memory);
    const struct memory_pages *pages = &memory->pages;
    uint32_t start, rest = memory_stack_rest(memory, &start);
    *usage = (struct memory_usage){.total = pages->total - rest,
                                   .data = pages->data,
                                   .stack = pages->stack - rest,
                                   .text = pages->text,
                                   .shared = pages->shared,
                                   .locked = pages->locked,
                                   .break_start = memory->break_start,
                                   .break_end = memory->break_end};
}
