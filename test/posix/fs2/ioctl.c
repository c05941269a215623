// Does ioctl serve what it should, and refuse terminals' commands on other files?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t < /dev/null
#include "check.h"

#include <sys/ioctl.h>
#include <termios.h>

int main(void)
{
    struct termios settings;
    struct winsize size;
    int number, file = open("ioctl.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(!isatty(file) && errno == ENOTTY);
    CHECK_ERROR(tcgetattr(file, &settings), ENOTTY);
    CHECK_ERROR(ioctl(file, TIOCGWINSZ, &size), ENOTTY);
    CHECK_ERROR(tcgetpgrp(file), ENOTTY);
    CHECK_ERROR(ioctl(0, TCGETS, &settings), ENOTTY);
    CHECK_ERROR(ioctl(file, TIOCSTI, "x"), ENOTTY);
    CHECK_ERROR(ioctl(99, TCGETS, &settings), EBADF);
    CHECK_ERROR(ioctl(file, 0x12345678, &settings), ENOTTY);
    CHECK(write(file, "0123456789", 10) == 10 && lseek(file, 4, SEEK_SET) == 4);
    CHECK(ioctl(file, FIONREAD, &number) == 0 && number == 6);
    CHECK(ioctl(file, FIOCLEX) == 0 && fcntl(file, F_GETFD) == FD_CLOEXEC);
    CHECK(ioctl(file, FIONCLEX) == 0 && fcntl(file, F_GETFD) == 0);
    number = 1;
    CHECK(ioctl(file, FIONBIO, &number) == 0 && fcntl(file, F_GETFL) & O_NONBLOCK);
    number = 0;
    CHECK(ioctl(file, FIONBIO, &number) == 0 && !(fcntl(file, F_GETFL) & O_NONBLOCK));
    CHECK_ERROR(ioctl(file, FIONBIO, BAD), EFAULT);
    unlink("ioctl.tmp");
    return check_done();
}
