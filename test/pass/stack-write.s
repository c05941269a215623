# Does every write of %rsp end inside the cage?
# RUN: %assemble -o %t.o && %dump %t.o | FileCheck %s && %layout %t.o
        .globl f
f:      subq $40, %rsp
        pushq %rax
# CHECK: subq $0x28, %rsp
# CHECK-NEXT: pushq %rax
        subq $40000, %rsp
# CHECK: addl $0xffff63c0, %esp
# CHECK-NEXT: addq (%rip), %rsp
# CHECK-NEXT: R_X86_64_PC32 __lind_base-0x4
        andq $-64, %rsp
# CHECK: andl $-0x40, %esp
# CHECK-NEXT: addq (%rip), %rsp
        andq $-4096, %rsp
# CHECK: andl $0xfffff000, %esp
        subq %rax, %rsp
# CHECK: subl %eax, %esp
# CHECK-NEXT: addq (%rip), %rsp
        addq (%rbx), %rsp
# CHECK: movq %gs:(%ebx), %r11
# CHECK: addl %r11d, %esp
# CHECK-NEXT: addq (%rip), %rsp
        movq 48(%rdi), %rsp
# CHECK: movl %gs:0x30(%edi), %esp
# CHECK-NEXT: addq (%rip), %rsp
        popq %rsp
# CHECK: movl (%rsp), %esp
# CHECK-NEXT: addq (%rip), %rsp
        movq $0x10000, %rsp
# CHECK: movl $0x10000, %r11d
# CHECK: movl %r11d, %esp
# CHECK-NEXT: addq (%rip), %rsp
        leaq stack(%rip), %rsp
# CHECK: leal (%rip), %r11d
# CHECK: movl %r11d, %esp
# CHECK-NEXT: addq (%rip), %rsp
# The flags survive these.
        movq %rdx, %rsp
# CHECK: movq (%rip), %r11
# CHECK-NEXT: R_X86_64_PC32 __lind_base-0x4
# CHECK-NEXT: leal (%rdx), %esp
# CHECK-NEXT: leaq (%rsp,%r11), %rsp
        leaq 16(%rbp,%rcx), %rsp
# CHECK: leal 0x10(%rbp,%rcx), %esp
# CHECK-NEXT: leaq (%rsp,%r11), %rsp
        movl %ecx, %esp
# CHECK: leal (%rcx), %esp
# CHECK-NEXT: leaq (%rsp,%r11), %rsp
        leave
# CHECK: leal (%rbp), %esp
# CHECK-NEXT: leaq (%rsp,%r11), %rsp
# CHECK: popq %rbp
        enter $32, $0
# CHECK-NEXT: pushq %rbp
# CHECK-NEXT: movl %esp, %ebp
# CHECK-NEXT: leaq -0x20(%rsp), %rsp
        movl $64, %r11d
        movq %r11, %rsp
# CHECK: movl %r11d, %esp
# CHECK-NEXT: addq (%rip), %rsp
        hlt
