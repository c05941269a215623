/* What the files in /proc that speak of the machine say (proc(5)): what sysinfo(2), uname(2) and
 * CPUID tell any program anyway. */
#include <cpuid.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "microvisor/fs/procfs.h"
#include "microvisor/proc/proc.h"
#include "microvisor/time/clock.h"
#include "microvisor/time/timers.h"

static unsigned cpu_count(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

void proc_cpuinfo(struct content *content, const struct subject *of)
{
    /* Features that programs look for and that cages may use: word 0 is CPUID 1 ECX, 1 its EDX, 2
     * is CPUID 7 EBX. */
    static const struct {
        unsigned char word, bit;
        char name[10];
    } features[] = {
        {1, 0, "fpu"},     {1, 4, "tsc"},       {1, 8, "cx8"},     {1, 15, "cmov"},
        {1, 23, "mmx"},    {1, 24, "fxsr"},     {1, 25, "sse"},    {1, 26, "sse2"},
        {0, 0, "pni"},     {0, 1, "pclmulqdq"}, {0, 9, "ssse3"},   {0, 12, "fma"},
        {0, 13, "cx16"},   {0, 19, "sse4_1"},   {0, 20, "sse4_2"}, {0, 22, "movbe"},
        {0, 23, "popcnt"}, {0, 25, "aes"},      {0, 28, "avx"},    {0, 29, "f16c"},
        {2, 3, "bmi1"},    {2, 5, "avx2"},      {2, 8, "bmi2"},
    };
    unsigned words[4], one[4], seven[4];
    char vendor[13] = "", brand[49] = "";
    __cpuid(0, words[0], words[1], words[2], words[3]);
    memcpy(vendor, &words[1], 4);
    memcpy(vendor + 4, &words[3], 4);
    memcpy(vendor + 8, &words[2], 4);
    __cpuid(1, one[0], one[1], one[2], one[3]);
    __cpuid_count(7, 0, seven[0], seven[1], seven[2], seven[3]);
    for (unsigned leaf = 0; leaf < 3; leaf++) {
        __cpuid(0x80000002 + leaf, words[0], words[1], words[2], words[3]);
        memcpy(brand + 16 * leaf, words, 16);
    }
    const unsigned sets[3] = {one[2], one[3], seven[1]};
    unsigned family = one[0] >> 8 & 15, model = one[0] >> 4 & 15;
    if (family == 6 || family == 15)
        model |= one[0] >> 12 & 0xf0;
    if (family == 15)
        family += one[0] >> 20 & 255;
    unsigned count = cpu_count();
    for (unsigned cpu = 0; cpu < count; cpu++) {
        content_add(
            content,
            "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\n"
            "stepping\t: %u\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\nflags\t\t:",
            cpu, vendor, family, model, brand, one[0] & 15, count, cpu, count);
        for (size_t i = 0; i < sizeof features / sizeof features[0]; i++)
            if (sets[features[i].word] >> features[i].bit & 1)
                content_add(content, " %s", features[i].name);
        content_add(content, "\naddress sizes\t: 32 bits physical, 32 bits virtual\n\n");
    }
}

void proc_loadavg(struct content *content, const struct subject *of)
{
    struct sysinfo info;
    sysinfo(&info);
    for (int i = 0; i < 3; i++) {
        unsigned long load =
            info.loads[i] + (1UL << SI_LOAD_SHIFT) / 200; /* rounded to hundredths */
        content_add(content, "%lu.%02lu ", load >> SI_LOAD_SHIFT,
                    (load & ((1UL << SI_LOAD_SHIFT) - 1)) * 100 >> SI_LOAD_SHIFT);
    }
    content_add(content, "1/1 %d\n", of->process->pid);
}

/* What sysinfo(2) does not say of memory in use is shown as anonymous memory, and files' pages as
 * none but the buffers. */
void proc_meminfo(struct content *content, const struct subject *of)
{
    struct sysinfo info;
    sysinfo(&info);
    unsigned long known = info.freeram + info.bufferram + info.sharedram;
    unsigned long anonymous = info.totalram > known ? info.totalram - known : 0;
    const struct {
        const char *name;
        unsigned long value;
    } lines[] = {
        {"MemTotal:", info.totalram},
        {"MemFree:", info.freeram},
        {"MemAvailable:", info.freeram + info.bufferram},
        {"Buffers:", info.bufferram},
        {"Cached:", info.sharedram},
        {"SwapCached:", 0},
        {"Active:", anonymous},
        {"Inactive:", info.bufferram + info.sharedram},
        {"Active(anon):", anonymous},
        {"Inactive(anon):", info.sharedram},
        {"Active(file):", 0},
        {"Inactive(file):", info.bufferram},
        {"Unevictable:", 0},
        {"Mlocked:", 0},
        {"SwapTotal:", info.totalswap},
        {"SwapFree:", info.freeswap},
        {"Dirty:", 0},
        {"Writeback:", 0},
        {"AnonPages:", anonymous},
        {"Mapped:", 0},
        {"Shmem:", info.sharedram},
        {"KReclaimable:", 0},
        {"Slab:", 0},
        {"SReclaimable:", 0},
        {"SUnreclaim:", 0},
        {"KernelStack:", 0},
        {"PageTables:", 0},
        {"CommitLimit:", info.totalram / 2 + info.totalswap}, /* the default ratio */
        {"Committed_AS:", anonymous + info.sharedram},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        content_add(content, "%-15s%9lu kB\n", lines[i].name,
                    lines[i].value * info.mem_unit / 1024);
}

/* Nothing is counted: vmstat(8) sees a machine without paging. */
void proc_vmstat(struct content *content, const struct subject *of)
{
    struct sysinfo info;
    sysinfo(&info);
    content_add(content,
                "nr_free_pages %lu\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\n"
                "pgmajfault 0\n",
                info.freeram * info.mem_unit / 4096);
}

#define TICK 10000000UL /* nanoseconds */

void proc_uptime(struct content *content, const struct subject *of)
{
    uint64_t up = clock_host(CLOCK_BOOTTIME) / TICK;
    uint64_t busy = process_cpu_time(of->process, 0) / TICK, all = up * cpu_count();
    uint64_t idle = busy < all ? all - busy : 0;
    content_add(content, "%lu.%02lu %lu.%02lu\n", up / 100, up % 100, idle / 100, idle % 100);
}

/* The CPU time that it shows is the process' own; the rest counts as idle. */
void proc_system_stat(struct content *content, const struct subject *of)
{
    unsigned count = cpu_count();
    uint64_t up = clock_host(CLOCK_BOOTTIME), all = process_cpu_time(of->process, 0) / TICK;
    uint64_t user = process_cpu_time(of->process, 1) / TICK;
    content_add(content, "cpu  %lu 0 %lu %lu 0 0 0 0 0 0\n", user, all - user,
                up / TICK * count > all ? up / TICK * count - all : 0);
    for (unsigned cpu = 0; cpu < count; cpu++)
        content_add(content, "cpu%u %lu 0 %lu %lu 0 0 0 0 0 0\n", cpu, user / count,
                    (all - user) / count, (up / TICK * count - all) / count);
    content_add(content,
                "intr 0\nctxt 0\nbtime %lu\nprocesses %d\nprocs_running 1\nprocs_blocked 0\n",
                (clock_host(CLOCK_REALTIME) - up) / 1000000000, of->process->pid);
}

static void add_uuid(struct content *content, const uint8_t random[16])
{
    for (int i = 0; i < 16; i++) {
        uint8_t byte = i == 6   ? (random[i] & 15) | 0x40
                       : i == 8 ? (random[i] & 63) | 0x80
                                : random[i];
        content_add(content, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", byte);
    }
    content_add(content, "\n");
}

void proc_uuid(struct content *content, const struct subject *of)
{
    uint8_t random[16] = {0};
    if (host_call3(SYS_getrandom, random, sizeof random, 0) != sizeof random)
        content->error = -EAGAIN;
    add_uuid(content, random);
}

/* The same for the life of this lind-run, which is what its processes see of a boot. */
void proc_boot_id(struct content *content, const struct subject *of)
{
    static struct lock boot_lock; /* of the id; a leaf */
    static uint8_t id[16];
    static int made;
    lock_acquire(&boot_lock);
    if (!made)
        made = host_call3(SYS_getrandom, id, sizeof id, 0) == sizeof id;
    lock_release(&boot_lock);
    if (!made)
        content->error = -EAGAIN;
    add_uuid(content, id);
}
