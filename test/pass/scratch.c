// Does the compiler keep its values out of %r11, however short of registers it is?
// RUN: %compile -O0 -c %s -o %t0.o && %dump %t0.o | FileCheck %s
// RUN: %compile -O1 -c %s -o %t1.o && %dump %t1.o | FileCheck %s
// RUN: %compile -O2 -c %s -o %t2.o && %dump %t2.o | FileCheck %s
// RUN: %compile -O3 -march=x86-64-v3 -c %s -o %t3.o && %dump %t3.o | FileCheck %s
// RUN: %compile -Os -c %s -o %ts.o && %dump %ts.o | FileCheck %s
// The control: without the plugin it does use %r11 here.
// RUN: %clang -O2 -c %s -o %tn.o && %dump %tn.o | FileCheck %s --check-prefix=NATIVE
// NATIVE: %r11
// CHECK-LABEL: <mix>:
// CHECK-NOT: %r11
// CHECK: popq %r11
unsigned long mix(unsigned long *p) {
    unsigned long a = p[0], b = p[1], c = p[2], d = p[3], e = p[4], f = p[5], g = p[6], h = p[7],
                  i = p[8], j = p[9], k = p[10], l = p[11], m = p[12], n = p[13];
    for (int z = 0; z < 100; z++) {
        a += b ^ n, b += c * a, c ^= d + b, d += e ^ c, e += f - d, f ^= g + e, g += h ^ f;
        h += i * g, i ^= j + h, j += k - i, k += l ^ j, l ^= m + k, m += n - l, n += a ^ m;
    }
    return a + b + c + d + e + f + g + h + i + j + k + l + m + n;
}
