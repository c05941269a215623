// The printer behind `-S`: shows the rewritten code (docs/pass.md).
#ifndef LIND_PASS_PRINTER_H
#define LIND_PASS_PRINTER_H

#include "llvm/MC/MCInstPrinter.h"
#include <memory>

namespace llvm
{
class MCContext;
}

namespace lind
{

// Wraps LLVM's printer. Its output begins with a mark that tells the object streamer, when the text
// is assembled, that it is rewritten already; groups are announced by marks as well. Padding,
// alignment, stack probes and unwind corrections are left to the object streamer: they do not show.
std::unique_ptr<llvm::MCInstPrinter> wrapPrinter(std::unique_ptr<llvm::MCInstPrinter> printer,
                                                 llvm::MCContext &context);

} // namespace lind

#endif
