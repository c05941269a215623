// Does an integer division by zero end the program by SIGFPE with function and line, and does the shell see 136?
// RUN: %lind-cc -g -O1 %s -o %t
// RUN: sh -c '%lind-run %t; echo "status $?"' 2>&1 | FileCheck %s
#include <stdlib.h>

__attribute__((noinline)) int divide(int a, int b)
{
    return a / b; // CHECK: killed by SIGFPE: integer division by zero, or its result does not fit in divide ({{.*}}fault-div-zero.c:[[#@LINE]])
}

int main(int count, char **words)
{
    return divide(100, atoi("0")) + 1; // CHECK: main+{{.*}}fault-div-zero.c:[[#@LINE]])
}

// CHECK: status 136
