// Do the memory calls leave in a real window what a page-by-page model says, content included, and never a hole in the reservation?
// RUN: %clang -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -D_GNU_SOURCE -DLIND_SANITIZED -I%root %s %root/microvisor/mm/*.c %root/rt/copy.c %root/rt/copy_access.S %root/rt/lock.c %root/rt/window.c -o %t
// RUN: %t 1 && %t 2 && %t 3
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/place.h"
#include "microvisor/mm/memory.h"
#include "rt/window.h"

/* What the room needs of others. */
struct rt_upcalls rt_upcalls;

long run_cold(struct task *task, long (*function)(struct task *task, void *data), void *data)
{
    return function(task, data);
}

void thread_each_range(uint64_t base, void (*each)(uint64_t range, void *data), void *data)
{
    abort();
}
void file_release(struct file *file)
{
    abort();
}
struct file *descriptor_get_shared(struct descriptors *table, uint32_t fd)
{
    abort();
}
long place_guest_path(struct place *place, const struct mount *prefer, int host_fd, char *path,
                      size_t size)
{
    return -ENOENT;
}

#define AREA_START 0x10000000ULL
enum { AREA = 192, PAGE = 4096, FILE_PAGES = 64, STEPS = 6000, OBJECTS = STEPS + 1 };
#define AREA_END (AREA_START + AREA * PAGE)

/* One page of content that mappings can share. */
struct content {
    uint64_t value;
};

struct page {
    int mapped, protection, shared, pinned, file;
    struct content *content; /* shared, or a file's page that a private mapping has not written yet; else NULL */
    uint64_t value;          /* private content */
};

static struct page model[AREA], moved[AREA];
static struct content file_content[FILE_PAGES];
static struct content *shared_content[OBJECTS];
static int shared_count;
static struct process process;
static struct task task;
static struct memory *memory;
static struct descriptors table;
static struct file file = {.references = 1, .kind = FILE_REGULAR, .flags = O_RDWR};
static const struct file_operations operations;
static int done[16], failed[16];

static uint32_t below(uint32_t n)
{
    return (uint32_t)rand() % n;
}

static long call(call_function *function, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                 uint64_t f)
{
    const uint64_t args[6] = {a, b, c, d, e, f};
    return function(&task, args);
}

static struct page *page_at(uint64_t address)
{
    assert(address >= AREA_START && address < AREA_END);
    return &model[(address - AREA_START) / PAGE];
}

static uint64_t value_of(const struct page *page)
{
    return page->content ? page->content->value : page->value;
}

static int read_host(uint64_t address, uint64_t *value)
{
    struct iovec to = {value, 8}, from = {(void *)(process.cage.base + address), 8};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 8;
}

static int write_host(uint64_t address, uint64_t value)
{
    struct iovec from = {&value, 8}, to = {(void *)(process.cage.base + address), 8};
    return process_vm_writev(getpid(), &from, 1, &to, 1, 0) == 8;
}

static void check_page(uint64_t address)
{
    const struct page *page = page_at(address);
    uint64_t value;
    int readable = page->mapped && page->protection & PROT_READ; /* the host copies only what is readable */
    value = 0;
    if (read_host(address, &value) != readable || (readable && value != value_of(page))) {
        fprintf(stderr, "page %#lx: mapped %d protection %d shared %d file %d: value %lx, should be %lx\n",
                address, page->mapped, page->protection, page->shared, page->file, value, value_of(page));
        abort();
    }
}

/* The window is one stretch of host mappings, and what the map calls free is inaccessible. */
static void check_window(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512], protection[5];
    unsigned long start, end, reached = process.cage.base;
    uint64_t at = AREA_START;
    struct memory_region region;
    char name[64];
    while (fgets(line, sizeof line, maps)) {
        assert(sscanf(line, "%lx-%lx %4s", &start, &end, protection) == 3);
        if (end <= process.cage.base || start >= process.cage.base + LIND_WINDOW_SIZE)
            continue;
        assert(start <= reached);
        reached = end;
        assert(protection[2] == '-');
    }
    fclose(maps);
    assert(reached >= process.cage.base + LIND_WINDOW_SIZE);
    while (memory_describe(memory, NULL, at, &region, name, sizeof name) && region.start < AREA_END) {
        for (; at < region.start; at += PAGE)
            assert(!page_at(at)->mapped);
        for (; at < region.end; at += PAGE)
            assert(page_at(at)->mapped && page_at(at)->shared == !!(region.flags & REGION_SHARED) &&
                   page_at(at)->protection == (int)(region.flags & REGION_PROTECTION));
    }
    for (; at < AREA_END; at += PAGE)
        assert(!page_at(at)->mapped);
}

static int any_pinned(uint64_t start, uint64_t length)
{
    for (uint64_t at = start; at < start + length; at += PAGE)
        if (page_at(at)->pinned)
            return 1;
    return 0;
}

static int all_mapped(uint64_t start, uint64_t length)
{
    for (uint64_t at = start; at < start + length; at += PAGE)
        if (!page_at(at)->mapped)
            return 0;
    return 1;
}

static void random_range(uint64_t *start, uint64_t *length)
{
    uint32_t first = below(AREA), pages = 1 + below(below(4) ? 6 : 40);
    if (first + pages > AREA)
        pages = AREA - first;
    *start = AREA_START + first * (uint64_t)PAGE;
    *length = pages * (uint64_t)PAGE;
}

/* Bringing in writable pages of a private mapping of a file copies them. */
static void populated(uint64_t start, uint64_t length)
{
    for (uint64_t at = start; at < start + length; at += PAGE) {
        struct page *page = page_at(at);
        if (page->shared || !page->content || !(page->protection & PROT_WRITE))
            continue;
        page->value = page->content->value;
        page->file = 1 + (int)(page->content - file_content);
        page->content = NULL;
    }
}

static void do_mmap(void)
{
    uint64_t start, length;
    random_range(&start, &length);
    int protection = (int)below(4), flags = below(2) ? MAP_PRIVATE : MAP_SHARED;
    int of_file = below(3) == 0;
    uint32_t first = below(FILE_PAGES - 40); /* ranges have at most 40 pages */
    if (!of_file)
        flags |= MAP_ANONYMOUS;
    uint32_t how = below(4);
    flags |= how == 0 ? MAP_FIXED : how == 1 ? MAP_FIXED_NOREPLACE : 0;
    if (below(8) == 0)
        flags |= MAP_POPULATE;
    int occupied = 0;
    for (uint64_t at = start; at < start + length; at += PAGE)
        occupied |= page_at(at)->mapped;
    long got = call(call_mmap, how == 3 ? 0 : start, length, (uint64_t)protection, (uint64_t)flags, 0,
                    first * (uint64_t)PAGE);
    if (how == 0 && any_pinned(start, length)) {
        assert(got == -EPERM);
        return;
    }
    if (how == 1 && occupied) {
        assert(got == -EEXIST);
        return;
    }
    assert(got > 0);
    if (how < 2 || (how == 2 && !occupied))
        assert((uint64_t)got == start);
    if ((uint64_t)got < AREA_START) {
        /* No room was left in the area. */
        assert(!call(call_munmap, (uint64_t)got, length, 0, 0, 0, 0));
        return;
    }
    struct content *object = NULL;
    if (of_file)
        object = file_content + first;
    else if (flags & MAP_SHARED)
        object = shared_content[shared_count++] = calloc(length / PAGE, sizeof *object);
    for (uint64_t at = 0; at < length; at += PAGE) {
        assert(how < 1 || !page_at((uint64_t)got + at)->mapped);
        *page_at((uint64_t)got + at) =
            (struct page){.mapped = 1,
                          .protection = protection,
                          .shared = !!(flags & MAP_SHARED),
                          .file = of_file,
                          .content = object ? object + at / PAGE : NULL};
    }
    if (flags & MAP_POPULATE)
        populated((uint64_t)got, length);
}

static void do_munmap(void)
{
    uint64_t start, length;
    random_range(&start, &length);
    long got = call(call_munmap, start, length, 0, 0, 0, 0);
    assert(got == (any_pinned(start, length) ? -EPERM : 0));
    if (!got)
        memset(page_at(start), 0, length / PAGE * sizeof *model);
}

static void do_mprotect(void)
{
    uint64_t start, length;
    random_range(&start, &length);
    uint64_t protection = below(4);
    long got = call(call_mprotect, start, length, protection, 0, 0, 0), expected = 0;
    for (uint64_t at = start; at < start + length && !expected; at += PAGE) {
        struct page *page = page_at(at);
        expected = !page->mapped ? -ENOMEM : page->pinned ? -EPERM : 0;
        if (!expected)
            page->protection = (int)protection;
    }
    assert(got == expected);
    assert(call(call_mprotect, start, length, PROT_READ | PROT_EXEC, 0, 0, 0) < 0);
}

static void do_madvise(void)
{
    uint64_t start, length;
    random_range(&start, &length);
    long got = call(call_madvise, start, length, MADV_DONTNEED, 0, 0, 0);
    if (any_pinned(start, length)) {
        /* What stands before the pinned page is advised. */
        assert(got == -EPERM);
    } else {
        assert(got == (all_mapped(start, length) ? 0 : -ENOMEM));
    }
    for (uint64_t at = start; at < start + length && !page_at(at)->pinned; at += PAGE) {
        struct page *page = page_at(at);
        if (page->mapped && !page->shared) {
            page->value = 0;
            if (page->file && !page->content) {
                /* A written page of a private mapping falls back to the file's. */
                page->content = file_content + (page->file - 1);
            }
        }
    }
}

static void forget_lost(uint64_t start, uint64_t length)
{
    struct memory_region region;
    char name[8];
    for (uint64_t at = start; at < start + length; at += PAGE) {
        int there = memory_describe(memory, NULL, at, &region, name, sizeof name) && region.start <= at;
        if (!there)
            *page_at(at) = (struct page){0};
    }
}

static void do_mremap(void)
{
    uint64_t from, old, to, length;
    random_range(&from, &old);
    random_range(&to, &length);
    if (below(16) == 0)
        old = 0;
    uint32_t how = below(4);
    uint64_t flags = how == 0 ? 0 : how == 1 ? MREMAP_MAYMOVE : MREMAP_MAYMOVE | MREMAP_FIXED;
    if (how == 2 && below(2)) {
        flags |= 4; /* MREMAP_DONTUNMAP */
        length = old ? old : length;
        if (to + length > AREA_END)
            return;
    }
    int pinned = any_pinned(from, old ? old : PAGE) || (how > 1 && any_pinned(to, length));
    long got = call(call_mremap, from, old, length, flags, to, 0);
    if (got < 0) {
        failed[5]++;
        if (how > 1)
            forget_lost(to, length);
        if (old > length)
            forget_lost(from + length, old - length);
        return;
    }
    assert(!pinned);
    uint64_t target = (uint64_t)got;
    assert(how > 1 ? target == to : 1);
    /* Content moves; the rest of the source goes. */
    uint32_t kept = (uint32_t)((old && old < length ? old : length) / PAGE), all = (uint32_t)(length / PAGE);
    struct page source = *page_at(from), last = old ? *page_at(from + (kept - 1ULL) * PAGE) : source;
    memset(moved, 0, sizeof moved);
    memcpy(moved, page_at(from), (old ? kept : 0) * sizeof *moved);
    for (uint32_t i = old ? kept : 0; i < all; i++) {
        /* What is new continues the mapping: zeroes, or the next pages of the file (beyond an anonymous object's end: SIGBUS). */
        moved[i] = (struct page){.mapped = 1, .protection = last.protection, .shared = last.shared, .file = last.file};
        if (last.shared || last.file)
            moved[i].content = (struct content *)1;
    }
    if (old && !(flags & 4))
        memset(page_at(from), 0, old / PAGE * sizeof *model);
    else if (old)
        for (uint64_t at = from; at < from + old; at += PAGE)
            if (!page_at(at)->shared) {
                page_at(at)->value = 0;
                if (page_at(at)->file)
                    page_at(at)->content = (struct content *)1;
            }
    /* What came to lie outside the area, and growth of what has an object, which is checked for its extent only, is unmapped again. */
    if (target < AREA_START) {
        assert(!call(call_munmap, target, length, 0, 0, 0, 0));
        all = 0;
    } else if (target + length > AREA_END) {
        assert(!call(call_munmap, AREA_END, target + length - AREA_END, 0, 0, 0, 0));
        all = (uint32_t)((AREA_END - target) / PAGE);
    }
    if (all)
        memcpy(page_at(target), moved, all * sizeof *moved);
    for (uint64_t at = AREA_START; at < AREA_END; at += PAGE)
        if (page_at(at)->content == (struct content *)1) {
            assert(!call(call_munmap, at, PAGE, 0, 0, 0, 0));
            *page_at(at) = (struct page){0};
        }
}

static void do_write(void)
{
    uint64_t at = AREA_START + below(AREA) * (uint64_t)PAGE, value = random_bits();
    struct page *page = page_at(at);
    int writable = page->mapped && page->protection & PROT_WRITE;
    if (write_host(at, value) != writable) {
        fprintf(stderr, "page %#lx: mapped %d protection %d shared %d file %d: written: %d\n", at, page->mapped,
                page->protection, page->shared, page->file, !writable);
        abort();
    }
    if (!writable)
        return;
    if (page->shared) {
        page->content->value = value;
    } else {
        if (page->content)
            page->file = 1 + (int)(page->content - file_content);
        page->content = NULL;
        page->value = value;
    }
}

static void do_brk(void)
{
    /* The heap starts in the middle of the area and shares it with the rest. */
    static uint64_t now = AREA_START + AREA / 2 * PAGE;
    uint64_t wanted = AREA_START + (AREA / 2 + below(24)) * (uint64_t)PAGE, old = now;
    int may = 1;
    if (wanted > old)
        for (uint64_t at = old; at < wanted; at += PAGE)
            may &= !page_at(at)->mapped;
    else if (wanted < old)
        may = !any_pinned(wanted, old - wanted);
    long got = call(call_brk, wanted, 0, 0, 0, 0, 0);
    assert(got == (long)(may ? wanted : old));
    if (!may)
        return;
    now = wanted;
    for (uint64_t at = old; at < wanted; at += PAGE)
        *page_at(at) = (struct page){.mapped = 1, .protection = PROT_READ | PROT_WRITE};
    for (uint64_t at = wanted; at < old; at += PAGE)
        *page_at(at) = (struct page){0};
}

static void do_harmless(void)
{
    uint64_t start, length;
    random_range(&start, &length);
    switch (below(7)) {
    case 0:
        call(call_msync, start, length, MS_SYNC, 0, 0, 0);
        break;
    case 1:
        call(call_mlock, start, length, 0, 0, 0, 0);
        if (all_mapped(start, length))
            populated(start, length);
        call(call_munlockall, 0, 0, 0, 0, 0, 0);
        break;
    case 2:
        call(call_madvise, start, length, MADV_NOHUGEPAGE, 0, 0, 0);
        break;
    case 3:
        call(call_madvise, start, length, MADV_RANDOM, 0, 0, 0);
        break;
    case 4:
        call(call_madvise, start, length, 22 /* MADV_POPULATE_READ */, 0, 0, 0);
        break;
    case 5:
        call(call_madvise, start, length, MADV_WIPEONFORK, 0, 0, 0);
        call(call_madvise, start, length, MADV_KEEPONFORK, 0, 0, 0);
        break;
    default:
        call(call_munlock, start, length, 0, 0, 0, 0);
    }
}

/* A copy has everything, and changes of private pages stay on one side. */
static void check_copy(void)
{
    uint64_t base;
    assert(!window_reserve(&base));
    struct memory *copy = memory_create(base);
    assert(!memory_copy(copy, memory, 0, -1));
    uint64_t original = process.cage.base;
    process.cage.base = base;
    memory = copy;
    for (uint64_t at = AREA_START; at < AREA_END; at += PAGE)
        check_page(at);
    check_window();
    for (uint64_t at = AREA_START; at < AREA_END; at += PAGE) {
        struct page *page = page_at(at);
        if (!page->mapped || !(page->protection & PROT_WRITE))
            continue;
        assert(write_host(at, 77));
        if (page->shared)
            page->content->value = 77;
    }
    memory_destroy(copy);
    window_release(base);
    process.cage.base = original;
    memory = process.memory;
    for (uint64_t at = AREA_START; at < AREA_END; at += PAGE)
        check_page(at);
}

void process_end_space(const struct space *space)
{
    assert(!"a hole in the window");
}

int main(int argc, char **argv)
{
    static void (*const actions[])(void) = {do_mmap, do_mmap,   do_munmap, do_mprotect, do_madvise,
                                            do_mremap, do_write, do_write, do_write, do_brk,
                                            do_harmless};
    srand((unsigned)atoi(argc > 1 ? argv[1] : "1"));
    assert(!window_reserve(&process.cage.base));
    memory = process.memory = memory_create(process.cage.base);
    task.process = &process;
    task.thread.base = process.cage.base;
    process.descriptors = &table;
    table.slots = calloc(DESCRIPTORS_MAX, sizeof *table.slots);
    table.slots[0] = (uintptr_t)&file;
    file.operations = &operations;
    file.host_fd = memfd_create("model", MFD_CLOEXEC);
    assert(file.host_fd >= 0 && !ftruncate(file.host_fd, FILE_PAGES * PAGE));
    for (int i = 0; i < FILE_PAGES; i++) {
        file_content[i].value = random_bits();
        assert(pwrite(file.host_fd, &file_content[i].value, 8, i * PAGE) == 8);
    }
    for (int i = 0; i < PROCESS_LIMITS; i++)
        process_set_limits(&process, i, (struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    memory_set_break(memory, AREA_START + AREA / 2 * PAGE);
    memory_set_top(memory, AREA_END + (1 << 20));

    /* A page of "text" in the area. */
    uint64_t text = AREA_START + AREA / 3 * PAGE;
    assert(!memory_map_fixed(memory, text, PAGE, PROT_READ | PROT_WRITE | REGION_PINNED, -1, 0, "text"));
    assert(write_host(text, 4711));
    assert(!memory_protect(memory, text, PAGE, PROT_READ));
    *page_at(text) = (struct page){.mapped = 1, .protection = PROT_READ, .pinned = 1, .value = 4711};

    for (int step = 0; step < STEPS; step++) {
        uint32_t which = below(sizeof actions / sizeof *actions);
        actions[which]();
        done[which]++;
        for (int i = 0; i < 8; i++)
            check_page(AREA_START + below(AREA) * (uint64_t)PAGE);
        if (step % 100 == 0) {
            for (uint64_t at = AREA_START; at < AREA_END; at += PAGE)
                check_page(at);
            check_window();
        }
        if (step % 1000 == 500)
            check_copy();
    }
    printf("%d of %d mremap done\n", done[5] - failed[5], done[5]);
    assert(done[5] - failed[5] > 20);
    memory_destroy(memory);
    assert(file.references == 1);
    window_release(process.cage.base);
    for (int i = 0; i < shared_count; i++)
        free(shared_content[i]);
    free(table.slots);
    return 0;
}
