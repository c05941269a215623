/* Opens many paths with openat2, from a directory and from /proc, in every scope, and prints how it went. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "openat2.h"

static const unsigned scopes[] = {BENEATH,           IN_ROOT,           BENEATH | NO_SYMLINKS,   IN_ROOT | NO_SYMLINKS,
                                  BENEATH | NO_XDEV, IN_ROOT | NO_XDEV, IN_ROOT | NO_MAGICLINKS, BENEATH | NO_MAGICLINKS};

static const char *const below_top[] = {
    "file", "dir/inner", "dir/../file", "dir/up", "abs", "out", "absout", "l", "..", "../file", "/file", "/dir/up",
    "/../file", "magic", ".", "dir/..", "dir/../..", "dir/../../top/file", "/", "dir/dots", "dir/dots/file", "dir/dots/..",
    "nothing", "dir/nothing", "l/x", "./dir/./inner", "dir/dots/../file", "", NULL};

static const char *const below_proc[] = {"self/stat", "self", "self/..", "self/../self/stat", "..", "self/../..", "self/cwd", "self/exe",
                                         "self/fd/0", "/self/stat", "self/root", "../proc/self", "self/cwd/file", NULL};

static void open_all(int directory, const char *const *paths, unsigned scope, int flags)
{
    for (; *paths; paths++) {
        int result = opens2(directory, *paths, (unsigned)flags, scope);
        printf("%u %#x \"%s\": %d\n", scope, flags, *paths, result < 0 ? -errno : 0);
    }
}

int main(void)
{
    mkdir("top", 0755);
    mkdir("top/dir", 0755);
    close(open("top/file", O_CREAT | O_WRONLY, 0644));
    close(open("top/dir/inner", O_CREAT | O_WRONLY, 0644));
    symlink("../file", "top/dir/up");
    symlink("..", "top/dir/dots");
    symlink("/file", "top/abs");
    symlink("../top/file", "top/out");
    symlink("/top/file", "top/absout");
    symlink("dir/inner", "top/l");
    symlink("/proc/self/fd/0", "top/magic");
    int top = open("top", O_PATH), proc = open("/proc", O_PATH);
    for (unsigned i = 0; i < sizeof scopes / sizeof *scopes; i++) {
        open_all(top, below_top, scopes[i], O_RDONLY);
        open_all(top, below_top, scopes[i], O_PATH | O_NOFOLLOW);
        open_all(proc, below_proc, scopes[i], O_RDONLY);
    }
    static const char *const made[] = {"new", "dir/../newer", "dir/dots/newest", "../newest", "/new", "dir/dots/../x", NULL};
    open_all(top, made, BENEATH, O_CREAT | O_WRONLY);
    open_all(top, made, IN_ROOT, O_CREAT | O_RDWR);
    for (int i = 0; made[i]; i++)
        printf("%s: %d\n", made[i], faccessat(top, made[i], F_OK, 0));
    return 0;
}
