/* Who a process is: ids, users and groups, capabilities. All of it is the cage's own record;
 * nothing here changes, or asks for, an identity of the host (attack row K12). Being user 0 gives
 * the capabilities CAP_SETUID and CAP_SETGID over this record and no others. */
#include <errno.h>
#include <linux/capability.h>

#include "microvisor/calls.h"
#include "microvisor/proc/tree.h"

#define ANSWER(name, expression)                                                                   \
    long call_##name(struct task *task, const uint64_t args[6])                                    \
    {                                                                                              \
        return (long)(expression);                                                                 \
    }

ANSWER(getpid, task->process->pid)
ANSWER(gettid, task->tid)
ANSWER(getppid, task->process->parent)
ANSWER(getpgrp, task->process->group)
ANSWER(getuid, task->process->credentials.uid)
ANSWER(geteuid, task->process->credentials.euid)
ANSWER(getgid, task->process->credentials.gid)
ANSWER(getegid, task->process->credentials.egid)

/* The rules are the same for users and groups: four ids each. */
struct ids {
    uint32_t real, effective, saved, file;
};
_Static_assert(offsetof(struct credentials, fsuid) - offsetof(struct credentials, uid) == 12 &&
                   offsetof(struct credentials, gid) == 16 &&
                   offsetof(struct credentials, fsgid) == 28,
               "struct credentials starts with two struct ids");

#define UNCHANGED UINT32_MAX

static struct ids *user_ids(struct task *task)
{
    return (struct ids *)&task->process->credentials.uid;
}

static struct ids *group_ids(struct task *task)
{
    return (struct ids *)&task->process->credentials.gid;
}

static int privileged(const struct task *task)
{
    return task->process->credentials.euid == 0;
}

static int is_one(uint32_t id, const struct ids *ids)
{
    return id == ids->real || id == ids->effective || id == ids->saved;
}

/* setuid(2), setgid(2) */
static long set_id(struct task *task, struct ids *ids, uint32_t id)
{
    long error = -EPERM;
    if (id == UNCHANGED)
        return -EINVAL;
    lock_acquire(&task->process->lock);
    if (privileged(task))
        ids->real = ids->saved = id;
    if (privileged(task) || id == ids->real || id == ids->saved) {
        ids->effective = ids->file = id;
        error = 0;
    }
    lock_release(&task->process->lock);
    return error;
}

/* setreuid(2), setregid(2) */
static long set_real_effective(struct task *task, struct ids *ids, uint32_t real,
                               uint32_t effective)
{
    long error = -EPERM;
    lock_acquire(&task->process->lock);
    uint32_t old = ids->real;
    if ((real == UNCHANGED || real == old || real == ids->effective || privileged(task)) &&
        (effective == UNCHANGED || is_one(effective, ids) || privileged(task))) {
        if (real != UNCHANGED)
            ids->real = real;
        if (effective != UNCHANGED)
            ids->effective = effective;
        if (real != UNCHANGED || (effective != UNCHANGED && effective != old))
            ids->saved = ids->effective;
        ids->file = ids->effective;
        error = 0;
    }
    lock_release(&task->process->lock);
    return error;
}

/* setresuid(2), setresgid(2) */
static long set_all(struct task *task, struct ids *ids, const uint64_t args[6])
{
    uint32_t *const to[] = {&ids->real, &ids->effective, &ids->saved};
    long error = 0;
    lock_acquire(&task->process->lock);
    for (int i = 0; i < 3; i++)
        if ((uint32_t)args[i] != UNCHANGED && !is_one((uint32_t)args[i], ids) && !privileged(task))
            error = -EPERM;
    for (int i = 0; i < 3 && !error; i++)
        if ((uint32_t)args[i] != UNCHANGED)
            *to[i] = (uint32_t)args[i];
    if (!error)
        ids->file = ids->effective;
    lock_release(&task->process->lock);
    return error;
}

/* setfsuid(2), setfsgid(2): returns the old id, whether it changed or not. */
static long set_file(struct task *task, struct ids *ids, uint32_t id)
{
    lock_acquire(&task->process->lock);
    uint32_t old = ids->file;
    if (id != UNCHANGED && (is_one(id, ids) || id == old || privileged(task)))
        ids->file = id;
    lock_release(&task->process->lock);
    return old;
}

static long get_all(struct task *task, const struct ids *ids, const uint64_t args[6])
{
    const struct ids copy = *ids;
    if (task_copyout(task, args[0], &copy.real, 4) ||
        task_copyout(task, args[1], &copy.effective, 4) ||
        task_copyout(task, args[2], &copy.saved, 4))
        return -EFAULT;
    return 0;
}

ANSWER(setuid, set_id(task, user_ids(task), (uint32_t)args[0]))
ANSWER(setgid, set_id(task, group_ids(task), (uint32_t)args[0]))
ANSWER(setreuid, set_real_effective(task, user_ids(task), (uint32_t)args[0], (uint32_t)args[1]))
ANSWER(setregid, set_real_effective(task, group_ids(task), (uint32_t)args[0], (uint32_t)args[1]))
ANSWER(setresuid, set_all(task, user_ids(task), args))
ANSWER(setresgid, set_all(task, group_ids(task), args))
ANSWER(setfsuid, set_file(task, user_ids(task), (uint32_t)args[0]))
ANSWER(setfsgid, set_file(task, group_ids(task), (uint32_t)args[0]))
ANSWER(getresuid, get_all(task, user_ids(task), args))
ANSWER(getresgid, get_all(task, group_ids(task), args))

enum { GROUPS_MAX = sizeof((struct credentials *)0)->groups / sizeof(uint32_t) };

long call_getgroups(struct task *task, const uint64_t args[6])
{
    const struct credentials *credentials = &task->process->credentials;
    int size = (int)args[0], count = (int)credentials->group_count;
    if (size < 0 || (size && size < count))
        return -EINVAL;
    if (size && task_copyout(task, args[1], credentials->groups, (size_t)count * sizeof(uint32_t)))
        return -EFAULT;
    return count;
}

long call_setgroups(struct task *task, const uint64_t args[6])
{
    struct credentials *credentials = &task->process->credentials;
    uint32_t groups[GROUPS_MAX], count = (uint32_t)args[0];
    if (!privileged(task))
        return -EPERM;
    if (count > GROUPS_MAX)
        return -EINVAL;
    if (task_copyin(task, groups, args[1], count * sizeof(uint32_t)))
        return -EFAULT;
    lock_acquire(&task->process->lock);
    for (uint32_t i = 0; i < count; i++)
        credentials->groups[i] = groups[i];
    credentials->group_count = count;
    lock_release(&task->process->lock);
    return 0;
}

/* The number of a process's group or session; id 0 is the caller. */
static long number_of(struct task *task, uint64_t id, size_t field)
{
    tree_lock();
    const struct process *process = (int)id ? tree_find((int)id) : task->process;
    long number = process ? *(const int *)((const char *)process + field) : -ESRCH;
    tree_unlock();
    return number;
}

long call_getpgid(struct task *task, const uint64_t args[6])
{
    return number_of(task, args[0], offsetof(struct process, group));
}

long call_getsid(struct task *task, const uint64_t args[6])
{
    return number_of(task, args[0], offsetof(struct process, session));
}

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
    if (group < 0)
        return -EINVAL;
    tree_lock();
    long result = set_group(task->process, tree_find(pid), group ? group : pid);
    tree_unlock();
    return result;
}

static long in_group(struct process *process, void *group)
{
    return process->group == *(int *)group;
}

long call_setsid(struct task *task, const uint64_t args[6])
{
    struct process *process = task->process;
    long result = -EPERM;
    tree_lock();
    if (process->session != process->pid && !tree_each(in_group, &process->pid)) {
        process->group = process->session = process->pid;
        process->terminal = NULL;
        result = process->pid;
    }
    tree_unlock();
    return result;
}

static uint32_t capabilities(const struct process *process)
{
    return process->credentials.euid ? 0 : 1U << CAP_SETUID | 1U << CAP_SETGID;
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

/* Those of the process that a task belongs to, or of process 1; id 0 is the caller. Returns 0 or
 * -ESRCH. */
static long capabilities_of(struct task *task, int id, uint32_t *all)
{
    tree_lock();
    const struct task *of = id ? tree_find_task(id) : task;
    const struct process *process = of ? of->process : id == PID_INIT ? tree_find(id) : NULL;
    if (process)
        *all = capabilities(process);
    tree_unlock();
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
    uint32_t all = capabilities(task->process);
    int same = data[0].effective == all && data[0].permitted == all && !data[0].inheritable &&
               !data[1].effective && !data[1].permitted && !data[1].inheritable;
    return same ? 0 : -EPERM;
}
