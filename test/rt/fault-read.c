// Does a wild read end the program alone, with a report of access, function, line, registers and callers?
// RUN: %lind-cc -g -O1 %s -o %t
// RUN: sh -c '%lind-run %t; echo "status $?"' 2>&1 | FileCheck %s
// Without debug data the functions still have names, without symbols they are places in the program:
// RUN: lind-strip --strip-debug -o %t.nodebug %t && sh -c '%lind-run %t.nodebug; echo "status $?"' 2>&1 | FileCheck --check-prefix=NODEBUG %s
// RUN: lind-strip -o %t.stripped %t && sh -c '%lind-run %t.stripped; echo "status $?"' 2>&1 | FileCheck --check-prefix=STRIPPED %s
#include <stdio.h>

__attribute__((noinline)) int look(const volatile int *at)
{
    return *at + 1; // CHECK: lind-run: [[PROGRAM:.*fault-read.*]]: killed by SIGSEGV: read of 0x3fff0000 (not mapped) in look ({{.*}}fault-read.c:[[#@LINE]])
}

// CHECK-NEXT: {{^}}  rip 0x{{[0-9a-f]+}} (fault-read{{.*}}+0x{{[0-9a-f]+}})  rsp 0x{{[0-9a-f]+}}  flags 0x{{[0-9a-f]+$}}
// CHECK-NEXT: {{^}}  rax {{[0-9a-f]+}}  rbx {{[0-9a-f]+}}  rcx {{[0-9a-f]+}}  rdx {{[0-9a-f]+$}}
// CHECK-NEXT: rsi
// CHECK-SAME: rdi 000000003fff0000
// CHECK: backtrace:
// CHECK-NEXT: {{^}}    #0  0x{{[0-9a-f]+}} look+0x{{[0-9a-f]+}} ({{.*}}fault-read.c:[[#@LINE-8]])

__attribute__((noinline)) int middle(const volatile int *at)
{
    int sum = look(at); // CHECK-NEXT: {{^}}    #1  0x{{[0-9a-f]+}} middle+0x{{[0-9a-f]+}} ({{.*}}fault-read.c:[[#@LINE]])
    return sum + look(at + 1);
}

int main(void)
{
    printf("before\n");
    fflush(stdout);
    int sum = middle((const volatile int *)0x3fff0000); // CHECK-NEXT: #2  0x{{[0-9a-f]+}} main+0x{{[0-9a-f]+}} ({{.*}}fault-read.c:[[#@LINE]])
    printf("after\n");
    return sum;
}

// CHECK-NOT: after
// CHECK: {{^}}status 139

// NODEBUG: read of 0x3fff0000 (not mapped) in look
// NODEBUG: #0  0x{{[0-9a-f]+}} look+0x
// NODEBUG: #1  0x{{[0-9a-f]+}} middle+0x
// NODEBUG: #2  0x{{[0-9a-f]+}} main+0x
// NODEBUG: status 139

// STRIPPED: read of 0x3fff0000 (not mapped) in fault-read{{.*}}.stripped+0x[[AT:[0-9a-f]+]]
// STRIPPED: #0  0x{{0*}}[[AT]] fault-read{{.*}}.stripped+0x[[AT]]
// STRIPPED: #2  0x
// STRIPPED: status 139
