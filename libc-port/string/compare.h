/* Comparison of strings: 16 bytes at a time where neither side's 16 bytes cross into another page,
 * else one at a time. */
#ifndef LIND_STRING_COMPARE_H
#define LIND_STRING_COMPARE_H

#include "vector.h"

static inline int within_page(const unsigned char *address)
{
    return ((uintptr_t)address & 4095) <= 4096 - 16;
}

/* The difference of the first bytes that differ within `size`, 0 if there are none before the end.
 * */
static inline __attribute__((always_inline)) int compare_strings(const unsigned char *a,
                                                                 const unsigned char *b,
                                                                 size_t size)
{
    const vector zero = spread(0);
    size_t at = 0;
    for (;;) {
        if (within_page(a + at) && within_page(b + at)) {
            vector x = LOAD(a + at), y = LOAD(b + at);
            /* A byte ends the comparison if it differs or is the string's end. */
            unsigned ends = mask_of(x == zero) | (mask_of(x == y) ^ 0xffff);
            if (ends) {
                at += (unsigned)__builtin_ctz(ends);
                return at < size ? a[at] - b[at] : 0;
            }
            at += 16;
            if (at >= size) {
                return 0;
            }
        } else {
            for (int i = 0; i < 16; i++, at++) {
                if (at == size) {
                    return 0;
                }
                if (a[at] != b[at] || !a[at]) {
                    return a[at] - b[at];
                }
            }
        }
    }
}

#endif
