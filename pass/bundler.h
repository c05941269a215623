// The object streamer: rewrites every instruction and lays the result out in bundles (docs/sfi.md
// 2).
//
// LLVM cannot do the layout: whether a jump is short is known only when all that lies between it
// and its target is, and padding depends on it. So code is collected in *regions*. Within a region
// each atom (an instruction or group) has a padding slot in front, an MCBoundaryAlignFragment of
// size 0. When the region ends, its layout is computed here exactly: lengths of jumps, then padding
// (layout.cpp). LLVM finds nothing left to relax.
#ifndef LIND_PASS_BUNDLER_H
#define LIND_PASS_BUNDLER_H

#include "pass/rewriter.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/MC/MCAsmBackend.h"
#include "llvm/MC/MCCodeEmitter.h"
#include "llvm/MC/MCELFStreamer.h"
#include "llvm/MC/MCObjectWriter.h"
#include "llvm/MC/MCSection.h"

#include <optional>

namespace lind
{

// Symbols by which rewritten assembly (-S) tells its reader what it is: `.set NAME, VALUE`.
#define LIND_MARK_REWRITTEN "__lind_rewritten" // instructions are rewritten already; value 1
#define LIND_MARK_GROUP "__lind_group"         // the next VALUE instructions are a group

class Bundler final : public llvm::MCELFStreamer, private Sink
{
  public:
    Bundler(llvm::MCContext &context, std::unique_ptr<llvm::MCAsmBackend> backend,
            std::unique_ptr<llvm::MCObjectWriter> writer,
            std::unique_ptr<llvm::MCCodeEmitter> emitter);

    void reset() override;
    void changeSection(llvm::MCSection *section, uint32_t subsection) override;
    void emitInstruction(const llvm::MCInst &inst, const llvm::MCSubtargetInfo &sti) override;
    void emitLabel(llvm::MCSymbol *symbol, llvm::SMLoc loc) override;
    bool emitSymbolAttribute(llvm::MCSymbol *symbol, llvm::MCSymbolAttr attribute) override;
    llvm::MCSymbol *emitCFILabel() override;
    void emitAssignment(llvm::MCSymbol *symbol, const llvm::MCExpr *value) override;
    void emitCodeAlignment(llvm::Align align, const llvm::MCSubtargetInfo *sti,
                           unsigned max) override;
    void emitValueToAlignment(llvm::Align align, int64_t fill, uint8_t length,
                              unsigned max) override;
    void emitBytes(llvm::StringRef data) override;
    void emitValueImpl(const llvm::MCExpr *value, unsigned size, llvm::SMLoc loc) override;
    void emitFill(const llvm::MCExpr &count, uint64_t value, llvm::SMLoc loc) override;
    void emitFill(const llvm::MCExpr &count, int64_t size, int64_t value, llvm::SMLoc loc) override;
    void emitULEB128Value(const llvm::MCExpr *value) override;
    void emitSLEB128Value(const llvm::MCExpr *value) override;
    void emitValueToOffset(const llvm::MCExpr *offset, unsigned char value,
                           llvm::SMLoc loc) override;
    void emitNops(int64_t count, int64_t longest, llvm::SMLoc loc,
                  const llvm::MCSubtargetInfo &sti) override;
    using llvm::MCELFStreamer::emitFill;

  private:
    // An atom's padding, and what stands behind it.
    struct Slot {
        llvm::MCBoundaryAlignFragment *padding;
        unsigned size = 0;                // of the atom, without its relaxable jump
        int jump = -1;                    // index into jumps
        llvm::MCFragment *code = nullptr; // its tail is the instruction, which has longer forms
        unsigned stretch = 0;             // bytes by which it is longer than it need be, in size
        bool skipped = false;             // control never passes the padding
        unsigned shift = 0;               // bytes of padding for separateLoops()
    };
    struct Jump {
        llvm::MCFragment *fragment; // its tail is the jump
        const llvm::MCSymbol *target;
        bool conditional;
        bool isLong;
        bool stretched; // long though it need not be
        uint32_t end;   // offset behind the short form in the current layout
        size_t slot;    // its index
        unsigned size() const
        {
            return !isLong && !stretched ? 2 : conditional ? 6 : 5;
        }
    };
    static constexpr unsigned Unknown = ~0u;

    // Sink
    void instruction(const llvm::MCInst &inst) override;
    void group(llvm::ArrayRef<llvm::MCInst> insts) override;
    void gate(llvm::ArrayRef<llvm::MCInst> insts, llvm::MCSymbol *after) override;
    void returnPoint(llvm::MCSymbol *label) override;
    void entry(llvm::MCSymbol *label) override;
    void error(llvm::SMLoc where, const llvm::Twine &message) override;
    llvm::MCContext &context() override
    {
        return getContext();
    }
    bool seesLabels() const override
    {
        return true;
    }

    // bundler.cpp
    void atom(llvm::ArrayRef<llvm::MCInst> insts, bool padToEnd);
    llvm::MCInst widened(const llvm::MCInst &inst) const;
    unsigned encodedSize(const llvm::MCInst &inst);
    bool relaxable(const llvm::MCInst &inst) const;
    bool hasLongerForm(const llvm::MCInst &inst) const;
    void useSlots();
    void noteAddress(const llvm::MCInst &inst);
    void noteJump(const llvm::MCInst &inst);
    bool inCode() const;
    bool isEntry(const llvm::MCSymbol *symbol) const;
    void alignCode(llvm::Align align, unsigned max);
    void nopsTo(llvm::Align align, unsigned max);
    void fillToBundleEnd();

    // Drift of %rsp since the last certain access through it (R5).
    void beforeAtom(llvm::ArrayRef<llvm::MCInst> insts);
    void afterAtom(llvm::ArrayRef<llvm::MCInst> insts);
    bool stackAdjustment(const llvm::MCInst &inst, uint64_t &amount) const;
    bool isAnchor(const llvm::MCInst &inst) const;
    void probe();
    bool returnCfaIsOpen();
    bool takesReturn(const llvm::MCInst &inst) const;

    // data.cpp
    void dataFollows();
    void sizeUnknown();
    void endBytes();
    bool decode(llvm::StringRef data, llvm::SmallVectorImpl<llvm::MCInst> &insts);
    void dataError(llvm::SMLoc where, const llvm::Twine &what);
    std::optional<uint8_t> fillOf(uint64_t value, unsigned size, llvm::SMLoc loc);
    void noteData(const llvm::MCExpr &value, llvm::SMLoc loc);

    // layout.cpp
    void openRegion();
    void closeRegion();
    uint32_t layoutOnce();
    bool lengthenJumps();
    std::optional<int64_t> targetOf(const Jump &jump) const;
    bool separateLoops();
    void makeLong(Jump &jump);
    void replacePadding();
    void fillGap(unsigned gap, llvm::ArrayRef<Slot *> before);
    void shrinkAll();
    void stretch(Slot &slot);
    void setTail(llvm::MCFragment &fragment, const llvm::MCInst &inst, unsigned size);
    llvm::SmallVector<llvm::MCInst, 4> longerForms(const Slot &slot);
    Slot &newSlot();

    const Tables &t;
    Rewriter rewriter;
    const llvm::MCSubtargetInfo *subtarget; // of the instruction being emitted

    // Where in a bundle the current section continues, when no region is open.
    unsigned phase = Unknown;
    struct Left {
        unsigned phase;
        bool falls;
    };
    llvm::DenseMap<std::pair<llvm::MCSection *, uint32_t>, Left> phases;
    std::pair<llvm::MCSection *, uint32_t> place{nullptr, 0};

    bool open = false;
    bool pendingSlot = false; // the last slot has no atom yet
    bool cfiLabel = false;    // the label being emitted belongs to unwind information
    bool insideAlignment = false;
    bool insideAtom = false; // LLVM emits line table labels while it emits an instruction
    bool deadEnd = true;     // control does not reach the end of what was emitted
    bool falls = false;      // control reaches it from the instruction before
    bool labelled = false;   // or, if not: a label stands there
    bool begins = false;     // which is a function's or the target of a jump
    bool aligned = false;    // nothing stands behind an alignment to a bundle
    unsigned regionPhase = 0;
    llvm::SmallVector<Slot, 0> slots;
    llvm::SmallVector<Jump, 0> jumps;
    llvm::SmallVector<uint32_t, 0> offsets; // of the region's fragments, by layout order
    llvm::SmallVector<const llvm::MCFragment *, 0> fragments;

    // Labels in text that are no entries, and labels whose address was taken before they were
    // emitted.
    llvm::DenseSet<const llvm::MCSymbol *> innerLabels, addressTaken;
    llvm::DenseSet<const llvm::MCSymbol *> jumpedTo;   // labels yet to come that jumps go to
    llvm::DenseSet<const llvm::MCSymbol *> anyPlace;   // assembly's labels that begin no bundle

    std::string functionName; // of the last entry, for errors
    bool functionReported = false;

    uint64_t drift = 0;         // bytes
    bool scratchBusy = false;   // %r11 may hold a value of the program
    bool poppedScratch = false; // the last atom was popq %r11
    // How much there is of a call: its return address is in %r11, or on the stack.
    enum class Call : uint8_t { None, Taken, Pushed } call = Call::None;

    // Bytes written as data among instructions, and where they begin in the source.
    llvm::SmallString<32> bytes;
    llvm::SMLoc bytesWhere;
    std::unique_ptr<llvm::MCDisassembler> disassembler;

    // State of rewritten assembly that is read back.
    bool rewritten = false;
    unsigned groupLeft = 0;
    llvm::SmallVector<llvm::MCInst, 8> groupInsts;
    bool slotsHidden = false;
};

} // namespace lind

#endif
