// Does a backtrace lead through libc: a fault in a comparison that qsort calls, and one in strlen?
// RUN: %lind-cc -g -O2 %s -o %t
// RUN: sh -c '%lind-run %t qsort; echo "status $?"' 2>&1 | FileCheck --check-prefix=QSORT %s
// RUN: sh -c '%lind-run %t strlen; echo "status $?"' 2>&1 | FileCheck --check-prefix=STRLEN %s
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    return *(volatile int *)0x30; // QSORT: read of 0x30 (null pointer) in compare ({{.*}}fault-libc.c:[[#@LINE]])
}

// QSORT: #0  0x{{[0-9a-f]+}} compare+0x
// QSORT: qsort{{.*}}+0x{{[0-9a-f]+}} ({{.*}}qsort{{.*}}.c:
int main(int count, char **words)
{
    int numbers[] = {4, 3, 2, 1};
    if (!strcmp(words[1], "qsort"))
        qsort(numbers, 4, sizeof *numbers, compare); // QSORT: main+0x{{[0-9a-f]+}} ({{.*}}fault-libc.c:[[#@LINE]])
    char *volatile name = (char *)0x40;
    return strlen(name) + numbers[0]; // STRLEN: main+0x{{[0-9a-f]+}} ({{.*}}fault-libc.c:[[#@LINE]])
}

// QSORT: status 139
// STRLEN: status 139
