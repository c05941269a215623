// Do bind, listen, connect and accept do what Linux' do with names in the file system and abstract ones, to the error numbers?
// RUN: rm -rf %t.dir && mkdir %t.dir && %lind-cc -O1 %s -o %t && cd %t.dir && %lind-run %t
#include "check.h"

#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define FAMILY offsetof(struct sockaddr_un, sun_path)

static struct sockaddr_un name_of(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strncpy(name.sun_path, path, sizeof name.sun_path);
    return name;
}

static int bind_to(int fd, const char *path)
{
    struct sockaddr_un name = name_of(path);
    return bind(fd, (struct sockaddr *)&name, sizeof name);
}

static int connect_to(int fd, const char *path)
{
    struct sockaddr_un name = name_of(path);
    return connect(fd, (struct sockaddr *)&name, sizeof name);
}

static int stream(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static void kinds(void)
{
    int ends[2];
    CHECK_ERROR(socket(AF_INET, SOCK_STREAM | 0x100000, 0), EINVAL);
    CHECK_ERROR(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERROR(socket(1000, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERROR(socket(AF_UNIX, 9, 0), ESOCKTNOSUPPORT);
    CHECK_ERROR(socket(AF_UNIX, 12, 0), EINVAL);
    CHECK_ERROR(socket(AF_UNIX, SOCK_STREAM, 6), EPROTONOSUPPORT);
    CHECK_ERROR(socketpair(AF_UNIX, SOCK_STREAM, 7, ends), EPROTONOSUPPORT);
    CHECK_ERROR(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, BAD), EFAULT);
    CHECK_ERROR(listen(0, 1), ENOTSOCK);
    CHECK_ERROR(listen(1000, 1), EBADF);
    int path = open("/", O_PATH);
    CHECK_ERROR(listen(path, 1), EBADF);
    close(path);
}

static void named(void)
{
    struct sockaddr_un name;
    struct stat status;
    socklen_t length = sizeof name;
    char text[16];
    int server = stream(), client = stream(), other = stream();
    umask(027);
    CHECK_ERROR(listen(server, 5), EINVAL);
    CHECK_ERROR(accept(server, NULL, NULL), EINVAL);
    CHECK_ERROR(connect_to(client, "door"), ENOENT);
    CHECK(bind_to(server, "door") == 0);
    CHECK(stat("door", &status) == 0 && S_ISSOCK(status.st_mode) && (status.st_mode & 0777) == 0750);
    CHECK_ERROR(open("door", O_RDWR), ENXIO);
    CHECK_ERROR(bind_to(server, "second"), EINVAL);
    CHECK_ERROR(bind_to(other, "door"), EADDRINUSE);
    CHECK_ERROR(bind_to(other, "missing/door"), ENOENT);
    CHECK_ERROR(bind_to(other, "door/door"), ENOTDIR);
    CHECK_ERROR(connect_to(client, "door"), ECONNREFUSED);
    CHECK(listen(server, 5) == 0);
    CHECK(getsockname(server, (struct sockaddr *)&name, &length) == 0);
    CHECK(length == FAMILY + 5 && name.sun_family == AF_UNIX && !strcmp(name.sun_path, "door"));
    CHECK_ERROR(getpeername(client, (struct sockaddr *)&name, &length), ENOTCONN);
    CHECK_ERROR(read(client, text, 1), EINVAL);
    CHECK_ERROR(send(client, text, 1, MSG_NOSIGNAL), ENOTCONN);
    CHECK(connect_to(client, "door") == 0);
    CHECK_ERROR(connect_to(client, "door"), EISCONN);
    CHECK_ERROR(connect_to(server, "door"), EINVAL);
    CHECK(write(client, "early", 5) == 5); /* before it is accepted */
    memset(&name, 0xff, sizeof name);
    length = sizeof name;
    int accepted = accept(server, (struct sockaddr *)&name, &length);
    CHECK(accepted >= 0 && length == FAMILY && name.sun_family == AF_UNIX);
    CHECK(read(accepted, text, 16) == 5 && !memcmp(text, "early", 5));
    length = sizeof name;
    CHECK(getsockname(accepted, (struct sockaddr *)&name, &length) == 0 && length == FAMILY + 5);
    length = sizeof name;
    CHECK(getpeername(client, (struct sockaddr *)&name, &length) == 0 && length == FAMILY + 5);
    CHECK(!strcmp(name.sun_path, "door"));
    length = 4; /* cut, but told whole */
    memset(&name, 0x55, sizeof name);
    CHECK(getsockname(server, (struct sockaddr *)&name, &length) == 0 && length == FAMILY + 5);
    CHECK(!memcmp(name.sun_path, "doUU", 4));
    length = -1;
    CHECK_ERROR(getsockname(server, (struct sockaddr *)&name, &length), EINVAL);
    close(accepted);
    close(client);
    /* A second name, links, and a file that is none. */
    CHECK(link("door", "hard") == 0 && symlink("hard", "soft") == 0);
    client = stream();
    CHECK(connect_to(client, "soft") == 0);
    close(client);
    close(open("file", O_CREAT | O_WRONLY, 0600));
    client = stream();
    CHECK_ERROR(connect_to(client, "file"), ECONNREFUSED);
    CHECK_ERROR(connect_to(client, "."), ECONNREFUSED);
    /* The name stays behind when the socket goes, and leads nowhere. */
    close(server);
    CHECK_ERROR(connect_to(client, "door"), ECONNREFUSED);
    CHECK_ERROR(bind_to(client, "door"), EADDRINUSE);
    CHECK(unlink("door") == 0 && bind_to(client, "door") == 0);
    CHECK_ERROR(connect_to(other, "hard"), ECONNREFUSED);
    CHECK(listen(client, 0) == 0 && connect_to(other, "door") == 0);
    close(client);
    close(other);
}

static void bad_names(void)
{
    struct sockaddr_un name = name_of("x");
    int fd = stream();
    CHECK_ERROR(bind(fd, (struct sockaddr *)&name, 1), EINVAL);
    CHECK_ERROR(bind(fd, (struct sockaddr *)&name, -1), EINVAL);
    CHECK_ERROR(bind(fd, (struct sockaddr *)&name, sizeof name + 1), EINVAL);
    CHECK_ERROR(bind(fd, (struct sockaddr *)&name, 100000), EINVAL);
    CHECK_ERROR(bind(fd, BAD, sizeof name), EFAULT);
    CHECK_ERROR(connect(fd, BAD, sizeof name), EFAULT);
    CHECK_ERROR(connect(fd, (struct sockaddr *)&name, FAMILY), EINVAL);
    name.sun_family = AF_INET;
    CHECK_ERROR(bind(fd, (struct sockaddr *)&name, sizeof name), EINVAL);
    CHECK_ERROR(connect(fd, (struct sockaddr *)&name, sizeof name), EINVAL);
    close(fd);
    /* All 108 bytes, without a NUL. */
    fd = stream();
    memset(&name, 'n', sizeof name);
    name.sun_family = AF_UNIX;
    CHECK(bind(fd, (struct sockaddr *)&name, sizeof name) == 0 && listen(fd, 1) == 0);
    struct sockaddr_un said[2];
    socklen_t length = sizeof said;
    CHECK(getsockname(fd, (struct sockaddr *)said, &length) == 0 && length == sizeof name + 1);
    CHECK(!memcmp(said, &name, sizeof name) && ((char *)said)[sizeof name] == 0);
    int client = stream();
    CHECK(connect(client, (struct sockaddr *)&name, sizeof name) == 0);
    close(client);
    close(fd);
}

static void abstract(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0lind\0test"}, said;
    socklen_t length = sizeof said;
    int server = stream(), client = stream(), other = stream();
    CHECK_ERROR(connect(client, (struct sockaddr *)&name, FAMILY + 10), ECONNREFUSED);
    CHECK(bind(server, (struct sockaddr *)&name, FAMILY + 10) == 0 && listen(server, 1) == 0);
    CHECK_ERROR(bind(other, (struct sockaddr *)&name, FAMILY + 10), EADDRINUSE);
    CHECK_ERROR(connect(client, (struct sockaddr *)&name, FAMILY + 9), ECONNREFUSED); /* another name */
    CHECK(connect(client, (struct sockaddr *)&name, FAMILY + 10) == 0);
    CHECK(getpeername(client, (struct sockaddr *)&said, &length) == 0 && length == FAMILY + 10);
    CHECK(!memcmp(&said, &name, length));
    close(server);
    CHECK(bind(other, (struct sockaddr *)&name, FAMILY + 10) == 0); /* free again */
    close(other);
    close(client);
    /* Autobind. */
    server = stream();
    length = sizeof said;
    CHECK(bind(server, (struct sockaddr *)&name, FAMILY) == 0 && listen(server, 1) == 0);
    CHECK(getsockname(server, (struct sockaddr *)&said, &length) == 0 && length == FAMILY + 6 && !said.sun_path[0]);
    client = stream();
    CHECK(connect(client, (struct sockaddr *)&said, length) == 0);
    close(client);
    close(server);
    /* Who passes credentials and has no name gets one when it connects. */
    int on = 1;
    server = stream();
    client = stream();
    CHECK(bind_to(server, "credentials") == 0 && listen(server, 1) == 0);
    CHECK(setsockopt(client, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 && connect_to(client, "credentials") == 0);
    length = sizeof said;
    CHECK(getsockname(client, (struct sockaddr *)&said, &length) == 0 && length == FAMILY + 6 && !said.sun_path[0]);
    close(client);
    close(server);
}

static void backlog(void)
{
    int server = stream(), clients[3], late = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    char byte;
    struct pollfd entry = {server, POLLIN | POLLOUT, 0};
    CHECK(bind_to(server, "few") == 0 && listen(server, 1) == 0);
    CHECK(poll(&entry, 1, 0) == 0);
    fcntl(server, F_SETFL, O_NONBLOCK);
    CHECK_ERROR(accept(server, NULL, NULL), EAGAIN);
    fcntl(server, F_SETFL, 0);
    for (int i = 0; i < 2; i++)
        CHECK((clients[i] = stream()) >= 0 && connect_to(clients[i], "few") == 0);
    CHECK(poll(&entry, 1, 0) == 1 && entry.revents == POLLIN);
    CHECK_ERROR(connect_to(late, "few"), EAGAIN);
    pid_t child = fork();
    if (!child) {
        clients[2] = stream(); /* waits for room */
        _exit(connect_to(clients[2], "few") || write(clients[2], "3", 1) != 1 || read(clients[2], &byte, 1) != 0);
    }
    usleep(30000);
    int flags = SOCK_CLOEXEC | SOCK_NONBLOCK, accepted = accept4(server, NULL, NULL, flags);
    CHECK(accepted >= 0 && fcntl(accepted, F_GETFD) == FD_CLOEXEC && fcntl(accepted, F_GETFL) == (O_RDWR | O_NONBLOCK));
    CHECK_ERROR(syscall(SYS_accept4, server, NULL, NULL, 1 << 20), EINVAL);
    close(accepted);
    CHECK((accepted = accept(server, NULL, NULL)) >= 0);
    close(accepted);
    accepted = accept(server, NULL, NULL);
    CHECK(accepted >= 0 && read(accepted, &byte, 1) == 1 && byte == '3');
    close(accepted);
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    /* Who was never accepted is reset when the listening socket goes. */
    CHECK(connect_to(late, "few") == 0);
    close(server);
    CHECK_ERROR(read(late, &byte, 1), ECONNRESET);
    CHECK_ERROR(send(late, &byte, 1, MSG_NOSIGNAL), EPIPE);
    close(late);
    /* Of a listening socket that was shut down: who would wait is told so first. */
    server = stream();
    CHECK(bind_to(server, "shut") == 0 && listen(server, 1) == 0 && shutdown(server, SHUT_RD) == 0);
    CHECK_ERROR(accept(server, NULL, NULL), EINVAL);
    fcntl(server, F_SETFL, O_NONBLOCK);
    CHECK_ERROR(accept(server, NULL, NULL), EAGAIN);
    close(server);
    close(clients[0]);
    close(clients[1]);
}

static void types(void)
{
    int datagram = socket(AF_UNIX, SOCK_DGRAM, 0), packet = socket(AF_UNIX, SOCK_SEQPACKET, 0), client = stream();
    CHECK_ERROR(listen(datagram, 1), EOPNOTSUPP);
    CHECK_ERROR(accept(datagram, NULL, NULL), EOPNOTSUPP);
    CHECK(bind_to(datagram, "datagram") == 0 && bind_to(packet, "packet") == 0 && listen(packet, 1) == 0);
    CHECK_ERROR(connect_to(client, "datagram"), EPROTOTYPE);
    CHECK_ERROR(connect_to(client, "packet"), EPROTOTYPE);
    close(client);
    close(packet);
    close(datagram);
}

static void options(void)
{
    int fd = stream(), value, pair[2];
    socklen_t length = sizeof value;
#define OPTION(option) (length = sizeof value, value = -7, getsockopt(fd, SOL_SOCKET, option, &value, &length) ? -errno : value)
    CHECK(OPTION(SO_TYPE) == SOCK_STREAM && OPTION(SO_DOMAIN) == AF_UNIX && OPTION(SO_PROTOCOL) == 0);
    CHECK(OPTION(SO_ERROR) == 0 && OPTION(SO_ACCEPTCONN) == 0 && OPTION(SO_SNDBUF) > 60000 && OPTION(SO_RCVBUF) > 60000);
    CHECK(OPTION(SO_REUSEADDR) == 0 && OPTION(SO_PASSCRED) == 0 && OPTION(SO_KEEPALIVE) == 0 && OPTION(SO_RCVLOWAT) == 1);
    value = 5;
    CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value) == 0 && OPTION(SO_REUSEADDR) == 1);
    value = 1;
    CHECK(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &value, sizeof value) == 0 && OPTION(SO_PASSCRED) == 1);
    value = 10000;
    CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof value) == 0 && OPTION(SO_SNDBUF) == 20000);
    value = 1;
    CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof value) == 0 && OPTION(SO_SNDBUF) == 4608);
    CHECK_ERROR(setsockopt(fd, SOL_SOCKET, SO_TYPE, &value, sizeof value), ENOPROTOOPT);
    CHECK_ERROR(setsockopt(fd, SOL_SOCKET, 9999, &value, sizeof value), ENOPROTOOPT);
    CHECK_ERROR(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, 3), EINVAL);
    CHECK_ERROR(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, BAD, sizeof value), EFAULT);
    CHECK_ERROR(setsockopt(fd, 6, 1, &value, sizeof value), EOPNOTSUPP);
    CHECK(OPTION(9999) == -ENOPROTOOPT);
    CHECK_ERROR(getsockopt(fd, 6, 1, &value, &length), EOPNOTSUPP);
    CHECK_ERROR(getsockopt(fd, SOL_SOCKET, SO_TYPE, BAD, &length), EFAULT);
    CHECK_ERROR(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, BAD), EFAULT);
    length = -1;
    CHECK_ERROR(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length), EINVAL);
    value = 0x55555555;
    length = 1;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length) == 0 && length == 1 && value == 0x55555501);
    struct linger linger = {5, 7};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
    linger = (struct linger){9, 9};
    length = sizeof linger;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length) == 0 && linger.l_onoff == 1 && linger.l_linger == 7);
    struct ucred who = {7, 7, 7};
    length = sizeof who;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0 && length == sizeof who);
    CHECK(who.pid == 0 && who.uid == (uid_t)-1 && who.gid == (gid_t)-1);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &who, &length) == 0);
    CHECK(who.pid == getpid() && who.uid == geteuid() && who.gid == getegid());
    close(pair[0]);
    close(pair[1]);
    CHECK(bind_to(fd, "options") == 0 && listen(fd, 1) == 0 && OPTION(SO_ACCEPTCONN) == 1);
    pid_t parent = getpid(), child = fork();
    int client = stream();
    if (!child) {
        CHECK(connect_to(client, "options") == 0);
        CHECK(getsockopt(client, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0 && who.pid == parent);
        _exit(check_failures);
    }
    int accepted = accept(fd, NULL, NULL), status;
    CHECK(getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0 && who.pid == child && who.uid == geteuid());
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main(void)
{
    char directory[] = "socket_names.XXXXXX";
    CHECK(mkdtemp(directory) && chdir(directory) == 0);
    kinds();
    named();
    bad_names();
    abstract();
    backlog();
    types();
    options();
    return check_done();
}
