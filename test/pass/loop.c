// Does an innermost loop begin a bundle, if that takes at most 15 bytes of padding?
// RUN: %compile -O2 -fno-vectorize -fno-unroll-loops -S %s -o - | FileCheck %s
// RUN: %compile -Os -fno-vectorize -fno-unroll-loops -S %s -o - | FileCheck %s --check-prefix=SMALL
int sum(int *p, long n) {
    int s = 0;
    for (long i = 0; i < n; i++)
        s ^= p[i];
    return s;
}
// CHECK: .p2align 5, , 15
// CHECK-NEXT: Inner Loop Header
// SMALL-NOT: , 15
