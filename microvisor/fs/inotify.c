/* inotify(7): the host's, on granted files. What a watch tells is what any process does to the
 * host's file or directory, also those of this lind-run, whose calls are calls on the host's files.
 * The path is resolved as any other is, and the watch is set on the object that it led to (attack
 * rows K6, K9); whether the process may read that, the host's kernel checks. Synthetic trees have
 * no events. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/place.h"

long call_inotify_init1(struct task *task, const uint64_t args[6])
{
    struct file *file;
    uint32_t flags = (uint32_t)args[0];
    long fd = host_call1(SYS_inotify_init1, flags | IN_CLOEXEC);
    if (fd < 0)
        return fd;
    long error = file_from_host((int)fd, NULL, &file);
    return error ? error : descriptor_install(task, file, !!(flags & IN_CLOEXEC));
}

long call_inotify_init(struct task *task, const uint64_t args[6])
{
    return call_inotify_init1(task, (const uint64_t[6]){0});
}

/* Watches what a path leads to. The link to the object is one that the host is to follow. */
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
                                mask & ~(uint32_t)IN_DONT_FOLLOW);
            close(fd);
        }
        location_release(location);
    }
    free(location);
    return result;
}

/* The host tells inotify's descriptors from others (EINVAL). */
long call_inotify_add_watch(struct task *task, const uint64_t args[6])
{
    struct file *file = descriptor_get(task, args[0]);
    if (!file)
        return -EBADF;
    long result = file->kind == FILE_STREAM && file->host_fd >= 0
                      ? watch_path(task, file->host_fd, args[1], (uint32_t)args[2])
                      : -EINVAL;
    descriptor_put(task, file);
    return result;
}

long call_inotify_rm_watch(struct task *task, const uint64_t args[6])
{
    struct file *file = descriptor_get(task, args[0]);
    if (!file)
        return -EBADF;
    long result = file->kind == FILE_STREAM && file->host_fd >= 0
                      ? host_call2(SYS_inotify_rm_watch, file->host_fd, (int)args[1])
                      : -EINVAL;
    descriptor_put(task, file);
    return result;
}
