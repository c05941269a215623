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
ALWAYS_ENABLED_STATISTIC(NumStretched, "instructions made longer instead of padding");

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
    slots.back().skipped = deadEnd;
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
    size_t nextSlot = 0;
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
            unsigned padding = size + slot.shift > room ? room : slot.shift;
            slot.padding->setSize(padding);
            offset += padding;
            break;
        }
        case MCFragment::FT_Relaxable: {
            const Slot &slot = slots[nextSlot - 1];
            offset += slot.size;
            if (slot.jump >= 0) {
                Jump &jump = jumps[slot.jump];
                jump.end = offset + 2;
                offset += jump.size();
            }
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
        if (jump.isLong || jump.stretched)
            continue;
        std::optional<int64_t> target = targetOf(jump);
        if (!target || !isInt<8>(*target - jump.end))
            jump.isLong = changed = true;
    }
    return changed;
}

// A jump's target in the current layout, if it is in this region.
std::optional<int64_t> Bundler::targetOf(const Jump &jump) const
{
    const MCFragment *f = jump.target->isDefined() ? jump.target->getFragment() : nullptr;
    if (!f || f->getLayoutOrder() >= fragments.size() || fragments[f->getLayoutOrder()] != f ||
        jump.target->isVariable())
        return std::nullopt;
    return static_cast<int64_t>(offsets[f->getLayoutOrder()]) +
           static_cast<int64_t>(jump.target->getOffset());
}

// Moves the closing jump of a loop around another one where Zen 5 would take the two for the same
// (docs/pass.md). Returns whether there is such a pair.
bool Bundler::separateLoops()
{
    constexpr unsigned Near = 64, Looked = 0x3e, Confused = 0x3c, Step = 2, Most = 8;
    const Jump *inner = nullptr;
    int64_t innerTarget = 0;
    bool changed = false;
    for (Jump &jump : jumps) {
        std::optional<int64_t> target = targetOf(jump);
        if (!jump.conditional || !target || *target >= jump.end)
            continue; // closes no loop
        int64_t last = jump.end - 3 + jump.size();
        if (inner && *target <= innerTarget) {
            int64_t innerLast = inner->end - 3 + inner->size();
            Slot &slot = slots[jump.slot];
            if (last - innerLast < Near && ((last ^ innerLast) & Looked) == Confused &&
                slot.shift < Most) {
                slot.shift += Step;
                changed = true;
            }
        }
        inner = &jump;
        innerTarget = *target;
    }
    return changed;
}

// Gives the jump its long form, as LLVM's own relaxation would.
void Bundler::makeLong(Jump &jump)
{
    ++NumLongJumps;
    MCInst inst = jump.fragment->getInst();
    getAssembler().getBackend().relaxInstruction(inst, *jump.fragment->getSubtargetInfo());
    setTail(*jump.fragment, inst, jump.size());
}

// Puts another form of an instruction in its place.
void Bundler::setTail(MCFragment &fragment, const MCInst &inst, unsigned size)
{
    SmallVector<char, 16> code;
    SmallVector<MCFixup, 2> fixups;
    getAssembler().getEmitter().encodeInstruction(inst, code, fixups, *fragment.getSubtargetInfo());
    if (code.size() != size)
        report_fatal_error("lind-pass: unexpected length of an instruction");
    fragment.setInst(inst);
    fragment.setVarContents(code);
    fragment.setVarFixups(fixups);
}

//===-- longer instructions instead of nops --------------------------------------------------===//

// Nops take room and time like other instructions. A displacement or an immediate with more bytes
// than it needs takes none, so the instructions of a bundle fill the gap at its end as far as they
// can.

// The longer encodings of the instruction of a slot, each of another length.
SmallVector<MCInst, 4> Bundler::longerForms(const Slot &slot)
{
    SmallVector<MCInst, 4> forms;
    const MCInst inst = slot.code->getInst();
    unsigned wide = t.wideImmediate(inst.getOpcode());
    if (wide && !inst.getOperand(inst.getNumOperands() - 1).isImm())
        wide = 0;
    bool memory = t.memory(inst.getOpcode()) >= 0 && hasLongerForm(inst);
    for (unsigned flag : {0u, unsigned(FlagDisp8), unsigned(FlagDisp32)}) {
        if (flag && !memory)
            break;
        MCInst form = inst;
        form.setFlags(inst.getFlags() | flag);
        if (flag)
            forms.push_back(form);
        if (wide) {
            form.setOpcode(wide);
            forms.push_back(form);
        }
    }
    return forms;
}

// Chooses longer forms of the instructions before a gap, in the same bundle, that make it vanish,
// or at least take fewer nops; as few of them as possible.
void Bundler::fillGap(unsigned gap, ArrayRef<Slot *> before)
{
    constexpr unsigned LongestNop = 10, None = ~0u;
    struct Choice {
        Slot *slot;
        unsigned growth;
    };
    // For each sum of growths that can be reached, the choices that lead there.
    SmallVector<SmallVector<Choice, 8>, LIND_BUNDLE_SIZE> reached(gap + 1);
    SmallVector<bool, LIND_BUNDLE_SIZE> known(gap + 1);
    known[0] = true;
    for (Slot *slot : before) {
        SmallVector<unsigned, 4> growths;
        if (slot->jump >= 0) {
            growths.push_back(4);
        } else {
            for (const MCInst &form : longerForms(*slot))
                if (unsigned size = encodedSize(form);
                    size > slot->size && !is_contained(growths, size - slot->size))
                    growths.push_back(size - slot->size);
        }
        for (unsigned sum = gap; sum > 0; --sum)
            for (unsigned growth : growths)
                if (growth <= sum && known[sum - growth] &&
                    (!known[sum] || reached[sum].size() > reached[sum - growth].size() + 1)) {
                    reached[sum] = reached[sum - growth];
                    reached[sum].push_back({slot, growth});
                    known[sum] = true;
                }
    }
    unsigned best = None, bestNops = (gap + LongestNop - 1) / LongestNop;
    for (unsigned sum = 1; sum <= gap; ++sum) {
        unsigned nops = (gap - sum + LongestNop - 1) / LongestNop;
        if (known[sum] && nops < bestNops) {
            best = sum;
            bestNops = nops;
        }
    }
    if (best == None)
        return;
    for (const Choice &choice : reached[best]) {
        if (choice.slot->jump >= 0) {
            jumps[choice.slot->jump].stretched = true;
        } else {
            choice.slot->stretch = choice.growth;
            choice.slot->size += choice.growth;
        }
    }
}

// Looks for gaps in the layout that layoutOnce() computed. What is behind a gap stays where it is.
void Bundler::replacePadding()
{
    SmallVector<Slot *, LIND_BUNDLE_SIZE> before; // what could be longer, since the bundle's start
    size_t nextSlot = 0;
    for (size_t i = 0; i < fragments.size(); ++i) {
        const MCFragment *f = fragments[i];
        if (f->getKind() == MCFragment::FT_Align) {
            uint32_t at = offsets[i] + f->getFixedSize();
            unsigned gap = offsetToAlignment(at, f->getAlignment());
            if (gap && gap <= f->getAlignMaxBytesToEmit() && f->hasAlignEmitNops() &&
                !before.empty())
                fillGap(gap, before);
            before.clear();
        } else if (f->getKind() == MCFragment::FT_BoundaryAlign) {
            Slot &slot = slots[nextSlot++];
            unsigned gap = slot.padding->getSize();
            if (gap && !slot.skipped && !before.empty())
                fillGap(gap, before);
            if ((offsets[i] + gap) % LIND_BUNDLE_SIZE == 0)
                before.clear();
            if (slot.jump >= 0 ? jumps[slot.jump].conditional && jumps[slot.jump].size() == 2
                               : slot.code != nullptr)
                before.push_back(&slot);
        }
    }
}

void Bundler::shrinkAll()
{
    for (Slot &slot : slots) {
        slot.size -= slot.stretch;
        slot.stretch = 0;
    }
    for (Jump &jump : jumps)
        jump.stretched = false;
}

void Bundler::stretch(Slot &slot)
{
    if (!slot.stretch)
        return;
    ++NumStretched;
    for (const MCInst &form : longerForms(slot))
        if (encodedSize(form) == slot.size) {
            setTail(*slot.code, form, slot.size);
            return;
        }
}

// Ends the region: what it holds is final, and the section continues at a known place of a bundle.
void Bundler::closeRegion()
{
    if (!open)
        return;
    open = pendingSlot = false;
    ++NumRegions;
    // What one loop's padding moves may be other loops: without an end to it, time would be
    // quadratic in their number.
    unsigned separations = 32;
    uint32_t end;
    do {
        shrinkAll();
        end = layoutOnce();
        while (lengthenJumps())
            end = layoutOnce();
        replacePadding();
        end = layoutOnce();
        // Longer instructions may put a target out of reach.
    } while (lengthenJumps() || (separations-- > 0 && separateLoops()));
    for (Jump &jump : jumps)
        if (jump.isLong || jump.stretched)
            makeLong(jump);
    for (Slot &slot : slots) {
        stretch(slot);
        NumPadding += slot.padding->getSize();
    }
    phase = end % LIND_BUNDLE_SIZE;
    slots.clear();
    jumps.clear();
}

} // namespace lind
