#include "microvisor/proc/rights.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "microvisor/mm/share.h"
#include "rt/host.h"

#define SAME UINT32_MAX  /* setfsuid(-1): no change */
#define OTHER UINT64_MAX /* the number of rights that are never a process's */

/* What a host thread carries. */
struct rights {
    uint64_t number;
    uint32_t uid, gid;
    int own_groups; /* all of lind-run's, of which struct credentials may not have room for all */
    uint32_t group_count;
    uint32_t groups[CREDENTIALS_GROUPS];
};

/* lind-run's own, set before there are threads. `shown` is what the first process has. */
static struct {
    struct rights rights;
    struct credentials shown;
    gid_t *groups;
    int group_count;
} own;

/* Of this host thread; number 0: own, and the rest is not filled in. */
static _Thread_local struct rights carried;
static _Thread_local struct rights before_own; /* for rights_back */

static _Atomic uint64_t last_number;

static int same_groups(const struct credentials *one, const struct credentials *other)
{
    return one->group_count == other->group_count &&
           !memcmp(one->groups, other->groups, one->group_count * sizeof one->groups[0]);
}

static int same_rights(const struct credentials *one, const struct credentials *other)
{
    return one->fsuid == other->fsuid && one->fsgid == other->fsgid && same_groups(one, other);
}

void rights_start(struct credentials *credentials)
{
    credentials->uid = credentials->suid = getuid();
    credentials->euid = credentials->fsuid = geteuid();
    credentials->gid = credentials->sgid = getgid();
    credentials->egid = credentials->fsgid = getegid();
    int count = getgroups(0, NULL);
    own.groups = count > 0 ? malloc((size_t)count * sizeof *own.groups) : NULL;
    own.group_count = own.groups ? getgroups(count, own.groups) : 0;
    if (own.group_count < 0)
        own.group_count = 0;
    while (credentials->group_count < CREDENTIALS_GROUPS &&
           credentials->group_count < (uint32_t)own.group_count) {
        credentials->groups[credentials->group_count] = own.groups[credentials->group_count];
        credentials->group_count++;
    }
    own.shown = *credentials;
    own.rights =
        (struct rights){.uid = credentials->fsuid, .gid = credentials->fsgid, .own_groups = 1};
}

static struct rights rights_of(const struct credentials *credentials, uint64_t number)
{
    struct rights rights = {.number = number, .uid = credentials->fsuid, .gid = credentials->fsgid};
    rights.own_groups = same_groups(credentials, &own.shown);
    if (!rights.own_groups) {
        rights.group_count = credentials->group_count;
        memcpy(rights.groups, credentials->groups, sizeof rights.groups);
    }
    return rights;
}

static int has_same_groups(const struct rights *one, const struct rights *other)
{
    return one->own_groups == other->own_groups && one->group_count == other->group_count &&
           !memcmp(one->groups, other->groups, sizeof one->groups);
}

/* These calls say nothing of failure but that the id is still the old one. */
static int host_take_id(long call, uint32_t id)
{
    host_call1(call, id);
    return host_call1(call, SAME) == (long)id;
}

/* Returns 0 or -errno; then the groups are as they were, the two ids any. */
static int host_take(const struct rights *from, const struct rights *to)
{
    if (!host_take_id(SYS_setfsgid, to->gid) || !host_take_id(SYS_setfsuid, to->uid))
        return -EPERM;
    if (has_same_groups(from, to))
        return 0;
    return to->own_groups ? (int)host_call2(SYS_setgroups, own.group_count, own.groups)
                          : (int)host_call2(SYS_setgroups, to->group_count, to->groups);
}

static _Noreturn void lost(const struct rights *to)
{
    fprintf(stderr, "lind-run: the host does not let a thread go on as user %u\n", to->uid);
    abort();
}

static void carry(const struct rights *to)
{
    if (carried.number == to->number && to->number != OTHER)
        return;
    if (host_take(carried.number ? &carried : &own.rights, to))
        lost(to);
    carried = *to;
}

/* Whether the host has each of these ids: the one that files are made with is not the only one that
 * it may be asked for. */
static int host_has_ids(const struct credentials *wanted, const struct credentials *now)
{
    const _Atomic uint32_t *const ids[2] = {&wanted->uid, &wanted->gid},
                                  *const old[2] = {&now->uid, &now->gid};
    static const long calls[2] = {SYS_setfsuid, SYS_setfsgid};
    for (int kind = 0; kind < 2; kind++)
        for (int i = 0; i < 4; i++)
            if (ids[kind][i] != old[kind][i] && !host_take_id(calls[kind], ids[kind][i]))
                return 0;
    return 1;
}

/* Why it does not take them. */
static int refusal(const struct credentials *wanted, const struct credentials *now)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {0};
    int users = memcmp(&wanted->uid, &now->uid, 4 * sizeof wanted->uid) != 0;
    host_call2(SYS_capget, &header, data);
    return data[0].effective & 1U << (users ? CAP_SETUID : CAP_SETGID) ? -EINVAL : -EPERM;
}

/* Writes what differs: other tasks of the process read their ids without the lock. */
static void store(struct credentials *to, const struct credentials *from)
{
    _Atomic uint32_t *const words = &to->uid;
    const _Atomic uint32_t *const wanted = &from->uid;
    for (int i = 0; i < 8; i++)
        if (words[i] != wanted[i])
            words[i] = wanted[i];
    if (same_groups(to, from))
        return;
    to->group_count = from->group_count;
    memcpy(to->groups, from->groups, sizeof to->groups);
}

/* Whether all is the same: an execve mostly asks for what is there. */
static int is_same(const struct credentials *one, const struct credentials *other)
{
    const _Atomic uint32_t *const words = &one->uid, *const others = &other->uid;
    for (int i = 0; i < 8; i++)
        if (words[i] != others[i])
            return 0;
    return same_groups(one, other);
}

int rights_change(struct task *task, const struct credentials *wanted)
{
    struct process *process = task->process;
    const struct credentials now = process->credentials;
    if (is_same(wanted, &now))
        return 0;
    uint64_t number = same_rights(wanted, &now)         ? atomic_load(&process->rights)
                      : same_rights(wanted, &own.shown) ? 0
                                                        : atomic_fetch_add(&last_number, 1) + 1;
    const struct rights old = rights_of(&now, atomic_load(&process->rights)),
                        new = rights_of(wanted, number);
    /* What is opened once for all must be opened with lind-run's own rights. */
    if (number)
        share_open_host();
    carry(&old);
    int error = host_has_ids(wanted, &now) ? host_take(&old, &new) : refusal(wanted, &now);
    if (error) {
        if (host_take(&old, &old))
            lost(&old);
        return error;
    }
    carried = new;
    store(&process->credentials, wanted);
    atomic_store(&process->rights, number);
    task->rights = number;
    return 0;
}

void rights_carry(struct task *task)
{
    struct process *process = task->process;
    lock_acquire(&process->lock);
    const struct rights rights = rights_of(&process->credentials, atomic_load(&process->rights));
    lock_release(&process->lock);
    carry(&rights);
    task->rights = rights.number;
}

void rights_carry_real(struct task *task)
{
    struct process *process = task->process;
    lock_acquire(&process->lock);
    struct rights rights = rights_of(&process->credentials, OTHER);
    rights.uid = process->credentials.uid;
    rights.gid = process->credentials.gid;
    lock_release(&process->lock);
    carry(&rights);
}

int rights_real_differ(struct task *task)
{
    const struct credentials *credentials = &task->process->credentials;
    return credentials->uid != credentials->fsuid || credentials->gid != credentials->fsgid;
}

void rights_leave(void)
{
    carry(&own.rights);
}

int rights_own(void)
{
    if (!carried.number)
        return 0;
    before_own = carried;
    carry(&own.rights);
    return 1;
}

void rights_back(int from)
{
    if (from)
        carry(&before_own);
}
