/* Starts as many programs as the argument says, each a process of its own that sleeps; says when all
 * run, and ends when a line comes. Its own argument list tells a sleeper which pipe to answer. */
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int count, char **arguments)
{
    int wanted = count > 1 ? atoi(arguments[1]) : 0, ready[2];
    if (count > 2) {
        if (write(atoi(arguments[2]), "r", 1) != 1)
            return 1;
        pause();
        return 1;
    }
    pid_t *pids = calloc((size_t)wanted, sizeof *pids);
    char end[16], byte, *sleeper[] = {arguments[0], "0", end, NULL};
    if (!pids || pipe(ready))
        return 1;
    snprintf(end, sizeof end, "%d", ready[1]);
    int started = 0, error = 0;
    while (started < wanted && !error) {
        error = posix_spawn(&pids[started], arguments[0], NULL, NULL, sleeper, environ);
        if (!error && read(ready[0], &byte, 1) == 1)
            started++;
    }
    printf("%d asleep%s%s\n", started, error ? ": " : "", error ? strerror(error) : "");
    fflush(stdout);
    getchar();
    for (int i = 0; i < started; i++)
        kill(pids[i], SIGKILL);
    while (wait(NULL) > 0)
        ;
    return error;
}
