// Do processes that crash, or are killed in whatever they do, harm no other and leave nothing behind?
// RUN: rm -rf %t.dir && mkdir -p %t.dir
// RUN: musl-gcc -static -O2 -pthread %s -o %t.native
// RUN: timeout 400 %t.native %t.dir 20 96 96 </dev/null
// RUN: %lind-cc -O2 -pthread %s -o %t
// lind-run's threads and the heap have settled after 2,400; a page left by each crash would be 1,920 KiB.
// RUN: python3 %S/Inputs/leaks.py 24 768 %lind-run -- %t /tmp 100 2400 480 2>%t.reports
// The control: a descriptor more is found.
// RUN: not python3 %S/Inputs/leaks.py 24 768 %lind-run -- %t /tmp 4 48 0 leak 2>%t.reports
/* crashes DIRECTORY WORKERS FIRST THEN: workers compute what they are asked for while others, eight
 * at a time, crash or are killed. Says "ready" after the FIRST crashes and waits for a line, then
 * goes on until there were THEN more, says "done" and waits again. */
#define _GNU_SOURCE
#include <dirent.h>
#include <spawn.h>

#include "../Inputs/check.h"
#include "Inputs/victims.h"

enum { BATCH = 8, WORKERS_MOST = 200, ASKED = 4 };

extern char **environ;

static uint64_t answer(uint64_t seed)
{
    uint64_t sum = seed;
    size_t size = 1000 + seed % 50000;
    unsigned char *block = malloc(size);
    for (size_t i = 0; i < size; i++)
        block[i] = (unsigned char)(sum = (sum ^ i) * 0x9e3779b97f4a7c15 + (sum >> 9));
    double product = 1;
    for (int i = 1; i < 30; i++)
        product = product * i / (i + 0.25) + block[(size_t)i * 7 % size];
    uint64_t bits;
    memcpy(&bits, &product, sizeof bits);
    for (size_t i = 0; i < size; i += 3)
        sum = sum * 31 + block[i];
    free(block);
    return sum ^ bits;
}

static int worker(void)
{
    uint64_t seed;
    while (read(0, &seed, sizeof seed) == sizeof seed) {
        uint64_t result = answer(seed);
        if (write(1, &result, sizeof result) != sizeof result)
            return 1;
    }
    return 0;
}

static struct {
    pid_t pid;
    int to, from;
    uint64_t seed;
} workers[WORKERS_MOST];
static int worker_count, next_asked;

static void start_worker(int index)
{
    int to[2], from[2];
    char *arguments[] = {program, "worker", NULL};
    posix_spawn_file_actions_t actions;
    CHECK(!pipe2(to, O_CLOEXEC) && !pipe2(from, O_CLOEXEC));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    CHECK(!posix_spawn(&workers[index].pid, program, &actions, NULL, arguments, environ));
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    workers[index].to = to[1];
    workers[index].from = from[0];
}

static void ask(void)
{
    for (int i = 0; i < ASKED && i < worker_count; i++) {
        uint64_t seed = (uint64_t)rand() << 20 ^ (uint64_t)rand();
        int index = (next_asked + i) % worker_count;
        workers[index].seed = seed;
        CHECK(write(workers[index].to, &seed, sizeof seed) == sizeof seed);
    }
}

static void hear(void)
{
    for (int i = 0; i < ASKED && i < worker_count; i++) {
        int index = (next_asked + i) % worker_count;
        uint64_t result;
        CHECK(read(workers[index].from, &result, sizeof result) == sizeof result);
        CHECK(result == answer(workers[index].seed));
    }
    next_asked = (next_asked + ASKED) % worker_count;
}

enum { VICTIM_TELLS = 50 }; /* the descriptor of a victim's `tell` */

static pid_t start_victim(int kind, int spawn, const int tells[2])
{
    pid_t pid;
    if (spawn) {
        char number[16], *arguments[] = {program, "victim", number, scratch, NULL};
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, tells[1], VICTIM_TELLS);
        snprintf(number, sizeof number, "%d", kind);
        CHECK(!posix_spawn(&pid, program, &actions, NULL, arguments, environ));
        posix_spawn_file_actions_destroy(&actions);
        return pid;
    }
    pid = fork();
    if (!pid) {
        tell = tells[1];
        victim_run(kind);
    }
    CHECK(pid > 0);
    return pid;
}

/* Starts `count` victims from the kind `first` on, and sees them end as they must. */
static void batch(int first, int count)
{
    int tells[2], status;
    pid_t pids[BATCH];
    CHECK(!pipe2(tells, O_CLOEXEC));
    for (int i = 0; i < count; i++)
        pids[i] = start_victim((first + i) % VICTIM_KINDS, rand() % 2, tells);
    close(tells[1]);
    char byte;
    for (int i = 0; i < count; i++)
        CHECK(read(tells[0], &byte, 1) == 1);
    close(tells[0]);
    usleep((useconds_t)(rand() % 4 * 400));
    for (int i = 0; i < count; i++)
        if (victims[(first + i) % VICTIM_KINDS].signal == SIGKILL)
            CHECK(!kill(pids[i], SIGKILL));
    for (int i = 0; i < count; i++) {
        int kind = (first + i) % VICTIM_KINDS;
        status = -1;
        CHECK(waitpid(pids[i], &status, 0) == pids[i]);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != victims[kind].signal) {
            printf("kind %d ended with %#x\n", kind, (unsigned)status);
            check_failures++;
        }
    }
    /* No worker has ended; orphans are process 1's. */
    CHECK(waitpid(-1, &status, WNOHANG) == 0);
    int held = pthread_mutex_trylock(robust);
    CHECK(!held || held == EOWNERDEAD);
    if (held == EOWNERDEAD)
        CHECK(!pthread_mutex_consistent(robust));
    pthread_mutex_unlock(robust);
}

static void crash(int total)
{
    for (int done = 0; done < total; done += BATCH) {
        ask();
        batch(done, total - done < BATCH ? total - done : BATCH);
        hear();
    }
    /* Files that victims left. */
    DIR *directory = opendir(scratch);
    struct dirent *entry;
    while ((entry = readdir(directory)))
        if (!strncmp(entry->d_name, "fifo.", 5) || !strncmp(entry->d_name, "file.", 5))
            CHECK(!unlinkat(dirfd(directory), entry->d_name, 0));
    closedir(directory);
}

/* Makes what lind-run keeps for the next process the same at each count (docs/processes.md): there is as much of it as can be, and no
 * window waits with the mappings of a victim any more, since many processes of another kind have ended. */
static void fill(void)
{
    enum { KEPT = 80, AGE = 160 };
    int ends[2], count = 0;
    char byte;
    CHECK(!pipe(ends));
    while (count < KEPT && fork() > 0)
        count++;
    if (count < KEPT) {
        close(ends[1]);
        read(ends[0], &byte, 1);
        _exit(0);
    }
    close(ends[1]);
    close(ends[0]);
    for (int i = 0; i < KEPT; i++)
        CHECK(wait(NULL) > 0);
    for (int i = 0; i < AGE; i++) {
        pid_t pid = fork();
        if (!pid)
            _exit(0);
        CHECK(waitpid(pid, NULL, 0) == pid);
    }
}

static void wait_for_line(const char *word)
{
    int c;
    puts(word);
    fflush(stdout);
    while ((c = getchar()) != '\n' && c != EOF)
        ;
}

static void set_scratch(const char *path)
{
    snprintf(scratch, sizeof scratch, "%s", path);
    snprintf(lock_path, sizeof lock_path, "%s/lock", scratch);
}

static void prepare(void)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    pthread_mutexattr_t attributes;
    int file = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(file >= 0 && !flock(file, LOCK_EX) && !fcntl(file, F_SETLK, &whole));
    robust = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(robust != MAP_FAILED);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(robust, &attributes);
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc == 2 && !strcmp(argv[1], "worker"))
        return worker();
    if (argc == 3 && !strcmp(argv[1], "exec")) {
        tell = atoi(argv[2]);
        executing();
        return 93;
    }
    if (argc == 4 && !strcmp(argv[1], "victim")) {
        set_scratch(argv[3]);
        tell = VICTIM_TELLS;
        victim_run(atoi(argv[2]));
    }
    set_scratch(argv[1]);
    int wanted = atoi(argv[2]);
    prepare();
    for (; worker_count < wanted && worker_count < WORKERS_MOST; worker_count++)
        start_worker(worker_count);
    fill();
    crash(atoi(argv[3]));
    fill();
    wait_for_line("ready");
    crash(atoi(argv[4]));
    fill();
    if (argc > 5)
        CHECK(open(program, O_RDONLY) >= 0);
    wait_for_line("done");
    for (int i = 0; i < worker_count; i++) {
        int status = -1;
        close(workers[i].to);
        CHECK(waitpid(workers[i].pid, &status, 0) == workers[i].pid && !status);
        close(workers[i].from);
    }
    return check_end();
}
