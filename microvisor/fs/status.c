/* What files are: the stat, access and readlink families, getdents. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/resolve.h"
#include "microvisor/proc/rights.h"

_Static_assert(sizeof(struct stat) == 144, "the kernel's struct stat");

static int node_status(struct task *task, const struct location *location, struct stat *status)
{
    memset(status, 0, sizeof *status);
    int error = location->node.operations->stat(task, &location->node, status);
    if (!status->st_ino)
        status->st_ino = location->node.id;
    if (!status->st_dev && location->mount)
        status->st_dev = location->mount->device;
    if (!status->st_nlink)
        status->st_nlink = 1;
    if (!status->st_blksize)
        status->st_blksize = 4096;
    return error;
}

static long file_status(struct task *task, struct file *file, struct stat *status)
{
    if (file->operations->stat)
        return file->operations->stat(task, file, status);
    return host_call2(SYS_fstat, file->host_fd, status);
}

/* Whether it is a description of a host object that is something else here: a terminal. */
static int has_own_status(const struct location *location)
{
    return location->held && location->fd == location->held->host_fd && !*location->name &&
           location->held->operations->stat;
}

int location_stat(struct task *task, const struct location *location, struct stat *status)
{
    if (location->fd >= 0 && !has_own_status(location))
        return (int)host_call4(SYS_newfstatat, location->fd, location->name, status,
                               AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    if (location->fd < 0 && location->node.operations)
        return node_status(task, location, status);
    return (int)file_status(task, location->held, status);
}

/* Looks a path up and stats it. For a plain name in a directory one host call does both, unless it
 * is a link to be followed. */
static int status_at(struct task *task, uint64_t dirfd, uint64_t path, unsigned lookup,
                     struct stat *status)
{
    LOCATION(location);
    char text[PATH_MAX];
    int error = path_copyin(task, path, lookup, text);
    if (error)
        return error;
    unsigned first = strchr(text, '/') ? lookup : lookup & ~(unsigned)LOOKUP_FOLLOW;
    error = place_lookup_path(task, dirfd, text, first, &location);
    if (!error)
        error = location_stat(task, &location, status);
    if (error || first == lookup || !S_ISLNK(status->st_mode))
        return error;
    location_release(&location);
    error = place_lookup_path(task, dirfd, text, lookup, &location);
    return error ? error : location_stat(task, &location, status);
}

/* HOT. */
long call_fstat(struct task *task, const uint64_t args[6])
{
    DESCRIPTION(file, task, args[0]);
    if (!file)
        return -EBADF;
    if (file->operations->stat) {
        struct stat status = {0};
        long error = file->operations->stat(task, file, &status);
        return error ? error : task_copyout(task, args[1], &status, sizeof status);
    }
    void *address = window_pointer(&task->thread, args[1], sizeof(struct stat));
    return address ? host_call2(SYS_fstat, file->host_fd, address) : -EFAULT;
}

/* lookup flags for AT_* flags. */
static unsigned lookup_of(uint64_t flags)
{
    return (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
           (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
}

long call_newfstatat(struct task *task, const uint64_t args[6])
{
    uint32_t flags = (uint32_t)args[3];
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
        return -EINVAL;
    struct stat status = {0};
    int error = status_at(task, args[0], args[1], lookup_of(flags), &status);
    return error ? error : task_copyout(task, args[2], &status, sizeof status);
}

static struct statx_timestamp timestamp(struct timespec time)
{
    return (struct statx_timestamp){.tv_sec = time.tv_sec, .tv_nsec = (uint32_t)time.tv_nsec};
}

static void statx_of(const struct stat *status, struct statx *extended)
{
    memset(extended, 0, sizeof *extended);
    extended->stx_mask = STATX_BASIC_STATS;
    extended->stx_blksize = (uint32_t)status->st_blksize;
    extended->stx_nlink = (uint32_t)status->st_nlink;
    extended->stx_uid = status->st_uid;
    extended->stx_gid = status->st_gid;
    extended->stx_mode = (uint16_t)status->st_mode;
    extended->stx_ino = status->st_ino;
    extended->stx_size = (uint64_t)status->st_size;
    extended->stx_blocks = (uint64_t)status->st_blocks;
    extended->stx_atime = timestamp(status->st_atim);
    extended->stx_mtime = timestamp(status->st_mtim);
    extended->stx_ctime = timestamp(status->st_ctim);
    extended->stx_rdev_major = major(status->st_rdev);
    extended->stx_rdev_minor = minor(status->st_rdev);
    extended->stx_dev_major = major(status->st_dev);
    extended->stx_dev_minor = minor(status->st_dev);
}

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif

long call_statx(struct task *task, const uint64_t args[6])
{
    uint32_t flags = (uint32_t)args[2], mask = (uint32_t)args[3];
    LOCATION(location);
    struct statx extended;
    struct stat status = {0};
    if (mask & STATX__RESERVED || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE ||
        flags &
            ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE))
        return -EINVAL;
    long error = place_lookup(task, args[0], args[1], lookup_of(flags), &location);
    if (error)
        return error;
    if (location_is_host(&location) && !has_own_status(&location)) {
        error = host_call5(SYS_statx, location.fd, location.name,
                           AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | (flags & AT_STATX_SYNC_TYPE),
                           mask & (STATX_BASIC_STATS | STATX_BTIME), &extended);
    } else {
        error = location_stat(task, &location, &status);
        statx_of(&status, &extended);
    }
    return error ? error : task_copyout(task, args[4], &extended, sizeof extended);
}

/* What the permission bits of a synthetic node allow the process. */
static int node_access(struct task *task, const struct stat *status, uint32_t mode, int effective)
{
    const struct credentials *ids = &task->process->credentials;
    uint32_t bits = status->st_mode, uid = effective ? ids->fsuid : ids->uid;
    if (!uid)
        bits |= 0666 | (S_ISDIR(status->st_mode) || bits & 0111 ? 0111 : 0);
    else if (uid == status->st_uid)
        bits >>= 6;
    else if ((effective ? ids->fsgid : ids->gid) == status->st_gid)
        bits >>= 3;
    return (bits & mode) == mode ? 0 : -EACCES;
}

static int is_file_or_directory(const struct stat *status)
{
    return S_ISREG(status->st_mode) || S_ISDIR(status->st_mode) || S_ISLNK(status->st_mode);
}

/* With the rights that the thread carries. */
static long access_carried(struct task *task, uint64_t dirfd, uint64_t path, uint32_t mode,
                           uint32_t flags, uint32_t host_flags)
{
    LOCATION(location);
    struct stat status = {0};
    long error = place_lookup(task, dirfd, path, lookup_of(flags), &location);
    if (error)
        return error;
    if (location_is_host(&location))
        error = host_call4(SYS_faccessat2, location.fd, location.name, mode,
                           AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | host_flags);
    else if (!(error = location_stat(task, &location, &status)))
        error = node_access(task, &status, mode, flags & AT_EACCESS);
    if (!error && !location_is_host(&location) && S_ISDIR(status.st_mode) && mode & (R_OK | X_OK))
        error = node_search(task, &location.node);
    if (error || !(mode & W_OK) || !location.read_only || !location.mount)
        return error;
    error = location_stat(task, &location, &status);
    return error ? error : is_file_or_directory(&status) ? -EROFS : 0;
}

/* access(2) is about the real ids, also where the path leads through. The host's thread has
 * lind-run's own for that, which are right only as long as the process has its rights. */
long call_faccessat2(struct task *task, const uint64_t args[6])
{
    uint32_t mode = (uint32_t)args[2], flags = (uint32_t)args[3];
    if (mode & ~7U || flags & ~(uint32_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (flags & AT_EACCESS || !rights_real_differ(task))
        return access_carried(task, args[0], args[1], mode, flags,
                              task->rights ? AT_EACCESS : flags & AT_EACCESS);
    rights_carry_real(task);
    long error = access_carried(task, args[0], args[1], mode, flags, AT_EACCESS);
    rights_carry(task);
    return error;
}

long call_readlinkat(struct task *task, const uint64_t args[6])
{
    LOCATION(location);
    struct stat status = {0};
    char text[PATH_MAX];
    int32_t size = (int32_t)args[3];
    if (size <= 0)
        return -EINVAL;
    long result = path_copyin(task, args[1], LOOKUP_EMPTY, text);
    const long no_link = *text ? -EINVAL : -ENOENT;
    if (!result)
        result = place_lookup_path(task, args[0], text, LOOKUP_EMPTY, &location);
    if (result)
        return result;
    if (location_is_host(&location)) {
        result = host_call4(SYS_readlinkat, location.fd, location.name, text, sizeof text);
        if (result == -ENOENT && !*location.name)
            result = no_link; /* the object itself is none */
    } else {
        result = location_stat(task, &location, &status);
        if (!result)
            result =
                S_ISLNK(status.st_mode) && location.node.operations
                    ? location.node.operations->readlink(task, &location.node, text, sizeof text)
                    : no_link;
    }
    if (result > size)
        result = size;
    if (result > 0 && task_copyout(task, args[2], text, (size_t)result))
        return -EFAULT;
    return result;
}

/* Entries of a synthetic directory, as getdents64 (or getdents: old) lays them out. The offset is
 * the number of the next entry. */
static long entries_out(struct task *task, struct file *file, uint64_t address, uint64_t size,
                        int old)
{
    struct entry entry;
    union {
        struct {
            uint64_t inode;
            int64_t next;
            uint16_t length;
            char name[264]; /* type in front of it, or behind it in the old form */
        };
        char bytes[288];
    } record;
    uint64_t used = 0;
    long error = 0;
    lock_acquire(&file->lock);
    int64_t index = file->offset;
    lock_release(&file->lock);
    for (;; index = (int64_t)entry.next) {
        entry.next = (uint64_t)index + 1;
        error = file->operations->entry(task, file, (uint64_t)index, &entry);
        if (error)
            break;
        memset(&record, 0, sizeof record);
        size_t name = strlen(entry.name);
        size_t length = (18 + name + 2 + 7) & ~7UL;
        if (length > size - used) {
            error = used ? 0 : -EINVAL;
            break;
        }
        record.inode = entry.inode;
        record.next = (int64_t)entry.next;
        record.length = (uint16_t)length;
        memcpy(record.bytes + (old ? 18 : 19), entry.name, name);
        record.bytes[old ? length - 1 : 18] = (char)entry.type;
        if (task_copyout(task, address + used, &record, length)) {
            error = -EFAULT;
            break;
        }
        used += length;
    }
    if (error && error != -ENOENT && !used)
        return error;
    lock_acquire(&file->lock);
    file->offset = index;
    lock_release(&file->lock);
    return (long)used;
}

static long list(struct task *task, const uint64_t args[6], int old)
{
    DESCRIPTION(file, task, args[0]);
    uint32_t size = (uint32_t)args[2];
    if (!file || !file_readable(file))
        return -EBADF;
    if (file->kind != FILE_DIRECTORY)
        return -ENOTDIR;
    void *buffer = window_pointer(&task->thread, args[1], size);
    if (!buffer)
        return -EFAULT;
    if (file->host_fd >= 0)
        return host_call3(old ? SYS_getdents : SYS_getdents64, file->host_fd, buffer, size);
    return entries_out(task, file, args[1], size, old);
}

CALL_IS(getdents, list(task, args, 1))
CALL_IS(getdents64, list(task, args, 0))
