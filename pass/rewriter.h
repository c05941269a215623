// Turns one instruction into the sequence that may run in a cage (docs/sfi.md 3).
//
// The rewriter knows nothing of bundles or of text: it hands its result to a Sink, which is the
// object streamer or the assembly printer.
#ifndef LIND_PASS_REWRITER_H
#define LIND_PASS_REWRITER_H

#include "pass/tables.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/MC/MCContext.h"
#include "llvm/MC/MCExpr.h"
#include "llvm/MC/MCInst.h"
#include <string>

namespace lind
{

// What the names of the labels begin with at which calls return.
#define LIND_RETURN_LABEL "lind_return"
// And of those whose address `lea (%rip)` takes.
#define LIND_NEXT_LABEL "lind_next"

// Takes the rewritten code.
class Sink
{
  public:
    virtual ~Sink() = default;
    virtual void instruction(const llvm::MCInst &inst) = 0;
    // A group of docs/sfi.md 4: all in one bundle, entered at the first instruction only.
    virtual void group(llvm::ArrayRef<llvm::MCInst> insts) = 0;
    // The gate group; `after` is the label at which the call returns, at the end of the bundle.
    virtual void gate(llvm::ArrayRef<llvm::MCInst> insts, llvm::MCSymbol *after) = 0;
    // Where a call returns: `label` begins the next bundle.
    virtual void returnPoint(llvm::MCSymbol *label) = 0;
    // A label that indirect jumps may go to, and which control passes.
    virtual void entry(llvm::MCSymbol *label) = 0;
    virtual void error(llvm::SMLoc where, const llvm::Twine &message) = 0;
    virtual llvm::MCContext &context() = 0;
    // Whether labels are reported to the rewriter, so that it can follow %r11 and the flags.
    virtual bool seesLabels() const = 0;
};

class Rewriter
{
  public:
    explicit Rewriter(Sink &sink) : sink(sink), t(Tables::get()) {}

    void rewrite(const llvm::MCInst &inst);
    // Control may arrive here from elsewhere: what is known about %r11 and the flags ends.
    void label();
    // Indirect jumps arrive here, which have overwritten both.
    void indirectTarget();
    // Sections change or the input ends: a prefix without its instruction is an error.
    void flush();

  private:
    using MCInst = llvm::MCInst;
    using MCOperand = llvm::MCOperand;

    struct Memory {
        MCOperand part[lind::MemParts];
    };

    // rewriter.cpp
    void rewriteKind(MCInst &inst);
    void rewritePlain(MCInst &inst);
    void rewriteString(const MCInst &inst);
    void rewriteLea(MCInst &inst);
    void rewriteAbsoluteMove(const MCInst &inst);
    bool takePrefix(const MCInst &inst);
    bool checkPrefixes(MCInst &inst);
    bool addThreadPointer(MCInst &inst, int at);
    bool confineMemory(MCInst &inst, int at);
    void noteUses(const MCInst &inst);
    void noteDefinitions(const MCInst &inst);
    unsigned usesR11(const MCInst &inst) const;    // how many bits of it
    unsigned definesR11(const MCInst &inst) const; // likewise
    bool smallStackOperand(const MCInst &inst, int at) const;
    bool constant(const MCOperand &operand, int64_t &value) const;

    // calls.cpp
    void jumpGroup(unsigned target64, bool call = false);
    void callDirect(const MCInst &inst, bool keep);
    void callRegister(unsigned target64, bool keep);
    void callMemory(const MCInst &inst, bool keep);
    llvm::MCSymbol *pushReturn();
    bool isDistance(const MCInst &inst);
    bool loadTarget(const MCInst &inst);
    void distanceError();

    // stack.cpp
    bool writesStackPointer(const MCInst &inst) const;
    void rewriteStackWrite(MCInst &inst);
    bool readsStackPointer(const MCInst &inst) const;
    void rewriteStackRead(MCInst &inst);
    void stackAdjust(const MCInst &inst, int64_t amount);
    void stackMove(unsigned source64, bool flagsDead);
    void stackLea(const MCInst &inst, bool flagsDead);
    void stackFromScratch();
    void stackGroupA(const MCInst &write);
    void stackGroupB(const MCInst &lea);

    // Building blocks.
    MCInst make(unsigned opcode, std::initializer_list<MCOperand> operands) const;
    MCInst makeMemory(unsigned opcode, std::initializer_list<MCOperand> before,
                      const Memory &memory, std::initializer_list<MCOperand> after = {}) const;
    static MCOperand reg(unsigned r)
    {
        return MCOperand::createReg(r);
    }
    static MCOperand imm(int64_t v)
    {
        return MCOperand::createImm(v);
    }
    Memory memoryOf(const MCInst &inst, int at) const;
    Memory memory(unsigned base, int64_t disp, unsigned index = 0, unsigned scale = 1) const;
    Memory slot(const char *symbol) const;
    MCInst loadBase(unsigned into64) const;
    MCInst addBase(unsigned to64) const;

    void emit(MCInst inst);
    void clobber();      // %r11 no longer holds what the program put there
    void callDone();     // a callee keeps neither %r11 nor the flags
    void clobberFlags(); // nor do the flags
    void error(const llvm::Twine &message);

    Sink &sink;
    const Tables &t;
    llvm::SMLoc where;          // of the instruction being rewritten
    llvm::StringRef mnemonic;   // its LLVM name
    unsigned pendingPrefix = 0; // flags of prefixes written as statements of their own
    llvm::SMLoc pendingWhere;

    // The instruction whose rewriting overwrote %r11 or the flags, while the program could still
    // wrongly rely on the old value; empty when there is none.
    std::string scratchClobberedBy, flagsClobberedBy;
    unsigned scratchKnown = 0; // so many low bits of %r11 the program has written since then
    bool scratchHeld = false; // the program wrote %r11 since the last call
};

} // namespace lind

#endif
