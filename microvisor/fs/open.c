/* The open family. Not HOT. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/vfs.h>

#include "microvisor/calls.h"
#include "microvisor/fs/busy.h"
#include "microvisor/fs/resolve.h"
#include "microvisor/signal/signal.h"

/* What open(2) keeps of flags; the others are ignored, as Linux does. O_ASYNC is not kept: SIGIO
 * would reach lind-run. */
#define OPEN_FLAGS                                                                                 \
    (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |          \
     O_DSYNC | O_DIRECT | 0100000 /* O_LARGEFILE */ | O_DIRECTORY | O_NOFOLLOW | O_NOATIME |       \
     O_CLOEXEC | O_PATH | O_TMPFILE)
#define IS_TMPFILE(flags) (((flags)&O_TMPFILE) == O_TMPFILE)
#define PROCFS_MAGIC 0x9fa0

/* Synthetic directories. */

static long node_entry(struct task *task, struct file *file, uint64_t index, struct entry *entry)
{
    if (index >= 2) {
        entry->next -= 2;
        long error = file->node.operations->entry(task, &file->node, index - 2, entry);
        entry->next += 2;
        return error;
    }
    entry->inode = index ? 1 : file->node.id;
    entry->type = DT_DIR;
    strcpy(entry->name, index ? ".." : ".");
    return 0;
}

static long node_stat(struct task *task, struct file *file, struct stat *status)
{
    struct location location = {.fd = -1, .mount = file->mount, .node = file->node};
    return location_stat(task, &location, status);
}

static long node_seek(struct task *task, struct file *file, int64_t offset, int whence)
{
    LOCKED(&file->lock);
    if (whence == SEEK_CUR)
        offset += file->offset;
    long result = whence != SEEK_SET && whence != SEEK_CUR ? -EINVAL
                  : offset < 0                             ? -EINVAL
                                                           : offset;
    if (result >= 0)
        file->offset = offset;
    return result;
}

static long node_read(struct task *task, struct file *file, const struct transfer *transfer)
{
    return -EISDIR;
}

static long node_sync(struct task *task, struct file *file, int data_only)
{
    return 0;
}

static const struct file_operations node_directory_operations = {
    .read = node_read,
    .seek = node_seek,
    .stat = node_stat,
    .entry = node_entry,
    .sync = node_sync,
};

struct file *file_from_node(const struct node *node, const char *path, uint32_t flags)
{
    struct file *file = file_new(&node_directory_operations, -1, flags, FILE_DIRECTORY);
    if (!file)
        return NULL;
    file->node = *node;
    file->path = file_pages(PATH_MAX);
    if (!file->path) {
        file_put(file);
        return NULL;
    }
    strcpy(file->path, path);
    return file;
}

/* Opens what a location's node is. */
static int open_node(struct task *task, const struct location *location, int flags,
                     struct file **file)
{
    struct stat status;
    int error = location_stat(task, location, &status);
    if (error)
        return error;
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    if (S_ISLNK(status.st_mode) && !(flags & O_PATH))
        return -ELOOP;
    if (!S_ISDIR(status.st_mode)) {
        if (flags & O_DIRECTORY)
            return -ENOTDIR;
        if (flags & O_PATH) {
            *file = file_from_node(&location->node, location->path, (uint32_t)flags);
            if (!*file)
                return -ENOMEM;
            (*file)->kind = FILE_PATH;
            (*file)->mount = location->mount;
            return 0;
        }
        if (!location->node.operations->open)
            return -ENXIO;
        *file = NULL;
        error = location->node.operations->open(task, &location->node, flags, file);
        /* The host's terminal has no path, like an inherited one. */
        if (error || (*file)->host_fd >= 0)
            return error;
        if (!(*file)->mount)
            (*file)->mount = location->mount;
        if (!(*file)->node.operations)
            (*file)->node = location->node;
        return 0;
    }
    if (IS_TMPFILE(flags))
        return -EOPNOTSUPP;
    error = flags & O_PATH ? 0 : node_search(task, &location->node);
    if (error)
        return error;
    if (!(flags & O_PATH) && ((flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC)))
        return -EISDIR;
    uint32_t kept = (uint32_t)flags & (O_PATH | O_DIRECTORY | O_NONBLOCK | O_NOFOLLOW | 0100000);
    *file = file_from_node(&location->node, location->path, kept);
    if (!*file)
        return -ENOMEM;
    (*file)->mount = location->mount;
    return 0;
}

/* Devices that are known not to be a procfs, so that most opens do without fstatfs. Only ever a
 * hint: entries are overwritten. */
static _Atomic uint64_t known_devices[4];

/* Whether the host object is of a file system through which the runtime itself could be reached
 * (/proc/self/mem). */
static int is_runtime_reachable(int fd, uint64_t device)
{
    struct statfs system;
    _Atomic uint64_t *known = &known_devices[device % 4];
    if (atomic_load_explicit(known, memory_order_relaxed) == device + 1)
        return 0;
    if (fstatfs(fd, &system) || system.f_type == PROCFS_MAGIC)
        return 1;
    atomic_store_explicit(known, device + 1, memory_order_relaxed);
    return 0;
}

static int wants_write(int flags)
{
    return !(flags & O_PATH) && ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC);
}

/* Whether O_TRUNC would be of what is executed, which the host's open would not refuse. What
 * somebody begins to execute between this look and that open is truncated. rest: what resolve_start
 * left to the host, or NULL. */
static int truncates_executed(struct task *task, uint64_t dirfd, const char *path, int flags,
                              int host_fd, const char *rest)
{
    LOCATION(location);
    struct stat status;
    if (!(flags & O_TRUNC) || flags & (O_PATH | O_EXCL))
        return 0;
    if (rest && *rest && !strchr(rest, '/')) { /* most are this simple */
        long error = host_call4(SYS_newfstatat, host_fd, rest, &status, AT_SYMLINK_NOFOLLOW);
        if (error || !S_ISLNK(status.st_mode))
            return !error && busy_is_executed(&status);
    }
    return !place_lookup_path(task, dirfd, path, flags & O_NOFOLLOW ? 0 : LOOKUP_FOLLOW,
                              &location) &&
           !location_stat(task, &location, &status) && busy_is_executed(&status);
}

/* Makes a description of a host fd that was opened by path, after a look at what it is. */
static int open_finish(long fd, const struct mount *mount, int flags, struct file **file)
{
    struct stat status;
    long error = host_call2(SYS_fstat, fd, &status);
    uint32_t kind = S_ISDIR(status.st_mode)   ? FILE_DIRECTORY
                    : flags & O_PATH          ? FILE_PATH
                    : S_ISREG(status.st_mode) ? FILE_REGULAR
                                              : FILE_STREAM;
    /* The host's devices are not the cage's, whatever directory they lie in. */
    if (!error && !(flags & O_PATH) && (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)))
        error = -EACCES;
    if (!error && mount && mount->read_only && wants_write(flags) && S_ISREG(status.st_mode))
        error = -EROFS;
    if (!error && is_runtime_reachable((int)fd, status.st_dev))
        error = -EACCES;
    if (!error) {
        const int kept = ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
        *file = file_new(&host_file_operations, (int)fd, (uint32_t)(flags & kept), kind);
        if (*file) {
            (*file)->mount = mount;
            error = file_begin_writing(*file, &status);
            if (error)
                file_put(*file);
            return (int)error;
        }
        error = -ENOMEM;
    }
    host_call1(SYS_close, fd);
    return (int)error;
}

/* May an opening wait, and so end with EINTR? Only FIFOs' and devices' may (open(2)). */
static int open_may_wait(int fd, const char *path, uint64_t resolve)
{
    struct open_how how = {O_PATH | O_CLOEXEC, 0, resolve};
    struct stat status = {0};
    long found = host_call4(SYS_openat2, fd, path, &how, sizeof how);
    if (found < 0)
        return 0;
    long error = host_call2(SYS_fstat, found, &status);
    host_call1(SYS_close, found);
    return !error && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode));
}

/* The opening itself; may sleep (a FIFO). A signal shortly before the host's call looks like one
 * that came while it waited. */
static long open_host(struct task *task, int fd, const char *path, int flags, uint32_t mode,
                      uint64_t resolve)
{
    struct open_how how = {(uint64_t)(uint32_t)(flags | O_CLOEXEC), mode,
                           resolve | RESOLVE_NO_MAGICLINKS};
    if (!(flags & O_PATH))
        how.flags |= O_NOCTTY;
    if (!(resolve & RESOLVE_IN_ROOT))
        how.resolve |= RESOLVE_BENEATH;
    for (int attempt = 0; attempt < 64; attempt++) {
        if (atomic_load(&task->thread.pending) && signal_pending(task))
            return signal_interrupted(task, RESTART_NOINTR); /* it came before the call */
        long result =
            task_interruptible(task, SYS_openat2, fd, HOST_ARG(path), HOST_ARG(&how), sizeof how);
        if (result == RESTART_SYS && !open_may_wait(fd, path, how.resolve))
            return RESTART_NOINTR;
        if (result != -EAGAIN || resolve & RESOLVE_CACHED)
            return result;
    }
    return -EAGAIN;
}

/* On a read-only mount: what must fail with EROFS does, and O_CREAT has no part in what may
 * succeed. Returns 0 with *flags changed. */
static int check_read_only(struct task *task, uint64_t dirfd, const char *path, int *flags)
{
    LOCATION(location);
    struct stat status;
    int exclusive = (*flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    unsigned follow = *flags & O_NOFOLLOW || exclusive ? 0 : LOOKUP_FOLLOW;
    if (!wants_write(*flags) && !(*flags & O_CREAT))
        return 0;
    int error = place_lookup_path(task, dirfd, path, follow, &location);
    if (error == -ENOENT && *flags & O_CREAT) {
        error = place_lookup_path(task, dirfd, path, LOOKUP_PARENT, &location);
        return error ? error : -EROFS;
    }
    if (!error)
        error = location_stat(task, &location, &status);
    if (error)
        return error;
    if (exclusive)
        return -EEXIST;
    if (S_ISDIR(status.st_mode) && *flags & O_CREAT)
        return -EISDIR;
    if (IS_TMPFILE(*flags) || (wants_write(*flags) && S_ISREG(status.st_mode)))
        return -EROFS; /* FIFOs may be written; the rest fails by itself */
    /* Nothing may change before open_finish has seen what was opened: the name may lead elsewhere
     * now. */
    *flags &= ~(O_CREAT | O_TRUNC);
    return 0;
}

/* Opens what a host descriptor stands for. */
static long open_itself(struct task *task, int host_fd, int flags)
{
    char path[40];
    path_of_host_fd(path, host_fd);
    return task_interruptible(task, SYS_openat, AT_FDCWD, HOST_ARG(path),
                              flags | O_CLOEXEC | O_NOCTTY);
}

/* Opens a path below a directory of the host's, or, "", that. */
static long open_below(struct task *task, int fd, const char *path, int flags, uint32_t mode,
                       uint64_t resolve)
{
    long result = open_host(task, fd, *path ? path : ".", flags, mode, resolve);
    /* "." asks for the right to search the directory, which opening it does not need. */
    if (result == -EACCES && !*path && !(flags & O_CREAT) && !IS_TMPFILE(flags))
        result = open_itself(task, fd, flags & ~O_NOFOLLOW);
    return result;
}

/* Opens a resolved location. here: "." when the path ended so. -EXDEV: it changed meanwhile. */
static int open_location(struct task *task, struct location *location, const char *here, int flags,
                         uint32_t mode, struct file **file)
{
    if (location->fd < 0 && location->node.operations)
        return open_node(task, location, flags, file);
    if (!*location->name && location->held && !location->owned)
        return file_reopen(task, location->held, flags, file);
    const char *name = *location->name ? location->name : here;
    long fd = open_below(task, location->fd, name, flags | O_NOFOLLOW, mode, 0);
    if (fd == -ELOOP && !(flags & O_NOFOLLOW))
        return -EXDEV;
    return fd < 0 ? (int)fd : open_finish(fd, location->mount, flags, file);
}

/* What O_CREAT answers for a path that ends in a slash or a dot. */
static int create_slash(struct task *task, uint64_t dirfd, const char *path, int flags)
{
    LOCATION(location);
    size_t end = strlen(path);
    while (end && path[end - 1] == '/')
        end--;
    size_t dots = end;
    while (dots && path[dots - 1] == '.' && end - dots < 2)
        dots--;
    if (dots == end || (dots && path[dots - 1] != '/'))
        return -EISDIR;
    /* "." and ".." are there, unless their directory is not. */
    int error = place_lookup_path(task, dirfd, path, LOOKUP_FOLLOW, &location);
    return error ? error : flags & O_EXCL ? -EEXIST : -EISDIR;
}

static int open_path(struct task *task, uint64_t dirfd, const char *path, int flags, uint32_t mode,
                     uint64_t extra, struct file **file)
{
    struct normal normal;
    LOCATION(location);
    const char *rest;
    int whole;
    uint64_t resolve;
    if (*path == '/' && extra & RESOLVE_BENEATH)
        return -EXDEV;
    if (extra & RESOLVE_IN_ROOT)
        path += strspn(path, "/");
    if (!*path)
        path = extra & RESOLVE_IN_ROOT ? "." : path;
    if (!*path)
        return -ENOENT;
    int error = path_normalize(path, &normal);
    const char *here = normal.last_dot ? "." : "";
    if (!error && normal.slash && flags & O_CREAT)
        error = create_slash(task, dirfd, path, flags);
    if (!error)
        error = resolve_start(task, dirfd, &normal, &location, &rest, &whole, &resolve);
    if (error)
        return error;
    if (truncates_executed(task, dirfd, path, flags, location.fd, whole ? rest : NULL))
        return -ETXTBSY;
    const uint64_t scoped = extra & (RESOLVE_BENEATH | RESOLVE_IN_ROOT);
    const int all = scoped && location.fd >= 0 && !location.mount->covered;
    if (all) { /* dirfd takes the root's part, so nothing is left that the kernel does not know */
        whole = 1;
        resolve = 0;
    }
    /* An absolute path begins at the root, not where its names lead to a mount. */
    if (extra & RESOLVE_NO_XDEV && normal.absolute)
        whole = 0;
    if (whole && (!location.read_only || !(wants_write(flags) || flags & O_CREAT))) {
        long fd = open_below(task, location.fd, *rest ? rest : here, flags, mode, resolve | extra);
        if (fd >= 0)
            error = open_finish(fd, location.mount, flags, file);
        if (fd >= 0 || all || !resolve_again(task, &location, &normal, resolve, fd))
            return fd >= 0 ? error : (int)fd;
    }

    unsigned lookup = LOOKUP_NAME | (flags & O_CREAT ? LOOKUP_CREATE : 0);
    if (extra & RESOLVE_NO_SYMLINKS)
        lookup |= LOOKUP_NO_LINKS;
    if (extra & RESOLVE_NO_MAGICLINKS)
        lookup |= LOOKUP_NO_MAGIC;
    if (extra & RESOLVE_NO_XDEV)
        lookup |= LOOKUP_NO_CROSSING;
    if (extra & RESOLVE_BENEATH)
        lookup |= LOOKUP_BENEATH;
    if (extra & RESOLVE_IN_ROOT)
        lookup |= LOOKUP_IN_ROOT;
    if (!(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
        lookup |= LOOKUP_FOLLOW;
    error = -EXDEV;
    for (int attempt = 0; error == -EXDEV && attempt < 40; attempt++) {
        error = resolve_walk(task, dirfd, &normal, lookup, &location);
        if (error)
            return error;
        if (location.read_only && location.fd >= 0 && location.mount) {
            int kept = flags;
            error = !scoped ? check_read_only(task, dirfd, path, &kept)
                    : wants_write(flags) || flags & O_CREAT ? -EROFS
                                                            : 0;
            if (!error)
                error = open_location(task, &location, here, kept, kept & O_CREAT ? mode : 0, file);
        } else {
            error = open_location(task, &location, here, flags, mode, file);
        }
    }
    return error == -EXDEV ? -ELOOP : error;
}

/* Flags that exclude each other. */
static int contradict(int flags)
{
    return !(flags & O_PATH) &&
           ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY) ||
            (flags & (O_TMPFILE & ~O_DIRECTORY) && (!IS_TMPFILE(flags) || !wants_write(flags))));
}

int place_open(struct task *task, uint64_t dirfd, const char *path, int flags, uint32_t mode,
               struct file **file)
{
    flags &= OPEN_FLAGS;
    if (flags & O_PATH)
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (contradict(flags))
        return -EINVAL;
    if (flags & O_CREAT || IS_TMPFILE(flags))
        mode &= 07777U & ~atomic_load(&task->process->place->umask);
    else
        mode = 0;
    return open_path(task, dirfd, path, flags, mode, 0, file);
}

int file_reopen(struct task *task, struct file *from, int flags, struct file **file)
{
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    if (from->host_fd < 0) {
        struct location location = {.fd = -1, .mount = from->mount, .node = from->node};
        if (from->operations->reopen && !(flags & O_PATH))
            return from->operations->reopen(task, from, flags, file);
        if (!from->node.operations)
            return -ENXIO;
        if (from->path)
            strcpy(location.path, from->path);
        return open_node(task, &location, flags, file);
    }
    /* Rights do not grow: what came without a path can be opened as far as it was open, and on a
     * read-only mount nothing for writing. */
    if (!(flags & O_PATH)) {
        uint32_t access = file_flags(from) & (O_ACCMODE | O_PATH);
        if (!from->mount && access != O_RDWR &&
            (access != ((uint32_t)flags & O_ACCMODE) || (access == O_RDONLY && flags & O_TRUNC)))
            return -EACCES;
        if (from->mount && from->mount->read_only && wants_write(flags) &&
            from->kind != FILE_STREAM)
            return -EROFS;
    }
    long fd = open_itself(task, from->host_fd, flags & ~(O_NOFOLLOW | O_CREAT | O_EXCL));
    if (fd < 0)
        return (int)fd;
    /* An inherited terminal or device may be opened again (/dev/stdin); one with a path is none of
     * the cage's. */
    if (from->mount)
        return open_finish(fd, from->mount, flags, file);
    struct stat status;
    int error = (int)host_call2(SYS_fstat, fd, &status);
    if (error) {
        host_call1(SYS_close, fd);
        return error;
    }
    error = file_from_host((int)fd, NULL, file);
    if (error)
        return error;
    (*file)->inherited = from->inherited;
    error = file_begin_writing(*file, &status);
    if (error)
        file_put(*file);
    return error;
}

static long install(struct task *task, uint64_t dirfd, uint64_t path, int flags, uint32_t mode,
                    uint64_t extra)
{
    char text[PATH_MAX];
    struct file *file = NULL;
    int error = contradict(flags) ? -EINVAL : path_copyin(task, path, 0, text);
    if (error)
        return error;
    /* First the number: without one nothing may be created or truncated. */
    long fd = descriptor_reserve(task, 0);
    if (fd < 0)
        return fd;
    error = extra ? open_path(task, dirfd, text, flags, mode, extra, &file)
                  : place_open(task, dirfd, text, flags, mode, &file);
    if (error) {
        descriptor_cancel(task, fd);
        return error;
    }
    descriptor_fill(task, fd, file, flags & O_CLOEXEC);
    return fd;
}

long call_openat(struct task *task, const uint64_t args[6])
{
    return install(task, args[0], args[1], (int)args[2], (uint32_t)args[3], 0);
}

long call_openat2(struct task *task, const uint64_t args[6])
{
    struct open_how how = {0};
    const uint64_t known = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS |
                           RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED;
    if (args[3] < sizeof how)
        return -EINVAL;
    int error = task_copyin_growing(task, &how, sizeof how, args[2], args[3]);
    if (error)
        return error;
    int flags = (int)how.flags, creates = flags & O_CREAT || IS_TMPFILE(flags);
    if (how.flags & ~(uint64_t)(OPEN_FLAGS | O_ASYNC) || how.resolve & ~known ||
        (how.resolve & RESOLVE_BENEATH && how.resolve & RESOLVE_IN_ROOT) ||
        how.mode & ~(creates ? 07777ULL : 0ULL) ||
        (flags & O_PATH && flags & ~(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)))
        return -EINVAL;
    uint64_t extra = how.resolve;
    if (!extra)
        return install(task, args[0], args[1], flags, (uint32_t)how.mode, 0);
    if (extra & RESOLVE_CACHED)
        return -EAGAIN; /* "not without sleeping" is always a right answer */
    if (creates)
        how.mode &= ~(uint64_t)atomic_load(&task->process->place->umask);
    return install(task, args[0], args[1], flags & ~O_ASYNC, (uint32_t)how.mode, extra);
}
