/* Conversions between floating-point formats of which one is not the machine's. */
#include "soft_float.h"

typedef _Float16 hf;
typedef __bf16 bf;
typedef float sf;
typedef double df;
typedef long double xf;
typedef __float128 tf;

/* x87's format has 80 bits: the rest of its 16 bytes is not its value. */
static uint128 bits_of_xf(xf value)
{
    return BITS_OF(value) & (((uint128)1 << 80) - 1);
}

#define bits_of_hf(value) BITS_OF(value)
#define bits_of_bf(value) BITS_OF(value)
#define bits_of_sf(value) BITS_OF(value)
#define bits_of_df(value) BITS_OF(value)
#define bits_of_tf(value) BITS_OF(value)

#define CONVERT(name, from, to)                                                                    \
    BUILTIN to name(from value)                                                                    \
    {                                                                                              \
        return VALUE_OF(to, pack(unpack(bits_of_##from(value), &format_##from), &format_##to));    \
    }

CONVERT(__extendhfsf2, hf, sf)
CONVERT(__extendhfdf2, hf, df)
CONVERT(__extendhfxf2, hf, xf)
CONVERT(__extendhftf2, hf, tf)
CONVERT(__extendbfsf2, bf, sf)
CONVERT(__extendsftf2, sf, tf)
CONVERT(__extenddftf2, df, tf)
CONVERT(__extendxftf2, xf, tf)
CONVERT(__truncsfhf2, sf, hf)
CONVERT(__truncdfhf2, df, hf)
CONVERT(__truncxfhf2, xf, hf)
CONVERT(__trunctfhf2, tf, hf)
CONVERT(__truncsfbf2, sf, bf)
CONVERT(__truncdfbf2, df, bf)
CONVERT(__truncxfbf2, xf, bf)
CONVERT(__trunctfbf2, tf, bf)
CONVERT(__trunctfsf2, tf, sf)
CONVERT(__trunctfdf2, tf, df)
CONVERT(__trunctfxf2, tf, xf)

/* The older names take and give the bits of a binary16. */
BUILTIN float __gnu_h2f_ieee(uint16_t half)
{
    return VALUE_OF(float, pack(unpack(half, &format_hf), &format_sf));
}

BUILTIN uint16_t __gnu_f2h_ieee(float value)
{
    return (uint16_t)pack(unpack(BITS_OF(value), &format_sf), &format_hf);
}
