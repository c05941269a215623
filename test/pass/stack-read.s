# Does the program only ever see the offset that is in %rsp?
# RUN: %assemble -o %t.o && %dump %t.o | FileCheck %s
        .globl f
f:      movq %rsp, %rbp
# CHECK: movl %esp, %ebp
        pushq %rsp
# CHECK-NEXT: movl %esp, %r11d
# CHECK-NEXT: pushq %r11
        movq %rsp, 8(%rdi)
# CHECK-NEXT: movl %esp, %r11d
# CHECK-NEXT: movq %r11, %gs:0x8(%edi)
        addq %rsp, %rax
# CHECK-NEXT: movl %esp, %r11d
# CHECK-NEXT: addq %r11, %rax
        cmpq %rax, %rsp
# CHECK-NEXT: movl %esp, %r11d
# CHECK-NEXT: cmpq %rax, %r11
        cmovneq %rsp, %rcx
# CHECK: movl %esp, %r11d
# CHECK-NEXT: cmovneq %r11, %rcx
        movq %rsp, %xmm0
# CHECK: movl %esp, %r11d
# CHECK: movq %r11, %xmm0
        testb $15, %spl
# CHECK: testb $0xf, %spl
        movl %esp, %eax
# CHECK: movl %esp, %eax
        .globl g
# The compiler's stack probes compare with %r11.
g:      movq %rsp, %r11
        subq $65536, %r11
        cmpq %r11, %rsp
# CHECK: <g>:
# CHECK-NEXT: movl %esp, %r11d
# CHECK-NEXT: subq $0x10000, %r11
# CHECK-NEXT: cmpl %r11d, %esp
        hlt
