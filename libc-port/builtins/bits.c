/* Counting and turning bits. */
#include "builtins.h"

static int ones(uint64_t value)
{
    value -= value >> 1 & 0x5555555555555555;
    value = (value & 0x3333333333333333) + (value >> 2 & 0x3333333333333333);
    value = (value + (value >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return (int)(value * 0x0101010101010101 >> 56);
}

BUILTIN int __popcountsi2(uint32_t value)
{
    return ones(value);
}

BUILTIN int __popcountdi2(uint64_t value)
{
    return ones(value);
}

BUILTIN int __popcountti2(uint128 value)
{
    return ones(HIGH(value)) + ones(LOW(value));
}

BUILTIN int __paritysi2(uint32_t value)
{
    return ones(value) & 1;
}

BUILTIN int __paritydi2(uint64_t value)
{
    return ones(value) & 1;
}

BUILTIN int __parityti2(uint128 value)
{
    return ones(HIGH(value) ^ LOW(value)) & 1;
}

BUILTIN int __clzsi2(uint32_t value)
{
    return __builtin_clz(value);
}

BUILTIN int __clzdi2(uint64_t value)
{
    return __builtin_clzll(value);
}

BUILTIN int __clzti2(uint128 value)
{
    return leading_zeros(value);
}

BUILTIN int __ctzsi2(uint32_t value)
{
    return __builtin_ctz(value);
}

BUILTIN int __ctzdi2(uint64_t value)
{
    return __builtin_ctzll(value);
}

BUILTIN int __ctzti2(uint128 value)
{
    return LOW(value) ? __builtin_ctzll(LOW(value)) : 64 + __builtin_ctzll(HIGH(value));
}

BUILTIN int __ffssi2(uint32_t value)
{
    return value ? __builtin_ctz(value) + 1 : 0;
}

BUILTIN int __ffsdi2(uint64_t value)
{
    return value ? __builtin_ctzll(value) + 1 : 0;
}

BUILTIN int __ffsti2(uint128 value)
{
    return value ? __ctzti2(value) + 1 : 0;
}

BUILTIN uint32_t __bswapsi2(uint32_t value)
{
    return __builtin_bswap32(value);
}

BUILTIN uint64_t __bswapdi2(uint64_t value)
{
    return __builtin_bswap64(value);
}

BUILTIN int __clrsbdi2(int64_t value)
{
    uint64_t bits = (uint64_t)(value ^ value >> 63);
    return bits ? __builtin_clzll(bits) - 1 : 63;
}

BUILTIN int __clrsbti2(int128 value)
{
    uint128 bits = (uint128)(value ^ value >> 127);
    return bits ? leading_zeros(bits) - 1 : 127;
}
