/* The frame that a signal handler gets on the cage's stack, as Linux builds it on x86-64, and
 * rt_sigreturn, which takes one back. Every byte of a frame that comes back is the cage's choice
 * (attack row S4): the program counter must be a verified branch target, the stack pointer is cut
 * to the window, flags are filtered, segments ignored, and the vector state is made such that
 * loading it cannot fault. */
#include <errno.h>
#include <string.h>

#include "microvisor/signal/internal.h"
#include "rt/group.h"

/* Frame layout, lowest address first: the restorer's address (where the handler returns to),
 * ucontext, siginfo; above them, 64-aligned, the vector state. */
struct machine_context { /* struct sigcontext */
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip,
        flags;
    uint16_t cs, gs, fs, ss;
    uint64_t error, trap, old_mask, fault_address;
    uint64_t vectors; /* address of the vector state, or 0 */
    uint64_t reserved[8];
};

struct signal_frame {
    uint64_t restorer;
    uint64_t flags, link;
    struct signal_stack stack;
    struct machine_context machine;
    uint64_t mask;
    siginfo_t info;
};
_Static_assert(sizeof(struct machine_context) == 256, "Linux' struct sigcontext");
_Static_assert(sizeof(struct signal_frame) == 8 + 304 + 128, "Linux' struct rt_sigframe");

#define CONTEXT_FLAGS 7 /* UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS */
#define USER_CS 0x33
#define USER_SS 0x2b
#define RED_ZONE 128
#define ACTION_RESTORER 0x04000000UL

/* The vector state in XSAVE's standard format. A cage has no instruction for components beyond AVX,
 * so no frame shows any. */
#define COMPONENT_X87 1ULL
#define COMPONENT_SSE 2ULL
#define COMPONENT_AVX 4ULL
#define VECTORS_MAGIC1 0x46505853U
#define VECTORS_MAGIC2 0x46505845U

struct vectors {
    uint16_t control, status;
    uint8_t x87_head[20];
    uint32_t mxcsr, mxcsr_mask;
    uint8_t x87[128];
    uint8_t xmm[256];
    uint8_t unused[48];
    struct { /* software's bytes: what the frame holds */
        uint32_t magic1, extended_size;
        uint64_t components;
        uint32_t size, padding[7];
    } software;
    uint64_t in_use; /* XSTATE_BV */
    uint64_t header[7];
    uint8_t ymm[256];
    uint32_t magic2;
} __attribute__((aligned(64)));
_Static_assert(offsetof(struct vectors, software) == 464, "FXSAVE area");
_Static_assert(offsetof(struct vectors, in_use) == 512, "XSAVE header");
_Static_assert(offsetof(struct vectors, ymm) == 576, "AVX state");

static uint64_t components(void)
{
    return xsave_components() & (COMPONENT_X87 | COMPONENT_SSE | COMPONENT_AVX);
}

/* Bytes of the state without magic2, which follows it at once. */
static uint32_t vectors_size(void)
{
    return components() & COMPONENT_AVX ? offsetof(struct vectors, magic2)
                                        : offsetof(struct vectors, ymm);
}

/* Copies the thread's state for a frame. XSAVE leaves what is in its initial state unwritten; a
 * frame shows it. */
static void vectors_fill(struct vectors *to, const struct thread *thread)
{
    uint32_t size = vectors_size();
    memset(to, 0, sizeof *to);
    memcpy(to, thread->xsave, size);
    uint64_t in_use = to->in_use & components();
    if (!(in_use & COMPONENT_X87)) {
        memset(to, 0, offsetof(struct vectors, mxcsr));
        memset(to->x87, 0, sizeof to->x87);
        to->control = 0x37f;
    }
    if (!(in_use & COMPONENT_SSE))
        memset(to->xmm, 0, sizeof to->xmm);
    if (!(in_use & COMPONENT_AVX))
        memset(to->ymm, 0, sizeof to->ymm);
    memset(to->unused, 0, sizeof to->unused);
    memset(to->header, 0, sizeof to->header);
    memset(&to->software, 0, sizeof to->software);
    to->in_use = in_use | COMPONENT_X87 | COMPONENT_SSE;
    to->software.magic1 = VECTORS_MAGIC1;
    to->software.extended_size = size + 4;
    to->software.components = components();
    to->software.size = size;
    memcpy((uint8_t *)to + size, &(uint32_t){VECTORS_MAGIC2}, 4);
}

/* Handlers start with the initial vector state. */
static void vectors_reset(struct thread *thread)
{
    struct vectors *state = (struct vectors *)thread->xsave;
    state->in_use = 0;
    state->mxcsr = 0x1f80;
    memset(state->header, 0, sizeof state->header);
}

int signal_frame_build(struct task *task, const struct signal_action *action, const siginfo_t *info,
                       uint64_t old_mask, const struct fault *fault)
{
    struct task_signals *signals = &task->signals;
    struct registers *regs = &task->thread.regs;
    struct vectors vectors;
    uint32_t size = vectors_size();
    uint64_t handler = action->handler;

    if (handler % LIND_BUNDLE_SIZE || !text_is_target(task->thread.text, handler) ||
        !(action->flags & ACTION_RESTORER))
        return -1;

    uint64_t pointer = regs->rsp - RED_ZONE;
    int alternate = signal_stack_holds(task, regs->rsp);
    if ((action->flags & SA_ONSTACK) && signals->stack_size && !alternate) {
        pointer = signals->stack_address + signals->stack_size;
        alternate = 1;
    }
    uint64_t vectors_at = (pointer - (size + 4)) & ~63ULL;
    uint64_t frame_at = ((vectors_at - sizeof(struct signal_frame)) & ~15ULL) - 8;
    /* A frame that would not fit on the alternate stack: writing below it would hit what lies
     * there. */
    if (alternate && !(signals->stack_flags & STACK_AUTODISARM) &&
        !signal_stack_holds(task, frame_at))
        return -1;

    struct signal_frame frame = {.restorer = action->restorer, .flags = CONTEXT_FLAGS};
    frame.stack.address = signals->stack_address;
    frame.stack.flags = signals->stack_flags;
    frame.stack.size = signals->stack_size;
#define COPY(name, unused) .name = regs->name,
    frame.machine = (struct machine_context){
        GENERAL_REGISTERS(COPY)
        .rsp = regs->rsp, .rip = regs->rip, .flags = regs->flags, .cs = USER_CS, .ss = USER_SS,
        .old_mask = old_mask, .vectors = vectors_at};
#undef COPY
    if (fault) {
        frame.machine.error = (uint32_t)fault->error;
        frame.machine.trap = fault->error >> 32;
        frame.machine.fault_address = fault->address;
    }
    frame.mask = old_mask;
    frame.info = *info;
    vectors_fill(&vectors, &task->thread);
    if (task_copyout(task, vectors_at, &vectors, size + 4) ||
        task_copyout(task, frame_at, &frame, sizeof frame))
        return -1;

    if (signals->stack_flags & STACK_AUTODISARM) {
        signals->stack_address = signals->stack_size = 0;
        signals->stack_flags = SS_DISABLE;
    }
    vectors_reset(&task->thread);
    regs->rdi = (uint64_t)info->si_signo;
    regs->rsi = frame_at + offsetof(struct signal_frame, info);
    regs->rdx = frame_at + offsetof(struct signal_frame, flags);
    regs->rax = 0;
    regs->rsp = frame_at;
    regs->rip = handler;
    regs->flags = FLAGS_FIXED | (regs->flags & FLAGS_CAGE);
    regs->number = UINT64_MAX;
    return 0;
}

/* The MXCSR bits of this CPU. Loading others faults. */
static uint32_t mxcsr_mask(void)
{
    struct {
        uint8_t bytes[512];
    } __attribute__((aligned(16))) area;
    uint32_t mask;
    __asm__ volatile("fxsave64 %0" : "=m"(area));
    memcpy(&mask, area.bytes + 28, sizeof mask);
    return mask ? mask : 0xffbf;
}

/* Makes the thread's vector state of the state at window offset `from`, 0 for the initial one.
 * Returns 0 or -EFAULT. */
static int vectors_take(struct task *task, uint64_t from)
{
    struct vectors state;
    struct thread *thread = &task->thread;
    uint32_t size = vectors_size(), magic2;
    if (!from) {
        vectors_reset(thread);
        return 0;
    }
    memset(&state, 0, sizeof state);
    if (task_copyin(task, &state, from, offsetof(struct vectors, in_use)))
        return -EFAULT;
    /* Like Linux: a state that does not say how much it holds is the old one, x87 and SSE. */
    uint64_t in_use = COMPONENT_X87 | COMPONENT_SSE;
    if (state.software.magic1 == VECTORS_MAGIC1 && state.software.size == size &&
        !task_copyin(task, &magic2, from + size, sizeof magic2) && magic2 == VECTORS_MAGIC2) {
        if (task_copyin(task, &state.in_use, from + offsetof(struct vectors, in_use),
                        size - offsetof(struct vectors, in_use)))
            return -EFAULT;
        in_use = state.in_use & components();
    }
    state.mxcsr &= mxcsr_mask();
    state.in_use = in_use;
    memset(state.header, 0, sizeof state.header);
    memcpy(thread->xsave, &state, size);
    return 0;
}

long call_rt_sigreturn(struct task *task, const uint64_t args[6])
{
    struct registers *regs = &task->thread.regs;
    struct signal_frame frame;
    const struct machine_context *machine = &frame.machine;

    /* The handler's return has taken the restorer's address off the stack. */
    if (task_copyin(task, &frame, regs->rsp - 8, sizeof frame))
        goto bad;
    signal_mask_set(task, frame.mask);
    if (!text_is_target(task->thread.text, machine->rip) || vectors_take(task, machine->vectors))
        goto bad;
#define COPY(name, unused) .name = machine->name,
    *regs = (struct registers){
        GENERAL_REGISTERS(COPY)
        .rsp = (uint32_t)machine->rsp, .rip = machine->rip,
        .flags = (machine->flags & FLAGS_CAGE) | FLAGS_FIXED, .number = UINT64_MAX};
#undef COPY
    signal_stack_set(task, &frame.stack, regs->rsp); /* Linux ignores its errors, too */
    atomic_fetch_or(&task->thread.pending, PENDING_REGS | PENDING_VECTORS);
    return (long)regs->rax;
bad:
    task->thread.fault = (struct fault){.signal = SIGSEGV, .code = SI_KERNEL};
    atomic_fetch_or(&task->thread.pending, PENDING_FAULT);
    return 0;
}
