// Does a write to a pipe without reader end the program by SIGPIPE?
// RUN: %lind-cc -O1 %s -o %t
// RUN: sh -c '%lind-run %t; test $? -eq 141'
#include "check.h"

int main(void)
{
    int ends[2];
    if (pipe(ends))
        return 1;
    close(ends[0]);
    write(ends[1], "x", 1);
    return 2;
}
