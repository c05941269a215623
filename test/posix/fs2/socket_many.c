// Do sendmmsg and recvmmsg send and receive many messages as Linux' do: how many, partial ones, errors behind the first, MSG_WAITFORONE, the time limit?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"
#include "../Inputs/state.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { MANY = 1500 };

static int pair[2];
static char texts[MANY][8];
static struct iovec vectors[MANY];
static struct mmsghdr messages[MANY];

/* count messages of a letter each, or room for 8 bytes. */
static void prepare(int count, int sending)
{
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < count; i++) {
        texts[i][0] = (char)(sending ? 'a' + i % 26 : 0);
        vectors[i] = (struct iovec){texts[i], sending ? 1 : 8};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_len = 77;
    }
}

/* The C library makes its own loop of sendmsg. */
static long send_many(int fd, struct mmsghdr *from, unsigned count, int flags)
{
    return syscall(SYS_sendmmsg, fd, from, count, flags);
}

static long receive_many(int fd, struct mmsghdr *into, unsigned count, int flags, struct timespec *limit)
{
    return syscall(SYS_recvmmsg, fd, into, count, flags, limit);
}

static void make(int type)
{
    CHECK(socketpair(AF_UNIX, type, 0, pair) == 0);
}

static void drop(void)
{
    close(pair[0]);
    close(pair[1]);
}

static void both(void)
{
    make(SOCK_SEQPACKET);
    prepare(5, 1);
    vectors[2].iov_len = 3;
    memcpy(texts[2], "xyz", 3);
    CHECK(send_many(pair[0], messages, 5, 0) == 5);
    for (int i = 0; i < 5; i++)
        CHECK(messages[i].msg_len == (i == 2 ? 3 : 1));
    prepare(8, 0);
    vectors[2].iov_len = 2;
    CHECK(receive_many(pair[1], messages, 8, MSG_DONTWAIT, NULL) == 5);
    for (int i = 0; i < 5; i++)
        CHECK(messages[i].msg_len == (i == 2 ? 2 : 1) && texts[i][0] == (i == 2 ? 'x' : 'a' + i));
    CHECK(messages[2].msg_hdr.msg_flags == MSG_TRUNC && messages[3].msg_hdr.msg_flags == 0 && messages[5].msg_len == 77);
    CHECK_ERROR(receive_many(pair[1], messages, 8, MSG_DONTWAIT, NULL), EAGAIN);
    CHECK(send_many(pair[0], messages, 0, 0) == 0 && receive_many(pair[0], messages, 0, 0, NULL) == 0);
    CHECK_ERROR(send_many(99, messages, 1, 0), EBADF);
    CHECK_ERROR(send_many(1000, messages, 1, 0), EBADF);
    /* No more at once than iovecs; what is left is another call's. */
    shutdown(pair[1], SHUT_WR);
    prepare(MANY, 0);
    CHECK(receive_many(pair[0], messages, 1000, 0, NULL) == 1000 && messages[999].msg_len == 0);
    drop();
    make(SOCK_STREAM);
    prepare(MANY, 1);
    for (int i = 0; i < MANY; i++)
        vectors[i].iov_len = 0;
    CHECK(send_many(pair[0], messages, MANY, 0) == 1024 && messages[1023].msg_len == 0 && messages[1024].msg_len == 77);
    drop();
}

/* An error ends the call; behind a message it is the next call's. */
static void errors(void)
{
    char text[8];
    int error = -1;
    socklen_t length = sizeof error;
    make(SOCK_SEQPACKET);
    prepare(3, 1);
    vectors[1].iov_base = BAD;
    CHECK(send_many(pair[0], messages, 3, 0) == 1 && messages[0].msg_len == 1 && messages[1].msg_len == 77);
    CHECK_ERROR(send_many(pair[0], messages + 1, 2, 0), EFAULT);
    CHECK_ERROR(send_many(pair[0], BAD, 2, 0), EFAULT);
    CHECK(send_many(pair[0], messages, 1, 0) == 1);
    prepare(2, 0);
    vectors[1].iov_base = BAD;
    CHECK(receive_many(pair[1], messages, 2, 0, NULL) == 1);
    CHECK(getsockopt(pair[1], SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == EFAULT);
    /* A reset comes before all. */
    prepare(3, 1);
    CHECK(send_many(pair[0], messages, 3, 0) == 3 && write(pair[1], "unread", 6) == 6);
    close(pair[0]);
    prepare(3, 0);
    CHECK_ERROR(receive_many(pair[1], messages, 3, 0, NULL), ECONNRESET);
    CHECK(receive_many(pair[1], messages, 3, 0, NULL) == 3 && recv(pair[1], text, 8, 0) == 0);
    prepare(3, 1);
    CHECK_ERROR(send_many(pair[1], messages, 3, MSG_NOSIGNAL), EPIPE);
    close(pair[1]);
    /* A message that went in part is the last one. */
    static char block[1 << 20];
    make(SOCK_STREAM);
    prepare(2, 1);
    vectors[0] = (struct iovec){block, sizeof block};
    CHECK(send_many(pair[0], messages, 2, MSG_DONTWAIT) == 1 && messages[0].msg_len > 0 && messages[0].msg_len < sizeof block && messages[1].msg_len == 77);
    drop();
}

static void *later(void *unused)
{
    for (int i = 0; i < 2; i++) {
        usleep(60000);
        CHECK(write(pair[0], "z", 1) == 1);
    }
    return NULL;
}

static void later_for_sleeper(struct task_sleeper *sleeper)
{
    later(NULL);
}

static _Atomic int returned;

/* The second one does not come before the first one is received, unless that never happens. */
static void *one_by_one(void *unused)
{
    for (int i = 0; i < 2; i++) {
        for (int wait = 0; i && wait < 60000 && !returned; wait++)
            usleep(1000);
        CHECK(write(pair[0], "z", 1) == 1);
    }
    return NULL;
}

static void waiting(void)
{
    pthread_t thread;
    struct task_sleeper sleeper;
    struct timespec limit = {100, 0}, wrong = {0, 1000000000};
    make(SOCK_DGRAM);
    prepare(2, 0);
    CHECK_ERROR(receive_many(pair[1], messages, 2, 0, &wrong), EINVAL);
    CHECK_ERROR(receive_many(pair[1], messages, 2, 0, BAD), EFAULT);
    pthread_create(&thread, NULL, later, NULL);
    CHECK(receive_many(pair[1], messages, 2, 0, &limit) == 2 && limit.tv_sec > 10 && limit.tv_sec < 100);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, one_by_one, NULL);
    CHECK(receive_many(pair[1], messages, 2, MSG_WAITFORONE, NULL) == 1);
    returned = 1;
    pthread_join(thread, NULL);
    CHECK(recv(pair[1], texts[0], 8, 0) == 1);
    /* The limit is looked at behind each message. */
    limit = (struct timespec){0, 20000000};
    CHECK(task_sleeps(&sleeper, later_for_sleeper, 0));
    CHECK(receive_many(pair[1], messages, 2, 0, &limit) == 1 && limit.tv_sec == 0 && limit.tv_nsec == 0);
    task_slept(&sleeper);
    drop();
}

/* Descriptors come with their message. */
static void descriptors(void)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control[3] = {0};
    make(SOCK_STREAM);
    prepare(3, 1);
    for (int i = 0; i < 3; i++) {
        control[i].header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control[i].header), &pair[1], sizeof(int));
        messages[i].msg_hdr.msg_control = &control[i];
        messages[i].msg_hdr.msg_controllen = sizeof control[i];
    }
    CHECK(send_many(pair[0], messages, 3, 0) == 3);
    prepare(3, 0);
    for (int i = 0; i < 3; i++) {
        messages[i].msg_hdr.msg_control = &control[i];
        messages[i].msg_hdr.msg_controllen = i == 1 ? 0 : sizeof control[i];
    }
    CHECK(receive_many(pair[1], messages, 3, MSG_CMSG_CLOEXEC, NULL) == 3);
    for (int i = 0; i < 3; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(&control[i].header), sizeof fd);
        CHECK(messages[i].msg_hdr.msg_flags == (int)(MSG_CMSG_CLOEXEC | (i == 1 ? MSG_CTRUNC : 0)));
        CHECK(i == 1 || (fcntl(fd, F_GETFD) == FD_CLOEXEC && close(fd) == 0));
    }
    drop();
}

int main(void)
{
    both();
    errors();
    waiting();
    descriptors();
    return check_done();
}
