// Does the table of regions stay true to a plain array of pages under random changes, with its sums, its joins, its searches and its
// references of files?
// RUN: %clang -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -D_GNU_SOURCE -I%root %s %root/microvisor/mm/map.c %root/rt/lock.c -o %t
// RUN: %t 1 && %t 2 && %t 3
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "microvisor/mm/map.h"

enum { AREA = 2048, FILES = 4, STEPS = 20000 };

struct page {
    int mapped;
    uint32_t flags;
    uint64_t offset;
    uintptr_t object;
};

static struct page model[AREA];
static struct memory memory;
static struct file files[FILES];
static int released;

void file_release(struct file *file)
{
    released++;
}

static uint32_t below(uint32_t n)
{
    return (uint32_t)rand() % n;
}

static void check(void)
{
    struct memory_pages pages = {0};
    uint32_t references[FILES] = {0};
    uint32_t at = PAGES_START;
    for (uint32_t i = 0; i < memory.count; i++) {
        const struct region *region = &memory.regions[i];
        assert(region->start >= at && region->start < region->end);
        for (; at < region->start; at++)
            assert(!model[at - PAGES_START].mapped);
        for (; at < region->end; at++) {
            const struct page *page = &model[at - PAGES_START];
            assert(page->mapped && page->flags == region->flags && page->object == region->object);
            assert(page->offset == region->offset + (at - region->start));
        }
        if (i) {
            const struct region *last = region - 1;
            assert(!(last->end == region->start && last->flags == region->flags &&
                     last->object == region->object &&
                     last->offset + (last->end - last->start) == region->offset));
        }
        uint32_t length = region->end - region->start;
        pages.total += length;
        pages.data += (region->flags & REGION_DATA_MASK) == 2 ? length : 0;
        pages.locked += region->flags & REGION_LOCKED ? length : 0;
        if (region->flags & REGION_FILE)
            references[(struct file *)region->object - files]++;
    }
    for (; at < PAGES_START + AREA; at++)
        assert(!model[at - PAGES_START].mapped);
    assert(pages.total == memory.pages.total && pages.data == memory.pages.data &&
           pages.locked == memory.pages.locked);
    for (int i = 0; i < FILES; i++)
        assert(files[i].references == references[i] + 1);
}

/* The highest gap below limit that takes `pages`, by the model. */
static uint32_t search(uint32_t pages, uint32_t limit)
{
    uint32_t high = limit;
    while (high > PAGES_START) {
        if (model[high - 1 - PAGES_START].mapped) {
            high--;
            continue;
        }
        uint32_t low = high;
        while (low > PAGES_START && !model[low - 1 - PAGES_START].mapped)
            low--;
        if (high - low >= pages) {
            uint32_t aligned = (high - pages) & ~511U;
            return pages % 512 == 0 && aligned >= low ? aligned : high - pages;
        }
        high = low;
    }
    return 0;
}

static void insert(uint32_t start, uint32_t end)
{
    struct region region = {.start = start, .end = end, .offset = start};
    static const uint32_t kinds[] = {0, 1, 3, 3, 3, 3 | REGION_LOCKED, 3 | REGION_SHARED};
    region.flags = kinds[below(7)];
    if (below(3) == 0) {
        struct file *file = &files[below(FILES)];
        region.flags |= REGION_FILE;
        region.object = (uintptr_t)file;
        region.offset = below(4) ? start - PAGES_START : below(50);
        file_get(file);
    }
    map_insert(&memory, region);
    for (uint32_t at = start; at < end; at++)
        model[at - PAGES_START] = (struct page){1, region.flags, region.offset + (at - start), region.object};
}

int main(int argc, char **argv)
{
    srand((unsigned)atoi(argc > 1 ? argv[1] : "1"));
    memory.regions = malloc(MAP_ENTRIES * sizeof *memory.regions);
    memory.dropped = malloc(MAP_ENTRIES * sizeof *memory.dropped);
    memory.top = memory.search_from = PAGES_START + AREA - 8;
    for (int i = 0; i < FILES; i++)
        files[i].references = 1;

    uint32_t largest = 0;
    for (int step = 0; step < STEPS; step++) {
        uint32_t start = PAGES_START + below(AREA), length = 1 + below(below(8) ? 12 : 200);
        uint32_t end = start + length < PAGES_START + AREA ? start + length : PAGES_START + AREA;
        map_lock(&memory);
        assert(map_room(&memory));
        switch (below(6)) {
        case 0:
        case 1: {
            uint32_t limit = below(8) ? memory.top : PAGES_START + below(AREA - 8);
            uint32_t pages = below(20) ? length : 512;
            uint32_t found = map_search(&memory, pages, limit);
            assert(found == search(pages, limit));
            if (found)
                insert(found, found + pages);
            break;
        }
        case 2:
            if (!map_free(&memory, start, end))
                map_remove(&memory, start, end);
            memset(model + (start - PAGES_START), 0, (end - start) * sizeof *model);
            insert(start, end);
            break;
        case 3:
        case 4:
            map_remove(&memory, start, end);
            memset(model + (start - PAGES_START), 0, (end - start) * sizeof *model);
            break;
        default: {
            uint32_t set = below(4), clear = 7;
            map_change(&memory, start, end, clear, set);
            for (uint32_t at = start; at < end; at++)
                if (model[at - PAGES_START].mapped)
                    model[at - PAGES_START].flags = (model[at - PAGES_START].flags & ~clear) | set;
        }
        }
        struct memory_pages sums;
        map_count(&memory, start, end, &sums);
        uint32_t mapped = 0, extent = start;
        for (uint32_t at = start; at < end; at++)
            mapped += (uint32_t)model[at - PAGES_START].mapped;
        while (extent < end && model[extent - PAGES_START].mapped)
            extent++;
        assert(sums.total == mapped && map_extent(&memory, start, end) == extent);
        assert(map_free(&memory, start, end) == !mapped);
        map_unlock(&memory);
        if (memory.count > largest)
            largest = memory.count;
        check();
    }

    /* The table has an end, and says so before it is full. */
    map_lock(&memory);
    map_remove(&memory, PAGES_START, PAGES_END);
    map_unlock(&memory);
    map_lock(&memory);
    uint32_t page = PAGES_START;
    for (; map_room(&memory); page += 2)
        map_insert(&memory, (struct region){.start = page, .end = page + 1, .offset = page});
    assert(memory.count > MEMORY_REGIONS_MAX - 8 && memory.count <= MEMORY_REGIONS_MAX);
    /* Full, it lets go of whole regions, and of their ends, but makes no two of one. */
    map_insert(&memory, (struct region){.start = page, .end = page + 9, .offset = page});
    map_insert(&memory, (struct region){.start = page + 10, .end = page + 11, .offset = page});
    assert(!map_room_to_cut(&memory, page + 2, page + 4) && map_room_to_cut(&memory, page, page + 9));
    map_remove(&memory, page - 1, page + 2);
    map_remove(&memory, PAGES_START, PAGES_END);
    assert(!memory.count && !memory.pages.total);
    map_unlock(&memory);
    printf("at most %u regions in the random part\n", largest);
    assert(largest > 50 && !released);
    free(memory.regions);
    free(memory.dropped);
    return 0;
}
