/* Prints what a program can learn of the terminal that is its standard input. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

int main(void)
{
    struct winsize size;
    struct termios settings;
    if (ioctl(0, TIOCGWINSZ, &size) || tcgetattr(0, &settings)) {
        puts("no terminal");
        return 1;
    }
    const char *name = ttyname(0);
    struct stat by_name, by_descriptor;
    printf("size %dx%d, ", size.ws_row, size.ws_col);
    printf("%s, ", tcgetsid(0) == getsid(0) ? "controlling" : "not controlling");
    printf("%s, ", tcgetpgrp(0) == getpgrp() ? "foreground" : "background");
    printf("%s, ", settings.c_lflag & ICANON ? "lines" : "characters");
    printf("%s, ", settings.c_lflag & ECHO ? "echo" : "no echo");
    if (name && !stat(name, &by_name) && !fstat(0, &by_descriptor) &&
        by_name.st_rdev == by_descriptor.st_rdev)
        puts("has a name");
    else
        puts("has no name");
    return 0;
}
