/* __builtin_cpu_supports, __builtin_cpu_is, __builtin_cpu_init: what this CPU has and a cage may
 * use.
 *
 * Layout and numbers are those of gcc's <cpuinfo.h>, which are part of the ABI between compiler
 * and its runtime. Features beyond x86-64-v3 are never reported, so that programs do not choose
 * code for them (no such code passes the verifier). */
#include "builtins.h"

#include <cpuid.h>

enum feature {
    CMOV = 0, MMX = 1, POPCNT = 2, SSE = 3, SSE2 = 4, SSE3 = 5, SSSE3 = 6, SSE4_1 = 7, SSE4_2 = 8,
    AVX = 9, AVX2 = 10, FMA = 14, BMI = 16, BMI2 = 17, AES = 18, PCLMUL = 19,
    /* From here on in __cpu_features2. */
    CMPXCHG16B = 46, CMPXCHG8B = 47, F16C = 49, FXSAVE = 51, LAHF_LM = 54, LZCNT = 56, MOVBE = 57,
    OSXSAVE = 60, X86_64_BASELINE = 95, X86_64_V2 = 96, X86_64_V3 = 97,
};

BUILTIN struct {
    uint32_t vendor;
    uint32_t type;
    uint32_t subtype;
    uint32_t features[1];
} __cpu_model;

BUILTIN uint32_t __cpu_features2[4];

static void set(enum feature feature, bool present)
{
    if (!present) {
        return;
    }
    unsigned word = (unsigned)feature / 32;
    if (word == 0) {
        __cpu_model.features[0] |= 1u << feature % 32;
    } else {
        __cpu_features2[word - 1] |= 1u << feature % 32;
    }
}

static bool has(enum feature feature)
{
    unsigned word = (unsigned)feature / 32;
    uint32_t bits = word ? __cpu_features2[word - 1] : __cpu_model.features[0];
    return bits >> feature % 32 & 1;
}

static bool has_all(const enum feature *features, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!has(features[i])) {
            return false;
        }
    }
    return true;
}

/* Whether the operating system keeps the upper halves of the vector registers. */
static bool keeps_vectors(uint32_t leaf1_ecx)
{
    if (!(leaf1_ecx & bit_OSXSAVE)) {
        return false;
    }
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6;
}

static void find_features(void)
{
    uint32_t eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) {
        return;
    }
    bool vectors = keeps_vectors(ecx);
    set(CMOV, edx & bit_CMOV);
    set(MMX, edx & bit_MMX);
    set(FXSAVE, edx & bit_FXSAVE);
    set(CMPXCHG8B, edx & bit_CMPXCHG8B);
    set(SSE, edx & bit_SSE);
    set(SSE2, edx & bit_SSE2);
    set(SSE3, ecx & bit_SSE3);
    set(SSSE3, ecx & bit_SSSE3);
    set(SSE4_1, ecx & bit_SSE41);
    set(SSE4_2, ecx & bit_SSE42);
    set(POPCNT, ecx & bit_POPCNT);
    set(AES, ecx & bit_AES);
    set(PCLMUL, ecx & bit_PCLMUL);
    set(CMPXCHG16B, ecx & bit_CMPXCHG16B);
    set(MOVBE, ecx & bit_MOVBE);
    set(OSXSAVE, ecx & bit_OSXSAVE);
    set(AVX, vectors && (ecx & bit_AVX));
    set(FMA, vectors && (ecx & bit_FMA));
    set(F16C, vectors && (ecx & bit_F16C));
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
        set(BMI, ebx & bit_BMI);
        set(BMI2, ebx & bit_BMI2);
        set(AVX2, vectors && (ebx & bit_AVX2));
    }
    if (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx)) {
        set(LAHF_LM, ecx & bit_LAHF_LM);
        set(LZCNT, ecx & bit_LZCNT);
    }
}

static void find_levels(void)
{
    static const enum feature baseline[] = {CMOV, CMPXCHG8B, FXSAVE, MMX, SSE, SSE2};
    static const enum feature v2[] = {X86_64_BASELINE, CMPXCHG16B, LAHF_LM, POPCNT,
                                      SSE3, SSSE3, SSE4_1, SSE4_2};
    static const enum feature v3[] = {X86_64_V2, AVX, AVX2, BMI, BMI2, F16C, FMA, LZCNT, MOVBE};
    set(X86_64_BASELINE, has_all(baseline, sizeof baseline / sizeof *baseline));
    set(X86_64_V2, has_all(v2, sizeof v2 / sizeof *v2));
    set(X86_64_V3, has_all(v3, sizeof v3 / sizeof *v3));
}

/* Runs before other constructors, and again whenever __builtin_cpu_init is called. */
BUILTIN __attribute__((constructor(101))) int __cpu_indicator_init(void)
{
    enum { VENDOR_INTEL = 1, VENDOR_AMD = 2, VENDOR_OTHER = 3 };
    if (__cpu_model.vendor) {
        return 0;
    }
    uint32_t eax, ebx = 0, ecx, edx;
    __get_cpuid(0, &eax, &ebx, &ecx, &edx);
    find_features();
    find_levels();
    __cpu_model.vendor = ebx == signature_INTEL_ebx ? VENDOR_INTEL
                         : ebx == signature_AMD_ebx ? VENDOR_AMD
                                                    : VENDOR_OTHER;
    return 0;
}
