// Do signals that the host sends to lind-run arrive at the program, and do job control and death by them work?
// RUN: %lind-cc -O2 %s -o %t
// RUN: %python %S/Inputs/send.py INT,TERM,USR1,WINCH,HUP %lind-run -- %t | FileCheck-22 %s --check-prefix=HANDLED
// HANDLED: ready
// HANDLED-NEXT: got 2 from outside
// HANDLED-NEXT: got 15 from outside
// HANDLED-NEXT: got 10 from outside
// HANDLED-NEXT: got 28 from outside
// HANDLED-NEXT: got 1 from outside
// HANDLED-NEXT: status 7
// RUN: %python %S/Inputs/send.py INT,TERM,USR1,WINCH,HUP %lind-run -- %t busy | FileCheck-22 %s --check-prefix=HANDLED
// RUN: %python %S/Inputs/send.py TERM %lind-run -- %t default | FileCheck-22 %s --check-prefix=TERM
// TERM: ready
// TERM-NEXT: status 143
// RUN: %python %S/Inputs/send.py QUIT %lind-run -- %t default busy | FileCheck-22 %s --check-prefix=QUIT
// QUIT: status 131
// RUN: %python %S/Inputs/send.py TSTP,USR1,HUP %lind-run -- %t stop | FileCheck-22 %s --check-prefix=STOP
// STOP: ready
// STOP-NEXT: state T
// STOP-NEXT: got 18 from outside
// STOP-NEXT: got 10 from outside
// STOP-NEXT: got 1 from outside
// STOP-NEXT: status 7
// RUN: (trap '' HUP; %python %S/Inputs/send.py HUP,TERM %lind-run -- %t default) | FileCheck-22 %s --check-prefix=IGNORED
// IGNORED: ignored
// IGNORED-NEXT: ready
// IGNORED-NEXT: status 143
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t got, from = -1;

static void handler(int signal, siginfo_t *info, void *context)
{
    got = signal;
    from = info->si_pid;
}

static int has(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], word))
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGWINCH, SIGHUP, SIGCONT};
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO}, old;
    int busy = has(argc, argv, "busy");
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!has(argc, argv, "default"))
        for (size_t i = 0; i < sizeof signals / sizeof *signals - !has(argc, argv, "stop"); i++)
            sigaction(signals[i], &action, NULL);
    else
        signal(SIGQUIT, SIG_DFL); /* shells start background jobs with it ignored */
    sigaction(SIGHUP, NULL, &old);
    sigset_t blocked, waiting;
    sigfillset(&blocked);
    sigemptyset(&waiting);
    if (!busy)
        sigprocmask(SIG_BLOCK, &blocked, NULL);
    if (old.sa_handler == SIG_IGN) {
        puts("ignored");
    }
    puts("ready");
    for (;;) {
        while (!got)
            if (!busy)
                sigsuspend(&waiting);
        int last = got;
        got = 0;
        printf("got %d from %s\n", last, from == 0 ? "outside" : "inside");
        if (last == SIGHUP)
            return 7;
    }
}
