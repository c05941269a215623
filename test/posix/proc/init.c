// Is process 1 another's, as on Linux, and does the first program stand to its group and session as one that a shell started?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t caged
// RUN: setsid -w %t.native leads && setsid -w %lind-run -- %t leads caged
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../Inputs/check.h"

static int caged;

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

static void ends(pid_t pid, int line)
{
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (status)
        printf("# line %d: a child ended with status %x\n", line, status);
    check_failures += status != 0;
}
#define ENDS(pid) ends(pid, __LINE__)

static int slurp(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY);
    ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);
    int error = errno;
    close(fd);
    errno = error;
    text[length < 0 ? 0 : length] = 0;
    return (int)length;
}

static void seen_by_all(void)
{
    char text[4096];
    struct sched_param param;
    cpu_set_t set;
    int parent = -1, number = -1, found = 0;
    CHECK(getpid() > 1 && getppid() > 0 && getppid() != getpid());
    CHECK(getpgid(1) >= 0 && getsid(1) >= 0);
    CHECK(syscall(SYS_getpriority, PRIO_PROCESS, 1) > 0);
    CHECK(sched_getaffinity(1, sizeof set, &set) == 0);
    CHECK(syscall(SYS_sched_getparam, 1, &param) == 0 && syscall(SYS_sched_getscheduler, 1) >= 0);
    FAILS(waitpid(1, NULL, 0), ECHILD);
    FAILS(setpgid(1, 1), ESRCH);
    FAILS(setpgid(1, 0), ESRCH);
    CHECK(slurp("/proc/1/stat", text, sizeof text) > 0);
    char *rest = strrchr(text, ')');
    CHECK(sscanf(text, "%d (", &number) == 1 && number == 1);
    CHECK(rest && sscanf(rest, ") %*c %d", &parent) == 1 && parent == 0);
    CHECK(slurp("/proc/1/status", text, sizeof text) > 0 && strstr(text, "\nPid:\t1\n"));
    CHECK(strstr(text, "\nUid:\t0\t0\t0\t0\n"));
    CHECK(slurp("/proc/1/comm", text, sizeof text) > 1);
    CHECK(slurp("/proc/1/cmdline", text, sizeof text) > 1);
    CHECK(slurp("/proc/1/statm", text, sizeof text) > 1);
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc));)
        found += !strcmp(entry->d_name, "1");
    closedir(proc);
    CHECK(found == 1);
}

static void refused_to_users(void)
{
    char text[100];
    union sigval value = {0};
    struct rlimit limit;
    struct sched_param param = {0};
    FAILS(kill(1, 0), EPERM);
    FAILS(kill(1, SIGKILL), EPERM);
    FAILS(kill(1, 65), EINVAL);
    FAILS(sigqueue(1, 0, value), EPERM);
    FAILS(syscall(SYS_tkill, 1, SIGKILL), EPERM);
    FAILS(syscall(SYS_tgkill, 1, 1, SIGKILL), EPERM);
    FAILS(syscall(SYS_prlimit64, 1, RLIMIT_NOFILE, NULL, &limit), EPERM);
    FAILS(setpriority(PRIO_PROCESS, 1, 5), EPERM);
    FAILS(syscall(SYS_sched_setparam, 1, &param), EPERM);
    FAILS(open("/proc/1/environ", O_RDONLY), EACCES);
    FAILS(open("/proc/1/maps", O_RDONLY), EACCES);
    FAILS(readlink("/proc/1/exe", text, sizeof text), EACCES);
    FAILS(open("/proc/1/fd/0", O_RDONLY), EACCES);
}

/* kill(-1) means all that one may send to, but not oneself. A user of our own: natively nobody else is to be hit. */
static void everybody(void)
{
    char byte;
    int pair[2], status;
    CHECK(!pipe(pair));
    CHECK(!setgid(54321) && !setuid(54321));
    pid_t others[2];
    for (int i = 0; i < 2; i++) {
        others[i] = start();
        if (!others[i]) {
            CHECK(write(pair[1], "", 1) == 1);
            for (;;)
                pause();
        }
        CHECK(read(pair[0], &byte, 1) == 1);
    }
    CHECK(!kill(-1, 0) && !kill(-1, SIGTERM));
    for (int i = 0; i < 2; i++)
        CHECK(waitpid(others[i], &status, 0) == others[i] && status == SIGTERM);
    CHECK(!kill(-1, 0)); /* there are others, and that none may be sent to is no error here */
}

static volatile sig_atomic_t got;

static void count(int signal)
{
    got++;
}

/* A group's signals reach its members, whatever its number. */
static void own_group(void)
{
    int status;
    char byte;
    int pair[2];
    CHECK(!pipe(pair));
    got = 0;
    signal(SIGUSR1, count);
    pid_t member = start();
    if (!member) {
        signal(SIGUSR1, SIG_DFL);
        CHECK(write(pair[1], "", 1) == 1);
        for (;;)
            pause();
    }
    CHECK(read(pair[0], &byte, 1) == 1);
    CHECK(getpgid(member) == getpgrp() && getpgrp() > 1);
    CHECK(!killpg(getpgrp(), 0) && !kill(0, 0) && !got);
    CHECK(!killpg(getpgrp(), SIGUSR1) && got == 1);
    CHECK(waitpid(member, &status, 0) == member && status == SIGUSR1);
    CHECK(!kill(0, SIGUSR1) && got == 2);
    close(pair[0]);
    close(pair[1]);
}

/* The end of a child of process 1 is none that could make a group an orphaned one: stopped members stay so. */
static void stopped_stay(void)
{
    siginfo_t info = {0};
    char byte;
    int pair[2];
    pid_t member = start();
    if (!member)
        for (;;)
            pause();
    CHECK(!kill(member, SIGSTOP) && waitpid(member, NULL, WUNTRACED) == member);
    CHECK(!pipe(pair));
    pid_t parent = start();
    if (!parent) {
        pid_t old = getpid();
        if (start())
            _exit(0);
        close(pair[0]);
        while (getppid() == old)
            usleep(1000);
        finish();
    }
    close(pair[1]);
    ENDS(parent);
    CHECK(read(pair[0], &byte, 1) == 0); /* the orphan has ended, but for being reaped */
    usleep(50000);
    CHECK(waitid(P_PID, (id_t)member, &info, WCONTINUED | WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0);
    CHECK(!kill(member, SIGKILL) && waitpid(member, NULL, 0) == member);
    close(pair[0]);
}

static void session(int leads)
{
    int number = -1;
    CHECK((getsid(0) == getpid()) == leads && (getpgrp() == getpid() || !caged));
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    CHECK(master >= 0 && !grantpt(master) && !unlockpt(master));
    int slave = open(ptsname(master), O_RDWR);
    CHECK(slave >= 0);
    CHECK(leads ? tcgetsid(slave) == getpid() : tcgetsid(slave) == -1 && errno == ENOTTY);
    CHECK(leads ? !ioctl(slave, TIOCGPGRP, &number) && number == getpgrp()
                : ioctl(slave, TIOCSCTTY, 0) == -1 && errno == EPERM);
    if (leads) {
        FAILS(setsid(), EPERM);
        FAILS(setpgid(0, 0), EPERM);
        CHECK(signal(SIGHUP, SIG_IGN) != SIG_ERR && !ioctl(slave, TIOCNOTTY));
    } else {
        CHECK(!setpgid(0, 0) && getpgrp() == getpid());
        FAILS(setsid(), EPERM);
    }
    close(slave);
    close(master);
}

/* What only here can be tried: root may send process 1 anything. */
static void by_root(void)
{
    CHECK(getpid() == 2 && getppid() == 1 && getpgrp() == 2 && getpgid(1) == 1 && getsid(1) == 1);
    if (geteuid())
        return;
    union sigval value = {0};
    for (int number = 0; number <= 64; number++)
        CHECK(!kill(1, number));
    CHECK(!sigqueue(1, SIGRTMIN, value) && !syscall(SYS_tgkill, 1, 1, SIGKILL));
    CHECK(getpgid(1) == 1);
    FAILS(setpriority(PRIO_PROCESS, 1, 5), EPERM);
    pid_t orphan = -1;
    int pair[2], gone = 0;
    CHECK(!pipe(pair));
    pid_t parent = start();
    if (!parent) {
        pid_t old = getpid();
        orphan = start();
        if (orphan)
            _exit(0);
        while (getppid() == old)
            usleep(1000);
        pid_t words[2] = {getpid(), getppid()};
        CHECK(write(pair[1], words, sizeof words) == sizeof words);
        finish();
    }
    ENDS(parent);
    pid_t words[2] = {0};
    CHECK(read(pair[0], words, sizeof words) == sizeof words && words[1] == 1);
    for (int i = 0; i < 5000 && !gone; i++, usleep(1000))
        gone = kill(words[0], 0) == -1 && errno == ESRCH;
    CHECK(gone); /* reaped */
    FAILS(wait(NULL), ECHILD);
    close(pair[0]);
    close(pair[1]);
}

static void as_user(void (*body)(void))
{
    pid_t pid = start();
    if (!pid) {
        if (!getuid() && (setgid(65534) || setuid(65534)))
            check_failures++;
        body();
        finish();
    }
    ENDS(pid);
}

int main(int argc, char **argv)
{
    int leads = argc > 1 && !strcmp(argv[1], "leads");
    alarm(60);
    caged = argc > 1 && !strcmp(argv[argc - 1], "caged");
    if (caged) {
        by_root();
        own_group();
    }
    seen_by_all();
    as_user(seen_by_all);
    as_user(refused_to_users);
    pid_t pid = start();
    if (!pid) {
        setpgid(0, 0);
        own_group();
        finish();
    }
    ENDS(pid);
    /* With our own user it would end us too. */
    if (!getuid()) {
        pid = start();
        if (!pid) {
            everybody();
            finish();
        }
        ENDS(pid);
    }
    stopped_stay();
    session(leads);
    return check_end();
}
