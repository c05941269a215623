// A calling convention that passes an argument in %r11: is a call through a pointer, which needs the register itself, an error, and a direct one right?
// RUN: %compile -O1 -c %s -o %t.o && %dump %t.o | FileCheck %s
// RUN: not %compile -O1 -DINDIRECT -c %s -o %t.o 2>&1 | FileCheck --check-prefix=ERROR %s
// RUN: not %compile -O0 -DINDIRECT -c %s -o %t.o 2>&1 | FileCheck --check-prefix=ERROR %s
#define ARGUMENTS long a, long b, long c, long d, long e, long f, long g, long h, long i, long j, long k
#define PASSES 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
typedef __attribute__((preserve_none)) long function(ARGUMENTS);
function callee;

long direct(void) { return callee(PASSES) + 1; }
// CHECK-LABEL: <direct>:
// CHECK: movl $0xb, %r11d
// CHECK-NOT: %r11
// CHECK: callq

#ifdef INDIRECT
long indirect(function *pointer) { return pointer(PASSES) + 1; }
// ERROR: argument-scratch.c:[[@LINE-1]]:{{.*}}error: {{.*}}in %r11
__attribute__((preserve_none)) long tail(function **pointer) { return (*pointer)(PASSES); }
// ERROR: argument-scratch.c:[[@LINE-1]]:{{.*}}error: {{.*}}in %r11
#endif
