/* Mounts, the synthetic directories above them, the working directory, and names for host objects.
 */
#include "microvisor/fs/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "microvisor/fs/pool.h"
#include "microvisor/fs/resolve.h"
#include "microvisor/proc/rights.h"

#define ANCESTOR_DEVICE 0x10

/* Whether path lies below prefix, or is it. */
static int path_within(const char *path, size_t length, const char *prefix, size_t prefix_length)
{
    return length >= prefix_length && !memcmp(path, prefix, prefix_length) &&
           (length == prefix_length || path[prefix_length] == '/');
}

const struct mount *mount_find(const struct place *place, const char *path, size_t length)
{
    for (uint32_t i = 0; i < place->mount_count; i++)
        if (path_within(path, length, place->mounts[i]->path, place->mounts[i]->path_length))
            return place->mounts[i];
    return NULL;
}

int mount_below(const struct place *place, const char *path, size_t length, int equal)
{
    for (uint32_t i = 0; i < place->mount_count; i++) {
        const struct mount *mount = place->mounts[i];
        if (path_within(mount->path, mount->path_length, path, length) &&
            (equal || mount->path_length > length))
            return 1;
    }
    return 0;
}

/* Synthetic directories above mounts. node.data: index of a mount below, and the length of its
 * path's part that is the directory's. */

static const struct tree_operations ancestor_operations;

int ancestor_find(const struct place *place, const char *path, size_t length, struct node *node)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)path[i]) * 0x100000001b3;
    for (uint32_t i = 0; i < place->mount_count; i++) {
        if (place->mounts[i]->path_length <= length ||
            !path_within(place->mounts[i]->path, place->mounts[i]->path_length, path, length))
            continue;
        *node = (struct node){&ancestor_operations, hash >> 32 | 1, (uint64_t)i << 32 | length};
        return 0;
    }
    *node = (struct node){&ancestor_operations, hash >> 32 | 1, 0};
    return length ? -ENOENT : 0;
}

/* A child of the directory `node`: mount number i, when it is the first one there with its name.
 * Returns the name's length or 0. */
static size_t ancestor_child(const struct place *place, const struct node *node, uint32_t i)
{
    uint32_t owner = (uint32_t)(node->data >> 32), length = (uint32_t)node->data;
    const struct mount *mount = place->mounts[i];
    if (mount->path_length <= length ||
        !path_within(mount->path, mount->path_length, place->mounts[owner]->path, length))
        return 0;
    size_t name = strcspn(mount->path + length + 1, "/");
    for (uint32_t k = 0; k < i; k++)
        if (path_within(place->mounts[k]->path, place->mounts[k]->path_length, mount->path,
                        length + 1 + name))
            return 0;
    return name;
}

static int ancestor_lookup(struct task *task, const struct node *directory, const char *name,
                           struct node *found)
{
    const struct place *place = task->process->place;
    char path[PATH_MAX];
    size_t length = (uint32_t)directory->data, name_length = strlen(name);
    if (!place->mount_count || length + name_length + 1 >= sizeof path)
        return -ENOENT;
    memcpy(path, place->mounts[directory->data >> 32]->path, length);
    path[length] = '/';
    memcpy(path + length + 1, name, name_length);
    return ancestor_find(place, path, length + 1 + name_length, found);
}

static int ancestor_stat(struct task *task, const struct node *node, struct stat *status)
{
    status->st_mode = S_IFDIR | 0555;
    status->st_nlink = 2;
    status->st_dev = ANCESTOR_DEVICE;
    return 0;
}

static int ancestor_entry(struct task *task, const struct node *directory, uint64_t index,
                          struct entry *entry)
{
    const struct place *place = task->process->place;
    uint32_t length = (uint32_t)directory->data;
    for (uint32_t i = 0; i < place->mount_count; i++) {
        const struct mount *mount = place->mounts[i];
        size_t name = ancestor_child(place, directory, i);
        if (!name || index--)
            continue;
        int file = mount->path_length == length + 1 + name && mount->kind == MOUNT_FILE;
        entry->inode = i + 2;
        entry->type = file ? DT_REG : DT_DIR;
        memcpy(entry->name, mount->path + length + 1, name);
        entry->name[name] = 0;
        return 0;
    }
    return -ENOENT;
}

static const struct tree_operations ancestor_operations = {
    .lookup = ancestor_lookup,
    .stat = ancestor_stat,
    .entry = ancestor_entry,
};

/* Making places and mounts. */

static long host_path(int fd, char path[PATH_MAX]);

/* The host path of what is mounted, on the heap; NULL when there is no memory. */
static char *mount_host_path(const struct mount *mount)
{
    char path[PATH_MAX + NAME_MAX + 2] = "";
    long length = mount->fd < 0 ? 0 : host_path(mount->fd, path);
    if (length < 0)
        *path = 0;
    if (mount->kind == MOUNT_FILE)
        snprintf(path + strlen(path), NAME_MAX + 2, "%s%s", length == 1 ? "" : "/", mount->name);
    return strdup(path);
}

static struct file *directory_new(struct place *place, const char *path)
{
    struct node node;
    ancestor_find(place, path, strlen(path), &node);
    return file_from_node(&node, path, O_RDONLY | O_DIRECTORY);
}

static struct pool places = POOL_OF(struct place);

struct place *place_new(void)
{
    struct place *place = pool_take(&places);
    if (!place)
        return NULL;
    atomic_store(&place->umask, 022);
    place->root = NULL;
    atomic_store(&place->rooted, 0);
    place->directory = directory_new(place, "");
    if (place->directory)
        return place;
    pool_give(&places, place);
    return NULL;
}

struct place *place_copy(struct place *from)
{
    struct place *place = pool_take(&places);
    if (!place)
        return NULL;
    memcpy(place->mounts, from->mounts, sizeof place->mounts);
    place->mount_count = from->mount_count;
    atomic_init(&place->umask, atomic_load(&from->umask));
    place->lock = (struct lock){0};
    lock_acquire(&from->lock);
    place->directory = from->directory;
    file_get(place->directory);
    place->root = from->root;
    if (place->root)
        file_get(place->root);
    atomic_init(&place->rooted, place->root != NULL);
    lock_release(&from->lock);
    return place;
}

void place_free(struct place *place)
{
    file_put(place->directory);
    if (place->root)
        file_put(place->root);
    pool_give(&places, place);
}

/* Notes in `over` that `below` is mounted below it, if it is. */
static void mount_cover(struct mount *over, const struct mount *below)
{
    if (over == below || over->covered == COVERED_AIR ||
        !path_within(below->path, below->path_length, over->path, over->path_length))
        return;
    over->covered = COVERED;
    const char *end = strrchr(below->path, '/');
    if (over->kind != MOUNT_DIRECTORY || end == below->path + over->path_length)
        return;
    char path[PATH_MAX];
    size_t length = (size_t)(end - below->path) - over->path_length - 1;
    if (over->fd < 0) { /* made later, empty */
        over->covered = COVERED_AIR;
        return;
    }
    memcpy(path, below->path + over->path_length + 1, length);
    path[length] = 0;
    long fd = open_beneath(over->fd, path, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
    if (fd < 0)
        over->covered = COVERED_AIR;
    else
        close((int)fd);
}

/* Enters a mount, which is copied, and takes over its fd also on failure. */
static int mount_add(struct place *place, const char *guest_path, struct mount new)
{
    struct normal normal;
    int error = path_normalize(guest_path, &normal);
    struct mount *mount = malloc(sizeof *mount);
    if (!error && (!normal.absolute || normal.dotdot))
        error = -EINVAL;
    normal.text[normal.length] = 0;
    const struct mount *over = error ? NULL : mount_find(place, normal.text, normal.length);
    if (!error && over && over->path_length == normal.length)
        error = -EEXIST;
    if (!error && place->mount_count == MOUNTS_MAX)
        error = -ENOSPC;
    char *path = error ? NULL : strdup(normal.text);
    new.host_path = mount_host_path(&new);
    if (error || !mount || !path || !new.host_path) {
        if (new.fd >= 0)
            close(new.fd);
        free(new.name);
        free(new.host_path);
        free(path);
        free(mount);
        return error ? error : -ENOMEM;
    }
    *mount = new;
    mount->path = path;
    mount->path_length = normal.length;
    uint32_t at = place->mount_count;
    for (; at && place->mounts[at - 1]->path_length < mount->path_length; at--)
        place->mounts[at] = place->mounts[at - 1];
    place->mounts[at] = mount;
    place->mount_count++;
    mount->device = 0x100 + place->mount_count;
    for (uint32_t i = 0; i < place->mount_count; i++) {
        mount_cover((struct mount *)place->mounts[i], mount);
        mount_cover(mount, place->mounts[i]);
    }
    return 0;
}

/* Whether the guest path already leads to this host object with the same rights, so that a mount of
 * its own would only be in the way. */
static int is_granted(struct place *place, const char *guest_path, int fd, int read_only)
{
    struct normal normal;
    struct stat wanted, found;
    if (path_normalize(guest_path, &normal) || !normal.absolute || normal.dotdot)
        return 0;
    const struct mount *over = mount_find(place, normal.text, normal.length);
    if (!over || over->kind != MOUNT_DIRECTORY || over->path_length == normal.length ||
        over->read_only != read_only || over->fd < 0)
        return 0;
    normal.text[normal.length] = 0;
    long below = open_beneath(over->fd, normal.text + over->path_length + 1, O_PATH | O_NOFOLLOW, 0,
                              RESOLVE_NO_SYMLINKS);
    if (below < 0)
        return 0;
    int same = !fstat((int)below, &found) && !fstat(fd, &wanted) && found.st_ino == wanted.st_ino &&
               found.st_dev == wanted.st_dev;
    close((int)below);
    return same;
}

/* writable_too: that the file is granted already for writing will do, where only reading is asked
 * for. */
static int grant_file(struct place *place, const char *host_path, const char *guest_path,
                      int read_only, int writable_too)
{
    char path[PATH_MAX];
    struct stat status;
    if (!realpath(host_path, path))
        return -errno;
    int fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    int granted = is_granted(place, guest_path, fd, read_only) ||
                  (writable_too && is_granted(place, guest_path, fd, 0));
    int error = fstat(fd, &status) || !S_ISREG(status.st_mode) ? -EINVAL : 0;
    close(fd);
    if (granted || error)
        return error;
    char *slash = strrchr(path, '/');
    char *name = strdup(slash + 1);
    slash[slash == path] = 0;
    fd = name ? open(path, O_PATH | O_CLOEXEC | O_DIRECTORY) : -1;
    if (fd < 0) {
        free(name);
        return name ? -errno : -ENOMEM;
    }
    return mount_add(
        place, guest_path,
        (struct mount){.kind = MOUNT_FILE, .read_only = read_only, .fd = fd, .name = name});
}

int place_grant(struct place *place, const char *host_path, const char *guest_path, int read_only)
{
    struct stat status;
    int fd = open(host_path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) || !S_ISDIR(status.st_mode)) {
        close(fd);
        return grant_file(place, host_path, guest_path, read_only, 0);
    }
    if (is_granted(place, guest_path, fd, read_only)) {
        close(fd);
        return 0;
    }
    return mount_add(place, guest_path,
                     (struct mount){.kind = MOUNT_DIRECTORY, .read_only = read_only, .fd = fd});
}

int place_grant_file(struct place *place, const char *host_path, const char *guest_path,
                     int read_only)
{
    return grant_file(place, host_path, guest_path, read_only, 1);
}

int place_mount_tree(struct place *place, const char *guest_path, const struct node *root)
{
    return mount_add(place, guest_path,
                     (struct mount){.kind = MOUNT_TREE, .read_only = 1, .fd = -1, .root = *root});
}

int place_mount_later(struct place *place, const char *guest_path,
                      int (*make)(char path[PATH_MAX]))
{
    return mount_add(place, guest_path,
                     (struct mount){.kind = MOUNT_DIRECTORY, .fd = -1, .make = make});
}

static int mount_make(struct mount *mount)
{
    static struct lock making; /* taken last */
    char path[PATH_MAX];
    LOCKED(&making);
    int fd = atomic_load(&mount->fd);
    if (fd < 0) {
        int from = rights_own();
        fd = mount->make(path);
        char *copy = fd ? NULL : strdup(path);
        if (copy) {
            fd = open(path, O_PATH | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
            fd = fd < 0 ? -errno : fd;
        } else if (!fd) {
            fd = -ENOMEM;
        }
        rights_back(from);
        if (fd >= 0) {
            free(mount->host_path);
            mount->host_path = copy;
            atomic_store(&mount->fd, fd); /* after what others read once they see it */
        } else {
            free(copy);
        }
    }
    return fd;
}

int mount_directory(const struct mount *mount)
{
    int fd = atomic_load(&mount->fd);
    return fd >= 0 ? fd : mount_make((struct mount *)mount);
}

/* Names of host objects. */

void path_of_host_fd(char *text, int fd)
{
    snprintf(text, 40, "/proc/self/fd/%d", fd);
}

/* The host's path of fd. Returns its length; -ENOENT when it is deleted or has none, -ENAMETOOLONG
 * when it is longer than the host tells. */
static long host_path(int fd, char path[PATH_MAX])
{
    static const char deleted[] = " (deleted)";
    const size_t mark = sizeof deleted - 1;
    char link[40];
    struct stat status;
    path_of_host_fd(link, fd);
    long length = readlink(link, path, PATH_MAX);
    if (length == PATH_MAX || (length < 0 && errno == ENAMETOOLONG))
        return -ENAMETOOLONG;
    if (length <= 0 || *path != '/')
        return -ENOENT;
    path[length] = 0;
    if ((size_t)length > mark && !strcmp(path + length - mark, deleted) &&
        (fstat(fd, &status) || !status.st_nlink))
        return -ENOENT; /* not a name that ends so */
    return length;
}

/* The guest path through this mount, whose own host path is root, of the host object at `path`. */
static long path_below(const struct mount *mount, const char *root, const char *path, long length,
                       char *guest, size_t size)
{
    size_t root_length = strcmp(root, "/") ? strlen(root) : 0;
    if (length == 1 && !root_length)
        length = 0;
    if (!path_within(path, (size_t)length, root, root_length) ||
        (mount->kind == MOUNT_FILE && (size_t)length != root_length))
        return -ENOENT;
    int total = snprintf(guest, size, "%s%s", mount->path, length ? path + root_length : "");
    return (size_t)total < size ? total : -ERANGE;
}

static long path_through(const struct mount *mount, const char *path, long length, char *guest,
                         size_t size)
{
    char root[PATH_MAX + NAME_MAX + 2];
    if (mount->kind == MOUNT_TREE || mount->fd < 0)
        return -ENOENT;
    long result = path_below(mount, mount->host_path, path, length, guest, size);
    if (result != -ENOENT)
        return result;
    /* The granted directory may have been moved since. */
    long root_length = host_path(mount->fd, root);
    if (root_length < 0)
        return -ENOENT;
    if (mount->kind == MOUNT_FILE)
        snprintf(root + root_length, NAME_MAX + 2, "/%s", mount->name);
    if (!strcmp(root, mount->host_path))
        return -ENOENT;
    return path_below(mount, root, path, length, guest, size);
}

long place_guest_path(struct place *place, const struct mount *prefer, int host_fd, char *path,
                      size_t size)
{
    char host[PATH_MAX];
    long length = host_path(host_fd, host);
    if (length < 0)
        return length;
    for (uint32_t i = 0; i <= place->mount_count; i++) {
        const struct mount *mount = i ? place->mounts[i - 1] : prefer;
        long result = mount ? path_through(mount, host, length, path, size) : -ENOENT;
        if (result == -ENOENT || (result >= 0 && mount_find(place, path, (size_t)result) != mount))
            continue;
        if (!result && size > 1) {
            memcpy(path, "/", 2);
            result = 1;
        }
        return result;
    }
    return -ENOENT;
}

/* Directories deeper than a path can say. */

int path_is_too_long(long length)
{
    return length == -ENAMETOOLONG || length == -ERANGE;
}

/* Whether such a directory lies below a mount: one of those above it, whose path can be told, does.
 * Goes up by as many levels at once as do not lead out of the mount. */
static int lies_below_mount(struct place *place, const struct mount *prefer, int fd)
{
    enum { LEVELS = 512 };
    char up[3 * LEVELS + 1] = "", path[PATH_MAX];
    int at = fd, found = 0;
    for (int i = 0; i < LEVELS; i++)
        memcpy(up + (size_t)i * 3, "../", 4);
    for (int levels = LEVELS; !found && levels;) {
        int above =
            openat(at, up + (size_t)(LEVELS - levels) * 3, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (above < 0)
            break;
        long length = place_guest_path(place, prefer, above, path, sizeof path);
        found = length >= 0 || length == -ERANGE;
        if (length == -ENAMETOOLONG) {
            if (at != fd)
                close(at);
            at = above;
            continue;
        }
        close(above);
        levels /= 2;
    }
    if (at != fd)
        close(at);
    return found;
}

int place_open_above(struct place *place, const struct mount *prefer, int host_fd, char *path,
                     size_t size)
{
    int above = openat(host_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (above < 0)
        return -errno;
    long length = place_guest_path(place, prefer, above, path, size);
    if (path_is_too_long(length)) {
        *path = 0;
        length = lies_below_mount(place, prefer, above) ? 0 : -ENOENT;
    }
    if (length >= 0)
        return above;
    close(above);
    return (int)length;
}

/* The working directory. */

struct file *start_get(struct task *task, uint64_t dirfd)
{
    struct place *place = task->process->place;
    if ((int)dirfd != AT_FDCWD)
        return descriptor_get(task, dirfd);
    /* Nobody else can change it while the process has one task (descriptors.h). */
    if (!atomic_load_explicit(&task->process->descriptors->shared, memory_order_relaxed))
        return place->directory;
    lock_acquire(&place->lock);
    struct file *file = place->directory;
    file_get(file);
    lock_release(&place->lock);
    return file;
}

void start_put(struct task *task, struct file *file)
{
    descriptor_put(task, file);
}

long place_directory_path(struct task *task, char *path, size_t size)
{
    struct file *file = start_get(task, (uint64_t)AT_FDCWD);
    long result;
    if (file->host_fd >= 0) {
        result = place_guest_path(task->process->place, file->mount, file->host_fd, path, size);
    } else {
        result = snprintf(path, size, "%s", *file->path ? file->path : "/");
        if ((size_t)result >= size)
            result = -ERANGE;
    }
    start_put(task, file);
    return result;
}

/* The root. */

struct file *place_root(struct place *place)
{
    if (!atomic_load_explicit(&place->rooted, memory_order_acquire))
        return NULL;
    lock_acquire(&place->lock);
    struct file *root = place->root;
    if (root)
        file_get(root);
    lock_release(&place->lock);
    return root;
}

void place_set_root(struct place *place, struct file *file)
{
    lock_acquire(&place->lock);
    struct file *old = place->root;
    place->root = file;
    atomic_store_explicit(&place->rooted, 1, memory_order_release);
    lock_release(&place->lock);
    if (old)
        file_put(old);
}

long place_seen(struct place *place, char *path)
{
    char root[PATH_MAX];
    size_t length = strlen(path);
    struct file *file = place_root(place);
    if (!file)
        return (long)length;
    long root_length = (long)strlen(file->path ? file->path : "");
    if (file->host_fd >= 0)
        root_length = place_guest_path(place, file->mount, file->host_fd, root, sizeof root);
    else
        memcpy(root, file->path, (size_t)root_length + 1);
    file_put(file);
    if (root_length == 1)
        root_length = 0; /* "/" */
    if (root_length < 0 || !path_within(path, length, root, (size_t)root_length))
        return -ENOENT;
    memmove(path, path + root_length, length - (size_t)root_length + 1);
    if (!*path)
        strcpy(path, "/");
    return (long)strlen(path);
}

/* Makes an open directory the working directory; takes over the reference. */
void place_set_directory(struct task *task, struct file *file)
{
    struct place *place = task->process->place;
    lock_acquire(&place->lock);
    struct file *old = place->directory;
    place->directory = file;
    lock_release(&place->lock);
    file_put(old);
}

int place_start_directory(struct task *task, const char *path)
{
    LOCATION(location);
    struct file *file;
    int error = place_lookup_path(task, (uint64_t)AT_FDCWD, path, LOOKUP_FOLLOW, &location);
    if (!error)
        error = location_directory(task, &location, &file);
    if (!error)
        place_set_directory(task, file);
    return error;
}
