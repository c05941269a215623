/* Locks on host files are kept by the host's kernel, so that processes outside lind-run and other
 * lind-runs respect them too.
 *
 * flock and F_OFD_ locks belong to an open file description; each struct file with a host
 * descriptor is one of the host's, so they go straight through. Record locks (F_SETLK) belong to a
 * process and a file. For each pair of a descriptor table and a file that it has locks on there is
 * a carrier: a host description of its own, whose F_OFD_ locks are the process's record locks. So
 * they conflict with those of other carriers, with F_OFD_ locks and with native processes' locks,
 * and not with each other, as they should; closing any descriptor of the file closes the carrier.
 * What differs from Linux: no EDEADLK (the waiter waits), and F_GETLK reports the owner of a
 * process's lock as pid -1 (other carriers) or 0 (native processes, whose ids are none of the
 * guest's business).
 *
 * table->lock guards the list of carriers and their fields. */
#include "microvisor/fs/locks.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/file.h>

#include "microvisor/calls.h"
#include "microvisor/fs/place.h"
#include "microvisor/fs/pool.h"
#include "microvisor/fs/unix_socket.h"
#include "microvisor/proc/rights.h"
#include "microvisor/signal/signal.h"
#include "rt/copy.h"

struct lock_carrier {
    struct lock_carrier *next;
    uint64_t device, inode;
    int host_fd;
    uint32_t users; /* calls that use it now */
    int closed;     /* out of the list: the last user closes it */
};

static struct pool carriers = POOL_OF(struct lock_carrier);

static void carrier_drop(struct lock_carrier *carrier)
{
    host_call1(SYS_close, carrier->host_fd);
    pool_give(&carriers, carrier);
}

/* A host description of the same file, for locks alone: for reading and writing where the host
 * allows both. The process may have lost the right to open what it has open. */
static long carrier_open(const struct file *file)
{
    static const int modes[] = {O_RDWR, O_RDONLY, O_WRONLY};
    char path[40];
    long fd = -ENOLCK;
    int from = rights_own();
    path_of_host_fd(path, file->host_fd);
    for (unsigned i = 0; i < 3 && fd < 0; i++)
        fd =
            host_call4(SYS_openat, AT_FDCWD, path, modes[i] | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
    rights_back(from);
    return fd < 0 ? -ENOLCK : fd;
}

/* The carrier of the caller's process for a file, made if need be, to be given back. NULL with
 * *error set. */
static struct lock_carrier *carrier_get(struct task *task, const struct file *file, long *error)
{
    struct descriptors *table = task->process->descriptors;
    struct stat status;
    *error = host_call2(SYS_fstat, file->host_fd, &status);
    if (*error)
        return NULL;
    LOCKED(&table->lock);
    struct lock_carrier *carrier = table->carriers;
    while (carrier && (carrier->inode != status.st_ino || carrier->device != status.st_dev))
        carrier = carrier->next;
    if (!carrier && (*error = carrier_open(file)) >= 0) {
        long fd = *error;
        carrier = pool_take(&carriers);
        if (carrier) {
            carrier->device = status.st_dev;
            carrier->inode = status.st_ino;
            carrier->host_fd = (int)fd;
            carrier->next = table->carriers;
            table->carriers = carrier;
        } else {
            host_call1(SYS_close, fd);
            *error = -ENOLCK;
        }
    }
    if (carrier)
        carrier->users++;
    return carrier;
}

static void carrier_put(struct task *task, struct lock_carrier *carrier)
{
    struct descriptors *table = task->process->descriptors;
    lock_acquire(&table->lock);
    int last = !--carrier->users && carrier->closed;
    lock_release(&table->lock);
    if (last)
        carrier_drop(carrier);
}

void locks_closed(struct descriptors *table, struct file *file)
{
    struct stat status;
    if (file->kind != FILE_REGULAR || host_call2(SYS_fstat, file->host_fd, &status))
        return;
    lock_acquire(&table->lock);
    struct lock_carrier **at = &table->carriers, *carrier;
    while ((carrier = *at) && (carrier->inode != status.st_ino || carrier->device != status.st_dev))
        at = &carrier->next;
    if (carrier) {
        *at = carrier->next;
        carrier->closed = 1;
    }
    int last = carrier && !carrier->users;
    lock_release(&table->lock);
    if (last)
        carrier_drop(carrier);
}

/* Makes the start absolute: the carrier has its own offset. */
static long start_absolute(const struct file *file, struct flock *lock)
{
    struct stat status;
    long origin = 0;
    if (lock->l_whence == SEEK_CUR) {
        origin = host_call3(SYS_lseek, file->host_fd, 0, SEEK_CUR);
    } else if (lock->l_whence == SEEK_END) {
        origin = host_call2(SYS_fstat, file->host_fd, &status);
        if (!origin)
            origin = status.st_size;
    } else if (lock->l_whence != SEEK_SET) {
        return -EINVAL;
    }
    if (origin < 0)
        return origin;
    lock->l_whence = SEEK_SET;
    return __builtin_add_overflow(lock->l_start, origin, &lock->l_start) ? -EOVERFLOW : 0;
}

static long process_lock(struct task *task, struct file *file, int command, struct flock *lock)
{
    long result = start_absolute(file, lock);
    if (result)
        return result;
    if (command != F_GETLK && ((lock->l_type == F_RDLCK && !file_readable(file)) ||
                               (lock->l_type == F_WRLCK && !file_writable(file))))
        return -EBADF;
    struct lock_carrier *carrier = carrier_get(task, file, &result);
    if (!carrier)
        return result;
    lock->l_pid = 0;
    uint64_t host = command == F_GETLK   ? F_OFD_GETLK
                    : command == F_SETLK ? F_OFD_SETLK
                                         : F_OFD_SETLKW;
    result = task_interruptible(task, SYS_fcntl, carrier->host_fd, host, HOST_ARG(lock));
    carrier_put(task, carrier);
    return result == -EBADF ? -ENOLCK : result; /* the carrier could not be opened for writing */
}

long file_lock_command(struct task *task, struct file *file, int command, uint64_t argument)
{
    struct flock lock;
    long result;
    if (task_copyin(task, &lock, argument, sizeof lock))
        return -EFAULT;
    if (command == F_GETLK && lock.l_type != F_RDLCK && lock.l_type != F_WRLCK)
        return -EINVAL;
    if (file->kind != FILE_REGULAR)
        return -ENOLCK;
    if (command == F_GETLK || command == F_SETLK || command == F_SETLKW)
        result = process_lock(task, file, command, &lock);
    else
        result = task_interruptible(task, SYS_fcntl, file->host_fd, command, HOST_ARG(&lock));
    if (result < 0 || (command != F_GETLK && command != F_OFD_GETLK))
        return result;
    if (lock.l_type != F_UNLCK && lock.l_pid > 0)
        lock.l_pid = 0;
    return task_copyout(task, argument, &lock, sizeof lock);
}

/* A socket has a single description, so nobody else could have its lock. */
static long flock_own(const struct file *file)
{
    return unix_socket_of(file) ? 0 : -ENOLCK;
}

long call_flock(struct task *task, const uint64_t args[6])
{
    uint32_t operation = (uint32_t)args[1], kind = operation & ~(uint32_t)LOCK_NB;
    if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN)
        return -EINVAL;
    DESCRIPTION(file, task, args[0]);
    if (!file || file_flags(file) & O_PATH)
        return -EBADF;
    return file->host_fd < 0 ? flock_own(file)
                             : task_interruptible(task, SYS_flock, file->host_fd, operation);
}
