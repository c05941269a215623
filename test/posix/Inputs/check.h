/* For test programs: each failed check prints where and why; the program's end says how it went. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int check_failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            int saved_errno = errno;                                                               \
            printf("%s:%d: not so: %s (errno %d, %s)\n", __FILE__, __LINE__, #condition,           \
                   saved_errno, strerror(saved_errno));                                            \
            fflush(stdout); /* a program that is killed later has said it */                       \
            check_failures++;                                                                      \
        }                                                                                          \
    } while (0)

/* A call that must return -1 with an errno. */
#define FAILS(call, error) CHECK((errno = 0, (long)(call) == -1) && errno == (error))

/* For main's return. */
static inline int check_end(void)
{
    fflush(stdout);
    return check_failures != 0;
}

/* Addresses that no buffer may have: in the first pages, beyond any memory of a cage, negative. */
#define BAD_ADDRESSES                                                                              \
    {                                                                                              \
        (void *)8, (void *)0xfffffffffffff000, (void *)-1, (void *)0x7fffffffe000,                 \
            (void *)0x8000000000000000                                                             \
    }

#endif
