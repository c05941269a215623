/* memchr (C11 7.24.5.1). */
#include "vector.h"

#include <string.h>

void *memchr(const void *start, int byte, size_t size)
{
    if (!size) {
        return NULL;
    }
    const unsigned char *begin = start, *at = align_down(begin);
    /* The last byte's address: a huge size means "it will be found" and must not wrap. */
    uintptr_t last = (uintptr_t)begin + size - 1;
    if (last < (uintptr_t)begin) {
        last = UINTPTR_MAX;
    }
    vector wanted = spread(byte);
    unsigned found = mask_of(LOAD_ALIGNED(at) == wanted) & ~0u << ((uintptr_t)begin & 15);
    for (;;) {
        if (found) {
            at += __builtin_ctz(found);
            return (uintptr_t)at <= last ? (void *)at : NULL;
        }
        if (last - (uintptr_t)at < 16) {
            return NULL;
        }
        at += 16;
        found = mask_of(LOAD_ALIGNED(at) == wanted);
    }
}
