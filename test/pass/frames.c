// Do frames of every kind keep to the rules: large, over-aligned, of variable size, with stack clash probes?
// RUN: %compile -O2 -c %s -o %t.o && %dump %t.o | FileCheck %s && %layout %t.o
// RUN: %compile -O0 -c %s -o %t0.o && %layout %t0.o
// RUN: %compile -O2 -fstack-clash-protection -c %s -o %tc.o && %dump %tc.o | FileCheck %s --check-prefix=CLASH
void use(void *, long);

long large(long n) {
    char buffer[70000];
    use(buffer, n);
    return buffer[n];
}
// CHECK-LABEL: <large>:
// CHECK: addl $0xfffe{{[0-9a-f]+}}, %esp
// CHECK-NEXT: addq (%rip), %rsp
// CHECK: movl %esp, %edi
// CHECK: movsbq %gs:(%esp,%ebx), %rax
// CLASH-LABEL: <large>:
// CLASH: movl %esp, %r11d
// CLASH-NEXT: subq $0x1{{[0-9a-f]+}}, %r11
// CLASH: subq $0x1000, %rsp
// CLASH-NEXT: movq $0x0, (%rsp)
// CLASH-NEXT: cmpl %r11d, %esp
// CLASH-NEXT: jne

long variable(long n) {
    char buffer[n];
    use(buffer, n);
    return buffer[n - 1];
}
// The flags are dead at both writes of %rsp, so the short group serves.
// CHECK-LABEL: <variable>:
// CHECK: movl %esp, %ebp
// CHECK: movl %r{{[0-9]+}}d, %esp
// CHECK-NEXT: addq (%rip), %rsp
// CHECK: leal -0x{{[0-9a-f]+}}(%rbp), %esp
// CHECK-NEXT: addq (%rip), %rsp

void aligned(void) {
    char buffer[64] __attribute__((aligned(64)));
    use(buffer, 1);
}
// CHECK-LABEL: <aligned>:
// CHECK: andl $-0x40, %esp
// CHECK-NEXT: addq (%rip), %rsp
