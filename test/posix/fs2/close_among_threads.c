// Among threads, is a description gone with its last descriptor, whichever call used it before?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

static int ends[2], other[2], file;
static char byte[8];
static struct iovec vector = {byte, 1};

/* Each uses the reading end, in which a byte is. */
static void use_read(void) { CHECK(read(ends[0], byte, 1) == 1); }
static void use_read_nothing(void) { CHECK(read(ends[0], byte, 0) == 0); }
static void use_read_badly(void) { CHECK_ERROR(read(ends[0], BAD, 1), EFAULT); }
static void use_readv(void) { CHECK(readv(ends[0], &vector, 1) == 1); }
static void use_pread(void) { CHECK_ERROR(pread(ends[0], byte, 1, 0), ESPIPE); }
static void use_preadv(void) { CHECK_ERROR(preadv(ends[0], &vector, 1, 0), ESPIPE); }
static void use_write(void) { CHECK_ERROR(write(ends[0], byte, 1), EBADF); }
static void use_pwrite(void) { CHECK(pwrite(ends[0], byte, 1, 0) == -1); }
static void use_lseek(void) { CHECK_ERROR(lseek(ends[0], 0, SEEK_SET), ESPIPE); }
static void use_fstat(void) { struct stat status; CHECK(fstat(ends[0], &status) == 0); }
static void use_fcntl(void) { CHECK(fcntl(ends[0], F_GETFL) >= 0 && fcntl(ends[0], F_SETFD, 0) == 0); }
static void use_ioctl(void) { int count; CHECK(ioctl(ends[0], FIONREAD, &count) == 0); }
static void use_bad_ioctl(void) { CHECK(ioctl(ends[0], TIOCGWINSZ, byte) == -1); }
static void use_poll(void) { struct pollfd wanted = {ends[0], POLLIN, 0}; CHECK(poll(&wanted, 1, 0) == 1); }
static void use_dup(void) { int copy = dup(ends[0]); CHECK(copy >= 0 && close(copy) == 0); }
static void use_splice(void) { CHECK(splice(ends[0], NULL, other[1], NULL, 1, 0) == 1); }
static void use_tee(void) { CHECK(tee(ends[0], other[1], 1, 0) == 1); }
static void use_sendfile(void) { sendfile(other[1], ends[0], NULL, 1); /* new kernels take a pipe */ }
static void use_mmap(void) { CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, ends[0], 0) == MAP_FAILED); }
static void use_sync(void) { CHECK_ERROR(fsync(ends[0]), EINVAL); }
static void use_truncate(void) { CHECK_ERROR(ftruncate(ends[0], 0), EINVAL); }
static void use_chdir(void) { CHECK_ERROR(fchdir(ends[0]), ENOTDIR); }
static void use_openat(void) { CHECK_ERROR(openat(ends[0], "name", O_RDONLY), ENOTDIR); }
static void use_lock(void) { struct flock lock = {.l_type = F_RDLCK}; fcntl(ends[0], F_GETLK, &lock); }

static void (*const uses[])(void) = {
    use_read, use_read_nothing, use_read_badly, use_readv, use_pread, use_preadv, use_write, use_pwrite,
    use_lseek, use_fstat, use_fcntl, use_ioctl, use_bad_ioctl, use_poll, use_dup, use_splice, use_tee,
    use_sendfile, use_mmap, use_sync, use_truncate, use_chdir, use_openat, use_lock};

static void *wait_for_end(void *unused)
{
    char end;
    return read(file, &end, 1) == 0 ? NULL : (void *)1;
}

int main(void)
{
    int last[2];
    void *result;
    pthread_t thread;
    CHECK(pipe(last) == 0 && pipe(other) == 0);
    file = last[0];
    signal(SIGPIPE, SIG_IGN);
    CHECK(pthread_create(&thread, NULL, wait_for_end, NULL) == 0);
    for (unsigned i = 0; i < sizeof uses / sizeof *uses; i++) {
        CHECK(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
        uses[i]();
        CHECK(close(ends[0]) == 0);
        if (write(ends[1], "x", 1) != -1) {
            printf("use %u: the reading end is still there\n", i);
            check_failures++;
        }
        CHECK(close(ends[1]) == 0);
    }
    CHECK(close(last[1]) == 0);
    CHECK(pthread_join(thread, &result) == 0 && !result);
    return check_done();
}
