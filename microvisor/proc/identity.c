/* Who a process is: ids, users and groups, capabilities. It is the cage's own record; of the host
 * only what access to files is checked with follows it (rights.h), and no id of a host's process
 * means anything here (attack row K12). Being user 0 gives the capabilities CAP_SETUID, CAP_SETGID
 * and CAP_SYS_CHROOT over this record; those over files are the host's to give. */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "microvisor/calls.h"
#include "microvisor/proc/proc.h"
#include "microvisor/proc/rights.h"
#include "microvisor/proc/tree.h"

CALL_IS(getpid, task->process->pid)
CALL_IS(gettid, task->tid)
CALL_IS(getppid, task->process->parent)
CALL_IS(getpgrp, task->process->group)
CALL_IS(getuid, task->process->credentials.uid)
CALL_IS(geteuid, task->process->credentials.euid)
CALL_IS(getgid, task->process->credentials.gid)
CALL_IS(getegid, task->process->credentials.egid)

/* The rules are the same for users and groups: four ids each. */
struct ids {
    _Atomic uint32_t real, effective, saved, file;
};
_Static_assert(offsetof(struct credentials, fsuid) - offsetof(struct credentials, uid) == 12 &&
                   offsetof(struct credentials, gid) == 16 &&
                   offsetof(struct credentials, fsgid) == 28,
               "struct credentials starts with two struct ids");

#define UNCHANGED UINT32_MAX

enum kind { USERS, GROUPS };

static struct ids *ids_of(struct credentials *credentials, enum kind kind)
{
    return (struct ids *)(kind == USERS ? &credentials->uid : &credentials->gid);
}

static int privileged(const struct task *task)
{
    return task->process->credentials.euid == 0;
}

static int is_one(uint32_t id, const struct ids *ids)
{
    return id == ids->real || id == ids->effective || id == ids->saved;
}

/* Others look at a process's credentials under the tree lock, or under its own. */
static void credentials_lock(struct process *process)
{
    tree_lock();
    lock_acquire(&process->lock);
}

static void credentials_unlock(struct process *process)
{
    lock_release(&process->lock);
    tree_unlock();
}

/* The credentials become `new`; they are locked. Returns 0 or -errno. With other
 * effective ids, or rights to files, others may no longer look into the process, and its parent's
 * end is not its business any more (prctl(2): PR_SET_DUMPABLE, PR_SET_PDEATHSIG). */
static int change(struct task *task, const struct credentials *new)
{
    struct process *process = task->process;
    const struct credentials old = process->credentials;
    int error = rights_change(task, new);
    if (!error && (old.euid != new->euid || old.fsuid != new->fsuid || old.egid != new->egid ||
                   old.fsgid != new->fsgid)) {
        process->options |= OPTION_NOT_DUMPABLE;
        process->parent_death_signal = 0;
    }
    return error;
}

/* One call's change of four ids: an EPERM, or the new ids. */
typedef int ids_change(const struct task *task, struct ids *ids, const uint32_t to[3]);

static long change_ids(struct task *task, enum kind kind, ids_change *function, uint32_t one,
                       uint32_t two, uint32_t three)
{
    const uint32_t to[3] = {one, two, three};
    credentials_lock(task->process);
    struct credentials new = task->process->credentials;
    int error = function(task, ids_of(&new, kind), to);
    if (!error)
        error = change(task, &new);
    credentials_unlock(task->process);
    return error;
}

/* setuid(2), setgid(2) */
static int set_id(const struct task *task, struct ids *ids, const uint32_t to[3])
{
    uint32_t id = to[0];
    if (id == UNCHANGED)
        return -EINVAL;
    if (privileged(task))
        ids->real = ids->saved = id;
    else if (id != ids->real && id != ids->saved)
        return -EPERM;
    ids->effective = ids->file = id;
    return 0;
}

/* setreuid(2), setregid(2) */
static int set_real_effective(const struct task *task, struct ids *ids, const uint32_t to[3])
{
    uint32_t real = to[0], effective = to[1], old = ids->real;
    if ((real != UNCHANGED && real != old && real != ids->effective && !privileged(task)) ||
        (effective != UNCHANGED && !is_one(effective, ids) && !privileged(task)))
        return -EPERM;
    if (real != UNCHANGED)
        ids->real = real;
    if (effective != UNCHANGED)
        ids->effective = effective;
    if (real != UNCHANGED || (effective != UNCHANGED && effective != old))
        ids->saved = ids->effective;
    ids->file = ids->effective;
    return 0;
}

/* setresuid(2), setresgid(2) */
static int set_all(const struct task *task, struct ids *ids, const uint32_t to[3])
{
    _Atomic uint32_t *const at[] = {&ids->real, &ids->effective, &ids->saved};
    for (int i = 0; i < 3; i++)
        if (to[i] != UNCHANGED && !is_one(to[i], ids) && !privileged(task))
            return -EPERM;
    for (int i = 0; i < 3; i++)
        if (to[i] != UNCHANGED)
            *at[i] = to[i];
    ids->file = ids->effective;
    return 0;
}

static int set_file_id(const struct task *task, struct ids *ids, const uint32_t to[3])
{
    uint32_t id = to[0];
    if (id == UNCHANGED || (!is_one(id, ids) && id != ids->file && !privileged(task)))
        return -EPERM;
    ids->file = id;
    return 0;
}

/* setfsuid(2), setfsgid(2): returns the old id, whether it changed or not. */
static long set_file(struct task *task, enum kind kind, uint32_t id)
{
    const uint32_t to[3] = {id};
    credentials_lock(task->process);
    struct credentials new = task->process->credentials;
    struct ids *ids = ids_of(&new, kind);
    uint32_t old = ids->file;
    if (!set_file_id(task, ids, to))
        change(task, &new);
    credentials_unlock(task->process);
    return old;
}

/* execve(2): the effective ids are kept as the saved ones, and are those for files. Set-user-ID and
 * set-group-ID bits of programs have no effect. */
static int set_exec(const struct task *task, struct ids *ids, const uint32_t to[3])
{
    ids->saved = ids->file = ids->effective;
    return 0;
}

void identity_exec(struct task *task, int hidden)
{
    struct process *process = task->process;
    change_ids(task, USERS, set_exec, 0, 0, 0);
    change_ids(task, GROUPS, set_exec, 0, 0, 0);
    credentials_lock(process);
    const struct credentials *now = &process->credentials;
    uint32_t options = process->options & ~(OPTION_KEEP_CAPABILITIES | OPTION_NOT_DUMPABLE);
    if (hidden || now->uid != now->euid || now->gid != now->egid)
        options |= OPTION_NOT_DUMPABLE;
    process->options = options;
    credentials_unlock(process);
}

struct credentials process_credentials(struct process *process)
{
    LOCKED(&process->lock);
    return process->credentials;
}

static long get_all(struct task *task, enum kind kind, const uint64_t args[6])
{
    struct credentials now = process_credentials(task->process);
    const struct ids *ids = ids_of(&now, kind);
    const uint32_t got[3] = {ids->real, ids->effective, ids->saved};
    for (int i = 0; i < 3; i++)
        if (task_copyout(task, args[i], &got[i], sizeof got[i]))
            return -EFAULT;
    return 0;
}

#define ONE(function, kind) change_ids(task, kind, function, (uint32_t)args[0], 0, 0)
#define TWO(function, kind)                                                                        \
    change_ids(task, kind, function, (uint32_t)args[0], (uint32_t)args[1], 0)
#define THREE(function, kind)                                                                      \
    change_ids(task, kind, function, (uint32_t)args[0], (uint32_t)args[1], (uint32_t)args[2])

CALL_IS(setuid, ONE(set_id, USERS))
CALL_IS(setgid, ONE(set_id, GROUPS))
CALL_IS(setreuid, TWO(set_real_effective, USERS))
CALL_IS(setregid, TWO(set_real_effective, GROUPS))
CALL_IS(setresuid, THREE(set_all, USERS))
CALL_IS(setresgid, THREE(set_all, GROUPS))
CALL_IS(setfsuid, set_file(task, USERS, (uint32_t)args[0]))
CALL_IS(setfsgid, set_file(task, GROUPS, (uint32_t)args[0]))
CALL_IS(getresuid, get_all(task, USERS, args))
CALL_IS(getresgid, get_all(task, GROUPS, args))

long call_getgroups(struct task *task, const uint64_t args[6])
{
    const struct credentials now = process_credentials(task->process);
    int size = (int)args[0], count = (int)now.group_count;
    if (size < 0 || (size && size < count))
        return -EINVAL;
    if (size && task_copyout(task, args[1], now.groups, (size_t)count * sizeof(uint32_t)))
        return -EFAULT;
    return count;
}

long call_setgroups(struct task *task, const uint64_t args[6])
{
    uint32_t groups[CREDENTIALS_GROUPS], count = (uint32_t)args[0];
    int error = count > CREDENTIALS_GROUPS                                     ? -EINVAL
                : task_copyin(task, groups, args[1], count * sizeof(uint32_t)) ? -EFAULT
                                                                               : 0;
    credentials_lock(task->process);
    struct credentials new = task->process->credentials;
    if (!privileged(task))
        error = -EPERM;
    if (!error) {
        new.group_count = count;
        memset(new.groups, 0, sizeof new.groups);
        memcpy(new.groups, groups, count * sizeof(uint32_t));
        error = change(task, &new);
    }
    credentials_unlock(task->process);
    return error;
}

/* The number of a process's group or session; id 0 is the caller. */
static long number_of(struct task *task, uint64_t id, size_t field)
{
    TREE_LOCKED();
    const struct process *process = (int)id ? tree_find((int)id) : task->process;
    return process ? *(const int *)((const char *)process + field) : -ESRCH;
}

CALL_IS(getpgid, number_of(task, args[0], offsetof(struct process, group)))
CALL_IS(getsid, number_of(task, args[0], offsetof(struct process, session)))

/* setpgid(2): errors in Linux's order. */
static long set_group(struct process *caller, struct process *process, int group)
{
    if (!process)
        return -ESRCH;
    if (process != caller) {
        if (process->parent_process != caller)
            return -ESRCH;
        if (process->session != caller->session)
            return -EPERM;
        if (process->has_execed)
            return -EACCES;
    }
    if (process->session == process->pid)
        return -EPERM; /* a session's leader stays */
    if (group != process->pid && !tree_group_exists(group, caller->session))
        return -EPERM;
    process->group = group;
    return 0;
}

long call_setpgid(struct task *task, const uint64_t args[6])
{
    int pid = (int)args[0] ? (int)args[0] : task->process->pid, group = (int)args[1];
    if (!group)
        group = pid;
    if (group < 0)
        return -EINVAL;
    TREE_LOCKED();
    return set_group(task->process, tree_find(pid), group);
}

static long in_group(struct process *process, void *group)
{
    return process->group == *(int *)group;
}

long call_setsid(struct task *task, const uint64_t args[6])
{
    struct process *process = task->process;
    long result = -EPERM;
    TREE_LOCKED();
    if (process->session != process->pid && !tree_each(in_group, &process->pid)) {
        process->group = process->session = process->pid;
        process->terminal = NULL;
        result = process->pid;
    }
    return result;
}

uint32_t identity_capabilities(const struct process *process)
{
    return process->credentials.euid ? 0 : CAPABILITIES_OF_ROOT;
}

/* Checks a header of capget and capset. Returns the number of capability words, or an error. */
static long capability_words(struct task *task, uint64_t address,
                             struct __user_cap_header_struct *header)
{
    static const uint32_t preferred = _LINUX_CAPABILITY_VERSION_3;
    if (task_copyin(task, header, address, sizeof *header))
        return -EFAULT;
    switch (header->version) {
    case _LINUX_CAPABILITY_VERSION_1:
        return 1;
    case _LINUX_CAPABILITY_VERSION_2:
    case _LINUX_CAPABILITY_VERSION_3:
        return 2;
    default:
        return task_copyout(task, address, &preferred, sizeof preferred) ? -EFAULT : -EINVAL;
    }
}

/* Those of the process that a task belongs to, or whose first task has ended; id 0 is the caller.
 * Returns 0 or -ESRCH. */
static long capabilities_of(struct task *task, int id, uint32_t *all)
{
    TREE_LOCKED();
    const struct task *of = id ? tree_find_task(id) : task;
    const struct process *process = of ? of->process : tree_find(id);
    if (process)
        *all = identity_capabilities(process);
    return process ? 0 : -ESRCH;
}

long call_capget(struct task *task, const uint64_t args[6])
{
    struct __user_cap_header_struct header;
    long words = capability_words(task, args[0], &header);
    if (words == -EINVAL && !args[1])
        return 0;
    if (words < 0 || !args[1])
        return words < 0 ? words : 0;
    if (header.pid < 0)
        return -EINVAL;
    uint32_t all;
    if (capabilities_of(task, header.pid, &all))
        return -ESRCH;
    const struct __user_cap_data_struct data[2] = {{all, all, 0}, {0}};
    return task_copyout(task, args[1], data, (size_t)words * sizeof *data);
}

/* What a process has follows from its user alone, so it can only be confirmed. */
long call_capset(struct task *task, const uint64_t args[6])
{
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct data[2] = {0};
    long words = capability_words(task, args[0], &header);
    if (words < 0)
        return words;
    if (header.pid && header.pid != task->tid)
        return -EPERM;
    if (task_copyin(task, data, args[1], (size_t)words * sizeof *data))
        return -EFAULT;
    uint32_t all = identity_capabilities(task->process);
    int same = data[0].effective == all && data[0].permitted == all && !data[0].inheritable &&
               !data[1].effective && !data[1].permitted && !data[1].inheritable;
    return same ? 0 : -EPERM;
}
