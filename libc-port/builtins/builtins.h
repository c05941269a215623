/* Functions that clang calls for what x86-64 has no instruction for. Their names and semantics are
 * those of gcc's libgcc (gccint, "The GCC low-level runtime library"); the code is our own.
 *
 * Mode names: si 32, di 64, ti 128 bits; hf, bf, sf, df, xf (x87 extended), tf (binary128) floating
 * point; sc, dc, xc, tc complex. All of it rounds to nearest, ties to even. */
#ifndef LIND_BUILTINS_H
#define LIND_BUILTINS_H

#include <stdbool.h>
#include <stdint.h>

typedef __int128 int128;
typedef unsigned __int128 uint128;

/* Programs are static: the functions are visible to the linker and to nobody else. */
#define BUILTIN __attribute__((visibility("hidden")))

#define HIGH(value) ((uint64_t)((value) >> 64))
#define LOW(value) ((uint64_t)(value))

/* Zero bits above the highest one bit; value must not be zero. */
static inline int leading_zeros(uint128 value)
{
    return HIGH(value) ? __builtin_clzll(HIGH(value)) : 64 + __builtin_clzll(LOW(value));
}

BUILTIN uint128 __udivmodti4(uint128 dividend, uint128 divisor, uint128 *remainder);

#endif
