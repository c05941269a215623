/* A pseudo-terminal for a test. The kernel moves data between its sides by a worker of its own, so
 * whoever expects some waits for it. */
#ifndef PAIR_H
#define PAIR_H

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "../../Inputs/check.h"

static int master, slave;

static int open_slave(int flags)
{
    return open(ptsname(master), O_RDWR | flags);
}

static void open_pair(void)
{
    master = posix_openpt(O_RDWR | O_NOCTTY);
    CHECK(master >= 0 && !grantpt(master) && !unlockpt(master));
    slave = open_slave(O_NOCTTY);
    CHECK(slave >= 0);
}

static void close_pair(void)
{
    close(slave);
    close(master);
}

static int ready(int fd, int events, int milliseconds)
{
    struct pollfd one = {fd, (short)events, 0};
    return poll(&one, 1, milliseconds) == 1 ? one.revents : 0;
}

/* Reads `length` bytes, in as many pieces as they come, and nothing may come behind them. */
static int gives(int fd, const char *wanted, size_t length)
{
    char bytes[16384];
    size_t got = 0;
    while (got < length && ready(fd, POLLIN, 5000)) {
        ssize_t part = read(fd, bytes + got, sizeof bytes - got);
        if (part <= 0)
            break;
        got += (size_t)part;
    }
    if (ready(fd, POLLIN, 20) && got < sizeof bytes) {
        ssize_t part = read(fd, bytes + got, sizeof bytes - got);
        got += part > 0 ? (size_t)part : 0;
    }
    if (got == length && !memcmp(bytes, wanted, length))
        return 1;
    printf("# got %zu bytes, wanted %zu:", got, length);
    for (size_t i = 0; i < got && i < 60; i++)
        printf(" %02x", (unsigned char)bytes[i]);
    printf("\n");
    return 0;
}
#define GIVES(fd, text) CHECK(gives(fd, text, sizeof text - 1))

/* Reads whatever comes, up to this. */
static int drains(int fd, const char *last, size_t length)
{
    char bytes[16384];
    size_t got = 0;
    while (got < sizeof bytes && ready(fd, POLLIN, 5000)) {
        ssize_t part = read(fd, bytes + got, sizeof bytes - got);
        if (part <= 0)
            break;
        got += (size_t)part;
        if (got >= length && !memcmp(bytes + got - length, last, length))
            return 1;
    }
    printf("# %zu bytes came, and not what was to be the last\n", got);
    return 0;
}
#define DRAINS(fd, text) CHECK(drains(fd, text, sizeof text - 1))

/* One read of exactly this. */
static int reads(int fd, const char *wanted, size_t length)
{
    char bytes[8192];
    if (!ready(fd, POLLIN, 5000))
        printf("# nothing to read\n");
    else {
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got == (ssize_t)length && !memcmp(bytes, wanted, length))
            return 1;
        printf("# one read got %zd bytes, wanted %zu: %.*s\n", got, length, (int)got, bytes);
    }
    return 0;
}
#define READS(fd, text) CHECK(reads(fd, text, sizeof text - 1))

static void type(int fd, const char *text, size_t length)
{
    CHECK(write(fd, text, length) == (ssize_t)length);
}
#define TYPE(text) type(master, text, sizeof text - 1)
#define SAY(text) type(slave, text, sizeof text - 1)

static void settings(tcflag_t input_on, tcflag_t input_off, tcflag_t output_on, tcflag_t output_off,
                     tcflag_t local_on, tcflag_t local_off)
{
    struct termios t;
    CHECK(!tcgetattr(slave, &t));
    t.c_iflag = (t.c_iflag | input_on) & ~input_off;
    t.c_oflag = (t.c_oflag | output_on) & ~output_off;
    t.c_lflag = (t.c_lflag | local_on) & ~local_off;
    CHECK(!tcsetattr(slave, TCSANOW, &t));
}

static void character(int index, int value)
{
    struct termios t;
    CHECK(!tcgetattr(slave, &t));
    t.c_cc[index] = (cc_t)value;
    CHECK(!tcsetattr(slave, TCSANOW, &t));
}

#endif
