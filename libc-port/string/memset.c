/* memset (C11 7.24.6.1). */
#include "vector.h"

#include <string.h>

void *memset(void *start, int byte, size_t size)
{
    unsigned char *at = start, *end = at + size;
    if (size < 16) {
        uint64_t word = 0x0101010101010101 * (unsigned char)byte;
        if (size >= 8) {
            *(loose_64 *)at = word;
            *(loose_64 *)(end - 8) = word;
        } else if (size >= 4) {
            *(loose_32 *)at = (uint32_t)word;
            *(loose_32 *)(end - 4) = (uint32_t)word;
        } else if (size) {
            at[0] = at[size / 2] = end[-1] = (unsigned char)byte;
        }
        return start;
    }
    vector value = spread(byte);
    STORE(at, value);
    STORE(end - 16, value);
    if (size <= 32) {
        return start;
    }
    STORE(at + 16, value);
    STORE(end - 32, value);
    if (size <= 64) {
        return start;
    }
    STORE(at + 32, value);
    STORE(at + 48, value);
    STORE(end - 64, value);
    STORE(end - 48, value);
    for (at = (unsigned char *)align_down(at + 64); at < end - 64; at += 64) {
        STORE_ALIGNED(at, value);
        STORE_ALIGNED(at + 16, value);
        STORE_ALIGNED(at + 32, value);
        STORE_ALIGNED(at + 48, value);
    }
    return start;
}
