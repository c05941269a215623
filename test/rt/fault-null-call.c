// Does a call through a null pointer end the program and name the caller?
// RUN: %lind-cc -g -O2 %s -o %t
// RUN: sh -c '%lind-run %t; echo "status $?"' 2>&1 | FileCheck %s
#include <stdio.h>

struct operations {
    int (*open)(const char *name);
    int (*close)(int number);
};
struct operations operations;

__attribute__((noinline)) int use(struct operations *table)
{
    int got = table->close(3); // CHECK: killed by SIGSEGV: jump to 0x0 (null function pointer), called from use ({{.*}}fault-null-call.c:[[#@LINE]])
    return got + 1;
}

int main(void)
{
    printf("%d\n", use(&operations));
    return 0;
}

// CHECK: backtrace:
// CHECK-NEXT: #0  0x00000000 no code (window offset)
// CHECK-NEXT: #1  0x{{[0-9a-f]+}} use+0x{{[0-9a-f]+}} ({{.*}}fault-null-call.c:14)
// CHECK-NEXT: #2  0x{{[0-9a-f]+}} main+0x{{[0-9a-f]+}} ({{.*}}fault-null-call.c:20)
// CHECK: status 139
