# Do indirect jumps and calls go through a group, and does the padding behind a call hold int3 only?
# RUN: %assemble -o %t.o && %dump %t.o | FileCheck %s && %layout %t.o
        .globl f
f:      jmp *%rax
# CHECK: leal 0x1f(%rax), %r11d
# CHECK-NEXT: andl $-0x20, %r11d
# CHECK-NEXT: addq (%rip), %r11
# CHECK-NEXT: R_X86_64_PC32 __lind_base-0x4
# CHECK-NEXT: jmpq *%r11
        call *%r12
# CHECK: leal 0x1f(%r12), %r11d
# CHECK-NEXT: andl $-0x20, %r11d
# CHECK: callq *%r11
# CHECK-NEXT: int3
        call *%r11
# CHECK: leal 0x1f(%r11), %r11d
# CHECK: callq *%r11
        jmp *table(,%rax,8)
# CHECK: movq %gs:(,%eax,8), %r11
# CHECK: leal 0x1f(%r11), %r11d
# CHECK: jmpq *%r11
        call *8(%rsp)
# CHECK: movq 0x8(%rsp), %r11
# CHECK: callq *%r11
        call *g@GOTPCREL(%rip)
# CHECK: movq (%rip), %r11
# CHECK-NEXT: R_X86_64_REX_GOTPCRELX g-0x4
# CHECK: callq *%r11
        call *%rsp
# CHECK: movl %esp, %r11d
# CHECK: callq *%r11
        notrack jmp *%rdx
# CHECK: leal 0x1f(%rdx), %r11d
        call g
# CHECK: callq {{.*}}
# CHECK-NEXT: R_X86_64_PLT32 g-0x4
# CHECK-NEXT: int3
        jmp g
# CHECK: jmp {{.*}}
# CHECK-NEXT: R_X86_64_PLT32 g-0x4
