// Does a terminal that is given to a program work: settings, size, process group, and nothing beyond the list?
// RUN: %lind-cc -O1 %s -o %t && %python %S/../tty/Inputs/on_terminal.py %lind-run %t
#include "check.h"

#include <sys/ioctl.h>
#include <termios.h>

int main(void)
{
    struct termios settings, back;
    struct winsize size, other;
    CHECK(isatty(0));
    CHECK(tcgetattr(0, &settings) == 0);
    settings.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
    CHECK(tcsetattr(0, TCSANOW, &settings) == 0);
    CHECK(tcgetattr(0, &back) == 0 && !(back.c_lflag & (ECHO | ICANON)));
    CHECK(ioctl(0, TIOCGWINSZ, &size) == 0);
    size.ws_row = 33;
    size.ws_col = 77;
    CHECK(ioctl(0, TIOCSWINSZ, &size) == 0);
    CHECK(ioctl(0, TIOCGWINSZ, &other) == 0 && other.ws_row == 33 && other.ws_col == 77);
    CHECK(tcgetpgrp(0) == getpgrp());
    CHECK(tcsetpgrp(0, getpgrp()) == 0);
    CHECK(tcgetsid(0) == getsid(0));
    int count = -1;
    CHECK(ioctl(0, FIONREAD, &count) == 0 && count == 0);
    CHECK(tcflush(0, TCIFLUSH) == 0);
    CHECK(tcdrain(0) == 0);
    int tty = open("/dev/tty", O_RDWR);
    CHECK(tty >= 0 && isatty(tty));
    CHECK_ERROR(ioctl(0, TCGETS, BAD), EFAULT);
    CHECK_ERROR(ioctl(0, TCSETS, BAD), EFAULT);
#ifdef __lind__
    CHECK_ERROR(ioctl(0, TIOCSTI, "x"), ENOTTY); /* what would type commands into the shell behind us */
#endif
    return check_done();
}
