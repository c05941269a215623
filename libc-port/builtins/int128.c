/* Arithmetic on 128-bit integers. */
#include "builtins.h"

/* high:low / divisor, where high < divisor: the one division that the machine has. */
static inline uint64_t divide_word(uint64_t high, uint64_t low, uint64_t divisor,
                                   uint64_t *remainder)
{
    uint64_t quotient;
    __asm__("divq %[divisor]"
            : "=a"(quotient), "=d"(*remainder)
            : [divisor] "r"(divisor), "a"(low), "d"(high)
            : "cc");
    return quotient;
}

/* Division by zero divides by zero in the machine too, so that SIGFPE is what a program sees. */
uint128 __udivmodti4(uint128 dividend, uint128 divisor, uint128 *remainder)
{
    uint64_t rest;
    if (!HIGH(divisor)) {
        uint64_t word = LOW(divisor), high = 0, over = HIGH(dividend);
        if (over >= word) {
            high = divide_word(0, over, word, &over);
        }
        uint64_t low = divide_word(over, LOW(dividend), word, &rest);
        if (remainder) {
            *remainder = rest;
        }
        return (uint128)high << 64 | low;
    }
    if (dividend < divisor) {
        if (remainder) {
            *remainder = dividend;
        }
        return 0;
    }
    /* Estimate with the divisor's top 64 bits; halving the dividend keeps the quotient within a
     * word. The estimate is at most one too big: take one off, then put it back if it was right.
     * */
    int shift = __builtin_clzll(HIGH(divisor));
    uint64_t top = HIGH(divisor << shift);
    uint128 half = dividend >> 1;
    uint64_t quotient = divide_word(HIGH(half), LOW(half), top, &rest) >> (63 - shift);
    if (quotient) {
        quotient--;
    }
    uint128 left = dividend - quotient * divisor;
    if (left >= divisor) {
        quotient++;
        left -= divisor;
    }
    if (remainder) {
        *remainder = left;
    }
    return quotient;
}

BUILTIN uint128 __udivti3(uint128 dividend, uint128 divisor)
{
    return __udivmodti4(dividend, divisor, 0);
}

BUILTIN uint128 __umodti3(uint128 dividend, uint128 divisor)
{
    uint128 remainder;
    __udivmodti4(dividend, divisor, &remainder);
    return remainder;
}

static uint128 magnitude(int128 value)
{
    return value < 0 ? -(uint128)value : (uint128)value;
}

BUILTIN int128 __divmodti4(int128 dividend, int128 divisor, int128 *remainder)
{
    uint128 rest;
    uint128 quotient = __udivmodti4(magnitude(dividend), magnitude(divisor), &rest);
    *remainder = (int128)(dividend < 0 ? -rest : rest);
    return (int128)((dividend < 0) != (divisor < 0) ? -quotient : quotient);
}

BUILTIN int128 __divti3(int128 dividend, int128 divisor)
{
    int128 remainder;
    return __divmodti4(dividend, divisor, &remainder);
}

BUILTIN int128 __modti3(int128 dividend, int128 divisor)
{
    int128 remainder;
    __divmodti4(dividend, divisor, &remainder);
    return remainder;
}

BUILTIN int128 __multi3(int128 a, int128 b)
{
    return (int128)((uint128)a * (uint128)b);
}

BUILTIN int128 __negti2(int128 value)
{
    return (int128)-(uint128)value;
}

BUILTIN int128 __ashlti3(int128 value, int count)
{
    return (int128)((uint128)value << count);
}

BUILTIN int128 __lshrti3(int128 value, int count)
{
    return (int128)((uint128)value >> count);
}

BUILTIN int128 __ashrti3(int128 value, int count)
{
    return value >> count;
}

BUILTIN int __cmpti2(int128 a, int128 b)
{
    return (a > b) - (a < b) + 1;
}

BUILTIN int __ucmpti2(uint128 a, uint128 b)
{
    return (a > b) - (a < b) + 1;
}
