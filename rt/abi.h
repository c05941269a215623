/* Constants of the isolation contract (docs/sfi.md). Shared by the compiler plugin, the verifier,
 * the runtime and assembly: only preprocessor definitions may stand here. */
#ifndef LIND_ABI_H
#define LIND_ABI_H

#define LIND_ABI_VERSION 2

/* A cage's window: 4 GiB at a base that is a multiple of 4 GiB (docs/sfi.md 1). */
#define LIND_WINDOW_SHIFT 32
#define LIND_WINDOW_SIZE (1ULL << LIND_WINDOW_SHIFT)

/* Bytes at either end of a window that are never mapped. */
#define LIND_GUARD_SIZE 0x10000ULL

/* Code is laid out in bundles; indirect branch targets are bundle starts (docs/sfi.md 3). */
#define LIND_BUNDLE_SHIFT 5
#define LIND_BUNDLE_SIZE 32

/* Largest |d| of a `d(%rsp)` operand, and largest drift of %rsp between accesses through it. */
#define LIND_RSP_REACH 32768
/* More bytes than any instruction accesses: displacements from %rsp upwards leave room for them. */
#define LIND_WIDTH_MOST 128

/* The base of %fs is the runtime's. Its one word that a cage may load: the thread pointer, an
 * offset into the window. In musl's and glibc's thread control block it is `sysinfo`, which both
 * keep for i386 and neither uses on x86-64. */
#define LIND_THREAD_POINTER 0x20

/* The gate page: one read-only page of each module, filled by the runtime. Byte offsets of its
 * slots. */
#define LIND_PAGE_SIZE 4096
#define LIND_GATE_SLOT_BASE 0  /* 8 bytes: the window's base B */
#define LIND_GATE_SLOT_ENTRY 8 /* 8 bytes: address of the runtime's entry */

/* Hidden symbols of the two slots, defined by crtgate.o, used by rewritten code. */
#define LIND_GATE_BASE_SYMBOL "__lind_base"
#define LIND_GATE_ENTRY_SYMBOL "__lind_entry"

/* The module note: an ELF note in a PT_NOTE segment, defined by crtgate.o.
 * desc: 3 words of 32 bits: ABI version; bundle size; gate page's address minus the address of this
 * word. */
#define LIND_NOTE_SECTION ".note.lind"
#define LIND_NOTE_NAME "Lind"
#define LIND_NOTE_TYPE 1
#define LIND_NOTE_DESC_SIZE 12

#endif
