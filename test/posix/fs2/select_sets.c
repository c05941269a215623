// Does select count and mark descriptors of all three sets?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/select.h>

int main(void)
{
    int first[2], second[2];
    CHECK(pipe(first) == 0 && pipe(second) == 0);
    CHECK(write(first[1], "x", 1) == 1);
    fd_set in, out, except;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&except);
    FD_SET(first[0], &in);
    FD_SET(second[0], &in);
    FD_SET(first[1], &out);
    FD_SET(second[1], &out);
    FD_SET(first[0], &except);
    CHECK(select(second[1] + 1, &in, &out, &except, NULL) == 3);
    CHECK(FD_ISSET(first[0], &in) && !FD_ISSET(second[0], &in));
    CHECK(FD_ISSET(first[1], &out) && FD_ISSET(second[1], &out));
    CHECK(!FD_ISSET(first[0], &except));

    /* The end of file is readable; descriptors beyond n are not looked at. */
    close(second[1]);
    FD_ZERO(&in);
    FD_SET(second[0], &in);
    FD_SET(first[0], &in);
    CHECK(select(second[0] + 1, &in, NULL, NULL, NULL) == 2);
    FD_ZERO(&in);
    FD_SET(first[0], &in);
    FD_SET(500, &in);
    CHECK(select(first[0] + 1, &in, NULL, NULL, NULL) == 1);

    /* The same descriptor readable and writable counts twice: one end dup'ed over both kinds. */
    int null = open("/dev/null", O_RDWR);
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(null, &in);
    FD_SET(null, &out);
    CHECK(select(null + 1, &in, &out, NULL, NULL) == 2);
    return check_done();
}
