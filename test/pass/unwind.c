// Does unwind information follow return addresses onto the stack, where a call's load may fault, and off it?
// RUN: %compile -O2 -fasynchronous-unwind-tables -c %s -o %t.o
// RUN: llvm-objdump -d --no-show-raw-insn %t.o > %t.txt && llvm-dwarfdump --eh-frame %t.o >> %t.txt
// RUN: FileCheck %s < %t.txt
void g(void);
int f(void) {
    g();
    return 1;
}
// CHECK: [[#%x,AT:]]:{{.*}}popq %r11

extern int (*table[])(void);
int h(long i) {
    return table[i]() + 1;
}
// CHECK: [[#%x,LOAD:]]:{{.*}}movq %gs:{{.*}}, %r11
// CHECK: [[#%x,GROUP:]]:{{.*}}leal 0x1f(%r11), %r11d

// CHECK: DW_CFA_advance_loc{{.*}} to 0x[[#%x,AT+2]]
// CHECK-NEXT: DW_CFA_def_cfa_offset: +0
// CHECK: DW_CFA_def_cfa_offset: +8

// CHECK: DW_CFA_def_cfa_offset: +16
// CHECK: DW_CFA_advance_loc{{.*}} to 0x[[#%x,LOAD]]
// CHECK-NEXT: DW_CFA_def_cfa_offset: +24
// CHECK-NEXT: DW_CFA_advance_loc{{.*}} to 0x[[#%x,LOAD+6]]
// CHECK-NEXT: DW_CFA_def_cfa_offset: +16
