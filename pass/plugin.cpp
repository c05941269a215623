// Entry of the plugin: puts our object streamer and printer into LLVM's x86-64 target.
//
// clang loads it by -fplugin=, lld by --load-pass-plugin=. Either only has to open the library: the
// work is done by a static initialiser, as both do so after they registered their targets. Nothing
// is configured by the environment.
#include "pass/bundler.h"
#include "pass/codegen.h"
#include "pass/printer.h"
#include "llvm/MC/MCAsmBackend.h"
#include "llvm/MC/MCCodeEmitter.h"
#include "llvm/MC/MCObjectWriter.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Plugins/PassPlugin.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FormattedStream.h"
#include "llvm/TargetParser/Triple.h"

using namespace llvm;

extern "C" void LLVMInitializeX86Disassembler();

namespace
{

MCStreamer *createBundler(const Triple &, MCContext &context,
                          std::unique_ptr<MCAsmBackend> &&backend,
                          std::unique_ptr<MCObjectWriter> &&writer,
                          std::unique_ptr<MCCodeEmitter> &&emitter)
{
    return new lind::Bundler(context, std::move(backend), std::move(writer), std::move(emitter));
}

MCStreamer *createPrintingStreamer(MCContext &context, std::unique_ptr<formatted_raw_ostream> os,
                                   std::unique_ptr<MCInstPrinter> printer,
                                   std::unique_ptr<MCCodeEmitter> emitter,
                                   std::unique_ptr<MCAsmBackend> backend)
{
    if (printer)
        printer = lind::wrapPrinter(std::move(printer), context);
    return createAsmStreamer(context, std::move(os), std::move(printer), std::move(emitter),
                             std::move(backend));
}

// A call in a cage is about eight instructions and 30 bytes more than natively, and its return a
// jump that the processor predicts less well: inlining pays off earlier, and calls in what is to be
// inlined count for more. These are defaults; -mllvm changes them.
void setInlining()
{
    const std::pair<StringRef, int> settings[] = {
        {"inline-call-penalty", 60},
        {"inlinedefault-threshold", 300},
    };
    for (auto [name, value] : settings) {
        auto found = cl::getRegisteredOptions().find(name);
        if (found == cl::getRegisteredOptions().end())
            report_fatal_error(Twine("lind-pass: there is no option ") + name);
        auto *option = static_cast<cl::opt<int> *>(found->second);
        if (!option->getNumOccurrences())
            option->setInitialValue(value);
    }
}

struct Install {
    Install()
    {
        setInlining();
        std::string problem;
        Triple triple("x86_64-unknown-linux-gnu");
        const Target *found = TargetRegistry::lookupTarget("x86-64", triple, problem);
        if (!found || !found->hasMCAsmBackend())
            report_fatal_error("lind-pass: the x86-64 target is not there");
        LLVMInitializeX86Disassembler(); // for instructions written as bytes; clang has it not ready
        lind::Tables::build(*found);
        Target &target = const_cast<Target &>(*found);
        TargetRegistry::RegisterELFStreamer(target, createBundler);
        TargetRegistry::RegisterAsmStreamer(target, createPrintingStreamer);
        lind::installCodegenPasses();
    }
} install;

} // namespace

extern "C" __attribute__((visibility("default"))) PassPluginLibraryInfo llvmGetPassPluginInfo()
{
    PassPluginLibraryInfo info{};
    info.APIVersion = LLVM_PLUGIN_API_VERSION;
    info.PluginName = "lind";
    info.PluginVersion = "1";
    info.RegisterPassBuilderCallbacks = [](PassBuilder &) {};
    return info;
}
