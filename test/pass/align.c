// Does every place that an indirect branch may reach begin a bundle?
// RUN: %compile -O2 -c %s -o %t.o && %layout %t.o
// RUN: llvm-objdump -d --no-show-raw-insn %t.o | FileCheck %s --check-prefix=BLOCKS
// RUN: llvm-nm %t.o | FileCheck %s --check-prefix=ENTRIES
// RUN: llvm-readelf -S %t.o | FileCheck %s --check-prefix=SECTION
int step(int);

int table(int x, int *p) {
    switch (x) {
    case 0: return step(1);
    case 1: p[1] = 3; return step(2);
    case 2: return 7 + *p;
    case 3: return 9 * p[3];
    case 4: return step(5);
    case 5: *p = 4; return 33;
    case 6: return step(77);
    default: return -1;
    }
}

int computed(int x) {
    static void *const to[] = {&&a, &&b, &&c};
    goto *to[x];
a:
    step(11);
b:
    step(22);
c:
    return 1234;
}
// ENTRIES-COUNT-2: {{[02468ace]}}0 T
// BLOCKS: {{[02468ace]}}0:{{.*}}movl $0x1, %edi
// BLOCKS: <computed>:
// BLOCKS: {{[02468ace]}}0:{{.*}}movl $0xb, %edi
// BLOCKS: {{[02468ace]}}0:{{.*}}movl $0x16, %edi
// BLOCKS: {{[02468ace]}}0:{{.*}}movl $0x4d2, %eax
// SECTION: .text {{.*}} AX 0 0 32
