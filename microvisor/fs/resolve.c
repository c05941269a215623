/* From a guest path to a location (place.h), as far as the host's kernel can do it; walk.c does the
 * rest. */
#include "microvisor/fs/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

long open_beneath(int fd, const char *path, uint64_t flags, uint32_t mode, uint64_t resolve)
{
    if (!(flags & O_PATH))
        flags |= O_NOCTTY;
    struct open_how how = {flags | O_CLOEXEC, mode,
                           RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve};
    long result = -EAGAIN;
    /* EAGAIN: something was renamed anywhere in the system while ".." was being resolved. */
    for (int attempt = 0; result == -EAGAIN && attempt < 64; attempt++)
        result = host_call4(SYS_openat2, fd, path, &how, sizeof how);
    return result;
}

int resolve_start(struct task *task, uint64_t dirfd, const struct normal *normal,
                  struct location *location, const char **rest, int *whole, uint64_t *resolve)
{
    struct place *place = task->process->place;
    location_clear(location);
    *whole = 0;
    *resolve = 0;
    /* From a root that chroot gave an absolute path goes on as a relative one does. */
    struct file *root = normal->absolute ? place_root(place) : NULL;
    if (normal->absolute && !root) {
        const struct mount *mount = mount_find(place, normal->text, normal->plain);
        location->mount = mount;
        if (!mount || mount->kind != MOUNT_DIRECTORY)
            return 0;
        location->fd = mount_directory(mount);
        if (location->fd < 0)
            return location->fd;
        location->read_only = mount->read_only;
        memcpy(location->path, mount->path, mount->path_length + 1);
        *rest = normal->text + mount->path_length;
        *rest += **rest == '/';
        *whole = !(mount->covered && normal->dotdot);
        *resolve = mount->covered ? RESOLVE_NO_SYMLINKS : 0;
        return 0;
    }
    struct file *file = root ? root : start_get(task, dirfd);
    if (!file)
        return -EBADF;
    const char *text = normal->text + (*normal->text == '/');
    size_t text_length = normal->length - (size_t)(text - normal->text);
    int covered = file->mount && file->mount->covered;
    int error = location_enter_file(task, location, file, covered);
    if (!error && location->fd >= 0) {
        *rest = text;
        *whole = 1;
        if (covered && !location->deep) {
            /* The kernel may do it if no mount is on the way, which is sure without links. */
            struct normal full;
            size_t length = strlen(location->path);
            *resolve = RESOLVE_NO_SYMLINKS;
            *whole = !normal->dotdot && length + text_length + 2 < sizeof full.text;
            if (*whole) {
                memcpy(full.text, location->path, length);
                full.text[length] = '/';
                memcpy(full.text + length + 1, text, text_length);
                *whole = mount_find(place, full.text, length + 1 + text_length) == location->mount;
            }
        }
        if (!root && atomic_load_explicit(&place->rooted, memory_order_relaxed)) {
            /* The start may be outside of the root, and the path lead through it: up from there,
             * it does not go on, which the kernel does not know. */
            *resolve = RESOLVE_NO_SYMLINKS;
            *whole = *whole && !normal->dotdot;
        }
        if (root ||
            atomic_load_explicit(&task->process->descriptors->shared, memory_order_relaxed)) {
            /* Another thread may close it: hold it for the location's time. */
            location->held = file;
            return 0;
        }
    }
    if (root)
        file_put(root);
    else
        start_put(task, file);
    return error;
}

int resolve_again(struct task *task, const struct location *location, const struct normal *normal,
                  uint64_t resolve, long error)
{
    if (error == -EXDEV || error == -EAGAIN)
        return 1;
    if (!(resolve & RESOLVE_NO_SYMLINKS))
        return 0;
    /* A link that was not to be followed yet, or a directory above a mount that is not there on the
     * host. */
    return error == -ELOOP || (error == -ENOENT && location->mount->covered == COVERED_AIR);
}

int place_open_root(struct task *task, struct file **file)
{
    LOCATION(location);
    int error = location_enter(task, &location, 0);
    return error ? error : location_directory(task, &location, file);
}

/* LOOKUP_EMPTY with an empty path: dirfd itself. */
static int lookup_start(struct task *task, uint64_t dirfd, struct location *location)
{
    struct file *file = start_get(task, dirfd);
    location_clear(location);
    if (!file)
        return -EBADF;
    file_get(file);
    start_put(task, file);
    location->held = file;
    location->mount = file->mount;
    location->fd = file->host_fd;
    location->node = file->node;
    location->read_only = !file->mount || file->mount->read_only;
    location->busy = 1;
    if (file->path)
        strcpy(location->path, file->path);
    return 0;
}

/* Splits the last component off *rest for LOOKUP_PARENT: into location->name, with a trailing
 * slash. parent gets what is before. */
static int split(struct location *location, const struct normal *normal, const char *rest,
                 char parent[PATH_MAX])
{
    size_t length = strlen(rest) - (normal->slash && *rest), start = length;
    while (start && rest[start - 1] != '/')
        start--;
    if (length - start > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(location->name, rest + start, length - start);
    strcpy(location->name + (length - start), normal->slash && length != start ? "/" : "");
    memcpy(parent, rest, start);
    parent[start] = 0;
    return 0;
}

/* Whether rest, from location->path on, is a mount point or lies above one. */
static int is_busy(struct task *task, const struct location *location, const char *rest)
{
    char path[2 * PATH_MAX];
    size_t start = strlen(location->path), length = strlen(rest);
    memcpy(path, location->path, start);
    path[start] = '/';
    memcpy(path + start + 1, rest, length);
    length += start + 1;
    return mount_below(task->process->place, path, length - (path[length - 1] == '/'), 1);
}

/* Whether rest is one name in location that needs no resolution: with follow, it must be no link.
 * -ENOENT when it would have to be there and is not. */
static int is_plain_name(const struct location *location, const struct normal *normal,
                         const char *rest, int follow)
{
    struct stat status;
    if (!*rest || normal->slash || normal->dotdot || normal->length > NAME_MAX || strchr(rest, '/'))
        return 0;
    if (!follow)
        return 1;
    long error = host_call4(SYS_newfstatat, location->fd, rest, &status, AT_SYMLINK_NOFOLLOW);
    return error == -ENOENT ? -ENOENT : !error && !S_ISLNK(status.st_mode);
}

int place_lookup_path(struct task *task, uint64_t dirfd, const char *path, unsigned lookup,
                      struct location *location)
{
    struct normal normal;
    const char *rest;
    int whole;
    uint64_t resolve;
    char parent[PATH_MAX];
    if (!*path && lookup & LOOKUP_EMPTY)
        return lookup_start(task, dirfd, location);
    location_clear(location);
    if (!*path)
        return -ENOENT;
    int error = path_normalize(path, &normal);
    if (!error && lookup & LOOKUP_PARENT && normal.last_dot) {
        error = place_lookup_path(task, dirfd, path, LOOKUP_FOLLOW, location);
        strcpy(location->name, ".");
        return error;
    }
    if (!error)
        error = resolve_start(task, dirfd, &normal, location, &rest, &whole, &resolve);
    if (error)
        return error;
    if (!whole || lookup & LOOKUP_NAME)
        return resolve_walk(task, dirfd, &normal, lookup, location);

    uint64_t flags = O_PATH | O_DIRECTORY;
    if (lookup & LOOKUP_PARENT) {
        error = split(location, &normal, rest, parent);
        if (!strncmp(location->name, "..", 2) && !location->name[2 + (location->name[2] == '/')])
            return resolve_walk(task, dirfd, &normal, lookup, location);
        location->busy = !*rest || (location->mount->covered && !location->deep &&
                                    is_busy(task, location, rest));
        rest = parent;
    } else {
        flags = O_PATH | (lookup & LOOKUP_FOLLOW ? 0 : O_NOFOLLOW);
        int plain = is_plain_name(location, &normal, rest, lookup & LOOKUP_FOLLOW);
        if (plain > 0) {
            strcpy(location->name, rest);
            return 0;
        }
        if (plain < 0 && !resolve_again(task, location, &normal, resolve, plain))
            error = plain;
    }
    if (error || !*rest) {
        if (error)
            location_release(location);
        return error;
    }
    long fd = open_beneath(location->fd, rest, flags, 0, resolve);
    if (fd < 0) {
        if (resolve_again(task, location, &normal, resolve, fd))
            return resolve_walk(task, dirfd, &normal, lookup, location);
        location_release(location);
        return (int)fd;
    }
    location_replace(location, (int)fd);
    return 0;
}

int place_lookup(struct task *task, uint64_t dirfd, uint64_t path, unsigned lookup,
                 struct location *location)
{
    char text[PATH_MAX];
    int error = path_copyin(task, path, lookup, text);
    return error ? error : place_lookup_path(task, dirfd, text, lookup, location);
}

void location_release(struct location *location)
{
    if (location->owned)
        host_call1(SYS_close, location->fd);
    location->owned = 0;
    if (location->held)
        file_put(location->held);
    location->held = NULL;
}
