// What can code do that takes over lind-symbolize by forged debug data? This library takes the place of the first function of libelf that is
// called; the control does the same before the confinement.
// RUN: %clang -O1 -fPIC -shared %s -o %t.so
// RUN: sh -c 'LD_PRELOAD=%t.so EARLY=1 lind-symbolize %lind-run 1; echo "status $?"' 2>&1 | FileCheck --check-prefix=EARLY %s
// RUN: sh -c 'LD_PRELOAD=%t.so TRY=open lind-symbolize %lind-run 1; echo "status $?"' 2>&1 | FileCheck --check-prefix=OPEN %s
// RUN: sh -c 'LD_PRELOAD=%t.so TRY=fork lind-symbolize %lind-run 1; echo "status $?"' 2>&1 | FileCheck --check-prefix=KILLED %s
// RUN: sh -c 'LD_PRELOAD=%t.so TRY=exec lind-symbolize %lind-run 1; echo "status $?"' 2>&1 | FileCheck --check-prefix=KILLED %s
// RUN: sh -c 'LD_PRELOAD=%t.so TRY=socket lind-symbolize %lind-run 1; echo "status $?"' 2>&1 | FileCheck --check-prefix=KILLED %s
// RUN: sh -c 'LD_PRELOAD=%t.so TRY=code lind-symbolize %lind-run 1; echo "status $?"' 2>&1 | FileCheck --check-prefix=KILLED %s
// RUN: sh -c 'LD_PRELOAD=%t.so TRY=protect lind-symbolize %lind-run 1; echo "status $?"' 2>&1 | FileCheck --check-prefix=KILLED %s
// RUN: sh -c 'LD_PRELOAD=%t.so TRY=kill lind-symbolize %lind-run 1; echo "status $?"' 2>&1 | FileCheck --check-prefix=KILLED %s
// RUN: sh -c 'LD_PRELOAD=%t.so TRY=write lind-symbolize %lind-run 1; echo "status $?"' 2>&1 | FileCheck --check-prefix=KILLED %s
// RUN: sh -c 'LD_PRELOAD=%t.so TRY=loop lind-symbolize %lind-run 1; echo "status $?"' 2>&1 | FileCheck --check-prefix=LOOP %s
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int own_file = -1;

static void say(const char *words)
{
    syscall(SYS_write, 2, words, strlen(words));
}

static void attempt(const char *what)
{
    static char page[8192];
    char *arguments[] = {"true", NULL};
    long got = -1;
    if (!strcmp(what, "open"))
        got = syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
    else if (!strcmp(what, "fork"))
        got = syscall(SYS_fork);
    else if (!strcmp(what, "exec"))
        got = syscall(SYS_execve, "/bin/true", arguments, arguments + 1);
    else if (!strcmp(what, "socket"))
        got = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
    else if (!strcmp(what, "code"))
        got = syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    else if (!strcmp(what, "protect"))
        got = syscall(SYS_mprotect, (long)(page + 4095) & -4096, 4096, PROT_READ | PROT_EXEC);
    else if (!strcmp(what, "kill"))
        got = syscall(SYS_kill, getppid(), 0);
    else if (!strcmp(what, "write"))
        got = syscall(SYS_write, own_file, "x", 1);
    else if (!strcmp(what, "loop"))
        for (;;)
            ;
    if (got == 0 && !strcmp(what, "fork"))
        syscall(SYS_exit_group, 0);
    say(what);
    say(got < 0 ? " refused\n" : " done\n");
}

__attribute__((constructor)) static void early(void)
{
    static const char *const all[] = {"open", "fork", "socket", "code", "protect", "kill", "write"};
    own_file = open("/dev/null", O_WRONLY);
    for (size_t i = 0; getenv("EARLY") && i < sizeof all / sizeof *all; i++)
        attempt(all[i]);
}

unsigned elf_version(unsigned version)
{
    if (getenv("TRY"))
        attempt(getenv("TRY"));
    return version;
}

// EARLY: open done
// EARLY-NEXT: fork done
// EARLY-NEXT: socket done
// EARLY-NEXT: code done
// EARLY-NEXT: protect done
// EARLY-NEXT: kill done
// EARLY-NEXT: write done
// EARLY: status 0
// OPEN: open refused
// KILLED-NOT: done
// KILLED-NOT: refused
// KILLED: status 159
// LOOP: status {{137|152}}
