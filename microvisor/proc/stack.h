/* The stack that a program starts with (System V ABI for x86-64, 3.4.1 and 3.4.3). */
#ifndef LIND_STACK_H
#define LIND_STACK_H

#include "microvisor/proc/proc.h"

/* What the auxiliary vector says of the loaded program; addresses are window offsets. */
struct start_info {
    uint64_t entry;
    uint64_t program_headers;
    uint64_t program_header_count;
};

/* Writes arguments, environment and auxiliary vector below `top` (window offset, 16-aligned) of the
 * window at `base`. Sets loaded->pointer to the initial stack pointer and loaded->executable to a
 * new one that knows the program, without fd. Returns 0, -E2BIG when they take more than `space`
 * bytes, -ENOMEM, -EFAULT. */
int stack_build(uint64_t base, const struct program *program, const struct credentials *ids,
                const struct start_info *info, uint64_t top, uint64_t space, struct loaded *loaded);

#endif
