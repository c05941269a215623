/* The place of a process in the file system: its name space, root, working directory and umask.
 *
 * The guest's name space is a table of mounts at guest paths. A mount is a granted host directory
 * (an O_PATH host fd), a single granted host file, or a synthetic tree (/dev, /proc: struct
 * tree_operations). Directories above mount points that no host mount provides ("/", "/home") are
 * synthetic and list only what leads to mounts. Nothing else of the host has a name.
 *
 * Resolution (attack rows K6, K9): names below a host mount are resolved by the host's kernel with
 * openat2 and RESOLVE_BENEATH, never by plain multi-component paths. Where that answers EXDEV (an
 * absolute symbolic link, ".." above the mount), or the path may cross a mount point, place.c walks
 * component by component. A resolved path is a struct location: a host directory fd and one name in
 * it that the caller hands to an *at call that does not follow links; or a host fd of the object
 * itself; or a synthetic node.
 *
 * A process that called chroot(2) begins absolute paths, and absolute links, at its root, which is
 * where ".." ends, too. All guest paths in here are those of the name space nevertheless; what the
 * process gets to see of them goes through place_seen. A root only takes names away: each lookup
 * stays below a mount as always.
 *
 * Mounts are added before the program starts and stay for ever. The place's lock guards the working
 * directory and the root. */
#ifndef LIND_FS_PLACE_H
#define LIND_FS_PLACE_H

#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>

#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/file.h"

/* A synthetic tree. Not HOT. Each returns 0 (or a length) or -errno. */
/* What chmod and chown change of a node; NODE_UNCHANGED is left as it is. */
#define NODE_UNCHANGED UINT32_MAX
struct node_change {
    uint32_t uid, gid, mode;
};

struct tree_operations {
    /* Looks a name (never "", "." or "..") up in a directory node. -ENOENT when it is not there. */
    int (*lookup)(struct task *task, const struct node *directory, const char *name,
                  struct node *found);
    /* What stat says. Fill st_mode, and what else is known; st_ino and st_dev are set by the caller
     * when 0. */
    int (*stat)(struct task *task, const struct node *node, struct stat *status);
    /* Opens what is neither a directory nor a link. flags are open's, checked for validity. Takes
     * care of access modes itself. The caller installs *file. NULL: -ENXIO. */
    int (*open)(struct task *task, const struct node *node, int flags, struct file **file);
    /* The text of a symbolic link, not NUL-terminated, cut to size; returns its length. */
    long (*readlink)(struct task *task, const struct node *node, char *text, size_t size);
    /* For links that lead to an object and not to a path (/proc/self/fd/3): a new reference of the
     * description that the link stands for. The caller reopens it or takes its directory. NULL, or
     * *file left NULL: follow the text, which with result 1 is an object's all the same, so that
     * RESOLVE_NO_MAGICLINKS (openat2(2)) forbids it. */
    int (*jump)(struct task *task, const struct node *node, struct file **file);
    /* Child number index (0 …) of a directory, without "." and ".."; -ENOENT behind the last. */
    int (*entry)(struct task *task, const struct node *directory, uint64_t index,
                 struct entry *entry);
    /* Whether the task may list a directory or go there: 0 or -EACCES. NULL: everybody may. */
    int (*search)(struct task *task, const struct node *directory);
    /* NULL: -EROFS, and -EPERM by descriptor */
    int (*change)(struct task *task, const struct node *node, const struct node_change *change);
};

enum mount_kind { MOUNT_DIRECTORY, MOUNT_FILE, MOUNT_TREE };

struct mount {
    char *path; /* guest path: absolute, no trailing slash, no "." or ".." ("" for the root) */
    uint32_t path_length;
    uint32_t kind; /* enum mount_kind */
    int read_only;
    _Atomic int fd; /* O_PATH host fd of the directory; of the directory in which a single file
                       lies; -1 for trees, and where `make` was not called yet */
    int (*make)(char path[PATH_MAX]); /* makes the host's directory, once, when the first needs it:
                                         0 with its path, or -errno */
    char *host_path;  /* of what is mounted, when it was granted: a hint, as it may be moved */
    char *name;       /* of a single file in fd */
    int covered;      /* another mount lies below this one: COVERED, or COVERED_AIR */
    struct node root; /* of a tree */
    uint64_t device;  /* st_dev of a tree's nodes */
};

/* mount.covered: other mounts lie below it, all of them in directories that the host has; or some
 * do not. */
enum { COVERED = 1, COVERED_AIR };

#define MOUNTS_MAX 64

struct place {
    const struct mount *mounts[MOUNTS_MAX]; /* longest path first */
    uint32_t mount_count;
    _Atomic uint32_t umask;
    struct lock lock;       /* of directory and root */
    struct file *directory; /* the working directory */
    struct file *root;      /* chroot(2); NULL: the name space's "/" */
    _Atomic int rooted;     /* whether there is one */
};

/* A new place without mounts, with umask 022 and working directory "/"; NULL when there is no
 * memory. */
struct place *place_new(void);
struct place *place_copy(struct place *from); /* for fork */
void place_free(struct place *place);

/* Grants a host directory (or file) at a guest path. host_path is resolved now, links followed.
 * Return 0 or -errno: what opening host_path gave, -EINVAL for a guest path that is not absolute or
 * has "..", -EEXIST when something is mounted there, -ENOSPC. */
int place_grant(struct place *place, const char *host_path, const char *guest_path, int read_only);
int place_grant_file(struct place *place, const char *host_path, const char *guest_path,
                     int read_only);
int place_mount_tree(struct place *place, const char *guest_path, const struct node *root);
/* Mounts a directory that is made only when something needs it (mount.make). */
int place_mount_later(struct place *place, const char *guest_path,
                      int (*make)(char path[PATH_MAX]));
/* The host's directory of a MOUNT_DIRECTORY, made now if need be. Returns its fd, which stays the
 * mount's, or -errno. */
int mount_directory(const struct mount *mount);

/* Changes the working directory, for lind-run before start. path is a guest path. Returns 0 or
 * -errno. */
int place_start_directory(struct task *task, const char *path);

/* What a path led to. */
struct location {
    const struct mount *mount; /* NULL: a synthetic directory above the mounts, or a description
                                  without path (jump) */
    struct file *held; /* a description that is kept while the location lives. Where fd is -1 and
                          there is no node, it is the object */
    int fd; /* host fd: of the directory in which name is, or of the object when name is empty; -1:
               node */
    int owned;     /* fd is closed by location_release */
    int read_only; /* changes give EROFS */
    int deep;      /* the directory is deeper than a path can say, or removed: path is "", and no
                      mount lies there or below */
    int busy;      /* it is, or lies above, a mount point: may not be removed or renamed (EBUSY) */
    struct node
        node; /* fd -1: the object, or the directory in which name is looked up (LOOKUP_PARENT) */
    char name[NAME_MAX +
              3]; /* one component; with LOOKUP_PARENT it may be "." or ".." or end in a slash */
    char path[PATH_MAX]; /* guest path as far as it is known: of synthetic nodes, and of the start
                            of a search; no trailing slash */
};

#define LOOKUP_FOLLOW 1 /* follow a symbolic link in the last component */
#define LOOKUP_PARENT                                                                              \
    2 /* the last component need not exist: location is its directory with name set (mkdir,        \
         unlink, rename …) */
#define LOOKUP_EMPTY 4 /* AT_EMPTY_PATH: "" means dirfd itself */

/* Copies the path at window offset `path` in and resolves it against dirfd (a descriptor or
 * AT_FDCWD). With result 0 location must be released. Without LOOKUP_PARENT the object exists:
 * location is (fd, "") or (fd, name) or a node, and a name is no link when LOOKUP_FOLLOW was given.
 * Errors as path_resolution(7). */
int place_lookup(struct task *task, uint64_t dirfd, uint64_t path, unsigned lookup,
                 struct location *location);

/* The same for a path of trusted code. */
int place_lookup_path(struct task *task, uint64_t dirfd, const char *path, unsigned lookup,
                      struct location *location);

void location_release(struct location *location);

/* Declares a location that is released at the end of its block. */
#define LOCATION(variable)                                                                         \
    struct location variable __attribute__((cleanup(location_release)));                           \
    location_clear(&variable)

static inline void location_clear(struct location *location)
{
    location->mount = NULL;
    location->held = NULL;
    location->fd = -1;
    location->owned = 0;
    location->read_only = 1;
    location->deep = 0;
    location->busy = 0;
    location->node.operations = NULL;
    location->name[0] = 0;
    location->path[0] = 0;
}

/* Whether it is a host object (fd and name are good for *at calls) */
static inline int location_is_host(const struct location *location)
{
    return location->fd >= 0;
}

/* Makes the name of a socket with these permissions, which the umask cuts, and calls `use` with an
 * O_PATH host fd of it, which `use` owns, and what fstat says of it. Returns what `use` does, or
 * -errno as mknod; after an error the name is gone again. */
long place_make_socket(struct task *task, const char *path, uint32_t mode,
                       long (*use)(int fd, const struct stat *status, void *data), void *data);

/* An O_PATH host fd of the object itself, owned by the caller. -errno otherwise. */
int location_open_path(const struct location *location);

/* Writes "/proc/self/fd/N" for an O_PATH fd: for host calls on the object that accept only paths
 * (setxattr, chmod on older kernels). These follow that link to exactly this object. text has room
 * for 40 bytes. */
void path_of_host_fd(char *text, int fd);

/* stat of whatever it is. */
int location_stat(struct task *task, const struct location *location, struct stat *status);

/* open(2) with everything, on a guest path of trusted code; returns a description. For calls that
 * open files for the cage (exec, tests). */
int place_open(struct task *task, uint64_t dirfd, const char *path, int flags, uint32_t mode,
               struct file **file);

/* Opens anew what a description stands for, as open of /proc/self/fd/N does; access beyond the
 * description's own is granted only where its mount allows it. */
int file_reopen(struct task *task, struct file *from, int flags, struct file **file);

/* The guest path of a host fd (NUL-terminated) by asking the host where it is and finding the mount
 * over it. Returns its length; -ENOENT when deleted or not below any mount; -ERANGE, or
 * -ENAMETOOLONG where the host cannot tell it. prefer: a mount to try first, may be NULL. */
long place_guest_path(struct place *place, const struct mount *prefer, int host_fd, char *path,
                      size_t size);

/* Whether place_guest_path said that a directory is deeper than a path can say. */
int path_is_too_long(long length);

/* Opens the directory above one that is so deep. Returns an O_PATH fd, the caller's, with its guest
 * path, or "" if that one is as deep still; -ENOENT when it does not lie below a mount (attack row
 * K9), or another -errno. */
int place_open_above(struct place *place, const struct mount *prefer, int host_fd, char *path,
                     size_t size);

/* The root that chroot gave, a new reference; NULL: the name space's. */
struct file *place_root(struct place *place);

/* Makes an open directory the root; takes over the reference. */
void place_set_root(struct place *place, struct file *file);

/* A description of the name space's own root. Returns 0 or -errno. */
int place_open_root(struct task *task, struct file **file);

/* Changes a guest path (room for PATH_MAX bytes) to what it is below the place's root. Returns its
 * length, or -ENOENT, with the path as it was, when it does not lie there. */
long place_seen(struct place *place, char *path);

/* The working directory's guest path in the name space, "/" for its root. Returns its length or -ENOENT, -ERANGE,
 * -ENAMETOOLONG. */
long place_directory_path(struct task *task, char *path, size_t size);

#endif
