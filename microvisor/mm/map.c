#include "microvisor/mm/map.h"

/* Keeps the compiler from making a library call of a copying loop. */
#define IN_STEPS() __asm__ volatile("" ::: "memory")

void map_unlock(struct memory *memory)
{
    struct file *files[16];
    while (memory->dropped_count) {
        uint32_t count = 0;
        while (count < 16 && memory->dropped_count)
            files[count++] = memory->dropped[--memory->dropped_count];
        lock_release(&memory->lock);
        while (count)
            file_put(files[--count]);
        lock_acquire(&memory->lock);
    }
    lock_release(&memory->lock);
}

uint32_t map_find(const struct memory *memory, uint32_t page)
{
    uint32_t low = 0, high = memory->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (memory->regions[middle].end > page)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct region *map_at(const struct memory *memory, uint32_t page)
{
    uint32_t index = map_find(memory, page);
    if (index == memory->count || memory->regions[index].start > page)
        return 0;
    return &memory->regions[index];
}

int map_free(const struct memory *memory, uint32_t start, uint32_t end)
{
    uint32_t index = map_find(memory, start);
    return index == memory->count || memory->regions[index].start >= end;
}

int map_pinned(const struct memory *memory, uint32_t start, uint32_t end)
{
    for (uint32_t i = map_find(memory, start); i < memory->count; i++) {
        if (memory->regions[i].start >= end)
            return 0;
        if (memory->regions[i].flags & REGION_PINNED)
            return 1;
    }
    return 0;
}

uint32_t map_extent(const struct memory *memory, uint32_t start, uint32_t end)
{
    for (uint32_t i = map_find(memory, start); i < memory->count && start < end; i++) {
        if (memory->regions[i].start > start)
            break;
        start = memory->regions[i].end;
    }
    return start < end ? start : end;
}

static void count_pages(struct memory_pages *sums, uint32_t flags, uint64_t pages)
{
    sums->total += pages;
    if ((flags & REGION_DATA_MASK) == 2)
        sums->data += pages;
    if (flags & REGION_STACK)
        sums->stack += pages;
    if (flags & 4)
        sums->text += pages;
    if (flags & (REGION_SHARED | REGION_FILE | REGION_IMAGE))
        sums->shared += pages;
    if (flags & REGION_LOCKED)
        sums->locked += pages;
}

static int is_inside(const struct memory *memory, uint32_t page)
{
    uint32_t index = map_find(memory, page);
    return index < memory->count && memory->regions[index].start < page;
}

int map_room_to_cut(const struct memory *memory, uint32_t start, uint32_t end)
{
    int cuts = is_inside(memory, start) + is_inside(memory, end);
    return !cuts || memory->count + memory->dropped_count + (uint32_t)cuts < MEMORY_REGIONS_MAX;
}

void map_count(const struct memory *memory, uint32_t start, uint32_t end,
               struct memory_pages *pages)
{
    *pages = (struct memory_pages){0};
    for (uint32_t i = map_find(memory, start); i < memory->count; i++) {
        const struct region *region = &memory->regions[i];
        if (region->start >= end)
            break;
        uint32_t low = region->start > start ? region->start : start;
        uint32_t high = region->end < end ? region->end : end;
        count_pages(pages, region->flags, high - low);
    }
}

static void region_count(struct memory *memory, const struct region *region)
{
    count_pages(&memory->pages, region->flags, region->end - region->start);
}

static void region_uncount(struct memory *memory, const struct region *region)
{
    count_pages(&memory->pages, region->flags, -(uint64_t)(region->end - region->start));
}

/* Makes a hole of `places` entries at index. */
static void entries_open(struct memory *memory, uint32_t index, uint32_t places)
{
    for (uint32_t i = memory->count; i > index; i--) {
        memory->regions[i - 1 + places] = memory->regions[i - 1];
        IN_STEPS();
    }
    memory->count += places;
}

static void entries_close(struct memory *memory, uint32_t index, uint32_t places)
{
    if (!places)
        return;
    memory->count -= places;
    for (uint32_t i = index; i < memory->count; i++) {
        memory->regions[i] = memory->regions[i + places];
        IN_STEPS();
    }
}

static void file_drop(struct memory *memory, const struct region *region)
{
    if (region->flags & REGION_FILE)
        memory->dropped[memory->dropped_count++] = (struct file *)region->object;
}

static int continues(const struct region *low, const struct region *high)
{
    return low->end == high->start && low->flags == high->flags && low->object == high->object &&
           low->offset + (low->end - low->start) == high->offset;
}

/* Joins the entries index and index + 1 if they are one mapping. Returns whether it did. */
static int entries_join(struct memory *memory, uint32_t index)
{
    if (index + 1 >= memory->count)
        return 0;
    struct region *low = &memory->regions[index];
    if (!continues(low, low + 1))
        return 0;
    file_drop(memory, low + 1);
    low->end = low[1].end;
    entries_close(memory, index + 1, 1);
    return 1;
}

/* Makes page a border: a region that has it inside becomes two. Returns the index of the first
 * region at or after page. */
static uint32_t cut(struct memory *memory, uint32_t page)
{
    uint32_t index = map_find(memory, page);
    if (index == memory->count || memory->regions[index].start >= page)
        return index;
    entries_open(memory, index, 1);
    struct region *low = &memory->regions[index], *high = low + 1;
    *low = *high;
    low->end = high->start = page;
    high->offset += page - low->start;
    if (high->flags & REGION_FILE)
        file_get((struct file *)high->object);
    return index + 1;
}

static uint64_t new_constant(void)
{
    static _Atomic uint64_t last;
    return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

void map_constants_changed(struct memory *memory)
{
    memory->constant = memory->loaded = new_constant();
}

void map_constant_changed(struct memory *memory, const struct region *region)
{
    memory->constant = new_constant();
    if (map_is_loaders(region))
        memory->loaded = memory->constant;
}

void map_insert(struct memory *memory, struct region region)
{
    uint32_t index = map_find(memory, region.start);
    region_count(memory, &region);
    if (!(region.flags & PROT_WRITE))
        map_constant_changed(memory, &region);
    /* The usual case, growing a neighbour, moves no entries. */
    if (index < memory->count && continues(&region, &memory->regions[index])) {
        file_drop(memory, &region);
        memory->regions[index].start = region.start;
        memory->regions[index].offset = region.offset;
    } else if (index && continues(&memory->regions[index - 1], &region)) {
        file_drop(memory, &region);
        memory->regions[--index].end = region.end;
    } else {
        entries_open(memory, index, 1);
        memory->regions[index] = region;
    }
    if (index)
        entries_join(memory, index - 1);
}

/* A gap has come into being around [start, end): keeps what is known about gaps true. */
static void gap_opened(struct memory *memory, uint32_t start)
{
    uint32_t index = map_find(memory, start);
    uint32_t low = index ? memory->regions[index - 1].end : PAGES_START;
    uint32_t high = index < memory->count ? memory->regions[index].start : PAGES_END;
    if (high > memory->top)
        high = memory->top;
    if (low >= high || high <= memory->search_from)
        return;
    if (low <= memory->search_from)
        memory->search_from = high;
    else if (high - low > memory->search_hole)
        memory->search_hole = high - low;
}

void map_remove(struct memory *memory, uint32_t start, uint32_t end)
{
    uint32_t first = cut(memory, start);
    uint32_t last = cut(memory, end);
    if (first == last)
        return;
    for (uint32_t i = first; i < last; i++) {
        if (!(memory->regions[i].flags & PROT_WRITE))
            map_constant_changed(memory, &memory->regions[i]);
        region_uncount(memory, &memory->regions[i]);
        file_drop(memory, &memory->regions[i]);
    }
    entries_close(memory, first, last - first);
    gap_opened(memory, start);
}

void map_change(struct memory *memory, uint32_t start, uint32_t end, uint32_t clear, uint32_t set)
{
    uint32_t first = cut(memory, start);
    uint32_t last = cut(memory, end);
    for (uint32_t i = first; i < last; i++) {
        region_uncount(memory, &memory->regions[i]);
        uint32_t before = memory->regions[i].flags, after = (before & ~clear) | set;
        memory->regions[i].flags = after;
        if (!(before & after & PROT_WRITE))
            map_constant_changed(memory, &memory->regions[i]);
        region_count(memory, &memory->regions[i]);
    }
    /* From the end, so that indices below stay right. */
    for (uint32_t i = last + 1; i-- > first;)
        if (i)
            entries_join(memory, i - 1);
}

enum { HUGE_PAGES = 512 };

/* Where `pages` go in the gap [low, high), or 0. */
static uint32_t fit(uint32_t pages, uint32_t low, uint32_t high)
{
    if (high < low || high - low < pages)
        return 0;
    uint32_t start = high - pages;
    uint32_t aligned = start & ~(HUGE_PAGES - 1U);
    return pages % HUGE_PAGES == 0 && aligned >= low ? aligned : start;
}

uint32_t map_search(struct memory *memory, uint32_t pages, uint32_t limit)
{
    int usual = limit >= memory->top;
    uint32_t high = memory->top, skipped = memory->search_hole;
    if (!usual)
        high = limit;
    else if (pages > memory->search_hole)
        high = memory->search_from;
    else
        skipped = 0;

    uint32_t index = map_find(memory, high), start = 0;
    if (index < memory->count && memory->regions[index].start < high)
        high = memory->regions[index].start;
    for (;;) {
        uint32_t low = index ? memory->regions[index - 1].end : PAGES_START;
        start = fit(pages, low, high);
        if (start || !index)
            break;
        if (high > low && high - low > skipped)
            skipped = high - low;
        high = memory->regions[--index].start;
    }
    if (usual && start) {
        /* What was passed over, and an alignment's rest above the new region, are the gaps from
         * here on up. */
        uint32_t rest = high - (start + pages);
        memory->search_from = start;
        memory->search_hole = rest > skipped ? rest : skipped;
    }
    return start;
}
