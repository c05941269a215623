// Can a program signal, change or ask about processes of the host by their ids? The control does it natively.
// RUN: musl-gcc -static -O2 %s -o %t.native
// RUN: sleep 100 & pid=$!; %t.native $pid | FileCheck-22 %s --check-prefix=NATIVE; s=$?; wait $pid; test $? -gt 128 -a $s = 0
// RUN: %lind-cc -O2 %s -o %t
// RUN: sleep 100 & pid=$!; %lind-run -- %t $pid | FileCheck-22 %s --check-prefix=CAGED; s=$?; kill $pid && test $s = 0
// RUN: sleep 100 & pid=$!; %lind-run -- %t $pid all; s=$?; kill $pid && test $s = 3
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void attempt(const char *what, long result)
{
    printf("%s: %s\n", what,
           result != -1     ? "done"
           : errno == ESRCH ? "no such process"
                            : "other error");
}

int main(int argc, char **argv)
{
    int pid = atoi(argv[1]);
    siginfo_t info = {.si_code = SI_QUEUE};
    struct rlimit limit;
    struct sched_param param;
    cpu_set_t set;

    if (argc > 2) {
        /* Everybody but the caller and process 1: that is nobody. */
        return kill(-1, SIGTERM) == -1 && errno == ESRCH ? 3 : 1;
    }
    // NATIVE: getpgid: done
    // CAGED: getpgid: no such process
    attempt("getpgid", getpgid(pid));
    // CAGED: getsid: no such process
    attempt("getsid", getsid(pid));
    // NATIVE: prlimit: done
    // CAGED: prlimit: no such process
    attempt("prlimit", syscall(SYS_prlimit64, pid, RLIMIT_NOFILE, NULL, &limit));
    // NATIVE: getpriority: done
    // CAGED: getpriority: no such process
    attempt("getpriority", syscall(SYS_getpriority, PRIO_PROCESS, pid));
    // CAGED: setpriority: no such process
    attempt("setpriority", syscall(SYS_setpriority, PRIO_PROCESS, pid, 19));
    // CAGED: sched_getparam: no such process
    attempt("sched_getparam", syscall(SYS_sched_getparam, pid, &param));
    // CAGED: sched_getaffinity: no such process
    attempt("sched_getaffinity", syscall(SYS_sched_getaffinity, pid, sizeof set, &set));
    // CAGED: setpgid: no such process
    attempt("setpgid", setpgid(pid, pid));
    // CAGED: tgkill: no such process
    attempt("tgkill", syscall(SYS_tgkill, pid, pid, 0));
    // CAGED: tkill: no such process
    attempt("tkill", syscall(SYS_tkill, pid, SIGTERM));
    // CAGED: group: no such process
    attempt("group", kill(-pid, 0));
    // CAGED: sigqueue: no such process
    attempt("sigqueue", syscall(SYS_rt_sigqueueinfo, pid, SIGTERM, &info));
    // NATIVE: kill: done
    // CAGED: kill: no such process
    attempt("kill", kill(pid, SIGKILL));
    return 0;
}
