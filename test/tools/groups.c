// Are users and groups looked up although there are no sockets, over which libc would ask a name service daemon?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: rm -rf %t.etc && mkdir %t.etc && echo root:x:0:0::/:/bin/sh > %t.etc/passwd
// RUN: printf 'root:x:0:\nmore:x:7:root\n' > %t.etc/group
// RUN: %lind-cc -O2 %s -o %t && %lind-run --dir %t.etc:/etc:ro -- %t 2
#define _GNU_SOURCE
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#include "../posix/Inputs/check.h"

/* The argument: in how many groups root is, if that is known. */
int main(int argc, char **argv)
{
    gid_t groups[64] = {99};
    int count = 64;
    CHECK(getgrouplist("root", 0, groups, &count) > 0 && groups[0] == 0);
    if (argc > 1)
        CHECK(count == atoi(argv[1]) && groups[1] == 7);
    errno = 0;
    CHECK(!getpwnam("no-such-user") && errno == 0);
    CHECK(!getgrnam("no-such-group") && errno == 0);
    CHECK(getpwuid(0) && getgrgid(0));
    return check_end();
}
