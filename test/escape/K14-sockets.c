// Does a program that makes circles of sockets, each sent to itself and closed, meet no limit, and do other programs still have sockets?
// Does a chain of sockets within sockets, as long as it may be, go away without harm? (attack row K14; deep recursion would end lind-run.)
// RUN: %lind-cc -O1 -D_GNU_SOURCE %s -o %t
// RUN: timeout 300 %lind-run %t | FileCheck %s
// CHECK: a chain of 900, and gone
// CHECK-NEXT: circles: no limit
// CHECK-NEXT: another process: 4 bytes
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static long send_one(int to, int file)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec vector = {"x", 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    memcpy(CMSG_DATA(&control.header), &file, sizeof file);
    return sendmsg(to, &message, MSG_DONTWAIT);
}

/* Each socket waits in the next one; closing the last frees them all. */
static int chain(int length)
{
    int ends[2], pair[2];
    if (pipe(ends))
        return -1;
    int last = ends[1];
    for (int i = 0; i < length; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || send_one(pair[0], last) != 1)
            return -1;
        close(last);
        close(pair[0]);
        last = pair[1];
    }
    close(last);
    char byte;
    return (int)read(ends[0], &byte, 1); /* the innermost one is gone, too */
}

int main(void)
{
    struct rlimit limit = {1000, 1000};
    int pair[2], i;
    setrlimit(RLIMIT_NOFILE, &limit);
    printf("a chain of 900, %s\n", chain(900) ? strerror(errno) : "and gone");
    for (i = 0; i < 5000; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || send_one(pair[0], pair[1]) != 1)
            break;
        close(pair[0]);
        close(pair[1]);
    }
    int error = errno;
    printf("circles: %s\n", i < 5000 && error == ETOOMANYREFS ? "ETOOMANYREFS" : i < 5000 ? strerror(error) : "no limit");
    fflush(stdout);
    if (!fork()) {
        char text[8];
        printf("another process: %d bytes\n", !socketpair(AF_UNIX, SOCK_STREAM, 0, pair) && write(pair[0], "word", 4) == 4 ? (int)read(pair[1], text, 8) : -1);
        return 0;
    }
    wait(NULL);
    return 0;
}
