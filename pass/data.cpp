// A cage's text holds instructions only, so what is written as data among them must be one of two
// things: instructions whose encoding somebody wrote out (`.byte 0x0f,0x01,0xd0`), which are decoded
// and treated like others, or filling between functions, which becomes int3. All else is an error.
#include "pass/bundler.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/MC/MCExpr.h"
#include "llvm/MC/MCSectionELF.h"
#include "llvm/Support/Casting.h"

using namespace llvm;

namespace lind
{

// Text keeps its length, so the layout goes on behind it.
void Bundler::dataFollows()
{
    rewriter.flush();
    if (phase != Unknown)
        openRegion();
    pendingSlot = false;
    poppedScratch = aligned = false;
}

// What follows has a length that only LLVM's layout knows.
void Bundler::sizeUnknown()
{
    endBytes();
    if (!inCode())
        return;
    rewriter.flush();
    probe();
    closeRegion();
    phase = Unknown;
    aligned = false;
}

void Bundler::dataError(SMLoc where, const Twine &what)
{
    error(where, what + "; a cage's text holds instructions only: put data into a data section "
                        "(.section .rodata)");
}

static bool isFilling(uint8_t byte)
{
    return byte == 0 || byte == 0x90 || byte == 0xcc;
}

bool Bundler::decode(StringRef data, SmallVectorImpl<MCInst> &insts)
{
    if (!disassembler)
        disassembler = t.disassembler(getContext());
    ArrayRef<uint8_t> left(reinterpret_cast<const uint8_t *>(data.data()), data.size());
    while (!left.empty()) {
        MCInst inst;
        uint64_t size;
        if (disassembler->getInstruction(inst, size, left, 0, nulls()) != MCDisassembler::Success)
            return false;
        // Where they lead depends on a layout that is ours.
        int at = t.memory(inst.getOpcode());
        if (at >= 0 && inst.getOperand(at + MemBase).getReg() == t.RIP)
            return false;
        for (const MCOperandInfo &operand : t.desc(inst.getOpcode()).operands())
            if (operand.OperandType == MCOI::OPERAND_PCREL)
                return false;
        insts.push_back(inst);
        left = left.drop_front(size);
    }
    return true;
}

void Bundler::endBytes()
{
    if (bytes.empty())
        return;
    SmallString<32> data = bytes;
    bytes.clear(); // what is emitted below comes here again
    SmallVector<MCInst, 8> insts;
    if (falls || begins) {
        if (!decode(data, insts)) {
            dataError(bytesWhere, "these bytes among instructions are none, or depend on where they "
                                  "are");
            return;
        }
        for (MCInst &inst : insts) {
            inst.setLoc(bytesWhere);
            rewriter.rewrite(inst);
        }
        return;
    }
    bool filling = !labelled && (all_of(data, isFilling) ||
                                 (decode(data, insts) && all_of(insts, [&](const MCInst &inst) {
                                      return t.kind(inst.getOpcode()) == Kind::Nop;
                                  })));
    if (!filling) {
        dataError(bytesWhere, labelled ? "data in text; if these bytes are code, declare the label "
                                         "in front of them a function (.type)"
                                       : "data in text");
        return;
    }
    dataFollows();
    MCELFStreamer::emitBytes(std::string(data.size(), '\xcc'));
}

void Bundler::emitBytes(StringRef data)
{
    if (!inCode()) {
        MCELFStreamer::emitBytes(data);
        return;
    }
    if (bytes.empty())
        bytesWhere = getStartTokLoc();
    bytes += data;
}

void Bundler::emitValueImpl(const MCExpr *value, unsigned size, SMLoc loc)
{
    endBytes();
    if (inCode()) {
        dataError(loc, "data in text");
        return;
    }
    auto *section = static_cast<MCSectionELF *>(getCurrentSectionOnly());
    if (section->getFlags() & ELF::SHF_ALLOC && section->getType() != ELF::SHT_X86_64_UNWIND &&
        section->getName() != ".eh_frame")
        noteData(*value, loc);
    MCELFStreamer::emitValueImpl(value, size, loc);
}

// The byte that fills text in place of a value of so many bytes; nothing, after an error, if the
// program may pass there or look at it.
std::optional<uint8_t> Bundler::fillOf(uint64_t value, unsigned size, SMLoc loc)
{
    bool nops = true, filling = !falls && !labelled;
    for (unsigned i = 0; i < size; ++i) {
        uint8_t byte = i < 8 ? value >> 8 * i : 0;
        nops &= byte == (value & 0xff) && (byte == 0x90 || byte == 0xcc);
        filling &= isFilling(byte);
    }
    if (nops)
        return value & 0xff;
    if (filling)
        return 0xcc;
    dataError(loc, "data in text");
    return {};
}

void Bundler::emitFill(const MCExpr &count, uint64_t value, SMLoc loc)
{
    sizeUnknown();
    if (!inCode())
        MCELFStreamer::emitFill(count, value, loc);
    else if (auto byte = fillOf(value, 1, loc))
        MCELFStreamer::emitFill(count, *byte, loc);
}

void Bundler::emitFill(const MCExpr &count, int64_t size, int64_t value, SMLoc loc)
{
    sizeUnknown();
    if (!inCode())
        MCELFStreamer::emitFill(count, size, value, loc);
    else if (auto byte = fillOf(value, size, loc))
        MCELFStreamer::emitFill(count, size, *byte * 0x0101010101010101, loc);
}

void Bundler::emitULEB128Value(const MCExpr *value)
{
    endBytes();
    if (inCode())
        dataError(getStartTokLoc(), "data in text");
    else
        MCELFStreamer::emitULEB128Value(value);
}

void Bundler::emitSLEB128Value(const MCExpr *value)
{
    endBytes();
    if (inCode())
        dataError(getStartTokLoc(), "data in text");
    else
        MCELFStreamer::emitSLEB128Value(value);
}

void Bundler::emitValueToOffset(const MCExpr *offset, unsigned char value, SMLoc loc)
{
    sizeUnknown();
    if (!inCode())
        MCELFStreamer::emitValueToOffset(offset, value, loc);
    else if (auto byte = fillOf(value, 1, loc))
        MCELFStreamer::emitValueToOffset(offset, *byte, loc);
}

// Data that names a label in text may be a table of jumps.
void Bundler::noteData(const MCExpr &value, SMLoc loc)
{
    if (auto *binary = dyn_cast<MCBinaryExpr>(&value)) {
        noteData(*binary->getLHS(), loc);
        noteData(*binary->getRHS(), loc);
    } else if (auto *ref = dyn_cast<MCSymbolRefExpr>(&value)) {
        const MCSymbol *symbol = &ref->getSymbol();
        if (symbol->isUndefined())
            addressTaken.insert(symbol);
        else if (anyPlace.erase(symbol))
            getContext().reportWarning(loc, Twine("'") + symbol->getName() +
                                                "' does not begin a bundle; if indirect jumps are "
                                                "to go there, put .p2align 5 in front of it");
    }
}

} // namespace lind
