// Does poll report for each kind of descriptor what Linux reports?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t < /dev/null
#include "check.h"

#include <poll.h>
#include <sys/eventfd.h>

static int events_of(int fd, short wanted)
{
    struct pollfd entry = {fd, wanted, 0x7fff};
    int n = poll(&entry, 1, 0);
    if (n < 0)
        return -errno;
    if ((n == 1) != (entry.revents != 0))
        return -1;
    return entry.revents;
}

int main(void)
{
    int ends[2];
    char block[65536];
    const short all = POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM | POLLRDBAND | POLLRDHUP;
    CHECK(pipe(ends) == 0);
    CHECK(events_of(ends[0], all) == 0);
    CHECK(events_of(ends[1], all) == (POLLOUT | POLLWRNORM));
    CHECK(events_of(ends[1], POLLOUT) == POLLOUT);
    CHECK(events_of(ends[1], POLLIN) == 0);
    memset(block, 0, sizeof block);
    CHECK(write(ends[1], block, sizeof block) == sizeof block);
    CHECK(events_of(ends[0], all) == (POLLIN | POLLRDNORM));
    CHECK(events_of(ends[1], all) == 0);
    CHECK(read(ends[0], block, sizeof block) == sizeof block);
    CHECK(write(ends[1], "x", 1) == 1);
    close(ends[1]);
    CHECK(events_of(ends[0], POLLIN) == (POLLIN | POLLHUP));
    CHECK(read(ends[0], block, 10) == 1);
    CHECK(events_of(ends[0], POLLIN) == POLLHUP);
    CHECK(events_of(ends[0], 0) == POLLHUP);
    CHECK(events_of(ends[1], POLLIN) == POLLNVAL);
    CHECK(events_of(-1, POLLIN) == 0);
    CHECK(events_of(-5, POLLIN) == 0);
    CHECK(events_of(100000, POLLIN) == POLLNVAL);
    close(ends[0]);
    CHECK(pipe(ends) == 0);
    close(ends[0]);
    CHECK(events_of(ends[1], POLLOUT) == (POLLOUT | POLLERR));
    close(ends[1]);

    int counter = eventfd(0, 0);
    CHECK(events_of(counter, POLLIN | POLLOUT) == POLLOUT);
    uint64_t value = 3;
    CHECK(write(counter, &value, 8) == 8);
    CHECK(events_of(counter, POLLIN | POLLOUT) == (POLLIN | POLLOUT));
    value = UINT64_MAX - 1 - 3;
    CHECK(write(counter, &value, 8) == 8);
    CHECK(events_of(counter, POLLIN | POLLOUT) == POLLIN);
    close(counter);

    int file = open("poll_events.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(events_of(file, POLLIN | POLLOUT) == (POLLIN | POLLOUT));
    close(file);
    unlink("poll_events.tmp");
    int directory = open(".", O_RDONLY);
    CHECK(events_of(directory, POLLIN) == POLLIN);
    close(directory);
    int null = open("/dev/null", O_RDWR);
    CHECK(events_of(null, POLLIN | POLLOUT) == (POLLIN | POLLOUT));

    CHECK_ERROR(poll(BAD, 1, 0), EFAULT);
    CHECK_ERROR(poll(NULL, 1u << 30, 0), EINVAL);
    CHECK(poll(NULL, 0, 0) == 0);
    return check_done();
}
