/* Who gets the signals of a description with O_ASYNC (fcntl(2): F_SETOWN, F_SETSIG). No such signal
 * is ever sent: this is remembered and told only. Not HOT. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "microvisor/fs/file.h"
#include "microvisor/proc/tree.h"

/* file->signal_owner: id, type and signal; 0 for none. */
static uint64_t pack(uint32_t id, uint32_t type, uint32_t signal)
{
    return id | (uint64_t)type << 32 | (uint64_t)signal << 40;
}

static struct f_owner_ex owner_of(uint64_t packed)
{
    return (struct f_owner_ex){(int)(packed >> 32 & 0xff), (int)packed};
}

static uint32_t signal_of(uint64_t packed)
{
    return (uint32_t)(packed >> 40);
}

static long set_owner(struct file *file, uint32_t id, uint32_t type)
{
    TREE_LOCKED();
    if (id && !tree_id_used((int)id))
        return -ESRCH;
    file->signal_owner = pack(id, type, signal_of(file->signal_owner));
    return 0;
}

static long in_group(struct process *process, void *group)
{
    return process->group == *(int *)group;
}

/* The owner, with pid 0 if it is not there any more. */
static struct f_owner_ex get_owner(const struct file *file)
{
    TREE_LOCKED();
    struct f_owner_ex owner = owner_of(file->signal_owner);
    if (!(owner.type == F_OWNER_PGRP
              ? tree_each(in_group, &owner.pid)
              : tree_find(owner.pid) || (owner.type == F_OWNER_TID && tree_find_task(owner.pid))))
        owner.pid = 0;
    return owner;
}

long file_set_owner(struct file *file, int id)
{
    if (id == INT_MIN)
        return -EINVAL;
    return id < 0 ? set_owner(file, (uint32_t)-id, F_OWNER_PGRP)
                  : set_owner(file, (uint32_t)id, F_OWNER_PID);
}

int file_get_owner(const struct file *file)
{
    struct f_owner_ex owner = get_owner(file);
    return owner.type == F_OWNER_PGRP ? -owner.pid : owner.pid;
}

long file_owner_command(struct task *task, struct file *file, int command, uint64_t argument)
{
    struct f_owner_ex owner;
    switch (command) {
    case F_SETOWN:
        return file_set_owner(file, (int)argument);
    case F_GETOWN:
        return file_get_owner(file);
    case F_SETOWN_EX:
        if (task_copyin(task, &owner, argument, sizeof owner))
            return -EFAULT;
        if ((uint32_t)owner.type > F_OWNER_PGRP)
            return -EINVAL;
        return set_owner(file, (uint32_t)owner.pid, (uint32_t)owner.type);
    case F_GETOWN_EX:
        owner = get_owner(file);
        return task_copyout(task, argument, &owner, sizeof owner);
    case F_GETSIG:
        return signal_of(file->signal_owner);
    default: { /* F_SETSIG */
        if (argument > 64)
            return -EINVAL;
        TREE_LOCKED();
        owner = owner_of(file->signal_owner);
        file->signal_owner = pack((uint32_t)owner.pid, (uint32_t)owner.type, (uint32_t)argument);
        return 0;
    }
    }
}
