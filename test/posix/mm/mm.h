/* For the tests of this directory: raw calls whose outcome is printed in words, so that native and caged runs can be compared. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <unistd.h>

#define PAGE 4096UL
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static inline const char *errno_name(int error)
{
    static const struct {
        int error;
        const char *name;
    } names[] = {{EPERM, "EPERM"},   {EAGAIN, "EAGAIN"}, {ENOMEM, "ENOMEM"}, {EACCES, "EACCES"},
                 {EFAULT, "EFAULT"}, {EBUSY, "EBUSY"},   {EEXIST, "EEXIST"}, {EINVAL, "EINVAL"},
                 {EBADF, "EBADF"},   {ENODEV, "ENODEV"}, {ENOSYS, "ENOSYS"}, {EOVERFLOW, "EOVERFLOW"},
                 {EOPNOTSUPP, "EOPNOTSUPP"}, {ETXTBSY, "ETXTBSY"}};
    static char number[16];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].error == error)
            return names[i].name;
    snprintf(number, sizeof number, "errno %d", error);
    return number;
}

/* Makes a call; prints "words: ok" or the error's name. Returns the result, -1 with errno set. */
#define TRY(words, ...)                                                                            \
    ({                                                                                             \
        long result_ = syscall(__VA_ARGS__);                                                       \
        printf("%s: %s\n", words, result_ == -1 ? errno_name(errno) : "ok");                       \
        result_;                                                                                   \
    })

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("line %d: not so: %s (%s)\n", __LINE__, #condition, strerror(errno));           \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)
static int failures;

/* Whether the kernel can read (write) a byte of memory for us. */
static inline int accessible(volatile void *at, int writing)
{
    static int file = -1;
    if (file < 0) {
        char name[] = "accessible.XXXXXX";
        file = mkstemp(name);
        unlink(name);
        if (file < 0 || write(file, "x", 1) != 1)
            abort();
    }
    if (!writing)
        return pwrite(file, (void *)at, 1, 0) == 1;
    char old = 0;
    if (pwrite(file, (void *)at, 1, 0) != 1)
        return 0;
    return pread(file, (void *)at, 1, 0) == 1 || old;
}

static inline int finish(void)
{
    if (!failures)
        puts("all as it should be");
    return failures != 0;
}
