// Does a system call leave through the gate and come back at the next bundle?
// RUN: %compile -O2 -c %s -o %t.o && %dump %t.o | FileCheck %s && %layout %t.o
long call(long number, long a, long b) {
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b)
                     : "rcx", "r11", "memory");
    return result + 1;
}
// CHECK-LABEL: <call>:
// CHECK: leaq 0x{{[0-9a-f]+}}(%rip), %r11
// CHECK-NEXT: jmpq *(%rip)
// CHECK-NEXT: R_X86_64_PC32 __lind_entry-0x4
// CHECK-NEXT: int3
// CHECK: incq %rax
// CHECK-NOT: syscall
// The gate's slots belong to the module itself.
// RUN: llvm-readelf -s %t.o | FileCheck %s --check-prefix=SYMBOL
// SYMBOL-DAG: HIDDEN UND __lind_entry
// SYMBOL-DAG: HIDDEN UND __lind_base
