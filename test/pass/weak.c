// Is a weak function that may be missing called through the GOT, not by a branch that could leave the text?
// RUN: %compile -O2 -c %s -o %t.o && %dump %t.o | FileCheck %s && %layout %t.o
__attribute__((weak)) void hook(void);
void f(void) {
    if (hook)
        hook();
}
// CHECK-LABEL: <f>:
// CHECK-NOT: R_X86_64_PLT32
// CHECK: R_X86_64_REX_GOTPCRELX hook-0x4
// CHECK: jmpq *%r11
