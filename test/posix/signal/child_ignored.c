// Is nothing sent about children where SIGCHLD is ignored, even if it is blocked, and is what kill(2) sends kept then?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native | FileCheck-22 %s
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t | FileCheck-22 %s
// CHECK: end, ignored: nothing
// CHECK-NEXT: stop, ignored: nothing
// CHECK-NEXT: continued, ignored: nothing
// CHECK-NEXT: kill, ignored: sent
// CHECK-NEXT: end, no zombies: sent
// CHECK-NEXT: end, default: sent
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/state.h"

static sigset_t set;

/* What is to come may take its time. */
static void look(const char *name, int comes)
{
    const struct timespec limit = {comes ? 30 : 0, 200000000};
    printf("%s: %s\n", name, sigtimedwait(&set, NULL, &limit) == SIGCHLD ? "sent" : "nothing");
}

static void action(void (*handler)(int), int flags)
{
    const struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaction(SIGCHLD, &action, NULL);
}

static pid_t child(int stops)
{
    pid_t pid = fork();
    if (!pid) {
        if (stops)
            kill(getpid(), SIGSTOP);
        _exit(0);
    }
    return pid;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    action(SIG_IGN, 0);
    child(0);
    look("end, ignored", 0);
    pid_t pid = child(1);
    if (!task_becomes(pid, pid, 'T'))
        return 1;
    look("stop, ignored", 0);
    kill(pid, SIGCONT);
    look("continued, ignored", 0);
    kill(getpid(), SIGCHLD);
    look("kill, ignored", 1);
    action(SIG_DFL, SA_NOCLDWAIT);
    child(0);
    look("end, no zombies", 1);
    action(SIG_DFL, 0);
    child(0);
    look("end, default", 1);
    return 0;
}
