// Does /proc/self tell a program about itself?
// RUN: musl-gcc -static -O1 %s -o %t.native && %t.native first "second argument"
// RUN: %lind-cc -O1 %s -o %t && %lind-run --env COLOUR=green %t first "second argument"
#include "check.h"

#include <dirent.h>

static char text[200000];

static int slurp(const char *path)
{
    int fd = open(path, O_RDONLY), length = 0;
    ssize_t n;
    if (fd < 0) {
        check_failures++;
        printf("%s: %s\n", path, strerror(errno));
        text[0] = 0;
        return -1;
    }
    while ((n = read(fd, text + length, 1000)) > 0)
        length += (int)n;
    text[length] = 0;
    close(fd);
    return length;
}

static void on_signal(int signal)
{
}

static unsigned long bit(int signal)
{
    return 1UL << (signal - 1);
}

/* The hexadecimal value of a line of /proc/PID/status, which is in text; all ones when it is missing. */
static unsigned long field(const char *name)
{
    char start[40];
    snprintf(start, sizeof start, "\n%s:\t", name);
    const char *line = strstr(text, start);
    return line ? strtoul(line + strlen(start), NULL, 16) : ~0UL;
}

/* The number of a line of /proc/PID/status, which is in text. */
static long number(const char *name)
{
    char start[40];
    snprintf(start, sizeof start, "\n%s:\t", name);
    const char *line = strstr(text, start);
    if (!line)
        printf("no %s\n", name);
    return line ? atol(line + strlen(start)) : -1;
}

/* What else of status programs look for: ids, memory, capabilities, switches. */
static void status_lines(void)
{
    struct {
        uint32_t version;
        int pid;
    } header = {0x20080522, 0};
    uint32_t capabilities[6]; /* twice effective, permitted, inheritable: low words, high words */
    CHECK(syscall(SYS_capget, &header, capabilities) == 0);
    CHECK(slurp("/proc/self/status") > 0);
    CHECK(number("NStgid") == getpid() && number("NSpid") == syscall(SYS_gettid));
    CHECK(number("NSpgid") == getpgrp() && number("NSsid") == getsid(0));
    CHECK(number("VmHWM") >= number("VmRSS") && number("VmRSS") > 0 && number("VmSwap") >= 0 && number("VmPin") >= 0);
    CHECK(number("RssAnon") > 0 && number("RssAnon") + number("RssFile") + number("RssShmem") == number("VmRSS"));
    CHECK(field("CapEff") == (capabilities[0] | (unsigned long)capabilities[3] << 32));
    CHECK(field("CapPrm") == (capabilities[1] | (unsigned long)capabilities[4] << 32));
    CHECK(field("CapInh") == (capabilities[2] | (unsigned long)capabilities[5] << 32));
    CHECK(field("CapBnd") != ~0UL && field("CapAmb") == 0);
    for (int i = 0; i < 41; i++)
        CHECK((long)(field("CapBnd") >> i & 1) == syscall(SYS_prctl, 23 /* PR_CAPBSET_READ */, i, 0, 0, 0));
    long before = number("voluntary_ctxt_switches");
    CHECK(before >= 0 && number("nonvoluntary_ctxt_switches") >= 0);
    for (int tries = 0; tries < 20 && number("voluntary_ctxt_switches") < before + 5; tries++) { /* its time may pass before it sleeps */
        for (int i = 0; i < 5; i++)
            nanosleep(&(struct timespec){0, 1000000}, NULL);
        CHECK(slurp("/proc/self/status") > 0);
    }
    CHECK(number("voluntary_ctxt_switches") >= before + 5);
    CHECK(slurp("/proc/self/oom_score_adj") > 0 && !strcmp(text, "0\n"));
    CHECK(slurp("/proc/self/oom_score") > 0 && atoi(text) >= 0);
    CHECK(slurp("/proc/self/cgroup") > 0 && strstr(text, "0::/") != NULL);
    CHECK(slurp("/proc/self/wchan") > 0 && !strcmp(text, "0"));
}

int main(int argc, char **argv)
{
    char path[4096], link[4096];
    ssize_t n;

    n = readlink("/proc/self", link, sizeof link);
    CHECK(n > 0 && (link[n] = 0, atoi(link) == getpid()));
    snprintf(path, sizeof path, "/proc/%d/stat", getpid());
    CHECK(slurp(path) > 0 && atoi(text) == getpid() && strchr(text, '('));
    CHECK(slurp("/proc/thread-self/comm") > 0);
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)syscall(SYS_gettid));
    CHECK(slurp(path) > 0);
    CHECK(slurp("/proc/self/comm") > 0 && strchr(text, '\n'));

    n = readlink("/proc/self/exe", link, sizeof link);
    CHECK(n > 0 && (link[n] = 0, strstr(link, "proc_self") != NULL));
    struct stat by_link, by_name;
    CHECK(stat("/proc/self/exe", &by_link) == 0 && stat(argv[0], &by_name) == 0);
    CHECK(by_link.st_ino == by_name.st_ino);
    int fd = open("/proc/self/exe", O_RDONLY);
    CHECK(fd >= 0 && read(fd, text, 4) == 4 && !memcmp(text, "\177ELF", 4));
    close(fd);

    n = readlink("/proc/self/cwd", link, sizeof link);
    CHECK(n > 0 && (link[n] = 0, getcwd(path, sizeof path)) && !strcmp(link, path));
    CHECK(stat("/proc/self/cwd/.", &by_link) == 0 && stat(".", &by_name) == 0 && by_link.st_ino == by_name.st_ino);
    n = readlink("/proc/self/root", link, sizeof link);
    CHECK(n == 1 && link[0] == '/');

    n = slurp("/proc/self/cmdline");
    if (argc == 3) {
        CHECK(n == (int)(strlen(argv[0]) + strlen(argv[1]) + strlen(argv[2])) + 3);
        CHECK(!memcmp(text + strlen(argv[0]) + 1, "first\0second argument", 22));
    }
    n = slurp("/proc/self/environ");
    if (getenv("COLOUR")) {
        int seen = 0;
        for (char *at = text; at < text + n; at += strlen(at) + 1)
            seen |= !strcmp(at, "COLOUR=green");
        CHECK(seen);
    }

    /* maps: has the code of main, readable and executable, and the stack's variable, writable. */
    int code = 0, data = 0;
    unsigned long start, end;
    char rights[5];
    slurp("/proc/self/maps");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        CHECK(sscanf(line, "%lx-%lx %4s", &start, &end, rights) == 3 && start < end);
        if ((uintptr_t)main >= start && (uintptr_t)main < end)
            code = rights[0] == 'r' && rights[1] == '-' && rights[2] == 'x';
        if ((uintptr_t)&code >= start && (uintptr_t)&code < end)
            data = rights[0] == 'r' && rights[1] == 'w' && rights[2] == '-';
    }
    CHECK(code && data);

    CHECK(slurp("/proc/self/status") > 0 && strstr(text, "\nVmSize:") && strstr(text, "\nThreads:\t1\n"));
    /* status: the signals' sets, as ps(1) reads them. USR1 waits for the process, USR2 for its one thread. */
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigaddset(&blocked, SIGUSR2);
    signal(SIGHUP, SIG_IGN);
    signal(SIGWINCH, on_signal);
    CHECK(sigprocmask(SIG_SETMASK, &blocked, NULL) == 0);
    kill(getpid(), SIGUSR1);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR2);
    CHECK(slurp("/proc/self/status") > 0);
    CHECK(field("SigBlk") == (bit(SIGUSR1) | bit(SIGUSR2)));
    CHECK(field("SigPnd") == bit(SIGUSR2) && field("ShdPnd") == bit(SIGUSR1));
    CHECK((field("SigIgn") & (bit(SIGHUP) | bit(SIGTERM))) == bit(SIGHUP));
    CHECK((field("SigCgt") & (bit(SIGWINCH) | bit(SIGTERM))) == bit(SIGWINCH));
    CHECK(strstr(text, "\nSigQ:\t") != NULL);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    CHECK(slurp("/proc/self/status") > 0 && field("SigPnd") == 0 && field("ShdPnd") == 0);

    snprintf(path, sizeof path, "\nPid:\t%d\n", getpid());
    CHECK(strstr(text, path) != NULL);
    CHECK(slurp("/proc/self/statm") > 0 && atol(text) > 0);
    CHECK(slurp("/proc/self/limits") > 0 && strstr(text, "Max open files"));
    CHECK(slurp("/proc/self/mounts") > 0 && strstr(text, "/proc proc"));
    CHECK(slurp("/proc/mounts") > 0 && strstr(text, "/proc proc"));
    CHECK(slurp("/proc/self/auxv") >= 16 && slurp("/proc/self/auxv") % 16 == 0);

    /* fd: a directory of what is open. */
    int seen = 0;
    DIR *directory = opendir("/proc/self/fd");
    CHECK(directory != NULL);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (entry->d_name[0] != '.' && atoi(entry->d_name) == dirfd(directory))
            seen = 1;
    CHECK(seen);
    closedir(directory);
    directory = opendir("/proc");
    seen = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        seen |= !strcmp(entry->d_name, "self") | (atoi(entry->d_name) == getpid()) << 1 | !strcmp(entry->d_name, "meminfo") << 2;
    CHECK(seen == 7);
    closedir(directory);

    status_lines();
    CHECK_ERROR(open("/proc/self/no-such-file", O_RDONLY), ENOENT);
    CHECK_ERROR(open("/proc/self/fd/999", O_RDONLY), ENOENT);
    CHECK_ERROR(open("/proc/self/fd/01", O_RDONLY), ENOENT);
    CHECK_ERROR(open("/proc/999999999/stat", O_RDONLY), ENOENT);
    CHECK(mkdir("/proc/x", 0700) == -1 && unlink("/proc/self/stat") == -1);
    return check_done();
}
