#include "native.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rt/abi.h"

enum { PAGE = 4096, STACK_SIZE = 0x20000, DATA_SIZE = 0x10000, STEPS_MAX = 100 };

/* Pages outside the window that hold secrets, shared with the parent, which sees changes. */
static const uint64_t outside[] = {
    NATIVE_OUTSIDE, NATIVE_WINDOW + (1ULL << 32) + 0x10000, /* the next window's first page */
    NATIVE_WINDOW - 0x11000,                                /* the last page of the window before */
    NATIVE_FS & -PAGE,                                      /* but for one word */
};
enum { OUTSIDE_COUNT = sizeof outside / sizeof *outside };

/* What differs between the runs of one case: what they have in common does not depend on it. */
struct world {
    uint64_t secret;  /* what the pages outside hold */
    uint64_t gate;    /* what the gate page holds behind its slots */
    uint64_t entry;   /* NATIVE_ENTRY or the page behind it */
    int outside_gone; /* the pages outside are there, but nobody may access them but %fs' one */
};
static const struct world first = {NATIVE_SECRET, 0, NATIVE_ENTRY, 0};

struct outcome {
    int effect;
    int signal;
    siginfo_t info;
    struct user_regs_struct regs;
    struct user_fpregs_struct vectors;
    uint64_t memory; /* digest of the window's data and stack */
    uint64_t pages;  /* and of the pages outside */
};

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

static void fill(void *at, size_t size, uint64_t word)
{
    for (size_t i = 0; i < size / 8; i++)
        ((uint64_t *)at)[i] = word;
}

static void fill_outside(int i, uint64_t page[PAGE / 8], const struct world *world)
{
    fill(page, PAGE, world->secret);
    if (outside[i] == (NATIVE_FS & -PAGE))
        page[(NATIVE_FS % PAGE + LIND_THREAD_POINTER) / 8] = NATIVE_DATA;
}

static uint64_t digest(uint64_t sum, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size / 8; i++)
        sum = (sum ^ ((const uint64_t *)bytes)[i]) * 0x9e3779b97f4a7c15ULL + (sum >> 29);
    return sum;
}

/* On the same processor each time: rdpid tells its number. */
static void stay(void)
{
    cpu_set_t allowed, one;
    int cpu = 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed))
        return;
    while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &allowed))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
}

static void child(const struct native_run *run, const struct world *world, void *const shared[])
{
    stay();
    for (int i = 0; i < OUTSIDE_COUNT; i++)
        if (mremap(shared[i], PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)outside[i]) ==
                MAP_FAILED ||
            (world->outside_gone && outside[i] != (NATIVE_FS & -PAGE) &&
             mprotect((void *)outside[i], PAGE, PROT_NONE)))
            _exit(98);
    uint64_t *gate = map(NATIVE_WINDOW + NATIVE_GATE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    fill(gate, PAGE, world->gate);
    gate[0] = NATIVE_WINDOW;
    gate[1] = world->entry;
    uint8_t *text =
        map(NATIVE_WINDOW + NATIVE_TEXT, NATIVE_TEXT_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    memset(text, 0xcc, NATIVE_TEXT_MAX);
    memcpy(text, run->text, run->size);
    mprotect(text, NATIVE_TEXT_MAX, PROT_READ | PROT_EXEC);
    mprotect(gate, PAGE, PROT_READ);
    void *data = map(NATIVE_WINDOW + NATIVE_DATA, DATA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    void *stack = map(NATIVE_WINDOW + NATIVE_STACK - STACK_SIZE / 2, STACK_SIZE,
                      PROT_READ | PROT_WRITE, MAP_PRIVATE);
    if (run->fill) {
        fill(data, DATA_SIZE, run->fill);
        fill(stack, STACK_SIZE, run->fill);
    }
    void *entry = map(NATIVE_ENTRY, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    memset(entry, 0xcc, 2 * PAGE);
    if (run->gate_returns)
        for (int i = 0; i < 2; i++)
            memcpy((uint8_t *)entry + i * PAGE, "\x41\xff\xe3", 3); /* jmpq *%r11 */
    mprotect(entry, 2 * PAGE, PROT_READ | PROT_EXEC);
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    struct itimerval limit = {{0, 0}, {0, 300000}}; /* of its own time: loops end too */
    setitimer(ITIMER_VIRTUAL, &limit, NULL);
    alarm(600); /* and what sleeps */
    raise(SIGSTOP);
    _exit(97);
}

static int in_range(uint64_t value, uint64_t start, uint64_t size)
{
    return value - start < size;
}

/* Did a hypervisor answer? vmcall and vmmcall write no register by themselves, and access no
 * memory: a hypervisor that wants to put the processor's own one in the other's place may write to
 * the text for that. */
static int was_answered(const struct native_run *run, const struct outcome *outcome)
{
    static const uint8_t calls[][3] = {{0x0f, 0x01, 0xc1}, {0x0f, 0x01, 0xd9}};
    const uint64_t at = NATIVE_WINDOW + NATIVE_TEXT + run->start;
    const uint64_t fault = (uint64_t)outcome->info.si_addr;
    int patches = outcome->signal == SIGSEGV && outcome->info.si_code == SEGV_ACCERR &&
                  outcome->regs.rip == at && in_range(fault, at, sizeof *calls);
    return run->size - run->start >= sizeof *calls &&
           (patches || outcome->regs.rax != run->registers[0]) &&
           (!memcmp(run->text + run->start, calls[0], sizeof *calls) ||
            !memcmp(run->text + run->start, calls[1], sizeof *calls));
}

/* Judges the state in which the child stopped. */
static int judge(const struct native_run *run, const struct outcome *outcome, int stepping)
{
    const struct user_regs_struct *regs = &outcome->regs;
    const uint64_t general[] = {regs->rax, regs->rcx, regs->rdx, regs->rbx, regs->rbp,
                                regs->rsi, regs->rdi, regs->r8,  regs->r9,  regs->r10,
                                regs->r11, regs->r12, regs->r13, regs->r14, regs->r15};
    int effect = 0;
    if (!in_range(regs->rsp, NATIVE_WINDOW - 0x8000, (1ULL << 32) + 0x10000))
        effect |= NATIVE_RSP;
    if (regs->eflags & ((stepping ? 0 : 0x100) | 0x400 | 0x4000 | 0x40000))
        effect |= NATIVE_FLAGS;
    if (regs->fs_base != NATIVE_FS || regs->gs_base != NATIVE_WINDOW || regs->fs || regs->gs ||
        regs->ds || regs->es)
        effect |= NATIVE_BASE;
    for (size_t i = 0; i < sizeof general / sizeof *general; i++)
        if (general[i] == NATIVE_ENTRY)
            effect |= NATIVE_SLOTS;
    uint64_t rip =
        regs->rip - (outcome->signal == SIGTRAP && !stepping); /* int3 leaves it behind */
    uint64_t fault = (uint64_t)outcome->info.si_addr;
    int code = outcome->info.si_code;
    if (outcome->signal == SIGSEGV) {
        if (in_range(fault, NATIVE_WINDOW + NATIVE_GATE, PAGE))
            effect |= NATIVE_SLOTS;
        if (code == SI_KERNEL)
            effect |= NATIVE_PROTECTED;
        if (code == SEGV_PKUERR)
            effect |= NATIVE_KEYS;
        if ((code == SEGV_MAPERR || code == SEGV_ACCERR) && fault != rip &&
            !in_range(fault, NATIVE_WINDOW - 0x10000, (1ULL << 32) + 0x20000))
            effect |= NATIVE_REACH;
    }
    if (outcome->signal == SIGILL)
        effect |= NATIVE_UNDEFINED;
    /* Anywhere in the window is where a masked jump may go: pages there are verified text or not
     * executable. */
    if (!in_range(rip, NATIVE_WINDOW, 1ULL << 32) && !in_range(rip, NATIVE_ENTRY, 2 * PAGE))
        effect |= NATIVE_JUMP;
    /* Between the guards another text may be there, entered at bundle starts only. */
    if (outcome->signal == SIGSEGV && fault == rip && rip % LIND_BUNDLE_SIZE &&
        in_range(rip, NATIVE_WINDOW + 0x10000, (1ULL << 32) - 0x20000) &&
        !in_range(rip, NATIVE_WINDOW + NATIVE_TEXT, NATIVE_TEXT_MAX))
        effect |= NATIVE_INSIDE;
    if (was_answered(run, outcome))
        effect |= NATIVE_KERNEL;
    if (in_range(rip, NATIVE_WINDOW + NATIVE_TEXT + run->size, NATIVE_TEXT_MAX - run->size))
        effect |= NATIVE_PAST;
    return effect;
}

/* The opmask registers of AVX-512 in the child, in `area`. NULL: there are none. */
static uint64_t *find_masks(pid_t pid, uint8_t area[16384], struct iovec *part)
{
    unsigned size, offset, c, d;
    *part = (struct iovec){area, 16384};
    if (!native_has("avx512f") || !__get_cpuid_count(0xd, 5, &size, &offset, &c, &d) ||
        ptrace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, part) || offset + 64 > part->iov_len)
        return NULL;
    return (uint64_t *)(area + offset);
}

/* They are all ones, so that masked instructions do what they can. */
static void set_masks(pid_t pid)
{
    static _Alignas(64) uint8_t area[16384];
    struct iovec part;
    uint64_t *masks = find_masks(pid, area, &part);
    if (!masks)
        return;
    memset(masks, 0xff, 64);
    area[512] |= 1 << 5;
    ptrace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &part);
}

/* Runs the case once; `steps`: that many instructions singly, 0: all of it. */
static int execute(const struct native_run *run, const struct world *world, int steps,
                   struct outcome *outcome)
{
    void *shared[OUTSIDE_COUNT];
    int status, result = -1;
    memset(outcome, 0, sizeof *outcome);
    if (run->size > NATIVE_TEXT_MAX) {
        errno = E2BIG;
        return -1;
    }
    for (int i = 0; i < OUTSIDE_COUNT; i++) {
        shared[i] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared[i] == MAP_FAILED)
            return -1;
        fill_outside(i, shared[i], world);
    }
    pid_t pid = fork();
    if (pid == 0)
        child(run, world, shared);
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
    regs.fs_base = NATIVE_FS;
    regs.eflags = 0x202 | run->flags;
    regs.orig_rax = (unsigned long long)-1;
    struct iovec part = {&outcome->vectors, sizeof outcome->vectors};
    if (ptrace(PTRACE_SETREGS, pid, 0, &regs) || ptrace(PTRACE_GETREGSET, pid, NT_PRFPREG, &part))
        goto out;
    memset(outcome->vectors.xmm_space, 0, sizeof outcome->vectors.xmm_space);
    if (ptrace(PTRACE_SETREGSET, pid, NT_PRFPREG, &part))
        goto out;
    set_masks(pid);
    for (int tries = 0, done = 0; tries < 3;) {
        if (ptrace(steps ? PTRACE_SINGLESTEP : PTRACE_SYSCALL, pid, 0, 0) ||
            waitpid(pid, &status, 0) != pid)
            goto out;
        if (!WIFSTOPPED(status)) {
            outcome->effect = NATIVE_KERNEL;
            break;
        }
        outcome->signal = WSTOPSIG(status);
        if (outcome->signal == (SIGTRAP | 0x80)) {
            outcome->effect = NATIVE_KERNEL;
            break;
        }
        if (outcome->signal == SIGSTOP) {
            tries++;
            continue;
        }
        if (ptrace(PTRACE_GETREGS, pid, 0, &outcome->regs) ||
            ptrace(PTRACE_GETSIGINFO, pid, 0, &outcome->info))
            goto out;
        uint64_t at = outcome->regs.rip - (NATIVE_WINDOW + NATIVE_TEXT);
        if (steps && run->starts && at < run->size && !run->starts[at])
            outcome->effect |= NATIVE_INSIDE;
        if (steps && outcome->signal == SIGTRAP && outcome->info.si_code == TRAP_TRACE &&
            ++done < steps)
            continue;
        part.iov_len = sizeof outcome->vectors;
        if (ptrace(PTRACE_GETREGSET, pid, NT_PRFPREG, &part))
            goto out;
        outcome->effect |= judge(run, outcome, steps != 0);
        break;
    }
    static uint64_t copy[(DATA_SIZE + STACK_SIZE) / 8];
    struct iovec to = {copy, sizeof copy};
    struct iovec from[] = {{(void *)(NATIVE_WINDOW + NATIVE_DATA), DATA_SIZE},
                           {(void *)(NATIVE_WINDOW + NATIVE_STACK - STACK_SIZE / 2), STACK_SIZE}};
    if (process_vm_readv(pid, &to, 1, from, 2, 0) == (ssize_t)sizeof copy)
        outcome->memory = digest(0, copy, sizeof copy);
    result = 0;
    for (int i = 0; i < OUTSIDE_COUNT; i++) {
        uint64_t before[PAGE / 8];
        fill_outside(i, before, world);
        outcome->pages = digest(outcome->pages, shared[i], PAGE);
        if (memcmp(shared[i], before, PAGE))
            outcome->effect |= NATIVE_WRITE;
    }
out:
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    for (int i = 0; i < OUTSIDE_COUNT; i++)
        munmap(shared[i], PAGE);
    return result;
}

/* Did two runs end in the same state, %rip aside where the gate's entry is where they ended? */
static int same(const struct outcome *a, const struct outcome *b)
{
    struct user_regs_struct one = a->regs, other = b->regs;
    if (in_range(one.rip, NATIVE_ENTRY, 2 * PAGE) && in_range(other.rip, NATIVE_ENTRY, 2 * PAGE))
        one.rip = other.rip;
    return a->signal == b->signal && !memcmp(&one, &other, sizeof one) &&
           !memcmp(&a->vectors, &b->vectors, sizeof a->vectors) && a->memory == b->memory;
}

int native_execute(const struct native_run *run, int wanted)
{
    struct world world = first;
    struct outcome base, again, other;
    if (execute(run, &first, 0, &base))
        return -1;
    int effect = base.effect;
    if (effect & wanted)
        return effect;
    if (wanted & (NATIVE_READ | NATIVE_SLOTS)) {
        /* What comes out twice the same way, and differently with another secret, was read. */
        if (execute(run, &first, 0, &again))
            return -1;
        effect |= again.effect;
        if (same(&base, &again)) {
            world.secret = ~NATIVE_SECRET;
            if (execute(run, &world, 0, &other))
                return -1;
            if (!same(&base, &other))
                effect |= NATIVE_READ;
            world = first;
            world.gate = NATIVE_SECRET;
            world.entry = NATIVE_ENTRY + PAGE;
            if (execute(run, &world, 0, &other))
                return -1;
            if (!same(&base, &other))
                effect |= NATIVE_SLOTS;
        }
    }
    if (effect & wanted)
        return effect;
    if (wanted & NATIVE_REACH) {
        world = first;
        world.outside_gone = 1;
        if (execute(run, &world, 0, &other))
            return -1;
        effect |= other.effect & NATIVE_REACH;
    }
    if (wanted & NATIVE_INSIDE && run->starts) {
        if (run->start < run->size && !run->starts[run->start])
            effect |= NATIVE_INSIDE;
        if (execute(run, &first, STEPS_MAX, &other))
            return -1;
        effect |= other.effect & NATIVE_INSIDE;
    }
    return effect;
}

int native_step(const struct native_run *run, struct native_step *step)
{
    struct outcome outcome;
    if (execute(run, &first, 1, &outcome))
        return -1;
    *step = (struct native_step){.signal = outcome.signal & ~0x80,
                                 .rip = outcome.regs.rip,
                                 .address = (uint64_t)outcome.info.si_addr};
    if (outcome.signal != SIGSEGV)
        step->address = 0;
    outcome.regs.rip = 0;
    step->digest = digest(outcome.memory ^ outcome.pages, &outcome.regs, sizeof outcome.regs);
    step->digest = digest(step->digest, &outcome.vectors, sizeof outcome.vectors);
    return 0;
}

int native_cuts_branches(void)
{
    static const uint8_t jump[] = {0x66, 0xeb, 0x00};
    static int known = -1;
    struct native_run run = {.text = jump, .size = sizeof jump};
    struct native_step step;
    if (known >= 0)
        return known;
    native_prepare(&run);
    if (native_step(&run, &step))
        return -1;
    return known = step.rip == ((NATIVE_TEXT + sizeof jump) & 0xffff);
}

int native_has(const char *feature)
{
    enum { EAX, EBX, ECX, EDX };
    static const struct {
        const char *name;
        unsigned leaf, subleaf, where, bit;
    } features[] = {
        {"avx512f", 7, 0, EBX, 16},
        {"avx512bw", 7, 0, EBX, 30},
        {"rtm", 7, 0, EBX, 11},
        {"clzero", 0x80000008, 0, EBX, 0},
        {"monitorx", 0x80000001, 0, ECX, 29},
        {"umip", 7, 0, ECX, 2},
        {"waitpkg", 7, 0, ECX, 5},
        {"movdiri", 7, 0, ECX, 27},
        {"movdir64b", 7, 0, ECX, 28},
        {"enqcmd", 7, 0, ECX, 29},
        {"cldemote", 7, 0, ECX, 25},
        {"amx-tile", 7, 0, EDX, 24},
        {"cmpccxadd", 7, 1, EAX, 7},
        {"rao-int", 7, 1, EAX, 3},
        {"serialize", 7, 0, EDX, 14},
        {"tsxldtrk", 7, 0, EDX, 16},
        {"xop", 0x80000001, 0, ECX, 11},
        {"tbm", 0x80000001, 0, ECX, 21},
        {"lwp", 0x80000001, 0, ECX, 15},
        {"3dnow", 0x80000001, 0, EDX, 31},
        {"apx", 7, 1, EDX, 21},
        {"vaes", 7, 0, ECX, 9},
        {"vpclmulqdq", 7, 0, ECX, 10},
        {"ospke", 7, 0, ECX, 4},
        {"ptwrite", 0x14, 0, EBX, 4},
        {"rdpid", 7, 0, ECX, 22},
        {"fsgsbase", 7, 0, EBX, 0},
        {"osxsave", 1, 0, ECX, 27},
        {"xsavec", 0xd, 1, EAX, 1},
        {"xsaveopt", 0xd, 1, EAX, 0},
    };
    if (!strcmp(feature, "kernel-bases")) /* the kernel knows what wrfsbase and wrgsbase set */
        return (getauxval(AT_HWCAP2) & 2) != 0;
    for (size_t i = 0; i < sizeof features / sizeof *features; i++) {
        unsigned words[4];
        if (strcmp(features[i].name, feature))
            continue;
        if (!__get_cpuid_count(features[i].leaf, features[i].subleaf, words, words + 1, words + 2,
                               words + 3))
            return 0;
        int has = words[features[i].where] >> features[i].bit & 1;
        /* A processor whose transactions always abort says so elsewhere. */
        return has || (!strcmp(feature, "rtm") && words[EDX] >> 11 & 1);
    }
    return -1;
}
