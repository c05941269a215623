// Has the terminal that lind-run was started on a name by which a process without a terminal can use it?
// RUN: musl-gcc -static -O2 %s -o %t.native && %python %S/Inputs/on_terminal.py %t.native
// RUN: %lind-cc -O2 %s -o %t && %python %S/Inputs/on_terminal.py %lind-run -- %t
// RUN: %lind-run -- %t none </dev/null >/dev/null
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../Inputs/check.h"

static int is_same(const struct stat *one, const struct stat *two)
{
    return one->st_dev == two->st_dev && one->st_ino == two->st_ino &&
           one->st_rdev == two->st_rdev && one->st_mode == two->st_mode &&
           one->st_uid == two->st_uid;
}

static void has_one_status(const char *name)
{
    struct stat by_name, other;
    CHECK(!stat(name, &by_name) && S_ISCHR(by_name.st_mode));
    CHECK(!fstat(0, &other) && is_same(&by_name, &other));
    CHECK(!fstatat(1, "", &other, AT_EMPTY_PATH) && is_same(&by_name, &other));
    CHECK(!stat("/proc/self/fd/2", &other) && is_same(&by_name, &other));
    CHECK(!access(name, R_OK | W_OK));
}

static int is_listed(const char *name)
{
    char directory[PATH_MAX];
    strcpy(directory, name);
    *strrchr(directory, '/') = 0;
    DIR *stream = opendir(directory);
    int found = 0;
    for (struct dirent *entry; stream && (entry = readdir(stream));)
        found += !strcmp(entry->d_name, strrchr(name, '/') + 1) && entry->d_type == DT_CHR;
    closedir(stream);
    return found;
}

/* A daemon of a session of its own reads and writes the user's terminal. */
static void from_outside(const char *name)
{
    CHECK(setsid() == getpid());
    close(0);
    FAILS(open("/dev/tty", O_RDWR), ENXIO);
    CHECK(open(name, O_RDWR | O_NONBLOCK) == 0);
    FAILS(open("/dev/tty", O_RDWR), ENXIO); /* it is another session's */
    FAILS(tcgetsid(0), ENOTTY);
    FAILS(ioctl(0, TIOCSCTTY, 0), EPERM);
    struct termios settings;
    CHECK(!tcgetattr(0, &settings));
    settings.c_lflag &= ~(tcflag_t)ICANON;
    CHECK(!tcsetattr(0, TCSANOW, &settings));
    CHECK(write(0, "type\n", 5) == 5);
    struct pollfd entry = {0, POLLIN, 0};
    char byte = 0;
    CHECK(poll(&entry, 1, 20000) == 1 && read(0, &byte, 1) == 1 && byte == 'x');
    /* By its descriptor as well as by its name */
    int again = open("/proc/self/fd/0", O_RDWR);
    CHECK(again > 0 && write(again, "again\n", 6) == 6);
}

static void has_none(void)
{
    FAILS(open("/dev/console", O_RDWR), ENOENT);
    CHECK(!is_listed("/dev/console"));
    CHECK(is_listed("/dev/tty") && is_listed("/dev/ptmx"));
}

int main(int count, char **arguments)
{
    alarm(60);
    if (count > 1) {
        has_none();
        return check_end();
    }
    const char *name = ttyname(0);
    CHECK(name);
    if (!name)
        return 1;
    has_one_status(name);
    CHECK(is_listed(name));
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        from_outside(name);
        fflush(stdout);
        _exit(check_end());
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && !status);
    return check_end();
}
