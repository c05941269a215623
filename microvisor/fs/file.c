/* The pool of open file descriptions, and what every description has in common. All HOT. */
#include "microvisor/fs/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>

#include "microvisor/fs/busy.h"
#include "microvisor/fs/epoll.h"
#include "microvisor/fs/pool.h"
#include "microvisor/fs/terminal.h"

static struct pool pool = POOL_OF(struct file);

void *file_pages(uint64_t size)
{
    return host_pages((size + 4095) & ~4095UL);
}

void file_pages_free(void *pages, uint64_t size)
{
    if (pages)
        host_pages_free(pages, (size + 4095) & ~4095UL);
}

struct file *file_new(const struct file_operations *operations, int host_fd, uint32_t flags,
                      uint32_t kind)
{
    struct file *file = pool_take(&pool);
    if (!file)
        return 0;
    file->operations = operations;
    file->host_fd = host_fd;
    atomic_store_explicit(&file->flags, flags, memory_order_relaxed);
    file->kind = kind;
    /* Last: from here on a late reader of the slot that this description had in its former life may
     * hold it for a moment. */
    atomic_store_explicit(&file->references, 1, memory_order_release);
    return file;
}

void file_release(struct file *file)
{
    /* Also if none is left: the end of a set may be about to let go of it. */
    if (file->watched)
        epoll_forget(file);
    if (file->operations->release)
        file->operations->release(file);
    busy_end(file->busy);
    if (file->host_fd >= 0)
        host_call1(SYS_close, file->host_fd);
    file_pages_free(file->path, PATH_MAX);
    pool_give(&pool, file);
}

int file_begin_writing(struct file *file, const struct stat *status)
{
    if (file->kind != FILE_REGULAR || !file_writable(file))
        return 0;
    return busy_begin(status, BUSY_WRITTEN, &file->busy);
}

static uint32_t kind_of(const struct stat *status, int fd, uint32_t flags)
{
    struct {
        char bytes[64];
    } settings;
    if (S_ISDIR(status->st_mode))
        return FILE_DIRECTORY;
    if (flags & O_PATH)
        return FILE_PATH;
    if (S_ISREG(status->st_mode))
        return FILE_REGULAR;
    if (!S_ISCHR(status->st_mode))
        return FILE_STREAM;
    return host_call3(SYS_ioctl, fd, 0x5401 /* TCGETS */, &settings) ? FILE_DEVICE : FILE_TERMINAL;
}

int file_from_host(int host_fd, const struct mount *mount, struct file **file)
{
    struct stat status;
    long result = host_call2(SYS_fstat, host_fd, &status);
    long flags = host_call2(SYS_fcntl, host_fd, F_GETFL);
    if (!result && flags < 0)
        result = flags;
    if (!result) {
        uint32_t kind = kind_of(&status, host_fd, (uint32_t)flags);
        *file = file_new(kind == FILE_TERMINAL ? &host_terminal_operations : &host_file_operations,
                         host_fd, (uint32_t)flags, kind);
        if (*file) {
            (*file)->mount = mount;
            return 0;
        }
        result = -ENOMEM;
    }
    host_call1(SYS_close, host_fd);
    return (int)result;
}
