// Are windows that are kept for a program that nobody starts any more given up, while others come and go?
// The sanitizers' allocators map on their own.
// UNSUPPORTED: sanitizer-address, sanitizer-thread
// RUN: %lind-cc -O1 %s -o %t
// RUN: python3 %root/test/posix/proc/Inputs/leaks.py 100 4096 %lind-run -- %t 300
// The control: so soon they are still waited for.
// RUN: not python3 %root/test/posix/proc/Inputs/leaks.py 100 4096 %lind-run -- %t 60
/* idle_kinds COUNT: first many run at once and end, all windows empty; then many of this program
 * started anew do, whose windows are kept as they are; then COUNT children of one that shares memory
 * with them, whose windows are not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE = 30, READY = 50 };

/* What each child does: says that it runs, and waits. */
static int runs(void)
{
    char byte;
    return write(READY, "", 1) != 1 || read(0, &byte, 1) != 0;
}

/* Children that wait for one another, so that each has a window of its own. */
static int together(char *program)
{
    int ends[2], ready[2], bad = 0, status;
    char byte;
    if (pipe(ends) || pipe(ready))
        return 1;
    for (int i = 0; i < AT_ONCE; i++) {
        pid_t pid = fork();
        if (pid < 0)
            return 1;
        if (pid)
            continue;
        close(ends[1]);
        dup2(ends[0], 0);
        dup2(ready[1], READY);
        if (program)
            execl(program, program, NULL);
        _exit(runs());
    }
    close(ends[0]);
    for (int i = 0; i < AT_ONCE; i++)
        bad |= read(ready[0], &byte, 1) != 1;
    close(ready[0]);
    close(ready[1]);
    close(ends[1]);
    for (int i = 0; i < AT_ONCE; i++)
        bad |= wait(&status) < 0 || status;
    return bad;
}

static int one_by_one(int count)
{
    int bad = 0, status = 0;
    for (int i = 0; i < count; i++) {
        pid_t pid = fork();
        if (!pid)
            _exit(0);
        bad |= pid < 0 || waitpid(pid, &status, 0) != pid || status;
    }
    return bad;
}

static int say(const char *word)
{
    char byte;
    printf("%s\n", word);
    fflush(stdout);
    return read(0, &byte, 1) < 0;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return runs();
    if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
        return 1;
    int bad = together(NULL);
    bad |= say("ready");
    bad |= together(argv[0]);
    bad |= one_by_one(atoi(argv[1]));
    bad |= say("done");
    return bad;
}
