/* What our string functions share: 16 bytes at a time with SSE2, which every x86-64 has.
 *
 * They replace the files of the same name in musl, whose assembly versions either cannot be
 * confined (memmove with the direction flag) or pay for a group of instructions per string
 * instruction, and whose C versions go 8 bytes at a time. A load of an aligned 16 bytes never
 * crosses into another page, so it may reach beyond the end of a string. */
#ifndef LIND_STRING_VECTOR_H
#define LIND_STRING_VECTOR_H

#include <stddef.h>
#include <stdint.h>

typedef signed char vector __attribute__((vector_size(16), may_alias));
typedef vector loose_vector __attribute__((aligned(1)));
typedef uint64_t __attribute__((may_alias, aligned(1))) loose_64;
typedef uint32_t __attribute__((may_alias, aligned(1))) loose_32;
typedef uint16_t __attribute__((may_alias, aligned(1))) loose_16;

#define LOAD(address) (*(const loose_vector *)(address))
#define LOAD_ALIGNED(address) (*(const vector *)(address))
#define STORE(address, value) (*(loose_vector *)(address) = (value))
#define STORE_ALIGNED(address, value) (*(vector *)(address) = (value))

/* One bit for each byte that is all ones, as comparisons make them. */
static inline unsigned mask_of(vector value)
{
    return (unsigned)__builtin_ia32_pmovmskb128(value);
}

static inline vector spread(int byte)
{
    signed char b = (signed char)byte;
    return (vector){b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b};
}

static inline const unsigned char *align_down(const void *address)
{
    return (const unsigned char *)((uintptr_t)address & ~(uintptr_t)15);
}

#endif
