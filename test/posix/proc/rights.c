// Are files opened, made and changed with the rights of the program's user, whatever the host thread served before? (Most of it needs root.)
// RUN: musl-gcc -static -O2 %s -o %t.native && rm -rf %t.dir && mkdir %t.dir && cd %t.dir && %t.native
// RUN: %lind-cc -O2 %s -o %t && rm -rf %t.dir && mkdir %t.dir && cd %t.dir && %lind-run -- %t
// A cage's ids are those of all its threads, also when one alone asks the kernel, as Linux has it for each.
// RUN: cd %t.dir && %lind-run -- %t threads
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/check.h"

enum { USER = 5001, OTHER = 5002, GROUP = 5000, EXTRA = 4000, STRANGE = 4001 };

static int can_open(const char *path, int flags)
{
    int fd = open(path, flags, 0644);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void make(const char *path, mode_t mode, uid_t user, gid_t group)
{
    int fd = open(path, O_CREAT | O_RDWR | O_EXCL, 0600);
    CHECK(fd >= 0 && write(fd, "text", 4) == 4 && !fchown(fd, user, group) && !fchmod(fd, mode));
    close(fd);
}

static int owned(const char *path, uid_t user, gid_t group)
{
    struct stat status;
    return !lstat(path, &status) && status.st_uid == user && status.st_gid == group;
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    return stat(path, &status) ? 0 : status.st_mode & 07777;
}

/* Runs a function in a child, whose failed checks are the caller's. */
static void in_child(void (*function)(void))
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        check_failures = 0;
        function();
        _exit(check_end());
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

static void become_user(void)
{
    const gid_t extra = EXTRA;
    CHECK(!setgroups(1, &extra) && !setgid(GROUP) && !setuid(USER));
}

static void as_nobody_in_particular(void)
{
    const struct timespec times[2] = {{1, 0}, {2, 0}};
    struct stat status;
    become_user();
    FAILS(open("root-only", O_RDONLY), EACCES);
    FAILS(open("root-only", O_WRONLY | O_TRUNC), EACCES);
    FAILS(syscall(SYS_openat2, AT_FDCWD, "root-only", &(uint64_t[3]){O_RDONLY}, 24), EACCES);
    CHECK(can_open("all", O_RDWR));
    CHECK(can_open("group", O_RDWR));
    FAILS(open("strange", O_RDONLY), EACCES);
    FAILS(open("new", O_CREAT | O_WRONLY, 0666), EACCES);
    FAILS(mkdir("new", 0777), EACCES);
    FAILS(symlink("x", "new"), EACCES);
    FAILS(mkfifo("new", 0666), EACCES);
    FAILS(link("all", "new"), EACCES);
    FAILS(unlink("all"), EACCES);
    FAILS(rename("all", "new"), EACCES);
    FAILS(rmdir("world"), EACCES);
    FAILS(chmod("all", 0600), EPERM);
    FAILS(chown("all", USER, -1), EPERM);
    FAILS(lchown("all", -1, GROUP), EPERM);
    FAILS(utimensat(AT_FDCWD, "all", times, 0), EPERM);
    CHECK(!utimensat(AT_FDCWD, "all", NULL, 0));
    FAILS(utimensat(AT_FDCWD, "root-only", NULL, 0), EACCES);
    FAILS(truncate("root-only", 0), EACCES);
    CHECK(!truncate("all", 4));
    CHECK(getxattr("root-only", "user.x", NULL, 0) < 0 && errno != ENODATA);
    FAILS(stat("closed/inner", &status), EACCES);
    FAILS(open("closed/inner", O_PATH), EACCES);
    FAILS(open("closed", O_RDONLY | O_DIRECTORY), EACCES);
    FAILS(chdir("closed"), EACCES);
    FAILS(access("closed/inner", F_OK), EACCES);
    FAILS(access("root-only", R_OK), EACCES);
    CHECK(!access("root-only", F_OK) && !access("all", R_OK | W_OK) && !access("group", R_OK));
    FAILS(execl("root-only", "x", NULL), EACCES);
    FAILS(open("all", O_RDONLY | O_NOATIME), EPERM);
    FAILS(unlink("sticky/roots"), EPERM);
    FAILS(rename("sticky/roots", "sticky/mine"), EPERM);
}

static void makes(void)
{
    become_user();
    umask(022);
    CHECK(can_open("world/file", O_CREAT | O_WRONLY) && owned("world/file", USER, GROUP));
    CHECK(!mkdir("world/dir", 0777) && owned("world/dir", USER, GROUP));
    CHECK(!symlink("x", "world/link") && owned("world/link", USER, GROUP));
    CHECK(!mkfifo("world/fifo", 0666) && owned("world/fifo", USER, GROUP));
    CHECK(can_open("heirs/file", O_CREAT | O_WRONLY) && owned("heirs/file", USER, STRANGE));
    CHECK(can_open("/tmp/rights.file", O_CREAT | O_WRONLY) &&
          owned("/tmp/rights.file", USER, GROUP) && !unlink("/tmp/rights.file"));
    int fd = open("world", O_TMPFILE | O_RDWR, 0600);
    struct stat status;
    if (fd >= 0)
        CHECK(!fstat(fd, &status) && status.st_uid == USER && status.st_gid == GROUP);
    fd = (int)syscall(SYS_memfd_create, "memory", 0);
    CHECK(!fstat(fd, &status) && status.st_uid == USER);
    CHECK(!chown("world/file", -1, EXTRA) && owned("world/file", USER, EXTRA));
    FAILS(chown("world/file", -1, STRANGE), EPERM);
    FAILS(chown("world/file", OTHER, -1), EPERM);
    CHECK(!chmod("world/file", 06777) && mode_of("world/file") == 06777);
    CHECK(can_open("heirs/file", O_RDWR) && !chmod("heirs/file", 02755) &&
          mode_of("heirs/file") == 0755); /* of a group that is not the user's */
    fd = open("world/file", O_WRONLY);
    CHECK(write(fd, "x", 1) == 1 && mode_of("world/file") == 0777);
    CHECK(!unlink("world/fifo") && !rename("world/file", "world/dir/file"));
}

/* The way up needs the right to search only what it leads up from. */
static void below_closed(void)
{
    struct stat status;
    CHECK(!chdir("closed/in/deep"));
    become_user();
    CHECK(!stat("..", &status) && !stat("../..", &status) && !stat("../deep/../..", &status));
    CHECK(open("../..", O_PATH) >= 0 && !access("../deep/file", R_OK) && can_open("file", O_RDONLY));
    FAILS(open("../..", O_RDONLY), EACCES);
    FAILS(stat("../../inner", &status), EACCES);
    FAILS(stat("../../..", &status), EACCES);
    FAILS(open("../../../all", O_RDONLY), EACCES);
    CHECK(!chdir("..") && !chdir("deep/../deep") && !chdir("../deep"));
    FAILS(chdir("../.."), EACCES);
}

/* What was open before stays so, for what it was open for. */
static void held(void)
{
    int fd = open("root-only", O_RDWR);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char text[8], name[40];
    become_user();
    CHECK(pread(fd, text, 4, 0) == 4 && pwrite(fd, text, 4, 0) == 4 && !ftruncate(fd, 4));
    CHECK(!fcntl(fd, F_SETLK, &lock));
    FAILS(fchmod(fd, 0666), EPERM);
    FAILS(fchown(fd, USER, GROUP), EPERM);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    FAILS(open(name, O_RDONLY), EACCES);
}

static void back_and_forth(void)
{
    for (int i = 0; i < 3; i++) {
        CHECK(!seteuid(USER));
        FAILS(open("root-only", O_RDONLY), EACCES);
        CHECK(!access("root-only", R_OK | W_OK) && !access("closed/inner", R_OK));
        FAILS(faccessat(AT_FDCWD, "root-only", R_OK, AT_EACCESS), EACCES);
        FAILS(open("root-only", O_RDONLY), EACCES);
        CHECK(!seteuid(0) && can_open("root-only", O_RDWR));
        CHECK(setfsuid(USER) == 0);
        FAILS(open("root-only", O_RDONLY), EACCES);
        CHECK(setfsuid(0) == USER && can_open("root-only", O_RDWR));
        CHECK(!chown("all", USER, USER) && !chown("all", 0, 0));
    }
    CHECK(setfsgid(STRANGE) == 0 && setfsuid(USER) == 0);
    CHECK(can_open("strange", O_RDONLY));
    FAILS(open("root-only", O_RDONLY), EACCES);
    CHECK(setfsuid(0) == USER && setfsgid(0) == STRANGE);
    CHECK(!setresuid(USER, 0, 0) && can_open("root-only", O_RDWR));
    FAILS(access("root-only", R_OK), EACCES);
    FAILS(access("closed/inner", F_OK), EACCES);
    CHECK(!faccessat(AT_FDCWD, "root-only", R_OK, AT_EACCESS) && can_open("root-only", O_RDWR));
}

/* After execve: the saved ids are the effective ones, which others may not look into. */
static int after_exec(void)
{
    uid_t real, effective, saved;
    struct stat status;
    CHECK(!getresuid(&real, &effective, &saved));
    CHECK(real == USER && effective == OTHER && saved == OTHER);
    FAILS(open("root-only", O_RDONLY), EACCES);
    FAILS(setuid(0), EPERM);
    CHECK(prctl(PR_GET_DUMPABLE) != 1);
    CHECK(!stat("/proc/self", &status) && status.st_uid == OTHER);
    CHECK(!stat("/proc/self/stat", &status) && status.st_uid == 0);
    return check_end();
}

/* What may be executed is, though it may not be read; nobody may look into it. A script's
 * interpreter sees to what it makes of that. */
static void runs_unreadable(void)
{
    become_user();
    FAILS(open("run-only", O_RDONLY), EACCES);
    FAILS(execl("closed/run-only", "x", NULL), EACCES);
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        pid_t pid = fork();
        if (!pid) {
            execl(i ? "script-only" : "run-only", "run-only", "unreadable", NULL);
            _exit(1);
        }
        int ended;
        CHECK(waitpid(pid, &ended, 0) == pid && ended == 0);
    }
}

static int unreadable(void)
{
    struct stat status;
    CHECK(getuid() == USER && prctl(PR_GET_DUMPABLE) != 1);
    CHECK(!stat("/proc/self/stat", &status) && status.st_uid == 0);
    FAILS(open("run-only", O_RDONLY), EACCES);
    return check_end();
}

static void copy_program(const char *from, const char *to, mode_t mode)
{
    static char bytes[65536];
    int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_WRONLY, 0600);
    for (ssize_t got; (got = read(in, bytes, sizeof bytes)) > 0;)
        CHECK(write(out, bytes, (size_t)got) == got);
    CHECK(!fchmod(out, mode) && !close(out) && !close(in));
}

static void execs(void)
{
    CHECK(!setresuid(USER, OTHER, 0));
    setfsuid(USER);
    execl("/proc/self/exe", "rights", "after", NULL);
    CHECK(!"exec");
}

static void looked_into(void)
{
    struct stat status;
    CHECK(!prctl(PR_SET_PDEATHSIG, SIGUSR1) && prctl(PR_GET_DUMPABLE) == 1);
    CHECK(!stat("/proc/self/stat", &status) && status.st_uid == 0);
    CHECK(!seteuid(0) && prctl(PR_GET_DUMPABLE) == 1);
    CHECK(!seteuid(USER) && prctl(PR_GET_DUMPABLE) != 1);
    int signal = -1;
    CHECK(!prctl(PR_GET_PDEATHSIG, &signal) && signal == 0);
    CHECK(!stat("/proc/self", &status) && status.st_uid == USER);
    CHECK(!stat("/proc/self/stat", &status) && status.st_uid == 0);
    CHECK(!prctl(PR_SET_DUMPABLE, 1));
    CHECK(!stat("/proc/self/stat", &status) && status.st_uid == USER);
}

static void vforks(void)
{
    int status;
    pid_t pid = vfork();
    if (!pid) {
        int failed = setuid(USER) || open("root-only", O_RDONLY) >= 0;
        _exit(failed);
    }
    CHECK(can_open("root-only", O_RDWR));
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static pthread_barrier_t barrier;

static void *other_thread(void *unused)
{
    for (int i = 0; i < 20; i++) {
        pthread_barrier_wait(&barrier);
        CHECK(can_open("root-only", O_RDONLY));
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        FAILS(open("root-only", O_RDONLY), EACCES);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static void threads(void)
{
    pthread_t thread, one_more;
    pthread_barrier_init(&barrier, NULL, 2);
    CHECK(!pthread_create(&thread, NULL, other_thread, NULL));
    for (int i = 0; i < 20; i++) {
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        CHECK(!seteuid(USER));
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        CHECK(!seteuid(0));
    }
    pthread_join(thread, NULL);
    /* One that is made by a thread with other rights has these, too. */
    pthread_barrier_init(&barrier, NULL, 2);
    CHECK(!pthread_create(&one_more, NULL, other_thread, NULL));
    for (int i = 0; i < 20; i++) {
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        CHECK(!setegid(GROUP) && !seteuid(USER));
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        CHECK(!seteuid(0) && !setegid(0));
    }
    pthread_join(one_more, NULL);
}

/* Many processes with ids of their own at once, and root's between them, on few host threads. */
enum { CHILDREN = 24, ROUNDS = 12 };

static int one_of_many(int number, int round)
{
    uid_t user = number % 4 ? 6000 + (uid_t)number : 0;
    gid_t groups[2] = {7000 + (gid_t)number, 7100};
    char name[40], others[40];
    if (user && (setgroups(2, groups) || setgid(user) || setuid(user)))
        return 1;
    snprintf(name, sizeof name, "world/many.%d.%d", number, round);
    int fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
    if (fd < 0 || !owned(name, user, user) || can_open("root-only", O_RDWR) != !user)
        return 2;
    snprintf(others, sizeof others, "group.%d", number);
    if (can_open(others, O_RDONLY) != 1)
        return 3;
    snprintf(others, sizeof others, "group.%d", number == 1 ? 2 : 1);
    if (can_open(others, O_RDONLY) != !user)
        return 4;
    pid_t pid = fork();
    if (!pid)
        _exit(!can_open(name, O_RDWR) || can_open("root-only", O_RDWR) != !user ||
              !owned(name, user, user));
    int status;
    if (waitpid(pid, &status, 0) != pid || status)
        return 5;
    if (unlink(name))
        return 6;
    return 0;
}

static void many(void)
{
    for (int i = 0; i < CHILDREN; i++) {
        char name[40];
        snprintf(name, sizeof name, "group.%d", i);
        make(name, 0640, 0, 7000 + (gid_t)i);
    }
    for (int round = 0; round < ROUNDS; round++) {
        pid_t pids[CHILDREN];
        fflush(stdout);
        for (int i = 0; i < CHILDREN; i++)
            if (!(pids[i] = fork()))
                _exit(one_of_many(i, round));
        for (int i = 0; i < CHILDREN; i++) {
            int status = -1;
            CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
            if (status)
                printf("child %d of round %d: status %#x\n", i, round, status);
        }
        CHECK(can_open("root-only", O_RDWR));
    }
}

/* A directory that may be listed but not searched. (Caged, it is what is granted.) */
static void only_listed(void)
{
    char top[4096];
    CHECK(getcwd(top, sizeof top));
    CHECK(!chmod(".", 0744));
    become_user();
    CHECK(open(top, O_RDONLY | O_DIRECTORY) >= 0 && open(top, O_PATH) >= 0);
    FAILS(open(".", O_RDONLY), EACCES);
    FAILS(open("all", O_RDONLY), EACCES);
    FAILS(chdir(top), EACCES);
}

/* The way up from a directory leads to what is above it, not to what its path names by then: here
 * through one that only root may search. */
static void up_while_renamed(void)
{
    become_user();
    struct timespec now, start;
    int got_in = 0, status;
    pid_t pid = fork();
    if (!pid)
        for (;;)
            syscall(SYS_renameat2, AT_FDCWD, "swaps/mine", AT_FDCWD, "swaps/roots", 2 /* RENAME_EXCHANGE */);
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        got_in += can_open("swaps/link/../file", O_RDONLY);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < 2);
    CHECK(!got_in);
    CHECK(pid > 0 && !kill(pid, SIGKILL) && waitpid(pid, &status, 0) == pid);
}

static void as_root(void)
{
    umask(0);
    CHECK(!setgroups(0, NULL));
    make("root-only", 0600, 0, 0);
    make("all", 0666, 0, 0);
    make("group", 0660, 0, EXTRA);
    make("strange", 0640, 0, STRANGE);
    CHECK(!mkdir("closed", 0700) && !mkdir("world", 0777) && !mkdir("sticky", 01777));
    CHECK(!mkdir("heirs", 0777) && !chown("heirs", 0, STRANGE) && !chmod("heirs", 02777));
    make("closed/inner", 0666, 0, 0);
    make("sticky/roots", 0666, 0, 0);
    char link[4200];
    CHECK(getcwd(link, 4096) && !symlink(strcat(link, "/swaps/mine/middle/inner"), "link"));
    CHECK(!mkdir("swaps", 0777) && !mkdir("swaps/mine", 0777) && !mkdir("swaps/mine/middle", 0777));
    CHECK(!mkdir("swaps/mine/middle/inner", 0777) && !rename("link", "swaps/link"));
    CHECK(!mkdir("swaps/roots", 0700) && !mkdir("swaps/roots/middle", 0755));
    make("swaps/roots/middle/file", 0644, 0, 0);
    in_child(as_nobody_in_particular);
    CHECK(!mkdir("closed/in", 0755) && !mkdir("closed/in/deep", 0755));
    make("closed/in/deep/file", 0644, 0, 0);
    in_child(below_closed);
    in_child(makes);
    in_child(held);
    in_child(back_and_forth);
    in_child(execs);
    copy_program("/proc/self/exe", "run-only", 0711);
    copy_program("/proc/self/exe", "closed/run-only", 0711);
    make("script-only", 0711, 0, 0);
    int script = open("script-only", O_WRONLY | O_TRUNC);
    CHECK(write(script, "#!run-only un\n", 14) == 14 && !close(script));
    in_child(runs_unreadable);
    in_child(looked_into);
    in_child(vforks);
    in_child(up_while_renamed);
    in_child(threads);
    many();
    CHECK(can_open("root-only", O_RDWR));
    in_child(only_listed);
}

static void as_user(void)
{
    CHECK(can_open("mine", O_CREAT | O_RDWR) && owned("mine", geteuid(), getegid()));
    CHECK(!seteuid(getuid()) && !setegid(getgid()) && can_open("mine", O_RDWR));
    FAILS(seteuid(0), EPERM);
    CHECK(setfsuid(0) == (int)getuid() && can_open("mine", O_RDWR));
    CHECK(!chmod("mine", 0) && access("mine", R_OK) == -1 && errno == EACCES);
    FAILS(open("mine", O_RDONLY), EACCES);
}

static void *only_one(void *unused)
{
    CHECK(!syscall(SYS_setresuid, -1, USER, -1));
    return NULL;
}

/* While one thread changes the user, others fork, and wait for each other in that: by the time that a
 * host thread is made for a child its maker's rights on the host may not be the child's any more. */
enum { FORKS = 100, PIECES = 16, PIECE = 512 << 10 };
static _Atomic int stop;

static void *toggles(void *unused)
{
    while (!stop)
        CHECK(!syscall(SYS_setresuid, -1, USER, -1) && !syscall(SYS_setresuid, -1, 0, -1));
    return NULL;
}

static void *forks(void *unused)
{
    for (int i = 0; i < FORKS; i++) {
        int status;
        pid_t pid = fork();
        if (!pid)
            _exit(can_open("root-only", O_RDWR) != !geteuid());
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
    }
    return NULL;
}

static void forks_while_changing(void)
{
    pthread_t toggler, threads[3];
    int nice = getpriority(PRIO_PROCESS, 0);
    /* Tasks of other scheduling than lind-run's have host threads of their own. */
    CHECK(!setpriority(PRIO_PROCESS, 0, nice < 19 ? nice + 1 : 18));
    for (int i = 0; i < PIECES; i++) /* too small to be copied later */
        memset(malloc(PIECE), 1, PIECE);
    CHECK(!pthread_create(&toggler, NULL, toggles, NULL));
    for (int i = 0; i < 3; i++)
        CHECK(!pthread_create(&threads[i], NULL, forks, NULL));
    for (int i = 0; i < 3; i++)
        CHECK(!pthread_join(threads[i], NULL));
    stop = 1;
    CHECK(!pthread_join(toggler, NULL));
}

static int one_for_all(void)
{
    pthread_t thread;
    if (geteuid())
        return 0;
    for (int i = 0; i < 20; i++) {
        CHECK(can_open("root-only", O_RDWR));
        CHECK(!pthread_create(&thread, NULL, only_one, NULL) && !pthread_join(thread, NULL));
        FAILS(open("root-only", O_RDONLY), EACCES);
        CHECK(geteuid() == USER && !syscall(SYS_setresuid, -1, 0, -1));
    }
    forks_while_changing();
    return check_end();
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return *argv[1] == 'a'   ? after_exec()
               : *argv[1] == 'u' ? unreadable()
                                 : one_for_all();
    if (geteuid())
        as_user();
    else
        as_root();
    return check_end();
}
