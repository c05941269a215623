// Does the first program begin with the umask that lind-run was started with, as a program started by the host's shell does?
// RUN: %lind-cc %s -o %t
// RUN: sh -c 'umask 027 && %lind-run %t' | grep -x 027
// RUN: sh -c 'umask 0 && %lind-run %t' | grep -x 000
#include <stdio.h>
#include <sys/stat.h>

int main(void)
{
    printf("%03o\n", umask(0));
    return 0;
}
