// The layout of a region: how long its jumps are and where padding goes.
#include "pass/bundler.h"
#include "rt/abi.h"
#include "llvm/ADT/Statistic.h"
#include "llvm/MC/MCAssembler.h"
#include "llvm/MC/MCSymbol.h"
#include "llvm/Support/ErrorHandling.h"

#define DEBUG_TYPE "lind"
ALWAYS_ENABLED_STATISTIC(NumRegions, "regions laid out");
ALWAYS_ENABLED_STATISTIC(NumLongJumps, "jumps to local labels that need 32 bits");
ALWAYS_ENABLED_STATISTIC(NumPadding, "bytes of padding in front of instructions");

using namespace llvm;

namespace lind
{

// Begins a region if none is open. The section continues at a known place of a bundle.
void Bundler::openRegion()
{
    if (open)
        return;
    getCurrentSectionOnly()->ensureMinAlignment(Align(LIND_BUNDLE_SIZE));
    if (phase == Unknown)
        nopsTo(Align(LIND_BUNDLE_SIZE), 0);
    open = true;
    regionPhase = phase == Unknown ? 0 : phase;
    slots.clear();
    jumps.clear();
    newSlot(); // marks the region's beginning; the next atom takes it
}

Bundler::Slot &Bundler::newSlot()
{
    auto *padding =
        newSpecialFragment<MCBoundaryAlignFragment>(Align(LIND_BUNDLE_SIZE), t.plainSubtarget());
    slots.push_back({padding});
    pendingSlot = true;
    return slots.back();
}

// Computes the offset of every fragment of the region, from its beginning's bundle on, with the
// current lengths of jumps. Returns the offset of the region's end.
uint32_t Bundler::layoutOnce()
{
    uint32_t offset = regionPhase;
    offsets.clear();
    fragments.clear();
    size_t nextSlot = 0, nextJump = 0;
    for (MCFragment *f = slots[0].padding; f; f = f->getNext()) {
        f->setLayoutOrder(offsets.size());
        offsets.push_back(offset);
        fragments.push_back(f);
        offset += f->getFixedSize();
        switch (f->getKind()) {
        case MCFragment::FT_Data:
            break;
        case MCFragment::FT_BoundaryAlign: {
            const Slot &slot = slots[nextSlot++];
            unsigned size = slot.size + (slot.jump >= 0 ? jumps[slot.jump].size() : 0);
            unsigned room = LIND_BUNDLE_SIZE - offset % LIND_BUNDLE_SIZE;
            unsigned padding = size > room ? room : 0;
            slot.padding->setSize(padding);
            offset += padding;
            break;
        }
        case MCFragment::FT_Relaxable: {
            Jump &jump = jumps[nextJump++];
            jump.end = offset + 2;
            offset += jump.size();
            break;
        }
        case MCFragment::FT_Align: {
            uint64_t padding = offsetToAlignment(offset, f->getAlignment());
            if (padding <= f->getAlignMaxBytesToEmit())
                offset += padding;
            break;
        }
        default:
            report_fatal_error("lind-pass: a fragment of unknown length inside a region");
        }
    }
    return offset;
}

// Makes those short jumps long that do not reach their target. A long one never becomes short
// again, so this ends.
bool Bundler::lengthenJumps()
{
    bool changed = false;
    for (Jump &jump : jumps) {
        if (jump.isLong)
            continue;
        const MCFragment *f = jump.target->isDefined() ? jump.target->getFragment() : nullptr;
        bool here = f && f->getLayoutOrder() < fragments.size() &&
                    fragments[f->getLayoutOrder()] == f && !jump.target->isVariable();
        if (here) {
            int64_t distance = static_cast<int64_t>(offsets[f->getLayoutOrder()]) +
                               static_cast<int64_t>(jump.target->getOffset()) - jump.end;
            if (isInt<8>(distance))
                continue;
        }
        jump.isLong = changed = true;
    }
    return changed;
}

// Gives the jump its long form, as LLVM's own relaxation would.
void Bundler::makeLong(Jump &jump)
{
    ++NumLongJumps;
    MCFragment &f = *jump.fragment;
    const MCSubtargetInfo &sti = *f.getSubtargetInfo();
    MCInst inst = f.getInst();
    getAssembler().getBackend().relaxInstruction(inst, sti);
    SmallVector<char, 8> code;
    SmallVector<MCFixup, 1> fixups;
    getAssembler().getEmitter().encodeInstruction(inst, code, fixups, sti);
    if (code.size() != jump.size())
        report_fatal_error("lind-pass: unexpected length of a relaxed jump");
    f.setInst(inst);
    f.setVarContents(code);
    f.setVarFixups(fixups);
}

// Ends the region: what it holds is final, and the section continues at a known place of a bundle.
void Bundler::closeRegion()
{
    if (!open)
        return;
    open = pendingSlot = false;
    ++NumRegions;
    uint32_t end = layoutOnce();
    while (lengthenJumps())
        end = layoutOnce();
    for (Jump &jump : jumps)
        if (jump.isLong)
            makeLong(jump);
    for (const Slot &slot : slots)
        NumPadding += slot.padding->getSize();
    phase = end % LIND_BUNDLE_SIZE;
    slots.clear();
    jumps.clear();
}

} // namespace lind
