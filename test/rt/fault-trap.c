// Do trap instructions end the program by the signals that they raise natively, with the trap's name?
// RUN: %lind-cc -g -O1 %s -o %t
// RUN: sh -c '%lind-run %t ud2; echo "status $?"' 2>&1 | FileCheck --check-prefix=UD2 %s
// RUN: sh -c '%lind-run %t int3; echo "status $?"' 2>&1 | FileCheck --check-prefix=INT3 %s
// RUN: sh -c '%lind-run %t hlt; echo "status $?"' 2>&1 | FileCheck --check-prefix=HLT %s
// RUN: sh -c '%lind-run %t misaligned; echo "status $?"' 2>&1 | FileCheck --check-prefix=MISALIGNED %s
#include <stdint.h>
#include <string.h>

static char block[64] __attribute__((aligned(64)));

__attribute__((noinline)) void ud2(void)
{
    __builtin_trap(); // UD2: killed by SIGILL: trap instruction (ud2) in ud2 ({{.*}}fault-trap.c:[[#@LINE]])
}

__attribute__((noinline)) void int3(void)
{
    __builtin_debugtrap(); // INT3: killed by SIGTRAP: trap instruction (int3) in int3 ({{.*}}fault-trap.c:[[#@LINE]])
}

__attribute__((noinline)) void hlt(void)
{
    __asm__ volatile("hlt"); // HLT: killed by SIGSEGV: trap instruction (hlt) in hlt ({{.*}}fault-trap.c:[[#@LINE]])
}

__attribute__((noinline)) void misaligned(char *at)
{
    __asm__ volatile("movaps %%xmm0, (%0)" : : "r"(at) : "memory"); // MISALIGNED: killed by SIGSEGV: misaligned or forbidden access in misaligned ({{.*}}fault-trap.c:[[#@LINE]])
}

int main(int count, char **words)
{
    char *how = words[1];
    if (!strcmp(how, "ud2"))
        ud2(); // UD2: #1  0x{{[0-9a-f]+}} main+{{.*}}fault-trap.c:[[#@LINE]])
    if (!strcmp(how, "int3"))
        int3(); // INT3: #1  0x{{[0-9a-f]+}} main+{{.*}}fault-trap.c:[[#@LINE]])
    if (!strcmp(how, "hlt"))
        hlt(); // HLT: #1  0x{{[0-9a-f]+}} main+{{.*}}fault-trap.c:[[#@LINE]])
    if (!strcmp(how, "misaligned"))
        misaligned(block + 1); // MISALIGNED: #1  0x{{[0-9a-f]+}} main+{{.*}}fault-trap.c:[[#@LINE]])
    return 0;
}

// UD2: status 132
// INT3: status 133
// HLT: status 139
// MISALIGNED: status 139
