// Do undefined-behaviour traps become ud2?
// RUN: %compile -O1 -fsanitize=undefined -fsanitize-trap=all -c %s -o %t.o && %dump %t.o | FileCheck %s && %layout %t.o
int divide(int a, int b) { return a / b; }
// CHECK: ud2
// CHECK-NOT: ud1
