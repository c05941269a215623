/* Arithmetic that notices overflow: the v functions abort, the o functions report it. */
#include "builtins.h"

_Noreturn void abort(void);

#define TRAPPING(type, mode)                                                                       \
    BUILTIN type __addv##mode##3(type a, type b)                                                   \
    {                                                                                              \
        type result;                                                                               \
        if (__builtin_add_overflow(a, b, &result)) {                                               \
            abort();                                                                               \
        }                                                                                          \
        return result;                                                                             \
    }                                                                                              \
    BUILTIN type __subv##mode##3(type a, type b)                                                   \
    {                                                                                              \
        type result;                                                                               \
        if (__builtin_sub_overflow(a, b, &result)) {                                               \
            abort();                                                                               \
        }                                                                                          \
        return result;                                                                             \
    }                                                                                              \
    BUILTIN type __negv##mode##2(type a)                                                           \
    {                                                                                              \
        return __subv##mode##3(0, a);                                                              \
    }                                                                                              \
    BUILTIN type __absv##mode##2(type a)                                                           \
    {                                                                                              \
        return a < 0 ? __negv##mode##2(a) : a;                                                     \
    }

TRAPPING(int32_t, si)
TRAPPING(int64_t, di)
TRAPPING(int128, ti)

BUILTIN int32_t __mulosi4(int32_t a, int32_t b, int *overflow)
{
    int32_t result;
    *overflow = __builtin_mul_overflow(a, b, &result);
    return result;
}

BUILTIN int64_t __mulodi4(int64_t a, int64_t b, int *overflow)
{
    int64_t result;
    *overflow = __builtin_mul_overflow(a, b, &result);
    return result;
}

/* Written out: for 128 bits the compiler's own check calls this function. */
BUILTIN int128 __muloti4(int128 a, int128 b, int *overflow)
{
    bool negative = (a < 0) != (b < 0);
    uint128 x = a < 0 ? -(uint128)a : (uint128)a, y = b < 0 ? -(uint128)b : (uint128)b;
    if (y > x) {
        uint128 swap = x;
        x = y;
        y = swap;
    }
    /* x = x1:x0, y = y1:y0 with y the smaller: y1 and x1 both set overflow at once. */
    uint128 cross = (uint128)HIGH(x) * LOW(y);
    uint128 low = (uint128)LOW(x) * LOW(y);
    uint128 product = low + (cross << 64);
    bool over = HIGH(y) != 0 || HIGH(cross) != 0 || product < low;
    uint128 limit = ((uint128)1 << 127) - !negative;
    *overflow = over || product > limit;
    return (int128)((uint128)a * (uint128)b);
}

BUILTIN int32_t __mulvsi3(int32_t a, int32_t b)
{
    int overflow;
    int32_t result = __mulosi4(a, b, &overflow);
    if (overflow) {
        abort();
    }
    return result;
}

BUILTIN int64_t __mulvdi3(int64_t a, int64_t b)
{
    int overflow;
    int64_t result = __mulodi4(a, b, &overflow);
    if (overflow) {
        abort();
    }
    return result;
}

BUILTIN int128 __mulvti3(int128 a, int128 b)
{
    int overflow;
    int128 result = __muloti4(a, b, &overflow);
    if (overflow) {
        abort();
    }
    return result;
}
