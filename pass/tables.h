// What the plugin knows about the x86-64 instruction set, taken from LLVM's own tables by name.
//
// LLVM's X86 headers are private, so opcodes and registers are looked up by their names. What the
// code names is looked up when the plugin is loaded; what an opcode is, when it is first met, for
// LLVM has tens of thousands. LTO backends ask from several threads.
#ifndef LIND_PASS_TABLES_H
#define LIND_PASS_TABLES_H

#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCDisassembler/MCDisassembler.h"
#include "llvm/MC/MCInst.h"
#include "llvm/MC/MCInstrInfo.h"
#include "llvm/MC/MCRegisterInfo.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace lind
{

// What the rewriter does with an opcode. Everything that is not named is Plain: at most its memory
// operand and its uses of %rsp change.
enum class Kind : uint8_t {
    Plain,
    Lea,
    Return,
    ReturnPop,
    CallDirect,
    CallRegister,
    CallMemory,
    CallDirectKept, // these stay calls (codegen.cpp)
    CallRegisterKept,
    CallMemoryKept,
    Jump,      // direct, conditional or not, relaxable
    JumpShort, // loop, jrcxz: never relaxed
    JumpRegister,
    JumpMemory,
    String,
    PrefixRepeat,
    PrefixRepeatNot,
    PrefixLock,
    PrefixIgnored,
    AbsoluteMove, // mov between the accumulator and an absolute address
    Nop,
    Dropped,      // has no effect in a cage: endbr64, cld
    Trap,         // ud2, int3, hlt
    TrapArgument, // ud1
    Leave,
    Enter,
    Syscall,
};

// Instruction prefixes in MCInst::getFlags() (LLVM's X86BaseInfo.h, IPREFIXES).
enum PrefixFlags : unsigned {
    FlagAddressSize = 1u << 1,
    FlagRepeatNot = 1u << 2,
    FlagRepeat = 1u << 3,
    FlagLock = 1u << 4,
    FlagDisp8 = 1u << 12, // displacements of one byte, or of four, at least
    FlagDisp32 = 1u << 13,
};

// First of the five operands of a memory reference, and the others after it.
enum MemoryPart { MemBase, MemScale, MemIndex, MemDisp, MemSegment, MemParts };

// clang-format off
#define LIND_OPCODES(X)                                                                            \
    X(ADD32ri) X(ADD32ri8) X(ADD32rr) X(ADD64ri32) X(ADD64ri8) X(ADD64rm) X(ADD64rr)               \
    X(AND32ri) X(AND32ri8) X(AND32rr) X(AND64ri32) X(AND64ri8) X(AND64rm) X(AND64rr)               \
    X(SUB32ri) X(SUB32ri8) X(SUB32rr) X(SUB64ri32) X(SUB64ri8) X(SUB64rm) X(SUB64rr)               \
    X(ADD64rr_REV) X(AND64rr_REV) X(SUB64rr_REV) X(INC64r) X(DEC64r)                               \
    X(CALL64pcrel32) X(CALLpcrel32) X(CALL64r) X(CALL64r_NT) X(CALL64m) X(CALL64m_NT) X(JMP64r) X(JMP64m) X(JMP_1) X(JCC_1) X(JMP_4) X(JCC_4)            \
    X(LEA32r) X(LEA64r) X(LEA64_32r) X(LEAVE64)                                                    \
    X(MOV32rr) X(MOV32rr_REV) X(MOV64rr) X(MOV64rr_REV) X(MOV32rm) X(MOV64rm) X(MOV64mr)           \
    X(MOV32ri) X(MOV64ri) X(MOV64ri32) X(CMP32rr) X(CMP64rr) X(NOOP) X(PAUSE) X(TRAP)              \
    X(POP64r) X(POP64rmm) X(PUSH64r)                                                               \
    X(MOVSB) X(MOVSW) X(MOVSL) X(MOVSQ) X(STOSB) X(STOSW) X(STOSL) X(STOSQ)
#define LIND_REGISTERS(X)                                                                          \
    X(RSP) X(ESP) X(SP) X(SPL) X(RIP) X(EIP) X(EIZ) X(RIZ) X(CS) X(DS) X(ES) X(FS) X(GS) X(SS)     \
    X(R11) X(R11D) X(R11W) X(R11B) X(RDI) X(EDI) X(RSI) X(ESI) X(RBP) X(EBP) X(EFLAGS)             \
    X(AL) X(AX) X(EAX) X(RAX)
// clang-format on

class Tables
{
  public:
    // Builds the tables for LLVM's x86-64 target. Called once, before any of the others.
    static void build(const llvm::Target &target);
    static const Tables &get();

    unsigned opcode(llvm::StringRef name) const; // fatal error if LLVM has no such opcode
    unsigned reg(llvm::StringRef name) const;    // likewise
    llvm::StringRef name(unsigned opcode) const
    {
        return info->getName(opcode);
    }
    const llvm::MCInstrDesc &desc(unsigned opcode) const
    {
        return info->get(opcode);
    }

    Kind kind(unsigned opcode) const
    {
        return entry(opcode).kind;
    }
    // Index of the first of five memory operands, or -1.
    int memory(unsigned opcode) const
    {
        return entry(opcode).memory;
    }
    // Why the opcode must not occur and what to do instead; null if it may.
    const char *forbidden(unsigned opcode) const
    {
        return entry(opcode).forbidden;
    }
    bool lockable(unsigned opcode) const
    {
        return entry(opcode).lockable;
    }
    // Has a memory operand, and accesses it whatever the other operands hold.
    bool sureAccess(unsigned opcode) const
    {
        return entry(opcode).sureAccess;
    }
    // The same operation with an immediate of 32 bits instead of 8; 0 if there is none.
    unsigned wideImmediate(unsigned opcode) const
    {
        return entry(opcode).wideImmediate;
    }
    bool isPush(unsigned opcode) const
    {
        return entry(opcode).push;
    }
    bool isPop(unsigned opcode) const
    {
        return entry(opcode).pop;
    }

    // The low 32 bits of a 64-bit general register; 0 for every other register.
    unsigned to32(unsigned reg) const
    {
        return low32[reg];
    }
    bool isR11(unsigned reg) const
    {
        return bitsOfR11(reg) != 0;
    }
    // How many bits of %r11 the register is; 64 for %r11d, whose writes clear the others.
    unsigned bitsOfR11(unsigned reg) const
    {
        return !reg ? 0 : reg == R11 || reg == R11D ? 64 : reg == R11W ? 16 : reg == R11B ? 8 : 0;
    }
    bool isGeneral32(unsigned reg) const
    {
        return is32[reg];
    }
    bool isVector(unsigned reg) const;

    const llvm::MCInstrInfo &instructions() const
    {
        return *info;
    }
    // A plain x86-64 subtarget: its nops are the ones that the verifier knows, up to 10 bytes.
    const llvm::MCSubtargetInfo &plainSubtarget() const
    {
        return *subtarget;
    }

    std::unique_ptr<llvm::MCDisassembler> disassembler(llvm::MCContext &context) const;

#define LIND_DECLARE(name) unsigned name = 0;
    LIND_OPCODES(LIND_DECLARE)
    LIND_REGISTERS(LIND_DECLARE)
#undef LIND_DECLARE

  private:
    struct Entry {
        Kind kind = Kind::Plain;
        int8_t memory = -1;
        bool lockable = false, sureAccess = false, push = false, pop = false;
        unsigned wideImmediate = 0;
        const char *forbidden = nullptr;
    };
    const Entry &entry(unsigned opcode) const
    {
        const Entry *known = entries[opcode].load(std::memory_order_acquire);
        return known ? *known : learn(opcode);
    }
    const Entry &learn(unsigned opcode) const;
    void classify(unsigned opcode, Entry &entry) const;
    unsigned find(llvm::StringRef name) const; // 0 if LLVM has no such opcode

    const llvm::Target *target = nullptr;
    std::unique_ptr<llvm::MCInstrInfo> info;
    std::unique_ptr<llvm::MCRegisterInfo> registers;
    std::unique_ptr<llvm::MCSubtargetInfo> subtarget;
    llvm::StringMap<unsigned> registerNumbers;
    // Null until the opcode is met. An entry is final and lives as long as the process.
    mutable std::vector<std::atomic<const Entry *>> entries;
    mutable std::mutex learning;
    std::vector<unsigned> low32;
    std::vector<bool> is32;
};

// Why an opcode of that name cannot be confined, with a hint; null if it can (forbidden.cpp).
const char *forbiddenReason(llvm::StringRef opcodeName);

} // namespace lind

#endif
