/* Mode and owner of what no file system keeps: sockets, pipes, slaves of pseudo-terminals. Each has
 * a lock of its own for them. Not HOT but for permissions_new. */
#ifndef LIND_FS_PERMISSIONS_H
#define LIND_FS_PERMISSIONS_H

#include "microvisor/fs/place.h"

struct permissions {
    uint32_t mode; /* without the type */
    uint32_t uid, gid;
};

/* Those of what the task makes. */
struct permissions permissions_new(const struct task *task, uint32_t mode);

int permissions_in_group(const struct credentials *who, uint32_t gid);

/* chmod(2) and chown(2): who may change what, and what becomes of the set-user-ID and set-group-ID
 * bits. Returns 0 or -EPERM with nothing changed. */
int permissions_change(const struct credentials *who, struct permissions *permissions,
                       const struct node_change *change);

/* utimensat(2) of these times, NULL: now: whether they may, 0 or -EPERM, -EACCES, -EINVAL; what
 * becomes of a time (new NULL: now). */
int permissions_check_times(const struct credentials *who, const struct permissions *permissions,
                            const struct timespec times[2]);
void permissions_set_time(struct timespec *time, const struct timespec *new,
                          const struct timespec *now);

#endif
