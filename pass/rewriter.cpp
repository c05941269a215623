// The rewriting rules for everything but the stack pointer (stack.cpp) and calls (calls.cpp).
#include "pass/rewriter.h"
#include "rt/abi.h"
#include "llvm/ADT/Statistic.h"

#define DEBUG_TYPE "lind"
ALWAYS_ENABLED_STATISTIC(NumMemory, "memory operands confined through %gs");
ALWAYS_ENABLED_STATISTIC(NumStackMemory, "memory operands left on %rsp");
ALWAYS_ENABLED_STATISTIC(NumReturns, "returns rewritten");
ALWAYS_ENABLED_STATISTIC(NumIndirect, "indirect jumps and calls rewritten");
ALWAYS_ENABLED_STATISTIC(NumString, "string operations rewritten");
ALWAYS_ENABLED_STATISTIC(NumLea, "address computations cut to 32 bits");
ALWAYS_ENABLED_STATISTIC(NumSyscalls, "system calls sent through the gate");

using namespace llvm;

namespace lind
{

//===-- building blocks ----------------------------------------------------------------------===//

MCInst Rewriter::make(unsigned opcode, std::initializer_list<MCOperand> operands) const
{
    MCInst inst;
    inst.setOpcode(opcode);
    inst.setLoc(where);
    for (const MCOperand &o : operands)
        inst.addOperand(o);
    return inst;
}

MCInst Rewriter::makeMemory(unsigned opcode, std::initializer_list<MCOperand> before,
                            const Memory &memory, std::initializer_list<MCOperand> after) const
{
    MCInst inst = make(opcode, before);
    for (const MCOperand &o : memory.part)
        inst.addOperand(o);
    for (const MCOperand &o : after)
        inst.addOperand(o);
    return inst;
}

Rewriter::Memory Rewriter::memoryOf(const MCInst &inst, int at) const
{
    Memory m;
    for (int i = 0; i < MemParts; ++i)
        m.part[i] = inst.getOperand(at + i);
    return m;
}

Rewriter::Memory Rewriter::memory(unsigned base, int64_t disp, unsigned index, unsigned scale) const
{
    return {{reg(base), imm(scale), reg(index), imm(disp), reg(0)}};
}

Rewriter::Memory Rewriter::slot(const char *symbol) const
{
    MCContext &context = sink.context();
    const MCExpr *expr = MCSymbolRefExpr::create(context.getOrCreateSymbol(symbol), context);
    return {{reg(t.RIP), imm(1), reg(0), MCOperand::createExpr(expr), reg(0)}};
}

MCInst Rewriter::loadBase(unsigned into64) const
{
    return makeMemory(t.MOV64rm, {reg(into64)}, slot(LIND_GATE_BASE_SYMBOL));
}

MCInst Rewriter::addBase(unsigned to64) const
{
    return makeMemory(t.ADD64rm, {reg(to64), reg(to64)}, slot(LIND_GATE_BASE_SYMBOL));
}

void Rewriter::emit(MCInst inst)
{
    inst.setLoc(where);
    sink.instruction(inst);
}

void Rewriter::error(const Twine &message)
{
    sink.error(where,
               Twine("this instruction cannot run in a cage (") + mnemonic + "): " + message);
}

bool Rewriter::constant(const MCOperand &operand, int64_t &value) const
{
    if (operand.isImm()) {
        value = operand.getImm();
        return true;
    }
    return operand.isExpr() && operand.getExpr()->evaluateAsAbsolute(value);
}

//===-- %r11 and the flags -------------------------------------------------------------------===//

void Rewriter::label()
{
    scratchClobberedBy.clear();
    flagsClobberedBy.clear();
}

void Rewriter::indirectTarget()
{
    scratchClobberedBy = flagsClobberedBy = "an indirect jump to this label";
    scratchKnown = 0;
}

void Rewriter::clobber()
{
    scratchClobberedBy = mnemonic.str();
    scratchKnown = 0;
}

void Rewriter::callDone()
{
    label();
    scratchHeld = false;
}

void Rewriter::clobberFlags()
{
    flagsClobberedBy = mnemonic.str();
}

unsigned Rewriter::usesR11(const MCInst &inst) const
{
    const MCInstrDesc &d = t.desc(inst.getOpcode());
    unsigned bits = 0;
    for (unsigned i = d.getNumDefs(); i < inst.getNumOperands(); ++i)
        if (inst.getOperand(i).isReg())
            bits = std::max(bits, t.bitsOfR11(inst.getOperand(i).getReg()));
    return bits;
}

unsigned Rewriter::definesR11(const MCInst &inst) const
{
    const MCInstrDesc &d = t.desc(inst.getOpcode());
    unsigned bits = 0;
    for (unsigned i = 0; i < d.getNumDefs() && i < inst.getNumOperands(); ++i)
        if (inst.getOperand(i).isReg())
            bits = std::max(bits, t.bitsOfR11(inst.getOperand(i).getReg()));
    return bits;
}

void Rewriter::noteUses(const MCInst &inst)
{
    if (!sink.seesLabels())
        return;
    if (!scratchClobberedBy.empty() && usesR11(inst) > scratchKnown) {
        sink.error(where, Twine("%r11 is read here, but it was overwritten by the rewriting of an "
                                "earlier instruction (") +
                              scratchClobberedBy + "); use another register");
        scratchClobberedBy.clear();
    }
    if (!flagsClobberedBy.empty() && t.desc(inst.getOpcode()).hasImplicitUseOfPhysReg(t.EFLAGS) &&
        !t.isPush(inst.getOpcode())) {
        sink.error(where,
                   Twine("the flags are read here, but they were overwritten by the rewriting "
                         "of an earlier instruction (") +
                       flagsClobberedBy + "); set them after it");
        flagsClobberedBy.clear();
    }
}

// What the program itself writes counts from here on again.
void Rewriter::noteDefinitions(const MCInst &inst)
{
    if (unsigned bits = definesR11(inst)) {
        scratchKnown = std::max(scratchKnown, bits);
        if (bits == 64)
            scratchClobberedBy.clear();
        scratchHeld = true;
    }
    if (t.desc(inst.getOpcode()).hasImplicitDefOfPhysReg(t.EFLAGS))
        flagsClobberedBy.clear();
}

//===-- prefixes -----------------------------------------------------------------------------===//

// Prefixes written as statements ("lock; incl (%rax)") join the next instruction.
bool Rewriter::takePrefix(const MCInst &inst)
{
    switch (t.kind(inst.getOpcode())) {
    case Kind::PrefixRepeat:
        pendingPrefix |= FlagRepeat;
        break;
    case Kind::PrefixRepeatNot:
        pendingPrefix |= FlagRepeatNot;
        break;
    case Kind::PrefixLock:
        pendingPrefix |= FlagLock;
        break;
    case Kind::PrefixIgnored: // segments without meaning in 64-bit code, and elision hints
        return true;
    default:
        return false;
    }
    pendingWhere = inst.getLoc();
    return true;
}

void Rewriter::flush()
{
    if (pendingPrefix)
        sink.error(pendingWhere, "a prefix without an instruction after it");
    pendingPrefix = 0;
    label();
}

// Leaves exactly those prefixes that have an effect. Returns false after an error.
bool Rewriter::checkPrefixes(MCInst &inst)
{
    unsigned flags = inst.getFlags() | pendingPrefix, opcode = inst.getOpcode();
    pendingPrefix = 0;
    bool string = t.kind(opcode) == Kind::String;
    unsigned keep = 0;
    if (flags & FlagLock) {
        bool exchange = mnemonic.starts_with("XCHG"); // locked without the prefix
        if (!t.lockable(opcode) && !exchange && !mnemonic.starts_with("LOCK_") &&
            !mnemonic.starts_with("LCMPXCHG") && !mnemonic.starts_with("LXADD")) {
            error("lock has no meaning here; remove it");
            return false;
        }
        if (t.lockable(opcode) && !exchange)
            keep |= FlagLock;
    }
    if (flags & (FlagRepeat | FlagRepeatNot)) {
        if (string) {
            keep |= flags & (FlagRepeat | FlagRepeatNot);
        } else if (opcode == t.NOOP && (flags & FlagRepeat)) {
            inst.setOpcode(t.PAUSE);
        } else if (mnemonic.starts_with("BSF") && (flags & FlagRepeat)) {
            // The code generator writes tzcnt so, for the sake of older processors.
            inst.setOpcode(t.opcode(("TZCNT" + mnemonic.drop_front(3)).str()));
            if (t.desc(opcode).getNumOperands() > t.desc(inst.getOpcode()).getNumOperands())
                inst.erase(inst.begin() + 1); // bsf keeps its destination if the source is 0
        } else if (!t.desc(opcode).isBranch() && !t.desc(opcode).isReturn() &&
                   !t.desc(opcode).isCall() && !(flags & FlagLock) &&
                   !mnemonic.starts_with("XCHG")) {
            error("rep has no meaning here; remove it");
            return false;
        }
    }
    if (string && (flags & FlagAddressSize)) {
        error("32-bit string operations are not available");
        return false;
    }
    inst.setFlags(keep);
    return true;
}

//===-- memory operands ----------------------------------------------------------------------===//

bool Rewriter::smallStackOperand(const MCInst &inst, int at) const
{
    int64_t disp;
    return inst.getOperand(at + MemBase).getReg() == t.RSP &&
           !inst.getOperand(at + MemIndex).getReg() && !inst.getOperand(at + MemSegment).getReg() &&
           constant(inst.getOperand(at + MemDisp), disp) && disp >= -LIND_RSP_REACH &&
           disp <= LIND_RSP_REACH - LIND_WIDTH_MOST;
}

// A thread-local operand becomes one through the scratch register, with the thread pointer in it.
bool Rewriter::addThreadPointer(MCInst &inst, int at)
{
    MCOperand &base = inst.getOperand(at + MemBase), &index = inst.getOperand(at + MemIndex);
    unsigned b = base.getReg();
    if (b == t.RIP || b == t.EIP || (b && index.getReg())) {
        error("beside %fs there may be one address register, and not %rip");
        return false;
    }
    unsigned defined = definesR11(inst); // part of it: the rest has to stay
    if (usesR11(inst) || (defined && defined < 64) || readsStackPointer(inst)) {
        error("%fs takes up %r11: use other registers, or load %fs:0 and add the offset");
        return false;
    }
    Memory pointer = {{reg(0), imm(1), reg(0), imm(LIND_THREAD_POINTER), reg(t.FS)}};
    emit(makeMemory(t.MOV64rm, {reg(t.R11)}, pointer));
    clobber();
    if (b == t.RSP || b == t.ESP)
        index.setReg(t.R11);
    else {
        if (b)
            index.setReg(b);
        base.setReg(t.R11);
    }
    return true;
}

// Brings a memory operand into one of the forms of R4. Returns false after an error.
bool Rewriter::confineMemory(MCInst &inst, int at)
{
    MCOperand &base = inst.getOperand(at + MemBase), &index = inst.getOperand(at + MemIndex);
    MCOperand &disp = inst.getOperand(at + MemDisp), &segment = inst.getOperand(at + MemSegment);
    if (index.getReg() == t.EIZ || index.getReg() == t.RIZ)
        index.setReg(0);
    if (!index.getReg())
        inst.getOperand(at + MemScale).setImm(1);
    unsigned b = base.getReg(), x = index.getReg(), s = segment.getReg();
    if (s == t.GS) {
        error("%gs belongs to the runtime");
        return false;
    }
    if (disp.isImm() && !isInt<32>(disp.getImm()) && !isUInt<32>(disp.getImm())) {
        error("the address lies outside of the cage");
        return false;
    }
    if (s == t.FS) {
        int64_t d;
        if (inst.getOpcode() == t.MOV64rm && !b && !x && constant(disp, d) && d == 0) {
            disp = imm(LIND_THREAD_POINTER); // the word that says where it is itself
            return true;
        }
        if (!addThreadPointer(inst, at))
            return false;
        b = base.getReg(), x = index.getReg();
    }
    segment.setReg(0); // the others have no effect in 64-bit code
    if (b == t.EIP) {
        error("address it through %rip");
        return false;
    }
    if (b == t.RIP) {
        if (int64_t d; constant(disp, d)) {
            distanceError();
            return false;
        }
        return true;
    }
    if (x && t.isVector(x)) {
        error("vector addresses cannot be confined; compile with -mno-gather");
        return false;
    }
    if (smallStackOperand(inst, at)) {
        ++NumStackMemory;
        return true;
    }
    auto narrow = [&](MCOperand &o) {
        unsigned r = o.getReg();
        if (!r || t.isGeneral32(r))
            return true;
        if (!t.to32(r))
            return false;
        o.setReg(t.to32(r));
        return true;
    };
    if (!narrow(base) || !narrow(index)) {
        error("only 64-bit and 32-bit registers can address memory");
        return false;
    }
    if (!b && !x) {
        inst.setFlags(inst.getFlags() | FlagAddressSize);
        if (disp.isImm())
            disp.setImm(static_cast<int32_t>(disp.getImm()));
    }
    segment.setReg(t.GS);
    ++NumMemory;
    return true;
}

//===-- instructions -------------------------------------------------------------------------===//

void Rewriter::rewrite(const MCInst &input)
{
    MCInst inst = input;
    where = inst.getLoc();
    mnemonic = t.name(inst.getOpcode());
    if (takePrefix(inst))
        return;
    if (const char *hint = t.forbidden(inst.getOpcode())) {
        pendingPrefix = 0;
        error(hint);
        return;
    }
    if (!checkPrefixes(inst))
        return;
    noteUses(inst);
    rewriteKind(inst);
}

void Rewriter::rewriteKind(MCInst &inst)
{
    unsigned opcode = inst.getOpcode();
    switch (t.kind(opcode)) {
    case Kind::Return:
    case Kind::ReturnPop:
        ++NumReturns;
        emit(make(t.POP64r, {reg(t.R11)}));
        if (t.kind(opcode) == Kind::ReturnPop)
            emit(makeMemory(t.LEA64r, {reg(t.RSP)}, memory(t.RSP, inst.getOperand(0).getImm())));
        jumpGroup(t.R11);
        callDone();
        return;
    case Kind::CallDirect:
    case Kind::CallDirectKept:
        if (isDistance(inst))
            return;
        callDirect(inst, t.kind(opcode) == Kind::CallDirectKept);
        return;
    case Kind::Jump:
    case Kind::JumpShort:
        if (isDistance(inst))
            return;
        emit(inst);
        return;
    case Kind::JumpRegister:
    case Kind::CallRegister:
    case Kind::CallRegisterKept: {
        ++NumIndirect;
        unsigned r = inst.getOperand(0).getReg();
        if (r == t.RSP) {
            emit(make(t.MOV32rr, {reg(t.R11D), reg(t.ESP)}));
            r = t.R11;
        }
        if (t.kind(opcode) == Kind::JumpRegister)
            jumpGroup(r);
        else
            callRegister(r, t.kind(opcode) == Kind::CallRegisterKept);
        callDone();
        return;
    }
    case Kind::JumpMemory:
    case Kind::CallMemory:
    case Kind::CallMemoryKept:
        ++NumIndirect;
        if (t.kind(opcode) != Kind::JumpMemory)
            callMemory(inst, t.kind(opcode) == Kind::CallMemoryKept);
        else if (loadTarget(inst))
            jumpGroup(t.R11);
        callDone();
        return;
    case Kind::Syscall: {
        ++NumSyscalls;
        MCContext &context = sink.context();
        MCSymbol *after = context.createNamedTempSymbol("lind_gate");
        Memory target = {{reg(t.RIP), imm(1), reg(0),
                          MCOperand::createExpr(MCSymbolRefExpr::create(after, context)), reg(0)}};
        sink.gate({makeMemory(t.LEA64r, {reg(t.R11)}, target),
                   makeMemory(t.JMP64m, {}, slot(LIND_GATE_ENTRY_SYMBOL))},
                  after);
        clobber();
        flagsClobberedBy.clear();
        return;
    }
    case Kind::String:
        rewriteString(inst);
        return;
    case Kind::Lea:
        if (writesStackPointer(inst))
            rewriteStackWrite(inst);
        else
            rewriteLea(inst);
        return;
    case Kind::AbsoluteMove:
        rewriteAbsoluteMove(inst);
        return;
    case Kind::Nop:
        emit(make(inst.getOpcode() == t.PAUSE ? t.PAUSE : t.NOOP, {}));
        return;
    case Kind::Dropped:
        return;
    case Kind::TrapArgument:
        emit(make(t.TRAP, {}));
        return;
    case Kind::Leave:
        mnemonic = "LEAVE";
        stackMove(t.RBP, false);
        emit(make(t.POP64r, {reg(t.RBP)}));
        return;
    case Kind::Enter:
        if (inst.getOperand(1).getImm() != 0) {
            error("nested frames are not available; use enter $n, $0");
            return;
        }
        emit(make(t.PUSH64r, {reg(t.RBP)}));
        emit(make(t.MOV32rr, {reg(t.EBP), reg(t.ESP)}));
        if (int64_t size = inst.getOperand(0).getImm())
            emit(makeMemory(t.LEA64r, {reg(t.RSP)}, memory(t.RSP, -(size & 0xffff))));
        return;
    default:
        rewritePlain(inst);
    }
}

void Rewriter::rewritePlain(MCInst &inst)
{
    if (writesStackPointer(inst)) {
        rewriteStackWrite(inst);
        return;
    }
    int at = t.memory(inst.getOpcode());
    if (at >= 0 && !confineMemory(inst, at))
        return;
    if (readsStackPointer(inst)) {
        rewriteStackRead(inst);
        return;
    }
    emit(inst);
    noteDefinitions(inst);
}

// An address computed from %rsp or %rip becomes a pointer as the program knows them: an offset.
void Rewriter::rewriteLea(MCInst &inst)
{
    MCOperand &index = inst.getOperand(1 + MemIndex);
    if (index.getReg() == t.EIZ || index.getReg() == t.RIZ)
        index.setReg(0);
    if (!index.getReg())
        inst.getOperand(1 + MemScale).setImm(1);
    inst.getOperand(1 + MemSegment).setReg(0); // lea accesses nothing
    unsigned base = inst.getOperand(1 + MemBase).getReg();
    if (base == t.EIP || base == t.ESP) {
        inst.getOperand(1 + MemBase).setReg(base == t.EIP ? t.RIP : t.RSP);
        base = inst.getOperand(1 + MemBase).getReg();
        if (index.getReg()) {
            error("use 64-bit address registers");
            return;
        }
        if (inst.getOpcode() == t.LEA32r)
            inst.setOpcode(t.LEA64_32r);
    }
    // The address of the next instruction, as a target of indirect jumps: a label, which begins a
    // bundle as all do that are named by an lea before them.
    MCSymbol *next = nullptr;
    if (int64_t d; base == t.RIP && constant(inst.getOperand(1 + MemDisp), d)) {
        if (d) {
            distanceError();
            return;
        }
        next = sink.context().createNamedTempSymbol(LIND_NEXT_LABEL);
        inst.getOperand(1 + MemDisp) =
            MCOperand::createExpr(MCSymbolRefExpr::create(next, sink.context()));
    }
    if (inst.getOpcode() == t.LEA64r && (base == t.RSP || base == t.RIP)) {
        ++NumLea;
        inst.setOpcode(t.LEA64_32r);
        inst.getOperand(0).setReg(t.to32(inst.getOperand(0).getReg()));
    }
    emit(inst);
    noteDefinitions(inst);
    if (next)
        sink.entry(next);
}

// mov between the accumulator and a 64-bit absolute address, in its ordinary form.
void Rewriter::rewriteAbsoluteMove(const MCInst &inst)
{
    StringRef name = mnemonic;
    name.consume_front("MOV");
    unsigned width = 0;
    name.consumeInteger(10, width);
    bool store = name.ends_with("a");
    Memory m = memory(0, 0);
    m.part[MemDisp] = inst.getOperand(0);
    m.part[MemSegment] = inst.getOperand(1);
    unsigned accumulator = width == 8 ? t.AL : width == 16 ? t.AX : width == 32 ? t.EAX : t.RAX;
    std::string form = ("MOV" + Twine(width) + (store ? "mr" : "rm")).str();
    MCInst plain = store ? makeMemory(t.opcode(form), {}, m, {reg(accumulator)})
                         : makeMemory(t.opcode(form), {reg(accumulator)}, m);
    rewritePlain(plain);
}

void Rewriter::rewriteString(const MCInst &inst)
{
    ++NumString;
    unsigned opcode = inst.getOpcode(), flags = inst.getFlags();
    StringRef name = mnemonic;
    if (name.consume_front("REP_")) { // the code generator's form, with the prefix in it
        flags = FlagRepeat;
        char width = name[4];
        bool store = name.starts_with("STOS");
        opcode = width == 'B'   ? (store ? t.STOSB : t.MOVSB)
                 : width == 'W' ? (store ? t.STOSW : t.MOVSW)
                 : width == 'Q' ? (store ? t.STOSQ : t.MOVSQ)
                                : (store ? t.STOSL : t.MOVSL);
    } else {
        for (const MCOperand &o : inst)
            if (o.isReg() && (o.getReg() == t.FS || o.getReg() == t.GS || o.getReg() == t.EDI ||
                              o.getReg() == t.ESI)) {
                error("string operations take neither %fs, %gs nor 32-bit addresses");
                return;
            }
    }
    bool load = name.starts_with("LODS");
    bool source = load || name.starts_with("MOVS") || name.starts_with("CMPS");
    SmallVector<MCInst, 6> group;
    group.push_back(loadBase(t.R11));
    auto rebase = [&](unsigned r64, unsigned r32) {
        group.push_back(make(t.MOV32rr, {reg(r32), reg(r32)}));
        group.push_back(makeMemory(t.LEA64r, {reg(r64)}, memory(r64, 0, t.R11)));
    };
    if (!load)
        rebase(t.RDI, t.EDI);
    if (source)
        rebase(t.RSI, t.ESI);
    MCInst operation = make(opcode, {});
    if (!load)
        operation.addOperand(reg(t.RDI));
    if (source)
        operation.addOperand(reg(t.RSI));
    if (source)
        operation.addOperand(reg(0));
    operation.setFlags(flags);
    group.push_back(operation);
    sink.group(group);
    if (!load)
        emit(make(t.MOV32rr, {reg(t.EDI), reg(t.EDI)}));
    if (source)
        emit(make(t.MOV32rr, {reg(t.ESI), reg(t.ESI)}));
    noteDefinitions(operation);
    clobber();
}

} // namespace lind
