// Do rights over an inherited descriptor stay what they were: no writing what was given for reading, no names around it (attack rows K6, K8)?
// The control, the same program natively, does write.
// RUN: musl-gcc -static -O1 %s -o %t.native && printf secret > %t.file && not %t.native %t.file < %t.file && grep -q taken %t.file
// RUN: %lind-cc -O1 %s -o %t && rm -rf %t.d && mkdir %t.d && printf secret > %t.file && cd %t.d && %lind-run %t %t.file < %t.file && %lind-run %t %t.file < %t.file > /dev/null && printf secret | cmp - %t.file
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int taken;

static void take(int fd)
{
    if (fd < 0)
        return;
    if (pwrite(fd, "taken!", 6, 0) == 6)
        taken++;
    close(fd);
}

int main(int argc, char **argv)
{
    char text[64];
    /* Opened again for writing, directly and through O_PATH descriptors. */
    take(open("/proc/self/fd/0", O_RDWR));
    take(open("/dev/stdin", O_WRONLY));
    take(open("/dev/fd/0", O_WRONLY | O_APPEND));
    int path = open("/proc/self/fd/0", O_PATH);
    if (path >= 0) {
        snprintf(text, sizeof text, "/proc/self/fd/%d", path);
        take(open(text, O_RDWR));
        taken += !chmod(text, 0777);
        taken += !truncate(text, 0);
        taken += !linkat(AT_FDCWD, text, AT_FDCWD, "stolen", AT_SYMLINK_FOLLOW);
        taken += !linkat(path, "", AT_FDCWD, "stolen2", AT_EMPTY_PATH);
    }
    take(open("/proc/self/fd/0", O_RDONLY | O_TRUNC));
    take(openat(0, "", O_RDWR));
    take(openat(0, "..", O_RDWR));
    taken += !truncate("/proc/self/fd/0", 3);
    taken += !ftruncate(0, 3);
    taken += !fchmod(0, 0777);
    taken += !chmod("/proc/self/fd/0", 0777);
    taken += !access("/proc/self/fd/0/..", F_OK) && !access("/proc/self/fd/0/../cwd", F_OK);
    /* A device given as standard output keeps its owner and mode. */
    struct stat before, after;
    fstat(1, &before);
    if (S_ISCHR(before.st_mode)) {
        taken += !fchmod(1, before.st_mode & 07777);
        taken += !fchown(1, -1, -1) || !fchown(1, before.st_uid, before.st_gid);
        taken += !futimens(1, NULL);
        fstat(1, &after);
        taken += before.st_mtim.tv_sec != after.st_mtim.tv_sec || before.st_mode != after.st_mode;
    }
    /* By its host name, which lies outside of what is granted. */
    take(open(argv[1], O_RDWR));
    /* Writable memory of it. */
    if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0) != MAP_FAILED)
        taken++;
    /* But reading goes on. */
    int fd = open("/dev/stdin", O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text) < 3 || read(0, text, 6) < 3) {
        perror("reading");
        return 2;
    }
    printf("taken %d times\n", taken);
    return taken != 0;
}
