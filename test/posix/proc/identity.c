// Do ids, users, groups and sessions follow the rules of credentials(7)?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../Inputs/check.h"

static void expect(uid_t real, uid_t effective, uid_t saved)
{
    uid_t r, e, s;
    CHECK(!getresuid(&r, &e, &s));
    CHECK(r == real && e == effective && s == saved);
    CHECK(getuid() == real && geteuid() == effective);
}

static void as_root(void)
{
    gid_t groups[] = {5, 6, 7}, got[10];
    CHECK(!setgroups(3, groups));
    CHECK(getgroups(0, NULL) == 3);
    CHECK(getgroups(10, got) == 3 && got[0] == 5 && got[2] == 7);
    FAILS(getgroups(2, got), EINVAL);
    FAILS(getgroups(-1, got), EINVAL);
    CHECK(!setgid(77) && getgid() == 77 && getegid() == 77);
    CHECK(!syscall(SYS_setresuid, 100, 200, 300));
    expect(100, 200, 300);
    /* No longer root. */
    FAILS(setgroups(1, groups), EPERM);
    FAILS(syscall(SYS_setuid, 0), EPERM);
    FAILS(syscall(SYS_setgid, 0), EPERM);
    CHECK(!syscall(SYS_setuid, 300));
    expect(100, 300, 300);
    CHECK(!syscall(SYS_setreuid, 300, 100));
    expect(300, 100, 100);
    FAILS(syscall(SYS_setreuid, 5, -1), EPERM);
    FAILS(syscall(SYS_setreuid, -1, 5), EPERM);
    FAILS(syscall(SYS_setresuid, -1, -1, 5), EPERM);
    CHECK(!syscall(SYS_setresuid, -1, 300, -1));
    expect(300, 300, 100);
    CHECK(syscall(SYS_setfsuid, 100) == 300);
    CHECK(syscall(SYS_setfsuid, 5) == 100);
    CHECK(syscall(SYS_setfsuid, -1) == 100);
    CHECK(syscall(SYS_setfsgid, -1) == 77);
}

static void as_user(void)
{
    uid_t me = getuid();
    gid_t group = getgid();
    FAILS(setgroups(1, &group), EPERM);
    FAILS(syscall(SYS_setuid, 0), EPERM);
    FAILS(syscall(SYS_setgid, 0), EPERM);
    FAILS(syscall(SYS_setresuid, -1, 0, -1), EPERM);
    FAILS(syscall(SYS_setreuid, 0, -1), EPERM);
    CHECK(!syscall(SYS_setuid, me) && !syscall(SYS_setresgid, group, group, group));
    expect(me, me, me);
    CHECK(syscall(SYS_setfsuid, 0) == me && syscall(SYS_setfsuid, me) == me);
}

enum { CHANGES = 5000 };

/* Thread number n sets ids of its own, from n * CHANGES + 1 on, and notes in seen[] what it got for old. */
static void *change_file_ids(void *data)
{
    uint32_t *seen = data, first = *seen;
    for (uint32_t i = 0; i < CHANGES; i++)
        seen[i] = (uint32_t)syscall(SYS_setfsuid, first + i);
    return NULL;
}

static int compare(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return a < b ? -1 : a > b;
}

/* Each id is the old one of one change only, whether ids are the thread's, as on Linux, or the process's. */
static void file_ids_at_once(void)
{
    static uint32_t seen[2 * CHANGES];
    pthread_t threads[2];
    int twice = 0;
    for (uint32_t i = 0; i < 2; i++) {
        seen[i * CHANGES] = i * CHANGES + 1;
        CHECK(!pthread_create(&threads[i], NULL, change_file_ids, seen + i * CHANGES));
    }
    for (int i = 0; i < 2; i++)
        CHECK(!pthread_join(threads[i], NULL));
    setfsuid(0);
    qsort(seen, 2 * CHANGES, sizeof *seen, compare);
    for (int i = 1; i < 2 * CHANGES; i++)
        twice += seen[i] && seen[i] == seen[i - 1];
    if (twice)
        printf("%d ids were the old one twice\n", twice);
    CHECK(!twice);
}

int main(void)
{
    void *const bad[] = BAD_ADDRESSES;
    uid_t id;
    CHECK(getpid() > 0 && syscall(SYS_gettid) == getpid());
    CHECK(getppid() >= 0 && getppid() != getpid());
    CHECK(getpgrp() == getpgid(0) && getpgrp() == getpgid(getpid()));
    CHECK(getsid(0) == getsid(getpid()) && getsid(0) >= 0);
    FAILS(getpgid(0x7ffffff0), ESRCH);
    FAILS(getsid(0x7ffffff0), ESRCH);
    FAILS(setpgid(0, -1), EINVAL);
    FAILS(setpgid(-1, 0), EINVAL);
    FAILS(setpgid(-1, 5), ESRCH);
    FAILS(setpgid(0x7ffffff0, 0), ESRCH);
    FAILS(setpgid(0, 0x7ffffff0), EPERM);
    if (getpgrp() == getpid())
        FAILS(setsid(), EPERM);
    FAILS(syscall(SYS_setuid, -1), EINVAL);
    FAILS(syscall(SYS_setgid, -1), EINVAL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        FAILS(syscall(SYS_getresuid, bad[i], &id, &id), EFAULT);
        FAILS(syscall(SYS_getresuid, &id, bad[i], &id), EFAULT);
        FAILS(syscall(SYS_getresgid, &id, &id, bad[i]), EFAULT);
        if (!geteuid())
            FAILS(syscall(SYS_setgroups, 3, bad[i]), EFAULT);
        FAILS(syscall(SYS_capget, bad[i], NULL), EFAULT);
        FAILS(syscall(SYS_capset, bad[i], NULL), EFAULT);
    }
    struct {
        uint32_t version;
        int pid;
    } header = {1, 0};
    uint32_t data[6];
    CHECK(!syscall(SYS_capget, &header, NULL) && header.version == 0x20080522);
    header.version = 1;
    FAILS(syscall(SYS_capget, &header, data), EINVAL);
    CHECK(!syscall(SYS_capget, &header, data));
    CHECK((data[0] & ~data[1]) == 0);
    header.pid = 0x7ffffff0;
    FAILS(syscall(SYS_capget, &header, data), ESRCH);
    header.pid = -1;
    FAILS(syscall(SYS_capget, &header, data), EINVAL);
    if (geteuid())
        as_user();
    if (!geteuid()) {
        file_ids_at_once();
        as_root();
    }
    return check_end();
}
