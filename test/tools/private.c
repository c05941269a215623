// Does nothing of the private /tmp stay behind on the host, however deep and closed the program left it?
// RUN: %lind-cc %s -o %t
// RUN: rm -rf %t.host && mkdir %t.host
// RUN: env TMPDIR=%t.host %lind-run %t | grep -x 150
// RUN: sh -c 'ls -A %t.host | wc -l' | grep -x 0
// The control: while the program runs, it is there.
// RUN: sh -c 'for i in $(seq 600); do n=$(ls -A %t.host | wc -l); test $n = 0 || break; sleep 0.1; done; echo $n >%t.count' | env TMPDIR=%t.host %lind-run %t wait
// RUN: grep -x 1 %t.count
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEVELS = 150, LENGTH = 100 };

static int file(const char *name)
{
    int fd = open(name, O_CREAT | O_WRONLY, 0);
    return fd < 0 || write(fd, "x", 1) != 1 || close(fd);
}

int main(int argc, char **argv)
{
    char name[LENGTH + 1], byte;
    int levels = 0;
    memset(name, 'd', LENGTH);
    name[LENGTH] = 0;
    if (chdir("/tmp") || file("file") || symlink("/", "link") || mkdir("wide", 0700))
        return 1;
    for (int i = 0; i < 50; i++) {
        char inner[32];
        snprintf(inner, sizeof inner, "wide/%d", i);
        if (mkdir(inner, 0700) || (strcat(inner, "/x"), mkdir(inner, 0700)))
            return 1;
    }
    for (; levels < LEVELS && !mkdir(name, 0700) && !chdir(name); levels++)
        if (file("0") || file("file") || symlink("/tmp", "link"))
            return 1;
    for (int i = 0; i < levels; i++)
        if (chdir("..") || chmod(name, 0))
            return 1;
    printf("%d\n", levels);
    fflush(stdout);
    return argc > 1 && read(0, &byte, 1) < 0;
}
