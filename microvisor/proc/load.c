/* Laying a program out in an empty window: image, heap, stack. */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "microvisor/mm/memory.h"
#include "microvisor/proc/proc.h"
#include "microvisor/proc/stack.h"
#include "rt/load.h"
#include "rt/window.h"

#define MIB (1ULL << 20)

/* The image lies at a random page of the window's first part, the heap above it, the stack at a
 * random place near the top, and what is mapped otherwise grows down from below the stack. */
#define IMAGE_RANDOM (256 * MIB)
#define BREAK_RANDOM (32 * MIB)
#define STACK_RANDOM (128 * MIB)
#define STACK_DEFAULT (8 * MIB)
#define STACK_MAX (256 * MIB)
#define STACK_GUARD (1 * MIB)
/* Arguments and environment: Linux allows a quarter of the stack. */
#define STRINGS_SHARE 4

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

/* Context of the verifier's reports: what goes before each on standard error. */
struct verify_context {
    const char *path;
    unsigned shown;
};

static int print_fault(void *context, const struct verify_fault *fault)
{
    struct verify_context *verify = context;
    verify->shown++;
    fprintf(stderr, "lind-run: %s: verifier: 0x%llx:", verify->path,
            (unsigned long long)fault->address);
    for (size_t i = 0; i < fault->length; i++)
        fprintf(stderr, " %02x", fault->bytes[i]);
    fprintf(stderr, ": R%d: %s\n", fault->rule, fault->message);
    return 0;
}

/* Maps the segments' pages writable. Text and gate page are pinned from the start. */
static int map_segments(struct memory *memory, const struct module *module, uint64_t at,
                        const char *name)
{
    for (unsigned i = 0; i < module->segment_count; i++) {
        const struct module_segment *segment = &module->segments[i];
        uint64_t start = page_down(segment->address);
        uint64_t end = page_up(segment->address + segment->memory_size);
        uint64_t gate = module->gate_address;
        unsigned flags = PROT_READ | PROT_WRITE | (i == module->text ? REGION_PINNED : 0);
        int error;
        if (gate >= start && gate < end) {
            error = gate > start
                        ? memory_map_fixed(memory, at + start, gate - start, flags, -1, 0, name)
                        : 0;
            if (!error)
                error = memory_map_fixed(memory, at + gate, LIND_PAGE_SIZE, flags | REGION_PINNED,
                                         -1, 0, "[gate]");
            start = gate + LIND_PAGE_SIZE;
            if (error)
                return error;
        }
        error =
            start < end ? memory_map_fixed(memory, at + start, end - start, flags, -1, 0, name) : 0;
        if (error)
            return error;
    }
    return 0;
}

/* Gives every segment but the text its final protection. */
static int protect_segments(struct memory *memory, const struct module *module, uint64_t at)
{
    for (unsigned i = 0; i < module->segment_count; i++) {
        const struct module_segment *segment = &module->segments[i];
        int protection =
            (segment->flags & PF_R ? PROT_READ : 0) | (segment->flags & PF_W ? PROT_WRITE : 0);
        if (i == module->text || protection == (PROT_READ | PROT_WRITE))
            continue;
        uint64_t start = page_down(segment->address);
        int error =
            memory_protect(memory, at + start,
                           page_up(segment->address + segment->memory_size) - start, protection);
        if (error)
            return error;
    }
    return 0;
}

/* Loads and verifies. */
static int load_image(struct space *space, const struct image *image, const char *path, uint64_t at,
                      const char **why)
{
    struct memory *memory = space->memory;
    const struct module *module = &image->module;
    const struct module_segment *text = &module->segments[module->text];
    uint64_t text_start = at + text->address, text_size = page_up(text->file_size);
    struct verify_context context = {path, 0};
    const struct verify_options options = {print_fault, &context, 8};

    int error = map_segments(memory, module, at, "[program]");
    if (!error)
        error = image_fill(image, space->base, at);
    if (!error)
        error = protect_segments(memory, module, at);
    if (!error)
        error = memory_protect(memory, text_start, text_size, PROT_READ);
    if (error) {
        *why = "not enough memory to load it";
        return error;
    }
    error = image_verify(image, space->base, at, &options, &space->text);
    if (error) {
        *why = error == -ENOEXEC
                   ? "refused by the verifier: it was not built by lind-cc, or was changed since"
                   : "not enough memory to verify it";
        return error;
    }
    space->image_start = at;
    space->gate = at + module->gate_address;
    return memory_protect(memory, text_start, text_size, PROT_READ | PROT_EXEC);
}

struct space *space_create(int *error)
{
    struct space *space = calloc(1, sizeof *space);
    *error = -ENOMEM;
    if (!space)
        return NULL;
    *error = window_reserve(&space->base);
    if (*error)
        goto bad;
    space->memory = memory_create(space->base);
    if (!space->memory) {
        window_release(space->base);
        *error = -ENOMEM;
        goto bad;
    }
    space->users = 1;
    return space;
bad:
    free(space);
    return NULL;
}

int space_copy(struct space *to, const struct space *from)
{
    int error = memory_copy(to->memory, from->memory);
    if (!error)
        error = memory_protect(to->memory, from->gate, LIND_PAGE_SIZE, PROT_READ | PROT_WRITE);
    if (!error)
        error = gate_page_fill(to->base, from->gate);
    if (!error)
        error = memory_protect(to->memory, from->gate, LIND_PAGE_SIZE, PROT_READ);
    if (error)
        return -ENOMEM;
    to->image_start = from->image_start;
    to->gate = from->gate;
    text_share(&from->text, &to->text);
    return 0;
}

void space_put(struct space *space)
{
    if (!space || atomic_fetch_sub(&space->users, 1) != 1)
        return;
    memory_destroy(space->memory);
    window_release(space->base);
    text_release(&space->text);
    free(space);
}

void executable_put(struct executable *executable)
{
    if (!executable || atomic_fetch_sub(&executable->users, 1) != 1)
        return;
    if (executable->fd >= 0)
        close(executable->fd);
    free(executable->arguments);
    free(executable->environment);
    free(executable);
}

int program_load(const struct program *program, const struct credentials *credentials,
                 uint64_t stack_limit, struct loaded *loaded, const char **why)
{
    struct image image;
    *loaded = (struct loaded){0};
    *why = NULL;
    int error = image_read(program->host_fd, &image, why);
    if (error)
        return error;
    struct space *space = loaded->space = space_create(&error);
    if (!space)
        goto done;

    const struct module *module = &image.module;
    uint64_t at = LIND_GUARD_SIZE + random_pages(IMAGE_RANDOM) - page_down(module->image_start);
    error = load_image(space, &image, program->guest_path, at, why);
    if (error)
        goto done;
    uint64_t image_end = page_up(at + module->image_end);
    memory_set_break(space->memory, image_end + random_pages(BREAK_RANDOM));

    uint64_t stack_size = stack_limit > STACK_MAX ? STACK_DEFAULT : stack_limit;
    stack_size = page_up(stack_size < LIND_PAGE_SIZE * 32 ? LIND_PAGE_SIZE * 32 : stack_size);
    uint64_t top = MEMORY_END - random_pages(STACK_RANDOM);
    error = memory_map_fixed(space->memory, top - stack_size, stack_size,
                             PROT_READ | PROT_WRITE | REGION_STACK, -1, 0, "[stack]");
    if (error)
        goto done;
    memory_set_top(space->memory, top - stack_size - STACK_GUARD);

    const struct start_info info = {
        .entry = at + module->entry,
        .program_headers = at + module->headers_address,
        .program_header_count = module->header_count,
    };
    error = stack_build(space->base, program, credentials, &info, top, stack_size / STRINGS_SHARE,
                        loaded);
    if (error == -E2BIG)
        *why = "arguments and environment are too long";
    loaded->entry = info.entry;
done:
    image_free(&image);
    if (error) {
        space_put(loaded->space);
        loaded->space = NULL;
    }
    return error;
}
