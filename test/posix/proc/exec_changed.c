// A program that was run before is known, but not when its file has changed since, however quickly;
// nor is a running one changed with its file.
// RUN: rm -rf %t.dir && mkdir -p %t.dir
// RUN: %lind-cc -O2 -DSTATUS=1 %s -o %t.dir/one && %lind-cc -O2 -DSTATUS=2 %s -o %t.dir/two
// RUN: cd %t.dir && timeout 200 %lind-run -- ./one drive & cd %t.dir
// RUN: for i in $(seq 10000); do test -e ready && break; sleep 0.01; done; printf "no program" >program; echo >changed
// RUN: wait $!
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../Inputs/check.h"

static char bytes[1 << 20];

/* Writes a program's bytes into the same file again. */
static void put(const char *program)
{
    int from = open(program, O_RDONLY), to = open("program", O_WRONLY | O_CREAT | O_TRUNC, 0700);
    ssize_t size = read(from, bytes, sizeof bytes);
    CHECK(from >= 0 && to >= 0 && size > 0 && size < (ssize_t)sizeof bytes);
    CHECK(write(to, bytes, (size_t)size) == size);
    close(from);
    close(to);
}

static int run(void)
{
    int status;
    pid_t pid = fork();
    if (!pid) {
        execl("./program", "program", (char *)0);
        _exit(99);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return STATUS;
    if (!strcmp(argv[1], "wait")) {
        write(0, "", 1);
        for (;;)
            pause();
    }
    for (int i = 0; i < 20; i++) {
        put("one");
        CHECK(run() == 1);
        put("two");
        CHECK(run() == 2);
    }
    usleep(50000); /* now it is remembered */
    CHECK(run() == 2 && run() == 2);
    put("one");
    CHECK(run() == 1);
    usleep(50000);
    CHECK(run() == 1);
    int runs[2];
    char byte;
    CHECK(!pipe(runs));
    pid_t pid = fork();
    if (!pid) {
        dup2(runs[1], 0);
        execl("./program", "program", "wait", (char *)0);
        _exit(99);
    }
    CHECK(read(runs[0], &byte, 1) == 1);
    FAILS(open("program", O_WRONLY | O_TRUNC), ETXTBSY);
    close(open("ready", O_WRONLY | O_CREAT, 0600));
    for (int wait = 0; wait < 10000 && access("changed", F_OK); wait++)
        usleep(10000);
    CHECK(run() == 99);
    int status;
    CHECK(!kill(pid, SIGUSR1) && waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGUSR1);
    return check_end();
}
