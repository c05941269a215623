#include "microvisor/fs/permissions.h"

#include <errno.h>
#include <sys/stat.h>

struct permissions permissions_new(const struct task *task, uint32_t mode)
{
    const struct credentials *who = &task->process->credentials;
    return (struct permissions){mode, who->fsuid, who->fsgid};
}

int permissions_in_group(const struct credentials *who, uint32_t gid)
{
    int found = who->fsgid == gid;
    for (uint32_t i = 0; i < who->group_count; i++)
        found |= who->groups[i] == gid;
    return found;
}

int permissions_change(const struct credentials *who, struct permissions *permissions,
                       const struct node_change *change)
{
    struct permissions new = *permissions;
    int privileged = !who->fsuid, owns = privileged || who->fsuid == new.uid;
    int keeps_group = privileged || permissions_in_group(who, new.gid);
    if (change->mode != NODE_UNCHANGED) {
        new.mode = change->mode;
        if (!keeps_group)
            new.mode &= ~(uint32_t)S_ISGID;
    } else { /* chown, also of nothing */
        new.mode &= ~(uint32_t)S_ISUID;
        if (new.mode & S_IXGRP || !keeps_group)
            new.mode &= ~(uint32_t)S_ISGID;
    }
    if (change->uid != NODE_UNCHANGED)
        new.uid = change->uid;
    if (change->gid != NODE_UNCHANGED)
        new.gid = change->gid;
    int changes_mode = change->mode != NODE_UNCHANGED || new.mode != permissions->mode;
    int changes_owner = change->uid != NODE_UNCHANGED || change->gid != NODE_UNCHANGED;
    if ((changes_mode || changes_owner) && !owns)
        return -EPERM;
    if (!privileged && (new.uid != permissions->uid ||
                        (new.gid != permissions->gid && !permissions_in_group(who, new.gid))))
        return -EPERM;
    *permissions = new;
    return 0;
}

int permissions_check_times(const struct credentials *who, const struct permissions *permissions,
                            const struct timespec times[2])
{
    int all_now = 1;
    for (int i = 0; times && i < 2; i++) {
        int is_now = times[i].tv_nsec == UTIME_NOW;
        if (!is_now && times[i].tv_nsec != UTIME_OMIT &&
            (times[i].tv_nsec < 0 || times[i].tv_nsec >= 1000000000))
            return -EINVAL;
        all_now &= is_now;
    }
    if (!who->fsuid || who->fsuid == permissions->uid)
        return 0;
    if (!all_now)
        return -EPERM;
    /* Now is what who may write could have as well by writing. */
    uint32_t bit = permissions_in_group(who, permissions->gid) ? S_IWGRP : S_IWOTH;
    return permissions->mode & bit ? 0 : -EACCES;
}

void permissions_set_time(struct timespec *time, const struct timespec *new,
                          const struct timespec *now)
{
    if (!new || new->tv_nsec == UTIME_NOW)
        *time = *now;
    else if (new->tv_nsec != UTIME_OMIT)
        *time = *new;
}
