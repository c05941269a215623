/* Deeds of stress.c, of root: threads change users, groups and the root, and each keeps to them. */
#ifndef STRESS_RIGHTS_H
#define STRESS_RIGHTS_H

#include <grp.h>
#include <limits.h>

#include "stress.h"

enum { USER = 5001, GROUP = 5000, ROUNDS = 30 };
static char private_path[1020]; /* which root alone may read */

/* Whether the host's rights are those that the process has for its own. */
static int rights_agree(void)
{
    int fd = open(private_path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return (fd >= 0) == (geteuid() == 0) && (fd >= 0 || errno == EACCES);
}

/* In a cage these ids are those of all threads. */
static void *changes_user(void *data)
{
    for (int i = 0; i < ROUNDS; i++) {
        MUST(!syscall(SYS_setresuid, -1, USER, -1));
        access(private_path, R_OK);
        MUST(!syscall(SYS_setresuid, -1, 0, -1));
        stat(private_path, &(struct stat){0});
    }
    return NULL;
}

static void *changes_groups(void *data)
{
    const gid_t groups[] = {GROUP, GROUP + 1, GROUP + 2};
    for (int i = 0; i < ROUNDS; i++) {
        int failed = syscall(SYS_setgroups, i % 3, groups) ||
                     syscall(SYS_setresgid, -1, i % 2 ? GROUP : 0, -1);
        MUST(!failed || errno == EPERM);
        access(private_path, R_OK);
    }
    return NULL;
}

static void *forks_with_rights(void *data)
{
    char *arguments[] = {"stress", "rights", private_path, NULL};
    for (int i = 0; i < ROUNDS / 3; i++) {
        pid_t pid = i % 3 ? fork() : vfork();
        if (!pid) {
            if (i % 3 == 1)
                _exit(!rights_agree());
            execve("/proc/self/exe", arguments, environ);
            _exit(94);
        }
        MUST(exits_with(pid, 0));
    }
    return NULL;
}

static void *makes_threads_with_rights(void *data)
{
    static void *(*const functions[])(void *) = {changes_groups, changes_user};
    with_threads(functions, 2);
    return NULL;
}

static void ids_change(void)
{
    static void *(*const functions[])(void *) = {changes_user, forks_with_rights, changes_groups,
                                                 makes_threads_with_rights, forks_with_rights};
    with_threads(functions, 5);
    MUST(!setegid(0) && !setgroups(0, NULL) && rights_agree());
    MUST(!setgid(GROUP) && !setuid(USER) && rights_agree() && setuid(0) && rights_agree());
}

static int ids_changed(void)
{
    return geteuid() ? 1 : in_child(ids_change);
}

static int jail; /* a directory that has "inside" and "program"; and so has its "sub" */

static void *changes_root(void *data)
{
    for (int i = 0; i < ROUNDS; i++)
        MUST(!fchdir(jail) && !chroot(".") && !chroot("/sub"));
    return NULL;
}

static void *stays_inside(void *data)
{
    char path[PATH_MAX];
    for (int i = 0; i < ROUNDS * 3; i++) {
        int fd = open(i % 2 ? "/inside" : "/../../inside", O_RDONLY | O_CLOEXEC);
        MUST(fd >= 0 && !close(fd));
        MUST(open("/../private", O_RDONLY) < 0 && errno == ENOENT);
        MUST(getcwd(path, sizeof path) || errno == ENOENT);
    }
    return NULL;
}

static void *starts_inside(void *data)
{
    char *arguments[] = {"stress", "status", "42", NULL};
    for (int i = 0; i < ROUNDS / 3; i++) {
        pid_t pid = i % 2 ? fork() : vfork();
        if (!pid) {
            execve("/program", arguments, environ);
            _exit(94);
        }
        MUST(exits_with(pid, 42));
    }
    return NULL;
}

static void roots_change(void)
{
    static void *(*const functions[])(void *) = {changes_root, stays_inside, starts_inside,
                                                 stays_inside};
    MUST(!fchdir(jail) && !chroot("."));
    with_threads(functions, 4);
}

static int roots_changed(void)
{
    return geteuid() ? 1 : in_child(roots_change);
}

static void copy_program(const char *to)
{
    char bytes[65536];
    int from = open(program, O_RDONLY | O_CLOEXEC),
        copy = openat(jail, to, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    for (ssize_t got; (got = read(from, bytes, sizeof bytes)) > 0;)
        CHECK(write(copy, bytes, (size_t)got) == got);
    CHECK(!close(from) && !close(copy));
}

static void prepare_files(void)
{
    char path[1030];
    snprintf(private_path, sizeof private_path, "%s/private", scratch);
    snprintf(path, sizeof path, "%s/jail", scratch);
    CHECK(!chmod(scratch, 0755) && !mkdir(path, 0755));
    jail = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(jail >= 0 && !mkdirat(jail, "sub", 0755));
    copy_program("program");
    CHECK(!linkat(jail, "program", jail, "sub/program", 0));
    CHECK(!mknodat(jail, "inside", S_IFREG | 0644, 0) &&
          !mknodat(jail, "sub/inside", S_IFREG | 0644, 0));
    CHECK(!mknod(private_path, S_IFREG | 0600, 0));
}

#endif
