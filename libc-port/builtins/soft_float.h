/* Floating point in software, for the formats that the machine does not compute in: binary128
 * (__float128), binary16 (_Float16), bfloat16, and conversions to and from the machine's own.
 *
 * A number is unpacked to a sign, an exponent and a 128-bit significand whose highest bit is 1:
 * value = significand / 2^127 * 2^exponent. The lowest bit stands for all that was cut off below it
 * (sticky), which is enough to round once, to nearest, ties to even, in any of the formats. */
#ifndef LIND_SOFT_FLOAT_H
#define LIND_SOFT_FLOAT_H

#include "builtins.h"

enum kind { KIND_ZERO, KIND_FINITE, KIND_INFINITE, KIND_NAN };

struct number {
    enum kind kind;
    bool negative;
    int exponent;
    uint128 significand;
};

/* precision counts the integer bit; it is stored in x87's format only. */
struct format {
    int precision;
    int exponent_bits;
    bool integer_bit;
};

static const struct format format_hf = {11, 5, false};
static const struct format format_bf = {8, 8, false};
static const struct format format_sf = {24, 8, false};
static const struct format format_df = {53, 11, false};
static const struct format format_xf = {64, 15, true};
static const struct format format_tf = {113, 15, false};

/* value >> count with what falls out kept in the lowest bit. */
static inline uint128 shift_sticky(uint128 value, int count)
{
    if (count == 0) {
        return value;
    }
    if (count > 127) {
        return value != 0;
    }
    return value >> count | ((value << (128 - count)) != 0);
}

/* Brings the highest one bit to the top. The significand must not be zero. */
static inline void normalize(struct number *number)
{
    int zeros = leading_zeros(number->significand);
    number->significand <<= zeros;
    number->exponent -= zeros;
}

static inline struct number unpack(uint128 bits, const struct format *format)
{
    int fraction_bits = format->precision - !format->integer_bit;
    int largest = (1 << format->exponent_bits) - 1;
    int bias = largest >> 1;
    uint128 fraction = bits & (((uint128)1 << fraction_bits) - 1);
    int exponent = (int)(bits >> fraction_bits) & largest;
    struct number number = {.negative = bits >> (fraction_bits + format->exponent_bits) & 1};
    if (exponent == largest) {
        uint128 below = format->integer_bit ? fraction & ~((uint128)1 << 63) : fraction;
        number.kind = below ? KIND_NAN : KIND_INFINITE;
        return number;
    }
    if (!format->integer_bit && exponent) {
        fraction |= (uint128)1 << fraction_bits;
    }
    if (!fraction) {
        return number;
    }
    number.kind = KIND_FINITE;
    number.significand = fraction << (128 - format->precision);
    number.exponent = (exponent ? exponent : 1) - bias;
    normalize(&number);
    return number;
}

static inline uint128 pack(struct number number, const struct format *format)
{
    int fraction_bits = format->precision - !format->integer_bit;
    int largest = (1 << format->exponent_bits) - 1;
    int bias = largest >> 1;
    uint128 top = (uint128)1 << (format->precision - 1);
    uint128 fraction = 0;
    int biased = 0;
    if (number.kind == KIND_FINITE) {
        int dropped = 128 - format->precision;
        biased = number.exponent + bias;
        if (biased < 1) { /* below the normal range: fewer bits are left */
            number.significand = shift_sticky(number.significand, 1 - biased);
            biased = 1;
        }
        uint128 rest = number.significand << format->precision;
        uint128 half = (uint128)1 << 127;
        fraction = number.significand >> dropped;
        fraction += rest > half || (rest == half && (fraction & 1));
        if (fraction >> format->precision) {
            fraction >>= 1;
            biased++;
        }
        if (!(fraction & top)) {
            biased = 0;
        }
        if (biased >= largest) {
            number.kind = KIND_INFINITE;
        }
    }
    if (number.kind == KIND_INFINITE || number.kind == KIND_NAN) {
        biased = largest;
        fraction = format->integer_bit ? top : 0;
        if (number.kind == KIND_NAN) {
            fraction |= (uint128)1 << (format->precision - 2);
        }
    }
    if (!format->integer_bit) {
        fraction &= ~top;
    }
    return fraction | (uint128)biased << fraction_bits |
           (uint128)number.negative << (fraction_bits + format->exponent_bits);
}

static inline struct number number_of_integer(uint128 magnitude, bool negative)
{
    struct number number = {.negative = negative};
    if (magnitude) {
        number.kind = KIND_FINITE;
        number.exponent = 127;
        number.significand = magnitude;
        normalize(&number);
    }
    return number;
}

/* The magnitude of the integer part, at most `limit`; NaN gives 0. */
static inline uint128 integer_of_number(const struct number *number, uint128 limit)
{
    if (number->kind == KIND_INFINITE || (number->kind == KIND_FINITE && number->exponent > 127)) {
        return limit;
    }
    if (number->kind != KIND_FINITE || number->exponent < 0) {
        return 0;
    }
    uint128 magnitude = number->significand >> (127 - number->exponent);
    return magnitude < limit ? magnitude : limit;
}

/* Bits of a value and back, by the size of its type. */
#define BITS_OF(value)                                                                             \
    __extension__({                                                                                \
        union {                                                                                    \
            __typeof__(value) in;                                                                  \
            uint128 bits;                                                                          \
        } of_value = {.bits = 0};                                                                  \
        of_value.in = (value);                                                                     \
        of_value.bits;                                                                             \
    })

#define VALUE_OF(type, bits_given)                                                                 \
    __extension__({                                                                                \
        union {                                                                                    \
            uint128 bits;                                                                          \
            type out;                                                                              \
        } to_value = {.bits = (bits_given)};                                                       \
        to_value.out;                                                                              \
    })

#endif
