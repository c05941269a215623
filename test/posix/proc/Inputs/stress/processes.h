/* Deeds of stress.c: processes and threads begin, work and end, in every way. */
#ifndef STRESS_PROCESSES_H
#define STRESS_PROCESSES_H

#include <setjmp.h>
#include <spawn.h>

#include "stress.h"

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

#endif
