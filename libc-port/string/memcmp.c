/* memcmp (C11 7.24.4.1). */
#include "vector.h"

#include <string.h>

static inline int difference(const unsigned char *a, const unsigned char *b, unsigned equal)
{
    unsigned at = (unsigned)__builtin_ctz(~equal);
    return a[at] - b[at];
}

int memcmp(const void *first, const void *second, size_t size)
{
    const unsigned char *a = first, *b = second;
    if (size < 16) {
        for (; size >= 8; size -= 8, a += 8, b += 8) {
            uint64_t x = *(const loose_64 *)a, y = *(const loose_64 *)b;
            if (x != y) {
                return __builtin_bswap64(x) < __builtin_bswap64(y) ? -1 : 1;
            }
        }
        for (; size && *a == *b; size--, a++, b++) {
        }
        return size ? *a - *b : 0;
    }
    for (; size > 32; size -= 32, a += 32, b += 32) {
        unsigned equal = mask_of((LOAD(a) == LOAD(b)) & (LOAD(a + 16) == LOAD(b + 16)));
        if (equal != 0xffff) {
            equal = mask_of(LOAD(a) == LOAD(b));
            if (equal != 0xffff) {
                return difference(a, b, equal);
            }
            return difference(a + 16, b + 16, mask_of(LOAD(a + 16) == LOAD(b + 16)));
        }
    }
    if (size > 16) {
        unsigned equal = mask_of(LOAD(a) == LOAD(b));
        if (equal != 0xffff) {
            return difference(a, b, equal);
        }
    }
    a += size;
    b += size;
    unsigned equal = mask_of(LOAD(a - 16) == LOAD(b - 16));
    return equal != 0xffff ? difference(a - 16, b - 16, equal) : 0;
}
