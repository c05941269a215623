# Do prefixes that have an effect stay, however they are written, and the others go?
# RUN: %assemble -o %t.o && %dump %t.o | FileCheck %s
        .globl f
f:      lock addl $1, (%rax)
# CHECK: lock addl $0x1, %gs:(%eax)
        lock
        incq (%rdx)
# CHECK-NEXT: lock incq %gs:(%edx)
        lock xchgl %eax, (%rdi)
# CHECK-NEXT: xchgl %eax, %gs:(%edi)
        xacquire lock xaddl %eax, (%rdi)
# CHECK-NEXT: lock xaddl %eax, %gs:(%edi)
        rep nop
# CHECK-NEXT: pause
        rep bsfl %ecx, %eax
# CHECK-NEXT: tzcntl %ecx, %eax
        cs movl (%rax), %eax
# CHECK: movl %gs:(%eax), %eax
        {disp32} movl 4(%rax), %ecx
# CHECK-NEXT: movl %gs:0x4(%eax), %ecx
        {vex3} vaddps %xmm1, %xmm2, %xmm3
# CHECK-NEXT: vaddps %xmm1, %xmm2, %xmm3
        ud1l 4(%eax), %eax
# CHECK: ud2
# RUN: llvm-objdump -d %t.o | FileCheck %s --check-prefix=BYTES
# BYTES: 65 67 f0 83 00 01
# BYTES: 65 67 8b 48 04
# BYTES: c5 e8 58 d9
