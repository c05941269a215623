#include "microvisor/proc/stack.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "rt/window.h"

enum { AUXV_MAX = 24, WORD = 8 };

/* A copy of strings: in `room`, of which *left bytes are free, or a block (strings.h). NULL: no
 * memory. */
static char *keep(struct strings *strings, char *room, uint64_t *left)
{
    int fits = strings->size < *left;
    char *block = fits ? room : strings_block(strings->size);
    if (fits)
        *left -= strings->size;
    return block ? memcpy(block, strings_bytes(strings), strings->size) : NULL;
}

/* Writes the offsets of the strings of a block that stands at window offset `address`, and a final
 * 0. */
static uint64_t *point(uint64_t *to, const char *block, uint64_t address, uint64_t count)
{
    const char *at = block;
    for (uint64_t i = 0; i < count; i++) {
        *to++ = address + (uint64_t)(at - block);
        at += strlen(at) + 1;
    }
    *to++ = 0;
    return to;
}

int stack_build(uint64_t base, const struct program *program, const struct credentials *ids,
                const struct start_info *info, uint64_t top, uint64_t space, struct loaded *loaded)
{
    uint64_t argument_count = program->arguments->count, argument_size = program->arguments->size;
    uint64_t environment_count = program->environment->count;
    uint64_t environment_size = program->environment->size;
    static const char platform[] = "x86_64";
    size_t path_size = strlen(program->guest_path) + 1;
    uint64_t few[192], *table = NULL;
    struct executable *executable = executable_new();
    int error = -ENOMEM;
    if (!executable)
        return -ENOMEM;
    uint64_t left = sizeof executable->strings;
    char *arguments = keep(program->arguments, executable->strings, &left);
    executable->arguments = arguments;
    executable->arguments_size = argument_size;
    char *environment = keep(program->environment,
                             executable->strings + sizeof executable->strings - left, &left);
    executable->environment = environment;
    executable->environment_size = environment_size;
    if (!arguments || !environment)
        goto bad;

    uint64_t words = 1 + argument_count + 1 + environment_count + 1 + 2 * AUXV_MAX;
    uint64_t strings = argument_size + environment_size + path_size + sizeof platform + 16;
    error = -E2BIG;
    if (strings + words * WORD + 64 > space)
        goto bad;
    error = -ENOMEM;
    table = words <= sizeof few / WORD ? memset(few, 0, sizeof few) : calloc(words, WORD);
    if (!table)
        goto bad;

    /* From the top down: path, platform, environment, arguments, 16 random bytes, the table. */
    uint64_t path_at = top - path_size;
    uint64_t platform_at = path_at - sizeof platform;
    uint64_t environment_at = platform_at - environment_size;
    uint64_t arguments_at = environment_at - argument_size;
    uint64_t random_at = (arguments_at - 16) & ~15UL;
    uint64_t table_at = (random_at - words * WORD) & ~15UL;
    uint64_t random[2] = {random_bits(), random_bits()};

    uint64_t *at = table;
    *at++ = argument_count;
    at = point(at, arguments, arguments_at, argument_count);
    at = point(at, environment, environment_at, environment_count);
    const uint64_t auxv[][2] = {
        {AT_PHDR, info->program_headers},
        {AT_PHENT, sizeof(Elf64_Phdr)},
        {AT_PHNUM, info->program_header_count},
        {AT_PAGESZ, LIND_PAGE_SIZE},
        {AT_BASE, 0},
        {AT_FLAGS, 0},
        {AT_ENTRY, info->entry},
        {AT_UID, ids->uid},
        {AT_EUID, ids->euid},
        {AT_GID, ids->gid},
        {AT_EGID, ids->egid},
        {AT_SECURE, 0},
        {AT_CLKTCK, 100},
        {AT_HWCAP, getauxval(AT_HWCAP)},
        {AT_RANDOM, random_at},
        {AT_EXECFN, path_at},
        {AT_PLATFORM, platform_at},
        {AT_MINSIGSTKSZ, xsave_size() + 1024},
        {AT_NULL, 0},
    };
    _Static_assert(sizeof auxv / sizeof *auxv <= AUXV_MAX, "the table has room for the vector");
    memcpy(at, auxv, sizeof auxv);

    error = -EFAULT;
    if (copyout_window(base, path_at, program->guest_path, path_size) ||
        copyout_window(base, platform_at, platform, sizeof platform) ||
        copyout_window(base, environment_at, environment, environment_size) ||
        copyout_window(base, arguments_at, arguments, argument_size) ||
        copyout_window(base, random_at, random, sizeof random) ||
        copyout_window(base, table_at, table, words * WORD))
        goto bad;

    memcpy(executable->auxv, auxv, sizeof auxv);
    snprintf(executable->path, sizeof executable->path, "%s", program->real_path);
    loaded->executable = executable;
    loaded->pointer = table_at;
    error = 0;
bad:
    if (error)
        executable_put(executable);
    if (table != few)
        free(table);
    return error;
}
