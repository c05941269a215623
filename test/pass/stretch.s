# Are instructions made longer where that leaves no gap at a bundle's end, and fewer nops elsewhere, without a change of what they do?
# RUN: %assemble -o %t.o && llvm-objdump -d %t.o | FileCheck %s && %layout %t.o
        .globl three
three:  movq 8(%rdi), %rax      # 6 bytes: %gs and 32-bit addresses
        movl $1, %ecx           # 5
        .rept 3
        movl $4, %r8d           # 6: 3 are left, what 8 takes more in four bytes
        .endr
        movabsq $5, %r9
        hlt
# CHECK-LABEL: <three>:
# CHECK-NEXT: 65 67 48 8b 87 08 00 00 00
# CHECK-NOT: nop
# CHECK: movabsq
        .globl one
one:    movl (%rdi), %eax       # 4: one more byte gives it a displacement
        .rept 5
        movl $1, %ecx
        .endr
        xorl %edx, %edx
        movabsq $5, %r9
        hlt
# CHECK-LABEL: <one>:
# CHECK-NEXT: 65 67 8b 47 00
# CHECK-NOT: nop
# CHECK: movabsq
        .globl seven
seven:  addl $1, %ecx           # 3: an immediate and
        movl (%rdi), %eax       # 4: a displacement of four bytes more
        .rept 3
        movl $1, %ecx
        .endr
        movq %rax, %rcx         # 25
        movabsq $5, %r9
        hlt
# CHECK-LABEL: <seven>:
# CHECK-NEXT: 81 c1 01 00 00 00
# CHECK-NEXT: 65 67 8b 87 00 00 00 00
# CHECK-NOT: nop
# CHECK: movabsq
# Two nops for 11 bytes and more, one for 10.
        .globl eleven
eleven: movl 8(%rdi), %eax      # 5
        .rept 5
        movq %rax, %rcx
        .endr
        popq %rcx               # 21
        jmp *%rax
# CHECK-LABEL: <eleven>:
# CHECK-NEXT: 65 67 8b 87 08 00 00 00
# CHECK: popq
# CHECK-NEXT: nop
# CHECK-NEXT: leal
        .globl longer
longer: je 1f
        .rept 5
        movl $1, %ecx
        .endr
        nop
        movabsq $5, %r9         # 4 were left
1:      hlt
# CHECK-LABEL: <longer>:
# CHECK-NEXT: 0f 84
# Bytes that are no displacement, and where control does not pass, stay.
        .globl neither
neither:
        movq x(%rip), %rax
        movq %fs:0, %rcx
        movw $1, (%rsp)
        jmp 2f
        movl 8(%rdi), %eax
2:      movabsq $5, %r9
        hlt
# CHECK-LABEL: <neither>:
# CHECK-NEXT: 48 8b 05
# CHECK: 64 48 8b 0c 25
# CHECK: eb
# The jump ends at 12. Its target at 137 is in reach as long as the load at 128 does not fill the gap of 4 behind it.
        .globl reach
reach:  movabsq $5, %r9
        jmp 3f
        .rept 58
        xorl %edx, %edx
        .endr
        movl (%rdi), %eax
        movl $1, %ecx
3:      .rept 3
        movl $4, %r8d
        .endr
        nop
        movabsq $5, %r9
        hlt
# CHECK-LABEL: <reach>:
# CHECK-NEXT: movabsq
# CHECK-NEXT: e9
