// Do calls that are rarely reached, and those of code for size, stay calls, direct or not, and does the listing assemble to the same?
// RUN: %compile -O2 -S %s -o - | FileCheck %s
// RUN: %compile -O2 -c %s -o %t.o && %layout %t.o
// RUN: %compile -O2 -S %s -o %t.s && %clang -fplugin=%pass -DSOURCE='"%t.s"' -c %S/Inputs/assemble.c -o %ts.o
// RUN: llvm-objcopy -O binary -j .text %t.o %t.bin && llvm-objcopy -O binary -j .text %ts.o %ts.bin
// RUN: cmp %t.bin %ts.bin
int often(int), rarely(int);
int (*pointer)(int), (*table[9])(int);

int direct(int *p) {
    if (__builtin_expect(!p, 0))
        return rarely(1) + 1;
    return often(*p) + 1;
}
// CHECK-LABEL: direct:
// CHECK: jmp often@PLT
// CHECK: callq rarely@PLT
// CHECK-NOT: callq

int indirect(int *p, long i) {
    if (__builtin_expect(!p, 0))
        return table[i](1) + pointer(2);
    return table[i](3) + 1;
}
// CHECK-LABEL: indirect:
// CHECK: pushq %r11
// CHECK: jmpq *%r11
// CHECK-NOT: pushq %r11
// CHECK: callq *%r11
// CHECK: movq pointer(%rip), %r11
// CHECK-NOT: pushq %r11
// CHECK: callq *%r11

__attribute__((minsize)) int small(int *p) {
    return often(*p) + 1;
}
// CHECK-LABEL: small:
// CHECK: callq often@PLT

int loop(int n) {
    int sum = 0;
    while (n--)
        sum += often(n);
    return sum;
}
// CHECK-LABEL: loop:
// CHECK-NOT: callq
// CHECK: jmp often@PLT
