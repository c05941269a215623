// Can forged debug data change more of a crash's report than names and lines?
// RUN: %lind-cc -g -O0 %s -o %t
// RUN: %python %S/Inputs/flip_debug.py %lind-run %t 60 "killed by SIGSEGV: write to 0x0 (null pointer)" | FileCheck %s
// CHECK: 60 runs

static inline __attribute__((always_inline)) void put(volatile int *at, int value)
{
    *at = value;
}

__attribute__((noinline)) int recurse(int depth, volatile int *at)
{
    if (depth == 0)
        put(at, depth);
    return recurse(depth - 1, at) + 1;
}

int main(void)
{
    return recurse(5, 0);
}
