// Does the code generator's own `rep movs` and `rep stos` take the string group?
// RUN: %compile -O2 -c %s -o %t.o && %dump %t.o | FileCheck %s && %layout %t.o
void copy(char *to, char *from) { __builtin_memcpy_inline(to, from, 4000); }
// CHECK-LABEL: <copy>:
// CHECK: movq (%rip), %r11
// CHECK: leaq (%rdi,%r11), %rdi
// CHECK: leaq (%rsi,%r11), %rsi
// CHECK-NEXT: rep movs
// CHECK-NEXT: movl %edi, %edi
// CHECK-NEXT: movl %esi, %esi
