// Do forks, execs, exits, kills, threads, faults, sockets, changes of user and root, all at once, go as each would by itself? (Users and roots: as root.)
// RUN: rm -rf %t.dir && mkdir -p %t.dir
// RUN: musl-gcc -static -O2 -pthread %s -o %t.native && timeout 100 %t.native %t.dir 3
// RUN: %lind-cc -O2 -pthread %s -o %t && timeout 100 %lind-run -- %t /tmp 5 2>%t.reports
/* stress DIRECTORY SECONDS: families of processes do things in random order, and know how each
 * ends; meanwhile signals interrupt them. */
#define _GNU_SOURCE
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <spawn.h>
#include <stddef.h>

#include "../Inputs/check.h"
#include "Inputs/victims.h"

enum { FAMILIES = 5, LARGE = 3 << 20, EXEC_STATUS = 42 };

extern char **environ;
static unsigned seed;
static volatile sig_atomic_t signals;
static time_t end;

static unsigned choose(unsigned below)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % below;
}

static void count_signal(int signal)
{
    signals++;
}

static int status_of(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) == -1)
        if (errno != EINTR)
            return -1;
    return status;
}

static int exits_with(pid_t pid, int code)
{
    return pid > 0 && status_of(pid) == code << 8;
}

static int killed_by(pid_t pid, int signal)
{
    return pid > 0 && (status_of(pid) & 0x7f) == signal;
}

/* -- What is done: each returns whether it went right. */

static int chain(void)
{
    int depth = 1 + (int)choose(4), level = 0;
    pid_t child = fork();
    while (!child && ++level < depth)
        child = fork();
    if (!child)
        _exit(level);
    if (level)
        _exit(exits_with(child, level + 1 > depth ? depth : level + 1) ? level : 99);
    return exits_with(child, 1);
}

static int spawned(void)
{
    char text[3][20], *arguments[] = {program, "status", text[0], NULL};
    int code = (int)choose(100);
    pid_t pid;
    snprintf(text[0], sizeof text[0], "%d", code);
    if (choose(4) == 0)
        return posix_spawn(&pid, "/no/such", NULL, NULL, arguments, environ) == ENOENT;
    return !posix_spawn(&pid, program, NULL, NULL, arguments, environ) && exits_with(pid, code);
}

static int victim(void)
{
    int kind = (int)choose(VICTIM_KINDS), ends[2];
    char byte;
    if (pipe2(ends, O_CLOEXEC))
        return 0;
    pid_t pid = fork();
    if (!pid) {
        signal(SIGUSR1, SIG_DFL);
        tell = ends[1];
        victim_run(kind);
    }
    close(ends[1]);
    ssize_t got;
    while ((got = read(ends[0], &byte, 1)) == -1 && errno == EINTR)
        ;
    close(ends[0]);
    if (victims[kind].signal == SIGKILL) {
        if (choose(2))
            usleep(choose(500));
        kill(pid, SIGKILL);
    }
    int right = killed_by(pid, victims[kind].signal) && got == 1;
    if (!right)
        fprintf(stderr, "victim %d, %zd\n", kind, got);
    return right;
}

/* Threads of a process of its own: one ends it, in the way that `how` says. */
static int how;
static char *large;

static void *adds(void *data)
{
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&mutex);
        ++*(int *)data;
        pthread_mutex_unlock(&mutex);
        free(malloc((size_t)i * 100 + 1));
    }
    return NULL;
}

static void *makes_threads(void *data)
{
    for (;;)
        threading();
    return NULL;
}

static void *forks(void *data)
{
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        if (!pid)
            _exit(large[5] != 1 || large[LARGE - 1] != 1);
        large[LARGE / 2 + i * 4096]++;
        if (!exits_with(pid, 0))
            _exit(98);
    }
    return NULL;
}

static void *ends_it(void *data)
{
    char *arguments[] = {program, "status", "42", NULL};
    usleep(choose(2000));
    switch (how) {
    case 0:
        _exit(EXEC_STATUS);
    case 1:
        execve(program, arguments, environ);
        _exit(97);
    case 2:
        kill(getpid(), SIGKILL);
        break;
    case 3:
        read_null();
        break;
    case 4:
        abort();
    }
    return NULL;
}

static int threads_end(void)
{
    int kind = (int)choose(5);
    pid_t pid = fork();
    if (!pid) {
        pthread_t thread;
        signal(SIGUSR1, SIG_DFL);
        how = kind;
        large = malloc(LARGE);
        memset(large, 1, LARGE);
        if (pipe(pipe_ends))
            _exit(96);
        static void *(*const functions[])(void *) = {thread_read, makes_threads, forks,
                                                     thread_sleep, forks};
        for (int i = 0; i < 5; i++)
            pthread_create(&thread, NULL, functions[i], NULL);
        pthread_create(&thread, NULL, ends_it, NULL);
        for (;;)
            pause();
    }
    static const int with[] = {0, 0, SIGKILL, SIGSEGV, SIGABRT};
    int status = status_of(pid);
    int right = with[kind] ? (status & 0x7f) == with[kind] : status == EXEC_STATUS << 8;
    if (!right)
        fprintf(stderr, "threads_end %d: status %#x\n", kind, (unsigned)status);
    return right;
}

static int threads_work(void)
{
    pthread_t threads[4];
    int sum = 0, right = 1;
    large = malloc(LARGE);
    memset(large, 1, LARGE);
    for (int i = 0; i < 4; i++)
        right &= !pthread_create(&threads[i], NULL, i < 3 ? adds : forks, &sum);
    for (int i = 0; i < 4; i++)
        right &= !pthread_join(threads[i], NULL);
    free(large);
    return right && sum == 600;
}

static sigjmp_buf back;

static void jump_back(int signal)
{
    siglongjmp(back, 1);
}

static int faults_handled(void)
{
    volatile int caught = 0;
    signal(SIGSEGV, jump_back);
    for (volatile int i = 0; i < 20; i++) {
        char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (!sigsetjmp(back, 1))
            *(volatile char *)page = 1;
        else
            caught++;
        munmap(page, 4096);
    }
    signal(SIGSEGV, SIG_DFL);
    return caught == 20;
}

static int stops(void)
{
    int status = -1, right = 1;
    pid_t pid = fork();
    if (!pid) {
        signal(SIGUSR1, SIG_DFL);
        for (;;)
            getppid();
    }
    for (int i = 0; i < 3 && right; i++) {
        kill(pid, SIGSTOP);
        while (waitpid(pid, &status, WUNTRACED) == -1 && errno == EINTR)
            ;
        right &= WIFSTOPPED(status);
        kill(pid, SIGCONT);
        while (waitpid(pid, &status, WCONTINUED) == -1 && errno == EINTR)
            ;
        right &= WIFCONTINUED(status);
    }
    if (choose(2))
        kill(pid, SIGSTOP);
    kill(pid, SIGKILL);
    return killed_by(pid, SIGKILL) && right;
}

static int group_killed(void)
{
    pid_t pids[4], group = 0;
    int right = 1;
    for (int i = 0; i < 4; i++) {
        pids[i] = fork();
        if (!pids[i]) {
            signal(SIGUSR1, SIG_DFL);
            setpgid(0, group);
            if (i % 2)
                for (;;)
                    forking();
            for (;;)
                pause();
        }
        setpgid(pids[i], group);
        if (!group)
            group = pids[i];
    }
    usleep(choose(1500));
    right &= !kill(-group, SIGKILL);
    for (int i = 0; i < 4; i++)
        right &= killed_by(pids[i], SIGKILL);
    return right;
}

/* A process of its own does it, and is killed now and then in the middle of it. */
static int in_child(void (*function)(void))
{
    int killed = !choose(3), late = (int)choose(20000), status;
    pid_t pid = fork();
    if (!pid) {
        signal(SIGUSR1, SIG_DFL);
        function();
        _exit(0);
    }
    if (killed) {
        usleep((unsigned)late);
        kill(pid, SIGKILL);
    }
    status = status_of(pid);
    if (status && (!killed || status != SIGKILL))
        fprintf(stderr, "in_child: status %#x\n", (unsigned)status);
    return !status || (killed && status == SIGKILL);
}

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d, errno %d: not so: %s\n", __LINE__, errno, #condition);       \
            _exit(95);                                                                             \
        }                                                                                          \
    } while (0)

static void with_threads(void *(*const functions[])(void *), int count)
{
    pthread_t threads[8];
    for (int i = 0; i < count; i++)
        MUST(!pthread_create(&threads[i], NULL, functions[i], NULL));
    for (int i = 0; i < count; i++)
        MUST(!pthread_join(threads[i], NULL));
}

/* Writes what came with it to each descriptor that comes. */
static _Noreturn void answer(int socket)
{
    char text;
    for (int file; (file = receive_file(socket, &text)) >= 0; close(file))
        if (write(file, &text, 1) != 1)
            _exit(96);
    _exit(0);
}

/* Write ends of pipes go to a child. When it is killed, those that still wait for it must go. */
static int descriptors_sent(void)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    int pair[2], ends[40][2], type = types[choose(3)], count = 1 + (int)choose(40), right = 1;
    int kill_after = choose(2) ? (int)choose((unsigned)count) : count;
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair))
        return 0;
    pid_t pid = fork();
    if (!pid) {
        close(pair[0]);
        answer(pair[1]);
    }
    close(pair[1]);
    for (int i = 0; i < count; i++) {
        right &= !pipe2(ends[i], O_CLOEXEC);
        int sent = send_file(pair[0], (char)i, ends[i][1]);
        right &= sent || kill_after < i;
        close(ends[i][1]);
        if (i == kill_after)
            kill(pid, SIGKILL);
    }
    if (type == SOCK_DGRAM) /* whose receiver is told of no end */
        sendto(pair[0], "", 0, MSG_NOSIGNAL, NULL, 0);
    close(pair[0]);
    int status = status_of(pid);
    right &= status == (kill_after < count ? SIGKILL : 0);
    for (int i = 0; i < count; i++) {
        char byte;
        ssize_t got = read(ends[i][0], &byte, 1);
        right &= got == 0 ? kill_after < count : got == 1 && byte == i;
        right &= got == 0 || read(ends[i][0], &byte, 1) == 0;
        close(ends[i][0]);
    }
    if (!right)
        fprintf(stderr, "descriptors_sent: type %d, %d, %d, %#x\n", type, count, kill_after,
                (unsigned)status);
    return right;
}

static socklen_t name_of(struct sockaddr_un *name, int abstract)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length = snprintf(name->sun_path + abstract, sizeof name->sun_path - 1, "%s/socket.%d",
                          scratch, getpid());
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)(length + 1));
}

/* Children connect by a name, and say who they are; one of them may be killed first. */
static int connections(void)
{
    struct sockaddr_un name;
    int abstract = (int)choose(2), right = 1;
    const int type = choose(2) ? SOCK_STREAM : SOCK_SEQPACKET;
    socklen_t length = name_of(&name, abstract), size = sizeof(struct ucred);
    pid_t pids[3];
    int listener = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&name, length) || listen(listener, 1))
        return 0;
    for (int i = 0; i < 3; i++) {
        pids[i] = fork();
        if (!pids[i]) {
            pid_t pid = getpid();
            int fd = socket(AF_UNIX, type, 0);
            MUST(!connect(fd, (struct sockaddr *)&name, length));
            MUST(send(fd, &pid, sizeof pid, MSG_NOSIGNAL) == sizeof pid);
            pause();
        }
    }
    if (choose(2))
        kill(pids[0], SIGKILL);
    for (int i = 1; i < 3; i++) {
        struct ucred peer = {0};
        pid_t pid = 0;
        int fd = accept(listener, NULL, NULL);
        right &= !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
        ssize_t got = recv(fd, &pid, sizeof pid, 0);
        right &= (peer.pid == pids[0] && got <= 0) || (got == sizeof pid && pid == peer.pid);
        close(fd);
    }
    close(listener);
    for (int i = 0; i < 3; i++) {
        kill(pids[i], SIGKILL);
        status_of(pids[i]); /* with an error, if it was not served */
    }
    return right && (abstract || !unlink(name.sun_path));
}

enum { USER = 5001, GROUP = 5000, ROUNDS = 30 };
static char private_path[1020]; /* which root alone may read */

/* Whether the host's rights are those that the process has for its own. */
static int rights_agree(void)
{
    int fd = open(private_path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return (fd >= 0) == (geteuid() == 0) && (fd >= 0 || errno == EACCES);
}

/* In a cage these ids are those of all threads. */
static void *changes_user(void *data)
{
    for (int i = 0; i < ROUNDS; i++) {
        MUST(!syscall(SYS_setresuid, -1, USER, -1));
        access(private_path, R_OK);
        MUST(!syscall(SYS_setresuid, -1, 0, -1));
        stat(private_path, &(struct stat){0});
    }
    return NULL;
}

static void *changes_groups(void *data)
{
    const gid_t groups[] = {GROUP, GROUP + 1, GROUP + 2};
    for (int i = 0; i < ROUNDS; i++) {
        int failed = syscall(SYS_setgroups, i % 3, groups) ||
                     syscall(SYS_setresgid, -1, i % 2 ? GROUP : 0, -1);
        MUST(!failed || errno == EPERM);
        access(private_path, R_OK);
    }
    return NULL;
}

static void *forks_with_rights(void *data)
{
    char *arguments[] = {"stress", "rights", private_path, NULL};
    for (int i = 0; i < ROUNDS / 3; i++) {
        pid_t pid = i % 3 ? fork() : vfork();
        if (!pid) {
            if (i % 3 == 1)
                _exit(!rights_agree());
            execve("/proc/self/exe", arguments, environ);
            _exit(94);
        }
        MUST(exits_with(pid, 0));
    }
    return NULL;
}

static void *makes_threads_with_rights(void *data)
{
    static void *(*const functions[])(void *) = {changes_groups, changes_user};
    with_threads(functions, 2);
    return NULL;
}

static void ids_change(void)
{
    static void *(*const functions[])(void *) = {changes_user, forks_with_rights, changes_groups,
                                                 makes_threads_with_rights, forks_with_rights};
    with_threads(functions, 5);
    MUST(!setegid(0) && !setgroups(0, NULL) && rights_agree());
    MUST(!setgid(GROUP) && !setuid(USER) && rights_agree() && setuid(0) && rights_agree());
}

static int ids_changed(void)
{
    return geteuid() ? 1 : in_child(ids_change);
}

static int jail; /* a directory that has "inside" and "program"; and so has its "sub" */

static void *changes_root(void *data)
{
    for (int i = 0; i < ROUNDS; i++)
        MUST(!fchdir(jail) && !chroot(".") && !chroot("/sub"));
    return NULL;
}

static void *stays_inside(void *data)
{
    char path[PATH_MAX];
    for (int i = 0; i < ROUNDS * 3; i++) {
        int fd = open(i % 2 ? "/inside" : "/../../inside", O_RDONLY | O_CLOEXEC);
        MUST(fd >= 0 && !close(fd));
        MUST(open("/../private", O_RDONLY) < 0 && errno == ENOENT);
        MUST(getcwd(path, sizeof path) || errno == ENOENT);
    }
    return NULL;
}

static void *starts_inside(void *data)
{
    char *arguments[] = {"stress", "status", "42", NULL};
    for (int i = 0; i < ROUNDS / 3; i++) {
        pid_t pid = i % 2 ? fork() : vfork();
        if (!pid) {
            execve("/program", arguments, environ);
            _exit(94);
        }
        MUST(exits_with(pid, 42));
    }
    return NULL;
}

static void roots_change(void)
{
    static void *(*const functions[])(void *) = {changes_root, stays_inside, starts_inside,
                                                 stays_inside};
    MUST(!fchdir(jail) && !chroot("."));
    with_threads(functions, 4);
}

static int roots_changed(void)
{
    return geteuid() ? 1 : in_child(roots_change);
}

/* Threads write to what others wait for with epoll, and close it. */
enum { SOURCES = 6, PIECES = 60 };
static int sets[2], total;

static void *writes_to_sources(void *data)
{
    for (int i = 0; i < SOURCES; i++) {
        int ends[2];
        struct epoll_event event = {.events = i % 2 ? EPOLLIN : EPOLLIN | EPOLLET};
        MUST(i % 3 ? !socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends)
                   : !pipe2(ends, O_NONBLOCK));
        event.data.fd = ends[0];
        MUST(!epoll_ctl(sets[1], EPOLL_CTL_ADD, ends[0], &event));
        for (int n = 0; n < PIECES; n++)
            MUST(write(ends[1], "x", 1) == 1);
        close(ends[1]);
    }
    return NULL;
}

static void *reads_sources(void *data)
{
    char bytes[20];
    struct epoll_event event;
    struct pollfd poll_set = {.fd = sets[0], .events = POLLIN};
    while (__atomic_load_n(&total, __ATOMIC_RELAXED) < 2 * SOURCES * PIECES) {
        MUST(poll(&poll_set, 1, 20) >= 0 || errno == EINTR);
        pthread_mutex_lock(&mutex);
        if (epoll_wait(sets[0], &event, 1, 0) == 1 && epoll_wait(sets[1], &event, 1, 0) == 1) {
            ssize_t got;
            while ((got = read(event.data.fd, bytes, sizeof bytes)) > 0)
                __atomic_add_fetch(&total, (int)got, __ATOMIC_RELAXED);
            if (!got)
                close(event.data.fd);
        }
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void sources_are_read(void)
{
    static void *(*const functions[])(void *) = {writes_to_sources, reads_sources, reads_sources,
                                                 writes_to_sources};
    for (int i = 0; i < 2; i++)
        sets[i] = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    MUST(!epoll_ctl(sets[0], EPOLL_CTL_ADD, sets[1], &event));
    with_threads(functions, 4);
    MUST(total == 2 * SOURCES * PIECES);
}

static int sources_read(void)
{
    return in_child(sources_are_read);
}

static const struct {
    int (*run)(void);
    const char *name;
} deeds[] = {
    {chain, "chain"},
    {spawned, "spawned"},
    {victim, "victim"},
    {threads_end, "threads_end"},
    {threads_work, "threads_work"},
    {faults_handled, "faults_handled"},
    {stops, "stops"},
    {group_killed, "group_killed"},
    {victim, "victim"},
    {descriptors_sent, "descriptors_sent"},
    {connections, "connections"},
    {ids_changed, "ids_changed"},
    {roots_changed, "roots_changed"},
    {sources_read, "sources_read"},
};
enum { DEEDS = sizeof deeds / sizeof *deeds };

static int family(int number)
{
    unsigned wrong = 0, done = 0;
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    seed = (unsigned)number * 7919 + (unsigned)time(NULL);
    while (time(NULL) < end) {
        unsigned deed = choose(DEEDS);
        if (!deeds[deed].run() && wrong++ < 5)
            printf("%s went wrong (%s)\n", deeds[deed].name, strerror(errno));
        done++;
    }
    printf("family %d: %u deeds, %u wrong, %d signals\n", number, done, wrong, (int)signals);
    fflush(stdout);
    return wrong || !done;
}

static void copy_program(const char *to)
{
    char bytes[65536];
    int from = open(program, O_RDONLY | O_CLOEXEC),
        copy = openat(jail, to, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    for (ssize_t got; (got = read(from, bytes, sizeof bytes)) > 0;)
        CHECK(write(copy, bytes, (size_t)got) == got);
    CHECK(!close(from) && !close(copy));
}

static void prepare_files(void)
{
    char path[1030];
    snprintf(private_path, sizeof private_path, "%s/private", scratch);
    snprintf(path, sizeof path, "%s/jail", scratch);
    CHECK(!chmod(scratch, 0755) && !mkdir(path, 0755));
    jail = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(jail >= 0 && !mkdirat(jail, "sub", 0755));
    copy_program("program");
    CHECK(!linkat(jail, "program", jail, "sub/program", 0));
    CHECK(!mknodat(jail, "inside", S_IFREG | 0644, 0) &&
          !mknodat(jail, "sub/inside", S_IFREG | 0644, 0));
    CHECK(!mknod(private_path, S_IFREG | 0600, 0));
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc == 3 && !strcmp(argv[1], "exec")) {
        tell = atoi(argv[2]);
        executing();
        return 93;
    }
    if (argc == 3 && !strcmp(argv[1], "status"))
        return atoi(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "rights")) {
        snprintf(private_path, sizeof private_path, "%s", argv[2]);
        return !rights_agree();
    }
    snprintf(scratch, sizeof scratch, "%s/stress.XXXXXX", argv[1]);
    CHECK(mkdtemp(scratch));
    snprintf(lock_path, sizeof lock_path, "%s/lock", scratch);
    prepare_files();
    end = time(NULL) + atoi(argv[2]);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int file = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(file >= 0 && !flock(file, LOCK_EX) && !fcntl(file, F_SETLK, &whole));
    signal(SIGUSR1, SIG_IGN);
    pid_t pids[FAMILIES];
    for (int i = 0; i < FAMILIES; i++) {
        pids[i] = fork();
        if (!pids[i])
            _exit(family(i));
    }
    int left = FAMILIES, status;
    while (left) {
        for (int i = 0; i < FAMILIES; i++)
            if (pids[i] && time(NULL) < end)
                kill(pids[i], SIGUSR1);
        usleep(3000);
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            for (int i = 0; i < FAMILIES; i++)
                if (pids[i] == pid) {
                    CHECK(!status);
                    pids[i] = 0;
                    left--;
                }
    }
    return check_end();
}
