// Do orphans belong to the nearest ancestor that asked for them, with their ends' signals?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/check.h"

static pid_t start(void)
{
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        alarm(30);
        check_failures = 0;
    }
    return pid;
}

static _Noreturn void finish(void)
{
    fflush(stdout);
    _exit(check_failures != 0);
}

static int reaps(void)
{
    int value = -1;
    CHECK(!prctl(PR_GET_CHILD_SUBREAPER, &value));
    return value;
}

static int next_child(siginfo_t *info)
{
    struct timespec limit = {10, 0};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    return sigtimedwait(&set, info, &limit) == SIGCHLD ? info->si_pid : -1;
}

static int go[2];

/* Says who its parent is once that is no longer `old`, and ends when told to: of two SIGCHLD at once one may be lost. */
static _Noreturn void tells_parent(pid_t old, int to, int code)
{
    while (getppid() == old)
        usleep(1000);
    pid_t words[2] = {getpid(), getppid()};
    char byte;
    CHECK(write(to, words, sizeof words) == sizeof words && read(go[0], &byte, 1) == 1);
    _exit(check_failures ? 99 : code);
}

static void living(int pair[2])
{
    siginfo_t info = {0};
    int status = -1;
    pid_t parent = start(), words[2] = {0};
    if (!parent) {
        pid_t old = getpid();
        CHECK(!reaps());
        if (start())
            finish();
        tells_parent(old, pair[1], 7);
    }
    CHECK(next_child(&info) == parent && waitpid(parent, &status, 0) == parent && !status);
    CHECK(read(pair[0], words, sizeof words) == sizeof words && words[1] == getpid());
    CHECK(write(go[1], "", 1) == 1);
    CHECK(next_child(&info) == words[0] && info.si_code == CLD_EXITED && info.si_status == 7);
    CHECK(waitpid(-1, &status, 0) == words[0] && status == 7 << 8);
}

/* A zombie is passed on too, and its new parent is told. */
static void dead(int pair[2])
{
    siginfo_t info = {0};
    int status = -1;
    pid_t parent = start(), zombie;
    if (!parent) {
        zombie = start();
        if (!zombie)
            _exit(9);
        CHECK(!waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT));
        CHECK(write(pair[1], &zombie, sizeof zombie) == sizeof zombie);
        pause();
    }
    CHECK(read(pair[0], &zombie, sizeof zombie) == sizeof zombie);
    FAILS(waitpid(zombie, &status, WNOHANG), ECHILD);
    CHECK(!kill(parent, SIGKILL));
    CHECK(waitpid(parent, &status, 0) == parent && status == SIGKILL);
    CHECK(waitpid(zombie, &status, 0) == zombie && status == 9 << 8);
    CHECK(next_child(&info) > 0); /* of two standard signals one may be lost */

    /* Who wants no zombies gets none. */
    struct sigaction none = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT}, old;
    CHECK(!sigaction(SIGCHLD, &none, &old));
    parent = start();
    if (!parent) {
        signal(SIGCHLD, SIG_DFL);
        zombie = start();
        if (!zombie)
            _exit(0);
        if (waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT))
            zombie = 0;
        CHECK(write(pair[1], &zombie, sizeof zombie) == sizeof zombie);
        _exit(0);
    }
    CHECK(read(pair[0], &zombie, sizeof zombie) == sizeof zombie);
    CHECK(zombie > 0);
    FAILS(wait(NULL), ECHILD);
    for (int i = 0; i < 20000 && !kill(zombie, 0); i++) /* on Linux it is nobody's a moment before it is gone */
        usleep(1000);
    FAILS(kill(zombie, 0), ESRCH);
    CHECK(!sigaction(SIGCHLD, &old, NULL));
}

/* The nearest one gets them; it does not pass on what it is to its children, nor lose it by exec. */
static void nested(int pair[2])
{
    int status = -1;
    pid_t inner = start(), words[2] = {0};
    if (!inner) {
        CHECK(!reaps() && !prctl(PR_SET_CHILD_SUBREAPER, 1) && reaps() == 1);
        pid_t parent = start();
        if (!parent) {
            pid_t old = getpid();
            CHECK(!reaps());
            if (start())
                _exit(0);
            tells_parent(old, pair[1], 0);
        }
        CHECK(waitpid(parent, &status, 0) == parent && !status);
        CHECK(read(pair[0], words, sizeof words) == sizeof words && words[1] == getpid());
        CHECK(write(go[1], "", 1) == 1);
        CHECK(waitpid(words[0], &status, 0) == words[0] && !status);
        finish();
    }
    CHECK(waitpid(inner, &status, 0) == inner && !status);
}

/* So is one that ends while its parent still gives up what it held: a pipe's end, which the child waits for, and memory. */
static void meanwhile(int pair[2])
{
    enum { SIZE = 128 << 20, ROUNDS = 5 };
    for (int round = 0; round < ROUNDS; round++) {
        int ends[2], status = -1;
        char byte;
        pid_t orphan = 0;
        CHECK(!pipe(ends));
        pid_t parent = start();
        if (!parent) {
            orphan = start();
            if (!orphan) {
                close(ends[1]);
                _exit(read(ends[0], &byte, 1) ? 1 : 5);
            }
            char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            CHECK(memory != MAP_FAILED);
            memset(memory, 'x', SIZE);
            CHECK(write(pair[1], &orphan, sizeof orphan) == sizeof orphan);
            finish();
        }
        close(ends[1]);
        CHECK(read(pair[0], &orphan, sizeof orphan) == sizeof orphan);
        CHECK(waitpid(parent, &status, 0) == parent && !status);
        CHECK(waitpid(orphan, &status, 0) == orphan && status == 5 << 8);
        close(ends[0]);
    }
}

int main(int argc, char **argv)
{
    int pair[2];
    sigset_t set;
    alarm(60);
    if (argc > 1)
        return reaps() != 1;
    CHECK(!pipe(pair) && !pipe(go) && !reaps());
    CHECK(!prctl(PR_SET_CHILD_SUBREAPER, 1) && reaps() == 1);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    living(pair);
    dead(pair);
    nested(pair);
    meanwhile(pair);
    FAILS(prctl(PR_GET_CHILD_SUBREAPER, (void *)8), EFAULT);
    CHECK(!prctl(PR_SET_CHILD_SUBREAPER, 0) && !reaps());
    CHECK(!prctl(PR_SET_CHILD_SUBREAPER, 2) && reaps() == 1);
    if (!check_failures)
        execl(argv[0], argv[0], "again", NULL);
    return check_end();
}
