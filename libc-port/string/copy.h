/* Copies of up to 128 bytes: everything is loaded before anything is stored, so overlap does no
 * harm. */
#ifndef LIND_STRING_COPY_H
#define LIND_STRING_COPY_H

#include "vector.h"

static inline __attribute__((always_inline)) void copy_16(unsigned char *to,
                                                          const unsigned char *from, size_t size)
{
    if (size >= 8) {
        uint64_t first = *(const loose_64 *)from, last = *(const loose_64 *)(from + size - 8);
        *(loose_64 *)to = first;
        *(loose_64 *)(to + size - 8) = last;
    } else if (size >= 4) {
        uint32_t first = *(const loose_32 *)from, last = *(const loose_32 *)(from + size - 4);
        *(loose_32 *)to = first;
        *(loose_32 *)(to + size - 4) = last;
    } else if (size) {
        unsigned char first = from[0], middle = from[size / 2], last = from[size - 1];
        to[0] = first;
        to[size / 2] = middle;
        to[size - 1] = last;
    }
}

static inline __attribute__((always_inline)) void copy_128(unsigned char *to,
                                                           const unsigned char *from, size_t size)
{
    if (size <= 16) {
        copy_16(to, from, size);
        return;
    }
    vector a = LOAD(from), z = LOAD(from + size - 16);
    if (size > 32) {
        vector b = LOAD(from + 16), y = LOAD(from + size - 32);
        if (size > 64) {
            vector c = LOAD(from + 32), d = LOAD(from + 48);
            vector x = LOAD(from + size - 48), w = LOAD(from + size - 64);
            STORE(to + 32, c);
            STORE(to + 48, d);
            STORE(to + size - 64, w);
            STORE(to + size - 48, x);
        }
        STORE(to + 16, b);
        STORE(to + size - 32, y);
    }
    STORE(to, a);
    STORE(to + size - 16, z);
}

/* Upwards, for more than 64 bytes; `to` may overlap `from` if it is below it. The end is loaded
 * before the first store. Stores are aligned, for loads care less. */
static inline __attribute__((always_inline)) void copy_up(unsigned char *to,
                                                          const unsigned char *from, size_t size)
{
    vector w = LOAD(from + size - 64), x = LOAD(from + size - 48);
    vector y = LOAD(from + size - 32), z = LOAD(from + size - 16);
    unsigned char *end = to + size;
    vector head = LOAD(from);
    size_t step = 16 - ((uintptr_t)to & 15);
    unsigned char *at = to + step;
    from += step;
    vector a = LOAD(from), b = LOAD(from + 16), c = LOAD(from + 32), d = LOAD(from + 48);
    STORE(to, head);
    while (at < end - 128) {
        from += 64;
        STORE_ALIGNED(at, a);
        STORE_ALIGNED(at + 16, b);
        STORE_ALIGNED(at + 32, c);
        STORE_ALIGNED(at + 48, d);
        a = LOAD(from), b = LOAD(from + 16), c = LOAD(from + 32), d = LOAD(from + 48);
        at += 64;
    }
    STORE_ALIGNED(at, a);
    STORE_ALIGNED(at + 16, b);
    STORE_ALIGNED(at + 32, c);
    STORE_ALIGNED(at + 48, d);
    STORE(end - 64, w);
    STORE(end - 48, x);
    STORE(end - 32, y);
    STORE(end - 16, z);
}

#endif
