// Does the linker's code generator make the same code, in full and thin LTO?
// RUN: %compile -O2 -flto -c %s -o %t.o
// RUN: ld.lld -r --load-pass-plugin=%pass %t.o -o %t.full.o && %dump %t.full.o | FileCheck %s
// RUN: %layout %t.full.o
// RUN: %compile -O2 -flto=thin -c %s -o %tt.o
// RUN: ld.lld -r --load-pass-plugin=%pass %tt.o -o %t.thin.o && %dump %t.thin.o | FileCheck %s
// RUN: %layout %t.thin.o
int f(int *p) { return *p; }
// CHECK-LABEL: <f>:
// CHECK: movl %gs:(%edi), %eax
// CHECK: leal 0x1f(%r11), %r11d
// CHECK: jmpq *%r11
