// Can a pipe's capacity be asked for and changed, within bounds, without losing content?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

static char block[300000], back[300000];

int main(void)
{
    int ends[2];
    CHECK(pipe2(ends, O_NONBLOCK) == 0);
    CHECK(fcntl(ends[0], F_GETPIPE_SZ) == 65536);
    CHECK(fcntl(ends[1], F_SETPIPE_SZ, 100000) == 131072);
    CHECK(fcntl(ends[0], F_GETPIPE_SZ) == 131072);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)(i * 31 >> 4);
    CHECK(write(ends[1], block, 131072) == 131072);
    CHECK_ERROR(fcntl(ends[1], F_SETPIPE_SZ, 4096), EBUSY);
    CHECK(fcntl(ends[1], F_SETPIPE_SZ, 262144) == 262144);
    CHECK(write(ends[1], block + 131072, 131072) == 131072);
    CHECK(read(ends[0], back, 250000) == 250000);
    CHECK(!memcmp(block, back, 250000));
    CHECK(fcntl(ends[1], F_SETPIPE_SZ, 16384) == 16384);
    CHECK(read(ends[0], back, 20000) == 262144 - 250000);
    CHECK(!memcmp(block + 250000, back, 262144 - 250000));
    CHECK(fcntl(ends[1], F_SETPIPE_SZ, 1) == 4096);
    CHECK(fcntl(ends[1], F_SETPIPE_SZ, 0) == 4096);
    CHECK_ERROR(fcntl(ends[1], F_SETPIPE_SZ, -1), EINVAL);
    CHECK_ERROR(fcntl(ends[1], F_SETPIPE_SZ, 1U << 31), EPERM);
    int file = open("/dev/null", O_RDWR);
    CHECK_ERROR(fcntl(file, F_GETPIPE_SZ), EBADF);
    return check_done();
}
