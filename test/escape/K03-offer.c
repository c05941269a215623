// A reader of an empty pipe offers its memory to writers while it waits. If it is killed, execs, or takes the memory away just as a writer of another cage
// comes: do bytes ever reach a cage that has the reader's window afterwards (attack row K3)?
// RUN: %lind-cc -O2 %s -o %t && %lind-run %t 4
// The control: the look at the memory does see a write that another cage causes.
// RUN: not %lind-run %t control | FileCheck %s
// CHECK: written to the wrong cage
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../posix/Inputs/check.h"

enum { SIZE = 256 * 1024, CANARY = 0x11, SENT = 0x77 };
static uint8_t *const place = (uint8_t *)0x50000000; /* the same in every cage */

static _Atomic int stop;
static int ends[2];

static uint8_t *map(int protection)
{
    return mmap(place, SIZE, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/* Writes on and on, small and large. */
static void *writer(void *unused)
{
    static uint8_t bytes[SIZE];
    memset(bytes, SENT, SIZE);
    for (unsigned i = 0; !stop; i++)
        if (write(ends[1], bytes, i % 3 ? SIZE : 512) < 0)
            usleep(10);
    return NULL;
}

static void *taker(void *data)
{
    unsigned how = *(unsigned *)data;
    usleep(how % 300);
    switch (how % 5) {
    case 0:
        munmap(place, SIZE);
        break;
    case 1:
        map(PROT_READ);
        break;
    case 2:
        mprotect(place, SIZE, PROT_NONE);
        break;
    case 3:
        mremap(place, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, place + 2 * SIZE);
        break;
    default:
        madvise(place, SIZE, MADV_DONTNEED);
    }
    return NULL;
}

/* Waits for bytes; its end comes from outside, or a thread of its own takes the memory away. */
static void reader(unsigned how)
{
    pthread_t thread;
    map(PROT_READ | PROT_WRITE);
    if (how % 2)
        pthread_create(&thread, NULL, taker, &how);
    for (;;)
        if (read(ends[0], place, SIZE) < 0 && how % 2) {
            CHECK(errno == EFAULT);
            map(PROT_READ | PROT_WRITE);
            pthread_join(thread, NULL);
            _exit(check_failures != 0);
        }
}

/* In the window that a reader may have had: nobody else writes here. */
static int watcher(unsigned rounds)
{
    map(PROT_READ | PROT_WRITE);
    memset(place, CANARY, SIZE);
    for (unsigned round = 0; round < rounds; round++) {
        for (int i = 0; i < SIZE; i += 64)
            if (place[i] != CANARY) {
                printf("written to the wrong cage: %02x\n", place[i]);
                fflush(stdout);
                return 1;
            }
        usleep(50);
    }
    return 0;
}

static int control(void)
{
    place[0] = 0;
    return 0;
}

int main(int argc, char **argv)
{
    int status, bad = 0;
    unsigned count = 0;
    CHECK(pipe(ends) == 0);
    if (!strcmp(argv[1], "control")) {
        /* Memory that is shared, which another cage changes. */
        int file = memfd_create("control", 0);
        ftruncate(file, SIZE);
        mmap(place, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
        memset(place, CANARY, SIZE);
        pid_t pid = fork();
        if (pid == 0)
            _exit(control());
        waitpid(pid, &status, 0);
        for (int i = 0; i < SIZE; i++)
            bad |= place[i] != CANARY;
        if (bad)
            puts("written to the wrong cage");
        return bad;
    }
    pthread_t thread;
    pid_t writing = fork();
    if (writing == 0) {
        for (int i = 0; i < 3; i++)
            pthread_create(&thread, NULL, writer, NULL);
        pause();
    }
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    time_t end = time(NULL) + atoi(argv[1]);
    while ((time(NULL) < end || count <= 20) && !bad) {
        pid_t readers[2], watching;
        for (unsigned i = 0; i < 2; i++)
            if ((readers[i] = fork()) == 0)
                reader(count * 2 + i);
        usleep(count % 40 * 25);
        for (int i = 0; i < 2; i++)
            kill(readers[i], SIGKILL);
        /* Its window is there for the next at once. */
        for (int i = 0; i < 2; i++)
            waitpid(readers[i], &status, 0);
        if ((watching = fork()) == 0)
            _exit(watcher(4));
        waitpid(watching, &status, 0);
        bad |= status;
        count++;
    }
    kill(writing, SIGKILL);
    waitpid(writing, &status, 0);
    CHECK(!bad && count > 20);
    return check_end();
}
