// When the host refuses anything, wholly or half way, that keeping a window or using it again needs, does the next process find anything but what it must?
// RUN: %clang -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -D_GNU_SOURCE -DLIND_SANITIZED -I%root -include %S/Inputs/refusing_host.h %s %root/microvisor/mm/*.c %root/rt/copy.c %root/rt/copy_access.S %root/rt/lock.c %root/rt/window.c -o %t
// RUN: %t
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/place.h"
#include "microvisor/mm/map.h"
#include "rt/window.h"

#undef host_call6

/* What the room needs of others. */
struct rt_upcalls rt_upcalls;

long run_cold(struct task *task, long (*function)(struct task *task, void *data), void *data)
{
    return function(task, data);
}

void thread_each_range(uint64_t base, void (*each)(uint64_t range, void *data), void *data)
{
}

void file_release(struct file *file)
{
    abort();
}

struct file *descriptor_get_shared(struct descriptors *table, uint32_t fd)
{
    abort();
}

long place_guest_path(struct place *place, const struct mount *prefer, int host_fd, char *path, size_t size)
{
    return -ENOENT;
}

void process_end_space(const struct space *space)
{
    abort();
}

/* Which of the calls that are made from now on are refused: one, one of which half is done before,
 * or one and all that follow. */
static enum { NONE, ONE, HALF, REST, WAYS } way;
static int before, made;

static int changes(long number, uint64_t flags)
{
    return number == SYS_mprotect || number == SYS_madvise || number == SYS_mlock2 || number == SYS_munlock ||
           number == SYS_pread64 || (number == SYS_mmap && flags & MAP_FIXED);
}

long refusing_call(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    if (way == NONE || !changes(number, d) || made++ < before || (way != REST && made != before + 1))
        return host_call6(number, a, b, c, d, e, f);
    if (way == HALF && number != SYS_mmap && number != SYS_pread64)
        host_call6(number, a, b / 2 & ~4095ULL, c, d, e, f);
    return -ENOMEM;
}

enum { PAGE = 4096, REGIONS = 8 };

/* What a program has: a region that is not writable gets its content first. */
static const struct piece {
    uint64_t start;
    int pages;
    unsigned flags;
    int image;
} pieces[REGIONS] = {
    {0x10000000, 4, PROT_READ | PROT_EXEC | REGION_PINNED, 1},
    {0x10004000, 1, PROT_READ | REGION_PINNED, 0}, /* the gate page */
    {0x10005000, 6, PROT_READ, 1},
    {0x1000b000, 8, PROT_READ | PROT_WRITE, 1},
    {0x10020000, 40, PROT_READ | PROT_WRITE, 0},
    {0x10080000, 20, PROT_NONE, 0},
    {0x10100000, 300, PROT_READ | PROT_WRITE, 0},
    {0x20000000, 64, PROT_READ | PROT_WRITE | REGION_STACK, 0},
};
enum { GATE = 1, IMAGE_PAGES = 32 };

/* Who wrote a page. */
#define PARENT 0x123400000000UL
#define CHILD 0xabc00000000UL
static const char name[] = "[program]";
static int image_fd;

/* Process and task of a window, for calls. */
struct world {
    struct process process;
    struct task task;
    uint64_t base;
    struct memory *memory;
};
static struct world parent, child;

static int access_host(const struct world *world, uint64_t at, uint64_t *value, int write)
{
    struct iovec ours = {value, sizeof *value}, theirs = {(void *)(world->base + at), sizeof *value};
    return (write ? process_vm_writev : process_vm_readv)(getpid(), &ours, 1, &theirs, 1, 0) == sizeof *value;
}

static void protect(const struct world *world, const struct piece *piece, int protection)
{
    assert(!mprotect((void *)(world->base + piece->start), (size_t)piece->pages * PAGE, protection));
}

/* The content of a piece's page before anyone wrote to it. */
static uint64_t first_content(const struct piece *piece, int page)
{
    return piece->image ? 0xf11e0000 + (piece->start - pieces[0].start) / PAGE + (uint64_t)page : 0;
}

/* Every third page, each writer's another, is as it was at the beginning; the others differ. */
static uint64_t content(const struct piece *piece, int page, uint64_t writer)
{
    return writer && page % 3 != (writer == CHILD) ? writer + piece->start + (uint64_t)page : first_content(piece, page);
}

static int is_text(const struct piece *piece)
{
    return piece->flags & PROT_EXEC || piece == &pieces[GATE];
}

static void fill(const struct world *world, uint64_t writer)
{
    for (const struct piece *piece = pieces; piece < pieces + REGIONS; piece++)
        for (int page = 0; page < piece->pages && piece->flags & PROT_WRITE; page++) {
            uint64_t value = content(piece, page, writer);
            if (value != first_content(piece, page))
                assert(access_host(world, piece->start + (uint64_t)page * PAGE, &value, 1));
        }
}

/* Anything else than what `writer` would have there is another's. constant_writer: of what cannot
 * be written. */
static void check(const struct world *world, uint64_t writer, uint64_t constant_writer)
{
    for (const struct piece *piece = pieces; piece < pieces + REGIONS; piece++) {
        if (!(piece->flags & PROT_READ))
            protect(world, piece, PROT_READ);
        for (int page = 0; page < piece->pages; page++) {
            uint64_t value, at = piece->start + (uint64_t)page * PAGE;
            uint64_t by = piece->flags & PROT_WRITE ? writer : constant_writer;
            uint64_t should = is_text(piece) ? first_content(piece, page) : content(piece, page, by);
            if (piece == &pieces[GATE])
                should = world->base;
            assert(access_host(world, at, &value, 0));
            if (value != should) {
                printf("piece %d, page %d: %#lx, should be %#lx\n", (int)(piece - pieces), page, value, should);
                abort();
            }
            int writable = access_host(world, at, &value, 1);
            assert(writable == !!(piece->flags & PROT_WRITE));
        }
        if (!(piece->flags & PROT_READ))
            protect(world, piece, PROT_NONE);
    }
}

/* What is not in the map is not accessible, unless it is kept for the next; and nothing is locked. */
static void check_rest(const struct world *world)
{
    if (atomic_load(&world->memory->lost))
        return; /* nobody uses it again */
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[512], protection[5], flags[5];
    unsigned long start, end, reached = world->base;
    int inside = 0;
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %4s", &start, &end, protection) == 3) {
            inside = end > world->base && start < world->base + LIND_WINDOW_SIZE;
            if (!inside)
                continue;
            assert(start <= reached);
            reached = end;
            struct memory_region region;
            char named[16];
            for (uint64_t at = start; *protection != '-' && !memory_is_warm(world->memory) && at < end; at += PAGE)
                assert(memory_describe(world->memory, NULL, at - world->base, &region, named, sizeof named) &&
                       region.start <= at - world->base);
        } else if (inside && sscanf(line, "VmFlags: %4s", flags) == 1) {
            assert(!strstr(line, " lo"));
        }
    }
    fclose(maps);
    assert(reached >= world->base + LIND_WINDOW_SIZE);
}

/* Lays the program out as proc/load.c does. Returns 0 or -errno. */
static int start(struct world *world)
{
    int error = memory_start(world->memory);
    memory_set_image(world->memory, image_fd);
    for (const struct piece *piece = pieces; !error && piece < pieces + REGIONS; piece++) {
        error = memory_map_fixed(world->memory, piece->start, (uint64_t)piece->pages * PAGE, piece->flags,
                                 piece->image ? image_fd : -1, piece->start - pieces[0].start, name);
        if (piece != &pieces[GATE] || error) {
            error = error < 0 ? error : 0;
            continue;
        }
        error = memory_protect(world->memory, piece->start, PAGE, PROT_READ | PROT_WRITE);
        if (!error)
            assert(access_host(world, piece->start, &world->base, 1));
        if (!error)
            error = memory_protect(world->memory, piece->start, PAGE, PROT_READ);
    }
    return error ? error : memory_started(world->memory);
}

/* Content of what is not writable, as relocation has it. */
static int relocate(struct world *world, uint64_t writer)
{
    int error = 0;
    for (const struct piece *piece = pieces; piece < pieces + REGIONS; piece++) {
        if (piece->flags & PROT_WRITE || is_text(piece))
            continue;
        uint64_t size = (uint64_t)piece->pages * PAGE;
        error = error ? error : memory_protect(world->memory, piece->start, size, PROT_READ | PROT_WRITE);
        for (int page = 0; !error && page < piece->pages; page++) {
            uint64_t value = content(piece, page, writer);
            if (value != first_content(piece, page))
                assert(access_host(world, piece->start + (uint64_t)page * PAGE, &value, 1));
        }
        error = error ? error : memory_protect(world->memory, piece->start, size, (int)(piece->flags & REGION_PROTECTION));
    }
    return error;
}

/* As proc/load.c: returns 0 or -errno. */
static int copy(void)
{
    int error = memory_copy(child.memory, parent.memory, pieces[GATE].start, -1);
    if (error)
        return error < 0 ? error : 0;
    assert(access_host(&child, pieces[GATE].start, &child.base, 1));
    return memory_protect(child.memory, pieces[GATE].start, PAGE, PROT_READ);
}

static int rest(void)
{
    return memory_rest(child.memory, pieces[GATE].start, 1);
}

/* Whoever has the window next: it is warm for the same program, or good for anything. */
static void replace_if_spoilt(int error)
{
    if (!error)
        return;
    if (!memory_destroy(child.memory))
        window_release(child.base);
    assert(!window_reserve(&child.base));
    child.memory = child.process.memory = memory_create(child.base);
    child.process.cage.base = child.task.thread.base = child.base;
}

static long call(struct world *world, call_function *function, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t args[6] = {a, b, c};
    return function(&world->task, args);
}

/* What processes do with what they have before they end. */
static void lock_data(void)
{
    call(&child, call_mlock2, pieces[4].start, 8 * PAGE, 1 /* MLOCK_ONFAULT */);
    call(&child, call_munlock, pieces[4].start, 8 * PAGE, 0);
}

static void lock_constant(void)
{
    call(&child, call_mlock2, pieces[2].start, 6 * PAGE, 1);
}

static void give_up_constant(void)
{
    call(&child, call_madvise, pieces[2].start, 6 * PAGE, MADV_DONTNEED);
}

static void open_constant(void)
{
    call(&child, call_mprotect, pieces[5].start, 20 * PAGE, PROT_READ);
    call(&child, call_mprotect, pieces[5].start, 20 * PAGE, PROT_NONE);
}

/* Memory of its own: neighbours, one that cannot be written any more, and where the break is. */
static void map_more(void)
{
    static const uint64_t starts[] = {0x10030000 + 40 * PAGE, 0x30000000, 0x30003000, 0x30005000};
    for (int i = 0; i < 4; i++) {
        uint64_t value = CHILD;
        if (!memory_map_fixed(child.memory, starts[i], 2 * PAGE, PROT_READ | PROT_WRITE, -1, 0, NULL))
            assert(access_host(&child, starts[i], &value, 1));
    }
    call(&child, call_mprotect, 0x30003000, 2 * PAGE, PROT_READ);
}

/* Its parent's memory in pieces, and some beside it. */
static void cut_data(void)
{
    uint64_t value = CHILD, start = pieces[4].start;
    call(&child, call_munmap, start + 8 * PAGE, 3 * PAGE, 0);
    call(&child, call_munmap, start + 38 * PAGE, 2 * PAGE, 0);
    if (!memory_map_fixed(child.memory, start - 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, -1, 0, name))
        assert(access_host(&child, start - 2 * PAGE, &value, 1));
}

static void nothing(void)
{
}

static void (*const doings[])(void) = {nothing, lock_data, lock_constant, give_up_constant, open_constant, map_more, cut_data};
enum { DOINGS = sizeof doings / sizeof *doings };

enum { COPY, START, KINDS };

/* Has a child, or a new program, in the child's window. Returns 0 or -errno. */
static int live(int kind)
{
    return kind == START ? start(&child) : copy();
}

static void check_found(int kind)
{
    uint64_t writer = kind == START ? 0 : PARENT;
    check(&child, writer, writer);
}

/* Refuses what is done in the life of one, at its end. Returns whether anything was. */
static int refuse_end(int kind, void (*doing)(void), int how)
{
    assert(!live(kind) && (kind == COPY || !relocate(&child, CHILD)));
    fill(&child, CHILD);
    made = 0;
    way = how;
    doing();
    int error = rest();
    way = NONE;
    int refused = made > before;
    assert(refused || !error);
    check_rest(&child);
    replace_if_spoilt(error);
    return refused;
}

/* Refuses what its beginning needs. */
static int refuse_begin(int kind, void (*doing)(void), int how)
{
    assert(!live(kind) && (kind == COPY || !relocate(&child, CHILD)));
    fill(&child, CHILD);
    doing();
    assert(!rest());
    made = 0;
    way = how;
    int error = live(!kind);
    way = NONE;
    int refused = made > before;
    assert(refused || !error);
    if (!error) {
        check_found(!kind);
        check_rest(&child);
    }
    error = rest(); /* as proc/load.c after an error, too */
    check_rest(&child);
    replace_if_spoilt(error);
    return refused;
}

static void begin(struct world *world)
{
    assert(!window_reserve(&world->base));
    world->memory = world->process.memory = memory_create(world->base);
    world->task.process = &world->process;
    world->process.cage.base = world->task.thread.base = world->base;
    for (int i = 0; i < PROCESS_LIMITS; i++)
        process_set_limits(&world->process, i, (struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
}

/* Nothing is refused: the next two find what they must. */
static void check_next(int kind)
{
    for (int i = 0; i < KINDS; i++) {
        assert(!live(kind ^ i));
        check_found(kind ^ i);
        check_rest(&child);
        fill(&child, CHILD + PAGE);
        assert(!rest());
    }
}

/* What a failed assertion is about. */
static struct {
    const char *what;
    int kind, doing, how;
} tried;

static int refuse_each(const char *what, int (*refuse)(int kind, void (*doing)(void), int how), int kind, int doing)
{
    int count = 0;
    for (int how = ONE; how < WAYS; how++)
        for (before = 0;; before++, count++) {
            tried.what = what, tried.kind = kind, tried.doing = doing, tried.how = how;
            if (!refuse(kind, doings[doing], how))
                break;
            check_next(before % KINDS);
        }
    return count;
}

static void tell_tried(int signal)
{
    fflush(stdout);
    fprintf(stderr, "refused: %s %d, doing %d, how %d, before %d\n", tried.what, tried.kind, tried.doing, tried.how, before);
    _exit(1);
}

int main(void)
{
    signal(SIGABRT, tell_tried);
    image_fd = memfd_create("image", MFD_CLOEXEC);
    assert(image_fd >= 0 && !ftruncate(image_fd, IMAGE_PAGES * PAGE));
    for (int i = 0; i < IMAGE_PAGES; i++) {
        uint64_t value = 0xf11e0000 + (uint64_t)i;
        assert(pwrite(image_fd, &value, sizeof value, i * PAGE) == sizeof value);
    }
    begin(&parent);
    begin(&child);
    assert(!start(&parent) && !relocate(&parent, PARENT));
    fill(&parent, PARENT);
    int count = 0;
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; i < DOINGS; i++) {
            count += refuse_each("end", refuse_end, kind, i);
            count += refuse_each("begin", refuse_begin, kind, i);
        }
    printf("%d refused\n", count);
    assert(count > 200);
    return 0;
}
