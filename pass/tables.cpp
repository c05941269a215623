// Builds the opcode and register tables from LLVM's names.
#include "pass/tables.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/TargetParser/Triple.h"

using namespace llvm;

namespace lind
{

static Tables *theTables;

const Tables &Tables::get()
{
    return *theTables;
}

unsigned Tables::find(StringRef name) const
{
    for (unsigned o = 0; o < info->getNumOpcodes(); ++o)
        if (info->getName(o) == name)
            return o;
    return 0;
}

unsigned Tables::opcode(StringRef name) const
{
    unsigned o = find(name);
    if (!o)
        report_fatal_error(Twine("lind-pass: this LLVM has no opcode ") + name);
    return o;
}

unsigned Tables::reg(StringRef name) const
{
    auto it = registerNumbers.find(name);
    if (it == registerNumbers.end())
        report_fatal_error(Twine("lind-pass: this LLVM has no register ") + name);
    return it->second;
}

bool Tables::isVector(unsigned reg) const
{
    StringRef name = registers->getName(reg);
    return name.starts_with("XMM") || name.starts_with("YMM") || name.starts_with("ZMM");
}

static bool isStringOperation(StringRef name)
{
    for (StringRef stem : {"MOVS", "STOS", "LODS", "SCAS", "CMPS"})
        if (name.consume_front(stem))
            return name == "B" || name == "W" || name == "L" || name == "Q";
    return name.starts_with("REP_MOVS") || name.starts_with("REP_STOS");
}

static bool isAbsoluteMove(StringRef name)
{
    if (!name.consume_front("MOV"))
        return false;
    name = name.drop_while([](char c) { return c >= '0' && c <= '9'; });
    return name == "ao16" || name == "ao32" || name == "ao64" || name == "o16a" || name == "o32a" ||
           name == "o64a";
}

static bool isLockable(StringRef name)
{
    for (StringRef stem : {"ADC", "ADD", "AND", "BTC", "BTR", "BTS", "CMPXCHG", "DEC", "INC", "NEG",
                           "NOT", "OR", "SBB", "SUB", "XADD", "XCHG", "XOR"}) {
        StringRef rest = name;
        if (!rest.consume_front(stem))
            continue;
        if (stem == "CMPXCHG" && (rest == "8B" || rest == "16B"))
            return true;
        StringRef tail = rest.drop_while([](char c) { return c >= '0' && c <= '9'; });
        if (tail.size() < rest.size() && (tail.starts_with("m") || tail == "rm") &&
            !(tail == "rm" && stem != "XADD" && stem != "XCHG" && stem != "CMPXCHG"))
            return true;
    }
    return false;
}

// Instructions that the compiler uses on stack slots and that access their memory operand always.
// Masked moves and shifts by a count of 0 do not, nor does the x87 (ADD_F32m), whose exceptions
// come late.
static bool isSureAccess(StringRef name)
{
    for (StringRef stem :
         {"MOV", "VMOV", "ADD", "SUB", "CMP", "AND", "OR", "XOR", "TEST", "INC", "DEC"})
        if (name.starts_with(stem) && !name.starts_with("CMPXCHG") && !name.contains("_F"))
            return true;
    return false;
}

static Kind kindOf(StringRef name)
{
    if (isStringOperation(name))
        return Kind::String;
    if (isAbsoluteMove(name))
        return Kind::AbsoluteMove;
    return StringSwitch<Kind>(name)
        .Cases({"LEA16r", "LEA32r", "LEA64r", "LEA64_32r", "LEA64_16r", "LEA64_8r"}, Kind::Lea)
        .Case("RET64", Kind::Return)
        .Case("RETI64", Kind::ReturnPop)
        .Case("CALL64pcrel32", Kind::CallDirect)
        .Case("CALLpcrel32", Kind::CallDirectKept)
        .Case("CALL64r", Kind::CallRegister)
        .Case("CALL64r_NT", Kind::CallRegisterKept)
        .Case("CALL64m", Kind::CallMemory)
        .Case("CALL64m_NT", Kind::CallMemoryKept)
        .Cases({"JMP_1", "JMP_4", "JCC_1", "JCC_4"}, Kind::Jump)
        .Cases({"LOOP", "LOOPE", "LOOPNE", "JRCXZ"}, Kind::JumpShort)
        .Cases({"JMP64r", "JMP64r_NT", "JMP64r_REX"}, Kind::JumpRegister)
        .Cases({"JMP64m", "JMP64m_NT", "JMP64m_REX"}, Kind::JumpMemory)
        .Case("REP_PREFIX", Kind::PrefixRepeat)
        .Case("REPNE_PREFIX", Kind::PrefixRepeatNot)
        .Case("LOCK_PREFIX", Kind::PrefixLock)
        .Cases({"CS_PREFIX", "DS_PREFIX", "ES_PREFIX", "SS_PREFIX"}, Kind::PrefixIgnored)
        .Cases({"XACQUIRE_PREFIX", "XRELEASE_PREFIX"}, Kind::PrefixIgnored)
        .Cases({"NOOP", "NOOPW", "NOOPL", "NOOPQ", "NOOPWr", "NOOPLr", "NOOPQr"}, Kind::Nop)
        .Cases({"ENDBR64", "ENDBR32", "CLD"}, Kind::Dropped)
        .Cases({"TRAP", "INT3", "HLT"}, Kind::Trap)
        .Cases({"UD1Wm", "UD1Lm", "UD1Qm", "UD1Wr", "UD1Lr", "UD1Qr"}, Kind::TrapArgument)
        .Case("LEAVE64", Kind::Leave)
        .Case("ENTER", Kind::Enter)
        .Case("SYSCALL", Kind::Syscall)
        .Default(Kind::Plain);
}

void Tables::classify(unsigned opcode, Entry &entry) const
{
    StringRef name = info->getName(opcode);
    const MCInstrDesc &d = info->get(opcode);
    int first = -1, count = 0;
    for (unsigned i = 0; i < d.getNumOperands(); ++i)
        if (d.operands()[i].OperandType == MCOI::OPERAND_MEMORY) {
            if (first < 0)
                first = i;
            ++count;
        }
    entry.kind = kindOf(name);
    if (count == MemParts)
        entry.memory = first;
    if (entry.kind == Kind::Lea)
        entry.memory = 1; // its operands are not typed as memory in the 64-bit forms
    entry.forbidden = forbiddenReason(name);
    if (!entry.forbidden && count && count != MemParts && entry.kind != Kind::String &&
        entry.kind != Kind::AbsoluteMove)
        entry.forbidden = "its memory operands are implicit; write the access out";
    entry.lockable = isLockable(name);
    entry.sureAccess = entry.memory >= 0 && isSureAccess(name);
    // ADD32ri8 and ADD32ri, ADD64mi8 and ADD64mi32, PUSH64i8 and PUSH64i32. 16 bits are left out:
    // their immediates stall decoders.
    if (name.ends_with("i8") && name.contains("32"))
        entry.wideImmediate = find(name.drop_back());
    else if (name.ends_with("i8") && name.contains("64"))
        entry.wideImmediate = find((name.drop_back() + "32").str());
    entry.push = name.starts_with("PUSH64") || name == "PUSHF64";
    entry.pop = name.starts_with("POP64");
}

const Tables::Entry &Tables::learn(unsigned opcode) const
{
    std::lock_guard<std::mutex> guard(learning);
    const Entry *known = entries[opcode].load(std::memory_order_relaxed);
    if (!known) {
        auto *entry = new Entry;
        classify(opcode, *entry);
        entries[opcode].store(entry, std::memory_order_release);
        known = entry;
    }
    return *known;
}

std::unique_ptr<MCDisassembler> Tables::disassembler(MCContext &context) const
{
    return std::unique_ptr<MCDisassembler>(target->createMCDisassembler(*subtarget, context));
}

void Tables::build(const Target &target)
{
    if (theTables)
        return;
    auto *t = new Tables; // lives as long as the process
    Triple triple("x86_64-unknown-linux-gnu");
    t->target = &target;
    t->info.reset(target.createMCInstrInfo());
    t->registers.reset(target.createMCRegInfo(triple));
    t->subtarget.reset(target.createMCSubtargetInfo(triple, "x86-64", ""));

    unsigned count = t->registers->getNumRegs();
    for (unsigned r = 1; r < count; ++r)
        t->registerNumbers[t->registers->getName(r)] = r;
    auto reg = [&](const Twine &name) { return t->reg(name.str()); };
    t->low32.assign(count, 0);
    t->is32.assign(count, false);
    for (const char *name : {"AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP"})
        t->low32[reg("R" + Twine(name))] = reg("E" + Twine(name));
    for (unsigned n = 8; n < 16; ++n)
        t->low32[reg("R" + Twine(n))] = reg("R" + Twine(n) + "D");
    for (unsigned r = 1; r < count; ++r)
        if (t->low32[r])
            t->is32[t->low32[r]] = true;

    unsigned number = t->info->getNumOpcodes();
    t->entries = std::vector<std::atomic<const Entry *>>(number);
    StringMap<unsigned *> wanted;
#define LIND_LOOKUP(name) wanted[#name] = &t->name;
    LIND_OPCODES(LIND_LOOKUP)
#undef LIND_LOOKUP
    for (unsigned o = 0; o < number && !wanted.empty(); ++o)
        if (auto it = wanted.find(t->info->getName(o)); it != wanted.end()) {
            *it->second = o;
            wanted.erase(it);
        }
    if (!wanted.empty())
        report_fatal_error(Twine("lind-pass: this LLVM has no opcode ") + wanted.begin()->first());
#define LIND_LOOKUP(name) t->name = reg(#name);
    LIND_REGISTERS(LIND_LOOKUP)
#undef LIND_LOOKUP
    theTables = t;
}

} // namespace lind
