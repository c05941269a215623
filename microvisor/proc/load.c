/* Laying a program out in an empty window: image, heap, stack. */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "microvisor/fs/busy.h"
#include "microvisor/fs/pool.h"
#include "microvisor/mm/memory.h"
#include "microvisor/proc/images.h"
#include "microvisor/proc/proc.h"
#include "microvisor/proc/stack.h"
#include "rt/load.h"
#include "rt/window.h"

#define MIB (1ULL << 20)

/* The image lies at a random page of the window's first part, the heap at a random distance above
 * it, the stack at a random place near the top, and what is mapped otherwise grows down from a
 * random distance below the stack. Image and stack of a window that is used again for the same
 * program stay where they are, so many times; one that fork made has both and the count from its
 * parent. */
enum { STARTS_MOST = 64 };
#define IMAGE_RANDOM (256 * MIB)
#define BREAK_RANDOM (32 * MIB)
#define STACK_RANDOM (128 * MIB)
#define TOP_RANDOM (16 * MIB)
#define STACK_MAX (256 * MIB)
#define STACK_GUARD (1 * MIB)
/* A stack without limit; and what is left free for one whose limit is raised later, at least, as
 * Linux does. */
#define STACK_ROOM (128 * MIB)
/* What Linux gives a new program of it. */
#define STACK_LEAST (132 * 1024)
/* Arguments and environment: Linux allows a quarter of the stack, and no more than this. */
#define STRINGS_SHARE 4
#define STRINGS_MOST (6 * MIB)

static uint64_t random_pages(uint64_t range)
{
    return random_bits() % (range / LIND_PAGE_SIZE) * LIND_PAGE_SIZE;
}

static uint64_t page_down(uint64_t value)
{
    return value & ~(LIND_PAGE_SIZE - 1ULL);
}

static uint64_t page_up(uint64_t value)
{
    return page_down(value + LIND_PAGE_SIZE - 1);
}

/* Maps [start, end) of the module's addresses out of the image's file. */
static int map_pages(struct space *space, uint64_t start, uint64_t end, int protection, int pinned)
{
    const struct program_image *image = space->image;
    if (start >= end)
        return 0;
    int error = memory_map_fixed(space->memory, space->image_start + start, end - start,
                                 (unsigned)protection | (pinned ? REGION_PINNED : 0U), image->fd,
                                 start - page_down(image->module.image_start), "[program]");
    return error < 0 ? error : 0;
}

/* The gate page, which names this window. */
static int map_gate(struct space *space)
{
    struct memory *memory = space->memory;
    int error = memory_map_fixed(memory, space->gate, LIND_PAGE_SIZE, PROT_READ | REGION_PINNED, -1,
                                 0, "[gate]");
    if (error) /* or it is there, filled */
        return error < 0 ? error : 0;
    error = memory_protect(memory, space->gate, LIND_PAGE_SIZE, PROT_READ | PROT_WRITE);
    if (!error)
        error = gate_page_fill(space->base, space->gate);
    return error ? error : memory_protect(memory, space->gate, LIND_PAGE_SIZE, PROT_READ);
}

/* Maps what the image's file has of a segment, but for the gate page, and memory for the rest. */
static int map_segment(struct space *space, const struct module_segment *segment, int is_text)
{
    uint64_t start = page_down(segment->address), gate = space->image->module.gate_address;
    uint64_t middle = page_up(segment->address + segment->file_size);
    uint64_t end = page_up(segment->address + segment->memory_size);
    int protection = (segment->flags & PF_R ? PROT_READ : 0) |
                     (segment->flags & PF_W ? PROT_WRITE : 0) | (is_text ? PROT_EXEC : 0);
    int error = 0;
    if (gate >= start && gate < end) {
        error = map_pages(space, start, gate, protection, is_text);
        if (!error)
            error = map_gate(space);
        start = gate + LIND_PAGE_SIZE;
    }
    if (!error)
        error = map_pages(space, start, middle, protection, is_text);
    start = start > middle ? start : middle;
    if (!error && start < end)
        error = memory_map_fixed(space->memory, space->image_start + start, end - start,
                                 (unsigned)protection, -1, 0, "[program]");
    return error < 0 ? error : 0;
}

/* Lays an image out with module address 0 at window offset `at`. Takes the image over. */
static int map_image(struct space *space, struct program_image *image, uint64_t at)
{
    const struct module *module = &image->module;
    image_put(space->image); /* that it had as a warm one */
    space->image = image;
    space->image_start = at;
    space->gate = at + module->gate_address;
    memory_set_image(space->memory, image->fd);
    text_share(&image->text, at, &space->text);
    int error = 0;
    for (unsigned i = 0; !error && i < module->segment_count; i++)
        error = map_segment(space, &module->segments[i], i == module->text);
    return error;
}

/* Spaces that nobody uses, with their windows: made again faster than anew. The one put here last
 * is the first. Linked through next_idle. idle_lock is a leaf lock. */
enum {
    IDLE_MOST = 64,
    WARM_KEPT = 32, /* with fewer, warm ones are left for their own images */
    WARM_AGE = 128  /* of ends of processes, after which a warm one is no longer waited for */
};
static struct space *idle;
static unsigned idle_count;
static uint64_t idle_ends;
static struct lock idle_lock;

static int is_alike(const struct space *space, const struct program_image *image, uint64_t gate)
{
    return memory_is_warm(space->memory) && space->image == image &&
           (gate ? space->gate == gate : space->starts < STARTS_MOST);
}

/* The best for the image with its gate there, or anywhere (0): one that had just this, or one with
 * nothing in its window, or, if there are more than `least`, the one unused for longest. */
static struct space *space_take_idle(const struct program_image *image, uint64_t gate,
                                     unsigned least)
{
    struct space **best = NULL;
    int alike = 0;
    LOCKED(&idle_lock);
    for (struct space **at = &idle; *at && !alike; at = &(*at)->next_idle) {
        alike = is_alike(*at, image, gate);
        if (alike || !best || memory_is_warm((*best)->memory))
            best = at;
    }
    struct space *space = best ? *best : NULL;
    if (space && !alike && memory_is_warm(space->memory) && idle_count <= least)
        space = NULL;
    if (space) {
        *best = space->next_idle;
        idle_count--;
    }
    return space;
}

/* Whether the space was kept: a warm one with its image. */
static int space_keep_idle(struct space *space)
{
    LOCKED(&idle_lock);
    int keep = idle_count < IDLE_MOST;
    if (keep) {
        *space = (struct space){.base = space->base,
                                .memory = space->memory,
                                .image = space->image,
                                .gate = space->gate,
                                .stack_end = space->stack_end,
                                .starts = space->starts,
                                .idle_since = idle_ends++,
                                .next_idle = idle};
        idle = space;
        idle_count++;
    }
    return keep;
}

/* The warm one that is unused for longest, if that is too long: its kind may be gone for good. */
static struct space *space_take_stale(void)
{
    struct space **oldest = NULL, *space = NULL;
    LOCKED(&idle_lock);
    for (struct space **at = &idle; *at; at = &(*at)->next_idle)
        if (memory_is_warm((*at)->memory))
            oldest = at;
    if (oldest && idle_ends - (*oldest)->idle_since > WARM_AGE) {
        space = *oldest;
        *oldest = space->next_idle;
        idle_count--;
    }
    return space;
}

static void space_destroy(struct space *space)
{
    image_put(space->image);
    if (!memory_destroy(space->memory))
        window_release(space->base);
    free(space);
}

/* A space with a new window, or NULL with *error set. */
static struct space *space_make(int *error)
{
    struct space *space = calloc(1, sizeof *space);
    *error = space ? window_reserve(&space->base) : -ENOMEM;
    if (*error) {
        free(space);
        return NULL;
    }
    space->memory = memory_create(space->base);
    if (space->memory)
        return space;
    *error = -ENOMEM;
    window_release(space->base);
    free(space);
    return NULL;
}

/* Takes what a warm one has kept. */
static int space_cool(struct space *space)
{
    image_put(space->image);
    space->image = NULL;
    space->starts = 0;
    return memory_cool(space->memory);
}

struct space *space_create(const struct program_image *image, uint64_t gate, int *error)
{
    struct space *space = space_take_idle(image, gate, WARM_KEPT);
    *error = 0;
    if (!space)
        space = space_make(error);
    if (!space && (space = space_take_idle(image, gate, 0)))
        *error = 0;
    if (space && !is_alike(space, image, gate) && space_cool(space)) {
        space_destroy(space);
        space = NULL;
        *error = -ENOMEM;
    }
    if (space)
        space->users = 1;
    return space;
}

int space_copy(struct space *to, const struct space *from, int others)
{
    int error = memory_copy(to->memory, from->memory, from->gate, others);
    int gate_ready = error == 1;
    if (!error)
        error = gate_page_fill(to->base, from->gate);
    if (!error)
        error = memory_protect(to->memory, from->gate, LIND_PAGE_SIZE, PROT_READ);
    if (error && !gate_ready)
        return -ENOMEM;
    image_put(to->image); /* that it had as a warm one */
    to->image_start = from->image_start;
    to->gate = from->gate;
    to->stack_end = from->stack_end;
    to->starts = from->starts;
    to->image = image_share(from->image);
    text_share(&from->text, 0, &to->text);
    return 0;
}

void space_put(struct space *space)
{
    if (!space || atomic_fetch_sub(&space->users, 1) != 1)
        return;
    /* A window is used again only if nothing of this cage stays in it: it is all reservation, or
     * has what the same program begins with. */
    int emptied = !(space->image && image_may_stay(space->image)
                        ? memory_rest(space->memory, space->gate, space->starts < STARTS_MOST)
                        : memory_clear(space->memory));
    text_release(&space->text);
    if (!memory_is_warm(space->memory)) {
        image_put(space->image);
        space->image = NULL;
    }
    if (!emptied || !space_keep_idle(space))
        space_destroy(space);
    space = space_take_stale();
    if (space && (space_cool(space) || !space_keep_idle(space)))
        space_destroy(space);
}

static struct pool executables = POOL_OF(struct executable);

struct executable *executable_new(void)
{
    struct executable *executable = pool_take(&executables);
    if (executable) {
        executable->users = 1;
        executable->fd = -1;
    }
    return executable;
}

static void strings_put(const struct executable *executable, char *block, uint64_t size)
{
    if (block < executable->strings || block >= executable->strings + sizeof executable->strings)
        strings_block_free(block, size);
}

void executable_put(struct executable *executable)
{
    if (!executable || atomic_fetch_sub(&executable->users, 1) != 1)
        return;
    busy_end(executable->busy);
    if (executable->fd >= 0)
        close(executable->fd);
    strings_put(executable, executable->arguments, executable->arguments_size);
    strings_put(executable, executable->environment, executable->environment_size);
    pool_give(&executables, executable);
}

/* What RLIMIT_AS leaves for the image. */
static uint64_t image_most(const struct process *process)
{
    uint64_t most = process_limit(process, RLIMIT_AS);
    return most < STACK_LEAST ? 0 : most - STACK_LEAST;
}

int program_load(const struct program *program, const struct process *process,
                 struct loaded *loaded, const char **why)
{
    int error;
    uint64_t stack_limit = process_limit(process, RLIMIT_STACK);
    *loaded = (struct loaded){0};
    struct program_image *image =
        image_get(program->host_fd, program->guest_path, image_most(process), &error, why);
    loaded->too_large = error == -EFBIG;
    if (!image && loaded->too_large)
        *why = "it takes more memory than RLIMIT_AS allows";
    if (!image)
        return loaded->too_large ? -ENOMEM : error;
    struct space *space = loaded->space = space_create(image, 0, &error);
    if (!space) {
        image_put(image);
        return error;
    }

    const struct module *module = &image->module;
    uint64_t at = LIND_GUARD_SIZE + random_pages(IMAGE_RANDOM) - page_down(module->image_start);
    uint64_t top = MEMORY_END - random_pages(STACK_RANDOM);
    if (space->image) {
        at = space->gate - module->gate_address;
        top = space->stack_end;
    }
    space->stack_end = top;
    space->starts++;
    error = memory_start(space->memory);
    if (error)
        image_put(image);
    else
        error = map_image(space, image, at);
    if (error) {
        *why = "not enough memory to load it";
        goto done;
    }
    uint64_t image_end = page_up(at + module->image_end);
    memory_set_break(space->memory, image_end + random_pages(BREAK_RANDOM));

    uint64_t stack_size = stack_limit == RLIM_INFINITY ? STACK_ROOM
                          : stack_limit > STACK_MAX    ? STACK_MAX
                                                       : stack_limit;
    stack_size = page_up(stack_size < LIND_PAGE_SIZE * 32 ? LIND_PAGE_SIZE * 32 : stack_size);
    error = memory_map_fixed(space->memory, top - stack_size, stack_size,
                             PROT_READ | PROT_WRITE | REGION_STACK, -1, 0, "[stack]");
    if (error >= 0)
        error = memory_started(space->memory);
    if (error < 0)
        goto done;
    const uint64_t room = stack_size > STACK_ROOM ? stack_size : STACK_ROOM;
    memory_set_top(space->memory, top - room - STACK_GUARD - random_pages(TOP_RANDOM));

    const uint64_t share = stack_size / STRINGS_SHARE;
    const struct start_info info = {
        .entry = at + module->entry,
        .program_headers = at + module->headers_address,
        .program_header_count = module->header_count,
    };
    error = stack_build(space->base, program, &process->credentials, &info, top,
                        share < STRINGS_MOST ? share : STRINGS_MOST, loaded);
    if (error == -E2BIG)
        *why = "arguments and environment are too long";
    loaded->entry = info.entry;
done:
    if (error) {
        space_put(loaded->space);
        loaded->space = NULL;
    }
    return error;
}
