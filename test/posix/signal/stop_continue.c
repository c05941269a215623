// Does a SIGCONT that follows a SIGSTOP at once always win, so that no process stays stopped, as on Linux?
// RUN: %lind-cc -O1 -I%root/test/posix/Inputs %s -o %t && %lind-run %t
#define _GNU_SOURCE
#include "check.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 20000 };

// The child answers each byte with a byte: only if it runs.
static void answer(int from, int to)
{
    char byte;
    while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1)
        ;
    _exit(0);
}

int main(void)
{
    int to[2], from[2], round;
    CHECK(pipe(to) == 0 && pipe(from) == 0);
    pid_t child = fork();
    if (!child) {
        close(to[1]);
        answer(to[0], from[1]);
    }
    for (round = 0; round < ROUNDS; round++) {
        char byte = 'x';
        struct pollfd ready = {.fd = from[0], .events = POLLIN};
        CHECK(kill(child, SIGSTOP) == 0);
        for (volatile int pause = 0; pause < round % 500 * 20; pause++)
            ;
        CHECK(kill(child, SIGCONT) == 0);
        CHECK(write(to[1], &byte, 1) == 1);
        if (poll(&ready, 1, 20000) != 1)
            break;
        CHECK(read(from[0], &byte, 1) == 1);
    }
    CHECK(round == ROUNDS);
    kill(child, SIGKILL);
    CHECK(waitpid(child, NULL, 0) == child);
    return check_end();
}
