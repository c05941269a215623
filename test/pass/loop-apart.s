# The closing jumps of a loop and of one around it are kept apart where Zen 5 would take the two for the same: where the addresses of their last
# bytes differ in the bits 0x3c and no other of 0x3e. 13 ^ 49 = 0x3c here.
# RUN: %assemble -o %t.o && llvm-objdump -d --no-show-raw-insn %t.o | FileCheck %s && %layout %t.o

# CHECK-LABEL: <confused>:
# CHECK: c: {{.*}}jne {{.*}}<confused+0xa>
# CHECK: 2e: {{.*}}decl
# CHECK-NEXT: 30: {{.*}}nop
# CHECK-NEXT: 32: {{.*}}jne {{.*}}<confused+0x5>
.globl confused
.type confused, @function
confused:
    movl $10, %ecx
1:  movl $20, %edx
2:  decl %edx
    jne 2b
    .rept 16
    incl %eax
    .endr
    decl %ecx
    jne 1b
    hlt

# Two bytes earlier there is no need, and none where the second jump closes no loop around the first.
# CHECK-LABEL: <different>:
# CHECK: 6c: {{.*}}decl
# CHECK-NEXT: 6e: {{.*}}jne {{.*}}<different+0x5>
.globl different
.type different, @function
different:
    movl $10, %ecx
1:  movl $20, %edx
2:  decl %edx
    jne 2b
    .rept 15
    incl %eax
    .endr
    decl %ecx
    jne 1b
    hlt

# CHECK-LABEL: <neighbours>:
# CHECK: ae: {{.*}}decl
# CHECK-NEXT: b0: {{.*}}jne {{.*}}<neighbours+0xe>
.globl neighbours
.type neighbours, @function
neighbours:
    movl $10, %ecx
    movl $20, %edx
2:  decl %edx
    jne 2b
3:
    .rept 16
    incl %eax
    .endr
    decl %ecx
    jne 3b
    hlt
