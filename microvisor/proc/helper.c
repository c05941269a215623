#include "microvisor/proc/helper.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FDS_MOST = 4, FIRST_FREE_FD = 10 }; /* FIRST_FREE_FD: above those that helpers get */

/* Where a helper lies. Returns whether that is known. */
static int find(const char *name, char path[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - NAME_MAX - 1);
    path[length > 0 ? length : 0] = 0;
    char *slash = strrchr(path, '/');
    if (slash)
        snprintf(slash + 1, NAME_MAX, "%s", name);
    return slash != NULL;
}

pid_t helper_start(const char *name, const char *argument, const int *fds, int count)
{
    char path[PATH_MAX];
    char *arguments[] = {(char *)name, (char *)argument, NULL}, *environment[] = {NULL};
    int copies[FDS_MOST] = {-1, -1, -1, -1};
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;

    if (!find(name, path) || posix_spawn_file_actions_init(&actions))
        return -1;
    /* Whatever else this process has been given to hold is not for the helper. */
    syscall(SYS_close_range, count > 3 ? count : 3, ~0U, CLOSE_RANGE_CLOEXEC);
    int error = 0;
    for (int fd = 0; fd < count && !error; fd++) {
        if (fds[fd] < 0) {
            error = posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
            continue;
        }
        copies[fd] = fcntl(fds[fd], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
        error = copies[fd] < 0 || posix_spawn_file_actions_adddup2(&actions, copies[fd], fd);
    }
    if (error || posix_spawn(&pid, path, &actions, NULL, arguments, environment))
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    for (int fd = 0; fd < count; fd++)
        if (copies[fd] >= 0)
            close(copies[fd]);
    return pid;
}
