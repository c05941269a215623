// Are thread-local variables reached through the thread pointer's offset?
// RUN: %compile -O2 -c %s -o %t.o && %dump %t.o | FileCheck %s
// RUN: not %clang -fplugin=%pass -O2 -fPIE -ftls-model=local-exec -c %s -o %t.o 2>&1 | FileCheck %s --check-prefix=DIRECT
_Thread_local int variable;
int get(void) { return variable; }
// CHECK: movq %fs:0x0, %rax
// CHECK: movl %gs:{{.*}}(%eax), %eax
// CHECK-NEXT: R_X86_64_TPOFF32 variable
// DIRECT: error: {{.*}}-mno-tls-direct-seg-refs
