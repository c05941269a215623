// Can a cage write or truncate its own program, or anything else that is granted read-only, by some combination of open's flags, through
// links and /proc/self (attack rows K4, K9)? The control, natively, changes the same file.
// RUN: %lind-cc -O1 %s -o %t && rm -rf %t.dir %t.cwd && mkdir %t.dir %t.cwd && echo content > %t.dir/file && ln -s file %t.dir/link
// RUN: cp %t %t.program && cd %t.cwd && %lind-run --dir %t.dir:/granted:ro %t.program /proc/self/exe /granted/file /granted/link /proc/self/root/granted/link
// RUN: cmp %t %t.program && grep content %t.dir/file
// RUN: musl-gcc -static -O1 %s -o %t.native && not %t.native %t.dir/link && not grep content %t.dir/file
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int changed;

static void attack(const char *path)
{
    static const int flags[] = {O_TRUNC, O_EXCL, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_APPEND, O_DSYNC, O_NOCTTY};
    struct stat before, after;
    stat(path, &before);
    for (int access = 0; access < 4; access++)
        for (int set = 0; set < 256; set++) {
            int all = access;
            for (int i = 0; i < 8; i++)
                all |= set >> i & 1 ? flags[i] : 0;
            int fd = open(path, all, 0600), writable = fd >= 0 && write(fd, "x", 1) == 1;
            if (writable || stat(path, &after) || after.st_size != before.st_size) {
                printf("%s: flags %#o changed it\n", path, all);
                changed = 1;
                return;
            }
            if (fd >= 0) {
                char again[40];
                snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
                int second = open(again, O_WRONLY | (all & (O_EXCL | O_TRUNC)));
                if (second >= 0 && write(second, "x", 1) == 1)
                    changed = 1;
                close(second);
                close(fd);
            }
        }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        attack(argv[i]);
    return changed;
}
