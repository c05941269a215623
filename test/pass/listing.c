// Does -S show what will run, and does it assemble to the same code?
// RUN: %compile -O2 -S %s -o %t.s && FileCheck %s < %t.s
// RUN: %compile -O2 -c %s -o %t.o
// RUN: %clang -fplugin=%pass -DSOURCE='"%t.s"' -c %S/Inputs/assemble.c -o %ts.o
// RUN: llvm-objcopy -O binary -j .text %t.o %t.bin && llvm-objcopy -O binary -j .text %ts.o %ts.bin
// RUN: cmp %t.bin %ts.bin
int sum(int *p, int n) {
    int s = 0;
    for (int i = 0; i < n; i++)
        s += p[i];
    return s;
}
// CHECK-LABEL: sum:
// CHECK: .set __lind_rewritten, 1
// CHECK: .hidden __lind_base, __lind_entry
// CHECK: %gs:
// CHECK: popq %r11
// CHECK-NEXT: .set __lind_group, 4
// CHECK-NEXT: leal 31(%r11), %r11d
// CHECK-NEXT: andl $-32, %r11d
// CHECK-NEXT: addq __lind_base(%rip), %r11
// CHECK-NEXT: jmpq *%r11

long call(long number) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number) : "rcx", "r11", "memory");
    return result + *(volatile int *)0x20000;
}
// CHECK-LABEL: call:
// CHECK: leaq .L[[GATE:lind_gate[0-9]+]](%rip), %r11
// CHECK-NEXT: jmpq *__lind_entry(%rip)
// CHECK-NEXT: .p2align 5, 0xcc
// CHECK-NEXT: .L[[GATE]]:

void use(void *);
void frame(int n) {
    if (n)
        use(__builtin_alloca(n));
}

void written(int *p) {
    __asm__ volatile(".byte 0x89, 0x06" : : "S"(p), "a"(1) : "memory");
}
