/* A process of the microvisor without cage code, for unit tests on the host: calls are made as a
 * cage would make them, with strings and buffers in a window. Link with the microvisor's and the
 * runtime's libraries. */
#ifndef HOST_TASK_H
#define HOST_TASK_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/place.h"
#include "microvisor/process.h"
#include "rt/window.h"

#define AREA 0x100000UL /* of each task's buffers */

struct host_task {
    struct task task;
    uint64_t area; /* window offset of AREA bytes of its own */
};

static int failures;

#define CHECK_IS(expression, expected)                                                             \
    do {                                                                                           \
        long is_ = (long)(expression), wanted_ = (long)(expected);                                 \
        if (is_ != wanted_) {                                                                      \
            printf("%s:%d: %s is %ld, not %ld\n", __FILE__, __LINE__, #expression, is_, wanted_);  \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static inline void must(int good, const char *what) {
    if (good)
        return;
    perror(what);
    exit(2);
}

static inline struct process *host_process(void) {
    struct process *process = calloc(1, sizeof *process);
    must(process && !window_reserve(&process->cage.base), "window");
    process->descriptors = descriptors_new();
    process->place = place_new();
    must(process->descriptors && process->place, "process");
    for (int i = 0; i < PROCESS_LIMITS; i++)
        process_set_limits(process, i, (struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    process_set_limits(process, RLIMIT_NOFILE, (struct rlimit){64, 64});
    umask(0);
    return process;
}

/* number: which of the process's tasks, from 0 on. */
static inline struct host_task *host_task(struct process *process, unsigned number) {
    struct host_task *host = aligned_alloc(64, (sizeof *host + 63) & ~63UL);
    must(host != NULL, "task");
    memset(host, 0, sizeof *host);
    host->task.process = process;
    host->task.thread.base = process->cage.base;
    host->area = 0x100000 + number * AREA;
    must(mmap((void *)(process->cage.base + host->area), AREA, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED,
         "area");
    return host;
}

/* Puts a string in one of the task's 16 places for strings; returns its window offset. */
static inline uint64_t text(struct host_task *host, unsigned place, const char *string) {
    uint64_t offset = host->area + place * 8192UL;
    strcpy((char *)(host->task.thread.base + offset), string);
    return offset;
}

/* A buffer for results, of 64 KiB. */
static inline uint64_t buffer(struct host_task *host) {
    return host->area + 0x80000;
}

static inline char *buffer_text(struct host_task *host) {
    return (char *)(host->task.thread.base + buffer(host));
}

#define CALL_(name, host, ...) call_##name(&(host)->task, (const uint64_t[6]){__VA_ARGS__})

static inline long guest_open(struct host_task *host, const char *path, int flags) {
    return CALL_(open, host, text(host, 0, path), (uint64_t)(uint32_t)flags, 0644);
}

static inline long guest_close(struct host_task *host, long fd) {
    return CALL_(close, host, (uint64_t)fd);
}

/* Whether the guest reads `content` at path: 0, or an error, or -1 for other content. */
static inline long guest_reads(struct host_task *host, const char *path, const char *content) {
    long fd = guest_open(host, path, O_RDONLY);
    if (fd < 0)
        return fd;
    long length = CALL_(read, host, (uint64_t)fd, buffer(host), 4096);
    guest_close(host, fd);
    if (length < 0)
        return length;
    return (size_t)length == strlen(content) && !memcmp(buffer_text(host), content, (size_t)length)
               ? 0
               : -1;
}

static inline long guest_stat(struct host_task *host, const char *path, struct stat *status) {
    long result = CALL_(stat, host, text(host, 0, path), buffer(host));
    memcpy(status, buffer_text(host), sizeof *status);
    return result;
}

static inline void host_write(const char *path, const char *content) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    must(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content), path);
    close(fd);
}

#endif
