// Events of the object streamer: which atoms there are, and what stands between them.
#include "pass/bundler.h"
#include "rt/abi.h"
#include "llvm/ADT/Statistic.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/MC/MCAssembler.h"
#include "llvm/MC/MCDwarf.h"
#include "llvm/MC/MCSectionELF.h"
#include "llvm/MC/MCSymbolELF.h"
#include "llvm/Support/Casting.h"
#include "llvm/Support/ErrorHandling.h"

#define DEBUG_TYPE "lind"
ALWAYS_ENABLED_STATISTIC(NumAtoms, "instructions and groups laid out");
ALWAYS_ENABLED_STATISTIC(NumProbes, "stack probes added");
ALWAYS_ENABLED_STATISTIC(NumEntries, "function entries aligned to a bundle");

using namespace llvm;

namespace lind
{

static constexpr int64_t RedZone = 128; // bytes below %rsp that belong to the program (psABI)
static constexpr int DwarfRsp = 7;      // number of %rsp in unwind information (psABI)

Bundler::Bundler(MCContext &context, std::unique_ptr<MCAsmBackend> backend,
                 std::unique_ptr<MCObjectWriter> writer, std::unique_ptr<MCCodeEmitter> emitter)
    : MCELFStreamer(context, std::move(backend), std::move(writer), std::move(emitter)),
      t(Tables::get()), rewriter(*this), subtarget(&t.plainSubtarget())
{
}

void Bundler::reset()
{
    // The object file is written by now. A region that is still open would have been written
    // without its padding: the last event of every compilation, the switch to .note.GNU-stack,
    // closes it.
    if (open || !bytes.empty())
        report_fatal_error("lind-pass: code without layout at the end of the compilation");
    phase = Unknown;
    phases.clear();
    place = {nullptr, 0};
    rewritten = false;
    groupLeft = 0;
    slotsHidden = false;
    innerLabels.clear();
    addressTaken.clear();
    jumpedTo.clear();
    anyPlace.clear();
    disassembler.reset(); // it belongs to the context that ends here
    drift = 0;
    scratchBusy = false;
    rewriter.label();
    MCELFStreamer::reset();
}

// Compiled code has no place in a source text here; its function must do, once.
void Bundler::error(SMLoc where, const Twine &message)
{
    if (where.isValid()) {
        getContext().reportError(where, message);
    } else if (!functionReported) {
        functionReported = true;
        getContext().reportError(where, functionName.empty()
                                            ? message
                                            : "in function '" + functionName + "': " + message);
    }
}

bool Bundler::inCode() const
{
    MCSection *section = getCurrentSectionOnly();
    return section && section->isText();
}

// An indirect branch may go to a function symbol, and to whatever has a name that others can see.
bool Bundler::isEntry(const MCSymbol *symbol) const
{
    auto *s = static_cast<const MCSymbolELF *>(symbol);
    return s->getType() == ELF::STT_FUNC || s->getType() == ELF::STT_GNU_IFUNC ||
           (s->isBindingSet() && s->getBinding() != ELF::STB_LOCAL);
}

//===-- sections, labels, data ---------------------------------------------------------------===//

void Bundler::changeSection(MCSection *section, uint32_t subsection)
{
    if (place.first) {
        endBytes();
        probe();
        rewriter.flush();
        if (groupLeft)
            error({}, "a group of rewritten assembly is incomplete");
        groupLeft = 0;
        closeRegion();
        phases[place] = {phase, falls};
    }
    MCELFStreamer::changeSection(section, subsection);
    place = {section, subsection};
    auto it = phases.find(place);
    // A section begins at a bundle; a further subsection comes behind the one before it.
    phase = it != phases.end() ? it->second.phase : subsection == 0 ? 0 : Unknown;
    deadEnd = it == phases.end();
    falls = it != phases.end() && it->second.falls;
    labelled = begins = false;
    aligned = phase == 0;
    scratchBusy = false;
}

void Bundler::emitLabel(MCSymbol *symbol, SMLoc loc)
{
    endBytes();
    if (cfiLabel || insideAtom || !inCode()) {
        MCELFStreamer::emitLabel(symbol, loc);
        return;
    }
    bool entry = isEntry(symbol);
    // What `.` in an expression makes has no place in the source text, and nobody refers to it.
    labelled |= loc.isValid() || !getStartTokLoc().isValid();
    begins |= jumpedTo.erase(symbol) ||
              static_cast<const MCSymbolELF *>(symbol)->getType() == ELF::STT_FUNC;
    if (!entry && !symbol->isTemporary())
        innerLabels.insert(symbol);
    // Where only jumps arrive in assembly, and none so far, a table behind may name the label.
    // Padding costs no time there.
    bool assembly = loc.isValid() && !rewritten;
    bool target = assembly && !falls && !begins;
    bool taken = addressTaken.erase(symbol);
    if (entry || taken || target) {
        probe();
        rewriter.label();
        scratchBusy = false;
        closeRegion();
        if (phase != 0)
            alignCode(Align(LIND_BUNDLE_SIZE), 0);
        getCurrentSectionOnly()->ensureMinAlignment(Align(LIND_BUNDLE_SIZE));
        functionName = symbol->getName().str();
        functionReported = false;
        ++NumEntries;
    } else if (assembly && !aligned) {
        anyPlace.insert(symbol);
    }
    rewriter.label();
    if (taken && assembly)
        rewriter.indirectTarget();
    openRegion();
    if (!pendingSlot) // padding goes in front of the label, so that a jump to it skips it
        newSlot();
    deadEnd = false;
    poppedScratch = false;
    MCELFStreamer::emitLabel(symbol, loc);
}

// A label is aligned or not when it is emitted: later is too late to learn that it is an entry.
bool Bundler::emitSymbolAttribute(MCSymbol *symbol, MCSymbolAttr attribute)
{
    bool entry = attribute == MCSA_Global || attribute == MCSA_Weak ||
                 attribute == MCSA_ELF_TypeFunction || attribute == MCSA_ELF_TypeIndFunction;
    if (entry && innerLabels.erase(symbol))
        error(getStartTokLoc(),
              Twine("'") + symbol->getName() +
                  "' is an entry that indirect branches may reach; declare it with "
                  ".globl or .type before its label");
    return MCELFStreamer::emitSymbolAttribute(symbol, attribute);
}

// A forward reference by lea to a label in text: something may jump there. What the code
// generator's own tables refer to is aligned already; targets of backward references in assembly
// must be aligned by hand where control passes them.
void Bundler::noteAddress(const MCInst &inst)
{
    if (t.kind(inst.getOpcode()) != Kind::Lea || inst.getOperand(1 + MemBase).getReg() != t.RIP ||
        !inst.getOperand(1 + MemDisp).isExpr())
        return;
    auto *ref = dyn_cast<MCSymbolRefExpr>(inst.getOperand(1 + MemDisp).getExpr());
    if (ref && ref->getSymbol().isUndefined())
        addressTaken.insert(&ref->getSymbol());
}

// A forward jump or call: its target is code.
void Bundler::noteJump(const MCInst &inst)
{
    Kind kind = t.kind(inst.getOpcode());
    if ((kind != Kind::Jump && kind != Kind::JumpShort && kind != Kind::CallDirect) ||
        !inst.getOperand(0).isExpr())
        return;
    auto *ref = dyn_cast<MCSymbolRefExpr>(inst.getOperand(0).getExpr());
    if (ref && ref->getSymbol().isUndefined())
        jumpedTo.insert(&ref->getSymbol());
}

// Unwind rules take effect behind the instruction that changed the frame, before any padding.
MCSymbol *Bundler::emitCFILabel()
{
    endBytes();
    cfiLabel = true;
    MCSymbol *label = MCELFStreamer::emitCFILabel();
    cfiLabel = false;
    return label;
}

void Bundler::emitAssignment(MCSymbol *symbol, const MCExpr *value)
{
    int64_t number = 0;
    if (symbol->getName() == LIND_MARK_REWRITTEN) {
        rewritten = value->evaluateAsAbsolute(number) && number;
        return;
    }
    if (symbol->getName() == LIND_MARK_GROUP) {
        if (!value->evaluateAsAbsolute(number) || number < 1 || number > LIND_BUNDLE_SIZE)
            error(value->getLoc(), "a group has 1 to 32 instructions");
        else
            groupLeft = number;
        groupInsts.clear();
        return;
    }
    MCELFStreamer::emitAssignment(symbol, value);
}

// LLVM's alignment with nops, which it builds upon its alignment with a value.
void Bundler::nopsTo(Align align, unsigned max)
{
    insideAlignment = true;
    MCELFStreamer::emitCodeAlignment(align, &t.plainSubtarget(), max);
    insideAlignment = false;
}

void Bundler::alignCode(Align align, unsigned max)
{
    // int3 where nobody comes by, else nops. LLVM's nops cross no bundle border as long as the
    // padding ends at the next one, so wider alignments go there first and on with one-byte nops.
    auto pad = [&](Align to, bool oneByte) {
        if (deadEnd)
            MCELFStreamer::emitValueToAlignment(to, 0xcc, 1, max);
        else if (oneByte)
            MCELFStreamer::emitValueToAlignment(to, 0x90, 1, max);
        else
            nopsTo(to, max);
    };
    probe();
    aligned = align.value() >= LIND_BUNDLE_SIZE && !max;
    if (align.value() <= LIND_BUNDLE_SIZE) {
        if (phase != Unknown || open) {
            openRegion();
            pad(align, false);
        } else {
            pad(align, false);
            if (align.value() == LIND_BUNDLE_SIZE && !max)
                phase = 0;
        }
        pendingSlot = false;
        return;
    }
    closeRegion();
    if (max == 0)
        pad(Align(LIND_BUNDLE_SIZE), false);
    pad(align, true);
    phase = max == 0 ? 0 : Unknown;
}

void Bundler::emitCodeAlignment(Align align, const MCSubtargetInfo *sti, unsigned max)
{
    endBytes();
    if (!inCode())
        MCELFStreamer::emitCodeAlignment(align, sti, max);
    else
        alignCode(align, max);
}

void Bundler::emitValueToAlignment(Align align, int64_t fill, uint8_t length, unsigned max)
{
    endBytes();
    if (insideAlignment || !inCode()) {
        MCELFStreamer::emitValueToAlignment(align, fill, length, max);
        return;
    }
    if (length == 1 && (fill & 0xff) == 0xcc)
        deadEnd = true;
    alignCode(align, max);
}

void Bundler::emitNops(int64_t count, int64_t longest, SMLoc loc, const MCSubtargetInfo &sti)
{
    endBytes();
    if (!inCode()) {
        MCELFStreamer::emitNops(count, longest, loc, sti);
        return;
    }
    MCInst nop;
    nop.setOpcode(t.NOOP);
    for (int64_t i = 0; i < count; ++i)
        instruction(nop);
}

//===-- instructions -------------------------------------------------------------------------===//

void Bundler::emitInstruction(const MCInst &inst, const MCSubtargetInfo &sti)
{
    endBytes();
    if (subtarget != &sti && !sti.checkFeatures("+64bit-mode")) {
        error(inst.getLoc(), "a cage runs 64-bit code only; remove .code16 and .code32");
        return;
    }
    subtarget = &sti;
    if (!rewritten) {
        rewriter.rewrite(inst);
        return;
    }
    // Rewritten assembly read back. Its text cannot show the address size of %gs:disp32.
    MCInst copy = inst;
    int at = t.memory(inst.getOpcode());
    if (at >= 0 && inst.getOperand(at + MemSegment).getReg() == t.GS &&
        !inst.getOperand(at + MemBase).getReg() && !inst.getOperand(at + MemIndex).getReg())
        copy.setFlags(copy.getFlags() | FlagAddressSize);
    if (!groupLeft) {
        instruction(copy);
        return;
    }
    groupInsts.push_back(copy);
    if (--groupLeft == 0)
        group(groupInsts);
}

void Bundler::useSlots()
{
    if (slotsHidden)
        return;
    slotsHidden = true;
    for (const char *name : {LIND_GATE_BASE_SYMBOL, LIND_GATE_ENTRY_SYMBOL})
        emitSymbolAttribute(getContext().getOrCreateSymbol(name), MCSA_Hidden);
}

void Bundler::instruction(const MCInst &inst)
{
    bool taken = takesReturn(inst);
    if (!taken)
        noteAddress(inst);
    // A call's load of its target may fault, with the return address on the stack already. The jump
    // behind it cannot; it may end where the call returns to, and unwinders look one byte before
    // that.
    bool load = call == Call::Pushed && inst.getOpcode() == t.MOV64rm && returnCfaIsOpen();
    if (load)
        emitCFIAdjustCfaOffset(8);
    atom(inst, t.kind(inst.getOpcode()) == Kind::CallDirect);
    noteJump(inst);
    if (load)
        emitCFIAdjustCfaOffset(-8);
    call = taken                                                  ? Call::Taken
           : call == Call::Taken && inst.getOpcode() == t.PUSH64r ? Call::Pushed
                                                                  : Call::None;
}

void Bundler::group(ArrayRef<MCInst> insts)
{
    useSlots();
    const MCInst &last = insts.back();
    bool indirect = last.getOpcode() == t.JMP64r;
    bool adjust = indirect && poppedScratch && returnCfaIsOpen();
    if (adjust)
        emitCFIAdjustCfaOffset(-8); // the return address has left the stack
    atom(insts, last.getOpcode() == t.CALL64r);
    if (adjust)
        emitCFIAdjustCfaOffset(8);
    call = Call::None;
}

void Bundler::gate(ArrayRef<MCInst> insts, MCSymbol *after)
{
    useSlots();
    atom(insts, true);
    emitLabel(after, {});
}

void Bundler::returnPoint(MCSymbol *label)
{
    fillToBundleEnd();
    emitLabel(label, {});
}

// noteAddress() has seen it named.
void Bundler::entry(MCSymbol *label)
{
    emitLabel(label, {});
}

// Whether this is the first instruction of a call.
bool Bundler::takesReturn(const MCInst &inst) const
{
    if (inst.getOpcode() != t.LEA64r || inst.getOperand(0).getReg() != t.R11 ||
        !inst.getOperand(1 + MemDisp).isExpr())
        return false;
    auto *ref = dyn_cast<MCSymbolRefExpr>(inst.getOperand(1 + MemDisp).getExpr());
    return ref && ref->getSymbol().isTemporary() &&
           ref->getSymbol().getName().contains(LIND_RETURN_LABEL);
}

// Whether the frame's address is counted from %rsp here.
bool Bundler::returnCfaIsOpen()
{
    return hasUnfinishedDwarfFrameInfo() &&
           getDwarfFrameInfos().back().CurrentCfaRegister == DwarfRsp;
}

// Jumps whose length depends on the layout: to local labels. All others have room for a relocation.
bool Bundler::relaxable(const MCInst &inst) const
{
    if (inst.getOpcode() != t.JMP_1 && inst.getOpcode() != t.JCC_1)
        return false;
    const MCOperand &o = inst.getOperand(0);
    if (!o.isExpr())
        return false;
    auto *ref = dyn_cast<MCSymbolRefExpr>(o.getExpr());
    return ref && ref->getSpecifier() == 0 && ref->getSymbol().isTemporary() &&
           !ref->getSymbol().isVariable();
}

// Whether a displacement or immediate could take more bytes than it does.
bool Bundler::hasLongerForm(const MCInst &inst) const
{
    if (t.wideImmediate(inst.getOpcode()) && inst.getOperand(inst.getNumOperands() - 1).isImm())
        return true;
    int at = t.memory(inst.getOpcode());
    if (at < 0)
        return false;
    unsigned base = inst.getOperand(at + MemBase).getReg(),
             segment = inst.getOperand(at + MemSegment).getReg();
    const MCOperand &disp = inst.getOperand(at + MemDisp);
    return base && base != t.RIP && segment != t.FS && disp.isImm() && isInt<8>(disp.getImm());
}

// The form with a full immediate or displacement, where LLVM would decide only later.
MCInst Bundler::widened(const MCInst &inst) const
{
    MCInst wide = inst;
    const MCAsmBackend &backend = *const_cast<Bundler *>(this)->getAssembler().getBackendPtr();
    while (backend.mayNeedRelaxation(wide.getOpcode(), wide.getOperands(), *subtarget)) {
        unsigned before = wide.getOpcode();
        backend.relaxInstruction(wide, *subtarget);
        if (wide.getOpcode() == before)
            break;
    }
    return wide;
}

unsigned Bundler::encodedSize(const MCInst &inst)
{
    SmallVector<char, 16> code;
    SmallVector<MCFixup, 2> fixups;
    getAssembler().getEmitter().encodeInstruction(inst, code, fixups, *subtarget);
    // EVEX, XOP, 3DNow! and REX2 have no place in a cage, whatever they encode.
    unsigned i = 0;
    auto at = [&](unsigned n) { return n < code.size() ? static_cast<uint8_t>(code[n]) : 0; };
    while (at(i) == 0x64 || at(i) == 0x65 || at(i) == 0x66 || at(i) == 0x67 || at(i) == 0xf0 ||
           at(i) == 0xf2 || at(i) == 0xf3)
        ++i;
    bool evex = at(i) == 0x62, rex2 = at(i) == 0xd5;
    bool xop = at(i) == 0x8f && (at(i + 1) & 0x1f) >= 8;
    bool amd3dnow = at(i) == 0x0f && (at(i + 1) == 0x0f || at(i + 1) == 0x0e);
    if (evex || rex2 || xop || amd3dnow)
        error(inst.getLoc(),
              Twine("this instruction cannot run in a cage (") + t.name(inst.getOpcode()) +
                  "): its encoding is newer than x86-64-v3 or obsolete; lower -march");
    return code.size();
}

void Bundler::atom(ArrayRef<MCInst> insts, bool padToEnd)
{
    beforeAtom(insts);
    openRegion();
    ++NumAtoms;
    bool jump = insts.size() == 1 && relaxable(insts[0]);
    SmallVector<MCInst, 8> code(insts.begin(), insts.end());
    unsigned size = 0;
    if (!jump)
        for (MCInst &inst : code) {
            inst = widened(inst);
            size += encodedSize(inst);
        }
    if (size > LIND_BUNDLE_SIZE) {
        error(insts[0].getLoc(), "the rewritten instruction does not fit a bundle; use a simpler "
                                 "addressing mode");
        return;
    }
    if (!pendingSlot)
        newSlot();
    pendingSlot = false;
    slots.back().size = size;
    insideAtom = true;
    bool flexible = code.size() == 1 && !jump && hasLongerForm(code[0]);
    if (flexible) { // what MCObjectStreamer does for instructions that it may have to relax
        MCStreamer::emitInstruction(code[0], *subtarget);
        getCurrentSectionOnly()->setHasInstructions(true);
        MCDwarfLineEntry::make(this, getCurrentSectionOnly());
        emitInstToFragment(code[0], *subtarget);
    } else {
        for (const MCInst &inst : code)
            MCELFStreamer::emitInstruction(inst, *subtarget);
    }
    insideAtom = false;
    if (jump || flexible) {
        MCFragment *f = slots.back().padding->getNext();
        while (f && f->getKind() != MCFragment::FT_Relaxable)
            f = f->getNext();
        if (!f)
            report_fatal_error("lind-pass: LLVM did not keep an instruction relaxable");
        slots.back().code = f;
    }
    if (jump) {
        auto *ref = cast<MCSymbolRefExpr>(insts[0].getOperand(0).getExpr());
        slots.back().jump = jumps.size();
        jumps.push_back({slots.back().code, &ref->getSymbol(), insts[0].getOpcode() == t.JCC_1,
                         false, false, 0, slots.size() - 1});
    }
    afterAtom(insts);
    if (padToEnd)
        fillToBundleEnd();
}

// Behind a call: never executed, as the return address is rounded up.
void Bundler::fillToBundleEnd()
{
    MCELFStreamer::emitValueToAlignment(Align(LIND_BUNDLE_SIZE), 0xcc, 1, 0);
    deadEnd = false;
    falls = true;
}

//===-- the stack pointer's drift (R5) -------------------------------------------------------===//

bool Bundler::stackAdjustment(const MCInst &inst, uint64_t &amount) const
{
    unsigned o = inst.getOpcode();
    const MCOperand *value = nullptr;
    if (o == t.ADD64ri8 || o == t.ADD64ri32 || o == t.SUB64ri8 || o == t.SUB64ri32)
        value = &inst.getOperand(2);
    else if (o == t.LEA64r)
        value = &inst.getOperand(1 + MemDisp);
    if (!value || inst.getOperand(0).getReg() != t.RSP)
        return false;
    int64_t v = value->isImm() ? value->getImm() : 0;
    amount = v < 0 ? -v : v;
    return true;
}

bool Bundler::isAnchor(const MCInst &inst) const
{
    unsigned o = inst.getOpcode();
    if (t.isPush(o) || t.isPop(o) || t.kind(o) == Kind::CallDirect)
        return true;
    if (!t.sureAccess(o))
        return false;
    int at = t.memory(o);
    return inst.getOperand(at + MemBase).getReg() == t.RSP &&
           !inst.getOperand(at + MemSegment).getReg();
}

// An access through %rsp that changes nothing the program can see.
void Bundler::probe()
{
    if (!drift)
        return;
    drift = 0;
    ++NumProbes;
    MCInst inst;
    auto memory = [&](int64_t disp) {
        for (const MCOperand &o :
             {MCOperand::createReg(t.RSP), MCOperand::createImm(1), MCOperand::createReg(0),
              MCOperand::createImm(disp), MCOperand::createReg(0)})
            inst.addOperand(o);
    };
    if (!scratchBusy) {
        inst.setOpcode(t.MOV32rm);
        inst.addOperand(MCOperand::createReg(t.R11D));
        memory(0);
    } else { // %r11 is not free: store it below the red zone, where nobody looks
        inst.setOpcode(t.MOV64mr);
        memory(-RedZone - 8);
        inst.addOperand(MCOperand::createReg(t.R11));
    }
    bool busy = scratchBusy;
    atom(inst, false);
    scratchBusy = busy;
}

void Bundler::beforeAtom(ArrayRef<MCInst> insts)
{
    if (!drift)
        return;
    uint64_t amount;
    Kind kind = t.kind(insts.back().getOpcode());
    bool leaves = kind == Kind::Jump || kind == Kind::JumpShort || kind == Kind::JumpRegister ||
                  kind == Kind::JumpMemory || kind == Kind::Trap;
    if (leaves ||
        (insts.size() == 1 && stackAdjustment(insts[0], amount) && drift + amount > LIND_RSP_REACH))
        probe();
}

void Bundler::afterAtom(ArrayRef<MCInst> insts)
{
    const MCInst &first = insts.front(), &last = insts.back();
    Kind kind = t.kind(last.getOpcode());
    uint64_t amount;
    if (insts.size() == 1) {
        if (stackAdjustment(first, amount))
            drift += amount;
        else if (isAnchor(first))
            drift = 0;
    } else if (last.getNumOperands() && last.getOperand(0).isReg() &&
               last.getOperand(0).getReg() == t.RSP) {
        drift = 0; // a stack group
    } else if (kind == Kind::CallRegister) {
        drift = 0; // pushes its return address
    }
    poppedScratch = first.getOpcode() == t.POP64r && first.getOperand(0).getReg() == t.R11;
    if (insts.size() > 1 || kind == Kind::CallDirect) {
        scratchBusy = false; // groups use %r11 up, callees do not keep it
    } else {
        for (unsigned i = 0; i < t.desc(first.getOpcode()).getNumDefs(); ++i)
            if (first.getOperand(i).isReg() && t.isR11(first.getOperand(i).getReg()))
                scratchBusy = true;
    }
    deadEnd = kind == Kind::JumpRegister || kind == Kind::JumpMemory || kind == Kind::Trap ||
              last.getOpcode() == t.JMP_1 || last.getOpcode() == t.JMP_4;
    falls = !deadEnd;
    labelled = begins = aligned = false;
}

} // namespace lind
