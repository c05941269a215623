/* From a guest path to a location, component by component (resolve.h). */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

#include "microvisor/fs/resolve.h"

#define LINKS_MAX 40 /* as in Linux */

int location_enter(struct task *task, struct location *location, size_t length)
{
    const struct place *place = task->process->place;
    location_release(location);
    location->fd = -1;
    location->owned = 0;
    location->deep = 0;
    location->path[length] = 0;
    location->name[0] = 0;
    const struct mount *mount = mount_find(place, location->path, length);
    location->mount = mount;
    location->read_only = !mount || mount->read_only;
    if (!mount)
        return ancestor_find(place, location->path, length, &location->node);
    const char *rest = location->path + mount->path_length;
    if (mount->kind == MOUNT_DIRECTORY) {
        location->fd = mount_directory(mount);
        if (location->fd < 0 || !*rest)
            return location->fd < 0 ? location->fd : 0;
        long fd = open_beneath(location->fd, rest + 1, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0,
                               RESOLVE_NO_SYMLINKS);
        location->fd = fd < 0 ? -1 : (int)fd;
        location->owned = fd >= 0;
        if (fd != -ENOENT)
            return fd < 0 ? (int)fd : 0;
        /* Not on the host, but something may be mounted below. */
        location->mount = NULL;
        location->read_only = 1;
        return ancestor_find(place, location->path, length, &location->node);
    }
    if (mount->kind == MOUNT_FILE)
        return -ENOTDIR;
    location->node = mount->root;
    while (*rest) {
        char name[NAME_MAX + 1];
        size_t size = strcspn(++rest, "/");
        if (size > NAME_MAX)
            return -ENAMETOOLONG;
        memcpy(name, rest, size);
        name[size] = 0;
        struct node directory = location->node;
        int error = directory.operations->lookup(task, &directory, name, &location->node);
        if (error)
            return ancestor_find(place, location->path, length, &location->node);
        rest += size;
    }
    return 0;
}

static int is_removed(int fd)
{
    struct stat status;
    return !host_call2(SYS_fstat, fd, &status) && !status.st_nlink;
}

int location_enter_file(struct task *task, struct location *location, struct file *file,
                        int want_path)
{
    location->mount = file->mount;
    location->fd = file->host_fd;
    location->node = file->node;
    location->read_only = !file->mount || file->mount->read_only;
    if (file->kind != FILE_DIRECTORY)
        return -ENOTDIR;
    if (file->host_fd < 0) {
        strcpy(location->path, file->path);
        return 0;
    }
    if (!file->mount)
        return -EACCES; /* a host directory without a place in the name space: names in it mean
                           nothing */
    if (!want_path)
        return 0;
    long length = place_guest_path(task->process->place, file->mount, file->host_fd, location->path,
                                   sizeof location->path);
    location->deep = path_is_too_long(length) || (length == -ENOENT && is_removed(file->host_fd));
    if (length == 1 || location->deep)
        location->path[0] = 0;
    return length < 0 && !location->deep ? (int)length : 0;
}

/* The walk. location is the directory reached so far, with its guest path in location->path. */
struct walk {
    struct task *task;
    struct location *location;
    struct file *root; /* that chroot gave, or dirfd of a LOOKUP_SCOPED, or NULL */
    unsigned lookup;
    /* With LOOKUP_NO_CROSSING: where all of it is to stay; and whether an absolute link may lead
     * there, for which Linux must have needed the root before. */
    const struct mount *start;
    int root_needed;
    int links;
    char rest[2 * PATH_MAX];
};

void location_replace(struct location *location, int fd)
{
    location_release(location);
    location->fd = fd;
    location->owned = 1;
}

/* Whether the host has something mounted on the directory, which ".." would leave. */
static int is_host_mount(int fd)
{
    struct open_how how = {O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_NO_XDEV};
    long above = host_call4(SYS_openat2, fd, "..", &how, sizeof how);
    if (above >= 0)
        host_call1(SYS_close, above);
    return above == -EXDEV;
}

/* Up from a directory of the host's that is not the root of its mount. The host says what is above
 * it: names from the mount on could lead elsewhere by now, and through what the process may not
 * search. */
static int go_up_on_host(struct walk *walk)
{
    struct location *location = walk->location;
    const struct place *place = walk->task->process->place;
    if (walk->lookup & LOOKUP_NO_CROSSING && is_host_mount(location->fd))
        return -EXDEV;
    int fd = place_open_above(walk->task->process->place, location->mount, location->fd,
                              location->path, sizeof location->path);
    if (fd < 0)
        return fd;
    location_replace(location, fd);
    size_t length = strlen(location->path);
    location->deep = !length;
    if (location->deep)
        return 0;
    if (length == 1) /* "/" */
        location->path[--length] = 0;
    const struct mount *mount = mount_find(place, location->path, length);
    int inside = mount && mount == location->mount && mount->path_length != length;
    return inside ? 0 : location_enter(walk->task, location, length);
}

/* Whether the directory reached is walk->root: the same, through the same mount. */
static int is_root(const struct walk *walk)
{
    const struct location *location = walk->location;
    const struct file *root = walk->root;
    struct stat here, there;
    if (!root || (location->fd < 0) != (root->host_fd < 0))
        return 0;
    if (location->fd < 0)
        return !strcmp(location->path, root->path);
    return location->mount == root->mount && !host_call2(SYS_fstat, location->fd, &here) &&
           !host_call2(SYS_fstat, root->host_fd, &there) && here.st_ino == there.st_ino &&
           here.st_dev == there.st_dev;
}

/* Puts location at the walk's root. */
static int enter_root(struct walk *walk)
{
    struct location *location = walk->location;
    if (!walk->root)
        return location_enter(walk->task, location, 0);
    location_release(location);
    location->owned = 0;
    location->deep = 0;
    location->name[0] = 0;
    location->held = walk->root;
    file_get(walk->root);
    return location_enter_file(walk->task, location, walk->root, 1);
}

/* Asks for the right to search the directory that the way up begins in. */
static int go_up(struct walk *walk)
{
    struct location *location = walk->location;
    size_t length = strlen(location->path);
    if (location->fd >= 0) {
        long error = host_call4(SYS_faccessat2, location->fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS);
        if (error)
            return (int)error;
    }
    if (is_root(walk))
        return walk->lookup & LOOKUP_BENEATH ? -EXDEV : 0;
    if (location->fd >= 0 && (location->deep || length != location->mount->path_length))
        return go_up_on_host(walk);
    while (length && location->path[length - 1] != '/')
        length--;
    return location_enter(walk->task, location, length ? length - 1 : 0);
}

/* Puts the text of a link before what is left of the path. slash: something follows, or a directory
 * is wanted. */
static int follow_text(struct walk *walk, char *text, long length, const char *after)
{
    if (length < 0)
        return (int)length;
    if (!length)
        return -ENOENT;
    if (length >= PATH_MAX)
        return -ENAMETOOLONG;
    if (++walk->links > LINKS_MAX)
        return -ELOOP;
    size_t after_length = strlen(after);
    if ((size_t)length + after_length >= sizeof walk->rest)
        return -ENAMETOOLONG;
    memmove(walk->rest + length, after, after_length + 1);
    memcpy(walk->rest, text, (size_t)length);
    if (*text != '/')
        return 0;
    if (walk->lookup & LOOKUP_BENEATH)
        return -EXDEV;
    return walk->lookup & LOOKUP_NO_CROSSING && !walk->root_needed ? -EXDEV : enter_root(walk);
}

enum { STEP_DIRECTORY, STEP_OBJECT, STEP_LINK }; /* what a step led to */

/* A link of a synthetic tree: an object or a text. */
static int step_jump(struct walk *walk, const struct node *link, const char *after, int last)
{
    struct location *location = walk->location;
    struct file *file = NULL;
    char text[PATH_MAX];
    int magic = link->operations->jump ? link->operations->jump(walk->task, link, &file) : 0;
    if (magic < 0)
        return magic;
    if ((magic || file) && walk->lookup & (LOOKUP_NO_MAGIC | LOOKUP_SCOPED)) {
        if (file)
            file_put(file);
        return walk->lookup & LOOKUP_NO_MAGIC ? -ELOOP : -EXDEV;
    }
    if (!file) {
        int error = follow_text(
            walk, text, link->operations->readlink(walk->task, link, text, sizeof text), after);
        return error ? error : STEP_LINK;
    }
    location_release(location);
    location->owned = 0;
    location->held = file;
    int error = location_enter_file(walk->task, location, file, 0);
    if (last && !*after)
        return STEP_OBJECT;
    if (!error)
        error = location_enter_file(walk->task, location, file, 1);
    return error ? error : STEP_DIRECTORY;
}

/* Takes one component. path_length: of location->path, to which the name has been added. after:
 * what follows it in walk->rest. */
static int step(struct walk *walk, const char *name, size_t path_length, const char *after)
{
    struct location *location = walk->location;
    const struct place *place = walk->task->process->place;
    int last = !after[strspn(after, "/")];
    int follow = !last || *after || walk->lookup & LOOKUP_FOLLOW;
    size_t length = strlen(location->path);
    const struct mount *mount = location->deep ? NULL : mount_find(place, location->path, length);
    if (mount && mount->path_length == length) {
        if (mount->kind != MOUNT_FILE) {
            int error = location_enter(walk->task, location, length);
            return error ? error : STEP_DIRECTORY;
        }
        if (!last || *after)
            return -ENOTDIR;
        location_release(location);
        location->owned = 0;
        location->mount = mount;
        location->read_only = mount->read_only;
        location->fd = mount->fd;
        location->busy = 1;
        strcpy(location->name, mount->name);
        return STEP_OBJECT;
    }

    if (location->fd < 0) {
        struct node node;
        struct stat status = {0};
        if (!location->node.operations->lookup)
            return -ENOTDIR;
        int error = location->node.operations->lookup(walk->task, &location->node, name, &node);
        if (error == -ENOENT)
            error = ancestor_find(place, location->path, length, &node);
        if (!error)
            error = node.operations->stat(walk->task, &node, &status);
        if (error)
            return error;
        if (S_ISLNK(status.st_mode) && follow) {
            if (walk->lookup & LOOKUP_NO_LINKS)
                return -ELOOP;
            location->path[path_length] = 0;
            return step_jump(walk, &node, after, last);
        }
        location->node = node;
        if (S_ISDIR(status.st_mode))
            return STEP_DIRECTORY;
        return last && !*after ? STEP_OBJECT : -ENOTDIR;
    }

    struct stat status;
    long fd = open_beneath(location->fd, name, O_PATH | O_NOFOLLOW, 0,
                           walk->lookup & LOOKUP_NO_CROSSING ? RESOLVE_NO_XDEV : 0);
    if (fd == -ENOENT && location->mount->covered && !location->deep &&
        mount_below(place, location->path, length, 0)) {
        int error = location_enter(walk->task, location, length);
        return error ? error : STEP_DIRECTORY;
    }
    if (fd == -ENOENT && last && !*after && walk->lookup & LOOKUP_CREATE) {
        strcpy(location->name, name);
        return STEP_OBJECT;
    }
    if (fd < 0)
        return (int)fd;
    int error = (int)host_call2(SYS_fstat, fd, &status);
    int link = !error && S_ISLNK(status.st_mode) && follow;
    if (link && walk->lookup & LOOKUP_NO_LINKS) {
        error = -ELOOP;
    } else if (link) {
        char text[PATH_MAX];
        long size = host_call4(SYS_readlinkat, fd, "", text, sizeof text);
        close((int)fd);
        location->path[path_length] = 0;
        error = follow_text(walk, text, size, after);
        return error ? error : STEP_LINK;
    }
    int directory = S_ISDIR(status.st_mode);
    if (!error && !directory && (!last || *after))
        error = -ENOTDIR;
    if (error) {
        close((int)fd);
        return error;
    }
    if (last && walk->lookup & LOOKUP_NAME) {
        close((int)fd);
        strcpy(location->name, name);
        return STEP_OBJECT;
    }
    location_replace(location, (int)fd);
    return directory ? STEP_DIRECTORY : STEP_OBJECT;
}

/* Makes room behind location->path for a name; what is too long is deep from here on. */
static int path_room(struct location *location, size_t *path_length, size_t length)
{
    *path_length = strlen(location->path);
    if (*path_length + length + 2 <= sizeof location->path)
        return 0;
    if (location->fd < 0)
        return -ENAMETOOLONG;
    location->deep = 1;
    location->path[0] = 0;
    *path_length = 0;
    return 0;
}

/* The last component of a LOOKUP_PARENT. */
static int finish_parent(struct walk *walk, const char *name, size_t length, int slash)
{
    struct location *location = walk->location;
    size_t path_length;
    int error = path_room(location, &path_length, length);
    if (error)
        return error;
    location->path[path_length] = '/';
    memcpy(location->path + path_length + 1, name, length);
    location->path[path_length + 1 + length] = 0;
    location->busy = !location->deep && mount_below(walk->task->process->place, location->path,
                                                    path_length + 1 + length, 1);
    location->path[path_length] = 0;
    memcpy(location->name, name, length);
    strcpy(location->name + length, slash ? "/" : "");
    return 0;
}

static int walk_on(struct walk *walk)
{
    struct location *location = walk->location;
    char name[NAME_MAX + 1];
    for (;;) {
        const char *at = walk->rest + strspn(walk->rest, "/");
        size_t length = strcspn(at, "/");
        const char *after = at + length;
        int last = !after[strspn(after, "/")];
        if (!length) {
            location->busy =
                1; /* "/" or a path that ends in "..": EBUSY for whoever wants to remove it */
            return 0;
        }
        if (length > NAME_MAX)
            return -ENAMETOOLONG;
        memcpy(name, at, length);
        name[length] = 0;
        if (last && walk->lookup & LOOKUP_PARENT)
            return finish_parent(walk, name, length, *after != 0);
        int result = STEP_DIRECTORY;
        if (!strcmp(name, "..")) {
            walk->root_needed = 1;
            result = go_up(walk);
        } else if (strcmp(name, ".")) {
            size_t path_length;
            int error = path_room(location, &path_length, length);
            if (error)
                return error;
            location->path[path_length] = '/';
            memcpy(location->path + path_length + 1, name, length + 1);
            result = step(walk, name, path_length, after);
        }
        if (result >= 0 && walk->lookup & LOOKUP_NO_CROSSING && location->mount != walk->start)
            return -EXDEV;
        if (result < 0 || result == STEP_OBJECT)
            return result < 0 ? result : 0;
        if (result == STEP_DIRECTORY)
            memmove(walk->rest, after, strlen(after) + 1);
    }
}

int resolve_walk(struct task *task, uint64_t dirfd, const struct normal *normal, unsigned lookup,
                 struct location *location)
{
    struct walk walk = {.task = task, .location = location, .lookup = lookup};
    const char *rest = normal->text;
    int error;
    location_release(location);
    location_clear(location);
    walk.root_needed = normal->absolute || lookup & LOOKUP_SCOPED;
    walk.root = place_root(task->process->place);
    if (normal->absolute && walk.root) {
        error = enter_root(&walk);
    } else if (normal->absolute) {
        /* As far as names alone lead to a mount, they do. */
        const struct mount *mount = mount_find(task->process->place, normal->text, normal->plain);
        size_t length = mount && mount->kind != MOUNT_FILE && !(lookup & LOOKUP_NO_CROSSING)
                            ? mount->path_length
                            : 0;
        memcpy(location->path, normal->text, length);
        rest += length;
        error = location_enter(task, location, length);
    } else {
        struct file *file = start_get(task, dirfd);
        if (file) {
            file_get(file);
            start_put(task, file);
            location->held = file;
        }
        if (file && lookup & LOOKUP_SCOPED) {
            file_get(file);
            if (walk.root)
                file_put(walk.root);
            walk.root = file;
        }
        error = file ? location_enter_file(task, location, file, 1) : -EBADF;
    }
    if (!error) {
        strcpy(walk.rest, rest);
        walk.start = location->mount;
        error = walk_on(&walk);
    }
    if (walk.root)
        file_put(walk.root);
    if (error)
        location_release(location);
    return error;
}
