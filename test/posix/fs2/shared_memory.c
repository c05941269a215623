// Are POSIX shared memory and named semaphores there, in a directory of their own, and shared by processes?
// RUN: rm -rf %t.dir && mkdir -p %t.dir && %lind-cc -O1 %s -o %t && cd %t.dir && %lind-run %t
// They are the cage's own: not the host's, and gone when lind-run ends.
// RUN: cd %t.dir && %lind-run %t keep && %lind-run %t keep && not ls /dev/shm/lind-shared-kept
#include "check.h"

#include <dirent.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void directory(void)
{
    struct stat status;
    CHECK(!stat("/dev/shm", &status) && S_ISDIR(status.st_mode) &&
          (status.st_mode & 07777) == 01777);
    DIR *dev = opendir("/dev");
    struct dirent *entry;
    int seen = 0;
    while (dev && (entry = readdir(dev)))
        seen += !strcmp(entry->d_name, "shm");
    CHECK(seen == 1);
    closedir(dev);
    CHECK_ERROR(rmdir("/dev/shm"), EBUSY);
}

static void memory(void)
{
    shm_unlink("/lind-shared");
    CHECK_ERROR(shm_open("/lind-shared", O_RDWR, 0), ENOENT);
    int fd = shm_open("/lind-shared", O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0 && !ftruncate(fd, 8192));
    CHECK_ERROR(shm_open("/lind-shared", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    pid_t child = fork();
    if (!child) {
        int other = shm_open("/lind-shared", O_RDWR, 0);
        char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
        if (map == MAP_FAILED)
            _exit(1);
        strcpy(map + 5000, "from the child");
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && !status);
    char *map = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED && !strcmp(map + 5000, "from the child"));
    CHECK(!shm_unlink("/lind-shared"));
    CHECK_ERROR(shm_unlink("/lind-shared"), ENOENT);
    CHECK(!strcmp(map + 5000, "from the child"));
}

static void semaphore(void)
{
    sem_unlink("/lind-semaphore");
    sem_t *one = sem_open("/lind-semaphore", O_CREAT | O_EXCL, 0600, 0);
    CHECK(one != SEM_FAILED);
    CHECK_ERROR(sem_trywait(one), EAGAIN);
    pid_t child = fork();
    if (!child) {
        sem_t *other = sem_open("/lind-semaphore", 0);
        _exit(other == SEM_FAILED || sem_post(other));
    }
    CHECK(!sem_wait(one));
    int status;
    CHECK(waitpid(child, &status, 0) == child && !status);
    CHECK(!sem_unlink("/lind-semaphore"));
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "keep")) {
        CHECK(shm_open("/lind-shared-kept", O_RDWR | O_CREAT | O_EXCL, 0600) >= 0);
        return check_done();
    }
    directory();
    memory();
    semaphore();
    return check_done();
}
