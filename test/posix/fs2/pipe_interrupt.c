// Does a signal end a blocked read of a pipe, and does SA_RESTART take it up again?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/time.h>

static int ends[2];
static volatile int rounds, writes_at;

static void on_alarm(int number)
{
    if (++rounds == writes_at)
        write(ends[1], "x", 1);
}

int main(void)
{
    char byte;
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval timer = {{0, 20000}, {0, 20000}};
    CHECK(pipe(ends) == 0);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    CHECK_ERROR(read(ends[0], &byte, 1), EINTR);
    CHECK(rounds >= 1);
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    rounds = 0;
    writes_at = 3;
    CHECK(read(ends[0], &byte, 1) == 1);
    CHECK(rounds >= 3);

    /* A blocked write is the same. */
    static char block[65536];
    action.sa_flags = 0;
    writes_at = 0;
    sigaction(SIGALRM, &action, NULL);
    CHECK(write(ends[1], block, sizeof block) == sizeof block);
    CHECK_ERROR(write(ends[1], block, 1), EINTR);
    CHECK(read(ends[0], block, 10000) == 10000);
    CHECK(write(ends[1], block, sizeof block) >= 8192 - 4096); /* partial, then the signal */
    return check_done();
}
