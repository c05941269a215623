/* strchrnul (GNU), on which strchr and others of musl stand. */
#include "vector.h"

#include <string.h>

char *__strchrnul(const char *text, int byte)
{
    const unsigned char *at = align_down(text);
    const vector zero = spread(0), wanted = spread(byte);
    vector bytes = LOAD_ALIGNED(at);
    unsigned found = mask_of((bytes == zero) | (bytes == wanted)) & ~0u << ((uintptr_t)text & 15);
    while (!found) {
        at += 16;
        bytes = LOAD_ALIGNED(at);
        found = mask_of((bytes == zero) | (bytes == wanted));
    }
    return (char *)at + __builtin_ctz(found);
}

extern char *strchrnul(const char *, int) __attribute__((__weak__, __alias__("__strchrnul")));
