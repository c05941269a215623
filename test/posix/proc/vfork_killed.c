// Does a signal without a handler end a process that waits for its child of vfork, unless it blocks it, handles it, would dump core, or has another to take first?
// RUN: musl-gcc -static -O2 -pthread %s -o %t.native && timeout 200 %t.native | FileCheck-22 %s
// RUN: %lind-cc -O2 -pthread %s -o %t && timeout 200 %lind-run -- %t | FileCheck-22 %s
// CHECK: SIGTERM: ended by it
// CHECK-NEXT: SIGALRM: ended by it
// CHECK-NEXT: real-time: ended by it
// CHECK-NEXT: SIGTERM, blocked: waits on
// CHECK-NEXT: SIGTERM, handled: waits on
// CHECK-NEXT: SIGQUIT: waits on
// CHECK-NEXT: SIGURG: waits on
// CHECK-NEXT: SIGTERM behind SIGQUIT: waits on
// CHECK-NEXT: SIGTERM behind one that is handled: waits on
// CHECK-NEXT: the same, with a second thread: ended by it
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../Inputs/state.h"

static void handle(int signal)
{
}

static void *sleep_on(void *unused)
{
    for (;;)
        pause();
}

static int with_thread;

/* before: a signal that is sent first, or 0; end: whether it is to end, which may take its time */
static void try(const char *name, int signal_number, int blocked, void (*action)(int), int before, int end)
{
    int ends[2], status = 0;
    pid_t child;
    if (pipe(ends))
        return;
    pid_t parent = fork();
    if (!parent) {
        sigset_t set;
        sigemptyset(&set);
        if (blocked)
            sigaddset(&set, signal_number);
        sigprocmask(SIG_SETMASK, &set, NULL);
        signal(before ? before : signal_number, action);
        pthread_t thread;
        if (with_thread && pthread_create(&thread, NULL, sleep_on, NULL))
            _exit(6);
        if (!vfork()) {
            pid_t self = getpid();
            write(ends[1], &self, sizeof self);
            for (;;)
                pause();
        }
        _exit(5);
    }
    read(ends[0], &child, sizeof child);
    usleep(50000);
    for (int i = 0; i < 20000 && !strchr("DS", task_state(parent, parent)); i++)
        usleep(1000); /* until the parent sleeps */
    if (before)
        kill(parent, before);
    kill(parent, signal_number);
    int ended = 0;
    for (int i = 0; i < (end ? 20000 : 200) && !ended; i++) {
        usleep(1000);
        ended = waitpid(parent, &status, WNOHANG) == parent;
    }
    printf("%s: %s\n", name,
           !ended                           ? "waits on"
           : WTERMSIG(status) == signal_number ? "ended by it"
                                               : "ended otherwise");
    kill(child, SIGKILL);
    while (wait(NULL) > 0)
        ;
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    try("SIGTERM", SIGTERM, 0, SIG_DFL, 0, 1);
    try("SIGALRM", SIGALRM, 0, SIG_DFL, 0, 1);
    try("real-time", SIGRTMAX, 0, SIG_DFL, 0, 1);
    try("SIGTERM, blocked", SIGTERM, 1, SIG_DFL, 0, 0);
    try("SIGTERM, handled", SIGTERM, 0, handle, 0, 0);
    try("SIGQUIT", SIGQUIT, 0, SIG_DFL, 0, 0);
    try("SIGURG", SIGURG, 0, SIG_DFL, 0, 0);
    try("SIGTERM behind SIGQUIT", SIGTERM, 0, SIG_DFL, SIGQUIT, 0);
    try("SIGTERM behind one that is handled", SIGTERM, 0, handle, SIGUSR1, 0);
    with_thread = 1;
    try("the same, with a second thread", SIGTERM, 0, handle, SIGUSR1, 1);
    return 0;
}
