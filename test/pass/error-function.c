// Does an error in compiled code name its function, once?
// RUN: not %compile -O2 -mavx512f -c %s -o %t.o 2>&1 | FileCheck %s
typedef int vector __attribute__((vector_size(64)));
void good(int *p) { *p = 1; }
void wide(vector *p, vector *q) {
    *p += *q;
    *q ^= *p;
}
// CHECK: error: {{.*}}in function 'wide': this instruction cannot run in a cage ({{.*}}): {{.*}}lower -march
// CHECK-NOT: in function
