# Are addresses that the program computes from %rsp and %rip offsets into the cage?
# RUN: %assemble -o %t.o && %dump %t.o | FileCheck %s
        .globl f
f:      leaq 8(%rsp), %rdi
# CHECK: leal 0x8(%rsp), %edi
        leaq (%rsp,%rax,2), %r9
# CHECK-NEXT: leal (%rsp,%rax,2), %r9d
        leaq data(%rip), %r8
# CHECK-NEXT: leal (%rip), %r8d
# CHECK-NEXT: R_X86_64_PC32 data-0x4
        leal 4(%rsp), %eax
# CHECK-NEXT: leal 0x4(%rsp), %eax
        leal 4(%esp), %eax
# CHECK-NEXT: leal 0x4(%rsp), %eax
# Other address arithmetic is none of our business.
        leaq 1(%rax,%rax,2), %rcx
# CHECK: leaq 0x1(%rax,%rax,2), %rcx
        leaq %fs:8(%rax), %rcx
# CHECK: leaq 0x8(%rax), %rcx
# A label whose address is taken ahead of it begins a bundle.
        leaq 1f(%rip), %rax
        nop
1:      hlt
# CHECK: leal 0x{{[0-9a-f]+}}(%rip), %eax
# CHECK: hlt
# RUN: llvm-objdump -d --no-show-raw-insn %t.o | FileCheck %s --check-prefix=ALIGNED
# ALIGNED: {{[02468ace]}}0:{{.*}}hlt
# The address of the next instruction is a label's like any other.
        leaq (%rip), %rax
        cld
        cmc
        jmp *%rax
# CHECK: leal 0x{{[0-9a-f]+}}(%rip), %eax
# ALIGNED: {{[02468ace]}}0:{{.*}}cmc
# So is one that data names ahead of it, or that only an indirect jump can reach.
        .section .data.rel.ro, "aw"
table:  .quad .Lfirst, .Lsecond
        .text
        jmp *table(,%rdi,8)
.Lfirst:
        xorl %eax, %eax
        clc
.Lsecond:
        testl %edi, %edi
        ret
.Lthird:
        cmc
        ret
        .section .data.rel.ro, "aw"
        .quad .Lthird
        .text
# ALIGNED: {{[02468ace]}}0:{{.*}}xorl
# ALIGNED: {{[02468ace]}}0:{{.*}}testl
# ALIGNED: {{[02468ace]}}0:{{.*}}cmc
