/* Strings one behind the other, each with its NUL: arguments and environments. COLD. */
#ifndef LIND_STRINGS_H
#define LIND_STRINGS_H

#include <stdint.h>

/* A block of bytes for strings, some of which are used again and again: malloc would map and unmap
 * each one. NULL: no memory. To be freed with the same size. */
char *strings_block(uint64_t size);
void strings_block_free(char *block, uint64_t size);

/* Zero-filled memory has none. */
struct strings {
    uint64_t size, count; /* bytes, and strings */
    char *many;           /* where they are, owned; NULL: in few */
    uint64_t room;        /* of many */
    char few[2048];
};

static inline char *strings_bytes(struct strings *strings)
{
    return strings->many ? strings->many : strings->few;
}

/* Makes room for so many bytes more. Returns 0 or -ENOMEM. */
int strings_reserve(struct strings *strings, uint64_t more);

/* Puts a copy of a string at an offset, where one begins or the last one ends. Returns 0 or
 * -ENOMEM. */
int strings_insert(struct strings *strings, uint64_t at, const char *string);

void strings_free(struct strings *strings);

#endif
