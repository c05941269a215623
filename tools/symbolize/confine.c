/* What stays allowed while hostile files are parsed: memory, output to descriptors 1 and 2, the
 * end. Attempts to open files, which libdw makes when debug data names others, fail; anything else
 * kills the process. Nothing is left open but standard streams. */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/symbolize/symbolize.h"

enum { CPU_SECONDS = 2, CLOCK_SECONDS = 3 };
#define MEMORY_ROOM (768UL << 20)

static int limit(int resource, rlim_t value)
{
    struct rlimit now;
    if (getrlimit(resource, &now))
        return -1;
    if (value > now.rlim_max)
        value = now.rlim_max;
    const struct rlimit limits = {value, value};
    return setrlimit(resource, &limits);
}

static int set_limits(size_t file_size)
{
    /* Only where output is a file may a file grow. */
    struct stat output;
    int to_file = fstat(1, &output) == 0 && S_ISREG(output.st_mode);
    return limit(RLIMIT_CORE, 0) || limit(RLIMIT_CPU, CPU_SECONDS) ||
           limit(RLIMIT_AS, MEMORY_ROOM + file_size) || limit(RLIMIT_NOFILE, 0) ||
           (!to_file && limit(RLIMIT_FSIZE, 0));
}

static int allow(scmp_filter_ctx filter)
{
    /* glibc's qsort asks how much memory there is. */
    static const int always[] = {SCMP_SYS(munmap), SCMP_SYS(brk),        SCMP_SYS(madvise),
                                 SCMP_SYS(exit),   SCMP_SYS(exit_group), SCMP_SYS(sysinfo)};
    static const int refused[] = {SCMP_SYS(open),       SCMP_SYS(openat),     SCMP_SYS(access),
                                  SCMP_SYS(faccessat),  SCMP_SYS(faccessat2), SCMP_SYS(readlink),
                                  SCMP_SYS(readlinkat), SCMP_SYS(stat),       SCMP_SYS(lstat),
                                  SCMP_SYS(fstat),      SCMP_SYS(newfstatat), SCMP_SYS(statx),
                                  SCMP_SYS(getcwd),     SCMP_SYS(close),      SCMP_SYS(fcntl),
                                  SCMP_SYS(lseek),      SCMP_SYS(read),       SCMP_SYS(pread64),
                                  SCMP_SYS(getrandom),  SCMP_SYS(prlimit64),  SCMP_SYS(futex)};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, always[i], 0))
            return -1;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), refused[i], 0))
            return -1;
    for (uint64_t fd = 1; fd <= 2; fd++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, fd, 0)))
            return -1;
    /* No memory is ever made executable, nor mapped from a descriptor. */
    if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                         SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                         SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS)) ||
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                         SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) ||
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mremap), 0))
        return -1;
    return 0;
}

int confine(size_t file_size, int whole_run)
{
    if (whole_run)
        alarm(CLOCK_SECONDS);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!filter)
        return -1;
    int failed = allow(filter) || prctl(PR_SET_DUMPABLE, 0) || close_range(3, ~0U, 0) ||
                 set_limits(file_size) || seccomp_load(filter);
    seccomp_release(filter);
    return failed ? -1 : 0;
}
