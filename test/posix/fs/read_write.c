// Do read, write, their positioned and vector forms and lseek answer as Linux does?
// RUN: musl-gcc -static -O1 -I%root/test/posix/Inputs %s -o %t.native && rm -rf %t.n && mkdir %t.n && cd %t.n && %t.native
// RUN: %lind-cc -O1 -I%root/test/posix/Inputs %s -o %t && rm -rf %t.d && mkdir %t.d && cd %t.d && %lind-run %t
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

/* Not in every libc: the offset is one word, the high word of the pair stays empty. */
static long vector2(long number, int fd, const struct iovec *vector, int count, long position,
                    int flags) {
    return syscall(number, fd, vector, count, position, 0L, flags);
}

#define preadv2_(...) vector2(SYS_preadv2, __VA_ARGS__)
#define pwritev2_(...) vector2(SYS_pwritev2, __VA_ARGS__)

static volatile int exceeded;

static void on_exceeded(int number) {
    exceeded++;
}

int main(void) {
    char buffer[256], more[4096];
    int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0);
    CHECK(write(fd, "0123456789", 10) == 10 && lseek(fd, 0, SEEK_CUR) == 10);
    CHECK(read(fd, buffer, 5) == 0);
    CHECK(lseek(fd, -4, SEEK_END) == 6 && read(fd, buffer, 100) == 4 && !memcmp(buffer, "6789", 4));
    CHECK(pread(fd, buffer, 3, 2) == 3 && !memcmp(buffer, "234", 3));
    CHECK(lseek(fd, 0, SEEK_CUR) == 10);
    CHECK(pwrite(fd, "ab", 2, 12) == 2 && lseek(fd, 0, SEEK_CUR) == 10);
    CHECK(pread(fd, buffer, 100, 0) == 14 && !memcmp(buffer, "0123456789\0\0ab", 14));
    CHECK(read(fd, buffer, 0) == 0 && write(fd, buffer, 0) == 0);

    FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
    FAILS(lseek(fd, 0, 9), EINVAL);
    FAILS(lseek(99, 0, SEEK_SET), EBADF);
    FAILS(pread(fd, buffer, 1, -1), EINVAL);
    FAILS(pwrite(fd, buffer, 1, -1), EINVAL);
    FAILS(read(99, buffer, 1), EBADF);
    FAILS(read(-1, buffer, 1), EBADF);
    FAILS(write(99, buffer, 1), EBADF);
    CHECK(lseek(fd, 0, SEEK_DATA) == 0 && lseek(fd, 0, SEEK_HOLE) == 14);
    FAILS(lseek(fd, 100, SEEK_DATA), ENXIO);
    CHECK(lseek(fd, 1L << 40, SEEK_SET) == 1L << 40 && read(fd, buffer, 1) == 0);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);

    /* Vectors. */
    struct iovec vector[3] = {{buffer, 4}, {NULL, 0}, {buffer + 10, 100}};
    memset(buffer, 'x', sizeof buffer);
    CHECK(readv(fd, vector, 3) == 14);
    CHECK(!memcmp(buffer, "0123xxxxxx456789\0\0abx", 21));
    vector[0] = (struct iovec){"AB", 2};
    vector[1] = (struct iovec){"CDE", 3};
    CHECK(writev(fd, vector, 2) == 5 && pread(fd, buffer, 5, 14) == 5 &&
          !memcmp(buffer, "ABCDE", 5));
    CHECK(pwritev(fd, vector, 2, 1) == 5 && lseek(fd, 0, SEEK_CUR) == 19);
    vector[0] = (struct iovec){buffer, 3};
    vector[1] = (struct iovec){buffer + 3, 4};
    CHECK(preadv(fd, vector, 2, 0) == 7 && !memcmp(buffer, "0ABCDE6", 7));
    CHECK(preadv2_(fd, vector, 2, -1, 0) == 0 && preadv2_(fd, vector, 1, 1, 0) == 3);
    FAILS(preadv2_(fd, vector, 2, 0, 0x4000), EOPNOTSUPP);
    FAILS(preadv(fd, vector, 2, -1), EINVAL);
    FAILS(preadv2_(fd, vector, 2, -2, 0), EINVAL);
    CHECK(readv(fd, vector, 0) == 0);
    FAILS(readv(fd, vector, -1), EINVAL);
    FAILS(readv(fd, vector, IOV_MAX + 1), EINVAL);
    vector[1].iov_len = (size_t)-1;
    FAILS(readv(fd, vector, 2), EINVAL);
    CHECK(pwritev2_(fd, (struct iovec[]){{"end", 3}}, 1, 0, 0x10 /* RWF_APPEND */) == 3);
    CHECK(pread(fd, buffer, 3, 19) == 3 && !memcmp(buffer, "end", 3));

    /* Pieces that span pages. */
    for (int i = 0; i < 4096; i++)
        more[i] = (char)i;
    struct iovec many[1024];
    for (int i = 0; i < 1024; i++)
        many[i] = (struct iovec){more + 4 * (i ^ 1), 4};
    CHECK(pwritev(fd, many, 1024, 4096) == 4096);
    memset(more, 0, sizeof more);
    CHECK(preadv(fd, many, 1024, 4096) == 4096);
    int bad = 0;
    for (int i = 0; i < 4096; i++)
        bad += more[i] != (char)i;
    CHECK(bad == 0);

    /* Access modes. */
    int reader = open("file", O_RDONLY), writer = open("file", O_WRONLY | O_APPEND);
    FAILS(write(reader, "x", 1), EBADF);
    FAILS(read(writer, buffer, 1), EBADF);
    FAILS(pread(writer, buffer, 1, 0), EBADF);
    FAILS(readv(writer, vector, 1), EBADF);
    FAILS(writev(reader, many, 1), EBADF);
    FAILS(ftruncate(reader, 0), EINVAL);
    CHECK(write(writer, "tail", 4) == 4 && lseek(writer, 0, SEEK_CUR) == 8196);
    int directory = open(".", O_RDONLY);
    FAILS(read(directory, buffer, 1), EISDIR);
    FAILS(pread(directory, buffer, 1, 0), EISDIR);
    FAILS(write(directory, buffer, 1), EBADF);

    /* Offsets are the description's: dup shares, open does not. */
    int twin = dup(reader), own = open("file", O_RDONLY);
    CHECK(read(reader, buffer, 5) == 5 && lseek(twin, 0, SEEK_CUR) == 5);
    CHECK(lseek(own, 0, SEEK_CUR) == 0 && lseek(twin, 2, SEEK_SET) == 2);
    CHECK(lseek(reader, 0, SEEK_CUR) == 2);

    /* RLIMIT_FSIZE: cut, then EFBIG with SIGXFSZ. */
    signal(SIGXFSZ, on_exceeded);
    struct rlimit limit = {16, RLIM_INFINITY};
    int small = open("small", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(write(small, "0123456789", 10) == 10 && write(small, "0123456789", 10) == 6);
    CHECK(exceeded == 0);
    FAILS(write(small, "x", 1), EFBIG);
    CHECK(exceeded == 1);
    FAILS(pwrite(small, "x", 1, 100), EFBIG);
    CHECK(exceeded == 2 && write(small, "x", 0) == 0);
    FAILS(ftruncate(small, 17), EFBIG);
    CHECK(exceeded == 3 && ftruncate(small, 16) == 0);
    FAILS(truncate("small", 17), EFBIG);
    CHECK(exceeded == 4);
    CHECK(lseek(small, 12, SEEK_SET) == 12);
    vector[0] = (struct iovec){"abc", 3};
    vector[1] = (struct iovec){"def", 3};
    CHECK(writev(small, vector, 2) == 4 && pread(small, buffer, 16, 0) == 16);
    CHECK(!memcmp(buffer,
                  "0123456789"
                  "01"
                  "abcd",
                  16) &&
          exceeded == 4);
    limit.rlim_cur = RLIM_INFINITY;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);

    /* A pipe has no offset. */
    int ends[2];
    CHECK(pipe(ends) == 0);
    FAILS(lseek(ends[0], 0, SEEK_SET), ESPIPE);
    FAILS(pread(ends[0], buffer, 1, 0), ESPIPE);
    return check_end();
}
