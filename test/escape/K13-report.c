// Does the report on a crash, or what lind-run hands to the process that parses debug data, hold an address of the host?
// Control: the program itself finds the window's base in its return address, so it was in the stack and, after a call through
// a register, in %r11 when the fault came.
// RUN: %lind-cc -g -O1 %s -o %t
// RUN: sh -c '%lind-run %t; echo "status $?"' >%t.out 2>&1
// RUN: %python %S/Inputs/no_host_address.py <%t.out | FileCheck %s
// The helper is found beside lind-run: this one keeps what it is given.
// RUN: rm -rf %t.dir && mkdir %t.dir && cp %lind-run %t.dir/lind-run
// RUN: printf '#!/bin/sh\ncat >%t.dir/description\necho " in helper"\necho frames\n' >%t.dir/lind-symbolize && chmod +x %t.dir/lind-symbolize
// RUN: sh -c '%t.dir/lind-run %t; echo "status $?"' >%t.out 2>&1
// RUN: %python %S/Inputs/no_host_address.py %t.dir/description <%t.out | FileCheck %s
// And the other control: the check does find an address.
// RUN: printf 'base 2a\nlind-run: killed by\nbacktrace:\n r11 0000002a00010000\n' >%t.leak
// RUN: not %python %S/Inputs/no_host_address.py <%t.leak
#include <stdint.h>
#include <stdio.h>

__attribute__((noinline)) int victim(int *at)
{
    return *at;
}

__attribute__((noinline)) uint64_t own_return_address(void)
{
    return ((volatile uint64_t *)__builtin_frame_address(0))[1];
}

__attribute__((noinline)) int call(int (*volatile f)(int *))
{
    return f((int *)0) + 1;
}

int main(void)
{
    printf("base %lx\n", own_return_address() >> 32);
    fflush(stdout);
    return call(victim);
}

// CHECK: {{^}}base {{[1-9a-f]}}
// CHECK: killed by SIGSEGV
// CHECK: status 139
// CHECK: no host address
