/* Threads that run cage code, and the cage as the mechanism sees it: a window with a table of
 * handlers.
 *
 * A thread of a cage is a host thread with a struct thread. It runs either cage code or trusted
 * code; for both %gs has the window's base and %fs that of the C library's thread control block.
 * Cage code reaches trusted code through the gate (rt/gate.S) or by a fault or host signal
 * (rt/fault.c); in each case the cage's registers are in thread->regs, and the way back is the
 * gate's exit, where `pending` is looked at. What POSIX makes of calls, faults and signals is the
 * business of the layer above, which installs struct rt_upcalls. */
#ifndef LIND_THREAD_H
#define LIND_THREAD_H

/* The word at %fs that tells the gate which thread this is: in the C library's thread control block
 * one that this process has no use for. musl's `dtv` is for shared objects, and the runtime is
 * linked statically; glibc's is for transactional memory. */
#include <features.h>
#ifdef __GLIBC__
#define HOST_THREAD 0x50
#else
#define HOST_THREAD 0x8
#endif

/* Offsets used by gate.S; checked against the struct below. */
#define THREAD_BASE 0
#define THREAD_HOST_STACK 8
#define THREAD_HANDLERS 16
#define THREAD_PENDING 24
#define THREAD_COLD 28
#define THREAD_XSAVE 32
#define THREAD_REGS 64
#define THREAD_LEAVE 216
#define REGISTER_RAX 0
#define REGISTER_RDI 8
#define REGISTER_RSI 16
#define REGISTER_RDX 24
#define REGISTER_R10 32
#define REGISTER_R8 40
#define REGISTER_R9 48
#define REGISTER_RBX 56
#define REGISTER_RBP 64
#define REGISTER_R12 72
#define REGISTER_R13 80
#define REGISTER_R14 88
#define REGISTER_R15 96
#define REGISTER_RCX 104
#define REGISTER_R11 112
#define REGISTER_RSP 120
#define REGISTER_RIP 128
#define REGISTER_FLAGS 136
#define REGISTER_NUMBER 144

/* Calls with numbers below this have an entry in the handler table. */
#define HANDLER_TABLE_SIZE 512

/* Bits of thread->pending. Any bit makes the gate's exit take the slow way. */
#define PENDING_REGS 1  /* regs were changed as a whole: restore every register from them */
#define PENDING_FAULT 2 /* thread->fault holds a fault of cage code */
#define PENDING_SIGNAL                                                                             \
    4 /* the upper layer has something to deliver (set from any thread or signal handler) */
#define PENDING_VECTORS                                                                            \
    8 /* thread->xsave was changed: load the vector state from it instead of keeping the current   \
         one */

/* Of each thread's stack for host signals, in bytes; a power of two. */
#define SIGNAL_STACK_SIZE 65536

#ifndef __ASSEMBLER__
#include <setjmp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "rt/abi.h"
#include "rt/lock.h"

/* Of functions that run with a cage's vector registers in sanitizer builds, too. */
#ifdef __clang__
#define NO_SANITIZER __attribute__((disable_sanitizer_instrumentation))
#else
#define NO_SANITIZER __attribute__((no_sanitize("address", "undefined", "thread")))
#endif

/* The general registers but %rsp, in the order in which people read them. */
#define GENERAL_REGISTERS(X)                                                                       \
    X(rax, RAX)                                                                                    \
    X(rbx, RBX) X(rcx, RCX) X(rdx, RDX) X(rsi, RSI) X(rdi, RDI) X(rbp, RBP) X(r8, R8) X(r9, R9)    \
        X(r10, R10) X(r11, R11) X(r12, R12) X(r13, R13) X(r14, R14) X(r15, R15)

/* A cage's registers while its thread is in trusted code. rip and rsp are window offsets. */
struct registers {
    uint64_t rax;                        /* at entry: the call's number; at exit: its result */
    uint64_t rdi, rsi, rdx, r10, r8, r9; /* in this order: a call's arguments */
    uint64_t rbx, rbp, r12, r13, r14, r15;
    uint64_t rcx, r11; /* meaningful after a fault or signal, not after a call */
    uint64_t rsp, rip;
    uint64_t flags;
    uint64_t number; /* the call's number, kept for restarting; -1 after a fault or signal */
};

struct thread;

/* A call's implementation. args are the six arguments in the thread's saved registers (already one
 * private copy). data: what the handler table's entry says. Returns the call's result or -errno. */
typedef long handler_function(struct thread *thread, const uint64_t args[6], void *data);

/* One entry of a cage's handler table. */
struct handler {
    handler_function *function;
    void *data;
};

/* Runs (long (*)(struct thread *, const uint64_t *)) data with the cage's vector registers kept:
 * for functions that use the host's libc (but nothing of it that uses x87, so no floating point
 * formats). */
handler_function handler_cold;

/* A fault of cage code, as the host reported it. */
struct fault {
    int signal;       /* SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGTRAP */
    int code;         /* si_code */
    uint64_t address; /* si_addr as a window offset where it lies in the window, otherwise the
                         host's value cut to 0 */
    uint64_t error;   /* the page fault's error code, trap number in the upper half */
};

/* Verified text in a window: what a program counter may be. Made by image_verify, shared and given
 * up by text_share and text_release (rt/load.h). */
struct text {
    uint64_t start, end; /* window offsets of the executable segment */
    uint64_t *targets;   /* bitmap of legal branch targets, bit 0 is start (rt/verify/verify.h) */
};

enum { HOST_RANGES = 4 };

struct thread {
    uint64_t base;            /* of the window it runs in */
    uint64_t host_stack;      /* top of its stack for trusted code, 16-aligned */
    struct handler *handlers; /* table of its cage, HANDLER_TABLE_SIZE entries */
    _Atomic uint32_t pending;
    uint32_t cold;  /* trusted code runs that may use vector registers: the cage's are kept */
    uint8_t *xsave; /* 64-aligned area of xsave_size() bytes, standard format */
    struct thread *next, **link; /* in the list of its window; link is NULL outside of any */
    uint64_t pointer;            /* the cage's thread pointer, as it set it */
    struct registers regs;
    uint64_t leave[8]; /* callee-saved registers of thread_enter's caller */
    struct fault fault;
    const struct text *text;
    void *signal_stack;  /* SIGNAL_STACK_SIZE bytes, aligned to its size; its first word points back
                            here */
    _Atomic int host_id; /* the host's thread id, 0 before start and after exit */
    /* What the host's kernel was last told to write to: first page << 32 | page behind the last.
     * More than one call uses at once, the oldest overwritten first. */
    _Atomic uint64_t host_ranges[HOST_RANGES];
    uint32_t host_ranges_count;
};

_Static_assert(offsetof(struct thread, base) == THREAD_BASE, "gate.S");
_Static_assert(offsetof(struct thread, host_stack) == THREAD_HOST_STACK, "gate.S");
_Static_assert(offsetof(struct thread, handlers) == THREAD_HANDLERS, "gate.S");
_Static_assert(offsetof(struct thread, pending) == THREAD_PENDING, "gate.S");
_Static_assert(offsetof(struct thread, cold) == THREAD_COLD, "gate.S");
_Static_assert(offsetof(struct thread, xsave) == THREAD_XSAVE, "gate.S");
_Static_assert(offsetof(struct thread, regs) == THREAD_REGS, "gate.S");
_Static_assert(offsetof(struct thread, leave) == THREAD_LEAVE, "gate.S");
_Static_assert(offsetof(struct registers, rbx) == REGISTER_RBX, "gate.S");
_Static_assert(offsetof(struct registers, rcx) == REGISTER_RCX, "gate.S");
_Static_assert(offsetof(struct registers, rsp) == REGISTER_RSP, "gate.S");
_Static_assert(offsetof(struct registers, flags) == REGISTER_FLAGS, "gate.S");
_Static_assert(offsetof(struct registers, number) == REGISTER_NUMBER, "gate.S");

/* Calls each() with the host_ranges of all threads that run in the window at base. COLD. */
void thread_each_range(uint64_t base, void (*each)(uint64_t range, void *data), void *data);

/* What the layer above provides. Installed once, before the first thread starts. */
struct rt_upcalls {
    /* Called on the way back to cage code while thread->pending has PENDING_FAULT or PENDING_SIGNAL
     * set, with the cage's whole vector and x87 state in thread->xsave, from which it is loaded
     * afterwards. It clears the bits that it served and may
     * change regs, xsave, or end the thread (thread_leave). All registers are loaded from regs
     * after it. A call that changes regs other than rax sets PENDING_REGS; one that fills xsave
     * (rt_sigreturn, execve) sets PENDING_VECTORS too. */
    void (*pending)(struct thread *thread);
    /* A call whose number has no entry in the table. Runs like a cold handler. */
    long (*unknown)(struct thread *thread, const uint64_t args[6]);
    /* A host signal that is no fault of cage code arrived; in a signal handler. What it notes for
     * later it announces with PENDING_SIGNAL. */
    void (*host_signal)(struct thread *thread, int signal, const void *siginfo);
    /* A page that exists was accessed against its protection, by cage code or by copyin and the
     * like; in a signal handler. Returns whether the access is to be done again. */
    int (*page_fault)(uint64_t address, int write);
    /* The host's kernel is about to access a range of the window at base. */
    void (*host_access)(uint64_t base, uint64_t offset, uint64_t length, int write);
};
extern struct rt_upcalls rt_upcalls;

/* Prepares the runtime in this process: checks the CPU and kernel (XSAVE), installs the
 * host's fault handlers. Returns 0, or -errno with *why set to words for the user. */
int rt_start(const char **why);

/* Bytes of an xsave area on this CPU, and the state components (XCR0 bits) that it covers. */
size_t xsave_size(void);
uint64_t xsave_components(void);

/* Readies a zeroed thread structure: signal stack, xsave area with the initial state. Returns 0 or
 * -ENOMEM. */
int thread_prepare(struct thread *thread);
void thread_dispose(struct thread *thread);

/* All registers, vector state included, as a new program has them; rip and rsp are 0. */
void thread_reset(struct thread *thread);

/* Runs cage code on this host thread from thread->regs on (all registers are loaded from there),
 * until thread_leave. From then until thread_forget it counts as one that runs in its window. */
void thread_enter(struct thread *thread);

/* Copies the vector and x87 state that the CPU holds to thread->xsave. For hot handlers, which run
 * with the cage's. */
void thread_save_vectors(struct thread *thread);

/* Ends thread_enter on this thread: returns from it. May be called from handlers and upcalls. */
_Noreturn void thread_leave(struct thread *thread);

/* Sets the thread pointer that cage code loads (docs/sfi.md 1). Returns 0, or -EPERM beyond the
 * window. Only for the calling thread, or one not yet started. */
int thread_set_pointer(struct thread *thread, uint64_t pointer);

/* Before its window is left or given to others. */
void thread_forget(struct thread *thread);

/* Whether offset may be a program counter: a verified branch target. */
int text_is_target(const struct text *text, uint64_t offset);

#endif
#endif
