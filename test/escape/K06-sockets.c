// Does the name of a host's socket in a granted directory stay a name: no connection, no message, nothing else behind it (attack row K6)? The
// control, the same program natively, does connect.
// RUN: rm -rf %t.d && mkdir %t.d && musl-gcc -static -O1 %s -o %t.native && %lind-cc -O1 %s -o %t
// RUN: cd %t.d && %python %S/Inputs/with-socket.py one %t.native one | grep -x "connect: done"
// RUN: cd %t.d && %python %S/Inputs/with-socket.py two %lind-run %t two | FileCheck %s
// CHECK: connect: Connection refused
// CHECK-NEXT: through /proc: Connection refused
// CHECK-NEXT: sendto: Connection refused
// CHECK-NEXT: open: No such device or address
// CHECK-NEXT: a family with a network: Address family not supported by protocol
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void say(const char *what, long result)
{
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "done");
}

int main(int argc, char **argv)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, argv[1]);
    say("connect", connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof name));
    int fd = open(argv[1], O_PATH);
    sprintf(name.sun_path, "/proc/self/fd/%d", fd);
    say("through /proc", connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof name));
    strcpy(name.sun_path, argv[1]);
    say("sendto", sendto(socket(AF_UNIX, SOCK_DGRAM, 0), "x", 1, 0, (struct sockaddr *)&name, sizeof name));
    say("open", open(argv[1], O_RDWR));
    say("a family with a network", socket(AF_INET, SOCK_STREAM, 0));
    return 0;
}
