// The same as fault-hostile-debug.c, many times.
// REQUIRES: long
// RUN: %lind-cc -g -O0 %S/fault-hostile-debug.c -o %t
// RUN: %python %S/Inputs/flip_debug.py %lind-run %t 5000 "killed by SIGSEGV: write to 0x0 (null pointer)" | FileCheck %s
// CHECK: 5000 runs
