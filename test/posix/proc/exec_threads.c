// Does execve end threads that are just being made or ending, without any harm that these do?
// RUN: musl-gcc -static -O2 -pthread %s -o %t.native && timeout 400 %t.native 100
// RUN: %lind-cc -O2 -pthread %s -o %t && timeout 400 %lind-run -- %t 1500
/* Each thread that ends unlocks musl's list of threads for another one, which may be half made. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../Inputs/check.h"

extern char **environ;

static void *ends(void *data)
{
    return NULL;
}

static void *makes(void *data)
{
    for (;;) {
        pthread_t threads[2];
        int count = 0;
        while (count < 2 && !pthread_create(&threads[count], NULL, ends, NULL))
            count++;
        while (count)
            pthread_join(threads[--count], NULL);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return 42;
    char again[] = "again", *arguments[] = {argv[0], again, again, NULL};
    for (int i = 0; i < atoi(argv[1]); i++) {
        int status = -1;
        pid_t pid = fork();
        if (!pid) {
            pthread_t thread;
            for (int n = 0; n < 3; n++)
                pthread_create(&thread, NULL, makes, NULL);
            usleep((useconds_t)(i % 7 * 100));
            execve(argv[0], arguments, environ);
            _exit(1);
        }
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 42 << 8);
    }
    return check_end();
}
