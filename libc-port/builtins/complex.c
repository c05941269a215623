/* Complex multiplication and division, and integer powers: C11 annex G's rules for infinities. */
#include "builtins.h"

#define ABS(x) __builtin_fabsl(x)
#define IS_NAN(x) ((x) != (x))
#define IS_INF(x) __builtin_isinf(x)
#define SIGN_OF(value, like) (__builtin_signbit(like) ? -(value) : (value))

/* A product that is NaN in both parts although a factor was infinite, or although an infinity
 * arose on the way, is infinite: the factors are boxed (infinite parts to 1, others to 0, NaNs to
 * 0). */
#define MULTIPLY(type, name)                                                                       \
    BUILTIN _Complex type name(type a, type b, type c, type d)                                     \
    {                                                                                              \
        type ac = a * c, bd = b * d, ad = a * d, bc = b * c;                                       \
        type real = ac - bd, imaginary = ad + bc;                                                  \
        if (IS_NAN(real) && IS_NAN(imaginary)) {                                                   \
            bool again = false;                                                                    \
            if (IS_INF(a) || IS_INF(b)) {                                                          \
                a = SIGN_OF(IS_INF(a) ? (type)1 : (type)0, a);                                     \
                b = SIGN_OF(IS_INF(b) ? (type)1 : (type)0, b);                                     \
                c = IS_NAN(c) ? SIGN_OF((type)0, c) : c;                                           \
                d = IS_NAN(d) ? SIGN_OF((type)0, d) : d;                                           \
                again = true;                                                                      \
            }                                                                                      \
            if (IS_INF(c) || IS_INF(d)) {                                                          \
                c = SIGN_OF(IS_INF(c) ? (type)1 : (type)0, c);                                     \
                d = SIGN_OF(IS_INF(d) ? (type)1 : (type)0, d);                                     \
                a = IS_NAN(a) ? SIGN_OF((type)0, a) : a;                                           \
                b = IS_NAN(b) ? SIGN_OF((type)0, b) : b;                                           \
                again = true;                                                                      \
            }                                                                                      \
            if (!again && (IS_INF(ac) || IS_INF(bd) || IS_INF(ad) || IS_INF(bc))) {                \
                a = IS_NAN(a) ? SIGN_OF((type)0, a) : a;                                           \
                b = IS_NAN(b) ? SIGN_OF((type)0, b) : b;                                           \
                c = IS_NAN(c) ? SIGN_OF((type)0, c) : c;                                           \
                d = IS_NAN(d) ? SIGN_OF((type)0, d) : d;                                           \
                again = true;                                                                      \
            }                                                                                      \
            if (again) {                                                                           \
                real = (type)__builtin_inf() * (a * c - b * d);                                    \
                imaginary = (type)__builtin_inf() * (a * d + b * c);                               \
            }                                                                                      \
        }                                                                                          \
        _Complex type result;                                                                      \
        __real__ result = real;                                                                    \
        __imag__ result = imaginary;                                                               \
        return result;                                                                             \
    }

/* 2^exponent in the widest type of the machine, for |exponent| < 16383. */
static long double power(int exponent)
{
    union {
        struct {
            uint64_t significand;
            uint16_t exponent;
        } parts;
        long double value;
    } result;
    result.parts.significand = (uint64_t)1 << 63;
    result.parts.exponent = (uint16_t)(exponent + 16383);
    return result.value;
}

/* Binary exponent of a finite nonzero number. */
static int exponent_of(long double value)
{
    union {
        long double value;
        struct {
            uint64_t significand;
            uint16_t exponent;
        } parts;
    } number = {value};
    int biased = number.parts.exponent & 0x7fff;
    return biased ? biased - 16383 : -16382 - __builtin_clzll(number.parts.significand);
}

static long double scale(long double value, int exponent)
{
    for (; exponent > 16000; exponent -= 16000) {
        value *= power(16000);
    }
    for (; exponent < -16000; exponent += 16000) {
        value *= power(-16000);
    }
    return value * power(exponent);
}

static _Complex long double make(long double real, long double imaginary)
{
    _Complex long double result;
    __real__ result = real;
    __imag__ result = imaginary;
    return result;
}

/* For float and double: long double's exponents are wide enough for every product. */
static _Complex long double quotient_narrow(long double a, long double b, long double c,
                                            long double d)
{
    long double norm = c * c + d * d;
    return make((a * c + b * d) / norm, (b * c - a * d) / norm);
}

/* p * q + r * s is the result times 2^*exponent: no product overflows, and none vanishes beside the
 * other unless it is too small to count. All are finite. */
static long double products(long double p, long double q, long double r, long double s,
                            int *exponent)
{
    const int none = -100000;
    int first = none, second = none;
    if (p != 0 && q != 0) {
        first = exponent_of(p) + exponent_of(q);
        p = scale(p, -exponent_of(p)) * scale(q, -exponent_of(q));
    } else {
        p *= q; /* a zero with its sign */
    }
    if (r != 0 && s != 0) {
        second = exponent_of(r) + exponent_of(s);
        r = scale(r, -exponent_of(r)) * scale(s, -exponent_of(s));
    } else {
        r *= s;
    }
    *exponent = first > second ? first : second;
    if (*exponent == none) {
        *exponent = 0;
        return p + r;
    }
    return scale(p, first - *exponent) + scale(r, second - *exponent);
}

static _Complex long double quotient_wide(long double a, long double b, long double c,
                                          long double d)
{
    if (!__builtin_isfinite(a) || !__builtin_isfinite(b) || !__builtin_isfinite(c) ||
        !__builtin_isfinite(d)) {
        return quotient_narrow(a, b, c, d);
    }
    int above, below;
    long double norm = products(c, c, d, d, &below);
    long double real = products(a, c, b, d, &above) / norm;
    real = scale(real, above - below);
    long double imaginary = products(b, c, -a, d, &above) / norm;
    return make(real, scale(imaginary, above - below));
}

#define DIVIDE(type, quotient, name)                                                               \
    BUILTIN _Complex type name(type a, type b, type c, type d)                                     \
    {                                                                                              \
        _Complex long double wide = quotient(a, b, c, d);                                          \
        type real = (type)__real__ wide, imaginary = (type)__imag__ wide;                          \
        if (IS_NAN(real) && IS_NAN(imaginary)) {                                                   \
            if (c == 0 && d == 0 && (!IS_NAN(a) || !IS_NAN(b))) {                                  \
                real = SIGN_OF((type)__builtin_inf(), c) * a;                                      \
                imaginary = SIGN_OF((type)__builtin_inf(), c) * b;                                 \
            } else if ((IS_INF(a) || IS_INF(b)) && !IS_INF(c) && !IS_NAN(c) && !IS_INF(d) &&       \
                       !IS_NAN(d)) {                                                               \
                long double p = SIGN_OF(IS_INF(a) ? 1.0L : 0.0L, a);                               \
                long double q = SIGN_OF(IS_INF(b) ? 1.0L : 0.0L, b);                               \
                real = (type)__builtin_inf() * (type)(p * c + q * d);                              \
                imaginary = (type)__builtin_inf() * (type)(q * c - p * d);                         \
            } else if ((IS_INF(c) || IS_INF(d)) && !IS_INF(a) && !IS_NAN(a) && !IS_INF(b) &&       \
                       !IS_NAN(b)) {                                                               \
                type p = SIGN_OF(IS_INF(c) ? (type)1 : (type)0, c);                                \
                type q = SIGN_OF(IS_INF(d) ? (type)1 : (type)0, d);                                \
                real = (type)0 * (a * p + b * q);                                                  \
                imaginary = (type)0 * (b * p - a * q);                                             \
            }                                                                                      \
        }                                                                                          \
        _Complex type result;                                                                      \
        __real__ result = real;                                                                    \
        __imag__ result = imaginary;                                                               \
        return result;                                                                             \
    }

MULTIPLY(float, __mulsc3)
MULTIPLY(double, __muldc3)
MULTIPLY(long double, __mulxc3)
DIVIDE(float, quotient_narrow, __divsc3)
DIVIDE(double, quotient_narrow, __divdc3)
DIVIDE(long double, quotient_wide, __divxc3)

#define POWER(type, name)                                                                          \
    BUILTIN type name(type base, int exponent)                                                     \
    {                                                                                              \
        unsigned left = exponent < 0 ? -(unsigned)exponent : (unsigned)exponent;                   \
        type result = left & 1 ? base : 1;                                                         \
        while (left >>= 1) {                                                                       \
            base *= base;                                                                          \
            if (left & 1) {                                                                        \
                result *= base;                                                                    \
            }                                                                                      \
        }                                                                                          \
        return exponent < 0 ? 1 / result : result;                                                 \
    }

POWER(float, __powisf2)
POWER(double, __powidf2)
POWER(long double, __powixf2)
