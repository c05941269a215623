// Does a pipe give back what was written, in order, and then the end of file?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/uio.h>

static unsigned char byte_at(unsigned n)
{
    return (unsigned char)(n * 7 >> 3);
}

int main(void)
{
    int ends[2];
    char buffer[1000];
    CHECK(pipe(ends) == 0);
    CHECK(write(ends[1], "hello", 5) == 5);
    CHECK(write(ends[1], " world", 6) == 6);
    CHECK(read(ends[0], buffer, 3) == 3 && !memcmp(buffer, "hel", 3));
    CHECK(read(ends[0], buffer, sizeof buffer) == 8 && !memcmp(buffer, "lo world", 8));
    CHECK(read(ends[0], buffer, 0) == 0);
    CHECK(write(ends[1], buffer, 0) == 0);

    /* Odd sizes go round the ring many times; some 3000 bytes stay inside. */
    unsigned sent = 0, got = 0;
    for (int round = 0; round < 5000; round++) {
        unsigned char part[777], back[777];
        unsigned size = 1 + (unsigned)round * 13 % sizeof part;
        for (unsigned i = 0; i < size; i++)
            part[i] = byte_at(sent++);
        CHECK(write(ends[1], part, size) == (ssize_t)size);
        while (sent - got > 3000) {
            ssize_t n = read(ends[0], back, 1 + (unsigned)round * 7 % sizeof back);
            CHECK(n > 0);
            for (ssize_t i = 0; i < n; i++, got++)
                if (back[i] != byte_at(got)) {
                    printf("byte %u differs\n", got);
                    return 1;
                }
        }
    }
    /* Scattered and gathered. */
    struct iovec pieces[3] = {{"abc", 3}, {"", 0}, {"defg", 4}};
    while (sent != got)
        got += (unsigned)read(ends[0], buffer, sizeof buffer);
    CHECK(writev(ends[1], pieces, 3) == 7);
    char first[2], second[10];
    struct iovec places[2] = {{first, 2}, {second, 10}};
    CHECK(readv(ends[0], places, 2) == 7 && !memcmp(first, "ab", 2) && !memcmp(second, "cdefg", 5));

    CHECK(write(ends[1], "end", 3) == 3);
    CHECK(close(ends[1]) == 0);
    CHECK(read(ends[0], buffer, sizeof buffer) == 3);
    CHECK(read(ends[0], buffer, sizeof buffer) == 0);
    CHECK(read(ends[0], buffer, 1) == 0);
    CHECK(close(ends[0]) == 0);
    CHECK_ERROR(read(ends[0], buffer, 1), EBADF);
    return check_done();
}
