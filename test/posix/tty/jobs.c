// Does job control work as on Linux: controlling terminals, foreground groups, their signals?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#include "Inputs/pair.h"

#include <sys/wait.h>
#include <time.h>

static pid_t start(void)
{
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        alarm(20);
        check_failures = 0;
    }
    return pid;
}

static _Noreturn void finish(void)
{
    fflush(stdout);
    _exit(check_failures != 0);
}

static int status_of(pid_t pid, int flags)
{
    int status = -1;
    CHECK(waitpid(pid, &status, flags) == pid);
    return status;
}

static void ends(pid_t pid, int line)
{
    int status = status_of(pid, 0);
    if (status)
        printf("# line %d: a child ended with status %x\n", line, status);
    check_failures += status != 0;
}
#define ENDS(pid) ends(pid, __LINE__)

static int stops(pid_t pid, int signal)
{
    int status = status_of(pid, WUNTRACED);
    if (WIFSTOPPED(status) && WSTOPSIG(status) == signal)
        return 1;
    printf("# status %x\n", status);
    return 0;
}

/* Runs body as the leader of a session whose controlling terminal is `slave`. */
static void as_leader(const char *name, void (*body)(void))
{
    open_pair();
    pid_t leader = start();
    if (!leader) {
        close(slave);
        CHECK(setsid() == getpid());
        FAILS(open("/dev/tty", O_RDWR), ENXIO);
        slave = open_slave(0);
        body();
        finish();
    }
    int status = status_of(leader, 0);
    if (status)
        printf("# %s: status %x\n", name, status);
    check_failures += status != 0;
    close_pair();
}

/* A child in a process group of its own, in the background. */
static pid_t job(void)
{
    pid_t pid = start();
    setpgid(pid, 0);
    return pid;
}

static int takes(int signal)
{
    struct timespec limit = {5, 0};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    return sigtimedwait(&set, NULL, &limit) == signal;
}

static void block(int signal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void control(void)
{
    int number = -1, tty = open("/dev/tty", O_RDWR);
    CHECK(tty >= 0 && isatty(tty) && write(tty, "x", 1) == 1);
    GIVES(master, "x");
    CHECK(tcgetsid(slave) == getpid() && tcgetpgrp(slave) == getpid() &&
          tcgetpgrp(tty) == getpid());
    CHECK(!ioctl(master, TIOCGPGRP, &number) && number == getpid());
    CHECK(!ioctl(master, TIOCGSID, &number) && number == getpid());
    CHECK(!ioctl(slave, TIOCSCTTY, 0));
    FAILS(ioctl(slave, TIOCGPGRP, (void *)8), EFAULT);
    pid_t other = start();
    if (!other) {
        CHECK(tcgetsid(slave) == getppid() && setsid() == getpid());
        FAILS(tcgetpgrp(slave), ENOTTY);
        FAILS(tcsetpgrp(slave, getpid()), ENOTTY);
        FAILS(ioctl(slave, TIOCSCTTY, 0), EPERM);
        FAILS(open("/dev/tty", O_RDWR), ENXIO);
        FAILS(ioctl(slave, TIOCNOTTY), ENOTTY);
        close(open_slave(0)); /* it has a session already */
        FAILS(open("/dev/tty", O_RDWR), ENXIO);
        CHECK(write(slave, "y", 1) == 1);
        GIVES(master, "y");
        finish();
    }
    ENDS(other);
    pid_t member = start();
    if (!member) {
        CHECK(!ioctl(slave, TIOCNOTTY));
        FAILS(tcgetpgrp(slave), ENOTTY);
        FAILS(ioctl(slave, TIOCSCTTY, 0), EPERM);
        finish();
    }
    ENDS(member);
    block(SIGHUP);
    block(SIGCONT);
    CHECK(!ioctl(slave, TIOCNOTTY) && takes(SIGHUP) && takes(SIGCONT));
    FAILS(tcgetpgrp(slave), ENOTTY);
    FAILS(open("/dev/tty", O_RDWR), ENXIO);
    CHECK(!ioctl(slave, TIOCSCTTY, 0) && tcgetpgrp(slave) == getpid());
}

/* Root takes another session's terminal, which then has none. */
static void stolen(void)
{
    pid_t thief = start();
    if (!thief) {
        FAILS(ioctl(slave, TIOCSCTTY, 1), EPERM); /* leads no session */
        CHECK(setsid() == getpid());
        FAILS(ioctl(slave, TIOCSCTTY, 0), EPERM);
        if (geteuid()) {
            FAILS(ioctl(slave, TIOCSCTTY, 1), EPERM);
            finish();
        }
        CHECK(!seteuid(1234));
        FAILS(ioctl(slave, TIOCSCTTY, 1), EPERM);
        CHECK(!seteuid(0) && !ioctl(slave, TIOCSCTTY, 1) && !ioctl(slave, TIOCSCTTY, 1));
        CHECK(tcgetsid(slave) == getpid() && tcgetpgrp(slave) == getpid());
        finish();
    }
    ENDS(thief);
    if (!geteuid()) {
        FAILS(tcgetsid(slave), ENOTTY);
        FAILS(open("/dev/tty", O_RDWR), ENXIO);
    }
}

static void keys(void)
{
    block(SIGINT);
    block(SIGQUIT);
    block(SIGTSTP);
    TYPE("gone\003");
    CHECK(takes(SIGINT));
    TYPE("\034");
    CHECK(takes(SIGQUIT));
    TYPE("\032rest\n");
    CHECK(takes(SIGTSTP));
    READS(slave, "rest\n");
    DRAINS(master, "rest\r\n");
    settings(0, 0, 0, 0, NOFLSH, 0);
    TYPE("kept\003rest\n");
    CHECK(takes(SIGINT));
    READS(slave, "keptrest\n");
    GIVES(master, "kept^Crest\r\n");
    settings(0, 0, 0, 0, 0, ISIG);
    TYPE("a\003b\n");
    READS(slave, "a\003b\n");

    settings(0, 0, 0, 0, ISIG, 0);
    pid_t pid = job();
    if (!pid) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        for (;;)
            pause();
    }
    CHECK(!tcsetpgrp(slave, pid) && tcgetpgrp(slave) == pid);
    TYPE("\032");
    CHECK(stops(pid, SIGTSTP));
    kill(pid, SIGCONT);
    TYPE("\003");
    CHECK(status_of(pid, 0) == SIGINT);
    sigset_t pending;
    CHECK(!sigpending(&pending) && !sigismember(&pending, SIGINT));
}

static void foreground(void)
{
    signal(SIGTTOU, SIG_IGN);
    FAILS(tcsetpgrp(slave, -1), EINVAL);
    FAILS(tcsetpgrp(slave, 4194000), ESRCH);
    FAILS(tcsetpgrp(slave, getppid()), EPERM);
    int pair[2];
    CHECK(!pipe(pair));
    pid_t elsewhere = start();
    if (!elsewhere) {
        CHECK(setsid() == getpid() && write(pair[1], "", 1) == 1);
        for (;;)
            pause();
    }
    char byte;
    CHECK(read(pair[0], &byte, 1) == 1);
    FAILS(tcsetpgrp(slave, elsewhere), EPERM);
    CHECK(!kill(elsewhere, SIGKILL) && status_of(elsewhere, 0) == SIGKILL);
    CHECK(!close(pair[0]) && !close(pair[1]));
    CHECK(!pipe(pair));
    pid_t pid = job();
    if (!pid) {
        char line[10];
        CHECK(read(slave, line, 10) == 3 && !memcmp(line, "it\n", 3));
        CHECK(tcgetpgrp(slave) == getpid());
        finish();
    }
    CHECK(stops(pid, SIGTTIN));
    CHECK(!tcsetpgrp(slave, pid) && !kill(-pid, SIGCONT));
    TYPE("it\n");
    ENDS(pid);
    CHECK(tcgetpgrp(slave) == pid); /* the number stays until somebody sets another */
    CHECK(!tcsetpgrp(slave, getpid()));
}

static void background(void)
{
    char byte;
    pid_t pid = job();
    if (!pid) {
        signal(SIGTTIN, SIG_IGN);
        FAILS(read(slave, &byte, 1), EIO);
        signal(SIGTTIN, SIG_DFL);
        block(SIGTTIN);
        FAILS(read(slave, &byte, 1), EIO);
        CHECK(write(slave, "free", 4) == 4);
        finish();
    }
    ENDS(pid);
    GIVES(master, "free");
    settings(0, 0, 0, 0, TOSTOP, 0);
    pid = job();
    if (!pid) {
        signal(SIGTTOU, SIG_IGN);
        CHECK(write(slave, "loud", 4) == 4);
        signal(SIGTTOU, SIG_DFL);
        CHECK(write(slave, "told", 4) == 4);
        finish();
    }
    CHECK(stops(pid, SIGTTOU));
    GIVES(master, "loud");
    settings(0, 0, 0, 0, 0, TOSTOP);
    kill(pid, SIGCONT);
    ENDS(pid);
    GIVES(master, "told");

    pid = job();
    if (!pid) {
        struct termios t;
        CHECK(!tcgetattr(slave, &t));
        CHECK(!tcsetattr(slave, TCSANOW, &t)); /* stops here */
        block(SIGTTOU);
        CHECK(!tcsetattr(slave, TCSANOW, &t) && !tcflush(slave, TCIFLUSH));
        CHECK(!tcsetpgrp(slave, getpid()) && tcgetpgrp(slave) == getpid());
        finish();
    }
    CHECK(stops(pid, SIGTTOU));
    kill(pid, SIGCONT); /* it is still in the background and tries again */
    CHECK(stops(pid, SIGTTOU));
    CHECK(!tcsetpgrp(slave, pid));
    kill(pid, SIGCONT);
    ENDS(pid);
}

/* Nobody could continue a member of an orphaned group, so none is stopped. */
static void orphaned(void)
{
    int pair[2];
    char result;
    CHECK(!pipe(pair));
    pid_t parent = job();
    if (!parent) {
        pid_t old = getpid(), orphan = job();
        if (!orphan) {
            struct termios t;
            close(pair[0]);
            while (getppid() == old)
                usleep(1000);
            FAILS(read(slave, &result, 1), EIO);
            CHECK(!tcgetattr(slave, &t));
            FAILS(tcsetattr(slave, TCSANOW, &t), EIO);
            FAILS(tcsetpgrp(slave, getpid()), ENOTTY);
            raise(SIGTSTP); /* ignored */
            CHECK(write(pair[1], check_failures ? "n" : "y", 1) == 1);
            finish();
        }
        setpgid(0, 0);
        _exit(0);
    }
    close(pair[1]);
    ENDS(parent);
    CHECK(ready(pair[0], POLLIN, 5000) && read(pair[0], &result, 1) == 1 && result == 'y');
    CHECK(read(pair[0], &result, 1) == 0);
}

static void windows(void)
{
    struct winsize size = {10, 20, 0, 0};
    sigset_t pending;
    block(SIGWINCH);
    CHECK(!ioctl(master, TIOCSWINSZ, &size) && takes(SIGWINCH));
    CHECK(!ioctl(master, TIOCSWINSZ, &size));
    CHECK(!sigpending(&pending) && !sigismember(&pending, SIGWINCH));
    size.ws_row = 30;
    CHECK(!ioctl(slave, TIOCSWINSZ, &size) && takes(SIGWINCH));
}

/* A session without its terminal: `how` ends it. Returns what the foreground group says it saw. */
static int pair[2];

static _Noreturn void in_foreground(void)
{
    block(SIGHUP);
    CHECK(write(pair[1], "r", 1) == 1); /* ready */
    CHECK(takes(SIGHUP));
    int tty = -1; /* a leader that ends sends the signal first */
    for (int i = 0; i < 5000 && (tty = open("/dev/tty", O_RDWR)) >= 0; i++)
        close(tty), usleep(1000);
    CHECK(tty == -1 && errno == ENXIO);
    CHECK(write(pair[1], check_failures ? "n" : "y", 1) == 1);
    finish();
}

static void hang_up(int by_leader)
{
    char result = 0;
    CHECK(!pipe(pair));
    open_pair();
    pid_t leader = start();
    if (!leader) {
        close(slave);
        close(pair[0]);
        CHECK(setsid() == getpid());
        slave = open_slave(0);
        close(master);
        signal(SIGTTOU, SIG_IGN);
        block(SIGHUP);
        block(SIGCONT);
        pid_t pid = job();
        if (!pid)
            in_foreground();
        CHECK(!tcsetpgrp(slave, pid));
        CHECK(write(pair[1], "r", 1) == 1);
        if (!by_leader) {
            CHECK(takes(SIGHUP) && takes(SIGCONT));
            FAILS(tcgetpgrp(slave), EIO);
            FAILS(tcsetpgrp(slave, pid), ENOTTY);
            FAILS(open("/dev/tty", O_RDWR), ENXIO);
        } else {
            usleep(50000); /* so that the group mostly waits by then */
        }
        finish();
    }
    close(pair[1]);
    close(slave);
    for (int i = 0; i < 2; i++) /* the leader and the foreground group */
        CHECK(ready(pair[0], POLLIN, 5000) && read(pair[0], &result, 1) == 1 && result == 'r');
    if (!by_leader) {
        usleep(50000);
        close(master);
    }
    ENDS(leader);
    CHECK(ready(pair[0], POLLIN, 5000) && read(pair[0], &result, 1) == 1 && result == 'y');
    if (by_leader)
        close(master);
    close(pair[0]);
}

int main(void)
{
    alarm(60);
    for (int number = SIGHUP; number <= SIGTTOU; number++)
        signal(number, SIG_DFL);
    setvbuf(stdout, NULL, _IOFBF, 65536);
    as_leader("control", control);
    as_leader("stolen", stolen);
    as_leader("keys", keys);
    as_leader("foreground", foreground);
    as_leader("background", background);
    as_leader("orphaned", orphaned);
    as_leader("windows", windows);
    hang_up(0);
    hang_up(1);
    return check_end();
}
