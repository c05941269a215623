// Do fchmod, fchown, flock and fcntl's owner commands do with sockets what Linux' do, to the error numbers?
// RUN: rm -rf %t.dir && mkdir %t.dir && %lind-cc -O1 %s -o %t && cd %t.dir && %lind-run %t
#include "check.h"

#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Linux'; the C library's headers have some of them only. */
#define SOCKET_SET_OWNER 0x8902
#define FILE_SET_OWNER 0x8901
#define FILE_GET_OWNER 0x8903
#define SOCKET_GET_OWNER 0x8904

static int is(int fd, mode_t mode, uid_t uid, gid_t gid)
{
    struct stat status;
    if (fstat(fd, &status))
        return 0;
    if (status.st_mode == (S_IFSOCK | mode) && status.st_uid == uid && status.st_gid == gid)
        return 1;
    printf("mode %o, user %d, group %d\n", status.st_mode, (int)status.st_uid, (int)status.st_gid);
    return 0;
}

static void modes(void)
{
    int ends[2];
    uid_t user = geteuid();
    gid_t group = getegid();
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && is(ends[0], 0777, user, group));
    CHECK(fchmod(ends[0], 0600) == 0 && is(ends[0], 0600, user, group) &&
          is(ends[1], 0777, user, group));
    CHECK(fchmod(ends[0], 0107777) == 0 && is(ends[0], 07777, user, group));
    CHECK(fchown(ends[0], -1, -1) == 0 && is(ends[0], 01777, user, group));
    CHECK(fchmod(ends[0], 06767) == 0 && fchown(ends[0], user, group) == 0 &&
          is(ends[0], 02767, user, group));
    CHECK(fchmod(ends[0], 0) == 0 && write(ends[0], "x", 1) == 1); /* who has it may use it */
    int copy = dup(ends[0]);
    CHECK(is(copy, 0, user, group));
    CHECK_ERROR(fchmod(1000, 0), EBADF);
    CHECK_ERROR(fchown(1000, -1, -1), EBADF);
    close(copy);
    close(ends[0]);
    close(ends[1]);
}

/* Owners as root, then as somebody else. */
static void users(void)
{
    int ours[2];
    gid_t group = 7;
    if (geteuid() || setgroups(1, &group))
        return;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ours) == 0);
    CHECK(fchown(ours[0], 5, -1) == 0 && fchown(ours[0], -1, 6) == 0 && is(ours[0], 0777, 5, 6));
    CHECK(fchown(ours[0], 1000, 5) == 0 && fchmod(ours[1], 0777) == 0);
    pid_t child = fork();
    if (!child) {
        CHECK(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
        CHECK_ERROR(fchmod(ours[1], 0), EPERM);
        CHECK(fchown(ours[1], -1, -1) == 0);
        CHECK_ERROR(fchown(ours[1], 0, -1), EPERM);
        CHECK_ERROR(fchown(ours[1], 1000, -1), EPERM);
        CHECK_ERROR(fchown(ours[1], -1, 0), EPERM);
        CHECK_ERROR(fchown(ours[1], -1, 7), EPERM);
        CHECK(fchmod(ours[0], 02777) == 0 && is(ours[0], 0777, 1000, 5)); /* not a group of its */
        CHECK(fchown(ours[0], 1000, 5) == 0); /* nothing changes */
        CHECK_ERROR(fchown(ours[0], 0, -1), EPERM);
        CHECK_ERROR(fchown(ours[0], -1, 0), EPERM);
        CHECK(fchown(ours[0], -1, 7) == 0 && fchmod(ours[0], 06777) == 0);
        CHECK(is(ours[0], 06777, 1000, 7) && fchown(ours[0], -1, -1) == 0);
        CHECK(is(ours[0], 0777, 1000, 7) && fchown(ours[0], 1000, 1000) == 0);
        int mine = socket(AF_UNIX, SOCK_DGRAM, 0);
        CHECK(is(mine, 0777, 1000, 1000));
        fflush(stdout);
        _exit(check_failures);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(is(ours[0], 0777, 1000, 1000));
    CHECK(fchmod(ours[1], 04777) == 0);
    child = fork();
    if (!child) {
        CHECK(setresuid(1000, 1000, 1000) == 0);
        CHECK_ERROR(fchown(ours[1], -1, -1), EPERM); /* it would take a bit away */
        fflush(stdout);
        _exit(check_failures);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(ours[0]);
    close(ours[1]);
}

static struct sockaddr_un name_of(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, path);
    return name;
}

/* Its mode is that of the inode which bind makes, and no more to do with it then. */
static void bound(void)
{
    struct stat status;
    struct sockaddr_un name = name_of("bound");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    mode_t mask = umask(022);
    unlink("bound");
    CHECK(fchmod(fd, 0770) == 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0);
    CHECK(stat("bound", &status) == 0 && status.st_mode == (S_IFSOCK | 0750));
    CHECK(fchmod(fd, 0700) == 0 && stat("bound", &status) == 0 && (status.st_mode & 0777) == 0750);
    CHECK(listen(fd, 1) == 0 && connect(client, (struct sockaddr *)&name, sizeof name) == 0);
    int accepted = accept(fd, NULL, NULL);
    CHECK(is(accepted, 0777, geteuid(), getegid()));
    umask(mask);
    close(accepted);
    close(client);
    close(fd);
}

static void locks(void)
{
    int ends[2], status;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHECK(flock(ends[0], LOCK_EX) == 0 && flock(ends[0], LOCK_EX | LOCK_NB) == 0);
    CHECK(flock(ends[1], LOCK_EX | LOCK_NB) == 0);
    pid_t child = fork();
    if (!child)
        _exit(flock(ends[0], LOCK_SH | LOCK_NB) ? errno : 0); /* the same description */
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(flock(ends[0], LOCK_UN) == 0 && flock(ends[0], LOCK_UN) == 0);
    CHECK_ERROR(flock(ends[0], LOCK_SH | LOCK_EX), EINVAL);
    CHECK_ERROR(flock(ends[0], 0), EINVAL);
    CHECK_ERROR(flock(ends[0], 16), EINVAL);
    CHECK_ERROR(flock(1000, LOCK_SH), EBADF);
    close(ends[0]);
    close(ends[1]);
}

static int owner_is(int fd, int type, pid_t pid)
{
    struct f_owner_ex owner = {-1, -1};
    return fcntl(fd, F_GETOWN_EX, &owner) == 0 && owner.type == type && owner.pid == pid;
}

static int set_owner(int fd, int type, pid_t pid)
{
    struct f_owner_ex owner = {type, pid};
    return fcntl(fd, F_SETOWN_EX, &owner);
}

static void owners(int fd)
{
    CHECK(owner_is(fd, F_OWNER_TID, 0) && fcntl(fd, F_GETOWN) == 0);
    CHECK(fcntl(fd, F_SETOWN, getpid()) == 0 && fcntl(fd, F_GETOWN) == getpid());
    CHECK(owner_is(fd, F_OWNER_PID, getpid()));
    int copy = dup(fd);
    CHECK(fcntl(copy, F_GETOWN) == getpid());
    close(copy);
    CHECK(fcntl(fd, F_SETOWN, -getpgrp()) == 0 && fcntl(fd, F_GETOWN) == -getpgrp());
    CHECK(owner_is(fd, F_OWNER_PGRP, getpgrp()));
    CHECK_ERROR(fcntl(fd, F_SETOWN, 4194303), ESRCH);
    CHECK_ERROR(fcntl(fd, F_SETOWN, -4194303), ESRCH);
    CHECK_ERROR(fcntl(fd, F_SETOWN, INT32_MIN), EINVAL);
    CHECK(fcntl(fd, F_GETOWN) == -getpgrp());
    CHECK(fcntl(fd, F_SETOWN, 0) == 0 && owner_is(fd, F_OWNER_PID, 0));
    CHECK(fcntl(fd, F_SETOWN, 1) == 0 && fcntl(fd, F_GETOWN) == 1);

    CHECK(set_owner(fd, F_OWNER_TID, getpid()) == 0 && owner_is(fd, F_OWNER_TID, getpid()));
    CHECK(fcntl(fd, F_GETOWN) == getpid());
    CHECK(set_owner(fd, F_OWNER_PGRP, 0) == 0 && owner_is(fd, F_OWNER_PGRP, 0));
    CHECK_ERROR(set_owner(fd, 3, getpid()), EINVAL);
    CHECK_ERROR(set_owner(fd, -1, getpid()), EINVAL);
    CHECK_ERROR(set_owner(fd, F_OWNER_PGRP, 4194303), ESRCH);
    CHECK_ERROR(set_owner(fd, F_OWNER_PGRP, -1), ESRCH);
    CHECK_ERROR(fcntl(fd, F_SETOWN_EX, BAD), EFAULT);
    CHECK_ERROR(fcntl(fd, F_GETOWN_EX, BAD), EFAULT);

    CHECK(fcntl(fd, F_GETSIG) == 0 && fcntl(fd, F_SETSIG, SIGUSR1) == 0);
    CHECK(fcntl(fd, F_GETSIG) == SIGUSR1 && owner_is(fd, F_OWNER_PGRP, 0));
    CHECK(set_owner(fd, F_OWNER_PID, getpid()) == 0 && fcntl(fd, F_GETSIG) == SIGUSR1);
    CHECK_ERROR(fcntl(fd, F_SETSIG, 65), EINVAL);
    CHECK_ERROR(fcntl(fd, F_SETSIG, -1), EINVAL);
    CHECK(fcntl(fd, F_SETSIG, 64) == 0 && fcntl(fd, F_SETSIG, 0) == 0 && fcntl(fd, F_GETSIG) == 0);
}

/* A dead owner is none: a zombie still is one. */
static void ended_owner(int fd)
{
    siginfo_t info;
    pid_t child = fork();
    if (!child)
        _exit(setpgid(0, 0));
    CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
    CHECK(fcntl(fd, F_SETOWN, child) == 0 && fcntl(fd, F_GETOWN) == child);
    int other = dup(fd);
    CHECK(waitpid(child, NULL, 0) == child && fcntl(other, F_GETOWN) == 0);
    CHECK(owner_is(fd, F_OWNER_PID, 0));
    CHECK_ERROR(fcntl(fd, F_SETOWN, child), ESRCH);
    close(other);
}

static void *thread(void *data)
{
    int fd = *(int *)data;
    pid_t tid = (pid_t)syscall(SYS_gettid);
    CHECK(set_owner(fd, F_OWNER_TID, tid) == 0 && owner_is(fd, F_OWNER_TID, tid));
    CHECK(fcntl(fd, F_SETOWN, tid) == 0 && fcntl(fd, F_GETOWN) == 0); /* no process's id */
    CHECK(set_owner(fd, F_OWNER_TID, tid) == 0);
    return NULL;
}

static void owner_ioctls(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0), ends[2], value = getpid();
    CHECK(ioctl(fd, FILE_SET_OWNER, &value) == 0);
    value = 0;
    CHECK(ioctl(fd, FILE_GET_OWNER, &value) == 0 && value == getpid());
    value = -getpgrp();
    CHECK(ioctl(fd, SOCKET_SET_OWNER, &value) == 0);
    value = 0;
    CHECK(ioctl(fd, SOCKET_GET_OWNER, &value) == 0 && value == -getpgrp());
    value = 4194303;
    CHECK_ERROR(ioctl(fd, SOCKET_SET_OWNER, &value), ESRCH);
    CHECK_ERROR(ioctl(fd, SOCKET_SET_OWNER, BAD), EFAULT);
    CHECK_ERROR(ioctl(fd, SOCKET_GET_OWNER, BAD), EFAULT);
    CHECK(pipe(ends) == 0);
    value = getpid();
    CHECK_ERROR(ioctl(ends[0], FILE_SET_OWNER, &value), ENOTTY);
    close(ends[0]);
    close(ends[1]);
    close(fd);
}

/* Every kind of description has an owner, but those without rights. */
static void other_kinds(void)
{
    int ends[2], path = open(".", O_PATH), directory = open(".", O_RDONLY);
    CHECK(pipe(ends) == 0);
    owners(ends[0]);
    owners(directory);
    CHECK(fcntl(ends[1], F_GETOWN) == 0);
    CHECK_ERROR(fcntl(path, F_SETOWN, getpid()), EBADF);
    CHECK_ERROR(fcntl(path, F_GETOWN), EBADF);
    CHECK_ERROR(fcntl(path, F_SETSIG, 1), EBADF);
    CHECK_ERROR(flock(path, LOCK_EX), EBADF);
    CHECK_ERROR(syscall(SYS_fchmod, path, 0700), EBADF);
    close(ends[0]);
    close(ends[1]);
    close(path);
    close(directory);
}

static _Atomic int start;
static struct racer {
    pthread_t thread;
    const char *name;
    int fd, error;
} racers[2];

static void *race(void *data)
{
    struct racer *racer = data;
    struct sockaddr_un name = name_of(racer->name);
    start--;
    for (int looks = 0; start > 0; looks++)
        if (looks > 2000)
            sched_yield();
    racer->error = bind(racer->fd, (struct sockaddr *)&name, sizeof name) ? errno : 0;
    return NULL;
}

/* Two threads bind one socket to two names: the one that loses leaves no name behind. */
static void binding_race(void)
{
    static const char *const names[] = {"one", "other"};
    int lost = 0;
    for (int round = 0; round < 400; round++) {
        int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
        start = 2;
        for (int i = 0; i < 2; i++) {
            racers[i].name = names[i];
            racers[i].fd = fd;
            CHECK(pthread_create(&racers[i].thread, NULL, race, &racers[i]) == 0);
        }
        for (int i = 0; i < 2; i++)
            CHECK(pthread_join(racers[i].thread, NULL) == 0);
        CHECK(racers[0].error + racers[1].error == EINVAL);
        lost += access(racers[racers[0].error ? 0 : 1].name, F_OK) == 0;
        unlink("one");
        unlink("other");
        close(fd);
    }
    if (lost)
        printf("%d names were left\n", lost);
    CHECK(!lost);
}

int main(void)
{
    pthread_t one;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    modes();
    users();
    bound();
    locks();
    owners(fd);
    ended_owner(fd);
    CHECK(pthread_create(&one, NULL, thread, &fd) == 0 && pthread_join(one, NULL) == 0);
    for (int wait = 0; wait < 6000 && !owner_is(fd, F_OWNER_TID, 0); wait++)
        usleep(10000); /* it still ends */
    CHECK(owner_is(fd, F_OWNER_TID, 0));
    owner_ioctls();
    other_kinds();
    binding_race();
    return check_done();
}
