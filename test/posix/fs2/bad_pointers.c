// Does every call of this room answer EFAULT to pointers outside the window, to unmapped pages and across their borders, and touch nothing?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

static long raw(long number, const unsigned long a[6])
{
    long result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    return result == -1 ? -errno : result;
}

#define P 0xbadbadUL /* stands for the pointer under test */
#define S 0x5a5aUL   /* stands for a valid path */
#define B 0xbbbbUL   /* stands for a valid, zeroed buffer */

int main(void)
{
    int ends[2], set = epoll_create1(0), counter = eventfd(1000, EFD_SEMAPHORE), file = open("bad_pointers.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    struct epoll_event event = {EPOLLIN, {.u64 = 1}};
    static char buffer[8192];
    CHECK(pipe(ends) == 0 && write(ends[1], "content", 7) == 7 && write(file, "content", 7) == 7);
    CHECK(epoll_ctl(set, EPOLL_CTL_ADD, counter, &event) == 0);
    unsigned long in = (unsigned long)ends[0], out = (unsigned long)ends[1], e = (unsigned long)set, c = (unsigned long)counter,
                  f = (unsigned long)file;
    const struct {
        const char *what;
        long number;
        unsigned long args[6];
        long error; /* 0: EFAULT */
    } cases[] = {
        {"read", SYS_read, {in, P, 16}, 0},
        {"write", SYS_write, {out, P, 16}, 0},
        {"readv", SYS_readv, {in, P, 1}, 0},
        {"writev", SYS_writev, {out, P, 1}, 0},
        {"read eventfd", SYS_read, {c, P, 8}, 0},
        {"write eventfd", SYS_write, {c, P, 8}, 0},
        {"pipe", SYS_pipe, {P}, 0},
        {"pipe2", SYS_pipe2, {P, O_CLOEXEC}, 0},
        {"poll", SYS_poll, {P, 2, 0}, 0},
        {"ppoll entries", SYS_ppoll, {P, 1, 0, 0, 8}, 0},
        {"ppoll time", SYS_ppoll, {0, 0, P, 0, 8}, 0},
        {"ppoll mask", SYS_ppoll, {0, 0, 0, P, 8}, 0},
        {"select read", SYS_select, {64, P, 0, 0, 0}, 0},
        {"select write", SYS_select, {64, 0, P, 0, 0}, 0},
        {"select except", SYS_select, {64, 0, 0, P, 0}, 0},
        {"select time", SYS_select, {0, 0, 0, 0, P}, 0},
        {"pselect time", SYS_pselect6, {0, 0, 0, 0, P, 0}, 0},
        {"pselect mask", SYS_pselect6, {0, 0, 0, 0, 0, P}, 0},
        {"epoll_ctl", SYS_epoll_ctl, {e, EPOLL_CTL_ADD, in, P}, 0},
        {"epoll_wait", SYS_epoll_wait, {e, P, 4, 0}, 0},
        {"epoll_pwait mask", SYS_epoll_pwait, {e, B, 4, 0, P, 8}, 0},
        {"epoll_pwait2 time", SYS_epoll_pwait2, {e, B, 4, P, 0, 8}, 0},
        {"FIONREAD", SYS_ioctl, {in, 0x541b, P}, 0},
        {"FIONBIO", SYS_ioctl, {in, 0x5421, P}, 0},
        {"F_SETLK", SYS_fcntl, {f, F_SETLK, P}, 0},
        {"F_GETLK", SYS_fcntl, {f, F_GETLK, P}, 0},
        {"F_OFD_SETLK", SYS_fcntl, {f, F_OFD_SETLK, P}, 0},
        {"sendfile", SYS_sendfile, {out, f, P, 1}, 0},
        {"splice", SYS_splice, {f, P, out, 0, 1, 0}, 0},
        {"vmsplice", SYS_vmsplice, {out, P, 1, 0}, 0},
        {"copy_file_range in", SYS_copy_file_range, {f, P, f, 0, 1, 0}, 0},
        {"copy_file_range out", SYS_copy_file_range, {f, 0, f, P, 1, 0}, 0},
        {"setxattr path", SYS_setxattr, {P, S, B, 1, 0}, -EOPNOTSUPP},
        {"setxattr name", SYS_setxattr, {S, P, B, 1, 0}, 0},
        {"fsetxattr value", SYS_fsetxattr, {f, S, P, 16, 0}, -EOPNOTSUPP},
        {"getxattr path", SYS_getxattr, {P, S, B, 1}, -EOPNOTSUPP},
        {"getxattr name", SYS_getxattr, {S, P, B, 1}, 0},
        {"listxattr path", SYS_listxattr, {P, B, 1}, 0},
        {"removexattr path", SYS_removexattr, {P, S}, -EOPNOTSUPP},
        {"removexattr name", SYS_removexattr, {S, P}, 0},
        {"statfs path", SYS_statfs, {P, B}, 0},
        {"statfs", SYS_statfs, {S, P}, 0},
        {"fstatfs", SYS_fstatfs, {f, P}, 0},
        {"memfd_create", SYS_memfd_create, {P, 0}, 0},
    };
    char *hole = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(hole + 4096, 4096);
    memset(hole, '/', 4096);
    const unsigned long pointers[] = {
        1, 0xfff0, 0xffff, (unsigned long)hole + 4096, (unsigned long)hole + 4095, (unsigned long)hole + 8191,
        0xffff0000UL, 0xffffffffUL, 0x100000000UL, 0x7fffffffffffUL, 0x8000000000000000UL, 0xffffffffffff0000UL, -1UL,
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (unsigned k = 0; k < sizeof pointers / sizeof pointers[0]; k++) {
            unsigned long args[6];
            for (int n = 0; n < 6; n++)
                args[n] = cases[i].args[n] == P   ? pointers[k]
                          : cases[i].args[n] == S ? (unsigned long)"bad_pointers.tmp"
                          : cases[i].args[n] == B ? (unsigned long)buffer
                                                  : cases[i].args[n];
            memset(hole + 8192, 0x55, 4096);
            long result = raw(cases[i].number, args);
            /* A pipe takes or gives the one byte before a bad page; whole structures never. */
            int partial = pointers[k] == (unsigned long)hole + 4095 && result == 1 &&
                          (cases[i].number == SYS_read || cases[i].number == SYS_write);
            if (result != -EFAULT && result != cases[i].error && !partial) {
                printf("%s, pointer %#lx: %ld\n", cases[i].what, pointers[k], result);
                check_failures++;
            }
        }
    CHECK(epoll_wait(set, &event, 1, 0) == 1); /* not lost by the bad pointers */
    unlink("bad_pointers.tmp");
    return check_done();
}
