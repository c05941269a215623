/* Windows: the 4 GiB pieces of host address space that cages live in. */
#ifndef LIND_WINDOW_H
#define LIND_WINDOW_H

#include <stdint.h>

/* Reserves a window, and the 64 KiB beyond either end of it, at a random multiple of 4 GiB: no page
 * accessible, no memory committed. Returns 0 with *base set, or -ENOMEM when no place was found. */
int window_reserve(uint64_t *base);

/* Gives a window and everything in it back to the host. */
void window_release(uint64_t base);

/* Uniform random 64 bits from the host's generator, for placing things. Never fails. */
uint64_t random_bits(void);

#endif
