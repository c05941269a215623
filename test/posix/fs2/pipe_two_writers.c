// Is room for a small write used though a writer of much waits for more of it?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>

enum { PAGE = 4096, FULL = 65536, MUCH = 200000, ROUNDS = 150 };

static int ends[2];
static char bytes[MUCH], taken[FULL];
static _Atomic int started;
static int delay;

static void *write_little(void *unused)
{
    started = 1;
    CHECK(write(ends[1], bytes, PAGE) == PAGE);
    return NULL;
}

static void *write_much(void *unused)
{
    while (!started)
        ;
    for (volatile int i = 0; i < delay; i++)
        ;
    CHECK(write(ends[1], bytes, MUCH) == MUCH);
    return NULL;
}

static int waiting(void)
{
    int count = 0;
    CHECK(ioctl(ends[0], FIONREAD, &count) == 0);
    return count;
}

int main(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t little, much;
        CHECK(pipe(ends) == 0 && write(ends[1], bytes, FULL) == FULL);
        started = 0;
        delay = round * 137 % 20000;
        pthread_create(&much, NULL, write_much, NULL);
        pthread_create(&little, NULL, write_little, NULL);
        nanosleep(&(struct timespec){0, 3000000}, NULL);
        CHECK(read(ends[0], taken, PAGE) == PAGE);
        long limit = milliseconds() + 60000;
        while (waiting() <= FULL - PAGE && milliseconds() < limit)
            nanosleep(&(struct timespec){0, 500000}, NULL);
        CHECK(waiting() > FULL - PAGE);
        for (long left = FULL + MUCH; left;) {
            ssize_t got = read(ends[0], taken, sizeof taken);
            CHECK(got > 0);
            if (got <= 0)
                return check_done();
            left -= got;
        }
        pthread_join(little, NULL);
        pthread_join(much, NULL);
        close(ends[0]);
        close(ends[1]);
    }
    return check_done();
}
