// wait4 and waitid: every way a child can end or stop, every option, the errors.
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t exact
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/check.h"

static void statuses(void)
{
    int status;
    pid_t pid = fork();
    if (!pid)
        _exit(0x1234);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0x34);
    pid = fork();
    if (!pid)
        abort();
    CHECK(wait(&status) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    pid = fork();
    if (!pid)
        for (;;)
            pause();
    CHECK(waitpid(pid, &status, WNOHANG) == 0);
    CHECK(!kill(pid, SIGKILL));
    CHECK(waitpid(-1, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    pid = fork();
    if (!pid)
        for (volatile int i = 0;;)
            i++;
    CHECK(!kill(pid, SIGTERM));
    CHECK(waitpid(-1, &status, 0) == pid && WTERMSIG(status) == SIGTERM);
}

static void leave(int signal)
{
    _exit(3);
}

static void stopped(void)
{
    int status;
    pid_t pid = fork();
    if (!pid) {
        signal(SIGUSR1, leave);
        raise(SIGSTOP);
        for (;;)
            pause();
    }
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    CHECK(WSTOPSIG(status) == SIGSTOP);
    CHECK(waitpid(pid, &status, WUNTRACED | WNOHANG) == 0);
    CHECK(!kill(pid, SIGCONT));
    CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
    CHECK(!kill(pid, SIGUSR1));
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3);
    pid = fork();
    if (!pid)
        for (;;)
            pause();
    kill(pid, SIGSTOP);
    siginfo_t info = {0};
    CHECK(!waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT));
    CHECK(info.si_code == CLD_STOPPED && info.si_status == SIGSTOP && info.si_pid == pid);
    CHECK(info.si_signo == SIGCHLD && info.si_uid == getuid());
    CHECK(!waitid(P_PID, (id_t)pid, &info, WSTOPPED));
    kill(pid, SIGKILL); /* ends it although it is stopped */
    CHECK(!waitid(P_ALL, 0, &info, WEXITED) && info.si_code == CLD_KILLED);
    CHECK(info.si_status == SIGKILL && info.si_pid == pid);
}

static void chosen(void)
{
    int status;
    pid_t first = fork();
    if (!first)
        _exit(1);
    pid_t second = fork();
    if (!second) {
        setpgid(0, 0);
        _exit(2);
    }
    setpgid(second, second);
    siginfo_t info = {0};
    CHECK(!waitid(P_PID, (id_t)second, &info, WEXITED | WNOWAIT) && info.si_status == 2);
    CHECK(waitpid(-second, &status, 0) == second && WEXITSTATUS(status) == 2);
    CHECK(waitpid(0, &status, 0) == first && WEXITSTATUS(status) == 1);
    first = fork();
    if (!first)
        _exit(4);
    CHECK(!waitid(P_PGID, (id_t)getpgrp(), &info, WEXITED) && info.si_pid == first);
    memset(&info, 0x55, sizeof info);
    first = fork();
    if (!first) {
        sleep(100);
        _exit(0);
    }
    CHECK(!waitid(P_ALL, 0, &info, WEXITED | WNOHANG) && info.si_pid == 0 && info.si_signo == 0);
    kill(first, SIGKILL);
    CHECK(waitpid(first, 0, 0) == first);
}

static void errors(void)
{
    siginfo_t info;
    int status;
    FAILS(wait(&status), ECHILD);
    FAILS(waitpid(1, &status, 0), ECHILD);
    FAILS(waitpid(-1, &status, 0x1000), EINVAL);
    FAILS(waitid(P_ALL, 0, &info, 0), EINVAL);
    FAILS(waitid(P_ALL, 0, &info, WEXITED | 0x1000), EINVAL);
    FAILS(waitid((idtype_t)9, 0, &info, WEXITED), EINVAL);
    FAILS(waitid(P_PID, 0, &info, WEXITED), EINVAL);
    FAILS(waitid(P_PID, (id_t)-5, &info, WEXITED), EINVAL);
    FAILS(waitpid((pid_t)0x80000000, &status, 0), ESRCH);
    pid_t pid = fork();
    if (!pid)
        _exit(0);
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT))
        ;
    FAILS(waitpid(pid, (int *)8, 0), EFAULT);
    FAILS(waitpid(pid, &status, 0), ECHILD); /* it was waited for, as on Linux */
}

/* A zombie neither stops nor continues: who waits for that alone has no child to wait for. */
static void stops_of_ended(void)
{
    siginfo_t info;
    int status;
    pid_t pid = fork(), other;
    if (!pid)
        _exit(9);
    CHECK(!waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    alarm(20); /* instead of sleeping forever */
    FAILS(waitid(P_PID, (id_t)pid, &info, WSTOPPED), ECHILD);
    FAILS(waitid(P_ALL, 0, &info, WCONTINUED), ECHILD);
    FAILS(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WCONTINUED | WNOHANG), ECHILD);
    other = fork();
    if (!other)
        for (;;)
            pause();
    CHECK(!waitid(P_ALL, 0, &info, WSTOPPED | WNOHANG) && info.si_pid == 0);
    kill(other, SIGSTOP);
    CHECK(!waitid(P_ALL, 0, &info, WSTOPPED) && info.si_pid == other);
    kill(other, SIGKILL);
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 9);
    CHECK(waitpid(other, &status, 0) == other);

    for (int i = 0; i < 2; i++) { /* one that ends meanwhile */
        pid = fork();
        if (!pid) {
            usleep(50000);
            _exit(1);
        }
        FAILS(waitid(P_PID, (id_t)pid, &info, i ? WSTOPPED : WCONTINUED), ECHILD);
        CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 1);
    }
    alarm(0);
}

static volatile sig_atomic_t signals;
static siginfo_t last;

static void on_child(int signal, siginfo_t *info, void *context)
{
    signals++;
    last = *info;
}

static void on_alarm(int signal)
{
}

static void child_signals(void)
{
    struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, 0);
    sigaction(SIGCHLD, &action, 0);
    pid_t pid = fork();
    if (!pid)
        _exit(7);
    sigset_t none;
    sigemptyset(&none);
    while (!signals)
        sigsuspend(&none);
    CHECK(last.si_code == CLD_EXITED && last.si_status == 7 && last.si_pid == pid);
    CHECK(waitpid(pid, 0, WNOHANG) == pid); /* it can be waited for when its signal has come */
    action.sa_flags |= SA_NOCLDSTOP;
    sigaction(SIGCHLD, &action, 0);
    signals = 0;
    pid = fork();
    if (!pid) {
        raise(SIGSTOP);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    sigset_t pending;
    CHECK(!sigpending(&pending) && !sigismember(&pending, SIGCHLD));
    kill(pid, SIGCONT);
    CHECK(waitpid(pid, &status, 0) == pid);
    sigprocmask(SIG_UNBLOCK, &set, 0);
    CHECK(signals == 1);

    /* Ignored, or without zombies: wait sleeps until the last child is gone. */
    for (int way = 0; way < 2; way++) {
        struct sigaction none_left = {.sa_handler = way ? SIG_IGN : SIG_DFL};
        none_left.sa_flags = way ? 0 : SA_NOCLDWAIT;
        sigaction(SIGCHLD, &none_left, 0);
        pid = fork();
        if (!pid) {
            struct timespec moment = {0, 20000000};
            nanosleep(&moment, 0);
            _exit(0);
        }
        FAILS(wait(&status), ECHILD);
        for (int i = 0; i < 20000 && !kill(pid, 0); i++) /* on Linux it is nobody's a moment before it is gone */
            usleep(1000);
        FAILS(kill(pid, 0), ESRCH);
    }
    signal(SIGCHLD, SIG_DFL);
    action.sa_handler = on_alarm;
    action.sa_flags = 0;
    sigaction(SIGALRM, &action, 0);
    pid = fork();
    if (!pid)
        for (;;)
            pause();
    ualarm(20000, 500000); /* again, if the first one comes before the wait */
    FAILS(waitpid(pid, &status, 0), EINTR);
    ualarm(0, 0);
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, &status, 0) == pid);
}

static void usage(void)
{
    struct rusage used, children;
    int status;
    pid_t pid = fork();
    if (!pid) {
        clock_t end = clock() + CLOCKS_PER_SEC / 20;
        while (clock() < end)
            ;
        _exit(0);
    }
    CHECK(wait4(pid, &status, 0, &used) == pid);
    CHECK(used.ru_utime.tv_sec * 1000000 + used.ru_utime.tv_usec + used.ru_stime.tv_usec > 40000);
    CHECK(!getrusage(RUSAGE_CHILDREN, &children));
    CHECK(children.ru_utime.tv_sec > used.ru_utime.tv_sec ||
          children.ru_utime.tv_usec >= used.ru_utime.tv_usec);
}

/* A grandchild whose parent ends belongs to an ancestor afterwards. */
static void orphans(void)
{
    int ends[2];
    CHECK(!pipe(ends));
    pid_t pid = fork();
    if (!pid) {
        pid_t parent = getpid();
        if (!fork()) {
            while (getppid() == parent)
                usleep(1000);
            pid_t now = getppid();
            write(ends[1], &now, sizeof now);
            _exit(0);
        }
        _exit(0);
    }
    CHECK(waitpid(pid, 0, 0) == pid);
    pid_t now = 0;
    CHECK(read(ends[0], &now, sizeof now) == sizeof now && now != pid && now > 0);
    close(ends[0]);
    close(ends[1]);
    if (now == getpid())
        CHECK(wait(0) > 0);
}

/* A child's end that interrupts wait with its own signal is what wait returns. (Linux has a moment, between its look at the
 * children and its sleep, in which it is not.) */
static void interrupted_by_end(int exact)
{
    int interrupted = 0;
    struct sigaction old, action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO};
    for (int i = 0; i < 600; i++) {
        action.sa_flags = SA_SIGINFO | (i % 2 ? SA_NOCLDWAIT : 0);
        CHECK(!sigaction(SIGCHLD, &action, i ? NULL : &old));
        pid_t pid = fork();
        if (!pid) {
            usleep((useconds_t)(i % 4 * 100));
            _exit(3);
        }
        int status = -1;
        errno = 0;
        pid_t got = wait(&status);
        const int error = errno;
        if (got == -1 && error == EINTR) {
            interrupted++;
            waitpid(pid, &status, 0);
            if (!exact)
                continue;
        }
        CHECK(i % 2 ? got == -1 && error == ECHILD : got == pid && status == 3 << 8);
    }
    CHECK(interrupted <= (exact ? 0 : 60));
    CHECK(!sigaction(SIGCHLD, &old, NULL));
}

int main(int argc, char **argv)
{
    errors();
    statuses();
    stopped();
    stops_of_ended();
    chosen();
    child_signals();
    usage();
    orphans();
    interrupted_by_end(argc > 1);
    return check_end();
}
