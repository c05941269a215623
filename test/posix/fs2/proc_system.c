// Does /proc describe the machine in the form that programs parse?
// RUN: musl-gcc -static -O1 %s -o %t.native && %t.native
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <sys/sysinfo.h>
#include <sys/utsname.h>

static char text[200000];

static const char *slurp(const char *path)
{
    int fd = open(path, O_RDONLY), length = 0;
    ssize_t n;
    while (fd >= 0 && (n = read(fd, text + length, 4096)) > 0)
        length += (int)n;
    if (fd < 0 || !length) {
        check_failures++;
        printf("%s: %s\n", path, strerror(errno));
    }
    text[length] = 0;
    close(fd);
    return text;
}

/* The value in kB of a line of /proc/meminfo, which is in text. */
static long memory(const char *name)
{
    char start[40];
    snprintf(start, sizeof start, "\n%s:", name);
    const char *line = strstr(text, start);
    if (!line)
        printf("no %s\n", name);
    return line ? atol(line + strlen(start)) : -1;
}

/* What free(1), top(1) and vmstat(8) look for, and that it adds up. */
static void memory_lines(long total)
{
    static const char *const names[] = {"SwapCached", "Dirty", "Writeback", "Mapped", "Slab", "PageTables", "KernelStack",
                                        "Unevictable", "Mlocked", "CommitLimit", "Committed_AS", "SReclaimable"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK(memory(names[i]) >= 0);
    CHECK(memory("Slab") == memory("SReclaimable") + memory("SUnreclaim"));
    CHECK(labs(memory("Active") - memory("Active(anon)") - memory("Active(file)")) <= 1);
    CHECK(labs(memory("Inactive") - memory("Inactive(anon)") - memory("Inactive(file)")) <= 1);
    CHECK(memory("Shmem") <= memory("Cached") && memory("AnonPages") > 0);
    CHECK(memory("MemFree") + memory("Buffers") + memory("Cached") + memory("AnonPages") + memory("Slab") <= total);
    CHECK(memory("Active") + memory("Inactive") <= total);
}

int main(void)
{
    struct sysinfo info;
    struct utsname names;
    unsigned long total, available;
    double first, second, third;
    CHECK(sysinfo(&info) == 0 && uname(&names) == 0);
    CHECK(sscanf(slurp("/proc/meminfo"), "MemTotal: %lu kB", &total) == 1);
    CHECK(total == info.totalram * info.mem_unit / 1024);
    CHECK(strstr(text, "\nMemAvailable:") && sscanf(strstr(text, "\nMemAvailable:"), " MemAvailable: %lu kB", &available) == 1);
    CHECK(available > 0 && available <= total);
    memory_lines((long)total);
    CHECK(atol(slurp("/proc/sys/kernel/threads-max")) > 0);
    slurp("/proc/sys/kernel/core_pattern");
    CHECK(strstr(slurp("/proc/vmstat"), "nr_free_pages ") && strstr(text, "\npgpgin ") && strstr(text, "\npswpout "));
    CHECK(strstr(slurp("/proc/cpuinfo"), "processor\t: 0\n") && strstr(text, "\nflags\t\t: ") && strstr(text, " sse2"));
    CHECK(sscanf(slurp("/proc/uptime"), "%lf %lf", &first, &second) == 2 && first > 0);
    CHECK(sscanf(slurp("/proc/loadavg"), "%lf %lf %lf", &first, &second, &third) == 3);
    CHECK(!strncmp(slurp("/proc/stat"), "cpu ", 4) && strstr(text, "\nbtime "));
    CHECK(!strncmp(slurp("/proc/version"), "Linux version ", 14));
    CHECK(strstr(slurp("/proc/filesystems"), "proc") != NULL);
    CHECK(!strcmp(slurp("/proc/sys/kernel/ostype"), "Linux\n"));
    slurp("/proc/sys/kernel/osrelease");
    CHECK(!strncmp(text, names.release, strlen(names.release)));
    slurp("/proc/sys/kernel/hostname");
    CHECK(!strncmp(text, names.nodename, strlen(names.nodename)));
    CHECK(atoi(slurp("/proc/sys/kernel/pid_max")) > 300);
    CHECK(slurp("/proc/sys/vm/overcommit_memory")[1] == '\n');
    CHECK(strlen(slurp("/proc/sys/kernel/random/uuid")) == 37 && text[14] == '4' && text[8] == '-');
    char uuid[40];
    strcpy(uuid, text);
    CHECK(strcmp(uuid, slurp("/proc/sys/kernel/random/uuid")) != 0);

    /* A file that stays open and is read again from the start is made anew. */
    int fd = open("/proc/uptime", O_RDONLY);
    char one[64] = "", two[64] = "";
    CHECK(read(fd, one, sizeof one) > 0);
    CHECK(read(fd, two, sizeof two) == 0);
    nanosleep(&(struct timespec){0, 30000000}, NULL);
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && read(fd, two, sizeof two) > 0);
    CHECK(strcmp(one, two) != 0);
    CHECK(pread(fd, two, 3, 1) == 3);
    struct stat status;
    CHECK(fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    CHECK_ERROR(read(fd, BAD, 1), EFAULT);
    CHECK_ERROR(write(fd, "x", 1), EBADF);
    return check_done();
}
