// Rules for the stack pointer. It holds an absolute address; the program may see only its offset.
#include "pass/rewriter.h"
#include "rt/abi.h"
#include "llvm/ADT/Statistic.h"

#define DEBUG_TYPE "lind"
ALWAYS_ENABLED_STATISTIC(NumStackAdjust, "constant adjustments of %rsp left as they are");
ALWAYS_ENABLED_STATISTIC(NumStackGroupA, "writes of %rsp that change the flags");
ALWAYS_ENABLED_STATISTIC(NumStackGroupB, "writes of %rsp that keep the flags");
ALWAYS_ENABLED_STATISTIC(NumStackReads, "reads of %rsp cut to 32 bits");

using namespace llvm;

namespace lind
{

bool Rewriter::writesStackPointer(const MCInst &inst) const
{
    const MCInstrDesc &d = t.desc(inst.getOpcode());
    for (unsigned i = 0; i < d.getNumDefs() && i < inst.getNumOperands(); ++i) {
        const MCOperand &o = inst.getOperand(i);
        if (o.isReg() && (o.getReg() == t.RSP || o.getReg() == t.ESP || o.getReg() == t.SP ||
                          o.getReg() == t.SPL))
            return true;
    }
    return false;
}

// Whether an operand other than a memory operand's base reads all of %rsp. The narrower reads are
// harmless as they stand: they see the offset's bits only.
bool Rewriter::readsStackPointer(const MCInst &inst) const
{
    const MCInstrDesc &d = t.desc(inst.getOpcode());
    int at = t.memory(inst.getOpcode());
    for (int i = d.getNumDefs(); i < static_cast<int>(inst.getNumOperands()); ++i)
        if (!(at >= 0 && i >= at && i < at + MemParts) && inst.getOperand(i).isReg() &&
            inst.getOperand(i).getReg() == t.RSP)
            return true;
    return false;
}

void Rewriter::rewriteStackRead(MCInst &inst)
{
    unsigned opcode = inst.getOpcode();
    ++NumStackReads;
    if (opcode == t.MOV64rr || opcode == t.MOV64rr_REV) {
        emit(make(t.MOV32rr, {reg(t.to32(inst.getOperand(0).getReg())), reg(t.ESP)}));
        noteDefinitions(inst);
        return;
    }
    if (usesR11(inst)) {
        if (opcode == t.CMP64rr) { // both are offsets: 32 bits say all
            emit(make(t.CMP32rr, {reg(t.to32(inst.getOperand(0).getReg())),
                                  reg(t.to32(inst.getOperand(1).getReg()))}));
            noteDefinitions(inst);
            return;
        }
        error("it needs %r11 to read %rsp; use another register, or move %rsp to one first");
        return;
    }
    emit(make(t.MOV32rr, {reg(t.R11D), reg(t.ESP)}));
    int at = t.memory(opcode);
    for (int i = 0; i < static_cast<int>(inst.getNumOperands()); ++i) {
        MCOperand &o = inst.getOperand(i);
        if (!(at >= 0 && i >= at && i < at + MemParts) && o.isReg() && o.getReg() == t.RSP)
            o.setReg(t.R11);
    }
    clobber();
    emit(inst);
    noteDefinitions(inst);
}

//===-- the two groups -----------------------------------------------------------------------===//

void Rewriter::stackGroupA(const MCInst &write)
{
    ++NumStackGroupA;
    sink.group({write, addBase(t.RSP)});
    clobberFlags();
}

void Rewriter::stackGroupB(const MCInst &lea)
{
    ++NumStackGroupB;
    sink.group({loadBase(t.R11), lea, makeMemory(t.LEA64r, {reg(t.RSP)}, memory(t.RSP, 0, t.R11))});
    clobber();
}

// %r11d holds the new offset.
void Rewriter::stackFromScratch()
{
    clobber();
    stackGroupA(make(t.MOV32rr, {reg(t.ESP), reg(t.R11D)}));
}

void Rewriter::stackMove(unsigned source64, bool flagsDead)
{
    if (source64 == t.RSP)
        return;
    if (source64 == t.R11)
        stackGroupA(make(t.MOV32rr, {reg(t.ESP), reg(t.R11D)}));
    else if (flagsDead)
        stackGroupA(make(t.MOV32rr, {reg(t.ESP), reg(t.to32(source64))}));
    else
        stackGroupB(makeMemory(t.LEA64_32r, {reg(t.ESP)}, memory(source64, 0)));
}

void Rewriter::stackLea(const MCInst &inst, bool flagsDead)
{
    Memory m = memoryOf(inst, 1);
    m.part[MemSegment] = reg(0);
    for (int part : {MemBase, MemIndex})
        if (t.isGeneral32(m.part[part].getReg())) {
            error("use 64-bit address registers");
            return;
        }
    unsigned base = m.part[MemBase].getReg(), index = m.part[MemIndex].getReg();
    if (!index)
        m.part[MemScale] = imm(1);
    if (base == t.RIP) {
        emit(makeMemory(t.LEA64_32r, {reg(t.R11D)}, m));
        stackFromScratch();
        return;
    }
    MCInst lea = makeMemory(t.LEA64_32r, {reg(t.ESP)}, m);
    if (flagsDead || base == t.R11 || index == t.R11)
        stackGroupA(lea);
    else
        stackGroupB(lea);
}

void Rewriter::stackAdjust(const MCInst &inst, int64_t amount)
{
    if (amount >= -LIND_RSP_REACH && amount <= LIND_RSP_REACH) {
        ++NumStackAdjust;
        emit(inst);
        noteDefinitions(inst);
        return;
    }
    if (!isInt<32>(amount)) {
        error("the stack cannot move that far");
        return;
    }
    stackGroupA(make(t.ADD32ri, {reg(t.ESP), reg(t.ESP), imm(amount)}));
}

void Rewriter::rewriteStackWrite(MCInst &inst)
{
    unsigned opcode = inst.getOpcode();
    int64_t value;
    auto is = [&](std::initializer_list<unsigned> list) {
        for (unsigned o : list)
            if (o == opcode)
                return true;
        return false;
    };
    bool add = is({t.ADD64ri8, t.ADD64ri32}), sub = is({t.SUB64ri8, t.SUB64ri32});
    if (add || sub || is({t.AND64ri8, t.AND64ri32})) {
        if (!constant(inst.getOperand(2), value)) {
            error("the amount must be a constant");
            return;
        }
        if (!inst.getOperand(2).isImm()) { // the assembler guessed the short form for a symbol
            inst.setOpcode(add ? t.ADD64ri32 : sub ? t.SUB64ri32 : t.AND64ri32);
            inst.getOperand(2) = imm(value);
        }
        if (add || sub) {
            stackAdjust(inst, add ? value : -value);
        } else {
            stackGroupA(make(isInt<8>(value) ? t.AND32ri8 : t.AND32ri,
                             {reg(t.ESP), reg(t.ESP), imm(static_cast<int32_t>(value))}));
        }
        return;
    }
    if (is({t.INC64r, t.DEC64r})) {
        int64_t amount = opcode == t.INC64r ? 1 : -1;
        stackAdjust(makeMemory(t.LEA64r, {reg(t.RSP)}, memory(t.RSP, amount)), amount);
        return;
    }
    // The reversed forms mean the same; the code generator uses them to say that the flags are
    // dead.
    if (is({t.MOV64rr, t.MOV64rr_REV})) {
        stackMove(inst.getOperand(1).getReg(), opcode == t.MOV64rr_REV);
        return;
    }
    if (is({t.MOV32rr, t.MOV32rr_REV})) {
        unsigned source = inst.getOperand(1).getReg();
        for (unsigned r = 1; source != t.ESP; ++r)
            if (t.to32(r) == source) {
                stackMove(r, false);
                return;
            }
        return;
    }
    if (is({t.LEA64r, t.LEA64_32r})) {
        if (inst.getOperand(1 + MemIndex).getReg() == t.RIZ)
            inst.getOperand(1 + MemIndex).setReg(0);
        if (opcode == t.LEA64r && smallStackOperand(inst, 1))
            stackAdjust(inst, 0);
        else
            stackLea(inst, opcode == t.LEA64r && !inst.getOperand(1 + MemIndex).getReg() &&
                               inst.getOperand(1 + MemScale).getImm() != 1);
        return;
    }
    if (is({t.MOV64rm, t.MOV32rm})) {
        MCInst load = makeMemory(t.MOV32rm, {reg(t.ESP)}, memoryOf(inst, 1));
        if (confineMemory(load, 1))
            stackGroupA(load);
        return;
    }
    if (is({t.MOV64ri, t.MOV64ri32, t.MOV32ri})) {
        if (!constant(inst.getOperand(1), value)) {
            error("load the address into another register first");
            return;
        }
        emit(make(t.MOV32ri, {reg(t.R11D), imm(static_cast<int32_t>(value))}));
        stackFromScratch();
        return;
    }
    if (opcode == t.POP64r) {
        stackGroupA(makeMemory(t.MOV32rm, {reg(t.ESP)}, memory(t.RSP, 0)));
        return;
    }
    static const struct {
        unsigned Tables::*from[3], Tables::*to;
    } arithmetic[] = {
        {{&Tables::ADD64rr, &Tables::ADD64rr_REV, &Tables::ADD64rm}, &Tables::ADD32rr},
        {{&Tables::SUB64rr, &Tables::SUB64rr_REV, &Tables::SUB64rm}, &Tables::SUB32rr},
        {{&Tables::AND64rr, &Tables::AND64rr_REV, &Tables::AND64rm}, &Tables::AND32rr},
    };
    for (const auto &row : arithmetic) {
        if (opcode == t.*row.from[0] || opcode == t.*row.from[1]) {
            unsigned source = inst.getOperand(2).getReg();
            stackGroupA(make(t.*row.to, {reg(t.ESP), reg(t.ESP), reg(t.to32(source))}));
            return;
        }
        if (opcode == t.*row.from[2]) {
            MCInst load = makeMemory(t.MOV64rm, {reg(t.R11)}, memoryOf(inst, 2));
            if (!confineMemory(load, 1))
                return;
            emit(load);
            clobber();
            stackGroupA(make(t.*row.to, {reg(t.ESP), reg(t.ESP), reg(t.R11D)}));
            return;
        }
    }
    error("%rsp can be written by mov, lea, add, sub, and, push and pop of 64 bits only");
}

} // namespace lind
