// Is inline assembly rewritten like the rest, with errors at its own line?
// RUN: %compile -O2 -c %s -o %t.o && %dump %t.o | FileCheck %s
// RUN: not %compile -O2 -DBAD -c %s -o %t.o 2>&1 | FileCheck %s --check-prefix=BAD
int load(int *p) {
    int x;
    __asm__("movl %1, %0\n\tcpuid" : "=a"(x) : "m"(*p) : "ebx", "ecx", "edx");
    return x;
}
// CHECK: movl %gs:(%edi), %eax
// CHECK-NEXT: cpuid
#ifdef BAD
void bad(void) {
    __asm__ volatile("nop\n\tstd");
    // BAD: error: {{.*}}(STD)
}
#endif
