/* Calls that are special cases of others: each is the general form of its family (calls.def) with
 * some arguments fixed. */
#include <fcntl.h>
#include <time.h>

#include "microvisor/calls.h"

#define HERE ((uint64_t)AT_FDCWD)
#define A(number) args[number]

#define SPECIAL_CASE(name, general, ...)                                                           \
    CALL_IS(name, call_##general(task, (const uint64_t[6]){__VA_ARGS__}))

SPECIAL_CASE(accept, accept4, A(0), A(1), A(2), 0)
SPECIAL_CASE(access, faccessat2, HERE, A(0), A(1), 0)
SPECIAL_CASE(adjtimex, clock_adjtime, CLOCK_REALTIME, A(0))
SPECIAL_CASE(chmod, fchmodat, HERE, A(0), A(1))
SPECIAL_CASE(chown, fchownat, HERE, A(0), A(1), A(2), 0)
SPECIAL_CASE(creat, openat, HERE, A(0), O_CREAT | O_WRONLY | O_TRUNC, A(1))
SPECIAL_CASE(epoll_wait, epoll_pwait, A(0), A(1), A(2), A(3), 0, 0)
SPECIAL_CASE(eventfd, eventfd2, A(0), 0)
SPECIAL_CASE(execve, execveat, HERE, A(0), A(1), A(2), 0)
SPECIAL_CASE(faccessat, faccessat2, A(0), A(1), A(2), 0)
SPECIAL_CASE(lchown, fchownat, HERE, A(0), A(1), A(2), AT_SYMLINK_NOFOLLOW)
SPECIAL_CASE(link, linkat, HERE, A(0), HERE, A(1), 0)
SPECIAL_CASE(lstat, newfstatat, HERE, A(0), A(1), AT_SYMLINK_NOFOLLOW)
SPECIAL_CASE(mkdir, mkdirat, HERE, A(0), A(1))
SPECIAL_CASE(mknod, mknodat, HERE, A(0), A(1))
SPECIAL_CASE(nanosleep, clock_nanosleep, CLOCK_MONOTONIC, 0, A(0), A(1))
SPECIAL_CASE(open, openat, HERE, A(0), A(1), A(2))
SPECIAL_CASE(pipe, pipe2, A(0), 0)
SPECIAL_CASE(readlink, readlinkat, HERE, A(0), A(1), A(2))
SPECIAL_CASE(rename, renameat2, HERE, A(0), HERE, A(1), 0)
SPECIAL_CASE(renameat, renameat2, A(0), A(1), A(2), A(3), 0)
SPECIAL_CASE(rmdir, unlinkat, HERE, A(0), AT_REMOVEDIR)
SPECIAL_CASE(signalfd, signalfd4, A(0), A(1), A(2), 0)
SPECIAL_CASE(stat, newfstatat, HERE, A(0), A(1), 0)
SPECIAL_CASE(symlink, symlinkat, A(0), HERE, A(1))
SPECIAL_CASE(unlink, unlinkat, HERE, A(0), 0)
SPECIAL_CASE(utimes, futimesat, HERE, A(0), A(1))
