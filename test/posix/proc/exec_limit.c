// Does a program that needs more memory than RLIMIT_AS allows end its process instead of running, as on Linux?
// RUN: rm -rf %t.dir && mkdir %t.dir && cd %t.dir
// RUN: musl-gcc -static -O1 %s -o native && ./native
// RUN: %lind-cc -O1 %s -o caged && %lind-run -- ./caged
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../Inputs/check.h"

#define MIB (1L << 20)

static volatile char zeroes[32 * MIB], data[16 * MIB] = {1};

/* wait(2)'s status of this program started anew with a limit, and with room for its stack. */
static int started(const char *program, rlim_t most)
{
    int status;
    pid_t pid = fork();
    if (!pid) {
        struct rlimit limit = {most, most}, stack = {MIB, MIB};
        setrlimit(RLIMIT_STACK, &stack);
        setrlimit(RLIMIT_AS, &limit);
        execl(program, program, "again", (char *)NULL);
        _exit(99);
    }
    return waitpid(pid, &status, 0) == pid ? status : -1;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return zeroes[argc * 4096] + data[0] == 1 ? 42 : 98;
    for (int i = 0; i < 2; i++) { /* the second time the program is known */
        CHECK(started(argv[0], MIB) == SIGSEGV);
        CHECK(started(argv[0], 17 * MIB) == SIGSEGV);
        CHECK(started(argv[0], 46 * MIB) == SIGSEGV);
        CHECK(started(argv[0], 0) == SIGSEGV);
        CHECK(started(argv[0], 60 * MIB) == 42 << 8);
        CHECK(started(argv[0], RLIM_INFINITY) == 42 << 8);
    }
    CHECK(started("/", MIB) == 99 << 8 && started("./nothing", MIB) == 99 << 8);
    return check_end();
}
