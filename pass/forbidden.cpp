// Opcodes that a cage must not run (docs/sfi.md R2), with a hint for the programmer.
//
// This list serves good error messages. What it misses, the verifier still rejects.
#include "pass/tables.h"
#include "llvm/ADT/ArrayRef.h"

using namespace llvm;

namespace lind
{
namespace
{

struct Reason {
    const char *hint;
    ArrayRef<const char *> exact;    // whole opcode names
    ArrayRef<const char *> prefixes; // beginnings of opcode names
};

const char *const systemExact[] = {
    "INT",     "INTO",   "SYSENTER", "SYSEXIT", "SYSEXIT64", "SYSRET",  "SYSRET64",  "CLI",
    "STI",     "CLTS",   "CLAC",     "STAC",    "CLGI",      "STGI",    "INVD",      "RDMSR",
    "WRMSR",   "RDPMC",  "RSM",      "SKINIT",  "SWAPGS",    "GETSEC",  "XSETBV",    "RDMSRLIST",
    "STUI",    "CLUI",   "TESTUI",   "UIRET",   "HRESET",    "PCONFIG", "SERIALIZE", "WRMSRLIST",
    "WRMSRNS", "RDPRU",  "LKGS",     "ERETS",   "ERETU",     "TDCALL",  "SEAMCALL",  "SEAMRET",
    "SEAMOPS", "PBNDKB", "ARPL16rr", "ARPL16mr"};
const char *const systemPrefixes[] = {
    "IRET",      "IN8",       "IN16",     "IN32",      "OUT8",     "OUT16",    "OUT32",
    "INSB",      "INSW",      "INSL",     "OUTSB",     "OUTSW",    "OUTSL",    "LGDT",
    "LIDT",      "LLDT",      "LTR",      "LMSW",      "SGDT",     "SIDT",     "SLDT",
    "STR16",     "STR32",     "STR64",    "STRm",      "LKGS",     "TLBSYNC",  "RDMSRri",
    "WRMSRNS",   "SMSW",      "INVLPG",   "INVPCID",   "INVEPT",   "INVVPID",  "VMCALL",
    "VMCLEAR",   "VMFUNC",    "VMLAUNCH", "VMLOAD",    "VMMCALL",  "VMPTRLD",  "VMPTRST",
    "VMREAD",    "VMRESUME",  "VMRUN",    "VMSAVE",    "VMWRITE",  "VMXOFF",   "VMXON",
    "VMGEXIT",   "ENCLS",     "ENCLU",    "ENCLV",     "LAR16",    "LAR32",    "LAR64",
    "LSL16",     "LSL32",     "LSL64",    "VERR",      "VERW",     "WBINVD",   "WBNOINVD",
    "RMPADJUST", "RMPUPDATE", "PSMASH",   "PVALIDATE", "RMPQUERY", "SENDUIPI", "URDMSR",
    "UWRMSR",    "MOVRS"};
const char *const farPrefixes[] = {"FARJMP", "FARCALL", "LRET",   "RET16",  "RET32",
                                   "RETI16", "RETI32",  "CALL16", "CALL32", "CALLpcrel16",
                                   "JMP16",  "JMP32",   "JMPABS", "JCXZ",   "JECXZ"};
const char *const narrowBranches[] = {"JMP_2", "JCC_2"};
const char *const segmentPrefixes[] = {
    "RDFSBASE", "RDGSBASE", "WRFSBASE", "WRGSBASE", "POPFS",   "POPGS",   "POPDS",   "POPES",
    "POPSS",    "PUSHFS",   "PUSHGS",   "PUSHDS",   "PUSHES",  "PUSHSS",  "PUSHCS",  "LDS",
    "LES",      "LFS",      "LGS",      "LSS",      "MOV16sr", "MOV16sm", "MOV16ms", "MOV16rs",
    "MOV32sr",  "MOV32rs",  "MOV64sr",  "MOV64rs",  "MOV64cr", "MOV64rc", "MOV64dr", "MOV64rd",
    "MOV32cr",  "MOV32rc",  "MOV32dr",  "MOV32rd"};
const char *const segmentExact[] = {"FS_PREFIX", "GS_PREFIX"};
const char *const lddqu[] = {"LDDQU"};
const char *const statePrefixes[] = {
    "WRPKRU", "RDPKRU", "XSAVE",       "XRSTOR",   "FXSAVE", "FXRSTOR", "LDTILECFG", "STTILECFG",
    "INCSSP", "RDSSP",  "SAVEPREVSSP", "RSTORSSP", "WRSS",   "WRUSS",   "SETSSBSY",  "CLRSSBSY"};
const char *const flagsPrefixes[] = {"POPF16", "POPF32", "POPF64"};
const char *const directionExact[] = {"STD"};
const char *const implicitPrefixes[] = {
    "MASKMOVDQU", "VMASKMOVDQU", "MMX_MASKMOV", "XLAT",   "CLZERO",     "MONITOR",     "MWAIT",
    "UMONITOR",   "UMWAIT",      "TPAUSE",      "MOVDIR", "ENQCMD",     "CLDEMOTE",    "PTWRITE",
    "CLWB",       "XSTORE",      "XCRYPT",      "XSHA",   "MONTMUL",    "AADD",        "AAND",
    "AOR",        "AXOR",        "CMPCCXADD",   "RDPID",  "PREFETCHIT", "PREFETCHRST", "BND"};
const char *const gatherPrefixes[] = {"VGATHER", "VPGATHER", "VSCATTER", "VPSCATTER"};
const char *const transactionPrefixes[] = {"XBEGIN", "XABORT",    "XEND",
                                           "XTEST",  "XSUSLDTRK", "XRESLDTRK"};
const char *const newerPrefixes[] = {
    "TILE",         "TDP",         "TCVT",        "TMMUL",     "TTDP",         "TTMM",
    "TTRANS",       "TCMM",        "TCONJ",       "T2RPNT",    "TTCMM",        "KADD",
    "KAND",         "KMOV",        "KNOT",        "KOR",       "KSHIFT",       "KTEST",
    "KUNPCK",       "KXNOR",       "KXOR",        "VPDP",      "VPMADD52",     "VBCSTNE",
    "VCVTNEE",      "VCVTNEO",     "VCVTNEPS",    "VSHA512",   "VSM3",         "VSM4",
    "AESENC128",    "AESENC256",   "AESDEC128",   "AESDEC256", "AESENCWIDE",   "AESDECWIDE",
    "LOADIWKEY",    "ENCODEKEY",   "EXTRQ",       "INSERTQ",   "MOVNTSD",      "MOVNTSS",
    "PUSH2",        "POP2",        "PUSHP",       "POPP",      "CCMP",         "CTEST",
    "CFCMOV",       "LWP",         "SLWP",        "LLWP",      "VPCMOV",       "VPPERM",
    "VPERMIL2",     "GF2P8",       "VGF2P8",      "VAESENCY",  "VAESENCLASTY", "VAESDECY",
    "VAESDECLASTY", "VPCLMULQDQY", "PREFETCHWT1", "FFREEP"};
const char *const prefixExact[] = {"DATA16_PREFIX", "REX64_PREFIX", "ADDR32_PREFIX",
                                   "ADDR16_PREFIX", "DATA32_PREFIX"};
const char *const undefinedPrefixes[] = {"UD0"};
const char *const narrowStack[] = {"PUSH16", "POP16",   "PUSHF16", "PUSH32",
                                   "POP32",  "PUSHF32", "PUSHA",   "POPA"};
const char *const bitMemory[] = {"BT16mr",  "BT32mr",  "BT64mr",  "BTS16mr", "BTS32mr", "BTS64mr",
                                 "BTR16mr", "BTR32mr", "BTR64mr", "BTC16mr", "BTC32mr", "BTC64mr"};
const char *const bitMemoryPrefixes[] = {"LOCK_BTS_RM", "LOCK_BTR_RM", "LOCK_BTC_RM"};
const char *const string32[] = {"REP_MOVSB_32", "REP_MOVSW_32", "REP_MOVSD_32", "REP_MOVSQ_32",
                                "REP_STOSB_32", "REP_STOSW_32", "REP_STOSD_32", "REP_STOSQ_32"};

const Reason reasons[] = {
    {nullptr, lddqu, {}}, // begins like a segment load
    {"a cage cannot run system instructions; use a system call", systemExact, systemPrefixes},
    {"only near 64-bit branches can be confined", narrowBranches, farPrefixes},
    {"segment, control and debug registers belong to the runtime", segmentExact, segmentPrefixes},
    {"extended processor state belongs to the runtime", {}, statePrefixes},
    {"popf could set the trap, alignment or direction flag; use sahf", {}, flagsPrefixes},
    {"string operations in a cage run upwards only; copy backwards with a loop",
     directionExact,
     {}},
    {"vector addresses cannot be confined; compile with -mno-gather", {}, gatherPrefixes},
    {"its memory access cannot be confined; write it with ordinary instructions",
     {},
     implicitPrefixes},
    {"transactions cannot be confined; compile with -mno-rtm", {}, transactionPrefixes},
    {"instruction set extensions beyond x86-64-v3 are not available; lower -march",
     {},
     newerPrefixes},
    {"write the prefix into the instruction, or leave it out", prefixExact, {}},
    {"use ud2", {}, undefinedPrefixes},
    {"the stack holds 8-byte words; push or pop 64 bits", {}, narrowStack},
    {"a register bit offset reaches beyond the operand; load the word and use the register form",
     bitMemory, bitMemoryPrefixes},
    {"32-bit string operations are not available", string32, {}},
};

} // namespace

// FMA with four operands, which only old AMD processors have: VFMADDPD4rr and so on.
static bool isFma4(StringRef name)
{
    if (!name.starts_with("VF"))
        return false;
    for (StringRef width : {"PD4", "PS4", "SD4", "SS4"})
        if (name.contains(width))
            return true;
    return false;
}

const char *forbiddenReason(StringRef name)
{
    if (isFma4(name))
        return "use the three-operand form of FMA";
    for (const Reason &reason : reasons) {
        for (const char *exact : reason.exact)
            if (name == exact)
                return reason.hint;
        for (const char *prefix : reason.prefixes)
            if (name.starts_with(prefix))
                return reason.hint;
    }
    return nullptr;
}

} // namespace lind
