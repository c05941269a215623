/* strlen (C11 7.24.6.3). */
#include "vector.h"

#include <string.h>

size_t strlen(const char *text)
{
    const unsigned char *at = align_down(text);
    const vector zero = spread(0);
    unsigned found = mask_of(LOAD_ALIGNED(at) == zero) & ~0u << ((uintptr_t)text & 15);
    while (!found) {
        at += 16;
        found = mask_of(LOAD_ALIGNED(at) == zero);
    }
    return (size_t)(at + __builtin_ctz(found) - (const unsigned char *)text);
}
