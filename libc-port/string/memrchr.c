/* memrchr (GNU): the last occurrence. */
#include "vector.h"

#include <string.h>

void *__memrchr(const void *start, int byte, size_t size)
{
    if (!size) {
        return NULL;
    }
    const unsigned char *begin = start, *last = begin + size - 1, *at = align_down(last);
    vector wanted = spread(byte);
    unsigned found = mask_of(LOAD_ALIGNED(at) == wanted) & (2u << ((uintptr_t)last & 15)) - 1;
    for (;;) {
        if (found) {
            at += 31 - __builtin_clz(found);
            return at >= begin ? (void *)at : NULL;
        }
        if (at <= begin) {
            return NULL;
        }
        at -= 16;
        found = mask_of(LOAD_ALIGNED(at) == wanted);
    }
}

extern void *memrchr(const void *, int, size_t) __attribute__((__weak__, __alias__("__memrchr")));
