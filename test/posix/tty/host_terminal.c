// Has the host's shell its terminal as it was when lind-run stops or ends, and the program its own
// settings when it goes on?
// RUN: %lind-cc -O2 %s -o %t
// RUN: %python %S/Inputs/shell.py %lind-run -- %t
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

static void say(const char *text)
{
    printf("%s\n", text);
    fflush(stdout);
}

static void size_changed(int signal) {}

int main(void)
{
    struct termios t;
    sigset_t set;
    alarm(60);
    if (tcgetattr(0, &t))
        return 1;
    t.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(0, TCSANOW, &t))
        return 2;
    signal(SIGWINCH, size_changed);
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, NULL);
    say("ready");
    char line[20];
    if (read(0, line, sizeof line) != 6) /* stops here, and goes on */
        return 3;
    if (tcgetattr(0, &t) || t.c_lflag & ECHO)
        return 4;
    say("size");
    sigemptyset(&set);
    if (sigsuspend(&set) != -1)
        return 5;
    say("interrupt");
    pause();
    return 6;
}
