/* Inside the mm room: the sorted table of a window's regions.
 *
 * Regions stand in an array in order of address. Looking up is a binary search; inserting moves
 * what follows, which at MEMORY_REGIONS_MAX is half a megabyte and for real programs a few cache
 * lines. Neighbours that continue each other are one region. The array's address space is reserved
 * at once, so no call allocates memory and a map costs the host one mapping.
 *
 * Everything here is HOT: no libc, no calls that the compiler could make of loops (memmove uses
 * vector registers). Functions need the map's lock held, and map_room() before those that say so.
 * Addresses are page numbers. */
#ifndef LIND_MM_MAP_H
#define LIND_MM_MAP_H

#include "microvisor/fs/file.h"
#include "microvisor/mm/memory.h"
#include "microvisor/process.h"
#include "rt/lock.h"

#define PAGE_SHIFT 12
#define PAGE_BYTES LIND_PAGE_SIZE
#define PAGE_MASK (PAGE_BYTES - 1ULL)
#define PAGES_START (MEMORY_START >> PAGE_SHIFT)
#define PAGES_END (MEMORY_END >> PAGE_SHIFT)
#define PAGES_WINDOW (LIND_WINDOW_SIZE >> PAGE_SHIFT)

/* More properties of regions, not for other rooms. */
#define REGION_FILE 0x10000u  /* object is a struct file, of which the region holds a reference */
#define REGION_IMAGE 0x20000u /* private mapping of the file image_fd */

/* What decides the sums in memory->pages. */
#define REGION_DATA_MASK (REGION_SHARED | REGION_STACK | 2u)

struct region {
    uint32_t start, end; /* pages, end is exclusive */
    uint32_t flags;      /* REGION_… */
    uint32_t unused;
    /* Which page of what: regions are the same mapping where both go on across their border.
     * Private anonymous memory keeps the page number that it was mapped at when it is moved, as the
     * host kernel's mappings do; pages of shared memory count from its start. */
    uint64_t offset;
    uintptr_t object; /* struct file with REGION_FILE; for shared anonymous memory an odd number,
                         unique in the map; otherwise its name, a const char *, or 0 */
};

struct memory_pages {
    uint64_t total, data, stack, text, shared, locked;
};

/* Regions that the host still has though the map is empty (warm.c). */
enum { WARM_MOST = 24 };
struct warm {
    uint32_t count, gate;      /* gate: the page of the gate */
    uint32_t pages;            /* how many pages of writable regions may have content */
    uint64_t constant, loaded; /* memory->constant and memory->loaded of the map that was */
    struct region regions[WARM_MOST];
};

struct memory {
    uint64_t base; /* host address of the window */
    int image_fd;  /* what REGION_IMAGE maps */
    struct lock lock;
    uint32_t count;         /* of regions */
    uint32_t dropped_count; /* of files whose references are to be given up once the lock is open */
    uint32_t top;           /* mmap looks for room below this page */
    /* Every gap between search_from and top is at most search_hole pages, so a search for more
     * starts at search_from. */
    uint32_t search_from, search_hole;
    uint32_t lock_future;  /* mlockall(MCL_FUTURE): flags for new regions */
    uint64_t commit_limit; /* pages of one private mapping beyond which the host would not commit
                              (vm.overcommit_memory 0) */
    _Atomic int lost; /* it may have a hole: who runs in it ends, and nobody uses it again */
    int spoilt; /* the host refused to clear, protect or lock: the map may be wrong */
    uint64_t next_object;
    uint64_t break_start, break_end; /* window offsets */
    struct memory_pages pages;
    struct region *regions; /* MAP_ENTRIES */
    struct file **dropped;  /* MAP_ENTRIES */
    struct shares *shares;  /* share.h */
    /* Names the content of all private regions that cannot be written: where the number is the
     * same, and the region, so is the content. Each change gives a new one, a fork the same. */
    uint64_t constant;
    uint64_t loaded;  /* the same of the loader's regions alone */
    uint64_t started; /* its value when the image was laid out, here or where fork began */
    int copied;       /* filled by memory_copy */
    struct warm warm;
};

static inline void map_lock(struct memory *memory)
{
    lock_acquire(&memory->lock);
}

/* Opens the lock, then gives up the references of files that are no longer mapped. */
void map_unlock(struct memory *memory);

/* Takes the lock to the end of the block. */
#define MEMORY_LOCKED(memory)                                                                      \
    struct memory *map_locked __attribute__((cleanup(map_leave), unused)) = map_enter(memory)

static inline struct memory *map_enter(struct memory *memory)
{
    map_lock(memory);
    return memory;
}

static inline void map_leave(struct memory **memory)
{
    map_unlock(*memory);
}

/* Entries of the tables: what is added for a moment, or is only dropped, needs no room. */
#define MAP_ENTRIES (MEMORY_REGIONS_MAX + 8)

/* Whether the map can take a new region, with a cut at either end of it. */
static inline int map_room(const struct memory *memory)
{
    return memory->count + memory->dropped_count + 3 <= MEMORY_REGIONS_MAX;
}

/* Whether the map can take the regions that come of cutting at start and end. */
int map_room_to_cut(const struct memory *memory, uint32_t start, uint32_t end);

/* Index of the first region that ends above page (count when there is none). */
uint32_t map_find(const struct memory *memory, uint32_t page);

/* The region that page lies in, or NULL. */
struct region *map_at(const struct memory *memory, uint32_t page);

/* Whether nothing is mapped in [start, end). */
int map_free(const struct memory *memory, uint32_t start, uint32_t end);

/* Whether a pinned region lies in [start, end), even partly. */
int map_pinned(const struct memory *memory, uint32_t start, uint32_t end);

/* End of the mapped stretch without gap that starts at start, at most end. start when start is not
 * mapped. */
uint32_t map_extent(const struct memory *memory, uint32_t start, uint32_t end);

/* Pages mapped in [start, end), and sums of [start, end) as in memory->pages. */
void map_count(const struct memory *memory, uint32_t start, uint32_t end,
               struct memory_pages *pages);

/* Adds a region to where nothing is mapped, and joins it with its neighbours if it continues them.
 * The reference of its file becomes the map's. Needs room. */
void map_insert(struct memory *memory, struct region region);

/* Takes [start, end) out of the map. Needs room if it makes two regions of one. */
void map_remove(struct memory *memory, uint32_t start, uint32_t end);

/* Whether memory_map_fixed made the region for an image: its file's pages, its other memory, the
 * gate page, the main stack. */
static inline int map_is_loaders(const struct region *region)
{
    return region->object && !(region->flags & (REGION_FILE | REGION_SHARED));
}

/* A region that cannot be written has other content now, or there is more or less of it; nothing is
 * known of any. Inserting, removing and changing call the first themselves. */
void map_constant_changed(struct memory *memory, const struct region *region);
void map_constants_changed(struct memory *memory);

/* Empties the map alone, which has no files; for warm.c. */
void map_forget(struct memory *memory);

/* Changes flags of what is mapped in [start, end): clears, then sets. Needs room to cut. */
void map_change(struct memory *memory, uint32_t start, uint32_t end, uint32_t clear, uint32_t set);

/* Finds the highest `pages` free pages that end at or below `limit` (and below memory->top);
 * multiples of 2 MiB are aligned to it when possible, for huge pages. Returns the start, or 0 when
 * there is no room. */
uint32_t map_search(struct memory *memory, uint32_t pages, uint32_t limit);

/* memory.c: the lower pages of the main stack that it has not grown to; Linux would not have them
 * mapped yet. Returns how many they are, from *start. */
uint32_t memory_stack_rest(const struct memory *memory, uint32_t *start);

/* The pages [start, end) are about to be mapped: the main stack no longer grows to within its guard
 * gap of them, nor past them, as on Linux. */
void memory_stop_stack(struct memory *memory, uint32_t start, uint32_t end);

/* host.c: what the map's changes are to the host. All take page numbers; the caller has made sure
 * that the range is inside the usable window and nothing in it pinned. They return 0 or -errno. */

/* Puts the reservation back over a range; what was there is gone. Returns 0, or -ENOMEM with
 * nothing changed: the host has no mapping left for the borders. */
int host_try_reserve(const struct memory *memory, uint32_t start, uint32_t end);

/* Makes all of the window inaccessible where host_try_reserve could not. If it is not all
 * reservation then, it is lost. */
void host_abandon(struct memory *memory);

/* Changes the protection of mapped or reserved pages. On reserved pages this maps zero-filled
 * private memory. */
int host_protect(struct memory *memory, uint32_t start, uint32_t end, uint32_t flags);

/* Maps over a range what flags (MAP_PRIVATE, MAP_SHARED, MAP_ANONYMOUS), fd and offset (pages) say.
 * After an error it is reserved, or as it was: the host may have no mapping left even for that. */
int host_map(struct memory *memory, uint32_t start, uint32_t end, uint32_t protection,
             int flags, int fd, uint64_t offset);

/* Maps the shared pages at [start, end) of one window at the same place of another. */
int host_share(struct memory *to, const struct memory *from, uint32_t start, uint32_t end);

/* Moves [from, from + old) to [to, to + new), growing it, and reserves what it leaves, unless
 * `keep` is set (the old place then stays mapped, empty). With old 0 maps the shared pages at
 * `from` a second time. After an error the target is reserved. */
int host_move(struct memory *memory, uint32_t from, uint32_t old, uint32_t to, uint32_t new,
              int keep);

/* Lets the mapping at [start, start + old) grow to `new` pages over reserved ones.
 * Both may lose the window. */
int host_grow(struct memory *memory, uint32_t start, uint32_t old, uint32_t new);

long host_advise(const struct memory *memory, uint32_t start, uint32_t end, int advice);

/* mlock2 without waiting for pages, or munlock. */
int host_lock(struct memory *memory, uint32_t start, uint32_t end, int locked);

/* Brings pages in, as far as they are accessible; without the lock, as it may take long. Returns 0,
 * or -ENOMEM where it could not. */
int memory_populate(struct memory *memory, uint32_t start, uint32_t end);

/* mmap.c: takes [start, end) out of window and map. The lock is held, nothing in the range is
 * pinned. Returns 0, or -ENOMEM with nothing changed. */
int memory_unmap(struct memory *memory, uint32_t start, uint32_t end);

/* Ends those who run in the task's window, if it is lost. After the lock was opened. */
static inline void memory_end_if_lost(struct task *task)
{
    if (atomic_load_explicit(&task->process->memory->lost, memory_order_relaxed))
        process_end_space(task->process->space);
}

/* mmap.c: whether `pages` more of a region with these flags keep within RLIMIT_AS and RLIMIT_DATA,
 * and are not more than the host would commit (unless commit is 0). gone: pages that the same call
 * unmaps. */
int memory_may_grow(struct task *task, uint64_t pages, uint32_t flags, int commit,
                    const struct memory_pages *gone);

#endif
