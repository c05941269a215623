// Is text free of the data that -fsanitize=function puts in front of functions?
// RUN: %compile -O1 -fsanitize=function -fsanitize-trap=all -c %s -o %t.o && %layout %t.o
// RUN: %dump %t.o | FileCheck %s
// The control: without the plugin the signature is there.
// RUN: %clang -O1 -fsanitize=function -fsanitize-trap=all -c %s -o %tn.o && llvm-objdump -s -j .text %tn.o | FileCheck %s --check-prefix=NATIVE
// NATIVE: feca05c1
// CHECK: Disassembly of section .text
// CHECK-NEXT: {{^$}}
// CHECK-NEXT: <f>:
int f(int x) { return x; }
