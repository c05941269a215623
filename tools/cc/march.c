/* Instruction sets. A cage runs what -march=x86-64-v3 generates (docs/sfi.md 5, R2); what asks for
 * more is lowered with one warning, so that build systems which ask for the best get the best
 * there is. */
#include "lind-cc.h"

#include <string.h>

/* CPUs below x86-64-v3, or equal to it but for instructions that clang generates only on request.
 * */
static const char *const as_they_are[] = {
    "x86-64",   "x86-64-v2",   "x86-64-v3", "k8",          "k8-sse3",   "opteron",
    "athlon64", "athlon64-sse3", "nocona",  "core2",       "penryn",    "bonnell",
    "atom",     "silvermont",  "slm",       "nehalem",     "corei7",    "westmere",
    "sandybridge", "corei7-avx", "ivybridge", "core-avx-i", "haswell",  "core-avx2",
};

/* CPUs without AVX2 whose own extensions (SSE4A, XOP, FMA4, TBM) no cage may run. */
static const char *const lowered_to_v2[] = {
    "amdfam10", "barcelona", "btver1", "btver2", "bdver1", "bdver2", "bdver3", "opteron-sse3",
};

/* Beginnings of -m options for instructions beyond x86-64-v3. */
static const char *const refused[] = {
    "-mavx512",  "-mavx10",    "-mavxvnni",  "-mavxifma", "-mavxneconvert", "-mamx",
    "-mgfni",    "-mvaes",     "-mvpclmul",  "-mapx",     "-msse4a",    "-mxop",
    "-mfma4",    "-mtbm",      "-mlwp",      "-mrtm",     "-mhle",      "-mxsave",
    "-mfsgsbase", "-mwaitpkg", "-muintr",    "-mcldemote", "-mmovdir",  "-menqcmd",
    "-mptwrite", "-mpku",      "-mshstk",    "-mkl",      "-mwidekl",   "-mserialize",
    "-mtsxldtrk", "-mclzero",  "-mmwaitx",   "-mrdpid",   "-mrdpru",    "-mprefetchi",
    "-musermsr", "-msm3",      "-msm4",      "-msha512",  "-mcmpccxadd", "-mraoint",
    "-minvpcid", "-mmovrs",    "-mhreset",   "-mpconfig", "-msgx",      "-mwbnoinvd",
};

static bool among(const char *value, const char *const *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(value, table[i])) {
            return true;
        }
    }
    return false;
}

#define AMONG(value, table) among(value, table, sizeof(table) / sizeof *(table))

static void warn_once(const char *what, const char *instead)
{
    static bool warned;
    if (!warned) {
        warn("%s asks for more than a cage may run; using %s", what, instead);
    }
    warned = true;
}

const char *march_cap(const char *value)
{
    if (AMONG(value, as_they_are)) {
        return value;
    }
    const char *instead = AMONG(value, lowered_to_v2) ? "x86-64-v2" : "x86-64-v3";
    warn_once(text_format("-march=%s", value), text_format("-march=%s", instead));
    return instead;
}

bool march_refuses_feature(const char *option)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (text_starts(option, refused[i])) {
            warn_once(option, "no more than x86-64-v3");
            return true;
        }
    }
    return false;
}
