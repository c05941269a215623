// execve and its kin: what a new program has of the old one, scripts, and what is refused.
// RUN: rm -rf %t.dir && mkdir -p %t.dir
// RUN: musl-gcc -static -O2 %s -o %t.dir/native && cd %t.dir && ./native
// RUN: %lind-cc -O2 %s -o %t.dir/caged && cd %t.dir && %lind-run -- ./caged
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../Inputs/check.h"

static int execveat(int fd, const char *path, char *const *arguments, char *const *environment,
                    int flags)
{
    return (int)syscall(SYS_execveat, fd, path, arguments, environment, flags);
}

extern char **environ;
static char *self;

/* Runs the program that body starts, or its failure's errno + 100. Returns the exit status. */
#define RUN(...)                                                                                   \
    ({                                                                                             \
        fflush(stdout);                                                                            \
        pid_t pid_ = fork();                                                                       \
        if (!pid_) {                                                                               \
            __VA_ARGS__;                                                                           \
            _exit(errno + 100);                                                                    \
        }                                                                                          \
        int status_ = -1;                                                                          \
        waitpid(pid_, &status_, 0);                                                                \
        WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);                            \
    })

static void make(const char *name, const char *text, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0700);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(!fchmod(fd, mode));
    close(fd);
}

/* What the started program looks at. Exit status: 0 if all is well. */
static int started(int argc, char **argv)
{
    if (!strcmp(argv[1], "state")) {
        sigset_t set;
        struct sigaction action;
        CHECK(fcntl(20, F_GETFD) == 0);
        FAILS(fcntl(21, F_GETFD), EBADF);
        CHECK(!sigprocmask(SIG_BLOCK, 0, &set) && sigismember(&set, SIGUSR2));
        CHECK(!sigpending(&set) && sigismember(&set, SIGUSR2));
        CHECK(!sigaction(SIGUSR1, 0, &action) && action.sa_handler == SIG_DFL);
        CHECK(!sigaction(SIGHUP, 0, &action) && action.sa_handler == SIG_IGN);
        stack_t stack;
        CHECK(!sigaltstack(0, &stack) && stack.ss_flags == SS_DISABLE);
        CHECK(alarm(0) > 50);
        CHECK(umask(0) == 037);
        CHECK(atoi(argv[2]) == getpid() && atoi(argv[3]) == getppid() && gettid() == getpid());
        char here[4096];
        CHECK(getcwd(here, sizeof here) && !strcmp(here, argv[4]));
        CHECK(argc == 5 && !argv[5]);
        CHECK(getenv("A") && !strcmp(getenv("A"), "b") && !environ[1]);
        void *nothing = mmap((void *)0x50000000, 4096, PROT_READ,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        CHECK(nothing != MAP_FAILED);
    } else if (!strcmp(argv[1], "count")) {
        return argc - 2;
    } else if (!strcmp(argv[1], "long")) {
        return strlen(argv[2]) == 131071 ? 0 : 1;
    } else if (!strcmp(argv[1], "name")) {
        return strcmp(argv[0], argv[2]) != 0;
    }
    return check_end();
}

static void on_signal(int signal)
{
}

static void state(void)
{
    char id[20], parent[20], here[4096];
    CHECK(RUN({
        sigset_t set;
        static char stack[65536];
        snprintf(id, sizeof id, "%d", getpid());
        snprintf(parent, sizeof parent, "%d", getppid());
        getcwd(here, sizeof here);
        dup2(1, 20);
        dup3(1, 21, O_CLOEXEC);
        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        sigprocmask(SIG_BLOCK, &set, 0);
        raise(SIGUSR2);
        signal(SIGUSR1, on_signal);
        signal(SIGHUP, SIG_IGN);
        sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, 0);
        alarm(100);
        umask(037);
        mmap((void *)0x50000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        execle(self, "x", "state", id, parent, here, (char *)0, (char *[]){"A=b", 0});
    }) == 0);
}

static void errors(void)
{
    char *arguments[] = {"x", "count", 0};
    char name[300], *big[3] = {"x", 0, 0};
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    make("text", "no program at all\n", 0700);
    make("empty", "", 0700);
    make("closed", "#!/bin/sh\n", 0600);
    mkdir("directory", 0700);
    symlink("loop", "loop");
    FAILS(execv("nothing", arguments), ENOENT);
    FAILS(execv("", arguments), ENOENT);
    FAILS(execv("text", arguments), ENOEXEC);
    FAILS(execv("empty", arguments), ENOEXEC);
    FAILS(execv("directory", arguments), EACCES);
    FAILS(execv("closed", arguments), EACCES);
    FAILS(execv("text/x", arguments), ENOTDIR);
    FAILS(execv("loop", arguments), ELOOP);
    FAILS(execv(name, arguments), ENAMETOOLONG);
    FAILS(execv((char *)8, arguments), EFAULT);
    FAILS(execv(self, (char **)8), EFAULT);
    FAILS(execve(self, arguments, (char **)8), EFAULT);
    FAILS(execv(self, (char *[]){(char *)8, 0}), EFAULT);
    big[1] = malloc(131073);
    memset(big[1], 'a', 131072);
    big[1][131072] = 0;
    FAILS(execv(self, big), E2BIG);
    FAILS(execveat(AT_FDCWD, self, arguments, environ, 0x40000), EINVAL);
    FAILS(execveat(99, "x", arguments, environ, 0), EBADF);
    FAILS(execveat(AT_FDCWD, "loop", arguments, environ, AT_SYMLINK_NOFOLLOW), ELOOP);
    big[1][131071] = 0;
    CHECK(RUN(execl(self, "x", "long", big[1], (char *)0)) == 0);
    free(big[1]);
}

static void scripts(void)
{
    char text[5000];
    snprintf(text, sizeof text, "#! %s   count  \nanything\n", self);
    make("script", text, 0700);
    CHECK(RUN(execl("./script", "ignored", "1", "2", (char *)0)) == 3); /* script 1 2 */
    snprintf(text, sizeof text, "#!%s\n", self);
    make("bare", text, 0700);
    CHECK(RUN(execl("./bare", "ignored", "x", (char *)0)) == 0);
    make("nested", "#!./script\n", 0700);
    CHECK(RUN(execl("./nested", "ignored", "1", (char *)0)) == 3); /* script nested 1 */
    make("endless", "#!./endless\n", 0700);
    FAILS(execl("./endless", "x", (char *)0), ELOOP);
    make("missing", "#!/no/such/thing\n", 0700);
    FAILS(execl("./missing", "x", (char *)0), ENOENT);
    make("nobody", "#!\n", 0700);
    FAILS(execl("./nobody", "x", (char *)0), ENOEXEC);
    int fd = open("script", O_RDONLY);
    CHECK(RUN(execveat(fd, "", (char *[]){"x", "1", 0}, environ, AT_EMPTY_PATH)) == 2);
    close(fd);
    CHECK(RUN(fexecve(open(self, O_RDONLY | O_CLOEXEC), (char *[]){"x", "count", "1", 0},
                      environ)) == 1);
    CHECK(RUN(execl(self, "myname", "name", "myname", (char *)0)) == 0);
}

/* Runs a script with the argument "y" whose interpreter is a link to this program. Returns its count
 * of arguments, the length of the interpreter's own added if there is one, or errno + 100. */
static int line(const char *text, size_t length)
{
    int fd = open("line", O_WRONLY | O_CREAT | O_TRUNC, 0700);
    CHECK(fd >= 0 && write(fd, text, length) == (ssize_t)length);
    close(fd);
    return RUN(execl("./line", "x", "y", (char *)0));
}

#define LINE(text) line(text, sizeof text - 1)

static int shown(int argc, char **argv)
{
    return argc == 4 ? 4 + (int)strlen(argv[1]) : argc;
}

/* A first line whose interpreter's name ends before this offset, and what follows then. */
static int named(size_t end, const char *rest)
{
    char text[400] = "#!.";
    memset(text + 3, '/', end - 3);
    strcpy(text + end - 5, "shown");
    strcpy(text + end, rest);
    return line(text, strlen(text));
}

/* How the first line is taken apart: 256 bytes of it are looked at. */
static void lines(void)
{
    char text[400];
    unlink("shown");
    symlink(self, "shown");
    CHECK(LINE("#!./shown\n") == 3);
    CHECK(LINE("#!./shown") == 3);
    CHECK(LINE("#! \t ./shown \t \n") == 3);
    CHECK(LINE("#!./shown  ") == 4); /* an empty argument: there is no newline */
    CHECK(LINE("#!./shown a b \n") == 7);
    CHECK(LINE("#!./shown a b ") == 8);
    CHECK(LINE("#!./shown\0 a\n") == 3);
    CHECK(LINE("#!./shown a\0b\n") == 5);
    CHECK(LINE("#!   \n") == 100 + ENOEXEC);
    int none = LINE("#!");
    CHECK(none == 100 + EACCES || none == 100 + ENOENT); /* the empty name: depends on the kernel */
    CHECK(named(255, "\n") == 3);
    CHECK(named(255, " \n") == 3);
    CHECK(named(255, "") == 3);
    CHECK(named(256, "\n") == 100 + ENOEXEC);
    CHECK(named(256, " a\n") == 100 + ENOEXEC);
    CHECK(named(256, "") == 100 + ENOEXEC);
    CHECK(named(253, " ") == 4);
    CHECK(named(254, " ") == 3);
    CHECK(named(252, " abcdef\n") == 6);
    CHECK(named(253, " abcdef\n") == 5);
    CHECK(named(254, " abcdef\n") == 3);
    memset(text, 'a', sizeof text);
    memcpy(text, "#!./shown ", 10);
    CHECK(line(text, sizeof text) == 4 + 245);
    text[255] = '\n';
    CHECK(line(text, sizeof text) == 4 + 245);
    text[254] = '\n';
    CHECK(line(text, sizeof text) == 4 + 244);
    memset(text + 2, ' ', sizeof text - 2);
    CHECK(line(text, sizeof text) == 100 + ENOEXEC);
}

/* A script that its interpreter could not open by its name, since the descriptor is closed. */
static void out_of_reach(void)
{
    char *arguments[] = {"x", "y", 0};
    make("script", "#!./shown\n", 0700);
    make("nobody", "#!\n", 0700);
    for (int closes = 0; closes < 2; closes++) {
        int wanted = closes ? 100 + ENOENT : 3, flag = closes ? O_CLOEXEC : 0;
        int fd = open("script", O_RDONLY | flag), here = open(".", O_RDONLY | flag);
        CHECK(RUN(execveat(fd, "", arguments, environ, AT_EMPTY_PATH)) == wanted);
        CHECK(RUN(execveat(here, "script", arguments, environ, 0)) == wanted);
        CHECK(RUN(execveat(here, "nobody", arguments, environ, 0)) == 100 + ENOEXEC);
        CHECK(RUN(execveat(here, "shown", arguments, environ, 0)) == 0);
        close(fd);
        close(here);
    }
    FAILS(execveat(AT_FDCWD, "", arguments, environ, AT_EMPTY_PATH), EACCES);
    FAILS(execveat(AT_FDCWD, "", arguments, environ, 0), ENOENT);
}

static void *execute(void *unused)
{
    char id[20];
    snprintf(id, sizeof id, "%d", getpid());
    execl(self, "x", "count", "1", "2", "3", (char *)0);
    return 0;
}

static void *sleeper(void *unused)
{
    for (;;)
        pause();
}

/* From a thread, with others about: the new program is the process's only task. */
static void threads(void)
{
    CHECK(RUN({
        pthread_t thread;
        for (int i = 0; i < 5; i++)
            pthread_create(&thread, 0, sleeper, 0);
        pthread_create(&thread, 0, execute, 0);
        sleeper(0);
    }) == 3);
}

static void spawns(void)
{
    pid_t pid;
    int status;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 30, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 30, 31);
    posix_spawn_file_actions_addclose(&actions, 30);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    char *arguments[] = {"x", "count", "a", "b", 0};
    CHECK(!posix_spawn(&pid, self, &actions, &attributes, arguments, environ));
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 2);
    CHECK(posix_spawn(&pid, "nothing", &actions, 0, arguments, environ) == ENOENT);
    CHECK(posix_spawn(&pid, "text", 0, 0, arguments, environ) == ENOEXEC);
    FAILS(wait(0), ECHILD);
}

/* A table shared with another process is the program's own after execve. */
static void own_table(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_FILES, 0, 0, 0, 0);
    if (!pid) {
        execl(self, "x", "count", (char *)0);
        _exit(99);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    close(fd);
}

int main(int argc, char **argv)
{
    size_t length = strlen(argv[0]);
    self = argv[0];
    if (length > 5 && !strcmp(argv[0] + length - 5, "shown"))
        return shown(argc, argv);
    if (argc > 1)
        return started(argc, argv);
    errors();
    state();
    scripts();
    lines();
    out_of_reach();
    threads();
    spawns();
    own_table();
    return check_end();
}
