/* What path.c, place.c, resolve.c and open.c share. Not HOT. */
#ifndef LIND_FS_RESOLVE_H
#define LIND_FS_RESOLVE_H

#include "microvisor/fs/place.h"

/* Further lookup flags, for trusted code only. */
#define LOOKUP_NAME                                                                                \
    8 /* a host object that is no directory reached by "..": as directory and name, never as       \
         O_PATH fd */
#define LOOKUP_CREATE 16       /* with LOOKUP_NAME: the last component need not exist */
#define LOOKUP_NO_LINKS 32     /* following any link is -ELOOP, as with RESOLVE_NO_SYMLINKS */
#define LOOKUP_NO_MAGIC 64     /* following a magic link is, as with RESOLVE_NO_MAGICLINKS */
#define LOOKUP_NO_CROSSING 128 /* leaving the mount is -EXDEV, as with RESOLVE_NO_XDEV */
#define LOOKUP_BENEATH 256     /* leaving the directory dirfd is, as with RESOLVE_BENEATH */
#define LOOKUP_IN_ROOT 512     /* dirfd is the root, as with RESOLVE_IN_ROOT */
#define LOOKUP_SCOPED (LOOKUP_BENEATH | LOOKUP_IN_ROOT)

/* The guest's path, brought into the form that mounts are compared with: no empty or "." components
 * but a slash at the end when the path says that it means a directory. */
struct normal {
    int absolute, dotdot;    /* dotdot: some component is ".." */
    uint32_t plain;          /* length of the part before the first ".." */
    uint32_t length;         /* without trailing slash */
    int slash;               /* trailing slash: must be a directory */
    int last_dot;            /* the last component was "." (and is not in text) */
    char text[PATH_MAX + 1]; /* absolute: starts with a slash, or is "" for the root */
};

/* -ENAMETOOLONG when it does not fit. */
int path_normalize(const char *path, struct normal *normal);

/* The mount that a guest path (length bytes) lies in or is: the longest that fits. NULL: none. */
const struct mount *mount_find(const struct place *place, const char *path, size_t length);

/* Whether some mount is at the guest path (with equal) or strictly below it. */
int mount_below(const struct place *place, const char *path, size_t length, int equal);

/* The node of a synthetic directory above mounts, when path is one; otherwise -ENOENT. */
int ancestor_find(const struct place *place, const char *path, size_t length, struct node *node);

/* openat2 beneath fd without magic links, plus resolve; close-on-exec, no controlling terminal. */
long open_beneath(int fd, const char *path, uint64_t flags, uint32_t mode, uint64_t resolve);

/* The first step of each lookup: where a path starts. On return location holds the directory from
 * which rest (a part of normal->text) is to be resolved, with read_only set. whole: the kernel can
 * do all of it in one step, with *resolve added to the flags of open_beneath; an answer for which
 * resolve_again says so must be followed by resolve_walk, which starts anew. Returns 0 or -errno.
 */
int resolve_start(struct task *task, uint64_t dirfd, const struct normal *normal,
                  struct location *location, const char **rest, int *whole, uint64_t *resolve);
int resolve_again(struct task *task, const struct location *location, const struct normal *normal,
                  uint64_t resolve, long error);

/* Component by component (walk.c). Releases what location held. */
int resolve_walk(struct task *task, uint64_t dirfd, const struct normal *normal, unsigned lookup,
                 struct location *location);

/* Puts location at a synthetic directory or a mount's root: what is at the guest path
 * location->path (length bytes), by name alone. */
int location_enter(struct task *task, struct location *location, size_t length);

/* Puts location at an open directory. With its guest path when wanted. */
int location_enter_file(struct task *task, struct location *location, struct file *file,
                        int want_path);

/* Puts location at an O_PATH fd, which becomes its own. */
void location_replace(struct location *location, int fd);

/* Copies a path in. Returns 0, -ENOENT when it is empty and LOOKUP_EMPTY is not in lookup, -EFAULT,
 * -ENAMETOOLONG. */
int path_copyin(struct task *task, uint64_t path, unsigned lookup, char text[PATH_MAX]);

/* The working directory's or a descriptor's description. To be given back with start_put. NULL:
 * EBADF. */
struct file *start_get(struct task *task, uint64_t dirfd);
void start_put(struct task *task, struct file *file);

/* A description of a directory node; path is its guest path. NULL: no memory. */
struct file *file_from_node(const struct node *node, const char *path, uint32_t flags);

/* Whether the task may list the synthetic directory, or go there: 0 or -EACCES. */
static inline int node_search(struct task *task, const struct node *directory)
{
    return directory->operations->search ? directory->operations->search(task, directory) : 0;
}

/* An O_PATH description of the directory that location is, searchable by the process. -ENOTDIR,
 * -EACCES … */
int location_directory(struct task *task, const struct location *location, struct file **file);

/* Makes an open directory the working directory; takes over the reference. */
void place_set_directory(struct task *task, struct file *file);

#endif
