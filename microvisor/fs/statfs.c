/* statfs(2) and fstatfs(2). Not HOT. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <unistd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/pipe.h"
#include "microvisor/fs/place.h"
#include "microvisor/fs/procfs.h"
#include "microvisor/fs/unix_socket.h"
#include "rt/copy.h"

#define FLAG_READ_ONLY 1 /* ST_RDONLY */

static long answer(struct task *task, uint64_t address, int host_fd, long magic, int read_only)
{
    struct statfs result = {.f_type = magic, .f_bsize = 4096, .f_frsize = 4096, .f_namelen = 255};
    if (host_fd >= 0) {
        long error = host_call2(SYS_fstatfs, host_fd, &result);
        if (error)
            return error;
        result.f_fsid = (fsid_t){{0, 0}};
    }
    if (read_only)
        result.f_flags |= FLAG_READ_ONLY;
    return task_copyout(task, address, &result, sizeof result);
}

static long node_magic(const struct node *node)
{
    return node->operations == proc_tree_root.operations ? PROC_SUPER_MAGIC : TMPFS_MAGIC;
}

long call_statfs(struct task *task, const uint64_t args[6])
{
    LOCATION(location);
    long result = place_lookup(task, (uint64_t)AT_FDCWD, args[0], LOOKUP_FOLLOW, &location);
    if (result)
        return result;
    int fd = location_is_host(&location) ? location_open_path(&location) : -1;
    if (location_is_host(&location) && fd < 0)
        return fd;
    result = answer(task, args[1], fd, node_magic(&location.node), location.read_only);
    if (fd >= 0)
        close(fd);
    return result;
}

long call_fstatfs(struct task *task, const uint64_t args[6])
{
    DESCRIPTION(file, task, args[0]);
    if (!file)
        return -EBADF;
    long magic = file->operations == &pipe_operations ? PIPEFS_MAGIC
                 : unix_socket_of(file)               ? SOCKFS_MAGIC
                 : file->node.operations              ? node_magic(&file->node)
                                                      : ANON_INODE_FS_MAGIC;
    return answer(task, args[1], file->host_fd, magic, file->mount && file->mount->read_only);
}
