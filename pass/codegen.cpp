// Machine passes: %r11 stays out of register allocation, targets of indirect branches begin
// bundles.
#include "pass/codegen.h"
#include "pass/tables.h"
#include "rt/abi.h"
#include "llvm/ADT/Statistic.h"
#include "llvm/CodeGen/MachineBlockFrequencyInfo.h"
#include "llvm/CodeGen/MachineFunction.h"
#include "llvm/CodeGen/MachineFunctionPass.h"
#include "llvm/CodeGen/MachineInstrBuilder.h"
#include "llvm/CodeGen/MachineJumpTableInfo.h"
#include "llvm/CodeGen/MachineLoopInfo.h"
#include "llvm/CodeGen/MachineRegisterInfo.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetInstrInfo.h"
#include "llvm/CodeGen/TargetPassConfig.h"
#include "llvm/CodeGen/TargetRegisterInfo.h"
#include "llvm/CodeGen/TargetSubtargetInfo.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/RegisterTargetPassConfigCallback.h"
#include "llvm/Target/TargetMachine.h"

#define DEBUG_TYPE "lind"
ALWAYS_ENABLED_STATISTIC(NumBitTests, "atomic operations kept from becoming bit tests");
ALWAYS_ENABLED_STATISTIC(NumTailCalls, "tail calls that take their target in %r11");
ALWAYS_ENABLED_STATISTIC(NumDeadFlags, "writes of %rsp where the flags are dead");
ALWAYS_ENABLED_STATISTIC(NumColdCalls, "calls kept as they are, where few come or size matters");
ALWAYS_ENABLED_STATISTIC(NumLoops, "loop headers aligned");
ALWAYS_ENABLED_STATISTIC(NumAligned, "blocks aligned as targets of indirect branches");

using namespace llvm;

namespace lind
{
namespace
{

// LLVM turns an atomic or, and, xor of one bit into `lock bts %reg, mem` and its like if the result
// is only tested for that bit. Their bit offset reaches beyond the operand, so no cage may run
// them. A freeze between result and test hides the pattern, and costs nothing.
class AvoidBitTests final : public FunctionPass
{
  public:
    static char ID;
    AvoidBitTests() : FunctionPass(ID) {}
    StringRef getPassName() const override
    {
        return "Lind: avoid bit tests in memory";
    }

    bool runOnFunction(Function &function) override
    {
        bool changed = false;
        for (Instruction &i : make_early_inc_range(instructions(function))) {
            auto *atomic = dyn_cast<AtomicRMWInst>(&i);
            if (!atomic || atomic->use_empty() || isa<Constant>(atomic->getValOperand()))
                continue;
            AtomicRMWInst::BinOp op = atomic->getOperation();
            if (op != AtomicRMWInst::Or && op != AtomicRMWInst::And && op != AtomicRMWInst::Xor)
                continue;
            auto *hidden = new FreezeInst(atomic, "", std::next(atomic->getIterator()));
            atomic->replaceUsesWithIf(hidden, [&](Use &use) { return use.getUser() != hidden; });
            ++NumBitTests;
            changed = true;
        }
        return changed;
    }
};
char AvoidBitTests::ID;

// A return address on the stack is a host address; the program gets its offset, as of any other
// pointer.
class CutReturnAddresses final : public FunctionPass
{
  public:
    static char ID;
    CutReturnAddresses() : FunctionPass(ID) {}
    StringRef getPassName() const override
    {
        return "Lind: cut return addresses";
    }

    bool runOnFunction(Function &function) override
    {
        bool changed = false;
        for (Instruction &i : make_early_inc_range(instructions(function))) {
            auto *call = dyn_cast<IntrinsicInst>(&i);
            if (!call || call->getIntrinsicID() != Intrinsic::returnaddress || call->use_empty())
                continue;
            IRBuilder<> builder(call->getNextNode());
            Value *whole = builder.CreatePtrToInt(call, builder.getInt64Ty());
            Value *offset = builder.CreateAnd(whole, LIND_WINDOW_SIZE - 1);
            Value *pointer = builder.CreateIntToPtr(offset, call->getType());
            call->replaceUsesWithIf(pointer, [&](Use &use) { return use.getUser() != whole; });
            changed = true;
        }
        return changed;
    }
};
char CutReturnAddresses::ID;

// -fsanitize=function puts a signature in front of each function, as data in text: no verifier
// accepts it. Without signatures its checks find nothing to compare, so only this part of
// -fsanitize=undefined falls silent.
class DropSignatures final : public FunctionPass
{
  public:
    static char ID;
    DropSignatures() : FunctionPass(ID) {}
    StringRef getPassName() const override
    {
        return "Lind: drop function signatures";
    }

    bool runOnFunction(Function &function) override
    {
        if (!function.hasMetadata(LLVMContext::MD_func_sanitize))
            return false;
        function.setMetadata(LLVMContext::MD_func_sanitize, nullptr);
        return true;
    }
};
char DropSignatures::ID;

// A direct call of a weak function that nobody defines would become a branch to address 0, out of
// the text (docs/sfi.md R6).
// Calls through the GOT, where its address is 0, are what the program's own test of that address
// protects.
class CallWeakThroughGot final : public ModulePass
{
  public:
    static char ID;
    CallWeakThroughGot() : ModulePass(ID) {}
    StringRef getPassName() const override
    {
        return "Lind: call weak functions through the GOT";
    }

    bool runOnModule(Module &module) override
    {
        bool changed = false;
        for (Function &function : module) {
            if (!function.hasExternalWeakLinkage())
                continue;
            function.addFnAttr(Attribute::NonLazyBind);
            function.setDSOLocal(false);
            changed = true;
        }
        return changed;
    }
};
char CallWeakThroughGot::ID;

// Keeps %r11 out of register allocation: it is live everywhere, read at the end of each block and
// never written, so no value fits beside it. LLVM has no switch for that on x86-64.
class ReserveScratch final : public MachineFunctionPass
{
  public:
    static char ID;
    ReserveScratch() : MachineFunctionPass(ID) {}
    StringRef getPassName() const override
    {
        return "Lind: reserve %r11";
    }

    bool runOnMachineFunction(MachineFunction &function) override
    {
        const TargetInstrInfo *instructions = function.getSubtarget().getInstrInfo();
        const MCRegister scratch = t.R11;
        for (MachineBasicBlock &block : function) {
            for (const MachineInstr &i : block)
                checkCall(i);
            for (MachineInstr &call : make_early_inc_range(block.terminators()))
                freeTailCall(call, instructions);
            if (!block.isLiveIn(scratch))
                block.addLiveIn(scratch);
            auto end = block.getFirstTerminator();
            if (end == block.end())
                BuildMI(block, end, DebugLoc(), instructions->get(TargetOpcode::KILL))
                    .addReg(scratch, RegState::Implicit);
            for (; end != block.end(); ++end)
                if (!end->isDebugInstr())
                    end->addOperand(function, MachineOperand::CreateReg(scratch, false, true));
        }
        return true;
    }

  private:
    // A call through a pointer has its target in %r11 in the end: no argument can be there, as
    // preserve_none would have it.
    void checkCall(const MachineInstr &call) const
    {
        unsigned opcode = call.getOpcode();
        if (opcode != t.CALL64r && opcode != t.CALL64m && opcode != fromRegister &&
            opcode != fromMemory)
            return;
        for (const MachineOperand &o : call.implicit_operands())
            if (o.isReg() && o.isUse() && t.isR11(o.getReg().id())) {
                const Function &function = call.getMF()->getFunction();
                function.getContext().diagnose(DiagnosticInfoUnsupported(
                    function, "a call through a pointer cannot pass an argument in %r11",
                    call.getDebugLoc()));
            }
    }

    // A tail call through a pointer needs registers that no argument occupies. Where %r11 would
    // have been the last one, it takes the target itself: the jump's rewriting needs it there
    // anyway.
    void freeTailCall(MachineInstr &call, const TargetInstrInfo *instructions)
    {
        bool viaMemory = call.getOpcode() == fromMemory;
        if (!viaMemory && call.getOpcode() != fromRegister)
            return;
        const char *const candidates[] = {"RAX", "RCX", "RDX", "RSI", "RDI", "R8", "R9"};
        const TargetRegisterInfo &info = *call.getMF()->getSubtarget().getRegisterInfo();
        MachineRegisterInfo &registers = call.getMF()->getRegInfo();
        unsigned left = std::size(candidates), needed = 0;
        for (const MachineOperand &o : call.operands()) {
            if (!o.isReg() || !o.getReg())
                continue;
            if (o.getReg().isVirtual())
                ++needed;
            else if (o.isImplicit() && !o.isDef())
                for (const char *name : candidates)
                    if (info.regsOverlap(o.getReg(), t.reg(name))) {
                        --left;
                        break;
                    }
        }
        if (needed <= left)
            return;
        MachineBasicBlock &block = *call.getParent();
        unsigned operands = viaMemory ? MemParts : 1;
        auto load =
            BuildMI(block, call, call.getDebugLoc(),
                    instructions->get(viaMemory ? t.MOV64rm : unsigned(TargetOpcode::COPY)), t.R11);
        for (unsigned i = 0; i < operands; ++i)
            load.add(call.getOperand(i));
        if (viaMemory)
            load.cloneMemRefs(call);
        auto jump =
            BuildMI(block, call, call.getDebugLoc(), instructions->get(fromRegister)).addReg(t.R11);
        for (unsigned i = operands; i < call.getNumOperands(); ++i)
            jump.add(call.getOperand(i));
        jump->setFlags(call.getFlags());
        if (call.isCandidateForAdditionalCallInfo())
            call.getMF()->moveAdditionalCallInfo(&call, &*jump);
        call.eraseFromParent();
        for (const MachineOperand &o : load->operands())
            if (o.isReg() && o.getReg().isVirtual())
                registers.recomputeRegClass(o.getReg());
        ++NumTailCalls;
    }

    const Tables &t = Tables::get();
    const unsigned fromRegister = t.opcode("TCRETURNri64"), fromMemory = t.opcode("TCRETURNmi64");
};
char ReserveScratch::ID;

// Indirect branches round their target up to a bundle, so every target begins one. The rewriter
// gets to know where the flags are dead at a write of %rsp.
class PrepareLayout final : public MachineFunctionPass
{
  public:
    static char ID;
    PrepareLayout() : MachineFunctionPass(ID) {}
    StringRef getPassName() const override
    {
        return "Lind: prepare layout";
    }

    bool runOnMachineFunction(MachineFunction &function) override
    {
        const Align bundle(LIND_BUNDLE_SIZE);
        function.ensureAlignment(bundle);
        auto align = [&](MachineBasicBlock &block) {
            if (block.getAlignment() < bundle) {
                block.setAlignment(bundle);
                ++NumAligned;
            }
            block.setMaxBytesForAlignment(0); // at any cost
        };
        for (MachineBasicBlock &block : function)
            if (block.hasAddressTaken() || block.isEHPad())
                align(block);
        if (MachineJumpTableInfo *tables = function.getJumpTableInfo())
            for (const MachineJumpTableEntry &table : tables->getJumpTables())
                for (MachineBasicBlock *block : table.MBBs)
                    align(*block);
        for (MachineBasicBlock &block : function)
            for (MachineInstr &i : block)
                markDeadFlags(i);
        return true;
    }

  private:
    // There is no way to hand a note from here to the rewriter but the instruction itself. So a
    // move to %rsp takes its reversed encoding, an lea without index the scale 2: neither changes a
    // meaning, and nothing else makes them. The rewriter then takes the shorter group.
    void markDeadFlags(MachineInstr &i)
    {
        bool move = i.getOpcode() == t.MOV64rr, lea = i.getOpcode() == t.LEA64r;
        if ((!move && !lea) || i.getOperand(0).getReg() != t.RSP)
            return;
        if (lea && (i.getOperand(1 + MemIndex).getReg() ||
                    (i.getOperand(1).isReg() && i.getOperand(1).getReg() == t.RSP)))
            return;
        MachineBasicBlock &block = *i.getParent();
        const TargetRegisterInfo *info = block.getParent()->getSubtarget().getRegisterInfo();
        if (block.computeRegisterLiveness(info, t.EFLAGS,
                                          std::next(MachineBasicBlock::const_iterator(i)),
                                          30) != MachineBasicBlock::LQR_Dead)
            return;
        if (move)
            i.setDesc(block.getParent()->getSubtarget().getInstrInfo()->get(t.MOV64rr_REV));
        else
            i.getOperand(1 + MemScale).setImm(2);
        ++NumDeadFlags;
    }

    const Tables &t = Tables::get();
};
char PrepareLayout::ID;

// A loop that begins near the end of a bundle pays for it on every turn: the jump back fetches a
// few bytes, then nops. So headers of innermost loops begin a bundle if that takes little padding.
class AlignLoops final : public MachineFunctionPass
{
  public:
    static char ID;
    AlignLoops() : MachineFunctionPass(ID) {}
    StringRef getPassName() const override
    {
        return "Lind: align loops";
    }

    void getAnalysisUsage(AnalysisUsage &usage) const override
    {
        usage.addRequired<MachineLoopInfoWrapperPass>();
        usage.setPreservesAll();
        MachineFunctionPass::getAnalysisUsage(usage);
    }

    bool runOnMachineFunction(MachineFunction &function) override
    {
        const Align bundle(LIND_BUNDLE_SIZE);
        if (function.getFunction().hasOptSize())
            return false;
        MachineLoopInfo &loops = getAnalysis<MachineLoopInfoWrapperPass>().getLI();
        for (MachineBasicBlock &block : function) {
            MachineLoop *loop = loops.getLoopFor(&block);
            if (!loop || loop->getHeader() != &block || !loop->isInnermost() ||
                block.getAlignment() >= bundle)
                continue;
            block.setAlignment(bundle);
            block.setMaxBytesForAlignment(LIND_BUNDLE_SIZE / 2 - 1);
            ++NumLoops;
        }
        return true;
    }
};
char AlignLoops::ID;

// A call that pushes its return address is faster, an instruction `call` shorter (docs/sfi.md 2).
// So where a function rarely comes, or size matters more, calls stay what they are. The rewriter is
// told by opcodes that nothing else makes: the one of 32-bit code, and those with the prefix
// notrack.
class KeepColdCalls final : public MachineFunctionPass
{
  public:
    static char ID;
    KeepColdCalls() : MachineFunctionPass(ID) {}
    StringRef getPassName() const override
    {
        return "Lind: keep cold calls";
    }

    void getAnalysisUsage(AnalysisUsage &usage) const override
    {
        usage.addRequired<MachineBlockFrequencyInfoWrapperPass>();
        usage.setPreservesAll();
        MachineFunctionPass::getAnalysisUsage(usage);
    }

    bool runOnMachineFunction(MachineFunction &function) override
    {
        bool all = function.getFunction().hasOptSize();
        const MachineBlockFrequencyInfo &frequency =
            getAnalysis<MachineBlockFrequencyInfoWrapperPass>().getMBFI();
        const TargetInstrInfo *instructions = function.getSubtarget().getInstrInfo();
        bool changed = false;
        for (MachineBasicBlock &block : function) {
            if (!all && frequency.getBlockFreqRelativeToEntryBlock(&block) * ColdFactor >= 1)
                continue;
            for (MachineInstr &i : block)
                for (auto [ordinary, kept] : marks)
                    if (i.getOpcode() == ordinary) {
                        i.setDesc(instructions->get(kept));
                        ++NumColdCalls;
                        changed = true;
                    }
        }
        return changed;
    }

  private:
    // What the source calls unlikely, and ways to the program's end. What is merely one of many
    // cases is not: at 1/8, compilers and interpreters were slower by 8 %.
    static constexpr double ColdFactor = 1000;
    const Tables &t = Tables::get();
    const std::pair<unsigned, unsigned> marks[3] = {
        {t.CALL64pcrel32, t.CALLpcrel32}, {t.CALL64r, t.CALL64r_NT}, {t.CALL64m, t.CALL64m_NT}};
};
char KeepColdCalls::ID;

} // namespace

void installCodegenPasses()
{
    static RegisterTargetPassConfigCallback callback(
        [](TargetMachine &machine, PassManagerBase &passes, TargetPassConfig *config) {
            if (machine.getTargetTriple().getArch() != Triple::x86_64)
                return;
            passes.add(new CallWeakThroughGot);
            passes.add(new AvoidBitTests);
            passes.add(new CutReturnAddresses);
            passes.add(new DropSignatures);
            // The last places in front of register allocation before liveness is computed.
            config->insertPass(machine.getOptLevel() == CodeGenOptLevel::None
                                   ? &PHIEliminationID
                                   : &ProcessImplicitDefsID,
                               IdentifyingPassPtr(new ReserveScratch));
            config->insertPass(&FuncletLayoutID, IdentifyingPassPtr(new PrepareLayout));
            if (machine.getOptLevel() != CodeGenOptLevel::None) {
                config->insertPass(&FuncletLayoutID, IdentifyingPassPtr(new AlignLoops));
                config->insertPass(&FuncletLayoutID, IdentifyingPassPtr(new KeepColdCalls));
            }
        });
}

} // namespace lind
