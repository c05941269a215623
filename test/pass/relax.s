# Do jumps get the shortest form that reaches, with padding between them and their targets counted?
# RUN: %assemble -o %t.o && %dump %t.o | FileCheck %s && %layout %t.o
        .globl near
near:   jmp 1f
        .rept 100
        nop
        .endr
1:      je near_end
        .rept 122
        nop
        .endr
near_end:
        hlt
# CHECK-LABEL: <near>:
# CHECK-NEXT: jmp 0x{{[0-9a-f]+}} <near+0x66>
        .globl far
# The distance is 128 with padding between: 126 bytes of groups and a jump.
far:    je 2f
        .rept 6
        andq $-64, %rsp
        andq $-64, %rsp
        andq $-64, %rsp
        .endr
2:      jne far
        hlt
# CHECK-LABEL: <far>:
# RUN: llvm-objdump -d %t.o | FileCheck %s --check-prefix=LONG
# LONG: <far>:
# LONG-NEXT: 0f 84
# LONG: 0f 85
        .globl other
# A jump to a symbol that others can see keeps room for a relocation.
other:  jmp far
# LONG: <other>:
# LONG-NEXT: e9
