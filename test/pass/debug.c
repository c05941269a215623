// Is debugging information sound, and does it name the line of rewritten code?
// RUN: %compile -O2 -g -c %s -o %t.o && llvm-dwarfdump --verify %t.o
// RUN: %compile -O0 -g -c %s -o %t0.o && llvm-dwarfdump --verify %t0.o
// RUN: llvm-objdump -dl --no-show-raw-insn %t.o | FileCheck %s
int (*hook)(int);
int f(int x) {
    int y = hook(x);
    return y + 1;
}
// CHECK: debug.c:7
// CHECK: leaq {{.*}}(%rip), %r11
// CHECK-NOT: debug.c
// CHECK: leal 0x1f(%r11), %r11d
// CHECK-NOT: debug.c
// CHECK: jmpq *%r11
// CHECK: debug.c:8
// CHECK: popq %r11
// CHECK-NOT: debug.c
// CHECK: jmpq *%r11
