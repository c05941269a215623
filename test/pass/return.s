# Does a return go to the start of a bundle inside the cage?
# RUN: %assemble -o %t.o && %dump %t.o | FileCheck %s && %layout %t.o
        .globl f
f:      ret
# CHECK: popq %r11
# CHECK-NEXT: leal 0x1f(%r11), %r11d
# CHECK-NEXT: andl $-0x20, %r11d
# CHECK-NEXT: addq (%rip), %r11
# CHECK-NEXT: R_X86_64_PC32 __lind_base-0x4
# CHECK-NEXT: jmpq *%r11
        .globl g
g:      rep ret
# CHECK: popq %r11
# CHECK: jmpq *%r11
        .globl h
h:      ret $24
# CHECK: popq %r11
# CHECK: leaq 0x18(%rsp), %rsp
# The probe must keep %r11: it stores it out of the way.
# CHECK: movq %r11, -0x88(%rsp)
# CHECK: leal 0x1f(%r11), %r11d
# CHECK: jmpq *%r11
