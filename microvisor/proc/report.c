/* What lind-run says about a program that a fault ended. */
#include "microvisor/proc/report.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "microvisor/mm/memory.h"
#include "microvisor/proc/helper.h"
#include "microvisor/proc/rights.h"
#include "microvisor/time/clock.h"

enum {
    HELPER_TIME = 5000,    /* milliseconds that the helper gets */
    HELPER_OUTPUT = 16384, /* bytes of its output that are read */
    INSTRUCTION = 4,       /* bytes of an instruction that are looked at */
    SIGNAL_FRAME = 1024,   /* a signal frame takes more than this */
};

/* Traps of the CPU, which Linux passes with a fault's signal. */
enum { TRAP_BREAKPOINT = 3, TRAP_PROTECTION = 13, TRAP_PAGE_FAULT = 14 };

/* Bits of a page fault's error code. */
enum { ERROR_WRITE = 2, ERROR_EXECUTE = 16 };

/* How far below a stack's lowest page an access is still its overflow. Larger frames are not told
 * from wild pointers. */
#define OVERFLOW_REACH (64ULL << 20)

struct report {
    struct task *task;
    const struct fault *fault;
    uint64_t rip;         /* of the faulting instruction */
    uint64_t stack;       /* window offset of the first readable word of the stack */
    unsigned trap, error; /* fault->error taken apart */
    int wild;             /* a jump to what is no code */
    char program[512];    /* its path, printable */
    const char *name;     /* the last part of it */
    size_t used;
    char text[HELPER_OUTPUT + 8192];
    char answer[HELPER_OUTPUT]; /* the helper's */
};

__attribute__((format(printf, 2, 3))) static void add(struct report *report, const char *format,
                                                      ...)
{
    size_t room = sizeof report->text - report->used;
    va_list list;
    va_start(list, format);
    int length = vsnprintf(report->text + report->used, room, format, list);
    va_end(list);
    if (length > 0)
        report->used += (size_t)length < room ? (size_t)length : room - 1;
}

/* Replaces what could act on a terminal. */
static void make_printable(char *text, int newlines)
{
    for (; *text; text++)
        if ((*text < ' ' || *text > '~') && !(newlines && *text == '\n'))
            *text = '?';
}

/* An absolute address into the window becomes the offset that the program knows. */
static uint64_t cage_view(const struct task *task, uint64_t value)
{
    return (value ^ task->thread.base) >> LIND_WINDOW_SHIFT ? value : (uint32_t)value;
}

/* The region that an overflow of the stack at `address` would be one of: the next one above that
 * can be accessed. */
static int region_above(struct report *report, uint64_t address, struct memory_region *region)
{
    char name[8];
    struct process *process = report->task->process;
    while (memory_describe(process->memory, process->place, address, region, name, sizeof name)) {
        if (region->flags & REGION_PROTECTION)
            return 1;
        address = region->end;
    }
    return 0;
}

/* Words for an access that the page tables refused. */
static const char *access_reason(struct report *report)
{
    uint64_t address = report->fault->address, rsp = report->task->thread.regs.rsp;
    struct memory_region region;
    uint64_t word;
    int known = region_above(report, address, &region);

    int lost = task_copyin(report->task, &word, rsp, sizeof word) != 0;
    /* Accesses relative to %rsp reach this far, and a push writes just below it (docs/sfi.md 1). */
    int below = address < rsp && rsp - address <= LIND_RSP_REACH;
    if (lost || below) {
        if (address == 0 &&
            (rsp < 2 * LIND_GUARD_SIZE || rsp >= LIND_WINDOW_SIZE - 2 * LIND_GUARD_SIZE))
            return "the stack pointer left the window";
        uint64_t lowest = address < rsp ? address : rsp;
        if (region_above(report, lowest, &region) && region.start - lowest <= OVERFLOW_REACH &&
            region.start > lowest) {
            /* In a frame larger than what is kept of the stack only a frame pointer leads to the
             * caller. */
            uint64_t pointer = report->task->thread.regs.rbp;
            if (region.start > rsp + REPORT_STACK_MAX && pointer > region.start &&
                pointer < region.end)
                report->stack = pointer & ~(sizeof word - 1);
            else if (report->stack < region.start)
                report->stack = region.start;
            return "stack overflow";
        }
        if (lost && address - rsp + LIND_GUARD_SIZE < 2 * LIND_GUARD_SIZE)
            return "wild stack pointer";
    }
    if (address < LIND_GUARD_SIZE)
        return "null pointer";
    if (report->fault->signal == SIGBUS)
        return "beyond the end of the mapped file";
    if (known && region.start <= address)
        return report->error & ERROR_WRITE ? "read-only memory" : "no access";
    return "not mapped";
}

static void add_page_fault(struct report *report)
{
    unsigned long long address = report->fault->address;
    if (report->error & ERROR_EXECUTE) {
        report->wild = 1;
        add(report, "jump to 0x%llx (%s)", address,
            address < LIND_GUARD_SIZE ? "null function pointer" : "no code there");
        return;
    }
    const char *reason = access_reason(report);
    add(report, "%s 0x%llx (%s)", report->error & ERROR_WRITE ? "write to" : "read of", address,
        reason);
}

/* SIGFPE's codes, FPE_INTDIV onwards. The CPU does not tell the first two apart. */
static const char *const arithmetic[] = {
    [FPE_INTDIV] = "integer division by zero, or its result does not fit",
    [FPE_INTOVF] = "integer overflow",
    [FPE_FLTDIV] = "floating point division by zero",
    [FPE_FLTOVF] = "floating point overflow",
    [FPE_FLTUND] = "floating point underflow",
    [FPE_FLTRES] = "inexact floating point result",
    [FPE_FLTINV] = "invalid floating point operation",
};

static const char *instruction_reason(const struct report *report)
{
    const struct fault *fault = report->fault;
    uint8_t code[INSTRUCTION] = {0};
    task_copyin(report->task, code, report->rip, sizeof code);
    switch (fault->signal) {
    case SIGFPE:
        if (fault->code > 0 && (size_t)fault->code < sizeof arithmetic / sizeof *arithmetic)
            return arithmetic[fault->code];
        return "arithmetic error";
    case SIGILL:
        if (code[0] == 0x0f && code[1] == 0x0b)
            return "trap instruction (ud2)";
        if ((code[0] == 0x0f && code[1] == 0xb9) ||
            (code[0] == 0x67 && code[1] == 0x0f && code[2] == 0xb9))
            return "trap instruction (ud1)";
        return "illegal instruction";
    case SIGTRAP:
        return "trap instruction (int3)";
    case SIGBUS:
        return "misaligned access";
    default:
        if (report->trap == TRAP_PROTECTION)
            return code[0] == 0xf4 ? "trap instruction (hlt)" : "misaligned or forbidden access";
        /* The microvisor's own (signal/frame.c): a frame could not be written, or not be taken
         * back. */
        return task_copyin(report->task, code, report->task->thread.regs.rsp - SIGNAL_FRAME,
                           sizeof code)
                   ? "no room for a signal handler's frame (stack overflow)"
                   : "broken signal frame";
    }
}

static void add_headline(struct report *report, const char *where)
{
    static const char *const signals[] = {[SIGSEGV] = "SIGSEGV",
                                          [SIGBUS] = "SIGBUS",
                                          [SIGFPE] = "SIGFPE",
                                          [SIGILL] = "SIGILL",
                                          [SIGTRAP] = "SIGTRAP"};
    const struct fault *fault = report->fault;
    const char *name = fault->signal > 0 && (size_t)fault->signal < sizeof signals / sizeof *signals
                           ? signals[fault->signal]
                           : NULL;
    report->used = 0;
    if (name)
        add(report, "lind-run: %s: killed by %s: ", report->program, name);
    else
        add(report, "lind-run: %s: killed by signal %d: ", report->program, fault->signal);
    if ((fault->signal == SIGSEGV || fault->signal == SIGBUS) && report->trap == TRAP_PAGE_FAULT)
        add_page_fault(report);
    else
        add(report, "%s", instruction_reason(report));
    add(report, "%s\n", where);
}

static void add_registers(struct report *report)
{
    const struct registers *regs = &report->task->thread.regs;
    uint64_t start = report->task->process->space->image_start;
    add(report, "  rip %#llx", (unsigned long long)regs->rip);
    if (regs->rip >= start && !report->wild)
        add(report, " (%s+%#llx)", report->name, (unsigned long long)(regs->rip - start));
    add(report, "  rsp %#llx  flags %#llx", (unsigned long long)regs->rsp,
        (unsigned long long)regs->flags);
    unsigned column = 0;
#define ADD(register_name, unused)                                                                 \
    add(report, "%s%3s %016llx", column++ % 4 ? "  " : "\n  ", #register_name,                     \
        (unsigned long long)cage_view(report->task, regs->register_name));
    GENERAL_REGISTERS(ADD)
#undef ADD
    add(report, "\n");
}

/* Writes the description to a memory file. Returns its descriptor or -1. */
static int describe(const struct report *report)
{
    struct task *task = report->task;
    const struct registers *regs = &task->thread.regs;
    uint64_t words[LIND_PAGE_SIZE / sizeof(uint64_t)];
    int fd = memfd_create("lind-crash", MFD_CLOEXEC);
    if (fd < 0)
        return -1;

    dprintf(fd, REPORT_VERSION "\nname %s\nstart %#llx\nrip %#llx\nrsp %#llx\nwild %#x\n",
            report->name, (unsigned long long)task->process->space->image_start,
            (unsigned long long)report->rip, (unsigned long long)regs->rsp, (unsigned)report->wild);
#define PUT(register_name, unused)                                                                 \
    dprintf(fd, "%s %#llx\n", #register_name,                                                      \
            (unsigned long long)cage_view(task, regs->register_name));
    GENERAL_REGISTERS(PUT)
#undef PUT

    /* As many pages as can be read; the helper sees the true size by the file's end. */
    uint64_t at = report->stack, end = at + REPORT_STACK_MAX;
    dprintf(fd, "stack %#llx %#x\n\n", (unsigned long long)at, REPORT_STACK_MAX);
    while (at < end) {
        size_t size = LIND_PAGE_SIZE - at % LIND_PAGE_SIZE;
        if (task_copyin(task, words, at, size))
            break;
        for (size_t i = 0; i < size / sizeof *words; i++)
            words[i] = cage_view(task, words[i]);
        if (write(fd, words, size) != (ssize_t)size)
            break;
        at += size;
    }
    if (lseek(fd, 0, SEEK_SET) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Reads what the helper says until it closes its end or its time is over. */
static size_t helper_listen(int fd, char *answer, size_t size)
{
    uint64_t deadline = deadline_of_milliseconds(HELPER_TIME);
    size_t used = 0;
    while (used < size && !deadline_passed(deadline)) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        struct timespec left;
        int ready = ppoll(&wait, 1, deadline_left(deadline, &left), NULL);
        ssize_t got = ready > 0 ? read(fd, answer + used, size - used) : ready;
        if (got == 0 || (got < 0 && errno != EINTR))
            break;
        used += got > 0 ? (size_t)got : 0;
    }
    return used;
}

/* Fills report->answer with printable lines; it stays empty when there is no helper or it fails. */
static void ask_helper(struct report *report)
{
    int pipe_fds[2] = {-1, -1};
    size_t used = 0;
    report->answer[0] = 0;
    if (report->task->process->executable->fd < 0)
        return;
    int description = describe(report);
    if (description < 0)
        return;
    if (pipe2(pipe_fds, O_CLOEXEC) == 0) {
        const int fds[] = {description, pipe_fds[1], -1, report->task->process->executable->fd};
        pid_t pid = helper_start("lind-symbolize", "--crash", fds, REPORT_PROGRAM_FD + 1);
        close(pipe_fds[1]);
        if (pid > 0) {
            used = helper_listen(pipe_fds[0], report->answer, sizeof report->answer - 1);
            kill(pid, SIGKILL);
            while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        }
        close(pipe_fds[0]);
    }
    close(description);
    /* Only whole lines: the helper may have been killed within one. */
    while (used && report->answer[used - 1] != '\n')
        used--;
    report->answer[used] = 0;
    if (strlen(report->answer) != used)
        report->answer[0] = 0;
    make_printable(report->answer, 1);
}

void fault_report(struct task *task, const struct fault *fault)
{
    struct report *report = malloc(sizeof *report);
    if (!report) {
        dprintf(2, "lind-run: killed by signal %d; no memory for a report\n", fault->signal);
        return;
    }
    const struct registers *regs = &task->thread.regs;
    uint64_t word;
    report->task = task;
    report->fault = fault;
    report->error = (unsigned)fault->error;
    report->trap = (unsigned)(fault->error >> 32);
    report->wild = 0;
    /* A breakpoint is reported behind the instruction. */
    report->rip =
        regs->rip - (fault->signal == SIGTRAP && report->trap == TRAP_BREAKPOINT && regs->rip > 0);
    /* The word below the stack pointer is the return address that a `ret` to nowhere has just
     * taken. */
    report->stack = regs->rsp & ~(sizeof word - 1);
    if (report->stack >= sizeof word &&
        task_copyin(task, &word, report->stack - sizeof word, sizeof word) == 0)
        report->stack -= sizeof word;
    snprintf(report->program, sizeof report->program, "%.511s", task->process->executable->path);
    make_printable(report->program, 0);
    const char *slash = strrchr(report->program, '/');
    report->name = slash ? slash + 1 : report->program;

    add_headline(report, ""); /* finds out where the stack is readable and whether rip is code */
    int from = rights_own();
    ask_helper(report);
    rights_back(from);

    char *lines = report->answer, *end = strchr(lines, '\n');
    if (end) {
        *end = 0;
        add_headline(report, lines);
        lines = end + 1;
    }
    add_registers(report);
    if (*lines)
        add(report, "  backtrace:\n");
    for (; *lines && (end = strchr(lines, '\n')); lines = end + 1) {
        *end = 0;
        add(report, "    %s\n", lines);
    }
    for (size_t written = 0; written < report->used;) {
        ssize_t got = write(2, report->text + written, report->used - written);
        if (got < 0 && errno != EINTR)
            break;
        if (got > 0)
            written += (size_t)got;
    }
    free(report);
}
