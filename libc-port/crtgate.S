/* crtgate.o: the gate page and the module note (rt/abi.h, docs/sfi.md 1). lind-cc links it into every program.
 *
 * The page is an aligned, read-only page of the module's image. What stands here is never used: the
 * loader puts its own page in this place and fills the slots before any code of the cage runs. */
#include "rt/abi.h"

    .section .lind.gate, "a", @progbits
    .p2align 12
    .globl __lind_base
    .hidden __lind_base
    .type __lind_base, @object
    .size __lind_base, 8
__lind_base:
    .zero LIND_GATE_SLOT_ENTRY - LIND_GATE_SLOT_BASE
    .globl __lind_entry
    .hidden __lind_entry
    .type __lind_entry, @object
    .size __lind_entry, 8
__lind_entry:
    .zero LIND_PAGE_SIZE - LIND_GATE_SLOT_ENTRY

    .section .note.lind, "a", @note
    .p2align 2
    .long 2f - 1f
    .long LIND_NOTE_DESC_SIZE
    .long LIND_NOTE_TYPE
1:  .asciz LIND_NOTE_NAME
2:  .p2align 2
    .long LIND_ABI_VERSION
    .long LIND_BUNDLE_SIZE
    .long __lind_base - .

    .section .note.GNU-stack, "", @progbits
