/* Costs of what programs do with other programs, threads and pipes, in microseconds each (throughput:
 * microseconds per MiB; faults: per 4 KiB page), the median of several rounds. Runs natively and in
 * a cage; prints "name value" lines. With an argument it ends at once: it is its own child program. */
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB (1UL << 20)

extern char **environ;
static char *self;
static int to_child[2], from_child[2];
static char block[65536];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int compare(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static void measure(const char *name, void (*function)(void), int count)
{
    enum { ROUNDS = 9 };
    double times[ROUNDS];
    function();
    for (int round = 0; round < ROUNDS; round++) {
        double start = seconds();
        for (int i = 0; i < count; i++)
            function();
        times[round] = (seconds() - start) / count;
    }
    qsort(times, ROUNDS, sizeof *times, compare);
    printf("%s %.3f\n", name, times[ROUNDS / 2] * 1e6);
}

static void await(pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid || status)
        fail("waitpid");
}

static void do_fork(void)
{
    pid_t pid = fork();
    if (!pid)
        _exit(0);
    await(pid);
}

static void do_vfork(void)
{
    pid_t pid = vfork();
    if (!pid)
        _exit(0);
    await(pid);
}

static void do_spawn(void)
{
    pid_t pid;
    char *arguments[] = {self, "child", NULL};
    if (posix_spawn(&pid, self, NULL, NULL, arguments, environ))
        fail("posix_spawn");
    await(pid);
}

static void do_fork_exec(void)
{
    pid_t pid = fork();
    if (!pid) {
        execl(self, self, "child", (char *)0);
        _exit(1);
    }
    await(pid);
}

static void do_round_trip(void)
{
    char byte = 1;
    if (write(to_child[1], &byte, 1) != 1 || read(from_child[0], &byte, 1) != 1)
        fail("pipe");
}

/* One MiB. */
static void do_throughput(void)
{
    for (unsigned i = 0; i < MIB / sizeof block; i++)
        if (write(to_child[1], block, sizeof block) != sizeof block)
            fail("write");
}

static void *nothing(void *unused)
{
    return NULL;
}

static void do_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, nothing, NULL))
        fail("pthread_create");
    pthread_join(thread, NULL);
}

static void do_mutex(void)
{
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
    }
}

static void take_turn(int parity)
{
    pthread_mutex_lock(&mutex);
    while (turn % 2 != parity)
        pthread_cond_wait(&changed, &mutex);
    turn++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
}

static void *partner(void *unused)
{
    for (;;)
        take_turn(1);
}

static void do_condition(void)
{
    take_turn(0);
}

/* Touches 16 MiB of new memory. */
static void do_faults(void)
{
    char *memory = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail("mmap");
    madvise(memory, 16 * MIB, MADV_NOHUGEPAGE);
    for (unsigned long at = 0; at < 16 * MIB; at += 4096)
        memory[at] = 1;
    munmap(memory, 16 * MIB);
}

static pid_t child(void (*run)(void))
{
    if (pipe(to_child) || pipe(from_child))
        fail("pipe");
    pid_t pid = fork();
    if (pid)
        return pid;
    close(to_child[1]);
    close(from_child[0]);
    run();
    _exit(0);
}

static void end_child(pid_t pid)
{
    close(to_child[1]);
    close(to_child[0]);
    close(from_child[1]);
    close(from_child[0]);
    await(pid);
}

static void echo(void)
{
    char byte;
    while (read(to_child[0], &byte, 1) == 1)
        if (write(from_child[1], &byte, 1) != 1)
            break;
}

static void drain(void)
{
    while (read(to_child[0], block, sizeof block) > 0)
        ;
}

/* fork+exit+wait with so much memory that was written to. */
static void large_fork(const char *name)
{
    char *memory =
        mmap(NULL, 512 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail("mmap");
    memset(memory, 1, 512 * MIB);
    measure(name, do_fork, 1);
}

static void large_fork_alone(void)
{
    large_fork("fork_512_mib");
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "child"))
        return 0;
    self = argv[0];
    setvbuf(stdout, NULL, _IOLBF, 0);
    measure("fork_exit_wait", do_fork, 100);
    measure("vfork_exit_wait", do_vfork, 100);
    measure("spawn_exit_wait", do_spawn, 50);
    measure("fork_exec_exit_wait", do_fork_exec, 50);
    pid_t pid = child(echo);
    measure("pipe_round_trip", do_round_trip, 1000);
    end_child(pid);
    pid = child(drain);
    measure("pipe_per_mib", do_throughput, 64);
    end_child(pid);
    end_child(child(large_fork_alone));
    measure("thread_create_join", do_thread, 100);
    measure("mutex_1000", do_mutex, 100);
    pthread_t thread;
    pthread_create(&thread, NULL, partner, NULL);
    measure("condition_ping_pong", do_condition, 500);
    measure("fault_16_mib", do_faults, 3);
    /* Not before the rest: what was shared by fork stays shared. */
    large_fork("fork_512_mib_threads");
    return 0;
}
