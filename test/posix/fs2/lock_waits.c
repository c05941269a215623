// Does a signal end the wait for a lock?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/file.h>
#include <sys/time.h>

static void on_alarm(int number)
{
}

int main(void)
{
    int one = open("lock_waits.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600), two = open("lock_waits.tmp", O_RDWR);
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval timer = {{0, 30000}, {0, 30000}}; /* again, as the first one may come before the wait */
    struct flock lock = {.l_type = F_WRLCK, .l_len = 1};
    sigaction(SIGALRM, &action, NULL);
    CHECK(flock(one, LOCK_EX) == 0);
    setitimer(ITIMER_REAL, &timer, NULL);
    CHECK_ERROR(flock(two, LOCK_EX), EINTR);
    CHECK(fcntl(one, F_OFD_SETLK, &lock) == 0);
    setitimer(ITIMER_REAL, &timer, NULL);
    CHECK_ERROR(fcntl(two, F_OFD_SETLKW, &lock), EINTR);
    setitimer(ITIMER_REAL, &timer, NULL);
    CHECK_ERROR(fcntl(two, F_SETLKW, &lock), EINTR);
    unlink("lock_waits.tmp");
    return check_done();
}
