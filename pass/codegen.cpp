// Machine passes: %r11 stays out of register allocation, targets of indirect branches begin bundles.
#include "pass/codegen.h"
#include "llvm/ADT/Statistic.h"
#include "llvm/CodeGen/MachineFunction.h"
#include "llvm/CodeGen/MachineFunctionPass.h"
#include "llvm/CodeGen/MachineInstrBuilder.h"
#include "llvm/CodeGen/MachineJumpTableInfo.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetInstrInfo.h"
#include "llvm/CodeGen/TargetPassConfig.h"
#include "llvm/CodeGen/TargetRegisterInfo.h"
#include "llvm/CodeGen/TargetSubtargetInfo.h"
#include "llvm/Target/RegisterTargetPassConfigCallback.h"
#include "llvm/Target/TargetMachine.h"
#include "rt/abi.h"

#define DEBUG_TYPE "lind"
ALWAYS_ENABLED_STATISTIC(NumAligned, "blocks aligned as targets of indirect branches");

using namespace llvm;

namespace lind {
namespace {

MCRegister scratchRegister(const TargetRegisterInfo &info) {
    for (unsigned r = 1; r < info.getNumRegs(); ++r)
        if (StringRef(info.getName(r)) == "R11")
            return r;
    return MCRegister();
}

// Keeps %r11 out of register allocation: it is live everywhere, read at the end of each block and never
// written, so no value fits beside it. LLVM has no switch for that on x86-64.
class ReserveScratch final : public MachineFunctionPass {
  public:
    static char ID;
    ReserveScratch() : MachineFunctionPass(ID) {}
    StringRef getPassName() const override { return "Lind: reserve %r11"; }

    bool runOnMachineFunction(MachineFunction &function) override {
        const TargetInstrInfo *instructions = function.getSubtarget().getInstrInfo();
        MCRegister scratch = scratchRegister(*function.getSubtarget().getRegisterInfo());
        for (MachineBasicBlock &block : function) {
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
};
char ReserveScratch::ID;

// Indirect branches round their target up to a bundle, so every target begins one.
class AlignTargets final : public MachineFunctionPass {
  public:
    static char ID;
    AlignTargets() : MachineFunctionPass(ID) {}
    StringRef getPassName() const override { return "Lind: align indirect branch targets"; }

    bool runOnMachineFunction(MachineFunction &function) override {
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
        return true;
    }
};
char AlignTargets::ID;

} // namespace

void installCodegenPasses() {
    static RegisterTargetPassConfigCallback callback(
        [](TargetMachine &machine, PassManagerBase &, TargetPassConfig *config) {
            if (!machine.getTargetTriple().isX86_64())
                return;
            // The last places in front of register allocation before liveness is computed.
            config->insertPass(machine.getOptLevel() == CodeGenOptLevel::None
                                   ? &PHIEliminationID
                                   : &ProcessImplicitDefsID,
                               IdentifyingPassPtr(new ReserveScratch));
            config->insertPass(&FuncletLayoutID, IdentifyingPassPtr(new AlignTargets));
        });
}

} // namespace lind
