// Do sendmsg and recvmsg pass descriptors and credentials as Linux' do: barriers, truncation, limits, peeking, packets and datagrams?
// RUN: rm -rf %t.dir && mkdir %t.dir && %lind-cc -O1 %s -o %t && cd %t.dir && %lind-run %t
#include "check.h"

#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#define FAMILY offsetof(struct sockaddr_un, sun_path)

union control {
    struct cmsghdr header;
    char bytes[2048];
};

static int pair[2];

/* Sends text with descriptors. */
static long send_files(int to, const char *text, size_t length, const int *files, int count)
{
    union control control = {0};
    struct iovec vector = {(void *)text, length};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    memcpy(CMSG_DATA(&control.header), files, count * sizeof(int));
    return syscall(SYS_sendmsg, to, &message, MSG_NOSIGNAL); /* the C library has room for few */
}

struct got {
    char text[64];
    int files[256], count, flags;
    struct ucred who;
    int has_who;
    long length;
    size_t control;
};

static struct got receive(int from, size_t size, size_t room, int flags)
{
    union control control;
    struct got got = {.count = 0};
    struct iovec vector = {got.text, size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = room};
    memset(&control, 0x55, sizeof control);
    got.length = recvmsg(from, &message, flags);
    got.flags = message.msg_flags;
    got.control = message.msg_controllen;
    if (got.length < 0)
        return got;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            got.count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
            memcpy(got.files, CMSG_DATA(c), got.count * sizeof(int));
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
            got.has_who = 1;
            memcpy(&got.who, CMSG_DATA(c), sizeof got.who);
        }
    return got;
}

static int is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void descriptors(int type)
{
    int ends[2], files[2];
    char text[8];
    struct got got;
    CHECK(socketpair(AF_UNIX, type, 0, pair) == 0 && pipe(ends) == 0);
    files[0] = ends[1];
    files[1] = ends[0];
    CHECK(send_files(pair[0], "pipe", 4, files, 2) == 4);
    close(ends[0]);
    close(ends[1]);
    got = receive(pair[1], 64, 2048, MSG_CMSG_CLOEXEC);
    CHECK(got.length == 4 && !memcmp(got.text, "pipe", 4) && got.count == 2 && !(got.flags & (MSG_CTRUNC | MSG_TRUNC)));
    CHECK(fcntl(got.files[0], F_GETFD) == FD_CLOEXEC && got.control == CMSG_SPACE(8));
    CHECK(write(got.files[0], "through", 7) == 7 && read(got.files[1], text, 8) == 7);
    close(got.files[0]);
    CHECK(read(got.files[1], text, 8) == 0); /* no other reference is left */
    close(got.files[1]);
    /* Room for one only; the other one is closed. */
    CHECK(pipe(ends) == 0);
    CHECK(send_files(pair[0], "x", 1, ends, 2) == 1);
    close(ends[1]);
    got = receive(pair[1], 64, CMSG_LEN(4), 0);
    CHECK(got.count == 1 && got.flags & MSG_CTRUNC && fcntl(got.files[0], F_GETFD) == 0);
    close(ends[0]);
    CHECK(read(got.files[0], text, 1) == 0);
    close(got.files[0]);
    /* No room, or a read that does not ask: all are closed. */
    for (int how = 0; how < 2; how++) {
        CHECK(pipe(ends) == 0 && send_files(pair[0], "x", 1, &ends[1], 1) == 1);
        close(ends[1]);
        if (how) {
            CHECK(read(pair[1], text, 8) == 1);
        } else {
            got = receive(pair[1], 64, 0, 0);
            CHECK(got.length == 1 && got.count == 0 && got.flags & MSG_CTRUNC && got.control == 0);
        }
        CHECK(read(ends[0], text, 1) == 0);
        close(ends[0]);
    }
    /* What is not received goes with the socket. */
    CHECK(pipe(ends) == 0 && send_files(pair[0], "x", 1, &ends[1], 1) == 1);
    close(ends[1]);
    struct pollfd entry = {ends[0], POLLIN, 0};
    CHECK(poll(&entry, 1, 0) == 0);
    close(pair[1]);
    CHECK(read(ends[0], text, 1) == 0);
    close(pair[0]);
    close(ends[0]);
}

/* A peek gives descriptors, too, and leaves them. */
static void peeking(void)
{
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pipe(ends) == 0);
    CHECK(write(pair[0], "abc", 3) == 3 && send_files(pair[0], "def", 3, ends, 1) == 3 && write(pair[0], "ghi", 3) == 3);
    struct got got = receive(pair[1], 64, 2048, MSG_PEEK);
    CHECK(got.length == 6 && got.count == 1 && is_open(got.files[0]));
    close(got.files[0]);
    /* A barrier behind them, none before. */
    got = receive(pair[1], 64, 2048, 0);
    CHECK(got.length == 6 && !memcmp(got.text, "abcdef", 6) && got.count == 1);
    close(got.files[0]);
    got = receive(pair[1], 64, 2048, 0);
    CHECK(got.length == 3 && got.count == 0);
    /* They come with the first byte. */
    CHECK(send_files(pair[0], "def", 3, ends, 1) == 3);
    got = receive(pair[1], 1, 2048, 0);
    CHECK(got.length == 1 && got.count == 1);
    close(got.files[0]);
    got = receive(pair[1], 64, 2048, 0);
    CHECK(got.length == 2 && got.count == 0);
    CHECK(send_files(pair[0], "", 0, ends, 1) == 0); /* of nothing, nothing comes */
    CHECK_ERROR(recv(pair[1], got.text, 1, MSG_DONTWAIT), EAGAIN);
    close(pair[0]);
    close(pair[1]);
    close(ends[0]);
    close(ends[1]);
}

static void refused(void)
{
    int many[300], bad = 999;
    union control control = {0};
    struct iovec vector = {"x", 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control};
    for (int i = 0; i < 300; i++)
        many[i] = 1;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK_ERROR(send_files(pair[0], "x", 1, &bad, 1), EBADF);
    CHECK_ERROR(send_files(pair[0], "x", 1, many, 254), EINVAL);
    CHECK(send_files(pair[0], "x", 1, many, 253) == 1);
    struct got got = receive(pair[1], 64, 2048, 0);
    CHECK(got.count == 253);
    for (int i = 0; i < got.count; i++)
        close(got.files[i]);
    /* RLIMIT_NOFILE of the receiver. */
    struct rlimit limit, small;
    getrlimit(RLIMIT_NOFILE, &limit);
    small = limit;
    small.rlim_cur = (rlim_t)pair[1] + 3;
    CHECK(send_files(pair[0], "x", 1, many, 10) == 1 && setrlimit(RLIMIT_NOFILE, &small) == 0);
    got = receive(pair[1], 64, 2048, 0);
    CHECK(got.length == 1 && got.count == 2 && got.flags & MSG_CTRUNC);
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 0; i < got.count; i++)
        close(got.files[i]);
    /* Control messages that are none. */
    const struct {
        size_t length, room;
        int level, type, error;
    } cases[] = {
        {0, 64, SOL_SOCKET, SCM_RIGHTS, EINVAL},
        {15, 64, SOL_SOCKET, SCM_RIGHTS, EINVAL},
        {65, 64, SOL_SOCKET, SCM_RIGHTS, EINVAL},
        {(size_t)-1, 64, SOL_SOCKET, SCM_RIGHTS, EINVAL},
        {(size_t)1 << 32, 64, SOL_SOCKET, SCM_RIGHTS, EINVAL},
        {20, 64, SOL_SOCKET, 77, EINVAL},
        {27, 64, SOL_SOCKET, SCM_CREDENTIALS, EINVAL},
        {16, 16, SOL_SOCKET, SCM_RIGHTS, 0},
        {18, 18, SOL_SOCKET, SCM_RIGHTS, 0},
        {20, 20, 41, 7, 0},
        {0, 15, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* The C library rewrites control messages, so that the kernel's are sent by hand. */
        memset(&control, 0, sizeof control);
        control.header.cmsg_len = cases[i].length;
        memcpy(control.bytes, &cases[i].length, 8);
        control.header.cmsg_level = cases[i].level;
        control.header.cmsg_type = cases[i].type;
        memset(&message.msg_controllen, 0, 8);
        message.msg_controllen = cases[i].room;
        errno = 0;
        long result = syscall(SYS_sendmsg, pair[0], &message, 0);
        if (cases[i].error ? result != -1 || errno != cases[i].error : result != 1) {
            printf("case %zu: %ld, errno %d\n", i, result, errno);
            check_failures++;
        }
    }
    close(pair[0]);
    close(pair[1]);
}

static void credentials(void)
{
    int on = 1;
    struct got got;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
    pid_t child = fork();
    if (!child)
        _exit(write(pair[0], "child", 5) != 5);
    waitpid(child, NULL, 0);
    CHECK(write(pair[0], "parent", 6) == 6);
    got = receive(pair[1], 64, 2048, 0); /* other credentials are a barrier */
    CHECK(got.length == 5 && got.has_who && got.who.pid == child && got.who.uid == getuid() && got.who.gid == getgid());
    got = receive(pair[1], 64, 2048, 0);
    CHECK(got.length == 6 && got.has_who && got.who.pid == getpid());
    union control control = {0};
    struct ucred said = {getpid(), getuid(), getgid()};
    struct iovec vector = {"x", 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(sizeof said)};
    control.header.cmsg_len = CMSG_LEN(sizeof said);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_CREDENTIALS;
    memcpy(CMSG_DATA(&control.header), &said, sizeof said);
    CHECK(sendmsg(pair[0], &message, 0) == 1);
    got = receive(pair[1], 64, CMSG_LEN(4), 0);
    CHECK(got.length == 1 && got.flags & MSG_CTRUNC && got.control == CMSG_LEN(4));
    close(pair[0]);
    close(pair[1]);
}

static void packets(int type)
{
    char text[64];
    int waiting;
    static char large[1 << 20];
    struct got got;
    CHECK(socketpair(AF_UNIX, type, 0, pair) == 0);
    CHECK(write(pair[0], "first", 5) == 5 && send(pair[0], "", 0, 0) == 0 && write(pair[0], "third", 5) == 5);
    CHECK(ioctl(pair[1], 0x541b, &waiting) == 0 && waiting == (type == SOCK_DGRAM ? 5 : 10));
    CHECK(recv(pair[1], text, 2, MSG_PEEK | MSG_TRUNC) == 5);
    got = receive(pair[1], 3, 2048, 0);
    CHECK(got.length == 3 && got.flags & MSG_TRUNC && !memcmp(got.text, "fir", 3));
    CHECK(read(pair[1], text, 64) == 0);
    CHECK(recv(pair[1], text, 2, MSG_TRUNC) == 5);
    CHECK_ERROR(recv(pair[1], text, 64, MSG_DONTWAIT), EAGAIN);
    CHECK_ERROR(write(pair[0], large, sizeof large), EMSGSIZE);
    CHECK(write(pair[0], large, 100000) == 100000 && read(pair[1], large, sizeof large) == 100000);
    int n = 0;
    while (send(pair[0], large, 1000, MSG_DONTWAIT) == 1000)
        n++;
    CHECK(errno == EAGAIN && n > 5 && n < 1000);
    pid_t child = fork();
    if (!child) /* waits for room */
        _exit(write(pair[0], "waited", 6) != 6);
    usleep(20000);
    for (int i = 0; i < n; i++)
        CHECK(read(pair[1], large, sizeof large) == 1000);
    int status;
    CHECK(read(pair[1], text, 64) == 6 && waitpid(child, &status, 0) == child && status == 0);
    close(pair[0]);
    if (type == SOCK_SEQPACKET) {
        CHECK(read(pair[1], text, 64) == 0);
        CHECK_ERROR(write(pair[1], "x", 1), EPIPE); /* without SIGPIPE */
    } else {
        CHECK_ERROR(recv(pair[1], text, 64, MSG_DONTWAIT), EAGAIN);
        CHECK_ERROR(write(pair[1], "x", 1), ECONNREFUSED);
        CHECK_ERROR(write(pair[1], "x", 1), ENOTCONN);
    }
    close(pair[1]);
}

static void datagrams(void)
{
    struct sockaddr_un name = {AF_UNIX, "letters"}, from;
    struct sockaddr none = {AF_UNSPEC, {0}};
    socklen_t length = sizeof from;
    char text[8];
    int server = socket(AF_UNIX, SOCK_DGRAM, 0), client = socket(AF_UNIX, SOCK_DGRAM, 0), third = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK_ERROR(write(client, "x", 1), ENOTCONN);
    CHECK_ERROR(sendto(client, "x", 1, 0, (struct sockaddr *)&name, sizeof name), ENOENT);
    CHECK(bind(server, (struct sockaddr *)&name, sizeof name) == 0);
    CHECK(sendto(client, "to", 2, 0, (struct sockaddr *)&name, sizeof name) == 2);
    CHECK(recvfrom(server, text, 8, 0, (struct sockaddr *)&from, &length) == 2 && length == 0);
    struct sockaddr_un own = {AF_UNIX, "own"};
    CHECK(bind(client, (struct sockaddr *)&own, sizeof own) == 0);
    CHECK(connect(client, (struct sockaddr *)&name, sizeof name) == 0 && write(client, "hello", 5) == 5);
    length = sizeof from;
    CHECK(recvfrom(server, text, 8, 0, (struct sockaddr *)&from, &length) == 5 && length == FAMILY + 4);
    CHECK(!strcmp(from.sun_path, "own"));
    CHECK(sendto(server, "reply", 5, 0, (struct sockaddr *)&from, length) == 5 && read(client, text, 8) == 5);
    /* A connected one takes from its peer alone. */
    CHECK_ERROR(sendto(third, "x", 1, 0, (struct sockaddr *)&own, sizeof own), EPERM);
    CHECK_ERROR(connect(third, (struct sockaddr *)&own, sizeof own), EPERM);
    /* A reader that is behind holds up who is connected; poll tells when it is not. */
    int n = 0, took = 0;
    while (send(client, "x", 1, MSG_DONTWAIT) == 1)
        n++;
    struct pollfd entry = {client, POLLOUT, 0};
    CHECK(errno == EAGAIN && n > 5 && poll(&entry, 1, 0) == 0);
    pid_t child = fork();
    if (!child) {
        usleep(30000);
        while (recv(server, text, 8, MSG_DONTWAIT) == 1)
            took++;
        _exit(took != n);
    }
    int status;
    CHECK(poll(&entry, 1, 5000) == 1 && entry.revents == POLLOUT);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(connect(client, &none, sizeof none) == 0);
    CHECK_ERROR(write(client, "x", 1), ENOTCONN);
    CHECK(sendto(third, "x", 1, 0, (struct sockaddr *)&own, sizeof own) == 1);
    CHECK(shutdown(client, SHUT_RD) == 0 && read(client, text, 8) == 1 && read(client, text, 8) == 0);
    close(server);
    CHECK_ERROR(sendto(third, "x", 1, 0, (struct sockaddr *)&name, sizeof name), ECONNREFUSED);
    close(client);
    close(third);
}

static int abstract(int type, const char *text)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type, 0);
    memcpy(name.sun_path + 1, text, strlen(text));
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&name, FAMILY + 1 + strlen(text)) == 0);
    return fd;
}

static long connect_to(int fd, const char *text)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path + 1, text, strlen(text));
    return connect(fd, (struct sockaddr *)&name, FAMILY + 1 + strlen(text));
}

static int pending_error(int fd)
{
    int error = -1;
    socklen_t length = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) ? -1 : error;
}

/* What a datagram socket received goes with its peer, and that one learns it. */
static void changed_peers(void)
{
    char text[8];
    int one = abstract(SOCK_DGRAM | SOCK_NONBLOCK, "one"), other = abstract(SOCK_DGRAM, "other"), third = abstract(SOCK_DGRAM, "third");
    CHECK(connect_to(one, "other") == 0 && connect_to(other, "one") == 0);
    CHECK(write(other, "old", 3) == 3 && connect_to(one, "other") == 0); /* the same one */
    CHECK(recv(one, text, 8, 0) == 3 && write(other, "old", 3) == 3);
    CHECK(connect_to(one, "third") == 0);
    CHECK_ERROR(recv(one, text, 8, 0), EAGAIN);
    CHECK(pending_error(other) == ECONNRESET && pending_error(other) == 0);
    CHECK_ERROR(write(other, "x", 1), EPERM);
    close(other);
    other = abstract(SOCK_DGRAM, "other");
    CHECK(connect_to(other, "one") == -1 && connect_to(third, "one") == 0 && write(third, "last", 4) == 4);
    close(third);
    CHECK_ERROR(write(one, "x", 1), ECONNREFUSED);
    CHECK_ERROR(recv(one, text, 8, 0), EAGAIN);
    close(one);
    close(other);
}

/* A socket may send more to itself than to others that do not read, and writev of nothing sends nothing. */
static void itself(void)
{
    struct sockaddr_un name = {AF_UNIX, "\0self"};
    struct iovec nothing[2] = {{"x", 0}, {"y", 0}};
    char text[8];
    int fd = abstract(SOCK_DGRAM | SOCK_NONBLOCK, "self"), i;
    for (i = 0; i < 100 && sendto(fd, "x", 1, 0, (struct sockaddr *)&name, FAMILY + 5) == 1; i++)
        ;
    CHECK(i == 100);
    close(fd);
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) == 0);
    CHECK(writev(pair[0], nothing, 2) == 0);
    CHECK_ERROR(recv(pair[1], text, 8, 0), EAGAIN);
    CHECK(write(pair[0], "", 0) == 0 && recv(pair[1], text, 8, 0) == 0);
    close(pair[0]);
    CHECK_ERROR(write(pair[1], "x", 1), ECONNREFUSED);
    CHECK(shutdown(pair[1], SHUT_WR) == 0);
    struct sockaddr_un missing = {AF_UNIX, "\0missing"};
    CHECK_ERROR(sendto(pair[1], "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&missing, FAMILY + 8), EPIPE); /* not ECONNREFUSED */
    close(pair[1]);
}

/* An error comes before the packets, but behind a stream's bytes. */
static void errors_first(void)
{
    char text[8];
    for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type += SOCK_SEQPACKET - SOCK_STREAM) {
        CHECK(socketpair(AF_UNIX, type, 0, pair) == 0);
        CHECK(write(pair[1], "unread", 6) == 6 && write(pair[0], "queued", 6) == 6);
        close(pair[0]);
        if (type == SOCK_STREAM)
            CHECK(read(pair[1], text, 8) == 6);
        CHECK_ERROR(read(pair[1], text, 8), ECONNRESET);
        if (type == SOCK_SEQPACKET)
            CHECK(read(pair[1], text, 8) == 6);
        CHECK(read(pair[1], text, 8) == 0);
        close(pair[1]);
    }
}

/* Passing credentials: it gives who sends a name, and goes over to accepted sockets; the process that is named must exist. */
static void passing(void)
{
    struct sockaddr_un name;
    socklen_t length = sizeof name;
    int on = 1, server = abstract(SOCK_STREAM, "passing"), client = socket(AF_UNIX, SOCK_STREAM, 0);
    char byte = 'x';
    struct iovec vector = {&byte, 1};
    union control control = {.header = {CMSG_LEN(sizeof(struct ucred)), 0, SOL_SOCKET, SCM_CREDENTIALS}};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(sizeof(struct ucred))};
    struct ucred who = {4194303, getuid(), getgid()};
    CHECK(setsockopt(server, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 && listen(server, 1) == 0);
    CHECK(connect_to(client, "passing") == 0 && write(client, "x", 1) == 1);
    int accepted = accept(server, NULL, NULL);
    struct got got = receive(accepted, 8, 200, 0);
    CHECK(got.length == 1 && got.has_who && got.who.pid == getpid());
    memcpy(CMSG_DATA(&control.header), &who, sizeof who);
    CHECK_ERROR(sendmsg(client, &message, 0), geteuid() ? EPERM : ESRCH);
    who = (struct ucred){getpid(), (uid_t)-1, getgid()};
    memcpy(CMSG_DATA(&control.header), &who, sizeof who);
    CHECK_ERROR(sendmsg(client, &message, 0), geteuid() ? EPERM : EINVAL);
    close(server);
    close(client);
    close(accepted);
    for (int how = 0; how < 2; how++) {
        CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
        CHECK(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 && setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
        CHECK((how ? write(pair[0], "x", 1) : send(pair[0], "x", 1, 0)) == 1);
        length = sizeof name;
        CHECK(getsockname(pair[0], (struct sockaddr *)&name, &length) == 0 && length == FAMILY + 6 && name.sun_path[0] == 0 && name.sun_path[5]);
        /* Nowhere to put what came along: that is no error. */
        message.msg_control = NULL;
        message.msg_controllen = 64;
        CHECK(recvmsg(pair[1], &message, 0) == 1 && message.msg_flags == MSG_CTRUNC && message.msg_controllen == 0);
        CHECK(send_files(pair[0], "x", 1, pair, 2) == 1);
        int lowest = dup(0);
        close(lowest);
        message.msg_control = BAD;
        message.msg_controllen = 64;
        CHECK(recvmsg(pair[1], &message, 0) == 1 && message.msg_flags == MSG_CTRUNC && message.msg_controllen == 0);
        CHECK(!is_open(lowest));
        close(pair[0]);
        close(pair[1]);
    }
}

int main(void)
{
    char directory[] = "socket_messages.XXXXXX";
    CHECK(mkdtemp(directory) && chdir(directory) == 0);
    descriptors(SOCK_STREAM);
    descriptors(SOCK_SEQPACKET);
    descriptors(SOCK_DGRAM);
    peeking();
    refused();
    credentials();
    packets(SOCK_SEQPACKET);
    packets(SOCK_DGRAM);
    datagrams();
    changed_peers();
    itself();
    errors_first();
    passing();
    return check_done();
}
