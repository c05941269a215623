# Do string operations run on absolute addresses in the cage, and give offsets back?
# RUN: %assemble -o %t.o && %dump %t.o | FileCheck %s && %layout %t.o
        .globl f
f:      rep movsb
# CHECK: movq (%rip), %r11
# CHECK-NEXT: R_X86_64_PC32 __lind_base-0x4
# CHECK-NEXT: movl %edi, %edi
# CHECK-NEXT: leaq (%rdi,%r11), %rdi
# CHECK-NEXT: movl %esi, %esi
# CHECK-NEXT: leaq (%rsi,%r11), %rsi
# CHECK-NEXT: rep movsb
# CHECK-NEXT: movl %edi, %edi
# CHECK-NEXT: movl %esi, %esi
        rep; stosq
# CHECK: movq (%rip), %r11
# CHECK-NEXT: R_X86_64_PC32
# CHECK-NEXT: movl %edi, %edi
# CHECK-NEXT: leaq (%rdi,%r11), %rdi
# CHECK-NEXT: rep stosq
# CHECK-NEXT: movl %edi, %edi
        repne scasb
# CHECK: repne scasb
        lodsl
# CHECK: movl %esi, %esi
# CHECK-NEXT: leaq (%rsi,%r11), %rsi
# CHECK-NEXT: lodsl
# CHECK-NEXT: movl %esi, %esi
        repe cmpsw
# CHECK: rep cmpsw
# CHECK: movl %edi, %edi
# CHECK: movl %esi, %esi
        cld
        endbr64
        hlt
# CHECK-NOT: cld
# CHECK-NOT: endbr64
# CHECK: hlt
