# Is %rsp never far from its last access when control moves on?
# RUN: %assemble -o %t.o && %dump %t.o | FileCheck %s
        .globl anchored
anchored:
        subq $8, %rsp
        movq %rax, (%rsp)
        jmp out
# CHECK-LABEL: <anchored>:
# CHECK-NEXT: subq $0x8, %rsp
# CHECK-NEXT: movq %rax, (%rsp)
# CHECK-NEXT: jmp
        .globl bare
bare:   addq $8, %rsp
        xorl %eax, %eax
        jmp out
# CHECK-LABEL: <bare>:
# CHECK-NEXT: addq $0x8, %rsp
# CHECK-NEXT: xorl %eax, %eax
# CHECK-NEXT: movl (%rsp), %r11d
# CHECK-NEXT: jmp
        .globl busy
busy:   movl $5, %r11d
        leaq -16(%rsp), %rsp
        jmp out
# CHECK-LABEL: <busy>:
# CHECK-NEXT: movl $0x5, %r11d
# CHECK-NEXT: leaq -0x10(%rsp), %rsp
# CHECK-NEXT: movq %r11, -0x88(%rsp)
# CHECK: jmp
        .globl twice
twice:  subq $20000, %rsp
        subq $20000, %rsp
        pushq %rax
        hlt
# CHECK-LABEL: <twice>:
# CHECK-NEXT: subq $0x4e20, %rsp
# CHECK-NEXT: movl (%rsp), %r11d
# CHECK-NEXT: subq $0x4e20, %rsp
# CHECK-NEXT: pushq %rax
        .globl conditional
conditional:
        subq $24, %rsp
        testl %edi, %edi
        je 1f
        movaps %xmm0, (%rsp)
1:      hlt
# The flags of the test must reach the jump.
# CHECK-LABEL: <conditional>:
# CHECK-NEXT: subq $0x18, %rsp
# CHECK-NEXT: testl %edi, %edi
# CHECK-NEXT: movl (%rsp), %r11d
# CHECK-NEXT: je
        .globl end
end:    subq $8, %rsp
# CHECK-LABEL: <end>:
# CHECK-NEXT: subq $0x8, %rsp
# CHECK-NEXT: movl (%rsp), %r11d
