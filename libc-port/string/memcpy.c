/* memcpy (C11 7.24.2.1). */
#include "copy.h"

#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    if (size <= 128) {
        copy_128(to, from, size);
    } else {
        copy_up(to, from, size);
    }
    return to;
}
