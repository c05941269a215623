// The printer behind `-S`.
#include "pass/printer.h"
#include "pass/bundler.h"
#include "rt/abi.h"
#include "llvm/MC/MCContext.h"
#include "llvm/MC/MCSymbol.h"

using namespace llvm;

namespace lind
{
namespace
{

class Printer final : public MCInstPrinter, private Sink
{
  public:
    Printer(std::unique_ptr<MCInstPrinter> wrapped, MCContext &context)
        : MCInstPrinter(*context.getAsmInfo(), *instructions(), *context.getRegisterInfo()),
          wrapped(std::move(wrapped)), mcContext(context), rewriter(*this)
    {
    }

    void printInst(const MCInst *inst, uint64_t address, StringRef annotation,
                   const MCSubtargetInfo &sti, raw_ostream &os) override
    {
        out = &os;
        subtarget = &sti;
        note = annotation;
        at = address;
        firstLine = true;
        if (!marked) {
            marked = true;
            line() << "\t.set\t" LIND_MARK_REWRITTEN ", 1";
        }
        rewriter.rewrite(*inst);
    }

    void printRegName(raw_ostream &os, MCRegister r) override
    {
        wrapped->printRegName(os, r);
    }
    bool applyTargetSpecificCLOption(StringRef option) override
    {
        return wrapped->applyTargetSpecificCLOption(option);
    }
    std::pair<const char *, uint64_t> getMnemonic(const MCInst &inst) const override
    {
        return wrapped->getMnemonic(inst);
    }

  private:
    static const MCInstrInfo *instructions()
    {
        return &Tables::get().instructions();
    }

    raw_ostream &line()
    {
        if (!firstLine)
            *out << '\n';
        firstLine = false;
        return *out;
    }
    void instruction(const MCInst &inst) override
    {
        line();
        // The text "addr32" would make an instruction of its own; the object streamer puts the
        // prefix back.
        MCInst plain = inst;
        plain.setFlags(inst.getFlags() & ~FlagAddressSize);
        wrapped->printInst(&plain, at, note, *subtarget, *out);
    }
    void group(ArrayRef<MCInst> insts) override
    {
        if (!hidden) {
            hidden = true;
            line() << "\t.hidden\t" LIND_GATE_BASE_SYMBOL ", " LIND_GATE_ENTRY_SYMBOL;
        }
        line() << "\t.set\t" LIND_MARK_GROUP ", " << insts.size();
        for (const MCInst &inst : insts)
            instruction(inst);
    }
    void gate(ArrayRef<MCInst> insts, MCSymbol *after) override
    {
        group(insts);
        returnPoint(after);
    }
    void returnPoint(MCSymbol *label) override
    {
        line() << "\t.p2align\t" << LIND_BUNDLE_SHIFT << ", 0xcc";
        line() << label->getName() << ':';
    }
    void entry(MCSymbol *label) override
    {
        line() << label->getName() << ':';
    }
    void error(SMLoc where, const Twine &message) override
    {
        mcContext.reportError(where, message);
    }
    MCContext &context() override
    {
        return mcContext;
    }
    bool seesLabels() const override
    {
        return false;
    }

    std::unique_ptr<MCInstPrinter> wrapped;
    MCContext &mcContext;
    Rewriter rewriter;
    raw_ostream *out = nullptr;
    const MCSubtargetInfo *subtarget = nullptr;
    StringRef note;
    uint64_t at = 0;
    bool firstLine = true, marked = false, hidden = false;
};

} // namespace

std::unique_ptr<MCInstPrinter> wrapPrinter(std::unique_ptr<MCInstPrinter> printer,
                                           MCContext &context)
{
    return std::make_unique<Printer>(std::move(printer), context);
}

} // namespace lind
