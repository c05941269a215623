# Is data in text an error with its place and a hint?
# RUN: not %assemble -o %t.o 2>&1 | FileCheck %s
        .text
        .type f, @function
f:      movl $1, %eax
# CHECK: bytes-errors.s:[[@LINE+1]]:{{[0-9]+}}: error: these bytes among instructions are none{{.*}}.section .rodata
        .byte 0x0f, 0xff
        nop
# No system call gets through so.
# CHECK: bytes-errors.s:[[@LINE+1]]:{{.*}}(SYSENTER):
        .byte 0x0f, 0x34
        nop
# CHECK: bytes-errors.s:[[@LINE+1]]:{{.*}}(WRPKRUr):
        .byte 0x0f, 0x01, 0xef
        nop
# What it is relative to moves.
# CHECK: bytes-errors.s:[[@LINE+1]]:{{.*}}depend on where they are
        .byte 0xeb, 0x02
        nop
# CHECK: bytes-errors.s:[[@LINE+1]]:{{.*}}depend on where they are
        .byte 0x48, 0x8b, 0x05, 1, 0, 0, 0
        nop
# Half of an instruction: its other half is text.
# CHECK: bytes-errors.s:[[@LINE+1]]:{{.*}}these bytes among
        .byte 0x48, 0x8b
        movl $2, %eax
# CHECK: bytes-errors.s:[[@LINE+1]]:{{.*}}data in text;
        .zero 4
# CHECK: bytes-errors.s:[[@LINE+1]]:{{.*}}data in text;
        .fill 4, 2, 0x90
# CHECK: bytes-errors.s:[[@LINE+1]]:{{.*}}data in text;
        .fill 4, 2, 0xcc90
# CHECK: bytes-errors.s:[[@LINE+1]]:{{.*}}data in text;
        .quad f
# CHECK: bytes-errors.s:[[@LINE+1]]:{{.*}}data in text;
        .uleb128 1f - f
        ret
# A table behind the code, although its bytes are instructions.
table:
# CHECK: bytes-errors.s:[[@LINE+1]]:{{.*}}data in text; if these bytes are code, declare
        .long 0x90909090
        .long 0xc3c3c3c3
        .globl global
global:
# CHECK: bytes-errors.s:[[@LINE+1]]:{{.*}}data in text; if these
        .ascii "data"
1:
# CHECK: bytes-errors.s:[[@LINE+1]]:{{.*}}data in text;
        .zero 4
        .type g, @function
g:      ret
        .size g, . - g
# No label, but something in front of g might be looked at.
# CHECK: bytes-errors.s:[[@LINE+1]]:{{.*}}data in text;
        .ascii "prefix"
        .section .text.other, "ax", @progbits
# CHECK: bytes-errors.s:[[@LINE+1]]:{{.*}}data in text;
        .ascii "other"
