/* Tasks of one process that wait for each other, as host threads that make calls directly: what no program of one thread can show. Each
 * question is a function; the exit status says whether all were answered as they should be. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/place.h"
#include "microvisor/process.h"
#include "microvisor/signal/signal.h"
#include "rt/thread.h"
#include "rt/window.h"

static struct process process;
static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            failures++;                                                                            \
            printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                         \
        }                                                                                          \
    } while (0)

/* Each task has a piece of the window for its data. */
#define PIECE 0x100000UL
#define TASKS 8
static struct task tasks[TASKS];

static uint64_t memory_of(struct task *task)
{
    return PIECE * (uint64_t)(task - tasks + 1);
}

static void *host_of(struct task *task)
{
    return (void *)(process.cage.base + memory_of(task));
}

static long call(call_function *function, struct task *task, uint64_t a, uint64_t b, uint64_t c,
                 uint64_t d, uint64_t e)
{
    const uint64_t args[6] = {a, b, c, d, e};
    return function(task, args);
}

static int start(void)
{
    const char *why = "";
    if (rt_start(&why)) {
        printf("%s\n", why);
        return 0;
    }
    if (window_reserve(&process.cage.base))
        return 0;
    mmap((void *)(process.cage.base + PIECE), TASKS * PIECE, PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    process.pid = 1;
    process.descriptors = descriptors_new();
    process.place = place_new();
    process.actions = signal_actions_create();
    for (int i = 0; i < PROCESS_LIMITS; i++)
        process_set_limits(&process, i, (struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    descriptors_share(process.descriptors);
    for (int i = 0; i < TASKS; i++) {
        tasks[i].process = &process;
        tasks[i].thread.base = process.cage.base;
        tasks[i].tid = i + 1;
        if (task_signals_start(&tasks[i]))
            return 0;
    }
    return 1;
}

static void make_pipe(int ends[2])
{
    CHECK(call(call_pipe2, &tasks[0], memory_of(&tasks[0]), 0, 0, 0, 0) == 0);
    memcpy(ends, host_of(&tasks[0]), 2 * sizeof(int));
}

static long put(struct task *task, int fd, uint64_t length)
{
    return call(call_write, task, (uint64_t)fd, memory_of(task), length, 0, 0);
}

static long get(struct task *task, int fd, uint64_t length)
{
    return call(call_read, task, (uint64_t)fd, memory_of(task), length, 0, 0);
}

static void pause_milliseconds(long time)
{
    nanosleep(&(struct timespec){0, time * 1000000}, NULL);
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* A thread that after a while writes to a descriptor of the microvisor, or of the host. */
struct later {
    struct task *task;
    int fd, host_fd;
    pthread_t thread;
};

static void *later_run(void *data)
{
    struct later *later = data;
    const uint64_t one = 1;
    pause_milliseconds(30);
    memcpy(host_of(later->task), &one, 8);
    if (later->host_fd >= 0)
        CHECK(write(later->host_fd, &one, 8) == 8);
    else
        CHECK(put(later->task, later->fd, 8) == 8);
    return NULL;
}

static void later(struct later *later, int fd, int host_fd)
{
    *later = (struct later){&tasks[1], fd, host_fd, 0};
    pthread_create(&later->thread, NULL, later_run, later);
}

/* Does a read that sleeps wake when another task writes? */
static void read_wakes(void)
{
    struct later other;
    int ends[2];
    make_pipe(ends);
    later(&other, ends[1], -1);
    CHECK(get(&tasks[0], ends[0], 100) == 8);
    pthread_join(other.thread, NULL);
}

/* Does poll wake for a pipe alone, and for a pipe and a host descriptor together, whichever is first? */
static void poll_wakes(void)
{
    struct pollfd *entries = host_of(&tasks[0]);
    struct later other;
    int ends[2], host[2];
    make_pipe(ends);
    CHECK(pipe(host) == 0);
    CHECK(descriptors_inherit(&process, host[0], 100) == 0);
    for (int round = 0; round < 3; round++) {
        entries[0] = (struct pollfd){ends[0], POLLIN, 0};
        entries[1] = (struct pollfd){100, POLLIN, 0};
        later(&other, ends[1], round == 2 ? host[1] : -1);
        CHECK(call(call_poll, &tasks[0], memory_of(&tasks[0]), round ? 2 : 1, 5000, 0, 0) == 1);
        CHECK(entries[round == 2].revents == POLLIN && (!round || !entries[round != 2].revents));
        pthread_join(other.thread, NULL);
        if (round < 2)
            CHECK(get(&tasks[0], ends[0], 100) == 8);
    }
    call(call_close, &tasks[0], 100, 0, 0, 0, 0);
    close(host[0]);
    close(host[1]);
}

/* Does epoll_wait wake for pipes, host descriptors, both, and through a set inside the set? */
static void epoll_wakes(void)
{
    struct epoll_event *events = host_of(&tasks[0]);
    struct later other;
    int ends[2], host[2];
    make_pipe(ends);
    CHECK(pipe(host) == 0);
    CHECK(descriptors_inherit(&process, host[0], 100) == 0);
    long inner = call(call_epoll_create1, &tasks[0], 0, 0, 0, 0, 0);
    long outer = call(call_epoll_create1, &tasks[0], 0, 0, 0, 0, 0);
    CHECK(inner >= 0 && outer >= 0);
    for (int edge = 0; edge < 2; edge++) {
        uint32_t mode = EPOLLIN | (edge ? EPOLLET : 0u);
        uint64_t address = memory_of(&tasks[0]);
        *events = (struct epoll_event){mode, {.u64 = 7}};
        CHECK(call(call_epoll_ctl, &tasks[0], (uint64_t)inner, EPOLL_CTL_ADD, (uint64_t)ends[0], address, 0) == 0);
        events->data.u64 = 8;
        CHECK(call(call_epoll_ctl, &tasks[0], (uint64_t)inner, EPOLL_CTL_ADD, 100, address, 0) == 0);
        events->data.u64 = 9;
        CHECK(call(call_epoll_ctl, &tasks[0], (uint64_t)outer, EPOLL_CTL_ADD, (uint64_t)inner, address, 0) == 0);
        for (int round = 0; round < 4; round++) {
            int from_host = round & 1, through = round >= 2;
            uint64_t bytes;
            later(&other, ends[1], from_host ? host[1] : -1);
            long set = through ? outer : inner;
            long count = call(call_epoll_wait, &tasks[0], (uint64_t)set, address, 8, 5000, 0);
            CHECK(count == 1);
            if (count != 1)
                printf("edge %d round %d: %ld\n", edge, round, count);
            CHECK(events->events == EPOLLIN && events->data.u64 == (through ? 9u : from_host ? 8u : 7u));
            pthread_join(other.thread, NULL);
            if (from_host)
                CHECK(read(host[0], &bytes, 8) == 8);
            else
                CHECK(get(&tasks[0], ends[0], 8) == 8);
            CHECK(call(call_epoll_wait, &tasks[0], (uint64_t)inner, address, 8, 0, 0) == (through && edge && 0));
            CHECK(call(call_epoll_wait, &tasks[0], (uint64_t)outer, address, 8, 0, 0) == 0);
        }
        CHECK(call(call_epoll_ctl, &tasks[0], (uint64_t)outer, EPOLL_CTL_DEL, (uint64_t)inner, 0, 0) == 0);
        CHECK(call(call_epoll_ctl, &tasks[0], (uint64_t)inner, EPOLL_CTL_DEL, (uint64_t)ends[0], 0, 0) == 0);
        CHECK(call(call_epoll_ctl, &tasks[0], (uint64_t)inner, EPOLL_CTL_DEL, 100, 0, 0) == 0);
    }
    call(call_close, &tasks[0], (uint64_t)inner, 0, 0, 0, 0);
    call(call_close, &tasks[0], (uint64_t)outer, 0, 0, 0, 0);
    call(call_close, &tasks[0], 100, 0, 0, 0, 0);
    close(host[0]);
    close(host[1]);
}

/* Do several writers and readers at once lose, double or tear nothing? Each message is PIPE_BUF-atomic and says who sent it. */
#define SENDERS 3
#define MESSAGES 4000
static int shared_ends[2], shared_set;
static _Atomic unsigned received[SENDERS];
static _Atomic int bad_messages;

struct message {
    unsigned sender, number, length;
    unsigned char bytes[2000];
};

static void *send_run(void *data)
{
    struct task *task = data;
    unsigned sender = (unsigned)(task - tasks) - 1;
    struct message *message = host_of(task);
    for (unsigned i = 0; i < MESSAGES; i++) {
        *message = (struct message){sender, i, 500 + i % 1500, {0}};
        memset(message->bytes, (int)(sender * 50 + i % 50), sizeof message->bytes);
        if (put(task, shared_ends[1], sizeof *message) != sizeof *message)
            bad_messages++;
    }
    return NULL;
}

static void *receive_run(void *data)
{
    struct task *task = data;
    struct message *message = host_of(task);
    struct epoll_event *event = (struct epoll_event *)(message + 1);
    long n;
    for (;;) {
        if (call(call_epoll_wait, task, (uint64_t)shared_set,
                 memory_of(task) + sizeof *message, 1, UINT64_MAX, 0) != 1)
            bad_messages++;
        if (event->data.u64 != 5)
            bad_messages++;
        n = get(task, shared_ends[0], sizeof *message);
        if (n == -EAGAIN)
            continue;
        if (n == 0)
            return NULL;
        int good = n == sizeof *message && message->sender < SENDERS;
        for (unsigned i = 0; good && i < sizeof message->bytes; i++)
            good = message->bytes[i] == (unsigned char)(message->sender * 50 + message->number % 50);
        if (good)
            received[message->sender]++;
        else
            bad_messages++;
    }
}

static void crowd(void)
{
    pthread_t threads[2 * SENDERS];
    make_pipe(shared_ends);
    CHECK(call(call_fcntl, &tasks[0], (uint64_t)shared_ends[0], F_SETFL, O_NONBLOCK, 0, 0) == 0);
    shared_set = (int)call(call_epoll_create1, &tasks[0], 0, 0, 0, 0, 0);
    struct epoll_event *event = host_of(&tasks[0]);
    *event = (struct epoll_event){EPOLLIN, {.u64 = 5}};
    CHECK(call(call_epoll_ctl, &tasks[0], (uint64_t)shared_set, EPOLL_CTL_ADD, (uint64_t)shared_ends[0],
               memory_of(&tasks[0]), 0) == 0);
    for (int i = 0; i < SENDERS; i++)
        pthread_create(&threads[i], NULL, send_run, &tasks[1 + i]);
    for (int i = 0; i < SENDERS; i++)
        pthread_create(&threads[SENDERS + i], NULL, receive_run, &tasks[1 + SENDERS + i]);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    CHECK(call(call_close, &tasks[0], (uint64_t)shared_ends[1], 0, 0, 0, 0) == 0);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[SENDERS + i], NULL);
    for (int i = 0; i < SENDERS; i++)
        CHECK(received[i] == MESSAGES);
    CHECK(bad_messages == 0);
}

/* Closing while others wait: does it wake them, and leave nothing behind? */
static void *close_run(void *data)
{
    int *ends = data;
    pause_milliseconds(20);
    call(call_close, &tasks[1], (uint64_t)ends[1], 0, 0, 0, 0);
    return NULL;
}

static void close_wakes(void)
{
    int ends[2];
    pthread_t thread;
    make_pipe(ends);
    pthread_create(&thread, NULL, close_run, ends);
    CHECK(get(&tasks[0], ends[0], 10) == 0);
    pthread_join(thread, NULL);
}

/* What does a write and a read of one byte cost? Printed only. */
static void cost(void)
{
    const int rounds = 1000000;
    int ends[2];
    make_pipe(ends);
    uint64_t begin = now();
    for (int i = 0; i < rounds; i++) {
        put(&tasks[0], ends[1], 1);
        get(&tasks[0], ends[0], 1);
    }
    uint64_t small = now() - begin;
    begin = now();
    for (int i = 0; i < rounds / 50; i++) {
        put(&tasks[0], ends[1], 65536);
        get(&tasks[0], ends[0], 65536);
    }
    uint64_t large = now() - begin;
    printf("pipe: %lu ns for a write and a read of 1 byte, %lu ns of 64 KiB\n", small / (uint64_t)rounds,
           large / (uint64_t)(rounds / 50));
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    alarm(600); /* instead of sleeping for ever */
    if (!start())
        return 1;
    read_wakes();
    poll_wakes();
    epoll_wakes();
    close_wakes();
    crowd();
    if (argc > 1)
        cost();
    printf(failures ? "failed\n" : "ok\n");
    return failures != 0;
}
