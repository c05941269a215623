// Can the runtime be reached through the host's /proc when a user grants it, or a directory above it (attack row K6)? The control, natively,
// opens the same files.
// RUN: musl-gcc -static -O1 %s -o %t.native && not %t.native /proc
// RUN: %lind-cc -O1 %s -o %t && %lind-run --dir /proc:/host %t /host && %lind-run --dir /:/host:ro %t /host/proc && %lind-run --dir / %t /proc all-granted
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int reached;

static void try(const char *root, const char *name, int flags)
{
    char path[256], byte;
    snprintf(path, sizeof path, "%s/%s", root, name);
    int fd = open(path, flags);
    if (fd < 0)
        return;
    if (flags == O_RDWR || read(fd, &byte, 1) == 1) {
        printf("reached %s\n", path);
        reached++;
    }
    close(fd);
}

int main(int argc, char **argv)
{
    char path[256];
    try(argv[1], "self/mem", O_RDWR);
    try(argv[1], "thread-self/mem", O_RDWR);
    try(argv[1], "self/task/../mem", O_RDWR);
    if (argc == 2) { /* else everything is granted, and this leads there */
        try(argv[1], "self/root/etc/passwd", O_RDONLY);
        try(argv[1], "self/fd/0/../../etc/passwd", O_RDONLY);
    }
    snprintf(path, sizeof path, "%s/self", argv[1]);
    if (!chdir(path))
        try(".", "mem", O_RDWR);
    int fd = open(path, O_PATH | O_DIRECTORY);
    if (fd >= 0) {
        int mem = openat(fd, "mem", O_RDWR);
        if (mem >= 0) {
            printf("reached mem below a directory\n");
            reached++;
        }
    }
    return reached != 0;
}
