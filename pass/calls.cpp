// How control goes to what a register or memory holds, and how calls come back (docs/sfi.md 2).
#include "pass/rewriter.h"
#include "rt/abi.h"
#include "llvm/ADT/Statistic.h"
#include "llvm/Support/Casting.h"

#define DEBUG_TYPE "lind"
ALWAYS_ENABLED_STATISTIC(NumCalls, "calls that push their return address by themselves");

using namespace llvm;

namespace lind
{

void Rewriter::jumpGroup(unsigned target64, bool call)
{
    sink.group({makeMemory(t.LEA64_32r, {reg(t.R11D)}, memory(target64, LIND_BUNDLE_SIZE - 1)),
                make(t.AND32ri8, {reg(t.R11D), reg(t.R11D), imm(-LIND_BUNDLE_SIZE)}),
                addBase(t.R11), make(call ? t.CALL64r : t.JMP64r, {reg(t.R11)})});
}

bool Rewriter::loadTarget(const MCInst &inst)
{
    MCInst load = makeMemory(t.MOV64rm, {reg(t.R11)}, memoryOf(inst, 0));
    if (!confineMemory(load, 1))
        return false;
    emit(load);
    return true;
}

void Rewriter::distanceError()
{
    error("name a label of its own: the layout decides what is at a distance from here or from "
          "another");
}

// Whether a branch goes to a label and a distance; an error.
bool Rewriter::isDistance(const MCInst &inst)
{
    const MCOperand &target = inst.getOperand(0);
    if (!target.isExpr() || !isa<MCBinaryExpr>(target.getExpr()))
        return false;
    distanceError();
    return true;
}

// No return uses the processor's stack of return addresses, so an instruction call only costs: some
// processors stall when it is not popped. A push and a jump do the same. Returns the label that
// belongs behind the jump.
MCSymbol *Rewriter::pushReturn()
{
    ++NumCalls;
    MCContext &context = sink.context();
    MCSymbol *label = context.createNamedTempSymbol(LIND_RETURN_LABEL);
    Memory place = {{reg(t.RIP), imm(1), reg(0),
                     MCOperand::createExpr(MCSymbolRefExpr::create(label, context)), reg(0)}};
    emit(makeMemory(t.LEA64r, {reg(t.R11)}, place));
    emit(make(t.PUSH64r, {reg(t.R11)}));
    return label;
}

void Rewriter::callDirect(const MCInst &inst, bool keep)
{
    if (keep || scratchHeld ||
        !inst.getOperand(0).isExpr()) { // what %r11 holds may be meant for the callee
        emit(make(t.CALL64pcrel32, {inst.getOperand(0)}));
    } else {
        MCSymbol *label = pushReturn();
        emit(make(t.JMP_1, {inst.getOperand(0)}));
        sink.returnPoint(label);
    }
    callDone();
}

void Rewriter::callRegister(unsigned target64, bool keep)
{
    if (keep || target64 == t.R11) {
        jumpGroup(target64, true);
        return;
    }
    MCSymbol *label = pushReturn();
    jumpGroup(target64);
    sink.returnPoint(label);
}

void Rewriter::callMemory(const MCInst &inst, bool keep)
{
    const MCOperand &base = inst.getOperand(MemBase), &index = inst.getOperand(MemIndex),
                    &disp = inst.getOperand(MemDisp);
    bool stack = base.getReg() == t.RSP || base.getReg() == t.ESP;
    if (keep || t.isR11(base.getReg()) || t.isR11(index.getReg()) || (stack && !disp.isImm())) {
        if (loadTarget(inst))
            jumpGroup(t.R11, true);
        return;
    }
    MCInst pushed = inst;
    if (stack)
        pushed.getOperand(MemDisp).setImm(disp.getImm() + 8);
    MCSymbol *label = pushReturn();
    if (loadTarget(pushed))
        jumpGroup(t.R11);
    sink.returnPoint(label);
}

} // namespace lind
