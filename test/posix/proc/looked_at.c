// Are a process's names, limits and options whole for whoever looks at them while they change?
// RUN: musl-gcc -static -O2 -pthread %s -o %t.native && timeout 300 %t.native
// RUN: %lind-cc -O2 -pthread %s -o %t && timeout 300 %lind-run -- %t
/* Two threads change them; meanwhile others, of the same process and of another, look and use them. What it reads is one of what was
 * set; that nothing is read in pieces is for ThreadSanitizer to say, where the trusted code is built with it. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../Inputs/check.h"

enum { ROUNDS = 400, LOW = 40, HIGH = 80, TOP = 200 };
static const char *const names[] = {"aaaaaaaaaaaa", "bbbbbbbbbbbb"};
static _Atomic int ended;

static void *changes(void *unused)
{
    for (int i = 0; !ended; i++) {
        struct rlimit limit = {i & 1 ? LOW : HIGH, TOP};
        CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
        CHECK(!prctl(PR_SET_NAME, names[i & 1]));
        CHECK(!prctl(PR_SET_DUMPABLE, 1) && !prctl(PR_SET_KEEPCAPS, i & 1));
    }
    return NULL;
}

static int slurp(pid_t pid, const char *name, char text[4096])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int file = open(path, O_RDONLY);
    ssize_t length = read(file, text, 4095);
    text[length < 0 ? 0 : length] = 0;
    close(file);
    return length > 0;
}

static void look(pid_t pid)
{
    char text[4096], *at;
    CHECK(slurp(pid, "comm", text));
    CHECK(slurp(pid, "stat", text) && strchr(text, '('));
    CHECK(slurp(pid, "status", text) && !strncmp(text, "Name:", 5));
    CHECK(slurp(pid, "limits", text) && (at = strstr(text, "Max open files")));
    int soft = atoi(at + strlen("Max open files")), hard = atoi(strstr(at, " 200 ") ? strstr(at, " 200 ") : "0");
    CHECK((soft == LOW || soft == HIGH) && hard == TOP);
}

static void *looks(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct rlimit limit;
        CHECK(!getrlimit(RLIMIT_NOFILE, &limit) && (limit.rlim_cur == LOW || limit.rlim_cur == HIGH) && limit.rlim_max == TOP);
        int copy = fcntl(0, F_DUPFD, 3);
        CHECK(copy >= 3 && !close(copy)); /* counts against the limit */
        CHECK(prctl(PR_GET_DUMPABLE) == 1);
        int keeps = prctl(PR_GET_KEEPCAPS);
        CHECK(keeps == 0 || keeps == 1);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[3];
    struct rlimit limit = {LOW, TOP};
    int status;
    CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
    pthread_create(&threads[0], NULL, changes, NULL);
    pthread_create(&threads[1], NULL, changes, NULL);
    pthread_create(&threads[2], NULL, looks, NULL);
    pid_t parent = getpid(), pid = fork();
    if (!pid) {
        for (int i = 0; i < ROUNDS / 4; i++)
            look(parent);
        _exit(check_end());
    }
    CHECK(waitpid(pid, &status, 0) == pid && !status);
    for (int i = 0; i < ROUNDS / 4; i++) { /* what is being changed is inherited */
        pid = fork();
        if (!pid) {
            char name[16];
            CHECK(!prctl(PR_GET_NAME, name));
            CHECK(!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_max == TOP);
            _exit(check_end());
        }
        CHECK(waitpid(pid, &status, 0) == pid && !status);
    }
    pthread_join(threads[2], NULL);
    ended = 1;
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return check_end();
}
