// Does each pointer argument of the file calls give EFAULT, and never more, when it is bad (attack row K1)?
// RUN: musl-gcc -static -O1 -I%root/test/posix/Inputs %s -o %t.native && rm -rf %t.n && mkdir %t.n && cd %t.n && %t.native
// RUN: %lind-cc -O1 -I%root/test/posix/Inputs %s -o %t && rm -rf %t.d && mkdir %t.d && cd %t.d && %lind-run %t
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

enum { FD = -10, PATH, OUT, IN, VECTOR, BAD }; /* what stands for an argument: BAD is the one under test */

struct attempt {
    const char *name;
    long number;
    long args[6];
};

static const struct attempt attempts[] = {
    {"read", SYS_read, {FD, BAD, 16}},
    {"write", SYS_write, {FD, BAD, 16}},
    {"pread64", SYS_pread64, {FD, BAD, 16, 0}},
    {"pwrite64", SYS_pwrite64, {FD, BAD, 16, 0}},
    {"readv", SYS_readv, {FD, BAD, 1}},
    {"writev", SYS_writev, {FD, BAD, 1}},
    {"preadv", SYS_preadv, {FD, BAD, 1, 0}},
    {"pwritev", SYS_pwritev, {FD, BAD, 1, 0}},
    {"preadv2", 327, {FD, BAD, 1, 0, 0, 0}},
    {"pwritev2", 328, {FD, BAD, 1, 0, 0, 0}},
    {"open", SYS_open, {BAD, O_RDONLY}},
    {"creat", SYS_creat, {BAD, 0600}},
    {"openat", SYS_openat, {AT_FDCWD, BAD, O_RDONLY}},
    {"openat2", 437, {AT_FDCWD, BAD, IN, 24}},
    {"openat2", 437, {AT_FDCWD, PATH, BAD, 24}},
    {"stat", SYS_stat, {BAD, OUT}},
    {"stat", SYS_stat, {PATH, BAD}},
    {"lstat", SYS_lstat, {BAD, OUT}},
    {"lstat", SYS_lstat, {PATH, BAD}},
    {"fstat", SYS_fstat, {FD, BAD}},
    {"newfstatat", SYS_newfstatat, {AT_FDCWD, BAD, OUT, 0}},
    {"newfstatat", SYS_newfstatat, {AT_FDCWD, PATH, BAD, 0}},
    {"statx", SYS_statx, {AT_FDCWD, BAD, 0, 0x7ff, OUT}},
    {"statx", SYS_statx, {AT_FDCWD, PATH, 0, 0x7ff, BAD}},
    {"access", SYS_access, {BAD, 0}},
    {"faccessat", SYS_faccessat, {AT_FDCWD, BAD, 0}},
    {"faccessat2", 439, {AT_FDCWD, BAD, 0, 0}},
    {"getcwd", SYS_getcwd, {BAD, 4096}},
    {"chdir", SYS_chdir, {BAD}},
    {"rename", SYS_rename, {BAD, PATH}},
    {"rename", SYS_rename, {PATH, BAD}},
    {"renameat2", SYS_renameat2, {AT_FDCWD, BAD, AT_FDCWD, PATH, 0}},
    {"renameat2", SYS_renameat2, {AT_FDCWD, PATH, AT_FDCWD, BAD, 0}},
    {"mkdir", SYS_mkdir, {BAD, 0700}},
    {"mkdirat", SYS_mkdirat, {AT_FDCWD, BAD, 0700}},
    {"rmdir", SYS_rmdir, {BAD}},
    {"link", SYS_link, {BAD, PATH}},
    {"link", SYS_link, {PATH, BAD}},
    {"linkat", SYS_linkat, {AT_FDCWD, BAD, AT_FDCWD, PATH, 0}},
    {"linkat", SYS_linkat, {AT_FDCWD, PATH, AT_FDCWD, BAD, 0}},
    {"unlink", SYS_unlink, {BAD}},
    {"unlinkat", SYS_unlinkat, {AT_FDCWD, BAD, 0}},
    {"symlink", SYS_symlink, {BAD, PATH}},
    {"symlink", SYS_symlink, {PATH, BAD}},
    {"symlinkat", SYS_symlinkat, {PATH, AT_FDCWD, BAD}},
    {"readlink", SYS_readlink, {BAD, OUT, 16}},
    {"chmod", SYS_chmod, {BAD, 0600}},
    {"fchmodat", SYS_fchmodat, {AT_FDCWD, BAD, 0600}},
    {"chown", SYS_chown, {BAD, -1, -1}},
    {"lchown", SYS_lchown, {BAD, -1, -1}},
    {"fchownat", SYS_fchownat, {AT_FDCWD, BAD, -1, -1, 0}},
    {"mknod", SYS_mknod, {BAD, S_IFIFO | 0600, 0}},
    {"mknodat", SYS_mknodat, {AT_FDCWD, BAD, S_IFIFO | 0600, 0}},
    {"utime", SYS_utime, {BAD, 0}},
    {"utime", SYS_utime, {PATH, BAD}},
    {"utimes", SYS_utimes, {PATH, BAD}},
    {"futimesat", SYS_futimesat, {AT_FDCWD, PATH, BAD}},
    {"utimensat", SYS_utimensat, {AT_FDCWD, PATH, BAD, 0}},
    {"utimensat", SYS_utimensat, {AT_FDCWD, BAD, 0, 0}},
    {"truncate", SYS_truncate, {BAD, 0}},
    {"getdents64", SYS_getdents64, {FD + 100, BAD, 4096}}, /* FD + 100: the directory */
    {"getdents", SYS_getdents, {FD + 100, BAD, 4096}},
    {"chroot", SYS_chroot, {BAD}},
};

static char out[4096], in[64];
static int file, directory;

static long filled(long argument, const void *bad)
{
    switch (argument) {
    case FD:
        return file;
    case FD + 100:
        return directory;
    case PATH:
        return (long)"file";
    case OUT:
        return (long)out;
    case IN:
        return (long)in;
    case BAD:
        return (long)bad;
    default:
        return argument;
    }
}

static void try(const struct attempt *attempt, const void *bad)
{
    long a[6];
    for (int i = 0; i < 6; i++)
        a[i] = filled(attempt->args[i], bad);
    errno = 0;
    long result = syscall(attempt->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (result == -1 && errno == EFAULT)
        return;
    printf("%s with %p: %ld, %s\n", attempt->name, bad, result, strerror(errno));
    check_failures++;
}

int main(void)
{
    file = open("file", O_RDWR | O_CREAT, 0600);
    directory = open(".", O_RDONLY | O_DIRECTORY);
    CHECK(write(file, "0123456789abcdef0123456789abcdef", 32) == 32 && lseek(file, 0, SEEK_SET) == 0);
    char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED && munmap(pages + 4096, 4096) == 0);
    memset(pages, 'n', 4096);
    const void *bad[] = BAD_ADDRESSES;
    for (unsigned i = 0; i < sizeof attempts / sizeof *attempts; i++) {
        for (unsigned k = 0; k < sizeof bad / sizeof *bad; k++)
            try(&attempts[i], bad[k]);
        try(&attempts[i], pages + 4096); /* in a hole */
    }
    CHECK(lseek(file, 0, SEEK_CUR) == 0);

    /* A name that runs into the hole; one that ends right before it. */
    FAILS(access(pages + 4000, F_OK), EFAULT);
    memcpy(pages + 4091, "file", 5);
    CHECK(access(pages + 4091, F_OK) == 0);

    /* Partial transfers up to the hole, as Linux makes them; then the fault. */
    ssize_t part = pread(file, pages + 4096 - 8, 16, 0);
    CHECK(part == 8 || (part == -1 && errno == EFAULT));
    FAILS(pread(file, pages + 4096, 16, 0), EFAULT);
    part = pwrite(file, pages + 4096 - 8, 16, 64);
    CHECK(part == 8 || (part == -1 && errno == EFAULT));

    /* A vector's own bases, and lengths that wrap. */
    struct iovec vector[2] = {{out, 4}, {(void *)8, 4}};
    part = preadv(file, vector, 2, 0);
    CHECK(part == 4 || (part == -1 && errno == EFAULT));
    vector[0].iov_base = (void *)8;
    FAILS(preadv(file, vector, 1, 0), EFAULT);
    FAILS(pwritev(file, vector, 1, 0), EFAULT);
    FAILS(syscall(SYS_read, file, out, -1L), EFAULT);
    FAILS(syscall(SYS_write, file, out, -4096L), EFAULT);
    FAILS(syscall(SYS_read, file, -16L, 32L), EFAULT);

    /* Read-only memory is not written. */
    char *constant = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FAILS(pread(file, constant, 4, 0), EFAULT);
    FAILS(syscall(SYS_fstat, file, constant), EFAULT);
    FAILS(syscall(SYS_getcwd, constant, 4096), EFAULT);
    CHECK(*constant == 0);
    return check_end();
}
