/* Costs of single calls, in nanoseconds per call, the least of several rounds. Runs natively and in a cage; prints "name value" lines. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char buffer[65536];
static int file, null;
static int ends[2];

static void do_getppid(void) { syscall(SYS_getppid); }
static void do_clock(void) { struct timespec now; clock_gettime(CLOCK_MONOTONIC, &now); }
static void do_read1(void) { if (pread(file, buffer, 1, 0) != 1) _exit(1); }
static void do_read4k(void) { if (pread(file, buffer, 4096, 0) != 4096) _exit(1); }
static void do_read_seek(void) { lseek(file, 0, SEEK_SET); if (read(file, buffer, 64) != 64) _exit(1); }
static void do_write(void) { if (write(null, buffer, 64) != 64) _exit(1); }
static void do_stat(void) { struct stat st; if (stat("lind-bench.tmp", &st)) _exit(1); }
static void do_fstat(void) { struct stat st; if (fstat(file, &st)) _exit(1); }
static void do_open(void) { int fd = open("lind-bench.tmp", O_RDONLY); if (fd < 0) _exit(1); close(fd); }
static void do_pipe(void) { if (write(ends[1], buffer, 1) != 1 || read(ends[0], buffer, 1) != 1) _exit(1); }
static void do_mmap(void)
{
    char *at = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        _exit(1);
    munmap(at, 65536);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void measure(const char *name, void (*function)(void), int count)
{
    double least = 1e9;
    for (int round = 0; round < 9; round++) {
        double start = seconds();
        for (int i = 0; i < count; i++)
            function();
        double time = (seconds() - start) / count;
        if (time < least)
            least = time;
    }
    printf("%s %.1f\n", name, least * 1e9);
}

int main(void)
{
    memset(buffer, 'x', sizeof buffer);
    file = open("lind-bench.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    null = open("/dev/null", O_WRONLY);
    if (file < 0 || write(file, buffer, sizeof buffer) != sizeof buffer || pipe(ends)) {
        perror("lind-bench: calls");
        return 1;
    }
    measure("getppid", do_getppid, 200000);
    measure("clock_gettime", do_clock, 200000);
    measure("pread_1", do_read1, 50000);
    measure("pread_4096", do_read4k, 50000);
    measure("lseek_read_64", do_read_seek, 50000);
    if (null >= 0)
        measure("write_null_64", do_write, 50000);
    measure("fstat", do_fstat, 50000);
    measure("stat", do_stat, 20000);
    measure("open_close", do_open, 20000);
    measure("pipe_1", do_pipe, 20000);
    measure("mmap_munmap_64k", do_mmap, 20000);
    unlink("lind-bench.tmp");
    return 0;
}
