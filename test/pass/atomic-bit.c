// Does an atomic change of one bit avoid `lock bts %reg, mem`, whose offset reaches beyond the operand?
// RUN: %compile -O2 -c %s -o %t.o && %dump %t.o | FileCheck %s
// RUN: %clang -O2 -c %s -o %tn.o && %dump %tn.o | FileCheck %s --check-prefix=NATIVE
// NATIVE: btsl %
unsigned set(unsigned *p, unsigned n) { return __atomic_fetch_or(p, 1u << n, 5) & (1u << n); }
// CHECK-LABEL: <set>:
// CHECK-NOT: bts
// CHECK: lock cmpxchgl
unsigned long clear(unsigned long *p) { return __atomic_fetch_and(p, ~(1ul << 40), 5) & (1ul << 40); }
// A constant offset stays in the operand.
// CHECK-LABEL: <clear>:
// CHECK: lock btrq $0x28, %gs:(%edi)
