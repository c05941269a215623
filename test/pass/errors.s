# Is what cannot be confined an error with its place and a hint?
# RUN: not %assemble -o %t.o 2>&1 | FileCheck %s
        .text
# CHECK: errors.s:[[@LINE+1]]:{{[0-9]+}}: error: {{.*}}(STD): {{.*}}copy backwards with a loop
        std
# CHECK: errors.s:[[@LINE+1]]:{{.*}}sahf
        popfq
# CHECK: errors.s:[[@LINE+1]]:{{.*}}(INT):
        int $0x80
# CHECK: errors.s:[[@LINE+1]]:{{.*}}(SYSENTER):
        sysenter
# CHECK: errors.s:[[@LINE+1]]:{{.*}}segment
        movw %ax, %fs
# CHECK: errors.s:[[@LINE+1]]:{{.*}}(WRFSBASE64):
        wrfsbase %rax
# CHECK: errors.s:[[@LINE+1]]:{{.*}}(WRPKRUr):
        wrpkru
# CHECK: errors.s:[[@LINE+1]]:{{.*}}(XRSTOR):
        xrstor (%rax)
# CHECK: errors.s:[[@LINE+1]]:{{.*}}(FXRSTOR):
        fxrstor (%rax)
# CHECK: errors.s:[[@LINE+1]]:{{.*}}near
        lretq
# CHECK: errors.s:[[@LINE+1]]:{{.*}}(IRET64):
        iretq
# CHECK: errors.s:[[@LINE+1]]:{{.*}}near
        ljmpq *(%rax)
# CHECK: errors.s:[[@LINE+1]]:{{.*}}bit offset
        btsq %rax, (%rdi)
# CHECK: errors.s:[[@LINE+1]]:{{.*}}-mno-gather
        vpgatherdd %xmm0, (%rax,%xmm1), %xmm2
# CHECK: errors.s:[[@LINE+1]]:{{.*}}(XLAT):
        xlatb
# CHECK: errors.s:[[@LINE+1]]:{{.*}}(MASKMOVDQU64):
        maskmovdqu %xmm0, %xmm1
# CHECK: errors.s:[[@LINE+1]]:{{.*}}-mno-rtm
        xbegin f
# CHECK: errors.s:[[@LINE+1]]:{{.*}}one address register
        movl %fs:(%rax,%rcx), %eax
# CHECK: errors.s:[[@LINE+1]]:{{.*}}not %rip
        movl %fs:data(%rip), %eax
# CHECK: errors.s:[[@LINE+1]]:{{.*}}takes up %r11
        movq %r11, %fs:8
# CHECK: errors.s:[[@LINE+1]]:{{.*}}takes up %r11
        movl %fs:(%r11), %eax
# CHECK: errors.s:[[@LINE+1]]:{{.*}}takes up %r11
        addq %rsp, %fs:8
# CHECK: errors.s:[[@LINE+3]]:{{.*}}%r11 is read here
        movq $1, %r11
        movl %fs:8, %eax
        movq %r11, %rax
# A load of a part of %r11 keeps the rest.
# CHECK: errors.s:[[@LINE+1]]:{{.*}}takes up %r11
        movb %fs:8, %r11b
# CHECK: errors.s:[[@LINE+1]]:{{.*}}takes up %r11
        movsbw %fs:8, %r11w
# CHECK: errors.s:[[@LINE+3]]:{{.*}}%r11 is read here
        syscall
        movb $1, %r11b
        movzwl %r11w, %eax
# Indirect jumps overwrite both on their way to a label.
        leaq 1f(%rip), %rax
        jmp *%rax
1:
# CHECK: errors.s:[[@LINE+1]]:{{.*}}%r11 is read here{{.*}}an indirect jump to this label
        movq %r11, %rax
        leaq 1f(%rip), %rax
        cmpl %ecx, %edx
        jmp *%rax
1:
# CHECK: errors.s:[[@LINE+1]]:{{.*}}the flags are read here{{.*}}an indirect jump to this label
        adcl %ecx, %edx
# CHECK: errors.s:[[@LINE+1]]:{{.*}}outside of the cage
        movabsq %fs:0x100000000, %rax
# CHECK: errors.s:[[@LINE+1]]:{{.*}}name a label
        leaq 3(%rip), %rax
# CHECK: errors.s:[[@LINE+1]]:{{.*}}name a label
        movl (%rip), %eax
# CHECK: errors.s:[[@LINE+1]]:{{.*}}label of its own
        jmp . + 4
# CHECK: errors.s:[[@LINE+1]]:{{.*}}label of its own
        jne data - 4
# CHECK: errors.s:[[@LINE+1]]:{{.*}}label of its own
        call data + 4
# CHECK: errors.s:[[@LINE+1]]:{{.*}}%gs belongs to the runtime
        movl %gs:0, %eax
# CHECK: errors.s:[[@LINE+1]]:{{.*}}64 bits
        pushw %ax
# CHECK: errors.s:[[@LINE+1]]:{{.*}}%rsp can be written by
        movw %ax, %sp
# CHECK: errors.s:[[@LINE+1]]:{{.*}}%rsp can be written by
        xchgq %rax, %rsp
# CHECK: errors.s:[[@LINE+1]]:{{.*}}%rsp can be written by
        orq $8, %rsp
# CHECK: errors.s:[[@LINE+1]]:{{.*}}lock has no meaning
        lock movl %eax, (%rdi)
# CHECK: errors.s:[[@LINE+1]]:{{.*}}rep has no meaning
        rep movl %eax, (%rdi)
# CHECK: errors.s:[[@LINE+1]]:{{.*}}write the prefix into the instruction
        data16
# CHECK: errors.s:[[@LINE+1]]:{{.*}}outside of the cage
        movabsq 0x100000000, %rax
# CHECK: errors.s:[[@LINE+1]]:{{.*}}lower -march
        vaddps %zmm0, %zmm1, %zmm2
# CHECK: errors.s:[[@LINE+1]]:{{.*}}lower -march
        vaddps %xmm16, %xmm1, %xmm2
# CHECK: errors.s:[[@LINE+1]]:{{.*}}lower -march
        pfadd %mm0, %mm1
# CHECK: errors.s:[[@LINE+1]]:{{.*}}use enter $n, $0
        enter $8, $1
# What the program keeps in %r11 and the flags is lost where rewriting needs them.
f:      movl $1, %r11d
        leaq (%rax,%rax), %rsp
# CHECK: errors.s:[[@LINE+1]]:{{.*}}%r11 is read here{{.*}}LEA64r{{.*}}use another register
        movl %r11d, %eax
g:      subq %rax, %rsp
# CHECK: errors.s:[[@LINE+1]]:{{.*}}flags are read here
        jc g
# CHECK: errors.s:[[@LINE+1]]:{{.*}}needs %r11 to read %rsp
h:      addq %rsp, %r11
late:   hlt
# CHECK: errors.s:[[@LINE+1]]:{{.*}}'late' is an entry
        .globl late
        .code32
# CHECK: errors.s:[[@LINE+1]]:{{.*}}64-bit code only
        nop
        .code64
# CHECK: errors.s:[[@LINE+1]]:{{.*}}prefix without an instruction
        lock
