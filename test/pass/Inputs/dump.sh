# Disassembles an object file for FileCheck, without the nops that pad bundles.
exec llvm-objdump -dr --no-show-raw-insn --no-leading-addr "$@" | sed '/^[[:space:]]*nop/d'
