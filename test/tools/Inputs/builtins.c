/* Compares our builtins, linked under the prefix lind_, with what the host's compiler does by itself or
 * with its own runtime library, over random operands rich in edge cases. Usage: builtins ROUNDS */
#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef __int128 i128;
typedef unsigned __int128 u128;
typedef float sf;
typedef double df;
typedef long double xf;
typedef __float128 tf;

void lind_abort(void) { abort(); }
void *lind_memcpy(void *to, const void *from, size_t size) { return memcpy(to, from, size); }
int lind_memcmp(const void *a, const void *b, size_t size) { return memcmp(a, b, size); }

static uint64_t state = 0x9e3779b97f4a7c15;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static u128 any128(void)
{
    u128 value = (u128)next() << 64 | next();
    switch (next() % 6) {
    case 0: return value >> next() % 128;
    case 1: return value << next() % 128;
    case 2: return (u128)0 - (value >> next() % 128);
    case 3: return ((u128)1 << next() % 128) + (next() % 3) - 1;
    case 4: return (value >> next() % 128) << next() % 128;
    default: return value;
    }
}

/* A random number of `bytes` bytes in which exponent and fraction are often special. */
static u128 any_float(int exponent_bits, int fraction_bits, int around)
{
    u128 fraction = any128() & (((u128)1 << fraction_bits) - 1);
    unsigned largest = (1u << exponent_bits) - 1;
    unsigned exponent = next() % (largest + 1);
    switch (next() % 8) {
    case 0: exponent = 0; break;
    case 1: exponent = largest; fraction = next() % 2 ? 0 : fraction; break;
    case 2: fraction = 0; break;
    case 3: case 4: case 5:
        if (around) {
            exponent = (largest >> 1) + next() % (2 * around) - around;
        }
        break;
    }
    return (u128)(next() & 1) << (exponent_bits + fraction_bits) | (u128)exponent << fraction_bits |
           fraction;
}

#define CAST(to, value) ({ __typeof__(value) in_ = (value); to out_; memset(&out_, 0, sizeof out_); \
    memcpy(&out_, &in_, sizeof out_ < sizeof in_ ? sizeof out_ : sizeof in_); out_; })

static sf any_sf(void) { return CAST(sf, any_float(8, 23, 20)); }
static df any_df(void) { return CAST(df, any_float(11, 52, 130)); }
static tf any_tf(void) { return CAST(tf, any_float(15, 112, 130)); }
static xf any_xf(void)
{
    u128 bits = any_float(15, 63, 130);
    unsigned exponent = (unsigned)(bits >> 63) & 0x7fff;
    u128 fraction = bits & (((u128)1 << 63) - 1);
    u128 sign = bits >> 78 & 1;
    return CAST(xf, sign << 79 | (u128)exponent << 64 | (u128)(exponent != 0) << 63 | fraction);
}

static long failures;

static void differ(const char *name, u128 a, u128 b, u128 got, u128 want)
{
    if (failures++ < 20) {
        printf("%s(%016llx%016llx, %016llx%016llx) = %016llx%016llx, not %016llx%016llx\n", name,
               (long long)(a >> 64), (long long)a, (long long)(b >> 64), (long long)b,
               (long long)(got >> 64), (long long)got, (long long)(want >> 64), (long long)want);
    }
}

#define IS_NAN(x) ((x) != (x))
#define ISN_i(x) 0
/* Equal bits, or NaN both. */
#define CHECK(type, bits, name, a, b, got, want)                                                   \
    do {                                                                                           \
        type got_ = (got), want_ = (want);                                                         \
        u128 g_ = CAST(u128, got_), w_ = CAST(u128, want_);                                        \
        if (bits < 128) { g_ &= ((u128)1 << (bits & 127)) - 1; w_ &= ((u128)1 << (bits & 127)) - 1; } \
        if (g_ != w_ && !(IS_NAN(got_) && IS_NAN(want_)))                                          \
            differ(name, CAST(u128, a), CAST(u128, b), g_, w_);                                    \
    } while (0)
#define SAME(type, name, a, b, got, want) CHECK(type, (int)(sizeof(type) == 16 ? 128 : sizeof(type) * 8), name, a, b, got, want)
#define SAME_XF(name, a, b, got, want) CHECK(xf, 80, name, a, b, got, want)

u128 lind___udivti3(u128, u128), lind___umodti3(u128, u128);
i128 lind___divti3(i128, i128), lind___modti3(i128, i128), lind___multi3(i128, i128);
i128 lind___muloti4(i128, i128, int *), lind___ashlti3(i128, int), lind___lshrti3(i128, int),
    lind___ashrti3(i128, int), lind___negti2(i128);
int lind___popcountdi2(uint64_t), lind___popcountti2(u128), lind___parityti2(u128), lind___clzti2(u128),
    lind___ctzti2(u128), lind___ffsti2(u128), lind___cmpti2(i128, i128), lind___ucmpti2(u128, u128),
    lind___clrsbti2(i128);

static void integers(void)
{
    u128 a = any128(), b = any128();
    if (b) {
        SAME(u128, "__udivti3", a, b, lind___udivti3(a, b), a / b);
        SAME(u128, "__umodti3", a, b, lind___umodti3(a, b), a % b);
        if ((i128)b != -1) {
            SAME(i128, "__divti3", a, b, lind___divti3(a, b), (i128)a / (i128)b);
            SAME(i128, "__modti3", a, b, lind___modti3(a, b), (i128)a % (i128)b);
        }
    }
    SAME(u128, "__multi3", a, b, (u128)lind___multi3(a, b), a * b);
    int over, count = (int)(b & 127);
    i128 product;
    int want_over = __builtin_mul_overflow((i128)a, (i128)b, &product);
    SAME(i128, "__muloti4", a, b, lind___muloti4(a, b, &over), product);
    SAME(int, "__muloti4 overflow", a, b, over, want_over);
    SAME(u128, "__ashlti3", a, b, (u128)lind___ashlti3(a, count), a << count);
    SAME(u128, "__lshrti3", a, b, (u128)lind___lshrti3(a, count), a >> count);
    SAME(i128, "__ashrti3", a, b, lind___ashrti3(a, count), (i128)a >> count);
    SAME(u128, "__negti2", a, b, (u128)lind___negti2(a), -a);
    uint64_t h = a >> 64, l = (uint64_t)a;
    SAME(int, "__popcountdi2", a, b, lind___popcountdi2(l), __builtin_popcountll(l));
    SAME(int, "__popcountti2", a, b, lind___popcountti2(a),
         __builtin_popcountll(h) + __builtin_popcountll(l));
    SAME(int, "__parityti2", a, b, lind___parityti2(a), __builtin_parityll(h ^ l));
    if (a) {
        SAME(int, "__clzti2", a, b, lind___clzti2(a),
             h ? __builtin_clzll(h) : 64 + __builtin_clzll(l));
        SAME(int, "__ctzti2", a, b, lind___ctzti2(a),
             l ? __builtin_ctzll(l) : 64 + __builtin_ctzll(h));
    }
    SAME(int, "__ffsti2", a, b, lind___ffsti2(a),
         !a ? 0 : l ? __builtin_ctzll(l) + 1 : 65 + __builtin_ctzll(h));
    SAME(int, "__cmpti2", a, b, lind___cmpti2(a, b), (i128)a < (i128)b ? 0 : (i128)a == (i128)b ? 1 : 2);
    SAME(int, "__ucmpti2", a, b, lind___ucmpti2(a, b), a < b ? 0 : a == b ? 1 : 2);
}

sf lind___floattisf(i128), lind___floatuntisf(u128);
df lind___floattidf(i128), lind___floatuntidf(u128);
xf lind___floattixf(i128), lind___floatuntixf(u128);
i128 lind___fixsfti(sf), lind___fixdfti(df), lind___fixxfti(xf);
u128 lind___fixunssfti(sf), lind___fixunsdfti(df), lind___fixunsxfti(xf);

#define FIX(mode, value, limit)                                                                    \
    if (value > -limit && value < limit) {                                                         \
        SAME(i128, "__fix" #mode "ti", value, value, lind___fix##mode##ti(value), (i128)value);     \
    }                                                                                              \
    if (value > -1 && value < limit * 2) {                                                         \
        SAME(u128, "__fixuns" #mode "ti", value, value, lind___fixuns##mode##ti(value), (u128)value); \
    }

static void integer_float(void)
{
    u128 a = any128();
    SAME(sf, "__floattisf", a, a, lind___floattisf(a), (sf)(i128)a);
    SAME(df, "__floattidf", a, a, lind___floattidf(a), (df)(i128)a);
    SAME_XF("__floattixf", a, a, lind___floattixf(a), (xf)(i128)a);
    SAME(sf, "__floatuntisf", a, a, lind___floatuntisf(a), (sf)a);
    SAME(df, "__floatuntidf", a, a, lind___floatuntidf(a), (df)a);
    SAME_XF("__floatuntixf", a, a, lind___floatuntixf(a), (xf)a);
    sf s = any_sf();
    df d = any_df();
    xf x = any_xf();
    FIX(sf, s, 0x1p127f)
    FIX(df, d, 0x1p127)
    FIX(xf, x, 0x1p127L)
}

tf lind___addtf3(tf, tf), lind___subtf3(tf, tf), lind___multf3(tf, tf), lind___divtf3(tf, tf);
int lind___eqtf2(tf, tf), lind___lttf2(tf, tf), lind___gttf2(tf, tf), lind___letf2(tf, tf),
    lind___getf2(tf, tf), lind___unordtf2(tf, tf);
tf lind___floatsitf(int), lind___floatditf(int64_t), lind___floattitf(i128), lind___floatunsitf(unsigned),
    lind___floatunditf(uint64_t), lind___floatuntitf(u128);
int lind___fixtfsi(tf);
int64_t lind___fixtfdi(tf);
i128 lind___fixtfti(tf);
unsigned lind___fixunstfsi(tf);
uint64_t lind___fixunstfdi(tf);
u128 lind___fixunstfti(tf);

static tf near_tf(tf value)
{
    u128 bits = CAST(u128, value);
    bits ^= (u128)(next() & 1) << 127;
    bits += (u128)(int64_t)(next() % 5) - 2;
    bits += ((u128)(next() % 240) - 120) << 112;
    return CAST(tf, bits);
}

static void float128(void)
{
    tf a = any_tf(), b = next() % 3 ? any_tf() : near_tf(a);
    SAME(tf, "__addtf3", a, b, lind___addtf3(a, b), a + b);
    SAME(tf, "__subtf3", a, b, lind___subtf3(a, b), a - b);
    SAME(tf, "__multf3", a, b, lind___multf3(a, b), a * b);
    SAME(tf, "__divtf3", a, b, lind___divtf3(a, b), a / b);
    SAME(int, "__eqtf2", a, b, lind___eqtf2(a, b) == 0, a == b);
    SAME(int, "__lttf2", a, b, lind___lttf2(a, b) < 0, a < b);
    SAME(int, "__letf2", a, b, lind___letf2(a, b) <= 0, a <= b);
    SAME(int, "__gttf2", a, b, lind___gttf2(a, b) > 0, a > b);
    SAME(int, "__getf2", a, b, lind___getf2(a, b) >= 0, a >= b);
    SAME(int, "__unordtf2", a, b, lind___unordtf2(a, b) != 0, IS_NAN(a) || IS_NAN(b));
    u128 i = any128();
    SAME(tf, "__floatsitf", i, i, lind___floatsitf((int)i), (tf)(int)i);
    SAME(tf, "__floatditf", i, i, lind___floatditf((int64_t)i), (tf)(int64_t)i);
    SAME(tf, "__floattitf", i, i, lind___floattitf((i128)i), (tf)(i128)i);
    SAME(tf, "__floatunsitf", i, i, lind___floatunsitf((unsigned)i), (tf)(unsigned)i);
    SAME(tf, "__floatunditf", i, i, lind___floatunditf((uint64_t)i), (tf)(uint64_t)i);
    SAME(tf, "__floatuntitf", i, i, lind___floatuntitf(i), (tf)i);
    if (a > -0x1p31 && a < 0x1p31) SAME(int, "__fixtfsi", a, a, lind___fixtfsi(a), (int)a);
    if (a > -0x1p63 && a < 0x1p63) SAME(int64_t, "__fixtfdi", a, a, lind___fixtfdi(a), (int64_t)a);
    if (a > -0x1p127 && a < 0x1p127) SAME(i128, "__fixtfti", a, a, lind___fixtfti(a), (i128)a);
    if (a > -1 && a < 0x1p32) SAME(unsigned, "__fixunstfsi", a, a, lind___fixunstfsi(a), (unsigned)a);
    if (a > -1 && a < 0x1p64) SAME(uint64_t, "__fixunstfdi", a, a, lind___fixunstfdi(a), (uint64_t)a);
    if (a > -1 && a < (tf)0x1p127 * 2) SAME(u128, "__fixunstfti", a, a, lind___fixunstfti(a), (u128)a);
}

tf lind___extendsftf2(sf), lind___extenddftf2(df), lind___extendxftf2(xf);
sf lind___trunctfsf2(tf);
df lind___trunctfdf2(tf);
xf lind___trunctfxf2(tf);
sf lind___extendhfsf2(_Float16);
_Float16 lind___truncsfhf2(sf), lind___truncdfhf2(df), lind___truncxfhf2(xf), lind___trunctfhf2(tf);
sf lind___gnu_h2f_ieee(uint16_t);
uint16_t lind___gnu_f2h_ieee(sf);
__bf16 lind___truncsfbf2(sf);

static void conversions(void)
{
    sf s = any_sf();
    df d = any_df();
    xf x = any_xf();
    tf t = any_tf(), narrow = (tf)any_df();
    SAME(tf, "__extendsftf2", s, s, lind___extendsftf2(s), (tf)s);
    SAME(tf, "__extenddftf2", d, d, lind___extenddftf2(d), (tf)d);
    SAME(tf, "__extendxftf2", x, x, lind___extendxftf2(x), (tf)x);
    SAME(sf, "__trunctfsf2", t, t, lind___trunctfsf2(t), (sf)t);
    SAME(df, "__trunctfdf2", t, t, lind___trunctfdf2(t), (df)t);
    SAME_XF("__trunctfxf2", t, t, lind___trunctfxf2(t), (xf)t);
    narrow = near_tf(narrow);
    SAME(sf, "__trunctfsf2", narrow, narrow, lind___trunctfsf2(narrow), (sf)narrow);
    SAME(df, "__trunctfdf2", narrow, narrow, lind___trunctfdf2(narrow), (df)narrow);
    uint16_t bits = (uint16_t)next();
    _Float16 h = CAST(_Float16, bits);
    SAME(sf, "__extendhfsf2", bits, bits, lind___extendhfsf2(h), (sf)h);
    SAME(sf, "__gnu_h2f_ieee", bits, bits, lind___gnu_h2f_ieee(bits), (sf)h);
    SAME(_Float16, "__truncsfhf2", s, s, lind___truncsfhf2(s), (_Float16)s);
    if (!IS_NAN(s)) {
        SAME(uint16_t, "__gnu_f2h_ieee", s, s, lind___gnu_f2h_ieee(s), CAST(uint16_t, (_Float16)s));
    }
    SAME(_Float16, "__truncdfhf2", d, d, lind___truncdfhf2(d), (_Float16)d);
    /* The host's runtime has no direct conversion from the widest types: check by bounds. */
    _Float16 from_x = lind___truncxfhf2(x), from_t = lind___trunctfhf2(t);
    if (fabsl(x) < 65504) {
        xf error = fabsl((xf)(sf)from_x - x);
        uint16_t up = (uint16_t)(CAST(uint16_t, from_x) + 1), down = (uint16_t)(CAST(uint16_t, from_x) - 1);
        SAME(int, "__truncxfhf2", x, x,
             error <= fabsl((xf)(sf)CAST(_Float16, up) - x) &&
             ((CAST(uint16_t, from_x) & 0x7fff) == 0 || error <= fabsl((xf)(sf)CAST(_Float16, down) - x)), 1);
    }
    if (t == (tf)(xf)t) {
        SAME(_Float16, "__trunctfhf2", t, t, from_t, lind___truncxfhf2((xf)t));
    }
    uint32_t single = CAST(uint32_t, s);
    if (!IS_NAN(s)) {
        uint16_t want = (uint16_t)((single + 0x7fff + (single >> 16 & 1)) >> 16);
        SAME(uint16_t, "__truncsfbf2", s, s, CAST(uint16_t, lind___truncsfbf2(s)), want);
    }
}

float _Complex lind___mulsc3(sf, sf, sf, sf), lind___divsc3(sf, sf, sf, sf);
double _Complex lind___muldc3(df, df, df, df), lind___divdc3(df, df, df, df);
long double _Complex lind___mulxc3(xf, xf, xf, xf), lind___divxc3(xf, xf, xf, xf);
float _Complex __mulsc3(sf, sf, sf, sf), __divsc3(sf, sf, sf, sf);
double _Complex __muldc3(df, df, df, df), __divdc3(df, df, df, df);
long double _Complex __mulxc3(xf, xf, xf, xf), __divxc3(xf, xf, xf, xf);

/* Multiplication gives the same bits. Division's method is free, so close is enough where the host's
 * result is an ordinary number: relative to the greater part. */
#define COMPLEX(mode, type, size, any, tiny, huge, epsilon)                                        \
    {                                                                                              \
        type a = any(), b = any(), c = any(), d = any();                                           \
        _Complex type got = lind___mul##mode##3(a, b, c, d), want = __mul##mode##3(a, b, c, d);    \
        CHECK(type, size, "__mul" #mode "3 real", a, c, (type)got, (type)want);                    \
        CHECK(type, size, "__mul" #mode "3 imaginary", a, c, __imag__ got, __imag__ want);         \
        got = lind___div##mode##3(a, b, c, d), want = __div##mode##3(a, b, c, d);                  \
        type greater = fabsl(__real__ want) > fabsl(__imag__ want) ? fabsl(__real__ want)           \
                                                                    : fabsl(__imag__ want);         \
        type least = fabsl(a) < fabsl(b) ? fabsl(a) : fabsl(b), most = least;                      \
        type parts[] = {fabsl(a), fabsl(b), fabsl(c), fabsl(d)};                                   \
        for (int i = 0; i < 4; i++) {                                                              \
            least = parts[i] < least ? parts[i] : least;                                           \
            most = parts[i] > most ? parts[i] : most;                                              \
        }                                                                                          \
        if (greater > tiny && greater < huge && least > tiny && most < huge &&                     \
            !(fabsl(__real__ got - __real__ want) <= greater * epsilon &&                          \
              fabsl(__imag__ got - __imag__ want) <= greater * epsilon)) {                         \
            differ("__div" #mode "3", CAST(u128, a), CAST(u128, c), CAST(u128, __real__ got),      \
                   CAST(u128, __real__ want));                                                     \
        }                                                                                          \
    }

static void complexes(void)
{
    COMPLEX(sc, float, 32, any_sf, 0x1p-30f, 0x1p30f, 1e-6f)
    COMPLEX(dc, double, 64, any_df, 0x1p-400, 0x1p400, 1e-14)
    COMPLEX(xc, long double, 80, any_xf, 0x1p-4000L, 0x1p4000L, 1e-17L)
}

/* Division's special cases, which annex G fixes. */
static void special_division(void)
{
    double inf = INFINITY, nan = NAN;
    double _Complex q = lind___divdc3(1, 1, 0, 0);
    SAME(int, "1+i / 0", 1, 0, isinf(creal(q)) && isinf(cimag(q)), 1);
    q = lind___divdc3(inf, nan, 2, 1);
    SAME(int, "inf / finite", 1, 0, isinf(creal(q)) || isinf(cimag(q)), 1);
    q = lind___divdc3(3, 4, inf, inf);
    SAME(int, "finite / inf", 1, 0, creal(q) == 0 && cimag(q) == 0, 1);
    q = lind___divdc3(__DBL_MAX__, __DBL_MAX__, __DBL_MAX__, __DBL_MAX__);
    SAME(int, "max / max", 1, 0, creal(q) == 1 && cimag(q) == 0, 1);
    q = lind___divdc3(0x1p-1074, 0x1p-1074, 0x1p-1074, 0x1p-1074);
    SAME(int, "least / least", 1, 0, creal(q) == 1 && cimag(q) == 0, 1);
    /* Parts far from each other, near the ends of the exponents. */
    long double _Complex w = lind___divxc3(0x9p-8480L, 0x8p+16329L, -0xep-15599L, -0xap+869L);
    SAME(int, "far parts, real", 1, 0, fabsl(creall(w) / (-0x8p+16329L / 0xap+869L) - 1) < 1e-18L, 1);
    long double want = (0x8p+16329L / 0xap+869L * -0xep-15599L + 0x9p-8480L) / 0xap+869L;
    SAME(int, "far parts, imaginary", 1, 0, fabsl(cimagl(w) / want - 1) < 1e-18L, 1);
    w = lind___divxc3(0x1p16383L, 0x1p16383L, 0x1p16383L, 0x1p16383L);
    SAME(int, "large / large", 1, 0, creall(w) == 1 && cimagl(w) == 0, 1);
    w = lind___divxc3(0x1p-16445L, 0, 0, 0x1p-16445L);
    SAME(int, "least / i least", 1, 0, creall(w) == 0 && cimagl(w) == -1, 1);
}

void lind___atomic_load(size_t, const void *, void *, int), lind___atomic_store(size_t, void *, const void *, int),
    lind___atomic_exchange(size_t, void *, const void *, void *, int);
_Bool lind___atomic_compare_exchange(size_t, void *, void *, const void *, int, int);
u128 lind___atomic_fetch_add_16(void *, u128, int), lind___atomic_load_16(void *, int);

static void atomics(void)
{
    unsigned char place[64] __attribute__((aligned(16))), given[64], old[64], copy[64];
    for (size_t i = 0; i < sizeof given; i++) {
        given[i] = (unsigned char)next();
        place[i] = (unsigned char)next();
    }
    size_t size = next() % 25, at = next() % 17;
    memcpy(copy, place, sizeof copy);
    lind___atomic_exchange(size, place + at, given, old, 5);
    SAME(int, "__atomic_exchange", size, at, memcmp(old, copy + at, size), 0);
    lind___atomic_load(size, place + at, old, 5);
    SAME(int, "__atomic_load", size, at, memcmp(old, given, size), 0);
    SAME(int, "__atomic_compare_exchange", size, at,
         lind___atomic_compare_exchange(size, place + at, old, copy, 5, 5), 1);
    SAME(int, "__atomic_compare_exchange stored", size, at, memcmp(place + at, copy, size), 0);
    if (size && memcmp(given, copy, size)) {
        SAME(int, "__atomic_compare_exchange unequal", size, at,
             lind___atomic_compare_exchange(size, place + at, given, old, 5, 5), 0);
        SAME(int, "__atomic_compare_exchange loaded", size, at, memcmp(given, copy, size), 0);
    }
    lind___atomic_store(size, place + at, old, 5);
    SAME(int, "__atomic_store", size, at, memcmp(place + at, old, size), 0);
    SAME(int, "outside", size, at, memcmp(place + at + size, copy + at + size, 64 - at - size), 0);
    static u128 counter __attribute__((aligned(16)));
    u128 before = counter, amount = any128();
    SAME(u128, "__atomic_fetch_add_16", before, amount, lind___atomic_fetch_add_16(&counter, amount, 5), before);
    SAME(u128, "__atomic_load_16", before, amount, lind___atomic_load_16(&counter, 5), before + amount);
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 100000;
    for (long i = 0; i < rounds; i++) {
        integers();
        integer_float();
        float128();
        conversions();
        complexes();
        atomics();
    }
    special_division();
    printf("%ld rounds, %ld differences\n", rounds, failures);
    return failures != 0;
}
