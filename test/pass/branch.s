# Do indirect jumps and calls go through a group, do calls push the address of the bundle behind them by themselves, and is the rest of their bundle int3?
# RUN: %assemble -o %t.o && %dump %t.o | FileCheck %s && %layout %t.o
        .globl f
f:      jmp *%rax
# CHECK: leal 0x1f(%rax), %r11d
# CHECK-NEXT: andl $-0x20, %r11d
# CHECK-NEXT: addq (%rip), %r11
# CHECK-NEXT: R_X86_64_PC32 __lind_base-0x4
# CHECK-NEXT: jmpq *%r11
        call *%r12
# CHECK-NEXT: leaq {{.*}}(%rip), %r11
# CHECK-NEXT: pushq %r11
# CHECK-NEXT: leal 0x1f(%r12), %r11d
# CHECK-NEXT: andl $-0x20, %r11d
# CHECK-NEXT: addq (%rip), %r11
# CHECK-NEXT: R_X86_64_PC32 __lind_base-0x4
# CHECK-NEXT: jmpq *%r11
# CHECK-NEXT: int3
        call *%r11
# CHECK: leal 0x1f(%r11), %r11d
# CHECK: callq *%r11
# CHECK-NEXT: int3
        jmp *table(,%rax,8)
# CHECK: movq %gs:(,%eax,8), %r11
# CHECK: leal 0x1f(%r11), %r11d
# CHECK: jmpq *%r11
        call *8(%rsp)
# CHECK: pushq %r11
# CHECK-NEXT: movq 0x10(%rsp), %r11
# CHECK: jmpq *%r11
        call *-8(%esp,%eax)
# CHECK: pushq %r11
# CHECK-NEXT: movq %gs:(%esp,%eax), %r11
# CHECK: jmpq *%r11
        call *table(%rsp)
# CHECK-NOT: pushq
# CHECK: movq %gs:(%esp), %r11
# CHECK-NOT: pushq
# CHECK: callq *%r11
        call *(%r11)
# CHECK-NOT: pushq
# CHECK: movq %gs:(%r11d), %r11
# CHECK-NOT: pushq
# CHECK: callq *%r11
        call *g@GOTPCREL(%rip)
# CHECK: pushq %r11
# CHECK-NEXT: movq (%rip), %r11
# CHECK-NEXT: R_X86_64_REX_GOTPCRELX g-0x4
# CHECK: jmpq *%r11
        call *%rsp
# CHECK: movl %esp, %r11d
# CHECK: callq *%r11
        notrack jmp *%rdx
# CHECK: leal 0x1f(%rdx), %r11d
        call g
# CHECK: leaq {{.*}}(%rip), %r11
# CHECK-NEXT: pushq %r11
# CHECK-NEXT: jmp {{.*}}
# CHECK-NEXT: R_X86_64_PLT32 g-0x4
        movl $5, %r11d # for the callee
        call g
# CHECK: movl $0x5, %r11d
# CHECK-NEXT: callq {{.*}}
# CHECK-NEXT: R_X86_64_PLT32 g-0x4
# CHECK-NEXT: int3
        call .Lnear
# CHECK: pushq %r11
# CHECK-NEXT: jmp {{.*}}
# CHECK-NOT: R_X86_64
.Lnear: jmp g
# CHECK: jmp {{.*}}
# CHECK-NEXT: R_X86_64_PLT32 g-0x4
