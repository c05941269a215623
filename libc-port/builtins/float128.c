/* __float128: arithmetic, comparison, and conversion to and from integers. */
#include "soft_float.h"

static struct number unpack_tf(__float128 value)
{
    return unpack(BITS_OF(value), &format_tf);
}

static __float128 pack_tf(struct number number)
{
    return VALUE_OF(__float128, pack(number, &format_tf));
}

static const struct number not_a_number = {.kind = KIND_NAN};

/* Adds finite numbers of which a has the greater magnitude or equals b's. */
static struct number add_finite(struct number a, struct number b)
{
    /* One bit of room for the carry; the formats leave 15 below. */
    a.significand >>= 1;
    b.significand = shift_sticky(b.significand, a.exponent - b.exponent + 1);
    a.exponent++;
    if (a.negative == b.negative) {
        a.significand += b.significand;
    } else {
        a.significand -= b.significand;
        if (!a.significand) {
            return (struct number){.kind = KIND_ZERO};
        }
    }
    normalize(&a);
    return a;
}

static struct number add(struct number a, struct number b)
{
    if (a.kind == KIND_NAN || b.kind == KIND_NAN) {
        return not_a_number;
    }
    if (a.kind == KIND_INFINITE) {
        return b.kind == KIND_INFINITE && a.negative != b.negative ? not_a_number : a;
    }
    if (b.kind == KIND_INFINITE) {
        return b;
    }
    if (b.kind == KIND_ZERO) {
        if (a.kind == KIND_ZERO) {
            a.negative &= b.negative;
        }
        return a;
    }
    if (a.kind == KIND_ZERO) {
        return b;
    }
    bool swapped = a.exponent < b.exponent ||
                   (a.exponent == b.exponent && a.significand < b.significand);
    return swapped ? add_finite(b, a) : add_finite(a, b);
}

BUILTIN __float128 __addtf3(__float128 a, __float128 b)
{
    return pack_tf(add(unpack_tf(a), unpack_tf(b)));
}

BUILTIN __float128 __subtf3(__float128 a, __float128 b)
{
    struct number second = unpack_tf(b);
    second.negative = !second.negative;
    return pack_tf(add(unpack_tf(a), second));
}

/* The high 128 bits of a product, with what is below in the lowest bit. */
static uint128 multiply_high(uint128 a, uint128 b)
{
    uint128 low = (uint128)LOW(a) * LOW(b);
    uint128 cross = (uint128)HIGH(a) * LOW(b) + HIGH(low);
    uint128 other = (uint128)LOW(a) * HIGH(b) + LOW(cross);
    uint128 high = (uint128)HIGH(a) * HIGH(b) + HIGH(cross) + HIGH(other);
    return high | (LOW(other) != 0 || LOW(low) != 0);
}

static __float128 multiply_tf(__float128 x, __float128 y)
{
    struct number a = unpack_tf(x), b = unpack_tf(y);
    bool negative = a.negative != b.negative;
    if (a.kind == KIND_NAN || b.kind == KIND_NAN ||
        (a.kind == KIND_INFINITE && b.kind == KIND_ZERO) ||
        (a.kind == KIND_ZERO && b.kind == KIND_INFINITE)) {
        return pack_tf(not_a_number);
    }
    struct number result = {.kind = KIND_FINITE, .negative = negative};
    if (a.kind == KIND_INFINITE || b.kind == KIND_INFINITE) {
        result.kind = KIND_INFINITE;
    } else if (a.kind == KIND_ZERO || b.kind == KIND_ZERO) {
        result.kind = KIND_ZERO;
    } else {
        result.significand = multiply_high(a.significand, b.significand);
        result.exponent = a.exponent + b.exponent + 1;
        normalize(&result);
    }
    return pack_tf(result);
}

BUILTIN __float128 __multf3(__float128 a, __float128 b)
{
    return multiply_tf(a, b);
}

/* a / b for significands: 116 bits of quotient and a sticky one, bit by bit. */
static uint128 divide_significands(uint128 a, uint128 b)
{
    /* Both have their highest bit at the top; one place down leaves room for the doubled remainder.
     * No bit is lost: binary128 has 15 zeros below. */
    uint128 rest = a >> 1, divisor = b >> 1, quotient = 0;
    for (int i = 0; i < 116; i++) {
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1;
        }
        rest <<= 1;
    }
    return quotient << 1 | (rest != 0);
}

static __float128 divide_tf(__float128 x, __float128 y)
{
    struct number a = unpack_tf(x), b = unpack_tf(y);
    if (a.kind == KIND_NAN || b.kind == KIND_NAN ||
        (a.kind == b.kind && (a.kind == KIND_INFINITE || a.kind == KIND_ZERO))) {
        return pack_tf(not_a_number);
    }
    struct number result = {.kind = KIND_FINITE, .negative = a.negative != b.negative};
    if (a.kind == KIND_INFINITE || b.kind == KIND_ZERO) {
        result.kind = KIND_INFINITE;
    } else if (a.kind == KIND_ZERO || b.kind == KIND_INFINITE) {
        result.kind = KIND_ZERO;
    } else {
        result.significand = divide_significands(a.significand, b.significand);
        /* The quotient's first bit has the weight 2^0 and stands at 116. */
        result.exponent = a.exponent - b.exponent + 127 - 116;
        normalize(&result);
    }
    return pack_tf(result);
}

BUILTIN __float128 __divtf3(__float128 a, __float128 b)
{
    return divide_tf(a, b);
}

BUILTIN __float128 __negtf2(__float128 value)
{
    return VALUE_OF(__float128, BITS_OF(value) ^ (uint128)1 << 127);
}

BUILTIN __float128 __powitf2(__float128 base, int exponent)
{
    unsigned left = exponent < 0 ? -(unsigned)exponent : (unsigned)exponent;
    __float128 result = left & 1 ? base : 1;
    while (left >>= 1) {
        base = multiply_tf(base, base);
        if (left & 1) {
            result = multiply_tf(result, base);
        }
    }
    return exponent < 0 ? divide_tf(1, result) : result;
}

static bool unordered(uint128 a, uint128 b)
{
    const uint128 infinity = (uint128)0x7fff << 112, magnitude = ~((uint128)1 << 127);
    return (a & magnitude) > infinity || (b & magnitude) > infinity;
}

/* Ordered bits compare like signed integers of sign and magnitude. */
static int compare(uint128 a, uint128 b)
{
    const uint128 sign = (uint128)1 << 127;
    if (!((a | b) & ~sign)) {
        return 0;
    }
    if ((a ^ b) & sign) {
        return a & sign ? -1 : 1;
    }
    int greater = (a > b) - (a < b);
    return a & sign ? -greater : greater;
}

#define COMPARE(name, when_unordered)                                                              \
    BUILTIN int name(__float128 x, __float128 y)                                                   \
    {                                                                                              \
        uint128 a = BITS_OF(x), b = BITS_OF(y);                                                    \
        return unordered(a, b) ? (when_unordered) : compare(a, b);                                 \
    }

COMPARE(__eqtf2, 1)
COMPARE(__netf2, 1)
COMPARE(__lttf2, 1)
COMPARE(__letf2, 1)
COMPARE(__cmptf2, 1)
COMPARE(__gttf2, -1)
COMPARE(__getf2, -1)

BUILTIN int __unordtf2(__float128 a, __float128 b)
{
    return unordered(BITS_OF(a), BITS_OF(b));
}

#define INTEGER(type, unsigned_type, mode)                                                         \
    BUILTIN __float128 __float##mode##tf(type value)                                               \
    {                                                                                              \
        bool negative = value < 0;                                                                 \
        unsigned_type magnitude = negative ? -(unsigned_type)value : (unsigned_type)value;         \
        return pack_tf(number_of_integer(magnitude, negative));                                    \
    }                                                                                              \
    BUILTIN __float128 __floatun##mode##tf(unsigned_type value)                                    \
    {                                                                                              \
        return pack_tf(number_of_integer(value, false));                                           \
    }                                                                                              \
    BUILTIN type __fixtf##mode(__float128 value)                                                   \
    {                                                                                              \
        struct number number = unpack_tf(value);                                                   \
        uint128 most = ((uint128)1 << (sizeof(type) * 8 - 1)) - !number.negative;                  \
        uint128 magnitude = integer_of_number(&number, most);                                      \
        return (type)(number.negative ? -magnitude : magnitude);                                   \
    }                                                                                              \
    BUILTIN unsigned_type __fixunstf##mode(__float128 value)                                       \
    {                                                                                              \
        struct number number = unpack_tf(value);                                                   \
        return number.negative                                                                     \
                   ? 0                                                                             \
                   : (unsigned_type)integer_of_number(&number, (unsigned_type)~(unsigned_type)0);  \
    }

INTEGER(int32_t, uint32_t, si)
INTEGER(int64_t, uint64_t, di)
INTEGER(int128, uint128, ti)
