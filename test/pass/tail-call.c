// Are there registers for a tail call whose arguments take all the others?
// RUN: %compile -O2 -c %s -o %t.o && %dump %t.o | FileCheck %s && %layout %t.o
typedef int (*variadic)(int, int, int, int, int, int, ...);

int call(variadic f, int a, int b, int c, int d, int e) { return f(a, b, c, d, e, 9); }
// CHECK-LABEL: <call>:
// CHECK: movq %rdi, %r11
// CHECK: leal 0x1f(%r11), %r11d
// CHECK: jmpq *%r11

struct table { int n; variadic *entries; };
int pick(struct table *t, int i, int a, int b, int c, int d) { return t->entries[i](a, b, c, d, i, 9); }
// CHECK-LABEL: <pick>:
// CHECK: movq %gs:({{.*}},8), %r11
// CHECK: jmpq *%r11
