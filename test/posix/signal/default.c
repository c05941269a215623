// Does each signal without a handler do what signal(7) says, and does lind-run's exit status tell?
// RUN: %lind-cc -O2 %s -o %t
// RUN: for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 24 25 26 27 29 30 31 34 50 64; do %lind-run -- %t $n; test $? = $((128+n)) || { echo signal $n; exit 1; }; done
// RUN: for n in 17 18 23 28; do %lind-run -- %t $n; test $? = 42 || { echo signal $n; exit 1; }; done
// RUN: for n in 1 2 3 6 14 15; do %lind-run -- %t $n blocked; test $? = 42 || { echo signal $n; exit 1; }; done
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int number = atoi(argv[1]);
    sigset_t set;
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    signal(number, SIG_DFL); /* shells start background jobs with SIGINT ignored */
    if (argc > 2) {
        sigfillset(&set);
        sigprocmask(SIG_BLOCK, &set, NULL);
    }
    kill(getpid(), number);
    return 42;
}
