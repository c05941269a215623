/* Calls that change names: mkdir, mknod, link, symlink, unlink, rmdir, rename; and the working
 * directory. Not HOT. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/resolve.h"

#define HERE ((uint64_t)AT_FDCWD)

/* Whether a name can be made at a location that was looked up for it. As in Linux, EEXIST comes
 * before EROFS. */
static int check_new(struct task *task, const struct location *location)
{
    const struct node *node = &location->node;
    struct stat status;
    struct node found;
    if (location->busy)
        return -EEXIST;
    if (!location->read_only)
        return 0;
    if (location->fd >= 0)
        return location_stat(task, location, &status) ? -EROFS : -EEXIST;
    if (!node->operations || !node->operations->lookup)
        return -ENOTDIR;
    return node->operations->lookup(task, node, location->name, &found) ? -EROFS : -EEXIST;
}

/* Looks up where a name is to be made. */
static int lookup_new(struct task *task, uint64_t dirfd, uint64_t path, struct location *location)
{
    int error = place_lookup(task, dirfd, path, LOOKUP_PARENT, location);
    return error ? error : check_new(task, location);
}

/* Looks up a name that is to go. */
static int lookup_old(struct task *task, uint64_t dirfd, uint64_t path, struct location *location)
{
    int error = place_lookup(task, dirfd, path, LOOKUP_PARENT, location);
    if (error)
        return error;
    return location->busy ? -EBUSY : location->read_only ? -EROFS : 0;
}

static uint32_t masked(struct task *task, uint64_t mode)
{
    return (uint32_t)mode & ~atomic_load(&task->process->place->umask);
}

long call_mkdirat(struct task *task, const uint64_t args[6])
{
    LOCATION(location);
    long error = lookup_new(task, args[0], args[1], &location);
    if (error)
        return error;
    return host_call3(SYS_mkdirat, location.fd, location.name, masked(task, args[2]) & 01777);
}

/* Regular files, FIFOs and sockets' names. Devices are never made, whatever the host user may. */
long call_mknodat(struct task *task, const uint64_t args[6])
{
    LOCATION(location);
    uint32_t mode = (uint32_t)args[2], type = mode & S_IFMT;
    if (type == S_IFCHR || type == S_IFBLK || type == S_IFDIR)
        return -EPERM;
    if (type && type != S_IFREG && type != S_IFIFO && type != S_IFSOCK)
        return -EINVAL;
    long error = lookup_new(task, args[0], args[1], &location);
    if (error)
        return error;
    mode = type | (masked(task, mode) & 07777);
    return host_call4(SYS_mknodat, location.fd, location.name, mode, 0);
}

/* Whether a name still leads to the inode. */
static int leads_to(const struct location *location, const struct stat *inode)
{
    struct stat now;
    return !host_call4(SYS_newfstatat, location->fd, location->name, &now, AT_SYMLINK_NOFOLLOW) &&
           now.st_ino == inode->st_ino && now.st_dev == inode->st_dev;
}

/* Opens the socket's inode that a name was just given, of which *status tells then. Returns an
 * O_PATH descriptor; -EADDRINUSE when somebody else has taken the name away already. */
static int open_made(const struct location *location, struct stat *status)
{
    struct stat opened;
    long error =
        host_call4(SYS_newfstatat, location->fd, location->name, status, AT_SYMLINK_NOFOLLOW);
    if (error || !S_ISSOCK(status->st_mode))
        return -EADDRINUSE;
    int fd = location_open_path(location);
    if (fd < 0)
        return fd;
    if (host_call2(SYS_fstat, fd, &opened) || opened.st_ino != status->st_ino ||
        opened.st_dev != status->st_dev) {
        host_call1(SYS_close, fd);
        return -EADDRINUSE;
    }
    return fd;
}

long place_make_socket(struct task *task, const char *path, uint32_t mode,
                       long (*use)(int fd, const struct stat *status, void *data), void *data)
{
    LOCATION(location);
    struct stat status = {0};
    int error = place_lookup_path(task, HERE, path, LOOKUP_PARENT, &location);
    if (!error)
        error = check_new(task, &location);
    if (!error)
        error = (int)host_call4(SYS_mknodat, location.fd, location.name,
                                S_IFSOCK | masked(task, mode), 0);
    if (error)
        return error;
    int fd = open_made(&location, &status);
    long result = fd < 0 ? fd : use(fd, &status, data);
    if (result < 0 && leads_to(&location, &status))
        host_call3(SYS_unlinkat, location.fd, location.name, 0);
    return result;
}

long call_symlinkat(struct task *task, const uint64_t args[6])
{
    LOCATION(location);
    char text[PATH_MAX];
    long error = path_copyin(task, args[0], 0, text);
    if (!error)
        error = lookup_new(task, args[1], args[2], &location);
    return error ? error : host_call3(SYS_symlinkat, text, location.fd, location.name);
}

/* The object that link gives a second name. */
static int lookup_linked(struct task *task, uint64_t dirfd, uint64_t path, uint32_t flags,
                         struct location *location)
{
    struct stat status;
    char text[PATH_MAX];
    unsigned empty = flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0;
    int error = path_copyin(task, path, empty, text);
    if (error)
        return error;
    if (!*text)
        return place_lookup_path(task, dirfd, text, empty, location);
    error = place_lookup_path(
        task, dirfd, text, LOOKUP_NAME | (flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0), location);
    if (error || location->fd >= 0) /* the host says EPERM of a directory, but EEXIST first */
        return error;
    error = location_stat(task, location, &status);
    return error ? error : S_ISDIR(status.st_mode) ? -EPERM : 0;
}

long call_linkat(struct task *task, const uint64_t args[6])
{
    LOCATION(old);
    LOCATION(new);
    uint32_t flags = (uint32_t)args[4];
    char path[40];
    if (flags & ~(uint32_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    long error = lookup_linked(task, args[0], args[1], flags, &old);
    if (!error)
        error = lookup_new(task, args[2], args[3], &new);
    if (error)
        return error;
    if (old.mount != new.mount || !old.mount)
        return -EXDEV;
    if (*old.name)
        return host_call5(SYS_linkat, old.fd, old.name, new.fd, new.name, 0);
    /* A description's own file (O_TMPFILE, /proc/self/fd/N). */
    path_of_host_fd(path, old.fd);
    return host_call5(SYS_linkat, AT_FDCWD, path, new.fd, new.name, AT_SYMLINK_FOLLOW);
}

long call_unlinkat(struct task *task, const uint64_t args[6])
{
    LOCATION(location);
    uint32_t flags = (uint32_t)args[2];
    if (flags & ~(uint32_t)AT_REMOVEDIR)
        return -EINVAL;
    long error = lookup_old(task, args[0], args[1], &location);
    if (error)
        return error == -EBUSY && !flags ? -EISDIR : error;
    return host_call3(SYS_unlinkat, location.fd, location.name, flags);
}

long call_renameat2(struct task *task, const uint64_t args[6])
{
    LOCATION(old);
    LOCATION(new);
    uint32_t flags = (uint32_t)args[4];
    if (flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    long error = place_lookup(task, args[0], args[1], LOOKUP_PARENT, &old);
    if (!error)
        error = place_lookup(task, args[2], args[3], LOOKUP_PARENT, &new);
    if (error)
        return error;
    if (old.mount != new.mount)
        return -EXDEV;
    if (old.busy || new.busy)
        return -EBUSY;
    if (old.read_only || old.fd < 0 || new.fd < 0)
        return -EROFS;
    return host_call5(SYS_renameat2, old.fd, old.name, new.fd, new.name, flags);
}

/* The working directory and its kin. */

int location_directory(struct task *task, const struct location *location, struct file **file)
{
    struct stat status;
    int error = location_stat(task, location, &status);
    if (!error && !S_ISDIR(status.st_mode))
        error = -ENOTDIR;
    if (error)
        return error;
    if (location->fd < 0) {
        error = node_search(task, &location->node);
        if (error)
            return error;
        *file = file_from_node(&location->node, location->path, O_PATH | O_DIRECTORY);
        if (!*file)
            return -ENOMEM;
        (*file)->mount = location->mount;
        return 0;
    }
    if (!location->mount)
        return -EACCES;
    long fd = open_beneath(location->fd, *location->name ? location->name : ".",
                           O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, 0);
    if (fd < 0)
        return (int)fd;
    error = (int)host_call4(SYS_faccessat2, fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS);
    *file = error ? NULL
                  : file_new(&host_file_operations, (int)fd, O_PATH | O_DIRECTORY, FILE_DIRECTORY);
    if (!*file) {
        host_call1(SYS_close, fd);
        return error ? error : -ENOMEM;
    }
    (*file)->mount = location->mount;
    return 0;
}

static long change_directory(struct task *task, uint64_t dirfd, uint64_t path, const char *text)
{
    LOCATION(location);
    struct file *file = NULL;
    long error = text ? place_lookup_path(task, dirfd, text, LOOKUP_EMPTY, &location)
                      : place_lookup(task, dirfd, path, LOOKUP_FOLLOW, &location);
    if (!error)
        error = location_directory(task, &location, &file);
    if (!error)
        place_set_directory(task, file);
    return error;
}

long call_chdir(struct task *task, const uint64_t args[6])
{
    return change_directory(task, HERE, args[0], NULL);
}

long call_fchdir(struct task *task, const uint64_t args[6])
{
    if ((int)args[0] == AT_FDCWD)
        return -EBADF;
    return change_directory(task, args[0], 0, "");
}

long call_getcwd(struct task *task, const uint64_t args[6])
{
    static const char outside[] = "(unreachable)";
    char path[PATH_MAX + sizeof outside];
    long length = place_directory_path(task, path, PATH_MAX);
    if (length < 0)
        return length;
    length = place_seen(task->process->place, path);
    if (length < 0) {
        length = (long)(strlen(path) + sizeof outside - 1);
        memmove(path + sizeof outside - 1, path, strlen(path) + 1);
        memcpy(path, outside, sizeof outside - 1);
    }
    if ((uint64_t)length + 1 > args[1])
        return -ERANGE;
    return task_copyout(task, args[0], path, (size_t)length + 1) ? -EFAULT : length + 1;
}

/* Errors in Linux's order: whether the caller may comes last. */
long call_chroot(struct task *task, const uint64_t args[6])
{
    LOCATION(location);
    struct file *file = NULL;
    int error = place_lookup(task, HERE, args[0], LOOKUP_FOLLOW, &location);
    if (!error)
        error = location_directory(task, &location, &file);
    if (error)
        return error;
    if (task->process->credentials.euid) {
        file_put(file);
        return -EPERM;
    }
    place_set_root(task->process->place, file);
    return 0;
}

long call_umask(struct task *task, const uint64_t args[6])
{
    return (long)atomic_exchange(&task->process->place->umask, (uint32_t)args[0] & 0777);
}
