/* Complex multiplication and division of __float128: the rules for infinities of C11 annex G. */
#include "soft_float.h"

typedef __float128 tf;
typedef _Complex float __attribute__((mode(TC))) complex_tf;

static bool is_nan(tf x)
{
    return x != x;
}

static bool is_infinite(tf x)
{
    return (BITS_OF(x) & ~((uint128)1 << 127)) == (uint128)0x7fff << 112;
}

static bool is_finite(tf x)
{
    return !is_nan(x) && !is_infinite(x);
}

static tf with_sign(tf magnitude, tf like)
{
    const uint128 sign = (uint128)1 << 127;
    return VALUE_OF(tf, (BITS_OF(magnitude) & ~sign) | (BITS_OF(like) & sign));
}

/* An infinite part becomes 1, another 0, with its sign. */
static tf box(tf x)
{
    return with_sign(is_infinite(x) ? 1 : 0, x);
}

static tf without_nan(tf x)
{
    return is_nan(x) ? with_sign(0, x) : x;
}

static complex_tf make(tf real, tf imaginary)
{
    complex_tf result;
    __real__ result = real;
    __imag__ result = imaginary;
    return result;
}

static const tf infinity = (tf)__builtin_inf();

BUILTIN complex_tf __multc3(tf a, tf b, tf c, tf d)
{
    tf ac = a * c, bd = b * d, ad = a * d, bc = b * c;
    tf real = ac - bd, imaginary = ad + bc;
    if (!is_nan(real) || !is_nan(imaginary)) {
        return make(real, imaginary);
    }
    bool again = false;
    if (is_infinite(a) || is_infinite(b)) {
        a = box(a), b = box(b), c = without_nan(c), d = without_nan(d);
        again = true;
    }
    if (is_infinite(c) || is_infinite(d)) {
        c = box(c), d = box(d), a = without_nan(a), b = without_nan(b);
        again = true;
    }
    if (!again &&
        (is_infinite(ac) || is_infinite(bd) || is_infinite(ad) || is_infinite(bc))) {
        a = without_nan(a), b = without_nan(b), c = without_nan(c), d = without_nan(d);
        again = true;
    }
    if (again) {
        real = infinity * (a * c - b * d);
        imaginary = infinity * (a * d + b * c);
    }
    return make(real, imaginary);
}

/* x * 2^exponent, rounded once. */
static tf scale(tf x, int exponent)
{
    struct number number = unpack(BITS_OF(x), &format_tf);
    number.exponent += exponent;
    return VALUE_OF(tf, pack(number, &format_tf));
}

BUILTIN complex_tf __divtc3(tf a, tf b, tf c, tf d)
{
    struct number x = unpack(BITS_OF(c), &format_tf), y = unpack(BITS_OF(d), &format_tf);
    tf scaled_c = c, scaled_d = d;
    int shift = 0;
    if (is_finite(c) && is_finite(d) && (x.kind == KIND_FINITE || y.kind == KIND_FINITE)) {
        bool first = y.kind == KIND_ZERO || (x.kind == KIND_FINITE && x.exponent > y.exponent);
        shift = -(first ? x.exponent : y.exponent);
        scaled_c = scale(c, shift);
        scaled_d = scale(d, shift);
    }
    tf norm = scaled_c * scaled_c + scaled_d * scaled_d;
    tf real = scale((a * scaled_c + b * scaled_d) / norm, shift);
    tf imaginary = scale((b * scaled_c - a * scaled_d) / norm, shift);
    if (!is_nan(real) || !is_nan(imaginary)) {
        return make(real, imaginary);
    }
    if (norm == 0 && (!is_nan(a) || !is_nan(b))) {
        real = with_sign(infinity, c) * a;
        imaginary = with_sign(infinity, c) * b;
    } else if ((is_infinite(a) || is_infinite(b)) && is_finite(c) && is_finite(d)) {
        tf p = box(a), q = box(b);
        real = infinity * (p * scaled_c + q * scaled_d);
        imaginary = infinity * (q * scaled_c - p * scaled_d);
    } else if ((is_infinite(c) || is_infinite(d)) && is_finite(a) && is_finite(b)) {
        tf p = box(c), q = box(d);
        real = 0 * (a * p + b * q);
        imaginary = 0 * (b * p - a * q);
    }
    return make(real, imaginary);
}
