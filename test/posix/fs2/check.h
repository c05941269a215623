/* What the tests of this directory share: CHECK and CHECK_ERROR say what failed and go on; the exit status tells. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static int check_failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            check_failures++;                                                                      \
            printf("%s:%d: failed: %s (errno %d %s)\n", __FILE__, __LINE__, #condition, errno,     \
                   strerror(errno));                                                               \
        }                                                                                          \
    } while (0)

#define CHECK_ERROR(call, error)                                                                   \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long check_result = (long)(call);                                                          \
        if (check_result != -1 || errno != (error)) {                                              \
            check_failures++;                                                                      \
            printf("%s:%d: %s gave %ld, errno %d (%s), not %s\n", __FILE__, __LINE__, #call,       \
                   check_result, errno, strerror(errno), #error);                                  \
        }                                                                                          \
    } while (0)

/* A pointer to nothing. */
#define BAD ((void *)16)

static inline long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int check_done(void)
{
    if (!check_failures)
        printf("ok\n");
    fflush(stdout);
    return check_failures != 0;
}

#endif
