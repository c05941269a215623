// Does /proc show other processes as on Linux: alive, stopped, dead, and not theirs to see?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../Inputs/check.h"
#include "../Inputs/state.h"

static char text[100000];

/* The path of a file of a process. */
static const char *of(pid_t pid, const char *name)
{
    static char path[80];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return path;
}

/* The length of what a file holds, in text; -1 with errno. */
static int slurp(const char *path)
{
    int fd = open(path, O_RDONLY), length = 0;
    ssize_t part;
    if (fd < 0)
        return -1;
    while ((part = read(fd, text + length, sizeof text - 1 - (size_t)length)) > 0)
        length += (int)part;
    int error = errno;
    close(fd);
    errno = error;
    text[length] = 0;
    return part < 0 ? -1 : length;
}

static char state(pid_t pid)
{
    return slurp(of(pid, "stat")) > 0 ? strrchr(text, ')')[2] : '?';
}

static int becomes(pid_t pid, char wanted)
{
    for (int i = 0; i < 5000 && state(pid) != wanted; i++)
        usleep(1000);
    return state(pid) == wanted;
}

static int lists(const char *directory, int number)
{
    int found = 0;
    DIR *stream = opendir(directory);
    for (struct dirent *entry; stream && (entry = readdir(stream));)
        found +=
            atoi(entry->d_name) == number && entry->d_name[0] != '.' && entry->d_name[0] <= '9';
    if (stream)
        closedir(stream);
    return found;
}

static pid_t sleeper(int in[2], int out[2])
{
    CHECK(!pipe(in) && !pipe(out));
    pid_t pid = fork();
    if (!pid) {
        char byte;
        alarm(30);
        close(in[1]);
        prctl(PR_SET_NAME, "a (sleep) er");
        CHECK(!chdir("/tmp"));
        CHECK(write(out[1], "x", 1) == 1);
        _exit(read(in[0], &byte, 1) != 0);
    }
    char byte;
    CHECK(read(out[0], &byte, 1) == 1);
    close(in[0]);
    close(out[1]);
    return pid;
}

static void alive(pid_t pid, int in)
{
    char link[200], own[200], name[40];
    int stat_pid, parent, group, session;
    struct stat status, by_link;
    CHECK(becomes(pid, 'S'));
    CHECK(sscanf(text, "%d (a (sleep) er) S %d %d %d", &stat_pid, &parent, &group, &session) == 4);
    CHECK(stat_pid == pid && parent == getpid() && group == getpgrp() && session == getsid(0));
    CHECK(slurp(of(pid, "comm")) == 13 && !strcmp(text, "a (sleep) er\n"));
    CHECK(slurp(of(pid, "status")) > 0 && strstr(text, "State:\tS (sleeping)\n"));
    snprintf(name, sizeof name, "\nPPid:\t%d\n", getpid());
    CHECK(strstr(text, name) && strstr(text, "\nThreads:\t1\n") && strstr(text, "\nUid:\t"));
    int length = slurp("/proc/self/cmdline");
    char *copy = memcpy(malloc((size_t)length + 1), text, (size_t)length);
    CHECK(length > 0 && slurp(of(pid, "cmdline")) == length && !memcmp(copy, text, (size_t)length));
    free(copy);
    CHECK(slurp(of(pid, "environ")) > 0 && slurp(of(pid, "statm")) > 0);
    CHECK(slurp(of(pid, "maps")) > 0 && strstr(text, "r-xp"));
    CHECK(slurp(of(pid, "limits")) > 0 && strstr(text, "Max open files"));
    ssize_t n = readlink(of(pid, "exe"), link, sizeof link);
    CHECK(n > 0 && readlink("/proc/self/exe", own, sizeof own) == n &&
          !memcmp(link, own, (size_t)n));
    n = readlink(of(pid, "cwd"), link, sizeof link);
    CHECK(n == 4 && !memcmp(link, "/tmp", 4));
    CHECK(!stat(of(pid, "cwd/."), &by_link) && !stat("/tmp", &status));
    CHECK(by_link.st_ino == status.st_ino && readlink(of(pid, "root"), link, sizeof link) == 1);
    CHECK(lists("/proc", pid) == 1 && lists("/proc", getpid()) == 1);
    CHECK(lists(of(pid, "task"), pid) == 1 && lists(of(pid, "fd"), 0) == 1);
    CHECK(!stat(of(pid, "stat"), &status) && status.st_uid == geteuid());
    snprintf(name, sizeof name, "task/%d/comm", pid);
    CHECK(slurp(of(pid, name)) == 13);
    FAILS(open(of(pid, "task/1073741823/comm"), O_RDONLY), ENOENT);
    FAILS(open(of(1073741823, "stat"), O_RDONLY), ENOENT);
    FAILS(readlink(of(pid, "fd/999"), link, sizeof link), ENOENT);
    int there = open(of(pid, "comm"), O_WRONLY);
    FAILS(write(there, "x", 1), EINVAL);
    close(there);
    (void)in;
}

/* What is written to a pipe through another process's descriptor arrives. */
static void descriptors(pid_t pid, int out)
{
    char link[40], own[40], name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", out);
    ssize_t n = readlink(name, own, sizeof own);
    int found = 0;
    for (int fd = 3; fd < 10 && !found; fd++) {
        snprintf(name, sizeof name, "fd/%d", fd);
        found = n > 0 && readlink(of(pid, name), link, sizeof link) == n &&
                !memcmp(link, own, (size_t)n);
    }
    char byte = 0;
    int there = open(of(pid, name), O_WRONLY);
    CHECK(found && there >= 0 && write(there, "y", 1) == 1 && read(out, &byte, 1) == 1);
    CHECK(byte == 'y');
    close(there);
}

static void dies(pid_t pid, int in)
{
    char link[10];
    int status, before = open(of(pid, "stat"), O_RDONLY), maps = open(of(pid, "statm"), O_RDONLY);
    kill(pid, SIGSTOP);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && state(pid) == 'T');
    CHECK(slurp(of(pid, "status")) > 0 && strstr(text, "State:\tT (stopped)\n"));
    kill(pid, SIGCONT);
    close(in);
    CHECK(becomes(pid, 'Z'));
    CHECK(slurp(of(pid, "status")) > 0 && strstr(text, "State:\tZ (zombie)\n"));
    CHECK(slurp(of(pid, "comm")) == 13 && slurp(of(pid, "cmdline")) == 0);
    FAILS(readlink(of(pid, "exe"), link, sizeof link), ENOENT);
    CHECK(lists("/proc", pid) == 1);
    CHECK(read(before, text, 100) > 0);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(lists("/proc", pid) == 0);
    FAILS(open(of(pid, "stat"), O_RDONLY), ENOENT);
    CHECK(!lseek(before, 0, SEEK_SET));
    FAILS(read(before, text, 100), ESRCH);
    FAILS(read(maps, text, 100), ESRCH);
    close(before);
    close(maps);
}

static void *named_thread(void *unused)
{
    char name[40];
    int tid = (int)syscall(SYS_gettid);
    prctl(PR_SET_NAME, "thread");
    snprintf(name, sizeof name, "task/%d/comm", tid);
    CHECK(slurp(of(getpid(), name)) == 7 && !strcmp(text, "thread\n"));
    int fd = open(of(getpid(), name), O_RDWR);
    CHECK(fd >= 0 && write(fd, "renamed", 7) == 7);
    close(fd);
    CHECK(!prctl(PR_GET_NAME, text) && !strcmp(text, "renamed"));
    snprintf(name, sizeof name, "task/%d/stat", tid);
    CHECK(slurp(of(getpid(), name)) > 0 && atoi(text) == tid && strstr(text, "(renamed)"));
    return unused;
}

static void names(void)
{
    int fd = open("/proc/self/comm", O_WRONLY | O_TRUNC);
    CHECK(fd >= 0 && write(fd, "a name that is too long", 23) == 23);
    CHECK(!prctl(PR_GET_NAME, text) && !strcmp(text, "a name that is "));
    CHECK(slurp("/proc/self/comm") == 16 && !strcmp(text, "a name that is \n"));
    close(fd);
    pthread_t thread;
    CHECK(!pthread_create(&thread, NULL, named_thread, NULL) && !pthread_join(thread, NULL));
    CHECK(slurp("/proc/self/comm") == 16 && !strcmp(text, "a name that is \n"));
}

static volatile int stop;

static void *spins(void *id)
{
    *(pid_t *)id = (pid_t)syscall(SYS_gettid);
    while (!stop)
        ;
    return id;
}

static void *sleeps(void *id)
{
    *(pid_t *)id = (pid_t)syscall(SYS_gettid);
    while (!stop)
        usleep(10000000);
    return id;
}

static int says(pid_t pid, pid_t tid, const char *state)
{
    char name[40];
    snprintf(name, sizeof name, "task/%d/status", tid);
    return slurp(of(pid, name)) > 0 && strstr(text, state);
}

/* A task that computes runs, whoever looks; one that waits is asleep. */
static void states(void)
{
    volatile pid_t *ids = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_t thread;
    pid_t pid = fork();
    if (!pid) {
        pthread_create(&thread, NULL, sleeps, (void *)&ids[0]);
        pthread_create(&thread, NULL, spins, (void *)&ids[1]);
        pause();
    }
    while (!ids[0] || !ids[1])
        usleep(1000);
    CHECK(task_becomes(pid, pid, 'S')); /* it has made both */
    CHECK(task_becomes(pid, ids[0], 'S') && says(pid, pid, "S (sleeping)") &&
          says(pid, ids[0], "S (sleeping)"));
    CHECK(task_becomes(pid, ids[1], 'R') && says(pid, ids[1], "R (running)"));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    ids[0] = 0;
    CHECK(!pthread_create(&thread, NULL, spins, (void *)ids));
    while (!ids[0])
        usleep(1000);
    CHECK(task_becomes(getpid(), ids[0], 'R') && task_state(getpid(), getpid()) == 'R');
    stop = 1;
    CHECK(!pthread_join(thread, NULL));
    munmap((void *)ids, 4096);
}

static void strangers(void)
{
    if (geteuid())
        return;
    char link[100];
    void *head;
    size_t size;
    int status;
    pid_t parent = getpid(), pid = fork();
    if (!pid) {
        check_failures = 0;
        CHECK(!setgid(4321) && !setuid(4321));
        CHECK(slurp(of(parent, "stat")) > 0 && slurp(of(parent, "status")) > 0);
        CHECK(slurp(of(parent, "cmdline")) > 0 && slurp(of(parent, "limits")) > 0);
        FAILS(slurp(of(parent, "environ")), EACCES);
        FAILS(slurp(of(parent, "maps")), EACCES);
        FAILS(slurp(of(parent, "auxv")), EACCES);
        FAILS(readlink(of(parent, "exe"), link, sizeof link), EACCES);
        FAILS(readlink(of(parent, "cwd"), link, sizeof link), EACCES);
        FAILS(readlink(of(parent, "fd/1"), link, sizeof link), EACCES);
        FAILS(open(of(parent, "fd/1"), O_WRONLY), EACCES);
        FAILS(open(of(parent, "fd"), O_RDONLY), EACCES);
        FAILS(open(of(parent, "fdinfo"), O_RDONLY), EACCES);
        FAILS(chdir(of(parent, "fd")), EACCES);
        FAILS(chdir(of(parent, "fdinfo")), EACCES);
        FAILS(access(of(parent, "fd"), X_OK), EACCES);
        FAILS(access(of(parent, "fdinfo"), R_OK), EACCES);
        int directory = open(of(parent, "fd"), O_PATH);
        CHECK(directory >= 0);
        FAILS(fchdir(directory), EACCES);
        FAILS(open(of(parent, "comm"), O_WRONLY), EACCES);
        FAILS(syscall(SYS_get_robust_list, parent, &head, &size), EPERM);
        fflush(stdout);
        _exit(check_failures != 0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* Processes that end while they are looked at. */
static void races(void)
{
    static const char *const files[] = {"stat",     "status", "maps", "environ",
                                        "fdinfo/0", "statm",  "task"};
    for (int i = 0; i < 60; i++) {
        pid_t pid = fork();
        if (!pid)
            _exit(0);
        for (int k = 0; k < 20; k++) {
            const char *file = of(pid, files[(i + k) % 7]);
            CHECK(slurp(file) >= 0 || errno == ENOENT || errno == ESRCH || errno == EACCES ||
                  errno == EISDIR || errno == EIO);
            lists("/proc", pid);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    }
}

int main(void)
{
    int in[2], out[2];
    alarm(60);
    fflush(stdout);
    pid_t pid = sleeper(in, out);
    alive(pid, in[1]);
    descriptors(pid, out[0]);
    dies(pid, in[1]);
    names();
    states();
    strangers();
    races();
    return check_end();
}
