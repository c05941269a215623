// --with: programs beside the first one, which share its directories, and end with it.
// RUN: %lind-cc -O2 %s -o %t
// RUN: cp %t %t-other
// RUN: %lind-run --with "%t-other serve 'a b' 1" --with="%t-other serve \"a b\" 2" -- %t ask 2 | FileCheck-22 %s
// CHECK-DAG: 1: a b, parent 1, a group of its own
// CHECK-DAG: 2: a b, parent 1, a group of its own
// CHECK: asked
// It does not outlive the first program, whose status is lind-run's.
// RUN: sh -c '%lind-run --with "%t-other sleep" -- %t status; test $? = 7'
// None runs unless all can.
// RUN: rm -f %t.there
// RUN: sh -c '%lind-run --with "%t-other touch %t.there" --with ./absent -- %t touch %t.there; test $? = 127' 2>&1 | FileCheck-22 %s --check-prefix=ABSENT
// ABSENT: lind-run: ./absent: No such file or directory
// RUN: sh -c '%lind-run --with /bin/true -- %t touch %t.there; test $? = 126' 2>&1 | FileCheck-22 %s --check-prefix=REFUSED
// REFUSED: lind-run: /bin/true:
// RUN: not ls %t.there
// RUN: not %lind-run --with "a | b" -- %t status 2>&1 | FileCheck-22 %s --check-prefix=PIPE
// PIPE: lind-run: --with a | b: an unquoted newline or one of |&;<>(){}
// RUN: not %lind-run --with '$(a)' -- %t status 2>&1 | FileCheck-22 %s --check-prefix=COMMAND
// COMMAND: lind-run: --with $(a): command substitution is not done
// RUN: not %lind-run --with "'a" -- %t status 2>&1 | FileCheck-22 %s --check-prefix=QUOTE
// QUOTE: lind-run: --with 'a: a quote or parenthesis without its partner
// RUN: not %lind-run --with "" -- %t status 2>&1 | FileCheck-22 %s --check-prefix=EMPTY
// EMPTY: lind-run: --with needs a program
// RUN: %lind-run --stats --with "%t-other sleep" -- %t ask 0 2>&1 | FileCheck-22 %s --check-prefix=STATS
// STATS: processes 2, at most 2 at once
// A misspelt :ro does not become a writable directory.
// RUN: mkdir -p %t.dir
// RUN: not %lind-run --dir %t.dir:/x:RO -- %t status 2>&1 | FileCheck-22 %s --check-prefix=TYPO
// TYPO: lind-run: --dir {{.*}}:/x:RO: ':RO' is neither :ro nor :rw
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const char *what = argv[1];
    if (!strcmp(what, "serve")) { // says where it is through a FIFO in the /tmp that they share
        mkfifo("/tmp/fifo", 0600);
        int fd = open("/tmp/fifo", O_WRONLY);
        dprintf(fd, "%s: %s, parent %d, %s\n", argv[3], argv[2], getppid(),
                getpgrp() == getpid() ? "a group of its own" : "somebody's group");
        sleep(1000);
    } else if (!strcmp(what, "ask")) {
        mkfifo("/tmp/fifo", 0600);
        int fd = open("/tmp/fifo", O_RDWR), lines = atoi(argv[2]);
        for (char c; lines && read(fd, &c, 1) == 1;) {
            write(1, &c, 1);
            lines -= c == '\n';
        }
        puts("asked");
    } else if (!strcmp(what, "touch")) {
        return creat(argv[2], 0600) < 0;
    } else if (!strcmp(what, "sleep")) {
        sleep(1000);
    } else {
        return 7;
    }
    return 0;
}
