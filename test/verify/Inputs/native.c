#include "native.h"

#include <asm/prctl.h>
#include <errno.h>
#include <linux/elf.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096 };

/* Pages outside the window that hold secrets, shared with the parent, which sees changes. */
static const uint64_t outside[] = {
    NATIVE_OUTSIDE, NATIVE_WINDOW + (1ULL << 32) + 0x10000, /* the next window's first page */
    NATIVE_WINDOW - 0x11000,                                /* the last page of the window before */
};
enum { OUTSIDE_COUNT = sizeof outside / sizeof *outside };

void native_prepare(struct native_run *run)
{
    for (int i = 0; i < 16; i++)
        run->registers[i] = NATIVE_OUTSIDE;
    run->registers[4] = NATIVE_WINDOW + NATIVE_STACK;
}

static void *map(uint64_t at, size_t size, int protection, int flags)
{
    void *p =
        mmap((void *)at, size, protection, flags | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p != (void *)at)
        _exit(99);
    return p;
}

static void fill(void *page)
{
    for (size_t i = 0; i < PAGE / 8; i++)
        ((uint64_t *)page)[i] = NATIVE_SECRET;
}

static void child(const struct native_run *run, void *const shared[])
{
    for (int i = 0; i < OUTSIDE_COUNT; i++)
        if (mremap(shared[i], PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)outside[i]) ==
            MAP_FAILED)
            _exit(98);
    uint64_t *gate = map(NATIVE_WINDOW + NATIVE_GATE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    gate[0] = NATIVE_WINDOW;
    gate[1] = NATIVE_ENTRY;
    uint8_t *text =
        map(NATIVE_WINDOW + NATIVE_TEXT, NATIVE_TEXT_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    memset(text, 0xcc, NATIVE_TEXT_MAX);
    memcpy(text, run->text, run->size);
    mprotect(text, NATIVE_TEXT_MAX, PROT_READ | PROT_EXEC);
    mprotect(gate, PAGE, PROT_READ);
    map(NATIVE_WINDOW + NATIVE_DATA, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    map(NATIVE_WINDOW + NATIVE_STACK - 0x10000, 0x20000, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    void *entry = map(NATIVE_ENTRY, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    memset(entry, 0xcc, PAGE);
    mprotect(entry, PAGE, PROT_READ | PROT_EXEC);
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    alarm(1); /* loops end too */
    raise(SIGSTOP);
    _exit(97);
}

static int in_range(uint64_t value, uint64_t start, uint64_t size)
{
    return value - start < size;
}

/* Judges the state in which the child stopped. */
static int judge(pid_t pid, int status, const struct user_regs_struct *regs, size_t size)
{
    const uint64_t general[] = {regs->rax, regs->rcx, regs->rdx, regs->rbx, regs->rbp,
                                regs->rsi, regs->rdi, regs->r8,  regs->r9,  regs->r10,
                                regs->r11, regs->r12, regs->r13, regs->r14, regs->r15};
    struct user_fpregs_struct vectors;
    struct iovec part = {&vectors, sizeof vectors};
    int effect = 0;
    for (size_t i = 0; i < sizeof general / sizeof *general; i++)
        if (general[i] == NATIVE_SECRET || general[i] == (uint32_t)NATIVE_SECRET)
            effect |= NATIVE_READ;
    if (ptrace(PTRACE_GETREGSET, pid, NT_PRFPREG, &part) == 0)
        for (size_t i = 0; i < sizeof vectors.xmm_space / 4; i++)
            if (vectors.xmm_space[i] == (uint32_t)NATIVE_SECRET)
                effect |= NATIVE_READ;
    if (!in_range(regs->rsp, NATIVE_WINDOW - 0x8000, (1ULL << 32) + 0x10000))
        effect |= NATIVE_RSP;
    if (regs->eflags & (0x100 | 0x400 | 0x4000 | 0x40000))
        effect |= NATIVE_FLAGS;
    if (regs->fs_base != NATIVE_WINDOW + NATIVE_DATA || regs->gs_base != NATIVE_WINDOW ||
        regs->fs || regs->gs)
        effect |= NATIVE_BASE;
    for (size_t i = 0; i < sizeof general / sizeof *general; i++)
        if (general[i] == NATIVE_ENTRY)
            effect |= NATIVE_SLOTS;
    siginfo_t info;
    if (ptrace(PTRACE_GETSIGINFO, pid, 0, &info) == 0) {
        if (info.si_signo == SIGSEGV &&
            in_range((uint64_t)info.si_addr, NATIVE_WINDOW + NATIVE_GATE, PAGE))
            effect |= NATIVE_SLOTS;
        if (info.si_signo == SIGSEGV && info.si_code == SI_KERNEL)
            effect |= NATIVE_PROTECTED;
        if (info.si_signo == SIGILL)
            effect |= NATIVE_UNDEFINED;
    }
    uint64_t rip = regs->rip - (WSTOPSIG(status) == SIGTRAP); /* int3 leaves it behind itself */
    /* Anywhere in the window is where a masked jump may go: pages there are verified text or not
     * executable. */
    if (!in_range(rip, NATIVE_WINDOW, 1ULL << 32) && !in_range(rip, NATIVE_ENTRY, PAGE))
        effect |= NATIVE_JUMP;
    if (in_range(rip, NATIVE_WINDOW + NATIVE_TEXT + size, NATIVE_TEXT_MAX - size))
        effect |= NATIVE_PAST;
    return effect;
}

int native_execute(const struct native_run *run)
{
    void *shared[OUTSIDE_COUNT];
    int status, effect = -1;
    if (run->size > NATIVE_TEXT_MAX) {
        errno = E2BIG;
        return -1;
    }
    for (int i = 0; i < OUTSIDE_COUNT; i++) {
        shared[i] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared[i] == MAP_FAILED)
            return -1;
        fill(shared[i]);
    }
    pid_t pid = fork();
    if (pid == 0)
        child(run, shared);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
        errno = ECHILD;
        return -1;
    }
    struct user_regs_struct regs;
    if (ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD) ||
        ptrace(PTRACE_GETREGS, pid, 0, &regs))
        goto out;
    unsigned long long *const slots[] = {
        &regs.rax, &regs.rcx, &regs.rdx, &regs.rbx, &regs.rsp, &regs.rbp, &regs.rsi, &regs.rdi,
        &regs.r8,  &regs.r9,  &regs.r10, &regs.r11, &regs.r12, &regs.r13, &regs.r14, &regs.r15};
    for (int i = 0; i < 16; i++)
        *slots[i] = run->registers[i];
    regs.rip = NATIVE_WINDOW + NATIVE_TEXT + run->start;
    regs.gs_base = NATIVE_WINDOW;
    regs.fs_base = NATIVE_WINDOW + NATIVE_DATA;
    regs.orig_rax = (unsigned long long)-1;
    struct user_fpregs_struct vectors;
    struct iovec part = {&vectors, sizeof vectors};
    if (ptrace(PTRACE_SETREGS, pid, 0, &regs) || ptrace(PTRACE_GETREGSET, pid, NT_PRFPREG, &part))
        goto out;
    memset(vectors.xmm_space, 0, sizeof vectors.xmm_space);
    if (ptrace(PTRACE_SETREGSET, pid, NT_PRFPREG, &part))
        goto out;
    for (int tries = 0; tries < 3; tries++) {
        if (ptrace(PTRACE_SYSCALL, pid, 0, 0) || waitpid(pid, &status, 0) != pid)
            goto out;
        if (!WIFSTOPPED(status)) {
            effect = NATIVE_KERNEL;
            break;
        }
        if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
            effect = NATIVE_KERNEL;
            break;
        }
        if (WSTOPSIG(status) == SIGSTOP)
            continue;
        if (ptrace(PTRACE_GETREGS, pid, 0, &regs))
            goto out;
        effect = judge(pid, status, &regs, run->size);
        break;
    }
    for (int i = 0; i < OUTSIDE_COUNT; i++)
        for (size_t j = 0; j < PAGE / 8; j++)
            if (((uint64_t *)shared[i])[j] != NATIVE_SECRET)
                effect |= NATIVE_WRITE;
out:
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    for (int i = 0; i < OUTSIDE_COUNT; i++)
        munmap(shared[i], PAGE);
    return effect;
}
