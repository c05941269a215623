// Does a socket that nobody can reach any more, as it waits in itself, give up its name, and leave its peer, though no process ends?
// RUN: %lind-cc -O1 -D_GNU_SOURCE %s -o %t && rm -rf %t.dir && mkdir %t.dir && cd %t.dir && timeout 300 %lind-run %t
// RUN: musl-gcc -static -O1 -D_GNU_SOURCE -I%root/test/posix/Inputs %s -o %t.native && rm -rf %t.dir && mkdir %t.dir && cd %t.dir && timeout 300 %t.native
#include "check.h"

#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static void send_one(int to, int file)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec vector = {"x", 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(sizeof(int))};
    memcpy(CMSG_DATA(&control.header), &file, sizeof file);
    CHECK(sendmsg(to, &message, 0) == 1);
}

static struct sockaddr_un name = {.sun_family = AF_UNIX};
static socklen_t name_length;

/* Linux looks for circles some time after a socket was closed. */
static int bind_within(int socket, int tries)
{
    int error;
    while ((error = bind(socket, (struct sockaddr *)&name, name_length)) && errno == EADDRINUSE && --tries)
        usleep(10000);
    return error;
}

/* What waits in the connection that waits in a listening socket is that socket. */
static void listener(void)
{
    int listening = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(!bind_within(listening, 6000) && !listen(listening, 2));
    CHECK(!connect(client, (struct sockaddr *)&name, name_length));
    send_one(client, listening);
    close(listening);
    close(client);
}

static void names(void)
{
    for (int i = 0; i < 100; i++)
        listener();
}

/* A connection to such a name is refused in the end, before and after the backlog is full. */
static void refused(void)
{
    int error = 0;
    listener();
    for (int tries = 0; tries < 20000 && error != ECONNREFUSED; tries++) {
        int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        error = connect(client, (struct sockaddr *)&name, name_length) ? errno : 0;
        CHECK(!error || error == EAGAIN || error == ECONNREFUSED);
        close(client);
        usleep(1000);
    }
    CHECK(error == ECONNREFUSED);
}

/* The end that is left learns that the other one is gone. */
static void peers(void)
{
    int pair[2];
    CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    send_one(pair[0], pair[1]);
    close(pair[1]);
    close(socket(AF_UNIX, SOCK_STREAM, 0)); /* Linux looks when some socket goes */
    struct pollfd entry = {.fd = pair[0]};
    CHECK(poll(&entry, 1, 100000) == 1 && entry.revents & POLLHUP);
    close(pair[0]);
}

int main(void)
{
    name_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + sprintf(name.sun_path + 1, "circle of %d", getpid()));
    names();
    refused();
    peers();
    strcpy(name.sun_path, "name");
    name_length = sizeof name;
    for (int i = 0; i < 100; i++) {
        listener();
        CHECK(!unlink("name"));
    }
    refused();
    return check_done();
}
