/* openat2(2), for which musl has neither a function nor a header. */
#ifndef LIND_TEST_OPENAT2_H
#define LIND_TEST_OPENAT2_H

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* how.resolve: RESOLVE_… of the manual. */
enum { NO_XDEV = 1, NO_MAGICLINKS = 2, NO_SYMLINKS = 4, BENEATH = 8, IN_ROOT = 16 };

struct how {
    unsigned long long flags, mode, resolve;
};

/* Opens and closes again. Returns 0, or -1 with errno set. */
static inline int opens2(int fd, const char *path, unsigned long long flags, unsigned long long resolve)
{
    struct how how = {flags, flags & O_CREAT ? 0600 : 0, resolve};
    long result = syscall(437, fd, path, &how, sizeof how);
    return result < 0 ? -1 : close((int)result);
}

#endif
