// Does unwind information follow the return address off the stack?
// RUN: %compile -O2 -fasynchronous-unwind-tables -c %s -o %t.o
// RUN: llvm-objdump -d --no-show-raw-insn %t.o > %t.txt && llvm-dwarfdump --eh-frame %t.o >> %t.txt
// RUN: FileCheck %s < %t.txt
void g(void);
int f(void) {
    g();
    return 1;
}
// CHECK: [[#%x,AT:]]:{{.*}}popq %r11
// CHECK: DW_CFA_advance_loc{{.*}} to 0x[[#%x,AT+2]]
// CHECK-NEXT: DW_CFA_def_cfa_offset: +0
// CHECK: DW_CFA_def_cfa_offset: +8
