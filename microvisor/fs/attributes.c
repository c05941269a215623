/* Owners, modes, times and sizes. Not HOT but for lseek. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <unistd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/busy.h"
#include "microvisor/fs/resolve.h"
#include "microvisor/signal/signal.h"

#define HERE ((uint64_t)AT_FDCWD)
#define SYS_FCHMODAT2 452

/* A host object whose attributes are to change, or a node whose tree lets them; EROFS for all else. */
static int lookup_changed(struct task *task, uint64_t dirfd, uint64_t path, uint32_t flags,
                          int nodes, struct location *location)
{
    unsigned lookup = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
                      (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
    int error = place_lookup(task, dirfd, path, lookup, location);
    if (error)
        return error;
    if (nodes && location->fd < 0 && location->node.operations && location->node.operations->change)
        return 0;
    /* With LOOKUP_FOLLOW it is the object itself: some host calls take no name. */
    return location->fd < 0 || location->read_only ? -EROFS : 0;
}

/* Whether the attributes of a description's file may be changed. Of an inherited file only the
 * times, and only with its content. */
static int check_changed(const struct file *file, int times)
{
    if (!file || file_flags(file) & O_PATH)
        return -EBADF;
    if (file->mount && file->mount->read_only)
        return -EROFS;
    if (file->host_fd < 0)
        return -EPERM;
    return file->inherited && !(times && file->kind == FILE_REGULAR && file_writable(file)) ? -EPERM
                                                                                            : 0;
}

/* Changes a node that lets it. */
static long change_node(struct task *task, const struct node *node, uint32_t uid, uint32_t gid,
                        uint32_t mode)
{
    const struct node_change change = {uid, gid, mode};
    return node->operations->change(task, node, &change);
}

/* Changes what a descriptor stands for: a node, what keeps attributes of its own, or the host's
 * file by a call with these arguments behind its descriptor. */
static long change_file(struct task *task, uint64_t fd, uint32_t uid, uint32_t gid, uint32_t mode,
                        long number, uint64_t a, uint64_t b)
{
    DESCRIPTION(file, task, fd);
    if (file && file->host_fd < 0 && !(file_flags(file) & O_PATH) && file->node.operations &&
        file->node.operations->change) {
        long result = change_node(task, &file->node, uid, gid, mode);
        return result == -EROFS ? -EPERM : result;
    }
    if (file && file->operations->change) {
        const struct node_change change = {uid, gid, mode};
        return file->operations->change(task, file, &change);
    }
    long error = check_changed(file, 0);
    return error ? error : host_call3(number, file->host_fd, a, b);
}

long call_fchmodat(struct task *task, const uint64_t args[6])
{
    LOCATION(location);
    char text[40];
    uint32_t mode = (uint32_t)args[2] & 07777;
    long error = lookup_changed(task, args[0], args[1], 0, 1, &location);
    if (error)
        return error;
    if (location.fd < 0)
        return change_node(task, &location.node, NODE_UNCHANGED, NODE_UNCHANGED, mode);
    error = host_call4(SYS_FCHMODAT2, location.fd, location.name, mode,
                       AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    if (error != -ENOSYS)
        return error;
    int fd = location_open_path(&location); /* before Linux 6.6 */
    if (fd < 0)
        return fd;
    path_of_host_fd(text, fd);
    error = host_call2(SYS_chmod, text, mode);
    host_call1(SYS_close, fd);
    return error;
}

int location_open_path(const struct location *location)
{
    if (location->fd < 0)
        return -EOPNOTSUPP;
    if (*location->name)
        return (int)open_beneath(location->fd, location->name, O_PATH | O_NOFOLLOW, 0, 0);
    return (int)host_call3(SYS_fcntl, location->fd, F_DUPFD_CLOEXEC, 3);
}

long call_fchmod(struct task *task, const uint64_t args[6])
{
    uint32_t mode = (uint32_t)args[1] & 07777;
    return change_file(task, args[0], NODE_UNCHANGED, NODE_UNCHANGED, mode, SYS_fchmod, mode, 0);
}

long call_fchownat(struct task *task, const uint64_t args[6])
{
    LOCATION(location);
    uint32_t uid = (uint32_t)args[2], gid = (uint32_t)args[3], flags = (uint32_t)args[4];
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    long error = lookup_changed(task, args[0], args[1], flags, 1, &location);
    if (error)
        return error;
    if (location.fd < 0)
        return change_node(task, &location.node, uid, gid, NODE_UNCHANGED);
    return host_call5(SYS_fchownat, location.fd, location.name, uid, gid,
                      AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
}

long call_fchown(struct task *task, const uint64_t args[6])
{
    uint32_t uid = (uint32_t)args[1], gid = (uint32_t)args[2];
    return change_file(task, args[0], uid, gid, NODE_UNCHANGED, SYS_fchown, uid, gid);
}

/* times NULL: now. path 0: dirfd itself. */
static long change_times(struct task *task, uint64_t dirfd, uint64_t path,
                         const struct timespec *times, uint32_t flags)
{
    LOCATION(location);
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (times && times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT)
        return 0; /* as Linux: not even the path is looked at */
    if (!path && (int)dirfd != AT_FDCWD) {
        if (flags)
            return -EINVAL;
        DESCRIPTION(file, task, dirfd);
        if (file && file->operations->set_times)
            return file->operations->set_times(task, file, times);
        long error = check_changed(file, 1);
        return error ? error : host_call4(SYS_utimensat, file->host_fd, 0, times, 0);
    }
    long error = lookup_changed(task, dirfd, path, flags, 0, &location);
    if (error)
        return error;
    return host_call4(SYS_utimensat, location.fd, location.name, times,
                      AT_SYMLINK_NOFOLLOW | (*location.name ? 0 : AT_EMPTY_PATH));
}

long call_utimensat(struct task *task, const uint64_t args[6])
{
    struct timespec times[2];
    if (args[2] && task_copyin(task, times, args[2], sizeof times))
        return -EFAULT;
    return change_times(task, args[0], args[1], args[2] ? times : NULL, (uint32_t)args[3]);
}

long call_utime(struct task *task, const uint64_t args[6])
{
    int64_t seconds[2];
    struct timespec times[2] = {0};
    if (args[1] && task_copyin(task, seconds, args[1], sizeof seconds))
        return -EFAULT;
    for (int i = 0; args[1] && i < 2; i++)
        times[i].tv_sec = seconds[i];
    return args[0] ? change_times(task, HERE, args[0], args[1] ? times : NULL, 0) : -EFAULT;
}

long call_futimesat(struct task *task, const uint64_t args[6])
{
    struct timeval values[2];
    struct timespec times[2] = {0};
    if (args[2] && task_copyin(task, values, args[2], sizeof values))
        return -EFAULT;
    for (int i = 0; args[2] && i < 2; i++) {
        if (values[i].tv_usec < 0 || values[i].tv_usec >= 1000000)
            return -EINVAL;
        times[i] = (struct timespec){values[i].tv_sec, values[i].tv_usec * 1000};
    }
    return change_times(task, args[0], args[1], args[2] ? times : NULL, 0);
}

/* Sizes. */

/* RLIMIT_FSIZE for a file that is to reach `end`. */
static int size_limited(struct task *task, uint64_t end)
{
    uint64_t limit = process_limit(task->process, RLIMIT_FSIZE);
    if (limit == RLIM_INFINITY || end <= limit)
        return 0;
    signal_send_self(task, SIGXFSZ);
    return -EFBIG;
}

long call_truncate(struct task *task, const uint64_t args[6])
{
    LOCATION(location);
    struct stat status;
    char text[40];
    if ((int64_t)args[1] < 0)
        return -EINVAL;
    long error = place_lookup(task, HERE, args[0], LOOKUP_FOLLOW, &location);
    if (!error)
        error = location_stat(task, &location, &status);
    if (!error && !S_ISREG(status.st_mode))
        error = S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    if (!error && (location.fd < 0 || location.read_only))
        error = -EROFS;
    if (!error && args[1] > (uint64_t)status.st_size)
        error = size_limited(task, args[1]);
    int fd = error ? (int)error : location_open_path(&location);
    if (fd < 0)
        return fd;
    path_of_host_fd(text, fd);
    if (busy_is_executed(&status)) {
        error = host_call4(SYS_faccessat2, fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS);
        error = error ? error : -ETXTBSY;
    } else {
        error = host_call2(SYS_truncate, text, args[1]);
    }
    host_call1(SYS_close, fd);
    return error;
}

/* One check for what changes an open file's size or content by descriptor. */
static int check_writable(const struct file *file, int no_access)
{
    if (!file || file_flags(file) & O_PATH)
        return -EBADF;
    return file_writable(file) ? 0 : no_access;
}

long call_ftruncate(struct task *task, const uint64_t args[6])
{
    struct stat status;
    if ((int64_t)args[1] < 0)
        return -EINVAL;
    DESCRIPTION(file, task, args[0]);
    long error = check_writable(file, -EINVAL);
    if (error)
        return error;
    if (!file->operations->truncate)
        return -EINVAL;
    if (file->kind == FILE_REGULAR && !host_call2(SYS_fstat, file->host_fd, &status) &&
        args[1] > (uint64_t)status.st_size)
        error = size_limited(task, args[1]);
    return error ? error : file->operations->truncate(task, file, (int64_t)args[1]);
}

/* A memfd takes the host's memory, which one call must not exhaust (attack row K14): at most half
 * of what is free. */
static int memory_room(uint64_t length)
{
    struct sysinfo system;
    if (sysinfo(&system))
        return -errno;
    return length <= (uint64_t)system.freeram * system.mem_unit / 2 ? 0 : -ENOSPC;
}

long call_fallocate(struct task *task, const uint64_t args[6])
{
    const uint32_t known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE |
                           FALLOC_FL_ZERO_RANGE | FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE;
    uint32_t mode = (uint32_t)args[1];
    if ((int64_t)args[2] < 0 || (int64_t)args[3] <= 0)
        return -EINVAL;
    if (mode & ~known)
        return -EOPNOTSUPP;
    DESCRIPTION(file, task, args[0]);
    long error = check_writable(file, -EBADF);
    if (error)
        return error;
    if (file->host_fd < 0)
        error = file->operations->seek ? -ENODEV : -ESPIPE;
    else if (!(mode & (FALLOC_FL_KEEP_SIZE | FALLOC_FL_COLLAPSE_RANGE)) &&
             args[2] <= (uint64_t)INT64_MAX - args[3])
        error = size_limited(task, args[2] + args[3]);
    if (!error && !file->mount && file->kind == FILE_REGULAR && !(mode & FALLOC_FL_PUNCH_HOLE))
        error = memory_room(args[3]);
    return error ? error : host_call4(SYS_fallocate, file->host_fd, mode, args[2], args[3]);
}

/* HOT. */
long call_lseek(struct task *task, const uint64_t args[6])
{
    DESCRIPTION(file, task, args[0]);
    if (!file || file_flags(file) & O_PATH)
        return -EBADF;
    if ((uint32_t)args[2] > SEEK_HOLE)
        return -EINVAL;
    if (!file->operations->seek)
        return -ESPIPE;
    return file->operations->seek(task, file, (int64_t)args[1], (int)args[2]);
}
