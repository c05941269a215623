// Does a pair of stream sockets carry bytes both ways as Linux' does: order, ends, shutdown, resets, partial writes, waiting, time limits?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"
#include "../Inputs/state.h"

#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { MUCH = 3 << 20 };

static int pair[2];
static volatile int signals;

static void make(int type)
{
    CHECK(socketpair(AF_UNIX, type, 0, pair) == 0);
}

static void drop(void)
{
    close(pair[0]);
    close(pair[1]);
}

static void count(int signal)
{
    signals++;
}

static void bytes(void)
{
    char text[64] = "";
    int waiting = -1;
    struct stat status;
    make(SOCK_STREAM | SOCK_CLOEXEC);
    CHECK(fcntl(pair[0], F_GETFD) == FD_CLOEXEC && fcntl(pair[1], F_GETFD) == FD_CLOEXEC);
    CHECK(fstat(pair[0], &status) == 0 && S_ISSOCK(status.st_mode));
    CHECK(write(pair[0], "one", 3) == 3 && write(pair[0], "two", 3) == 3);
    CHECK(send(pair[1], "back", 4, 0) == 4);
    CHECK(ioctl(pair[1], FIONREAD, &waiting) == 0 && waiting == 6);
    CHECK(recv(pair[1], text, sizeof text, MSG_PEEK) == 6 && !memcmp(text, "onetwo", 6));
    CHECK(read(pair[1], text, 4) == 4 && !memcmp(text, "onet", 4));
    CHECK(read(pair[1], text, 10) == 2 && !memcmp(text, "wo", 2));
    CHECK(read(pair[0], text, sizeof text) == 4 && !memcmp(text, "back", 4));
    struct iovec parts[3] = {{"a", 1}, {"", 0}, {"bcd", 3}};
    CHECK(writev(pair[1], parts, 3) == 4);
    struct iovec into[2] = {{text, 2}, {text + 10, 5}};
    CHECK(readv(pair[0], into, 2) == 4 && !memcmp(text, "ab", 2) && !memcmp(text + 10, "cd", 2));
    CHECK_ERROR(recv(pair[0], text, 1, MSG_DONTWAIT), EAGAIN);
    CHECK_ERROR(lseek(pair[0], 0, SEEK_CUR), ESPIPE);
    CHECK_ERROR(pread(pair[0], text, 1, 0), ESPIPE);
    CHECK(read(pair[0], text, 0) == 0);
    CHECK(send(pair[0], "", 0, 0) == 0);
    CHECK_ERROR(recv(pair[1], text, 1, MSG_DONTWAIT), EAGAIN);
    CHECK_ERROR(ioctl(pair[0], TCGETS, text), ENOTTY);
    drop();
}

static void ends(void)
{
    char text[8];
    make(SOCK_STREAM);
    CHECK(write(pair[0], "last", 4) == 4);
    CHECK(shutdown(pair[0], SHUT_WR) == 0);
    CHECK(read(pair[1], text, 8) == 4 && read(pair[1], text, 8) == 0 && read(pair[1], text, 8) == 0);
    CHECK(write(pair[1], "still", 5) == 5 && read(pair[0], text, 8) == 5);
    CHECK_ERROR(send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK(signals == 0);
    CHECK_ERROR(write(pair[0], "x", 1), EPIPE);
    CHECK(signals == 1);
    CHECK_ERROR(send(pair[0], "x", 1, 0), EPIPE);
    CHECK(signals == 2);
    CHECK_ERROR(shutdown(pair[0], 3), EINVAL);
    close(pair[0]);
    CHECK_ERROR(send(pair[1], "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK(read(pair[1], text, 8) == 0);
    close(pair[1]);
    make(SOCK_STREAM);
    CHECK(shutdown(pair[0], SHUT_RD) == 0);
    CHECK(read(pair[0], text, 8) == 0);
    CHECK_ERROR(send(pair[1], "x", 1, MSG_NOSIGNAL), EPIPE);
    drop();
    /* A side that closes with something unread resets the connection: said once. */
    make(SOCK_STREAM);
    int error = -1;
    socklen_t length = sizeof error;
    CHECK(write(pair[0], "unread", 6) == 6 && write(pair[1], "read", 4) == 4);
    close(pair[1]);
    CHECK(read(pair[0], text, 8) == 4);
    CHECK_ERROR(read(pair[0], text, 8), ECONNRESET);
    CHECK(read(pair[0], text, 8) == 0);
    CHECK(getsockopt(pair[0], SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0);
    close(pair[0]);
}

static void full(void)
{
    static char block[MUCH];
    make(SOCK_STREAM | SOCK_NONBLOCK);
    CHECK(fcntl(pair[0], F_GETFL) == (O_RDWR | O_NONBLOCK));
    long filled = write(pair[0], block, MUCH);
    CHECK(filled > 60000 && filled < 500000);
    while (write(pair[0], block, 4096) > 0) /* Linux may have room for a little more */
        ;
    CHECK_ERROR(write(pair[0], block, 4096), EAGAIN);
    struct pollfd entry = {pair[0], POLLOUT, 0};
    CHECK(poll(&entry, 1, 0) == 0);
    while (read(pair[1], block, MUCH) > 0)
        ;
    CHECK(poll(&entry, 1, 0) == 1 && entry.revents == POLLOUT);
    drop();
}

static void *reader(void *unused)
{
    static char into[MUCH];
    long done = 0;
    while (done < MUCH) {
        long part = read(pair[1], into + done, 10000);
        if (part <= 0)
            break;
        done += part;
    }
    for (long i = 0; i < done; i++)
        if (into[i] != (char)(i * 7 >> 3)) {
            CHECK(!"the bytes in order");
            break;
        }
    return (void *)done;
}

/* A writer of much waits for room, also for a reader that wants all at once. */
static void waiting(void)
{
    static char block[MUCH], into[MUCH];
    for (long i = 0; i < MUCH; i++)
        block[i] = (char)(i * 7 >> 3);
    pthread_t thread;
    void *got;
    make(SOCK_STREAM);
    CHECK(pthread_create(&thread, NULL, reader, NULL) == 0);
    CHECK(write(pair[0], block, MUCH) == MUCH);
    pthread_join(thread, &got);
    CHECK((long)got == MUCH);
    pid_t child = fork();
    if (!child)
        _exit(write(pair[0], block, MUCH) != MUCH);
    int status;
    CHECK(recv(pair[1], into, MUCH, MSG_WAITALL) == MUCH && !memcmp(into, block, MUCH));
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    drop();
    /* MSG_WAITALL ends with the stream. */
    make(SOCK_STREAM);
    CHECK(write(pair[0], "abc", 3) == 3);
    close(pair[0]);
    CHECK(recv(pair[1], into, 10, MSG_WAITALL) == 3);
    close(pair[1]);
}

static void limits(void)
{
    char text[8];
    static char block[MUCH];
    struct timeval limit = {0, 50000}, said = {9, 9};
    socklen_t length = sizeof said;
    make(SOCK_STREAM);
    CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    CHECK(setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0);
    CHECK(getsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &said, &length) == 0 && length == sizeof said);
    CHECK(said.tv_sec == 0 && said.tv_usec >= 48000 && said.tv_usec <= 54000);
    long before = milliseconds();
    CHECK_ERROR(read(pair[0], text, 8), EAGAIN);
    CHECK(milliseconds() - before >= 40);
    CHECK(write(pair[0], block, MUCH) > 0);
    while (send(pair[0], block, 4096, MSG_DONTWAIT) > 0)
        ;
    before = milliseconds();
    CHECK_ERROR(write(pair[0], block, 4096), EAGAIN);
    CHECK(milliseconds() - before >= 40);
    drop();
}

static void signal_and_write(struct task_sleeper *sleeper)
{
    int before = signals;
    pthread_kill(sleeper->thread, SIGALRM);
    while (signals == before)
        usleep(1000);
    CHECK(task_becomes(getpid(), sleeper->tid, 'S')); /* it waits again */
    CHECK(write(pair[1], "late", 4) == 4);
}

/* EINTR, and restarting. */
static void interrupts(void)
{
    char text[8];
    struct sigaction action = {.sa_handler = count};
    struct itimerval often = {{0, 30000}, {0, 30000}}, never = {{0, 0}, {0, 0}};
    struct task_sleeper sleeper;
    make(SOCK_STREAM);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    CHECK_ERROR(read(pair[0], text, 8), EINTR);
    setitimer(ITIMER_REAL, &never, NULL);
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    int before = signals;
    CHECK(task_sleeps(&sleeper, signal_and_write, 0));
    CHECK(read(pair[0], text, 8) == 4 && signals == before + 1);
    task_slept(&sleeper);
    /* With a time limit it is never restarted: signal(7). */
    struct timeval limit = {60, 0};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setitimer(ITIMER_REAL, &often, NULL);
    CHECK_ERROR(recv(pair[0], text, 8, 0), EINTR);
    setitimer(ITIMER_REAL, &never, NULL);
    drop();
}

static void *closer(void *unused)
{
    usleep(30000);
    shutdown(pair[1], SHUT_RDWR);
    return NULL;
}

/* Who sleeps in a read is woken by the other side's end. */
static void wakes(void)
{
    char text[8];
    pthread_t thread;
    make(SOCK_STREAM);
    pthread_create(&thread, NULL, closer, NULL);
    CHECK(read(pair[0], text, 8) == 0);
    pthread_join(thread, NULL);
    drop();
    make(SOCK_STREAM);
    pid_t child = fork();
    if (!child) {
        usleep(30000);
        _exit(0);
    }
    close(pair[1]);
    CHECK(read(pair[0], text, 8) == 0); /* the child's end was the last */
    close(pair[0]);
    waitpid(child, NULL, 0);
}

static void end_other(struct task_sleeper *sleeper)
{
    close(pair[1]);
}

/* Who waits for room learns that what it had sent will not be read. */
static void resets(void)
{
    static char block[MUCH];
    struct task_sleeper sleeper;
    for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type += SOCK_SEQPACKET - SOCK_STREAM) {
        make(type);
        while (send(pair[0], block, 4096, MSG_DONTWAIT) > 0)
            ;
        CHECK(task_sleeps(&sleeper, end_other, 0));
        CHECK_ERROR(send(pair[0], block, 4096, MSG_NOSIGNAL), ECONNRESET);
        CHECK_ERROR(send(pair[0], block, 4096, MSG_NOSIGNAL), EPIPE);
        task_slept(&sleeper);
        close(pair[0]);
    }
}

int main(void)
{
    struct sigaction action = {.sa_handler = count};
    sigaction(SIGPIPE, &action, NULL);
    bytes();
    ends();
    full();
    waiting();
    limits();
    interrupts();
    wakes();
    resets();
    return check_done();
}
