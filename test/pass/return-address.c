// Does the program get the offset of a return address, not the host's address?
// RUN: %compile -O2 -c %s -o %t.o && %dump %t.o | FileCheck %s
void *caller(void) { return __builtin_return_address(0); }
// CHECK-LABEL: <caller>:
// CHECK: movl (%rsp), %eax
// CHECK-NEXT: popq %r11
