// Does a jump to where there is no code name the caller, for a call, a tail jump and an overwritten return address?
// RUN: %lind-cc -g -O1 %s -o %t
// RUN: sh -c '%lind-run %t call; echo "status $?"' 2>&1 | FileCheck --check-prefix=CALL %s
// RUN: sh -c '%lind-run %t data; echo "status $?"' 2>&1 | FileCheck --check-prefix=DATA %s
// RUN: sh -c '%lind-run %t return; echo "status $?"' 2>&1 | FileCheck --check-prefix=RETURN %s
#include <stdint.h>
#include <string.h>

typedef int function(int);
int data[64] __attribute__((aligned(32)));

__attribute__((noinline)) int call(function *f)
{
    return f(1) + 1;
    // Targets are rounded up to a bundle.
    // CALL: killed by SIGSEGV: jump to 0x3fff0020 (no code there), called from call ({{.*}}fault-jump.c:[[#@LINE-2]])
    // CALL: #0  0x3fff0020 no code (window offset)
    // CALL-NEXT: #1  0x{{[0-9a-f]+}} call+0x{{[0-9a-f]+}} ({{.*}}fault-jump.c:[[#@LINE-4]])
    // DATA: killed by SIGSEGV: jump to 0x{{[0-9a-f]+}} (no code there), called from call ({{.*}}fault-jump.c:[[#@LINE-5]])
}

// What `ret` takes is what lies there, masked to the window: the upper half does not matter.
__attribute__((noinline)) void smash(uint64_t where)
{
    volatile uint64_t *frame = (volatile uint64_t *)__builtin_frame_address(0);
    frame[1] = where;
    // RETURN: killed by SIGSEGV: jump to 0x3fff0040 (no code there), a return address that was overwritten
    // RETURN: #0  0x3fff0040 no code (window offset)
}

int main(int count, char **words)
{
    char *how = words[1];
    if (!strcmp(how, "call"))
        return call((function *)0x3fff0001) + 1; // CALL-NEXT: #2  0x{{[0-9a-f]+}} main+{{.*}}fault-jump.c:[[#@LINE]])
    if (!strcmp(how, "data"))
        return call((function *)data);
    if (!strcmp(how, "return"))
        smash(0x1234567800000000 + 0x3fff0040);
    return 0;
}

// CALL: status 139
// DATA: status 139
// RETURN: status 139
