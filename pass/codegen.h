// Machine passes that make LLVM's code generator produce code which the rewriter can confine.
#ifndef LIND_PASS_CODEGEN_H
#define LIND_PASS_CODEGEN_H

namespace lind
{

// Adds them to every code generation pipeline of this process.
void installCodegenPasses();

} // namespace lind

#endif
