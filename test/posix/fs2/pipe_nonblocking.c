// Is a full pipe's O_NONBLOCK write atomic up to PIPE_BUF and partial beyond it?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <limits.h>
#include <sys/ioctl.h>

static char block[200000];

int main(void)
{
    int ends[2], waiting;
    CHECK(pipe2(ends, O_NONBLOCK) == 0);
    CHECK_ERROR(read(ends[0], block, 1), EAGAIN);
    size_t total = 0;
    ssize_t n;
    while ((n = write(ends[1], block, PIPE_BUF)) > 0) {
        CHECK(n == PIPE_BUF);
        total += (size_t)n;
    }
    CHECK(n == -1 && errno == EAGAIN);
    CHECK(total == 65536);
    CHECK(ioctl(ends[0], FIONREAD, &waiting) == 0 && waiting == 65536);
    CHECK(ioctl(ends[1], FIONREAD, &waiting) == 0 && waiting == 65536);
    CHECK_ERROR(ioctl(ends[0], FIONREAD, BAD), EFAULT);
    CHECK_ERROR(write(ends[1], block, 1), EAGAIN);
    CHECK(read(ends[0], block, 2 * PIPE_BUF) == 2 * PIPE_BUF);
    /* 8192 bytes of room: 8000 go in whole, then what does not fit in one piece does not go in at all. */
    CHECK(write(ends[1], block, 8000) == 8000);
    CHECK_ERROR(write(ends[1], block, PIPE_BUF), EAGAIN);
    CHECK(read(ends[0], block, 65536 - 192) == 65536 - 192);

    /* More than PIPE_BUF: as much as fits. */
    while (read(ends[0], block, sizeof block) > 0)
        ;
    CHECK(write(ends[1], block, sizeof block) == 65536);
    CHECK_ERROR(write(ends[1], block, sizeof block), EAGAIN);
    CHECK(read(ends[0], block, sizeof block) == 65536);
    CHECK(ioctl(ends[0], FIONREAD, &waiting) == 0 && waiting == 0);

    /* FIONBIO is the same switch. */
    int off = 0;
    CHECK(ioctl(ends[0], FIONBIO, &off) == 0);
    CHECK(!(fcntl(ends[0], F_GETFL) & O_NONBLOCK));
    CHECK(fcntl(ends[1], F_GETFL) & O_NONBLOCK);
    return check_done();
}
