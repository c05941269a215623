# Are instructions written as bytes laid out like others, and is filling between functions made int3?
# RUN: %assemble -o %t.o && %layout %t.o
# RUN: %dump %t.o | FileCheck %s
        .text
# A function's filling, as an alignment or in front of its entry.
        .byte 0, 0, 0, 0, 0, 0
        .globl f
        .type f, @function
# CHECK-LABEL: <f>:
f:
# A return that old assembly writes as bytes, with the prefix that it had for old processors.
# CHECK: cmpl
        cmpl $1, %edi
        je .Lreturn
# CHECK: xgetbv
        .byte 0x0f, 0x01
        .byte 0xd0
# A store: confined.
# CHECK: movl %eax, %gs:(%esi)
        .byte 0x89, 0x06
# Two instructions in a row.
# CHECK: addl %eax, %eax
# CHECK: aesenc %xmm0, %xmm1
        .byte 0x01, 0xc0, 102, 15, 56, 220, 200
# CHECK: pause
        .word 0x90f3
        jmp 1f
.Lreturn:
# CHECK: popq %r11
        .byte 0xf3, 0xc3
1:      ret
        .size f, . - f
        .byte 0x66, 0x0f, 0x1f, 0x44, 0, 0
        .zero 7
        .globl g
        .type g, @function
# CHECK-LABEL: <g>:
# CHECK: movl (%rsp), %r11d
g:      .byte 0x48, 0x83, 0xec, 0x18 # sub $24,%rsp, which needs a probe at the jump
        jmp 1f
        .org g + 96
1:      .byte 0x48, 0x83, 0xc4, 0x18
        ret
# Control comes back from calls.
        .globl h
        .type h, @function
# CHECK-LABEL: <h>:
# CHECK: xgetbv
# CHECK: cltd
# CHECK: cmc
h:      call g
        .byte 0x0f, 0x01, 0xd0, 0x90
        call *%rax
        .byte 0x99, 0x90
        syscall
        .byte 0xf5
        ret
