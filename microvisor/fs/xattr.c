/* Extended attributes (xattr(7)) of host objects: the "user." name space only, as the others are
 * the host's business (access control, capabilities, security labels). Not HOT. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/place.h"
#include "rt/copy.h"

/* The object of a call: a path for host calls that leads to exactly it. */
struct target {
    char path[40];
    int fd; /* behind path; owned when a location was looked up */
    int owned;
    int read_only;
    struct file *file;
};

#define BY_FD (-1) /* instead of lookup flags: args[0] is a descriptor */

static long target_begin(struct task *task, struct target *target, uint64_t argument, int lookup)
{
    *target = (struct target){.fd = -1};
    if (lookup == BY_FD) {
        target->file = descriptor_get(task, argument);
        if (!target->file || file_flags(target->file) & O_PATH)
            return -EBADF;
        target->fd = target->file->host_fd;
        /* What lind-run was given is for use, not for change. */
        target->read_only =
            target->file->mount ? target->file->mount->read_only : (int)target->file->inherited;
    } else {
        LOCATION(location);
        long error = place_lookup(task, (uint64_t)AT_FDCWD, argument, (unsigned)lookup, &location);
        if (error)
            return error;
        target->read_only = location.read_only;
        if (location_is_host(&location)) {
            target->fd = location_open_path(&location);
            target->owned = 1;
            if (target->fd < 0)
                return target->fd;
        }
    }
    if (target->fd < 0)
        return -EOPNOTSUPP;
    path_of_host_fd(target->path, target->fd);
    return 0;
}

static long target_end(struct task *task, struct target *target, long result)
{
    if (target->owned && target->fd >= 0)
        close(target->fd);
    if (target->file)
        descriptor_put(task, target->file);
    return result;
}

/* Copies an attribute's name in and checks its name space; refusal is what Linux answers for one
 * that the file system does not have. */
static long name_copyin(struct task *task, char name[XATTR_NAME_MAX + 1], uint64_t address,
                        long refusal)
{
    long length = copyinstr(&task->thread, name, address, XATTR_NAME_MAX + 1);
    if (length == -ENAMETOOLONG || length == 0)
        return -ERANGE;
    if (length < 0)
        return length;
    if (strncmp(name, "user.", 5))
        return strncmp(name, "trusted.", 8) ? -EOPNOTSUPP : refusal;
    return name[5] ? 0 : -EINVAL;
}

static long set(struct task *task, const uint64_t args[6], int lookup)
{
    char name[XATTR_NAME_MAX + 1];
    struct target target;
    uint32_t flags = (uint32_t)args[4];
    if (flags & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    long result = name_copyin(task, name, args[1], -EPERM);
    if (result)
        return result;
    if (args[3] > XATTR_SIZE_MAX)
        return -E2BIG;
    void *value = window_pointer(&task->thread, args[2], args[3]);
    if (!value)
        return -EFAULT;
    result = target_begin(task, &target, args[0], lookup);
    if (!result)
        result = target.read_only
                     ? -EROFS
                     : host_call5(SYS_setxattr, target.path, name, value, args[3], flags);
    return target_end(task, &target, result);
}

static long get(struct task *task, const uint64_t args[6], int lookup)
{
    char name[XATTR_NAME_MAX + 1];
    struct target target;
    long result = name_copyin(task, name, args[1], -ENODATA);
    if (result)
        return result;
    uint64_t size = args[3] < XATTR_SIZE_MAX ? args[3] : XATTR_SIZE_MAX;
    void *value = window_pointer(&task->thread, args[2], size);
    if (!value)
        return -EFAULT;
    result = target_begin(task, &target, args[0], lookup);
    if (!result)
        result = host_call4(SYS_getxattr, target.path, name, value, size);
    return target_end(task, &target, result);
}

static long list(struct task *task, const uint64_t args[6], int lookup)
{
    struct target target;
    char *names = malloc(XATTR_LIST_MAX);
    if (!names)
        return -ENOMEM;
    long result = target_begin(task, &target, args[0], lookup);
    if (!result)
        result = host_call3(SYS_listxattr, target.path, names, XATTR_LIST_MAX);
    result = target_end(task, &target, result);
    if (result > 0) {
        long kept = 0;
        for (long at = 0, length; at < result; at += length) {
            length = (long)strlen(names + at) + 1;
            if (!strncmp(names + at, "user.", 5)) {
                memmove(names + kept, names + at, (size_t)length);
                kept += length;
            }
        }
        result = kept;
        if (args[2] && (uint64_t)kept > args[2])
            result = -ERANGE;
        else if (args[2] && task_copyout(task, args[1], names, (size_t)kept))
            result = -EFAULT;
    }
    free(names);
    return result;
}

static long drop(struct task *task, const uint64_t args[6], int lookup)
{
    char name[XATTR_NAME_MAX + 1];
    struct target target;
    long result = name_copyin(task, name, args[1], -EPERM);
    if (result)
        return result;
    result = target_begin(task, &target, args[0], lookup);
    if (!result)
        result = target.read_only ? -EROFS : host_call2(SYS_removexattr, target.path, name);
    return target_end(task, &target, result);
}

#define XATTR_CALLS(action, name)                                                                  \
    long call_##name(struct task *task, const uint64_t args[6])                                    \
    {                                                                                              \
        return action(task, args, LOOKUP_FOLLOW);                                                  \
    }                                                                                              \
    long call_l##name(struct task *task, const uint64_t args[6])                                   \
    {                                                                                              \
        return action(task, args, 0);                                                              \
    }                                                                                              \
    long call_f##name(struct task *task, const uint64_t args[6])                                   \
    {                                                                                              \
        return action(task, args, BY_FD);                                                          \
    }

XATTR_CALLS(set, setxattr)
XATTR_CALLS(get, getxattr)
XATTR_CALLS(list, listxattr)
XATTR_CALLS(drop, removexattr)
