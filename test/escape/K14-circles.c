// Are sockets that were sent to each other and closed, which nobody can receive any more, freed with all that waits in them, and nothing else?
// Does the process that made them leave others the right to send descriptors? Natively it must be so, too.
// RUN: %lind-cc -O1 -D_GNU_SOURCE -I%root/test/posix/Inputs %s -o %t && rm -rf %t.dir && mkdir %t.dir && cd %t.dir && timeout 300 %lind-run %t
// The kernel's own collector, for which senders wait, is a single thread that has its turn to wait for: two threads are enough for it.
// RUN: musl-gcc -static -O1 -D_GNU_SOURCE -DTHREADS=2 -I%root/test/posix/Inputs %s -o %t.native && rm -rf %t.dir && mkdir %t.dir && cd %t.dir && timeout 300 %t.native
// The control: with one end of each kept open it may all be received yet, and the limit is met.
// RUN: cd %t.dir && timeout 300 %lind-run %t keep | FileCheck %s
// CHECK: too many references
// Does what is being freed leave others the right to send, sockets or not, and do threads that meet the limit at the same time? (Linux frees at leisure, and asks no privileged process.)
// RUN: cd %t.dir && timeout 300 %lind-run %t found && timeout 300 %lind-run %t limit
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* With many threads the one that frees a circle seldom runs, while others make and free their own. */
enum { LIMIT = 400, ROUNDS = 300 };
#ifndef THREADS
#define THREADS 24
#endif

static long send_all(int to, const int *files, unsigned count)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(253 * sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec vector = {"x", 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    memcpy(CMSG_DATA(&control.header), files, count * sizeof *files);
    return sendmsg(to, &message, MSG_DONTWAIT);
}

static long send_one(int to, int file)
{
    return send_all(to, &file, 1);
}

static int receive_flags(int from, int flags)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    int file = -1;
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(from, &message, MSG_DONTWAIT | flags) == 1 && message.msg_controllen >= sizeof control.header)
        memcpy(&file, CMSG_DATA(&control.header), sizeof file);
    return file;
}

/* A pipe's end that goes with a circle: it is gone when the circle is. */
static int witness, witnesses[2];

static void pair_of_two(int type)
{
    int pair[2];
    CHECK(!socketpair(AF_UNIX, type, 0, pair));
    CHECK(send_all(pair[0], (int[3]){pair[0], pair[1], witness}, 3) == 1);
    CHECK(send_one(pair[1], pair[0]) == 1);
    close(pair[0]);
    close(pair[1]);
}

static void ring_of_three(void)
{
    int pairs[3][2];
    for (int i = 0; i < 3; i++)
        CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]));
    for (int i = 0; i < 3; i++)
        CHECK(send_all(pairs[i][0], (int[2]){pairs[(i + 1) % 3][1], witness}, 2) == 1);
    for (int i = 0; i < 6; i++)
        close(pairs[i / 2][i % 2]);
}

/* What waits in the connection that waits in the listening socket is that socket. */
static void listener(void)
{
    static _Atomic int number;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length = (int)offsetof(struct sockaddr_un, sun_path) + 1 + snprintf(name.sun_path + 1, 50, "circle%d.%d", getpid(), number++);
    int listening = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(!bind(listening, (struct sockaddr *)&name, (socklen_t)length) && !listen(listening, 2));
    CHECK(!connect(client, (struct sockaddr *)&name, (socklen_t)length));
    CHECK(send_all(client, (int[2]){listening, witness}, 2) == 1);
    close(listening);
    close(client);
}

static void circles(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        pair_of_two(SOCK_STREAM);
        pair_of_two(i & 1 ? SOCK_DGRAM : SOCK_SEQPACKET);
        ring_of_three();
        listener();
    }
}

static int gone(int reader)
{
    struct pollfd entry = {.fd = reader};
    return poll(&entry, 1, 0) == 1 && entry.revents & POLLHUP;
}

/* What lives: a socket that waits in one that waits in one that is open, and one that waits in a circle, but is open. */
static void living(void)
{
    int outer[2], inner[2], other[2], byte = 0;
    CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, outer) && !socketpair(AF_UNIX, SOCK_STREAM, 0, inner) &&
          !socketpair(AF_UNIX, SOCK_DGRAM, 0, other));
    CHECK(send_one(inner[0], inner[1]) == 1 && send_one(inner[0], other[1]) == 1);
    CHECK(send_one(outer[0], inner[1]) == 1 && send_one(other[0], other[1]) == 1 && write(other[0], "a", 1) == 1);
    close(inner[1]);
    close(inner[0]);
    circles();
    int peeked = receive_flags(outer[1], MSG_PEEK);
    CHECK(peeked >= 0 && !close(peeked));
    circles();
    int found = receive_flags(outer[1], 0), itself = receive_flags(found, 0), last = receive_flags(itself, 0);
    CHECK(found >= 0 && itself >= 0 && last >= 0);
    close(other[1]);
    circles();
    int again = receive_flags(last, 0);
    CHECK(again >= 0 && read(last, &byte, 1) == 1 && byte == 'a');
    for (int file = 3; file < LIMIT; file++)
        if (file != witness && file != witnesses[0])
            close(file);
}

static void *threads_circles(void *unused)
{
    circles();
    return unused;
}

static int keep(void)
{
    int pair[2];
    for (int i = 0; i < LIMIT; i++)
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || send_all(pair[0], (int[2]){pair[1], pair[1]}, 2) != 1)
            break;
        else
            close(pair[0]);
    puts(errno == ETOOMANYREFS ? "too many references" : strerror(errno));
    return 0;
}

/* Another process's end leaves a circle in which files wait that take long to free. While it frees them, this one sends. */
static void found(void)
{
    enum { PAIRS = 20, FILES = 6, BYTES = 1 << 20 };
    struct pollfd gone[PAIRS];
    int pairs[PAIRS][2], go[2], status;
    CHECK(!pipe(go));
    for (int i = 0; i < PAIRS; i++) {
        int ends[2], files[FILES];
        CHECK(!pipe(ends) && !socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]) && send_one(pairs[i][0], ends[1]) == 1);
        gone[i] = (struct pollfd){.fd = ends[0]};
        close(ends[1]);
        for (int k = 0; k < 2; k++) {
            for (int j = 0; j < FILES; j++)
                CHECK((files[j] = memfd_create("slow", 0)) >= 0 && !posix_fallocate(files[j], 0, BYTES));
            CHECK(send_all(pairs[i][0], files, FILES) == 1);
            for (int j = 0; j < FILES; j++)
                close(files[j]);
        }
    }
    for (int i = 0; i < PAIRS; i++)
        CHECK(send_all(pairs[i][0], pairs[(i + 1) % PAIRS], 2) == 1);
    pid_t pid = fork();
    if (!pid) {
        char byte;
        _exit(read(go[0], &byte, 1) != 1);
    }
    for (int i = 0; i < PAIRS; i++)
        CHECK(!close(pairs[i][0]) && !close(pairs[i][1]));
    CHECK(write(go[1], "", 1) == 1 && poll(gone, PAIRS, -1) > 0);
    int pair[2];
    CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    for (int i = 0; i < 45; i++)
        CHECK(send_all(pair[0], (int[8]){0, 1, 2, 0, 1, 2, 0, 1}, 8) == 1);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

enum { LIVING = 5000, SENDERS = 4, EACH = 250 };

static void *sender(void *unused)
{
    for (int i = 0; i < 2000; i++) {
        int pair[2], files[EACH];
        CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
        for (int j = 0; j < EACH; j++)
            files[j] = pair[1];
        CHECK(send_all(pair[0], files, EACH) == 1);
        close(pair[0]);
        close(pair[1]);
    }
    return unused;
}

/* So much lives that not every close has a look for circles, and all that the threads may have on their way at once is what is left. */
static void at_limit(void)
{
    const struct rlimit limit = {LIVING + SENDERS * EACH, LIVING + SENDERS * EACH};
    int keep[2];
    pthread_t threads[SENDERS];
    CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
    for (int i = 0; i < LIVING; i++) {
        int pair[2];
        if (i % 200 == 0)
            CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, keep));
        CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair) && send_one(keep[0], pair[0]) == 1);
        close(pair[0]);
        close(pair[1]);
    }
    for (int i = 0; i < SENDERS; i++)
        CHECK(!pthread_create(&threads[i], NULL, sender, NULL));
    for (int i = 0; i < SENDERS; i++)
        CHECK(!pthread_join(threads[i], NULL));
}

int main(int argc, char **argv)
{
    const struct rlimit limit = {LIMIT, LIMIT};
    int status;
    if (argc > 1 && !strcmp(argv[1], "limit")) {
        at_limit();
        return check_end();
    }
    CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
    if (argc > 1 && !strcmp(argv[1], "keep"))
        return keep();
    if (argc > 1) {
        found();
        return check_end();
    }
    CHECK(!pipe(witnesses));
    witness = witnesses[1];
    circles();
    living();
    pid_t pid = fork();
    if (!pid) {
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
            CHECK(!pthread_create(&threads[i], NULL, threads_circles, NULL));
        for (int i = 0; i < THREADS; i++)
            CHECK(!pthread_join(threads[i], NULL));
        _exit(check_failures != 0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    close(witness);
    /* Some may be left; later ends of processes, or closed sockets as Linux has it, find them. */
    for (int i = 0; i < 20000 && !gone(witnesses[0]); i++) {
        int pair[2];
        usleep(i < 500 ? 0 : 1000); /* Linux' collector may have other work to wait for */
        CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
        close(pair[0]);
        close(pair[1]);
        if (!(pid = fork()))
            _exit(0);
        CHECK(waitpid(pid, &status, 0) == pid);
    }
    CHECK(gone(witnesses[0]));
    return check_end();
}
