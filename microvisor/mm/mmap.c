/* mmap, munmap, mprotect, brk. HOT. What Linux checks is checked in its order; docs/calls.md tells
 * what differs: PROT_EXEC is refused (EPERM for files, as on a file system mounted noexec; EACCES
 * for other memory), MAP_GROWSDOWN is EINVAL, MAP_HUGETLB finds no huge pages (ENOMEM), pinned
 * memory is EPERM. */
#include <sys/mman.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/mm/map.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#define MAP_VALIDATE 3 /* MAP_SHARED_VALIDATE */
#define MAP_UNINITIALIZED_LINUX 0x4000000
#define MAP_ABOVE4G_LINUX 0x80
/* Flags that existed before MAP_SHARED_VALIDATE, which refuses all others. */
#define MAP_LEGACY                                                                                 \
    (MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_GROWSDOWN |       \
     MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB |          \
     MAP_32BIT | MAP_UNINITIALIZED_LINUX | MAP_ABOVE4G_LINUX | (0x1fU << 26))
/* Below this page MAP_32BIT finds its place. */
#define PAGES_LOW (0x80000000U >> PAGE_SHIFT)
#define PAGES_MAX (PAGES_END - PAGES_START)
#define NO_FILE (-1)

int memory_may_grow(struct task *task, uint64_t pages, uint32_t flags, int commit,
                    const struct memory_pages *gone)
{
    struct memory *memory = task->process->memory;
    int data = (flags & REGION_DATA_MASK) == PROT_WRITE;
    uint64_t total = memory->pages.total - gone->total + pages;
    uint64_t most = process_limit(task->process, RLIMIT_AS) >> PAGE_SHIFT;
    uint64_t most_data = process_limit(task->process, RLIMIT_DATA) >> PAGE_SHIFT;
    uint32_t start;
    if (total > most && total - memory_stack_rest(memory, &start) > most)
        return 0;
    if (data && memory->pages.data - gone->data + pages > most_data)
        return 0;
    return !(data && commit && pages > memory->commit_limit);
}

/* Whether `pages` more may be locked: 0, -EPERM when none may, -EAGAIN. */
static int may_lock(const struct task *task, uint64_t pages, uint64_t gone)
{
    uint64_t most = process_limit(task->process, RLIMIT_MEMLOCK);
    if (!most)
        return -EPERM;
    return task->process->memory->pages.locked - gone + pages > most >> PAGE_SHIFT ? -EAGAIN : 0;
}

int memory_unmap(struct memory *memory, uint32_t start, uint32_t end)
{
    uint32_t index = map_find(memory, start);
    if (index == memory->count || memory->regions[index].start >= end)
        return 0;
    const struct region *first = &memory->regions[index];
    if (first->start < start && first->end > end && !map_room_to_cut(memory, start, end))
        return -ENOMEM;
    if (first->start > start)
        start = first->start;
    int error = host_try_reserve(memory, start, end);
    if (!error)
        map_remove(memory, start, end);
    return error;
}

/* What is to be mapped. */
struct request {
    uint64_t address, length, protection, flags, offset;
    struct file *file; /* NULL for anonymous memory */
    int host_fd;       /* of the file; NO_FILE for zeroes; -ENODEV */
};

/* Chooses and checks the place. Returns its first page or -errno. */
static long place(struct memory *memory, const struct request *request, uint64_t pages)
{
    uint64_t address = request->address;
    if (request->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (pages > PAGES_END || address > MEMORY_END - (pages << PAGE_SHIFT))
            return -ENOMEM;
        if (address & PAGE_MASK)
            return -EINVAL;
        if (address < MEMORY_START)
            return -EPERM;
        uint32_t start = (uint32_t)(address >> PAGE_SHIFT), end = start + (uint32_t)pages;
        if (request->flags & MAP_FIXED_NOREPLACE && !map_free(memory, start, end))
            return -EEXIST;
        return map_pinned(memory, start, end) ? -EPERM : (long)start;
    }
    if (pages > PAGES_MAX)
        return -ENOMEM;
    if (address && address < MEMORY_END) {
        uint64_t hint = address >> PAGE_SHIFT;
        if (hint < PAGES_START)
            hint = PAGES_START;
        if (hint + pages <= PAGES_END && map_free(memory, (uint32_t)hint, (uint32_t)(hint + pages)))
            return (long)hint;
    }
    int low = (request->flags & MAP_32BIT) && PAGES_LOW < memory->top;
    uint32_t found = map_search(memory, (uint32_t)pages, low ? PAGES_LOW : memory->top);
    return found ? (long)found : -ENOMEM;
}

/* Checks type and access. Returns the region's flags or -errno. */
static long region_flags(const struct request *request)
{
    const struct file *file = request->file;
    uint64_t type = request->flags & MAP_TYPE;
    int64_t flags = (int64_t)(request->protection & (PROT_READ | PROT_WRITE));
    if (type == MAP_SHARED || (type == MAP_VALIDATE && file)) {
        if (type == MAP_VALIDATE && request->flags & ~(uint64_t)MAP_LEGACY)
            return -EOPNOTSUPP;
        if (file && !file_writable(file)) {
            if (flags & PROT_WRITE)
                return -EACCES;
            flags |= REGION_READ_ONLY;
        }
        flags |= REGION_SHARED;
    } else if (type != MAP_PRIVATE) {
        return -EINVAL;
    }
    if (file && !file_readable(file))
        return -EACCES;
    if (request->protection & PROT_EXEC)
        return file ? -EPERM : -EACCES;
    if (file && request->host_fd < NO_FILE)
        return request->host_fd;
    return request->flags & MAP_GROWSDOWN ? -EINVAL : flags;
}

/* Maps on the host and records it. Where the host refuses, what was there is gone from both, or
 * stays in both: no cage may find it later where its map has nothing. */
static int map(struct memory *memory, const struct request *request, uint32_t start, uint32_t end,
               uint32_t flags)
{
    struct region region = {.start = start, .end = end, .flags = flags, .offset = start};
    int type = flags & REGION_SHARED ? MAP_SHARED : MAP_PRIVATE;
    int occupied = !map_free(memory, start, end);
    int error = 0;
    if (request->host_fd != NO_FILE) {
        region.offset = request->offset >> PAGE_SHIFT;
        region.object = (uintptr_t)request->file;
        region.flags |= REGION_FILE;
        error = host_map(memory, start, end, flags & REGION_PROTECTION, type, request->host_fd,
                         region.offset);
    } else if (flags & REGION_SHARED) {
        region.offset = 0;
        region.object = memory->next_object;
        memory->next_object += 2;
        error = host_map(memory, start, end, flags & REGION_PROTECTION, MAP_SHARED | MAP_ANONYMOUS,
                         NO_FILE, 0);
    } else if (occupied) {
        error = host_map(memory, start, end, flags & REGION_PROTECTION, MAP_PRIVATE | MAP_ANONYMOUS,
                         NO_FILE, 0);
    } else if (flags & REGION_PROTECTION) {
        error = host_protect(memory, start, end, flags);
    }
    if (occupied && (!error || !host_try_reserve(memory, start, end)))
        map_remove(memory, start, end);
    if (!error && flags & REGION_LOCKED && host_lock(memory, start, end, 1)) {
        error = -EAGAIN;
        if (!host_try_reserve(memory, start, end))
            return error;
        region.flags &= ~(uint32_t)(REGION_LOCKED | REGION_ON_FAULT); /* it stays, in the map too */
    } else if (error) {
        return error;
    }
    if (region.flags & REGION_FILE)
        file_get(request->file);
    map_insert(memory, region);
    return error;
}

static long map_request(struct task *task, const struct request *request)
{
    struct memory *memory = task->process->memory;
    uint64_t pages = (request->length + PAGE_MASK) >> PAGE_SHIFT;
    struct memory_pages gone = {0};
    if (!request->length)
        return -EINVAL;
    if (!pages || request->length > MEMORY_END)
        return -ENOMEM;

    map_lock(memory);
    long start = -ENOMEM, error = -ENOMEM, flags;
    uint32_t end = 0;
    if (!map_room(memory))
        goto out;
    error = start = place(memory, request, pages);
    if (start < 0)
        goto out;
    end = (uint32_t)start + (uint32_t)pages;
    error = -EOVERFLOW; /* as long as what is there can stay */
    if (request->file && request->offset > INT64_MAX - request->length)
        goto out;
    if (request->flags & MAP_FIXED)
        map_count(memory, (uint32_t)start, end, &gone);
    uint32_t locked = memory->lock_future | (request->flags & MAP_LOCKED ? REGION_LOCKED : 0);
    error = locked ? may_lock(task, pages, gone.locked) : 0;
    if (error)
        goto out;
    error = flags = region_flags(request);
    if (flags < 0)
        goto out;
    flags |= locked;
    error = -ENOMEM;
    if (!memory_may_grow(task, pages, (uint32_t)flags, !(request->flags & MAP_NORESERVE), &gone))
        goto out;
    memory_stop_stack(memory, (uint32_t)start, end);
    error = map(memory, request, (uint32_t)start, end, (uint32_t)flags);
out:
    map_unlock(memory);
    memory_end_if_lost(task);
    if (error < 0)
        return error;
    if ((request->flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE ||
        (locked & (REGION_LOCKED | REGION_ON_FAULT)) == REGION_LOCKED)
        memory_populate(memory, (uint32_t)start, end); /* as on Linux it is no error if it cannot */
    return start << PAGE_SHIFT;
}

/* file->operations->map, which may use the host's libc. */
static long map_operation(struct task *task, void *file)
{
    return ((struct file *)file)->operations->map(task, file);
}

static int file_host_fd(struct task *task, struct file *file)
{
    if (file->operations->map)
        return (int)run_cold(task, map_operation, file);
    return file->kind == FILE_REGULAR && file->host_fd >= 0 ? file->host_fd : -ENODEV;
}

long call_mmap(struct task *task, const uint64_t args[6])
{
    struct request request = {.address = args[0],
                              .length = args[1],
                              .protection = args[2],
                              .flags = (uint32_t)args[3],
                              .offset = args[5],
                              .host_fd = NO_FILE};
    if (request.offset & PAGE_MASK)
        return -EINVAL;
    if (request.flags & MAP_ANONYMOUS)
        return request.flags & MAP_HUGETLB ? -ENOMEM : map_request(task, &request);

    DESCRIPTION(file, task, args[4]);
    if (!file || file_flags(file) & 010000000 /* O_PATH */)
        return -EBADF;
    if (request.flags & MAP_HUGETLB)
        return -EINVAL;
    request.file = file;
    request.host_fd = file_host_fd(task, file);
    return map_request(task, &request);
}

long call_munmap(struct task *task, const uint64_t args[6])
{
    struct memory *memory = task->process->memory;
    uint64_t address = args[0], length = args[1];
    if (address & PAGE_MASK || address > MEMORY_END || length > MEMORY_END - address || !length)
        return -EINVAL;
    uint32_t start = (uint32_t)(address >> PAGE_SHIFT);
    uint32_t end = (uint32_t)((address + length + PAGE_MASK) >> PAGE_SHIFT);
    MEMORY_LOCKED(memory);
    if (map_free(memory, start, end))
        return 0;
    return map_pinned(memory, start, end) ? -EPERM : memory_unmap(memory, start, end);
}

/* What keeps a region from getting a protection, or 0. */
static int protection_refused(const struct region *region, uint32_t protection)
{
    if (region->flags & REGION_PINNED)
        return -EPERM;
    if (protection & PROT_EXEC)
        return -EACCES;
    return protection & PROT_WRITE && region->flags & REGION_READ_ONLY ? -EACCES : 0;
}

long call_mprotect(struct task *task, const uint64_t args[6])
{
    struct memory *memory = task->process->memory;
    uint64_t address = args[0], length = args[1], protection = args[2];
    uint64_t grows = protection & (PROT_GROWSDOWN | PROT_GROWSUP);
    protection &= ~(uint64_t)(PROT_GROWSDOWN | PROT_GROWSUP);
    if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || address & PAGE_MASK)
        return -EINVAL;
    if (!length)
        return 0;
    uint64_t last = address + ((length + PAGE_MASK) & ~PAGE_MASK);
    if (address >= MEMORY_END || last <= address)
        return -ENOMEM;
    if (protection & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC | 8 /* PROT_SEM */))
        return -EINVAL;
    uint32_t start = (uint32_t)(address >> PAGE_SHIFT);
    uint32_t end = last < MEMORY_END ? (uint32_t)(last >> PAGE_SHIFT) : PAGES_END;

    /* As on Linux, what stands before the first obstacle is changed. */
    MEMORY_LOCKED(memory);
    uint32_t reached = start;
    long error = 0;
    if (!map_room_to_cut(memory, start, end))
        return -ENOMEM;
    for (uint32_t i = map_find(memory, start); reached < end; i++) {
        const struct region *region = &memory->regions[i];
        error = -ENOMEM;
        if (i == memory->count || region->start > reached)
            break;
        error = grows ? -EINVAL : protection_refused(region, (uint32_t)protection);
        if (error)
            break;
        reached = region->end;
    }
    if (reached > end)
        reached = end;
    if (reached > start) {
        int refused = host_protect(memory, start, reached, (uint32_t)protection);
        if (refused)
            error = refused;
        else
            map_change(memory, start, reached, REGION_PROTECTION,
                       protection & (PROT_READ | PROT_WRITE));
    }
    return !error && last > MEMORY_END ? -ENOMEM : error;
}

long call_brk(struct task *task, const uint64_t args[6])
{
    struct memory *memory = task->process->memory;
    uint64_t wanted = args[0], populated = 0;
    const struct memory_pages none = {0};
    map_lock(memory);
    uint64_t old_page = (memory->break_end + PAGE_MASK) >> PAGE_SHIFT;
    uint64_t new_page = (wanted + PAGE_MASK) >> PAGE_SHIFT;
    if (!memory->break_start || wanted < memory->break_start || wanted > MEMORY_END)
        goto out;
    if (wanted - memory->break_start > process_limit(task->process, RLIMIT_DATA))
        goto out;
    if (new_page < old_page) {
        if (map_pinned(memory, (uint32_t)new_page, (uint32_t)old_page) ||
            memory_unmap(memory, (uint32_t)new_page, (uint32_t)old_page))
            goto out;
    } else if (new_page > old_page) {
        struct region region = {.start = (uint32_t)old_page,
                                .end = (uint32_t)new_page,
                                .flags = PROT_READ | PROT_WRITE | memory->lock_future,
                                .offset = old_page};
        uint64_t pages = new_page - old_page;
        if (!map_room(memory) || !map_free(memory, region.start, region.end) ||
            !memory_may_grow(task, pages, region.flags, 1, &none) ||
            (memory->lock_future && may_lock(task, pages, 0)) ||
            host_protect(memory, region.start, region.end, region.flags))
            goto out;
        if (memory->lock_future && host_lock(memory, region.start, region.end, 1)) {
            if (!host_try_reserve(memory, region.start, region.end))
                goto out;
            region.flags &= ~(uint32_t)(REGION_LOCKED | REGION_ON_FAULT); /* it stays */
        }
        map_insert(memory, region);
        populated = (memory->lock_future & (REGION_LOCKED | REGION_ON_FAULT)) == REGION_LOCKED;
    }
    memory->break_end = wanted;
out:
    wanted = memory->break_end;
    map_unlock(memory);
    if (populated)
        memory_populate(memory, (uint32_t)old_page, (uint32_t)new_page);
    return (long)wanted;
}
