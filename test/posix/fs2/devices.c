// Are /dev's devices what null(4), full(4) and random(4) say?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t < /dev/null
#include "check.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

static int device(const char *path, int flags, unsigned major_number, unsigned minor_number)
{
    struct stat by_name, by_fd;
    int fd = open(path, flags);
    CHECK(fd >= 0);
    CHECK(stat(path, &by_name) == 0 && fstat(fd, &by_fd) == 0);
    CHECK(S_ISCHR(by_name.st_mode) && (by_name.st_mode & 0777) == 0666);
    CHECK(by_name.st_rdev == makedev(major_number, minor_number));
    CHECK(by_fd.st_rdev == by_name.st_rdev && by_fd.st_ino == by_name.st_ino);
    CHECK(by_fd.st_dev == by_name.st_dev && by_fd.st_mode == by_name.st_mode);
    return fd;
}

int main(void)
{
    static char block[100000], other[100000];
    int fd = device("/dev/null", O_RDWR, 1, 3);
    CHECK(read(fd, block, sizeof block) == 0);
    CHECK(write(fd, block, sizeof block) == sizeof block);
    CHECK(lseek(fd, 100, SEEK_SET) == 0);
    CHECK(pwrite(fd, block, 10, 1000) == 10);
    close(fd);

    fd = device("/dev/zero", O_RDWR, 1, 5);
    memset(block, 1, sizeof block);
    CHECK(read(fd, block, sizeof block) == sizeof block);
    CHECK(!memcmp(block, other, sizeof block));
    CHECK(write(fd, block, 5) == 5);
    CHECK_ERROR(read(fd, BAD, 5), EFAULT);
    char *mapped = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(mapped != MAP_FAILED && mapped[0] == 0 && mapped[8191] == 0);
    mapped[5000] = 1;
    /* A bad page in the middle ends the read there. */
    CHECK(mprotect(mapped + 4096, 4096, PROT_NONE) == 0);
    CHECK(read(fd, mapped + 4000, 500) == 96);
    CHECK(read(fd, mapped, 8192) == 4096);
    close(fd);

    fd = device("/dev/full", O_RDWR, 1, 7);
    CHECK_ERROR(write(fd, block, 1), ENOSPC);
    block[0] = 1;
    CHECK(read(fd, block, 1) == 1 && block[0] == 0);
    close(fd);

    fd = device("/dev/random", O_RDONLY, 1, 8);
    CHECK(read(fd, block, 64) == 64);
    CHECK(memcmp(block, other, 64) != 0);
    CHECK_ERROR(write(fd, block, 1), EBADF);
    close(fd);
    fd = device("/dev/urandom", O_RDWR, 1, 9);
    CHECK(read(fd, block, sizeof block) == sizeof block);
    CHECK(read(fd, other, sizeof other) == sizeof other);
    CHECK(memcmp(block, other, sizeof block) != 0);
    CHECK(write(fd, block, 5) == 5);
    CHECK_ERROR(read(fd, BAD, 5), EFAULT);
    close(fd);

    CHECK_ERROR(open("/dev/no-such-device", O_RDONLY), ENOENT);
    CHECK_ERROR(open("/dev/null/x", O_RDONLY), ENOTDIR);
    CHECK_ERROR(open("/dev/null", O_RDONLY | O_DIRECTORY), ENOTDIR);
    struct stat status;
    CHECK(stat("/dev", &status) == 0 && S_ISDIR(status.st_mode));
    CHECK(lstat("/dev/fd", &status) == 0 && S_ISLNK(status.st_mode));
    char link[100];
    CHECK(readlink("/dev/fd", link, sizeof link) == 13 && !memcmp(link, "/proc/self/fd", 13));
    int found = 0;
    DIR *directory = opendir("/dev");
    CHECK(directory != NULL);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        const char *wanted[] = {"null", "zero", "full", "random", "urandom", "tty", "fd", "stdin", "stdout", "stderr",
                                "ptmx", "pts", "shm", ".", ".."};
        for (int i = 0; i < 15; i++)
            found |= !strcmp(entry->d_name, wanted[i]) << i;
    }
    CHECK(found == 0x7fff);
    return check_done();
}
