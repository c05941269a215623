// Do sendfile, copy_file_range, splice, tee and vmsplice move what they say, and leave offsets right?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

static char data[150000], back[150000];

/* To and from sockets. */
static void sockets(int in)
{
    int pair[2], ends[2];
    off_t offset = 1000;
    socklen_t length = sizeof(int);
    int least = 4096, status;
    signal(SIGPIPE, SIG_IGN);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pipe(ends) == 0);
    CHECK(sendfile(pair[0], in, &offset, 500) == 500 && offset == 1500);
    CHECK(read(pair[1], back, sizeof back) == 500 && !memcmp(back, data + 1000, 500));
    lseek(in, 10, SEEK_SET);
    CHECK(sendfile(pair[0], in, NULL, 20) == 20 && lseek(in, 0, SEEK_CUR) == 30 && read(pair[1], back, 100) == 20);
    CHECK_ERROR(sendfile(in, pair[1], NULL, 5), EINVAL);
    /* More than fits waits for the reader; without waiting, a part goes. */
    pid_t child = fork();
    if (!child) {
        close(pair[0]);
        _exit(recv(pair[1], back, sizeof data, MSG_WAITALL) != sizeof data || memcmp(back, data, sizeof data));
    }
    offset = 0;
    CHECK(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &least, length) == 0);
    CHECK(sendfile(pair[0], in, &offset, sizeof data) == sizeof data && offset == sizeof data);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    offset = 0;
    long part = sendfile(pair[0], in, &offset, sizeof data);
    CHECK(part > 0 && part < (long)sizeof data && offset == part);
    CHECK_ERROR(sendfile(pair[0], in, &offset, sizeof data), EAGAIN);
    CHECK(recv(pair[1], back, sizeof back, MSG_DONTWAIT) == part && !memcmp(back, data, (size_t)part));
    fcntl(pair[0], F_SETFL, 0);
    /* splice, which has a pipe at one end. */
    CHECK(write(ends[1], "through", 7) == 7 && splice(ends[0], NULL, pair[0], NULL, 4, 0) == 4);
    CHECK(splice(ends[0], NULL, pair[0], NULL, 100, 0) == 3 && read(pair[1], back, 100) == 7 && !memcmp(back, "through", 7));
    CHECK(write(pair[0], "again", 5) == 5 && splice(pair[1], NULL, ends[1], NULL, 100, 0) == 5);
    CHECK(read(ends[0], back, 100) == 5 && !memcmp(back, "again", 5));
    CHECK_ERROR(splice(pair[1], NULL, ends[1], NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERROR(splice(pair[1], &offset, ends[1], NULL, 10, 0), EINVAL);
    CHECK_ERROR(splice(ends[0], NULL, pair[0], &offset, 10, 0), EINVAL);
    CHECK_ERROR(splice(pair[0], NULL, pair[1], NULL, 10, 0), EINVAL);
    CHECK_ERROR(splice(in, &offset, pair[1], NULL, 10, 0), EINVAL);
    /* A full pipe takes nothing from the socket. */
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    while (write(ends[1], data, 4096) > 0)
        ;
    CHECK(write(pair[0], "kept", 4) == 4);
    CHECK_ERROR(splice(pair[1], NULL, ends[1], NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK(read(pair[1], back, 100) == 4);
    close(pair[1]);
    offset = 0;
    CHECK_ERROR(sendfile(pair[0], in, &offset, 5), EPIPE);
    CHECK_ERROR(splice(ends[0], NULL, pair[0], NULL, 4, 0), EPIPE);
    close(pair[0]);
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 && sendfile(pair[0], in, &offset, 50) == 50 && read(pair[1], back, 100) == 50);
    close(pair[0]);
    close(pair[1]);
    close(ends[0]);
    close(ends[1]);
}

/* splice from and to devices, as far as Linux has it. */
static void devices(void)
{
    int ends[2], null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR);
    int random = open("/dev/urandom", O_RDWR), append = open("/dev/null", O_WRONLY | O_APPEND);
    loff_t at = 5;
    CHECK(pipe2(ends, O_NONBLOCK) == 0 && null > 0 && zero > 0 && full > 0 && random > 0 && append > 0);
    memset(back, 'x', sizeof back);
    CHECK(splice(zero, NULL, ends[1], NULL, 100, 0) == 100 && splice(full, &at, ends[1], NULL, 50, 0) == 50 && at == 5);
    CHECK(read(ends[0], back, 200) == 150 && !back[0] && !back[149] && back[150] == 'x');
    CHECK(splice(random, NULL, ends[1], NULL, 4000, 0) == 4000 && read(ends[0], back, 5000) == 4000);
    int set = 0;
    for (int i = 0; i < 4000; i++)
        set += back[i] != 0;
    CHECK(set > 3000);
    CHECK_ERROR(splice(null, NULL, ends[1], NULL, 100, 0), EINVAL);
    CHECK(write(ends[1], "abcdef", 6) == 6);
    CHECK_ERROR(splice(ends[0], NULL, full, NULL, 100, 0), EINVAL);
    CHECK_ERROR(splice(ends[0], NULL, append, NULL, 100, 0), EINVAL);
    CHECK(splice(ends[0], NULL, null, NULL, 2, 0) == 2 && splice(ends[0], NULL, zero, NULL, 2, 0) == 2);
    CHECK(splice(ends[0], NULL, random, NULL, 100, 0) == 2);
    CHECK_ERROR(splice(ends[0], NULL, null, &at, 100, 0), EAGAIN);
    CHECK_ERROR(splice(ends[0], NULL, full, NULL, 100, 0), EINVAL);
    CHECK_ERROR(splice(zero, NULL, null, NULL, 100, 0), EINVAL);
    while (splice(zero, NULL, ends[1], NULL, sizeof data, 0) > 0)
        ;
    CHECK_ERROR(splice(zero, NULL, ends[1], NULL, 1, 0), EAGAIN);
    close(ends[0]);
    CHECK_ERROR(splice(zero, NULL, ends[1], NULL, 1, 0), EPIPE);
    close(ends[1]);
    for (int fd = null; fd <= append; fd++)
        close(fd);
}

int main(void)
{
    int in = open("sendfile.in", O_RDWR | O_CREAT | O_TRUNC, 0600), out = open("sendfile.out", O_RDWR | O_CREAT | O_TRUNC, 0600);
    int ends[2], more[2];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 11 >> 2);
    CHECK(write(in, data, sizeof data) == sizeof data);
    CHECK(pipe(ends) == 0 && pipe(more) == 0);

    /* file to file */
    off_t offset = 1000;
    CHECK(sendfile(out, in, &offset, 5000) == 5000 && offset == 6000);
    CHECK(lseek(in, 0, SEEK_CUR) == sizeof data && lseek(out, 0, SEEK_CUR) == 5000);
    lseek(in, 10, SEEK_SET);
    CHECK(sendfile(out, in, NULL, 20) == 20 && lseek(in, 0, SEEK_CUR) == 30);
    CHECK(pread(out, back, 5020, 0) == 5020 && !memcmp(back, data + 1000, 5000) && !memcmp(back + 5000, data + 10, 20));
    offset = sizeof data;
    CHECK(sendfile(out, in, &offset, 10) == 0);
    CHECK_ERROR(sendfile(in, ends[0], NULL, 10), EAGAIN * 0 + EINVAL);
    CHECK_ERROR(sendfile(out, in, BAD, 10), EFAULT);
    CHECK_ERROR(sendfile(99, in, NULL, 10), EBADF);
    offset = -1;
    CHECK_ERROR(sendfile(out, in, &offset, 10), EINVAL);

    /* lengths that are negative, or end behind the last offset */
    offset = 1;
    CHECK_ERROR(sendfile(out, in, &offset, (size_t)-1), EINVAL);
    CHECK_ERROR(sendfile(out, in, &offset, (size_t)-1 >> 1), EINVAL);
    CHECK_ERROR(sendfile(out, in, NULL, (size_t)-1), EINVAL);
    CHECK_ERROR(copy_file_range(in, &offset, out, NULL, (size_t)-1, 0), EOVERFLOW);
    CHECK(offset == 1);

    /* file to pipe */
    offset = 5;
    CHECK(sendfile(ends[1], in, &offset, 50000) == 50000 && offset == 50005);
    CHECK(read(ends[0], back, sizeof back) == 50000 && !memcmp(back, data + 5, 50000));
    lseek(in, 100, SEEK_SET);
    CHECK(splice(in, NULL, ends[1], NULL, 3000, 0) == 3000 && lseek(in, 0, SEEK_CUR) == 3100);
    off_t at = 7;
    CHECK(splice(in, &at, ends[1], NULL, 100, 0) == 100 && at == 107);

    /* tee leaves, splice takes */
    CHECK(tee(ends[0], more[1], 3050, 0) == 3050);
    CHECK(read(more[0], back, sizeof back) == 3050 && !memcmp(back, data + 100, 3000) && !memcmp(back + 3000, data + 7, 50));
    CHECK(splice(ends[0], NULL, more[1], NULL, 1000, 0) == 1000);
    at = 2000;
    CHECK(splice(ends[0], NULL, out, &at, 2000, 0) == 2000 && at == 4000);
    CHECK(pread(out, back, 2000, 2000) == 2000 && !memcmp(back, data + 1100, 2000));
    CHECK(read(ends[0], back, sizeof back) == 100 && !memcmp(back, data + 7, 100));
    CHECK(read(more[0], back, sizeof back) == 1000 && !memcmp(back, data + 100, 1000));
    CHECK_ERROR(splice(ends[0], NULL, more[1], NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERROR(splice(ends[0], &at, more[1], NULL, 10, 0), ESPIPE);
    CHECK_ERROR(splice(in, NULL, out, NULL, 10, 0), EINVAL);
    CHECK_ERROR(splice(ends[0], NULL, ends[1], NULL, 10, 0), EINVAL);
    CHECK_ERROR(splice(ends[0], NULL, out, NULL, 10, 0x100), EINVAL);
    CHECK_ERROR(tee(in, ends[1], 10, 0), EINVAL);

    /* vmsplice */
    struct iovec pieces[2] = {{data, 10}, {data + 100, 20}};
    CHECK(vmsplice(ends[1], pieces, 2, 0) == 30);
    CHECK(read(ends[0], back, sizeof back) == 30 && !memcmp(back, data, 10) && !memcmp(back + 10, data + 100, 20));
    CHECK_ERROR(vmsplice(in, pieces, 2, 0), EBADF);

    /* copy_file_range */
    off_t from = 10, to = 20;
    CHECK(copy_file_range(in, &from, out, &to, 1000, 0) == 1000 && from == 1010 && to == 1020);
    CHECK(pread(out, back, 1000, 20) == 1000 && !memcmp(back, data + 10, 1000));
    CHECK_ERROR(copy_file_range(in, &from, out, &to, 10, 1), EINVAL);
    CHECK_ERROR(copy_file_range(in, NULL, ends[1], NULL, 10, 0), EINVAL);
    int reader = open("sendfile.out", O_RDONLY);
    CHECK_ERROR(copy_file_range(in, NULL, reader, NULL, 10, 0), EBADF);
    sockets(in);
    devices();
    unlink("sendfile.in");
    unlink("sendfile.out");
    return check_done();
}
