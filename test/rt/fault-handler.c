// Is a fault that the program handles its own affair, and one within the handler reported with the frames on both sides of it?
// RUN: %lind-cc -g -O1 %s -o %t
// RUN: sh -c '%lind-run %t handled; echo "status $?"' 2>&1 | FileCheck --check-prefix=HANDLED %s
// RUN: sh -c '%lind-run %t again; echo "status $?"' 2>&1 | FileCheck --check-prefix=AGAIN %s
// Without an alternate stack the handler of a stack overflow has no room:
// RUN: sh -c '%lind-run %t overflow; echo "status $?"' 2>&1 | FileCheck --check-prefix=OVERFLOW %s
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static sigjmp_buf back;
static int again;

__attribute__((noinline)) void put(volatile char *at)
{
    *at = 1; // AGAIN: killed by SIGSEGV: write to 0x20 (null pointer) in put ({{.*}}fault-handler.c:[[#@LINE]])
}

static void handler(int signal, siginfo_t *info, void *context)
{
    if (again)
        put((char *)0x20); // AGAIN: #1  0x{{[0-9a-f]+}} handler+{{.*}}fault-handler.c:[[#@LINE]])
    printf("handled %p\n", info->si_addr);
    siglongjmp(back, 1);
}

__attribute__((noinline)) void first(void)
{
    // AGAIN: <signal handler called>
    put((char *)0x10); // AGAIN: #4  0x{{[0-9a-f]+}} first+{{.*}}fault-handler.c:[[#@LINE]])
    again = 2;
}

__attribute__((noinline)) int endless(volatile char *above)
{
    volatile char block[200];
    block[0] = above[0];
    return endless(block) + block[0]; // OVERFLOW: killed by SIGSEGV: no room for a signal handler's frame (stack overflow) in endless ({{.*}}fault-handler.c:
}

int main(int count, char **words)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    again = !strcmp(words[1], "again");
    if (!strcmp(words[1], "overflow"))
        return endless(words[0]);
    if (!sigsetjmp(back, 1))
        first(); // AGAIN: #5  0x{{[0-9a-f]+}} main+{{.*}}fault-handler.c:[[#@LINE]])
    return 3;
}

// HANDLED-NOT: lind-run
// HANDLED: handled 0x10
// HANDLED-NOT: lind-run
// HANDLED: status 3

// AGAIN-NOT: handled
// AGAIN: status 139

// OVERFLOW-NOT: handled
// OVERFLOW: status 139
