// Does unwind information follow return addresses onto the stack and off it?
// RUN: %compile -O2 -fasynchronous-unwind-tables -c %s -o %t.o
// RUN: llvm-objdump -d --no-show-raw-insn %t.o > %t.txt && llvm-dwarfdump --eh-frame %t.o >> %t.txt
// RUN: FileCheck %s < %t.txt
void g(void);
int f(void) {
    g();
    return 1;
}
// CHECK: [[#%x,PUSH:]]:{{.*}}pushq %r11
// CHECK: [[#%x,JUMP:]]:{{.*}}jmp
// CHECK: [[#%x,AT:]]:{{.*}}popq %r11
// CHECK: DW_CFA_def_cfa_offset: +16
// CHECK: DW_CFA_advance_loc{{.*}} to 0x[[#%x,PUSH+2]]
// CHECK-NEXT: DW_CFA_def_cfa_offset: +24
// CHECK-NEXT: DW_CFA_advance_loc{{.*}} to 0x[[#%x,JUMP+5]]
// CHECK-NEXT: DW_CFA_def_cfa_offset: +16
// CHECK: DW_CFA_advance_loc{{.*}} to 0x[[#%x,AT+2]]
// CHECK-NEXT: DW_CFA_def_cfa_offset: +0
// CHECK: DW_CFA_def_cfa_offset: +8
