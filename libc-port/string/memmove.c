/* memmove (C11 7.24.2.2). */
#include "copy.h"

#include <string.h>

/* Downwards, for more than 64 bytes; the beginning is loaded before the first store. */
static void copy_down(unsigned char *to, const unsigned char *from, size_t size)
{
    vector a = LOAD(from), b = LOAD(from + 16), c = LOAD(from + 32), d = LOAD(from + 48);
    vector tail = LOAD(from + size - 16);
    unsigned char *at = (unsigned char *)((uintptr_t)(to + size - 1) & ~(uintptr_t)15);
    unsigned char *last = to + size - 16;
    from += at - to;
    while (at >= to + 64) {
        vector w = LOAD(from - 16), x = LOAD(from - 32), y = LOAD(from - 48), z = LOAD(from - 64);
        from -= 64;
        if (last) {
            STORE(last, tail);
            last = NULL;
        }
        STORE_ALIGNED(at - 16, w);
        STORE_ALIGNED(at - 32, x);
        STORE_ALIGNED(at - 48, y);
        STORE_ALIGNED(at - 64, z);
        at -= 64;
    }
    if (last) {
        STORE(last, tail);
    }
    STORE(to + 48, d);
    STORE(to + 32, c);
    STORE(to + 16, b);
    STORE(to, a);
}

void *memmove(void *to, const void *from, size_t size)
{
    if (size <= 128) {
        copy_128(to, from, size);
    } else if ((uintptr_t)to - (uintptr_t)from >= size) {
        copy_up(to, from, size);
    } else {
        copy_down(to, from, size);
    }
    return to;
}
