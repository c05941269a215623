// Are thread-local variables reached through the thread pointer's offset?
// RUN: %compile -O2 -c %s -o %t.o && %dump %t.o | FileCheck %s
// Code that takes the segment for them works as well, by way of %r11.
// RUN: %clang -fplugin=%pass -O2 -fPIE -ftls-model=local-exec -c %s -o %t.o
// RUN: %dump %t.o | FileCheck %s --check-prefix=DIRECT
_Thread_local int variable;
int get(void) { return variable; }
// CHECK: movq %fs:0x20, %rax
// CHECK: movl %gs:{{.*}}(%eax), %eax
// CHECK-NEXT: R_X86_64_TPOFF32 variable
// DIRECT: movq %fs:0x20, %r11
// DIRECT-NEXT: movl %gs:(%r11d), %eax
// DIRECT-NEXT: R_X86_64_TPOFF32 variable
