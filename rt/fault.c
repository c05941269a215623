/* The host's signal handler. It decides by the interrupted program counter:
 *
 *   a page that fork has left to be copied        the layer above copies, the access is repeated
 *   in an access to cage memory (copy_access.S)   the access ends early, its caller returns -EFAULT
 *   in the cage's window                          registers go to thread->regs, and the handler
 * returns into the gate's exit in the gate's exit                            the exit starts again
 *   before a blocking call's sleep                the call ends with EINTR
 *   anywhere else, a fault                        a bug of the runtime: report and abort */
#include "rt/fault.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "rt/group.h"
#include "rt/host.h"
#include "rt/thread.h"

extern const char copy_access_start[], copy_access_end[], copy_access_fault[];
extern const char gate_exit[], gate_exit_end[], gate_full[], gate_full_end[], gate_resume[];
extern const char blocking_check[], blocking_call[], blocking_interrupted[];
void signal_restorer(void);

enum { FAULT_WRITE = 2, FAULT_FETCH = 16 }; /* bits of the page fault's error code */

NO_SANITIZER static int within(uint64_t pc, const char *start, const char *end)
{
    return pc >= (uint64_t)start && pc < (uint64_t)end;
}

NO_SANITIZER static int is_fault(int signal, const siginfo_t *info)
{
    return (signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL ||
            signal == SIGTRAP) &&
           info->si_code > 0;
}

/* Async-signal-safe text output for the one message that may come from a broken state. */
static void write_hex(char **at, uint64_t value)
{
    static const char digits[] = "0123456789abcdef";
    for (int shift = 60; shift >= 0; shift -= 4)
        *(*at)++ = digits[value >> shift & 15];
}

static _Noreturn void runtime_bug(int signal, const siginfo_t *info, const ucontext_t *context)
{
    char text[160], *at = text;
    static const char head[] = "lind-run: internal error: the runtime itself faulted: signal ";
    memcpy(at, head, sizeof head - 1);
    at += sizeof head - 1;
    *at++ = (char)('0' + signal / 10);
    *at++ = (char)('0' + signal % 10);
    memcpy(at, " at pc ", 7);
    at += 7;
    write_hex(&at, (uint64_t)context->uc_mcontext.gregs[REG_RIP]);
    memcpy(at, " address ", 9);
    at += 9;
    write_hex(&at, (uint64_t)info->si_addr);
    *at++ = '\n';
    host_call3(SYS_write, 2, text, at - text);
    struct sigaction fallback = {.sa_handler = SIG_DFL};
    sigaction(SIGABRT, &fallback, NULL);
    host_call3(SYS_tgkill, host_call0(SYS_getpid), host_call0(SYS_gettid), SIGABRT);
    host_call1(SYS_exit_group, 134);
    __builtin_unreachable();
}

/* Moves the interrupted cage registers to thread->regs, outside any group, with offsets for rip and
 * rsp. */
static void take_registers(struct thread *thread, const greg_t *g)
{
    struct registers *regs = &thread->regs;
#define TAKE(name, NAME) regs->name = (uint64_t)g[REG_##NAME];
    GENERAL_REGISTERS(TAKE)
#undef TAKE
    regs->rsp = (uint64_t)g[REG_RSP];
    regs->rip = (uint64_t)g[REG_RIP];
    regs->flags = ((uint64_t)g[REG_EFL] & FLAGS_CAGE) | FLAGS_FIXED;
    regs->number = UINT64_MAX;
    group_leave(thread->base, thread->text, regs);
    regs->rsp = (uint32_t)regs->rsp;
    regs->rip = (uint32_t)regs->rip;
}

/* Continues the interrupted thread at the gate's slow exit. The kernel restores its vector
 * registers, which are the cage's, on the way. */
NO_SANITIZER static void resume_at_exit(struct thread *thread, greg_t *g)
{
    g[REG_RBX] = (greg_t)thread;
    g[REG_RSP] = (greg_t)thread->host_stack;
    g[REG_RIP] = (greg_t)gate_resume;
    g[REG_EFL] = FLAGS_FIXED;
}

/* The host's handler for every signal that the runtime takes. It runs on the thread's signal stack,
 * whose aligned base points to the thread. May have interrupted a sanitizer's own code, whose locks
 * it must not take. */
NO_SANITIZER static void signal_entry(int signal, siginfo_t *info, void *data)
{
    ucontext_t *context = data;
    uintptr_t stack = (uintptr_t)__builtin_frame_address(0) & -(uintptr_t)SIGNAL_STACK_SIZE;
    struct thread *thread = *(struct thread **)stack;
    greg_t *g = context->uc_mcontext.gregs;
    uint64_t pc = (uint64_t)g[REG_RIP];
    int fault = is_fault(signal, info);
    int in_cage = pc - thread->base < LIND_WINDOW_SIZE;

    if (signal == SIGSEGV && info->si_code == SEGV_ACCERR && !(g[REG_ERR] & FAULT_FETCH) &&
        rt_upcalls.page_fault &&
        rt_upcalls.page_fault((uint64_t)info->si_addr, (g[REG_ERR] & FAULT_WRITE) != 0))
        return;
    if (fault && within(pc, copy_access_start, copy_access_end)) {
        g[REG_RIP] = (greg_t)copy_access_fault;
        return;
    }
    if (fault && !in_cage)
        runtime_bug(signal, info, context);

    if (fault) {
        uint64_t address = (uint64_t)info->si_addr - thread->base;
        thread->fault.signal = signal;
        thread->fault.code = info->si_code;
        thread->fault.address = address < LIND_WINDOW_SIZE ? address : 0;
        thread->fault.error = (uint32_t)g[REG_ERR] | (uint64_t)g[REG_TRAPNO] << 32;
        atomic_fetch_or(&thread->pending, PENDING_FAULT);
    } else {
        rt_upcalls.host_signal(thread, signal, info);
    }

    if (in_cage) {
        take_registers(thread, g);
        atomic_fetch_or(&thread->pending, PENDING_REGS);
        resume_at_exit(thread, g);
    } else if (within(pc, gate_exit, gate_exit_end) || within(pc, gate_full, gate_full_end)) {
        resume_at_exit(thread, g);
    } else if (pc >= (uint64_t)blocking_check && pc <= (uint64_t)blocking_call &&
               atomic_load(&thread->pending)) {
        g[REG_RIP] = (greg_t)blocking_interrupted;
    }
}

int fault_take_signal(int signal)
{
    enum { RESTORER = 0x04000000 }; /* SA_RESTORER of the kernel, which x86-64 needs */
    const struct {
        void (*handler)(int, siginfo_t *, void *);
        uint64_t flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = {signal_entry, SA_SIGINFO | SA_ONSTACK | RESTORER, signal_restorer, UINT64_MAX};
    /* Not libc's: ThreadSanitizer would call the handler later, on another stack. */
    return (int)host_call4(SYS_rt_sigaction, signal, &action, NULL, sizeof action.mask);
}

int fault_start(const char **why)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        int error = fault_take_signal(faults[i]);
        if (error) {
            *why = "cannot install the handlers of faults";
            return error;
        }
    }
    return 0;
}

int fault_thread_start(struct thread *thread)
{
    /* The first word of the area names the thread and is never used as stack. */
    stack_t stack = {.ss_sp = (uint8_t *)thread->signal_stack + 64,
                     .ss_size = SIGNAL_STACK_SIZE - 64};
    return sigaltstack(&stack, NULL) ? -errno : 0;
}
