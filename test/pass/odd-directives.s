# Do directives whose length or order the layout cannot know leave the bundles whole?
# RUN: %assemble -o %t.o && %layout %t.o
# RUN: llvm-readelf -S %t.o | FileCheck %s
# CHECK: .text {{.*}} AX 0 0 128
# CHECK: .text.other {{.*}} AX 0 0 32
        .text
        .globl f
        .type f, @function
f:      jmp 1f
        .skip 5, 0x90
1:      nop
        .fill 3, 1, 0x90
        je 2f
        .pushsection .rodata
        .quad 1b
        .popsection
        jmp *%rax
2:      .p2align 6
        addl $1, %eax
        .balign 64, 0x90
        .p2align 4, , 7
        .p2align 7
        addl $2, %eax
        .byte 0x90, 0x90
        jne 2b
        call 3f
3:      popq %rax
        .subsection 1
        movl %eax, %ecx
        ret
        .subsection 0
        ret
        .org f + 1024, 0x90
        ret
        .nops 13
local:  ret
        jmp local
        .section .text.other, "ax", @progbits
        .type g, @function
g:      subq $8, %rsp
        .section .init, "ax", @progbits
        call g
