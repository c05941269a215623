// Are settings, locks and the end of a pseudo-terminal whole for whoever uses it while they change?
// RUN: musl-gcc -static -O2 -pthread %s -o %t.native && timeout 300 %t.native
// RUN: %lind-cc -O2 -pthread %s -o %t && timeout 300 %lind-run -- %t
/* That nothing is read in pieces is for ThreadSanitizer to say, where the trusted code is built with it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../Inputs/check.h"

enum { ROUNDS = 300 };
static int master, slave;
static _Atomic int ended;

static void *changes(void *unused)
{
    struct termios settings;
    CHECK(!tcgetattr(slave, &settings));
    for (int i = 0; !ended; i++) {
        int flag = i & 1;
        settings.c_lflag = (settings.c_lflag & ~(tcflag_t)TOSTOP) | (flag ? TOSTOP : 0);
        CHECK(!tcsetattr(slave, TCSANOW, &settings));
        CHECK(!ioctl(master, TIOCSPTLCK, &flag) && !ioctl(master, TIOCPKT, &flag));
    }
    return NULL;
}

static void *uses(void *unused)
{
    char bytes[64];
    for (int i = 0; i < ROUNDS; i++) {
        int locked = -1, packets = -1;
        CHECK(write(slave, "x", 1) == 1);
        CHECK(read(master, bytes, sizeof bytes) > 0);
        CHECK(!ioctl(master, TIOCGPTLCK, &locked) && (locked == 0 || locked == 1));
        CHECK(!ioctl(master, TIOCGPKT, &packets) && (packets == 0 || packets == 1));
    }
    return NULL;
}

static int open_terminal(void)
{
    int unlock = 0;
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    CHECK(master >= 0 && !ioctl(master, TIOCSPTLCK, &unlock));
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    return slave >= 0;
}

int main(void)
{
    pthread_t threads[2];
    CHECK(open_terminal());
    pthread_create(&threads[0], NULL, changes, NULL);
    pthread_create(&threads[1], NULL, uses, NULL);
    pthread_join(threads[1], NULL);
    ended = 1;
    pthread_join(threads[0], NULL);
    /* Another process asks for the settings until the last master is closed. */
    for (int i = 0; i < ROUNDS / 10; i++) {
        int status;
        CHECK(open_terminal());
        pid_t pid = fork();
        if (!pid) {
            struct termios settings;
            close(master);
            while (!tcgetattr(slave, &settings))
                ;
            _exit(errno == EIO ? 0 : 1);
        }
        usleep(1000);
        close(master);
        CHECK(waitpid(pid, &status, 0) == pid && !status);
        close(slave);
    }
    return check_end();
}
