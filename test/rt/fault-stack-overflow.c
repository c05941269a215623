// Is endless recursion called a stack overflow with small and large frames, with 64 of them shown at most?
// RUN: %lind-cc -g -O0 %s -o %t
// RUN: sh -c '%lind-run %t small; echo "status $?"' 2>&1 | FileCheck --check-prefixes=CHECK,SMALL %s
// RUN: sh -c '%lind-run %t large; echo "status $?"' 2>&1 | FileCheck --check-prefixes=CHECK,LARGE %s
// RUN: sh -c '%lind-run %t huge; echo "status $?"' 2>&1 | FileCheck --check-prefixes=CHECK,HUGE %s
#include <string.h>

int small(int n)
{
    return n ? small(n + 1) + 1 : 0;
}

int large(int n)
{
    volatile char block[20000];
    block[n % sizeof block] = 1;
    return n ? large(n + 1) + block[0] : 0;
}

int huge(int n)
{
    volatile char block[16 << 20];
    block[n % sizeof block] = 1;
    return huge(n + 1) + block[0];
}

int main(int count, char **words)
{
    char *how = words[1];
    if (!strcmp(how, "small"))
        return small(1);
    if (!strcmp(how, "large"))
        return large(1);
    return huge(1);
}

// CHECK: killed by SIGSEGV: {{(write to|read of)}} 0x{{[0-9a-f]+}} (stack overflow) in {{small|large|huge}} ({{.*}}fault-stack-overflow.c:
// SMALL: #63 0x{{[0-9a-f]+}} small+
// SMALL-NOT: #64
// LARGE: #0  0x{{[0-9a-f]+}} large+
// LARGE: #1  0x{{[0-9a-f]+}} large+
// HUGE: #0  0x{{[0-9a-f]+}} huge+
// HUGE: #1  0x{{[0-9a-f]+}} main+
// CHECK: status 139
