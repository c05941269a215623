// Does each decision leave a count behind?
// RUN: %compile -O2 -Xclang -print-stats -c %s -o %t.o 2>&1 | FileCheck %s
// CHECK-DAG: 1 lind - memory operands confined through %gs
// CHECK-DAG: 1 lind - returns rewritten
// CHECK-DAG: 1 lind - function entries aligned to a bundle
int f(int *p) { return *p; }
