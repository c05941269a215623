/* memfd_create(2): a file of the host without a name; its seals are the host's too (fcntl). Not
 * HOT. */
#include <errno.h>
#include <sys/mman.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "rt/copy.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#define MFD_EXEC 16U
#endif
#define NAME_SIZE 250 /* Linux: 249 bytes and the NUL */

long call_memfd_create(struct task *task, const uint64_t args[6])
{
    char name[NAME_SIZE];
    uint32_t flags = (uint32_t)args[1];
    struct file *file;
    if (flags & ~(uint32_t)(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC) ||
        (flags & MFD_NOEXEC_SEAL && flags & MFD_EXEC))
        return -EINVAL;
    long length = copyinstr(&task->thread, name, args[0], sizeof name);
    if (length < 0)
        return length == -ENAMETOOLONG ? -EINVAL : length;
    long fd = host_call2(SYS_memfd_create, name, flags | MFD_CLOEXEC);
    if (fd < 0)
        return fd;
    long error = file_from_host((int)fd, NULL, &file);
    return error ? error : descriptor_install(task, file, !!(flags & MFD_CLOEXEC));
}
