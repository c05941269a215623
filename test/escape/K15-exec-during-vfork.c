// Does a program that one thread starts survive that another thread waits in vfork, or in posix_spawn, for a child that is still at it (attack
// row K15)? The control: natively the same.
// RUN: musl-gcc -static -O1 -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu %s -o %t.native && %t.native
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../posix/Inputs/check.h"

enum { ROUNDS = 20 };

static int started[2];

/* The child stays in its parent's memory until it is killed. */
static void *vfork_for_ever(void *unused)
{
    if (vfork() == 0) {
        pid_t pid = getpid();
        write(started[1], &pid, sizeof pid);
        for (;;)
            pause();
    }
    return NULL;
}

int main(int argc, char **argv)
{
    char *program[] = {argv[0], "new", NULL};
    if (argc > 1 && !strcmp(argv[1], "new"))
        return 7;
    for (int i = 0; i < ROUNDS; i++) {
        int status = -1;
        pid_t waiting = 0;
        CHECK(pipe(started) == 0);
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t thread;
            pthread_create(&thread, NULL, vfork_for_ever, NULL);
            read(started[0], &waiting, sizeof waiting);
            write(started[1], &waiting, sizeof waiting);
            execv("/proc/self/exe", program);
            _exit(1);
        }
        CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7);
        CHECK(read(started[0], &waiting, sizeof waiting) == sizeof waiting && kill(waiting, SIGKILL) == 0);
        close(started[0]);
        close(started[1]);
    }
    return check_end();
}
