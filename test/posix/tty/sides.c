// What does each side of a pseudo-terminal see of the other: closing, packets, windows, locks?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#include "Inputs/pair.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

static void names(void)
{
    struct stat by_path, by_fd;
    char link[40], text[64] = "";
    int number, found = 0;
    open_pair();
    CHECK(!ioctl(master, TIOCGPTN, &number));
    snprintf(link, sizeof link, "/dev/pts/%d", number);
    CHECK(!strcmp(link, ptsname(master)));
    CHECK(!stat(link, &by_path) && !fstat(slave, &by_fd));
    CHECK(by_path.st_ino == by_fd.st_ino && by_path.st_dev == by_fd.st_dev);
    CHECK(S_ISCHR(by_fd.st_mode) && by_fd.st_rdev == makedev(136, (unsigned)number));
    CHECK(by_fd.st_uid == geteuid());
    CHECK(!fstat(master, &by_fd) && by_fd.st_rdev == makedev(5, 2));
    CHECK(ttyname(slave) && !strcmp(ttyname(slave), link));
    snprintf(link, sizeof link, "/proc/self/fd/%d", slave);
    CHECK(readlink(link, text, sizeof text - 1) > 0 && !strcmp(text, ptsname(master)));
    DIR *directory = opendir("/dev/pts");
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        found |=
            atoi(entry->d_name) == number && entry->d_name[0] != '.' && entry->d_name[0] != 'p';
    CHECK(found && !closedir(directory));
    close_pair();
    snprintf(link, sizeof link, "/dev/pts/%d", number);
    FAILS(open(link, O_RDWR | O_NOCTTY), ENOENT);
}

static void locks(void)
{
    int locked = 0, peer;
    master = posix_openpt(O_RDWR | O_NOCTTY);
    CHECK(!ioctl(master, TIOCGPTLCK, &locked) && locked == 1);
    FAILS(open_slave(O_NOCTTY), EIO);
    FAILS(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY), EIO);
    CHECK(!unlockpt(master) && !ioctl(master, TIOCGPTLCK, &locked) && locked == 0);
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(slave >= 0 && fcntl(slave, F_GETFD) == FD_CLOEXEC);
    peer = open_slave(O_NOCTTY);
    CHECK(peer >= 0);
    SAY("from one");
    GIVES(master, "from one");
    CHECK(write(peer, "from two", 8) == 8);
    GIVES(master, "from two");
    FAILS(ioctl(slave, TIOCGPTN, &locked), ENOTTY);
    FAILS(ioctl(slave, TIOCSPTLCK, &locked), ENOTTY);
    FAILS(ioctl(slave, TIOCPKT, &locked), ENOTTY);
    FAILS(ioctl(slave, 0x12345678, &locked), ENOTTY);
    FAILS(ioctl(slave, TCGETS, (void *)8), EFAULT);
    FAILS(ioctl(slave, TCSETS, (void *)8), EFAULT);
    FAILS(ioctl(master, TIOCPKT, (void *)8), EFAULT);
    close(peer);
    close_pair();
}

static void slave_closes(void)
{
    char byte;
    open_pair();
    SAY("last words");
    close(slave);
    CHECK(ready(master, POLLIN, 5000) & POLLIN);
    GIVES(master, "last words");
    CHECK(ready(master, POLLIN, 5000) & POLLHUP);
    FAILS(read(master, &byte, 1), EIO);
    TYPE("typed\n"); /* nobody is there, but may come again */
    slave = open_slave(O_NOCTTY);
    CHECK(!(ready(master, 0, 20) & POLLHUP));
    READS(slave, "typed\n");
    GIVES(master, "typed\r\n");
    close_pair();

    master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK); /* nobody has been there yet */
    FAILS(read(master, &byte, 1), EAGAIN);
    close(master);
}

static void master_closes(void)
{
    char byte;
    struct termios t;
    open_pair();
    TYPE("unread\n");
    CHECK(ready(slave, POLLIN, 5000));
    close(master);
    CHECK(ready(slave, POLLIN | POLLOUT, 5000) == (POLLIN | POLLOUT | POLLERR | POLLHUP));
    CHECK(read(slave, &byte, 1) == 0);
    FAILS(write(slave, "x", 1), EIO);
    FAILS(tcgetattr(slave, &t), EIO);
    close(slave);

    open_pair();
    pid_t child = fork();
    if (!child) {
        close(master);
        ssize_t got = read(slave, &byte, 1);
        _exit(got == 0 || (got == -1 && errno == EIO) ? 7 : 8);
    }
    usleep(20000);
    close_pair();
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 7 << 8);
}

static void packets(void)
{
    int on = 1;
    char one;
    open_pair();
    CHECK(!ioctl(master, TIOCPKT, &on));
    on = 0;
    CHECK(!ioctl(master, TIOCGPKT, &on) && on == 1);
    SAY("data");
    READS(master, "\0data");
    SAY("xy");
    CHECK(ready(master, POLLIN, 5000) && read(master, &one, 1) == 1 && one == 0);
    READS(master, "\0xy");
    CHECK(!tcflow(slave, TCOOFF));
    CHECK(ready(master, POLLIN | POLLPRI, 5000) == (POLLIN | POLLPRI));
    READS(master, "\4"); /* TIOCPKT_STOP */
    CHECK(!tcflow(slave, TCOON));
    READS(master, "\10");
    CHECK(!tcflush(slave, TCIFLUSH));
    READS(master, "\1");
    settings(0, IXON, 0, 0, 0, 0);
    READS(master, "\20"); /* TIOCPKT_NOSTOP */
    settings(IXON, 0, 0, 0, 0, 0);
    READS(master, "\40");
    settings(0, 0, 0, 0, EXTPROC, 0);
    READS(master, "\100"); /* TIOCPKT_IOCTL */
    settings(0, 0, 0, 0, 0, ECHO);
    READS(master, "\100");
    settings(0, 0, 0, 0, ECHO, EXTPROC);
    READS(master, "\100");
    settings(0, 0, 0, 0, 0, ECHO);
    CHECK(!ready(master, POLLIN, 20));
    on = 0;
    CHECK(!ioctl(master, TIOCPKT, &on));
    SAY("data");
    READS(master, "data");
    close_pair();
}

static void windows(void)
{
    struct winsize size;
    open_pair();
    CHECK(!ioctl(slave, TIOCGWINSZ, &size) && !size.ws_row && !size.ws_col);
    size = (struct winsize){33, 77, 1, 2};
    CHECK(!ioctl(master, TIOCSWINSZ, &size));
    size = (struct winsize){0};
    CHECK(!ioctl(slave, TIOCGWINSZ, &size) && size.ws_row == 33 && size.ws_col == 77);
    CHECK(size.ws_xpixel == 1 && size.ws_ypixel == 2);
    close_pair();
}

/* More than all buffers hold goes through both ways. */
static void volume(void)
{
    enum { TOTAL = 200000 };
    static char bytes[TOTAL];
    open_pair();
    settings(0, ICRNL | IXON, 0, OPOST, 0, ICANON | ECHO | ISIG | IEXTEN);
    for (int i = 0; i < TOTAL; i++)
        bytes[i] = (char)(i * 7 + i / 256);
    for (int back = 0; back < 2; back++) {
        int from = back ? slave : master, to = back ? master : slave;
        pid_t child = fork();
        if (!child) {
            for (int at = 0; at < TOTAL;) {
                ssize_t part = write(from, bytes + at, (size_t)(TOTAL - at));
                if (part <= 0)
                    _exit(1);
                at += (int)part;
            }
            _exit(0);
        }
        int same = 1, got = 0, status;
        while (got < TOTAL && ready(to, POLLIN, 5000)) {
            char part[5000];
            ssize_t length = read(to, part, sizeof part);
            if (length <= 0 || got + length > TOTAL)
                break;
            same &= !memcmp(part, bytes + got, (size_t)length);
            got += (int)length;
        }
        CHECK(got == TOTAL && same);
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    CHECK(!fcntl(slave, F_SETFL, O_NONBLOCK) && !fcntl(master, F_SETFL, O_NONBLOCK));
    int full = 0;
    for (int i = 0; i < 5000 && !full; i++) { /* what was written may still be moved on */
        while (write(slave, bytes, sizeof bytes) > 0)
            usleep(1000);
        full = errno == EAGAIN && !ready(slave, POLLOUT, 0);
    }
    CHECK(full);
    close_pair();
}

/* TIOCEXCL: no more opens, but for root's. */
static void exclusive(void)
{
    int value = 7, status;
    open_pair();
    CHECK(!ioctl(slave, TIOCGEXCL, &value) && value == 0 && !ioctl(slave, TIOCEXCL));
    CHECK(!ioctl(slave, TIOCGEXCL, &value) && value == 1);
    CHECK(!ioctl(master, TIOCGEXCL, &value) && value == 0);
    CHECK(!chmod(ptsname(master), 0666));
    pid_t pid = fork();
    if (!pid) {
        CHECK(geteuid() || !seteuid(1234));
        FAILS(open_slave(O_NOCTTY), EBUSY);
        FAILS(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY), EBUSY);
        CHECK(!ioctl(slave, TIOCNXCL));
        CHECK(open_slave(O_NOCTTY) >= 0);
        _exit(check_end());
    }
    CHECK(waitpid(pid, &status, 0) == pid && !status);
    CHECK(!ioctl(slave, TIOCGEXCL, &value) && value == 0 && !ioctl(slave, TIOCEXCL));
    if (!geteuid()) {
        int again = open_slave(O_NOCTTY);
        CHECK(again >= 0 && !close(again));
    }
    close_pair();
}

/* The kernel's struct termio. */
struct old_settings {
    unsigned short iflag, oflag, cflag, lflag;
    unsigned char line, characters[8];
};

static void properties(void)
{
    int value = 7;
    unsigned number;
    struct old_settings old;
    struct termios t;
    open_pair();
    CHECK(!ioctl(slave, TIOCGETD, &value) && value == 0 && !ioctl(slave, TIOCSETD, &value));
    value = 99;
    FAILS(ioctl(slave, TIOCSETD, &value), EINVAL);
    FAILS(ioctl(slave, TIOCSETD, (void *)8), EFAULT);
    FAILS(ioctl(slave, TIOCGETD, (void *)8), EFAULT);
    CHECK(!ioctl(slave, TIOCSBRK) && !ioctl(slave, TIOCCBRK) && !ioctl(slave, TCSBRK, 0));
    CHECK(!ioctl(master, TIOCGPTN, &number) && !ioctl(slave, TIOCGDEV, &value));
    CHECK((dev_t)value == makedev(136, number));
    CHECK(!ioctl(master, TIOCGDEV, &value) && (dev_t)value == makedev(136, number));
    CHECK(!ioctl(slave, TIOCGSOFTCAR, &value) && value == 0);
    CHECK(!ioctl(slave, TCGETA, &old) && !tcgetattr(slave, &t));
    CHECK(old.iflag == (unsigned short)t.c_iflag && old.lflag == (unsigned short)t.c_lflag);
    CHECK(old.cflag == (unsigned short)t.c_cflag && old.oflag == (unsigned short)t.c_oflag);
    CHECK(!memcmp(old.characters, t.c_cc, 8) && old.characters[VKILL] == 025);
    t.c_lflag |= EXTPROC; /* in the high half */
    CHECK(!tcsetattr(slave, TCSANOW, &t));
    old.lflag &= (unsigned short)~ECHO;
    old.characters[VKILL] = 'k';
    CHECK(!ioctl(master, TCSETAW, &old) && !tcgetattr(slave, &t));
    CHECK((t.c_lflag & (ECHO | ICANON | EXTPROC)) == (ICANON | EXTPROC));
    CHECK(t.c_cc[VKILL] == 'k' && t.c_cc[VSUSP] == 032);
    CHECK(!ioctl(slave, TCSETA, &old) && !ioctl(slave, TCSETAF, &old));
    FAILS(ioctl(slave, TCGETA, (void *)8), EFAULT);
    FAILS(ioctl(slave, TCSETA, (void *)8), EFAULT);
    close_pair();
}

int main(void)
{
    alarm(60);
    names();
    locks();
    slave_closes();
    master_closes();
    exclusive();
    properties();
    packets();
    windows();
    volume();
    return check_end();
}
