/* Conversions between 128-bit integers and the machine's floating point, and those narrower ones
 * that have names. Out of range, a conversion to integer gives the nearest one, and NaN gives 0.
 * */
#include "builtins.h"

/* 2^exponent for exponents of normal numbers. */
static inline float power_sf(int exponent)
{
    union {
        uint32_t bits;
        float value;
    } power = {(uint32_t)(exponent + 127) << 23};
    return power.value;
}

static inline double power_df(int exponent)
{
    union {
        uint64_t bits;
        double value;
    } power = {(uint64_t)(exponent + 1023) << 52};
    return power.value;
}

/* The top 64 bits of a value above 2^64, the lowest of them set if anything below is: enough to
 * round once to up to 62 bits. */
static inline uint64_t top_with_sticky(uint128 value, int *shift)
{
    *shift = 64 - leading_zeros(value);
    uint64_t top = LOW(value >> *shift);
    return top | ((value & (((uint128)1 << *shift) - 1)) != 0);
}

BUILTIN float __floatuntisf(uint128 value)
{
    if (!HIGH(value)) {
        return (float)LOW(value);
    }
    int shift;
    uint64_t top = top_with_sticky(value, &shift);
    return (float)top * power_sf(shift);
}

BUILTIN double __floatuntidf(uint128 value)
{
    if (!HIGH(value)) {
        return (double)LOW(value);
    }
    int shift;
    uint64_t top = top_with_sticky(value, &shift);
    return (double)top * power_df(shift);
}

/* Both halves are exact in 64 bits of significand, so the sum rounds once. */
BUILTIN long double __floatuntixf(uint128 value)
{
    return (long double)HIGH(value) * 0x1p64L + (long double)LOW(value);
}

#define FLOAT_SIGNED(type, mode)                                                                   \
    BUILTIN type __floatti##mode(int128 value)                                                     \
    {                                                                                              \
        return value < 0 ? -__floatunti##mode(-(uint128)value)                                     \
                         : __floatunti##mode((uint128)value);                                      \
    }

FLOAT_SIGNED(float, sf)
FLOAT_SIGNED(double, df)
FLOAT_SIGNED(long double, xf)

/* The integer part of a number in [0, 2^128), exactly: its high half is exact in this type, and so
 * is what is left. */
static uint128 fix_xf(long double value)
{
    uint64_t high = (uint64_t)(value * 0x1p-64L);
    return (uint128)high << 64 | (uint64_t)(value - (long double)high * 0x1p64L);
}

#define FIX(type, mode)                                                                            \
    BUILTIN uint128 __fixuns##mode##ti(type value)                                                 \
    {                                                                                              \
        if (!(value >= 1)) {                                                                       \
            return 0;                                                                              \
        }                                                                                          \
        return value < (type)0x1p127 * 2 ? fix_xf(value) : ~(uint128)0;                            \
    }                                                                                              \
    BUILTIN int128 __fix##mode##ti(type value)                                                     \
    {                                                                                              \
        const uint128 limit = (uint128)1 << 127;                                                   \
        if (value <= -(type)0x1p127) {                                                             \
            return (int128)limit;                                                                  \
        }                                                                                          \
        if (value >= (type)0x1p127) {                                                              \
            return (int128)(limit - 1);                                                            \
        }                                                                                          \
        int128 magnitude = (int128)__fixuns##mode##ti(value < 0 ? -value : value);                 \
        return value < 0 ? -magnitude : magnitude;                                                 \
    }

FIX(float, sf)
FIX(double, df)
FIX(long double, xf)

#define NARROW(type, mode)                                                                         \
    BUILTIN int64_t __fix##mode##di(type value)                                                    \
    {                                                                                              \
        return (int64_t)value;                                                                     \
    }                                                                                              \
    BUILTIN uint64_t __fixuns##mode##di(type value)                                                \
    {                                                                                              \
        return value >= 1 ? (uint64_t)value : 0;                                                   \
    }                                                                                              \
    BUILTIN uint32_t __fixuns##mode##si(type value)                                                \
    {                                                                                              \
        return value >= 1 ? (uint32_t)value : 0;                                                   \
    }                                                                                              \
    BUILTIN type __floatdi##mode(int64_t value)                                                    \
    {                                                                                              \
        return (type)value;                                                                        \
    }                                                                                              \
    BUILTIN type __floatundi##mode(uint64_t value)                                                 \
    {                                                                                              \
        return (type)value;                                                                        \
    }

NARROW(float, sf)
NARROW(double, df)
NARROW(long double, xf)
