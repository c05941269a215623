/* Reading clocks. Wall clocks are read by the host's vDSO function where there is one: the kernel
 * builds it for general registers only (its flags for x86-64 have -mno-sse -mno-avx), and so it
 * may be called while the cage's vector registers are in force. Setting clocks is refused: time
 * belongs to the host. */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/timex.h>

#include "microvisor/calls.h"
#include "microvisor/proc/tree.h"
#include "microvisor/process.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/clock.h"
#include "microvisor/time/timers.h"
#include "rt/host.h"

/* Kinds of CPU clocks in the lowest bits of a dynamic clock id (Linux' posix-timers.h). */
enum { CPU_PROF = 0, CPU_VIRT = 1, CPU_SCHED = 2, CPU_MASK = 3, CPU_THREAD = 4 };

static long clock_by_call(int clock, struct timespec *time)
{
    return host_call2(SYS_clock_gettime, clock, time);
}

static long (*host_function)(int clock, struct timespec *time) = clock_by_call;

/* Finds __vdso_clock_gettime in the kernel's own ELF image. Runs once, before main. */
__attribute__((constructor)) static void find_function(void)
{
    uint64_t image = getauxval(AT_SYSINFO_EHDR);
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
    const Elf64_Dyn *dynamic = NULL;
    uint64_t offset = 0;
    if (!image)
        return;
    const Elf64_Phdr *program = (const Elf64_Phdr *)(image + header->e_phoff);
    for (int i = 0; i < header->e_phnum; i++) {
        if (program[i].p_type == PT_LOAD)
            offset = image + program[i].p_offset - program[i].p_vaddr;
        else if (program[i].p_type == PT_DYNAMIC)
            dynamic = (const Elf64_Dyn *)(image + program[i].p_offset);
    }
    const Elf64_Sym *symbols = NULL;
    const char *names = NULL;
    for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
        if (dynamic->d_tag == DT_SYMTAB)
            symbols = (const Elf64_Sym *)(offset + dynamic->d_un.d_ptr);
        else if (dynamic->d_tag == DT_STRTAB)
            names = (const char *)(offset + dynamic->d_un.d_ptr);
    }
    /* The linker puts the names right behind the symbols. */
    if (!symbols || (const char *)symbols >= names)
        return;
    for (const Elf64_Sym *symbol = symbols; (const char *)(symbol + 1) <= names; symbol++)
        if (symbol->st_shndx && !strcmp(names + symbol->st_name, "__vdso_clock_gettime"))
            host_function = (long (*)(int, struct timespec *))(offset + symbol->st_value);
}

uint64_t clock_host(int clock)
{
    struct timespec time;
    return host_function(clock, &time) ? 0
                                       : (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

struct thread_clock {
    int tid, kind;
    uint64_t time;
};

static long read_thread(struct task *task, void *data)
{
    struct thread_clock *clock = data;
    if (task->tid != clock->tid)
        return 0;
    int id = atomic_load(&task->thread.host_id);
    struct timespec time;
    if (!id || clock_by_call((int)(~(unsigned)id << 3 | CPU_THREAD | (unsigned)clock->kind), &time))
        return -EINVAL;
    clock->time = timespec_nanoseconds(&time);
    return 1;
}

/* The clock of a CPU clock id, made of a pid or tid: of the caller's process or one of its tasks.
 */
static int read_cpu_clock(struct task *task, int clock, uint64_t *nanoseconds)
{
    int kind = clock & CPU_MASK, id = ~(clock >> 3);
    if (kind == CPU_MASK)
        return -EINVAL; /* a descriptor of a clock device */
    if (clock & CPU_THREAD) {
        struct thread_clock thread = {id ? id : task->tid, kind, 0};
        if (signal_each_task(task->process, read_thread, &thread) != 1)
            return -EINVAL;
        *nanoseconds = thread.time;
        return 0;
    }
    if (id && id != task->process->pid)
        return -EINVAL;
    *nanoseconds = process_cpu_time(task->process, kind == CPU_VIRT);
    return 0;
}

int clock_read(struct task *task, int clock, uint64_t *nanoseconds)
{
    struct timespec time;
    if (clock < 0)
        return read_cpu_clock(task, clock, nanoseconds);
    if (clock == CLOCK_PROCESS_CPUTIME_ID) {
        *nanoseconds = process_cpu_time(task->process, 0);
        return 0;
    }
    if (clock > CLOCK_TAI || host_function(clock, &time))
        return -EINVAL;
    *nanoseconds = timespec_nanoseconds(&time);
    return 0;
}

/* The CPU clock of another process. */
static int read_clock_of_other(int clock, uint64_t *nanoseconds)
{
    int kind = clock & CPU_MASK;
    if (clock >= 0 || clock & CPU_THREAD || kind == CPU_MASK)
        return -EINVAL;
    TREE_LOCKED();
    struct process *process = tree_find(~(clock >> 3));
    if (!process || process->state == PROCESS_INIT)
        return -EINVAL;
    *nanoseconds = process->state == PROCESS_ALIVE ? process_cpu_time(process, kind == CPU_VIRT)
                                                   : process->used_cpu[kind == CPU_VIRT];
    return 0;
}

/* Any clock that a program may read. */
static int clock_look(struct task *task, int clock, uint64_t *nanoseconds)
{
    int error = clock_read(task, clock, nanoseconds);
    return error ? read_clock_of_other(clock, nanoseconds) : 0;
}

long call_clock_gettime(struct task *task, const uint64_t args[6])
{
    int clock = (int)args[0];
    struct timespec time;
    if (clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC) {
        host_function(clock, &time);
    } else {
        uint64_t nanoseconds;
        int error = clock_look(task, clock, &nanoseconds);
        if (error)
            return error;
        time = timespec_of(nanoseconds);
    }
    return task_copyout(task, args[1], &time, sizeof time);
}

long call_clock_getres(struct task *task, const uint64_t args[6])
{
    int clock = (int)args[0];
    struct timespec resolution = {0, 1};
    uint64_t unused;
    if (clock_look(task, clock, &unused))
        return -EINVAL;
    if (clock >= 0 && host_call2(SYS_clock_getres, clock, &resolution))
        return -EINVAL;
    return args[1] ? task_copyout(task, args[1], &resolution, sizeof resolution) : 0;
}

/* EINVAL for what is no time or clock, as Linux checks first; then nobody in a cage has
 * CAP_SYS_TIME. */
long call_clock_settime(struct task *task, const uint64_t args[6])
{
    struct timespec time;
    uint64_t unused;
    int clock = (int)args[0];
    if (clock_read(task, clock, &unused) || clock != CLOCK_REALTIME)
        return -EINVAL;
    int error = timespec_copyin(task, &time, args[1]);
    return error ? error : -EPERM;
}

long call_settimeofday(struct task *task, const uint64_t args[6])
{
    struct timeval time;
    if (args[0]) {
        if (task_copyin(task, &time, args[0], sizeof time))
            return -EFAULT;
        if (time.tv_sec < 0 || (uint64_t)time.tv_usec >= 1000000)
            return -EINVAL;
    }
    return -EPERM;
}

long call_gettimeofday(struct task *task, const uint64_t args[6])
{
    if (args[0]) {
        struct timespec now;
        host_function(CLOCK_REALTIME, &now);
        struct timeval time = {now.tv_sec, now.tv_nsec / 1000};
        if (task_copyout(task, args[0], &time, sizeof time))
            return -EFAULT;
    }
    /* The kernel's time zone, which nobody sets. */
    return args[1] ? clearout(&task->thread, args[1], 8) : 0;
}

long call_time(struct task *task, const uint64_t args[6])
{
    int64_t now = (int64_t)(clock_host(CLOCK_REALTIME_COARSE) / SECOND);
    if (args[0] && task_copyout(task, args[0], &now, sizeof now))
        return -EFAULT;
    return now;
}

/* Reads the host's discipline; changing it needs CAP_SYS_TIME. */
long call_clock_adjtime(struct task *task, const uint64_t args[6])
{
    struct timex timex;
    int clock = (int)args[0];
    if (clock != CLOCK_REALTIME)
        return clock >= 0 && clock <= CLOCK_TAI ? -EOPNOTSUPP : -EINVAL;
    if (task_copyin(task, &timex, args[1], sizeof timex))
        return -EFAULT;
    if (timex.modes && timex.modes != ADJ_OFFSET_SS_READ)
        return -EPERM;
    long state = host_call1(SYS_adjtimex, &timex);
    if (state >= 0 && task_copyout(task, args[1], &timex, sizeof timex))
        return -EFAULT;
    return state;
}
