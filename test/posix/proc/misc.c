// Are uname, sysinfo, random bytes, limits and prctl as Linux has them?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../Inputs/check.h"

static void system_facts(void)
{
    struct utsname name;
    struct sysinfo info;
    CHECK(!uname(&name));
    CHECK(!strcmp(name.sysname, "Linux") && !strcmp(name.machine, "x86_64"));
    CHECK(name.release[0] >= '4' && name.release[1] == '.' && name.nodename[0]);
    CHECK(!sysinfo(&info) && info.totalram > info.freeram / 2 && info.procs >= 1 &&
          info.uptime > 0);
    CHECK(info.mem_unit >= 1);
}

static void randomness(void)
{
    unsigned char first[64] = {0}, second[64] = {0};
    static char large[1 << 20];
    CHECK(getrandom(first, sizeof first, 0) == sizeof first);
    CHECK(getrandom(second, sizeof second, GRND_NONBLOCK) == sizeof second);
    CHECK(memcmp(first, second, sizeof first));
    CHECK(getrandom(first, 0, 0) == 0);
    CHECK(getrandom(large, sizeof large, 0) == sizeof large &&
          large[sizeof large - 9] | large[sizeof large - 1] | large[77777]);
    FAILS(syscall(SYS_getrandom, first, sizeof first, 128), EINVAL);
    FAILS(syscall(SYS_getrandom, first, sizeof first, GRND_RANDOM | 4), EINVAL);
}

static void limits(void)
{
    struct rlimit limit, again, large;
    for (int resource = 0; resource < 16; resource++) {
        CHECK(!getrlimit(resource, &limit) && limit.rlim_cur <= limit.rlim_max);
        CHECK(!syscall(SYS_prlimit64, 0, resource, NULL, &again));
        CHECK(again.rlim_cur == limit.rlim_cur && again.rlim_max == limit.rlim_max);
    }
    CHECK(!getrlimit(RLIMIT_NOFILE, &limit));
    CHECK(limit.rlim_cur >= 64);
    limit.rlim_cur--;
    CHECK(!syscall(SYS_prlimit64, getpid(), RLIMIT_NOFILE, &limit, &again));
    CHECK(again.rlim_cur == limit.rlim_cur + 1);
    CHECK(!getrlimit(RLIMIT_NOFILE, &again) && again.rlim_cur == limit.rlim_cur);
    limit.rlim_max--;
    limit.rlim_cur = limit.rlim_max < limit.rlim_cur ? limit.rlim_max : limit.rlim_cur;
    CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
    large = limit;
    large.rlim_cur = large.rlim_max + 1;
    FAILS(setrlimit(RLIMIT_NOFILE, &large), EINVAL);
    if (geteuid()) {
        large.rlim_max++;
        FAILS(setrlimit(RLIMIT_NOFILE, &large), EPERM);
    }
    FAILS(syscall(SYS_prlimit64, 0, 16, NULL, &again), EINVAL);
    FAILS(syscall(SYS_getrlimit, 99, &again), EINVAL);
    FAILS(syscall(SYS_prlimit64, 0x7ffffff0, 0, NULL, &again), ESRCH);
}

static void process_control(void)
{
    char name[16];
    int number = -1;
    CHECK(!prctl(PR_SET_NAME, "seventeen-letters"));
    CHECK(!prctl(PR_GET_NAME, name) && !strcmp(name, "seventeen-lette"));
    CHECK(!prctl(PR_SET_PDEATHSIG, SIGTERM));
    CHECK(!prctl(PR_GET_PDEATHSIG, &number) && number == SIGTERM);
    FAILS(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
    CHECK(prctl(PR_GET_DUMPABLE) == 1);
    CHECK(!prctl(PR_SET_DUMPABLE, 0) && prctl(PR_GET_DUMPABLE) == 0);
    FAILS(prctl(PR_SET_DUMPABLE, 5), EINVAL);
    CHECK(!prctl(PR_SET_KEEPCAPS, 1) && prctl(PR_GET_KEEPCAPS) == 1);
    FAILS(prctl(PR_SET_KEEPCAPS, 2), EINVAL);
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) >= 0);
    CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    FAILS(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    CHECK(prctl(PR_GET_TIMING) == 0);
    CHECK(!prctl(PR_SET_TIMERSLACK, 70000) && prctl(PR_GET_TIMERSLACK) == 70000);
    FAILS(prctl(PR_CAPBSET_READ, 200), EINVAL);
    CHECK(!prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0L, 0L, 0L));
    CHECK(!prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 3L, 0L, 0L));
    CHECK(!prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, 3L, 0L, 0L));
    FAILS(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 3L, 0L, 0L), EPERM);
    FAILS(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 200L, 0L, 0L), EINVAL);
    FAILS(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 3L, 1L, 0L), EINVAL);
    FAILS(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1L, 0L, 0L), EINVAL);
    FAILS(prctl(PR_CAP_AMBIENT, 77L, 0L, 0L, 0L), EINVAL);
    CHECK(!prctl(PR_GET_THP_DISABLE, 0L, 0L, 0L, 0L));
    FAILS(prctl(PR_GET_THP_DISABLE, 1L, 0L, 0L, 0L), EINVAL);
    FAILS(prctl(987654), EINVAL);
    CHECK(syscall(SYS_personality, 0xffffffff) == 0);
    uint64_t pointer = 0, self;
    __asm__("movq %%fs:0, %0" : "=r"(self));
    CHECK(!syscall(SYS_arch_prctl, 0x1003, &pointer) && pointer == self);
    CHECK(!syscall(SYS_arch_prctl, 0x1002, pointer)); /* the same again */
    FAILS(syscall(SYS_arch_prctl, 0x9999, &pointer), EINVAL);
    long commands = syscall(SYS_membarrier, 0, 0, 0);
    CHECK(commands > 0 && (commands & 24) == 24);
    FAILS(syscall(SYS_membarrier, 0, 99, 0), EINVAL);
    FAILS(syscall(SYS_membarrier, 1 << 30, 0, 0), EINVAL);
    CHECK(!syscall(SYS_membarrier, 16, 0, 0) && !syscall(SYS_membarrier, 8, 0, 0));
}

static void bad_pointers(void)
{
    void *const bad[] = BAD_ADDRESSES;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        FAILS(syscall(SYS_uname, bad[i]), EFAULT);
        FAILS(syscall(SYS_sysinfo, bad[i]), EFAULT);
        FAILS(syscall(SYS_getrandom, bad[i], 100, 0), EFAULT);
        FAILS(syscall(SYS_getrlimit, 0, bad[i]), EFAULT);
        FAILS(syscall(SYS_setrlimit, 0, bad[i]), EFAULT);
        FAILS(syscall(SYS_prlimit64, 0, 0, bad[i], NULL), EFAULT);
        FAILS(syscall(SYS_prlimit64, 0, 0, NULL, bad[i]), EFAULT);
        FAILS(syscall(SYS_prctl, PR_SET_NAME, bad[i]), EFAULT);
        FAILS(syscall(SYS_prctl, PR_GET_NAME, bad[i]), EFAULT);
        FAILS(syscall(SYS_prctl, PR_GET_PDEATHSIG, bad[i]), EFAULT);
        FAILS(syscall(SYS_arch_prctl, 0x1003, bad[i]), EFAULT);
    }
}

int main(void)
{
    system_facts();
    randomness();
    limits();
    process_control();
    bad_pointers();
    return check_end();
}
