// Does /proc/self/mountinfo name the file system of the current directory, by its device, and as one that df counts, as Linux does?
// RUN: musl-gcc -static -O1 -I%root/test/posix/Inputs %s -o %t.native && rm -rf %t.d && mkdir %t.d && cd %t.d && %t.native
// RUN: %lind-cc -O1 -I%root/test/posix/Inputs %s -o %t && cd %t.d && %lind-run %t
#define _GNU_SOURCE
#include "check.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct found {
    size_t length; // of the mount point
    unsigned major, minor;
    char type[64];
};

// The mount in which the path lies: the one with the longest mount point; of equals the last, which is on top.
static struct found mount_of(const char *path)
{
    char line[8192], point[PATH_MAX];
    struct found best = {0};
    FILE *file = fopen("/proc/self/mountinfo", "r");
    CHECK(file != NULL);
    while (file && fgets(line, sizeof line, file)) {
        struct found mount;
        const char *rest = strstr(line, " - ");
        CHECK(rest && sscanf(line, "%*d %*d %u:%u %*s %4095s", &mount.major, &mount.minor, point) == 3);
        CHECK(rest && sscanf(rest, " - %63s", mount.type) == 1);
        mount.length = strlen(point);
        int below = !strcmp(point, "/") || (!strncmp(path, point, mount.length) && (path[mount.length] == '/' || !path[mount.length]));
        if (below && mount.length >= best.length)
            best = mount;
    }
    if (file)
        fclose(file);
    return best;
}

int main(void)
{
    char directory[PATH_MAX];
    struct stat status;
    CHECK(getcwd(directory, sizeof directory) != NULL && stat(".", &status) == 0);
    struct found mount = mount_of(directory);
    CHECK(mount.length > 0);
    CHECK(mount.major == major(status.st_dev) && mount.minor == minor(status.st_dev));
    CHECK(strcmp(mount.type, "none") != 0); // what programs take for a mount without files

    CHECK(stat("/proc/self", &status) == 0);
    mount = mount_of("/proc/self");
    CHECK(!strcmp(mount.type, "proc") && mount.minor == minor(status.st_dev));
    return check_end();
}
