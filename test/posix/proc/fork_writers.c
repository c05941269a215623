// Do threads go on writing to large memory while others fork it and the children end?
// RUN: musl-gcc -static -O2 -pthread %s -o %t.native && timeout 400 %t.native 300
// RUN: %lind-cc -O2 -pthread %s -o %t && timeout 400 %lind-run -- %t 800
/* The memory is read-only while a child borrows it. A write may find it so, and have its fault
 * looked at when the child has ended already. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../Inputs/check.h"

enum { SIZE = 2 << 20, STEP = 4096 * 7, WRITERS = 3 };

static char *memory;
static atomic_int ended;

/* Writer n has the bytes n of pages to itself. */
static void *writes(void *data)
{
    volatile char *own = memory + (size_t)data;
    char value = 0;
    while (!ended) {
        value++;
        for (size_t at = 0; at < SIZE - 4096; at += STEP)
            own[at] = value;
        for (size_t at = 0; at < SIZE - 4096; at += STEP)
            if (own[at] != value)
                return (void *)1;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[WRITERS];
    memory = malloc(SIZE);
    memset(memory, 1, SIZE);
    for (size_t n = 0; n < WRITERS; n++)
        CHECK(!pthread_create(&threads[n], NULL, writes, (void *)n));
    for (int i = 0; i < atoi(argv[1]); i++) {
        int status = -1;
        pid_t pid = fork();
        if (!pid)
            _exit(memory[SIZE - 1] != 1);
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
    }
    ended = 1;
    for (int n = 0; n < WRITERS; n++) {
        void *wrong = NULL;
        CHECK(!pthread_join(threads[n], &wrong) && !wrong);
    }
    return check_end();
}
