// Does lind-run --trace decode calls as calls.def describes them, and --stats count them?
// RUN: rm -rf %t.dir && mkdir %t.dir && cd %t.dir && printf 'one\ntwo\001' > input
// RUN: %lind-cc -D_GNU_SOURCE %s -o program
// RUN: %lind-run --trace ./program 2>trace && FileCheck %s < trace
// RUN: %lind-run --trace=openat,close ./program 2>few && FileCheck %s --check-prefix=FEW < few
// RUN: %lind-run --stats ./program 2>stats && FileCheck %s --check-prefix=STATS < stats
// RUN: not %lind-run --trace=close,nonsense ./program 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: lind-run: --trace: 'nonsense' is no system call
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
    char buffer[100];
    struct timespec time = {0, 1000};
    struct iovec ranges[2] = {{"ab", 2}, {"c\n", 2}};
    int fd = syscall(SYS_openat, AT_FDCWD, "input", O_RDONLY | O_CLOEXEC, 0);
    // CHECK: openat(AT_FDCWD, "input", O_CLOEXEC, 0) = [[FD:[0-9]+]]
    // FEW: openat(AT_FDCWD, "input", O_CLOEXEC, 0) = [[FD:[0-9]+]]
    syscall(SYS_read, fd, buffer, sizeof buffer);
    // CHECK-NEXT: read([[FD]], "one\ntwo\001", 100) = 8
    syscall(SYS_pread64, fd, 8, 100, 0);
    // CHECK-NEXT: pread64([[FD]], 0x8, 100, 0) = -1 EFAULT (Bad address)
    syscall(SYS_close, fd);
    // CHECK-NEXT: close([[FD]]) = 0
    // FEW-NEXT: close([[FD]]) = 0
    syscall(SYS_close, 77);
    // CHECK-NEXT: close(77) = -1 EBADF (Bad file descriptor)
    // FEW-NEXT: close(77) = -1 EBADF (Bad file descriptor)
    syscall(SYS_openat, AT_FDCWD, 0, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    // CHECK-NEXT: openat(AT_FDCWD, NULL, O_WRONLY|O_CREAT|O_TRUNC, 0644) = -1 EFAULT (Bad address)
    // FEW-NEXT: openat(AT_FDCWD, NULL, O_WRONLY|O_CREAT|O_TRUNC, 0644) = -1 EFAULT (Bad address)
    // FEW-NOT: {{.}}
    syscall(SYS_mmap, 0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    // CHECK-NEXT: mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x
    syscall(SYS_nanosleep, &time, 0);
    // CHECK-NEXT: nanosleep({0, 1000}, NULL) = 0
    syscall(SYS_writev, 1, ranges, 2);
    // CHECK-NEXT: writev(1, [{"ab", 2}, {"c\n", 2}], 2) = 4
    syscall(SYS_kill, 1, SIGCONT);
    // CHECK-NEXT: kill(1, SIGCONT) = 0
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
    // CHECK-NEXT: clock_gettime(CLOCK_MONOTONIC, {{[{][0-9]+, [0-9]+[}]}}) = 0
    syscall(SYS_bpf, 1, 2, 3, 4, 5, 6);
    // CHECK-NEXT: bpf(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS
    _exit(0);
    // CHECK-NEXT: exit_group(0) = ?
    // STATS: microseconds ns/call calls errors call
    // STATS-DAG: {{^ +[0-9]+ +[0-9]+ +2 +1  close$}}
    // STATS-DAG: {{^ +[0-9]+ +[0-9]+ +1 +1  bpf$}}
    // STATS: in all
    // STATS-NEXT: elapsed
}
