/* inotify(7): the host's, on granted files. What a watch tells is what any process does to the
 * host's file or directory, also those of this lind-run, whose calls are calls on the host's files.
 * The path is resolved as any other is, and the watch is set on the object that it led to (attack
 * rows K6, K9); whether the process may read that, the host's kernel checks. Synthetic trees have
 * no events. HOT: read, seek, release. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/place.h"

/* What a request may say (Linux: ALL_INOTIFY_BITS). */
#define REQUEST                                                                                    \
    ((uint32_t)(IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR |              \
                IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_ADD | IN_MASK_CREATE | IN_ISDIR |         \
                IN_ONESHOT))

static _Atomic int32_t instances;

static void inotify_release(struct file *file)
{
    atomic_fetch_sub(&instances, 1);
}

static long inotify_read(struct task *task, struct file *file, const struct transfer *transfer)
{
    return host_file_operations.read(task, file, transfer);
}

static long inotify_seek(struct task *task, struct file *file, int64_t offset, int whence)
{
    return host_file_operations.seek(task, file, offset, whence);
}

static const struct file_operations inotify_operations = {
    .read = inotify_read,
    .seek = inotify_seek,
    .release = inotify_release,
};

/* Programs of the same user outside keep half of the instances that the host lets a user have. */
static int instances_max(void)
{
    static _Atomic int known;
    if (!known) {
        char text[24] = "";
        int fd = open("/proc/sys/fs/inotify/max_user_instances", O_RDONLY | O_CLOEXEC);
        int most = fd >= 0 && read(fd, text, sizeof text - 1) > 0 ? atoi(text) : 128;
        if (fd >= 0)
            close(fd);
        known = most > 1 ? most / 2 : 1;
    }
    return known;
}

long call_inotify_init1(struct task *task, const uint64_t args[6])
{
    struct file *file;
    uint32_t flags = (uint32_t)args[0];
    if (flags & ~(uint32_t)(IN_CLOEXEC | IN_NONBLOCK))
        return -EINVAL;
    long error = atomic_fetch_add(&instances, 1) < instances_max() ? 0 : -EMFILE;
    if (!error) {
        long fd = host_call1(SYS_inotify_init1, flags | IN_CLOEXEC);
        error = fd < 0 ? fd : file_from_host((int)fd, NULL, &file);
    }
    if (error) {
        atomic_fetch_sub(&instances, 1);
        return error;
    }
    file->operations = &inotify_operations;
    return descriptor_install(task, file, !!(flags & IN_CLOEXEC));
}

long call_inotify_init(struct task *task, const uint64_t args[6])
{
    return call_inotify_init1(task, (const uint64_t[6]){0});
}

/* Watches what a path leads to. The link to the object is one that the host is to follow; IN_ISDIR
 * stands for nothing in a request, but makes one of IN_DONT_FOLLOW alone whole. */
static long watch_path(struct task *task, int host_fd, uint64_t path, uint32_t mask)
{
    char object[40];
    struct location *location = malloc(sizeof *location);
    if (!location)
        return -ENOMEM;
    long result = place_lookup(task, (uint64_t)AT_FDCWD, path,
                               mask & IN_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW, location);
    if (!result) {
        int fd = location_is_host(location) ? location_open_path(location) : -EOPNOTSUPP;
        result = fd;
        if (fd >= 0) {
            path_of_host_fd(object, fd);
            result = host_call3(SYS_inotify_add_watch, host_fd, object,
                                (mask & ~(uint32_t)IN_DONT_FOLLOW) | IN_ISDIR);
            close(fd);
        }
        location_release(location);
    }
    free(location);
    return result;
}

/* Errors in Linux's order. */
long call_inotify_add_watch(struct task *task, const uint64_t args[6])
{
    const uint32_t mask = (uint32_t)args[2], both = IN_MASK_ADD | IN_MASK_CREATE;
    if (!mask || mask & ~REQUEST)
        return -EINVAL;
    DESCRIPTION(file, task, args[0]);
    if (!file || file_flags(file) & O_PATH)
        return -EBADF;
    if (file->operations != &inotify_operations || (mask & both) == both)
        return -EINVAL;
    return watch_path(task, file->host_fd, args[1], mask);
}

long call_inotify_rm_watch(struct task *task, const uint64_t args[6])
{
    DESCRIPTION(file, task, args[0]);
    if (!file || file_flags(file) & O_PATH)
        return -EBADF;
    return file->operations == &inotify_operations
               ? host_call2(SYS_inotify_rm_watch, file->host_fd, (int)args[1])
               : -EINVAL;
}
