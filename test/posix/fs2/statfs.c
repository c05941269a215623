// Does statfs describe host directories and the synthetic trees?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/socket.h>
#include <sys/statfs.h>

int main(void)
{
    struct statfs one, two;
    int fd = open(".", O_RDONLY);
    CHECK(statfs(".", &one) == 0 && fstatfs(fd, &two) == 0);
    CHECK(one.f_type == two.f_type && one.f_bsize > 0 && one.f_blocks == two.f_blocks && one.f_namelen > 0);
    CHECK(statfs("/proc", &one) == 0 && one.f_type == 0x9fa0);
    CHECK(statfs("/dev/null", &one) == 0 && one.f_bsize > 0);
    int ends[2];
    int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(fstatfs(socket_fd, &one) == 0 && one.f_type == 0x534f434b);
    CHECK(pipe(ends) == 0 && fstatfs(ends[0], &one) == 0 && one.f_type == 0x50495045);
    CHECK_ERROR(statfs("no-such-file", &one), ENOENT);
    CHECK_ERROR(syscall(SYS_statfs, ".", BAD), EFAULT);
    CHECK_ERROR(syscall(SYS_fstatfs, 99, &one), EBADF);
    return check_done();
}
