// --inherit-fds: does a program have the descriptors that lind-run was given, and without the option only the first three?
// RUN: musl-gcc -static -O2 %s -o %t.native && %lind-cc -O2 %s -o %t
// RUN: echo from-a-file > %t.file
// RUN: sh -c '%t.native 3 7 4 4<%t.file 7<&- 3<%t.file; test $? = 5'
// RUN: sh -c '%lind-run --inherit-fds -- %t 3 7 4 4<%t.file 7<&- 3<%t.file; test $? = 5'
// RUN: sh -c '%lind-run -- %t 3 7 4 4<%t.file 7<&- 3<%t.file; test $? = 0'
// RUN: bash -c '%t.native 9 200 9>%t.out 200<%t.file; test $? = 3' && grep -x to-9 %t.out && rm %t.out
// RUN: bash -c '%lind-run --inherit-fds -- %t 9 200 9>%t.out 200<%t.file; test $? = 3' && grep -x to-9 %t.out
// RUN: echo through-a-pipe | sh -c 'exec 5<&0 </dev/null; %lind-run --inherit-fds -- %t 5 6; test $? = 1'
// RUN: sh -c 'LIND_RUN_OPTS=--inherit-fds %t 3 4 3<%t.file 4<%t.file; test $? = 3'
// What is closed of the first three stays closed: no file that lind-run opens for itself takes the place.
// RUN: sh -c '%t.native 0 1 2 <&- >&- 2>&-; test $? = 0' && sh -c '%lind-run -- %t 0 1 2 <&- >&- 2>&-; test $? = 0'
// RUN: sh -c '%lind-run --inherit-fds -- %t 0 1 2 4 <&- >&- 2>&- 4<%t.file; test $? = 8'
// RUN: sh -c '%lind-run --inherit-fds -- %t 0 1 2 4 <%t.file >&- 2>&- 4<&-; test $? = 1'
// RUN: sh -c 'LIND_RUN_OPTS=--inherit-fds %t 0 1 2 3 <&- >&- 2>&- 3<&-; test $? = 0'
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* The status has bit i set if the i-th argument is an open descriptor; what is readable is read, what is writable is written. */
int main(int argc, char **argv)
{
    int status = 0;
    for (int i = 1; i < argc; i++) {
        int fd = atoi(argv[i]);
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0)
            continue;
        char text[16];
        if ((flags & O_ACCMODE) == O_RDONLY ? read(fd, text, 5) == 5 : write(fd, "to-9\n", 5) == 5)
            status |= 1 << (i - 1);
    }
    return status;
}
