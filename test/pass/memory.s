# Does every memory operand become one that cannot leave the cage?
# RUN: %assemble -o %t.o && %dump %t.o | FileCheck %s
# CHECK-LABEL: <f>:
        .globl f
        .type f, @function
f:      movq 8(%rdi,%rcx,4), %rax
# CHECK-NEXT: movq %gs:0x8(%edi,%ecx,4), %rax
        movb %al, (%r12)
# CHECK-NEXT: movb %al, %gs:(%r12d)
        movl 0x1000, %eax
# CHECK-NEXT: addr32 movl %gs:0x1000, %eax
        addl $5, -4(,%r9,8)
# CHECK-NEXT: addl $0x5, %gs:-0x4(,%r9d,8)
        movl (%eax), %ecx
# CHECK-NEXT: movl %gs:(%eax), %ecx
        movaps %xmm1, (%rbp)
# CHECK: movaps %xmm1, %gs:(%ebp)
        lock cmpxchg16b (%r8)
# CHECK-NEXT: lock cmpxchg16b %gs:(%r8d)
        movl %ds:(%rax), %eax
# CHECK-NEXT: movl %gs:(%eax), %eax
        vaddps (%rax), %ymm1, %ymm2
# CHECK-NEXT: vaddps %gs:(%eax), %ymm1, %ymm2
        fldt (%rsi)
# CHECK-NEXT: fldt %gs:(%esi)
        pushq (%rbx)
# CHECK: pushq %gs:(%ebx)
        popq 8(%rbx)
# CHECK-NEXT: popq %gs:0x8(%ebx)
# Operands on the stack stay as they are while they are near and have no index.
        movq 16(%rsp), %rax
# CHECK-NEXT: movq 0x10(%rsp), %rax
        movq %rax, -32768(%rsp)
# CHECK: movq %rax, -0x8000(%rsp)
        movq 32776(%rsp), %rax
# CHECK: movq %gs:0x8008(%esp), %rax
        movq (%rsp,%rax), %rdx
# CHECK: movq %gs:(%esp,%eax), %rdx
        movl (%rsp,%riz), %ecx
# CHECK: movl (%rsp), %ecx
        movl 4(%rsp,%riz,8), %ecx
# CHECK-NEXT: movl 0x4(%rsp), %ecx
        movl 4(,%riz,8), %ecx
# CHECK-NEXT: addr32 movl %gs:0x4, %ecx
        leaq 4(%rsp,%riz,8), %rcx
# CHECK-NEXT: leal 0x4(%rsp), %ecx
# Data of the module, the thread's control block.
        movl data(%rip), %eax
# CHECK: movl (%rip), %eax
# CHECK-NEXT: R_X86_64_PC32 data-0x4
        movq %fs:0, %rax
# CHECK: movq %fs:0x20, %rax
        movl %fs:0, %ecx
# CHECK-NEXT: movq %fs:0x20, %r11
# CHECK-NEXT: movl %gs:(%r11d), %ecx
        addq %fs:0, %rcx
# CHECK-NEXT: movq %fs:0x20, %r11
# CHECK-NEXT: addq %gs:(%r11d), %rcx
        movq %fs:40, %rcx
# CHECK-NEXT: movq %fs:0x20, %r11
# CHECK-NEXT: movq %gs:0x28(%r11d), %rcx
        movq %rcx, %fs:-8
# CHECK-NEXT: movq %fs:0x20, %r11
# CHECK-NEXT: movq %rcx, %gs:-0x8(%r11d)
        movl %fs:4(%rax), %ecx
# CHECK-NEXT: movq %fs:0x20, %r11
# CHECK-NEXT: movl %gs:0x4(%r11d,%eax), %ecx
        movl %fs:(,%rax,8), %ecx
# CHECK-NEXT: movq %fs:0x20, %r11
# CHECK-NEXT: movl %gs:(%r11d,%eax,8), %ecx
        movl %fs:8(%rsp), %ecx
# CHECK-NEXT: movq %fs:0x20, %r11
# CHECK-NEXT: movl %gs:0x8(%esp,%r11d), %ecx
        movl %fs:8(%rax,%riz,8), %ecx
# CHECK-NEXT: movq %fs:0x20, %r11
# CHECK-NEXT: movl %gs:0x8(%r11d,%eax), %ecx
        movl %fs:8(%rsp,%riz,8), %ecx
# CHECK-NEXT: movq %fs:0x20, %r11
# CHECK-NEXT: movl %gs:0x8(%esp,%r11d), %ecx
        movq %fs:0, %r11
# CHECK-NEXT: movq %fs:0x20, %r11
        movq %fs:8, %r11
# CHECK-NEXT: movq %fs:0x20, %r11
# CHECK-NEXT: movq %gs:0x8(%r11d), %r11
        lock incl %fs:8
# CHECK: movq %fs:0x20, %r11
# CHECK-NEXT: lock incl %gs:0x8(%r11d)
        xchgq %rcx, %fs:8
# CHECK: movq %fs:0x20, %r11
# CHECK-NEXT: xchgq %rcx, %gs:0x8(%r11d)
# Of what rewriting overwrote, the part that was written anew may be read.
        movb $1, %r11b
        movzbl %r11b, %eax
# CHECK: movzbl %r11b, %eax
# The accumulator's absolute forms.
        movabsl 0x1234, %eax
# CHECK: addr32 movl %gs:0x1234, %eax
        movabsq %rax, 0xfffffff0
# CHECK: addr32 movq %rax, %gs:-0x10
        hlt
