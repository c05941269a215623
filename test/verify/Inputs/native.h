/* Runs machine code as a cage would, in a child process of its own, and sees whether it got out. */
#ifndef LIND_TEST_NATIVE_H
#define LIND_TEST_NATIVE_H

#include <stddef.h>
#include <stdint.h>

/* The child's address space. Registers hold OUTSIDE unless told otherwise, so an unmasked access
 * hits a page beyond the window, as does one through %fs with 32 bits of it; one through %gs meets
 * the guard. */
#define NATIVE_WINDOW 0x200000000000ULL
#define NATIVE_OUTSIDE 0x3000ffff0000ULL
#define NATIVE_SECRET 0x5ec2e75ec2e75ec2ULL
#define NATIVE_FS 0x300000000800ULL /* the base of %fs: the trusted thread's control block */
#define NATIVE_GATE 0x4000          /* offsets in the window from here on */
#define NATIVE_TEXT 0x10000
#define NATIVE_TEXT_MAX 0x10000
#define NATIVE_DATA 0x20000   /* 64 KiB; the thread pointer */
#define NATIVE_STACK 0x100000 /* %rsp at the start; 64 KiB around it are mapped */
#define NATIVE_ENTRY 0x380012345000ULL

/* What the code did before it stopped, and how it stopped. */
enum native_effect {
    NATIVE_CONFINED = 0,
    NATIVE_READ = 1,    /* registers or the window's memory depend on what pages outside hold */
    NATIVE_WRITE = 2,   /* a page outside was changed */
    NATIVE_RSP = 4,     /* %rsp is beyond where docs/sfi.md allows it */
    NATIVE_JUMP = 8,    /* it ran or tried to run code outside its text and the gate */
    NATIVE_KERNEL = 16, /* it reached the kernel, or a hypervisor, by itself */
    NATIVE_FLAGS = 32,  /* it left DF, AC, TF or NT set, which trusted code and groups rely on */
    NATIVE_BASE = 64,   /* a segment register has another base or selector */
    NATIVE_PAST = 128,  /* it ran on behind the end of its text */
    /* Registers or memory depend on the gate page's contents (but for %r11 holding the base), or it
     * hit the page. */
    NATIVE_SLOTS = 256,
    /* No harm, but why there is none: the processor itself refused. */
    NATIVE_UNDEFINED = 512,  /* an undefined opcode */
    NATIVE_PROTECTED = 1024, /* a general protection fault: the privilege that it needs */
    NATIVE_REACH = 2048, /* it accessed an address beyond the window and its guards, and faulted */
    /* It ran bytes from the middle of an instruction, or would where another text may be. */
    NATIVE_INSIDE = 4096,
    NATIVE_KEYS = 8192, /* it took away the right to access pages, which trusted code needs, too */
    NATIVE_REFUSED = NATIVE_UNDEFINED | NATIVE_PROTECTED
};

struct native_run {
    const uint8_t *text;
    size_t size;
    uint64_t start;         /* offset in the text at which to start */
    uint64_t registers[16]; /* numbered as in machine code: 4 is %rsp */
    uint64_t flags;         /* status flags to set besides those that are always set */
    int gate_returns;       /* the gate's entry goes back to %r11 at once; it stops otherwise */
    uint64_t fill;          /* what the window's data and stack hold, as 8-byte words */
    /* For each byte of the text, whether the verifier's way of reading it, from the first byte on,
     * meets an instruction there; NULL: NATIVE_INSIDE is not looked for. */
    const uint8_t *starts;
};

/* Fills in the hostile registers. */
void native_prepare(struct native_run *run);

/* Runs it, several times if it must, until one of the `wanted` effects is seen or there are no more
 * ways to look for them. Returns NATIVE_* bits, or -1 with errno. */
int native_execute(const struct native_run *run, int wanted);

/* How one instruction ended. */
struct native_step {
    int signal;       /* SIGTRAP when it was completed */
    uint64_t rip;     /* where it would have gone on */
    uint64_t address; /* of a fault */
    uint64_t digest;  /* of all registers but %rip, of the window and of the pages outside */
};

/* Runs the one instruction at run->start. Returns 0, or -1 with errno. */
int native_step(const struct native_run *run, struct native_step *step);

/* Does a branch with an operand-size prefix cut %rip to 16 bits on this processor, as AMD's do?
 * Found by running one. Returns 1, 0, or -1 with errno. */
int native_cuts_branches(void);

/* Does the processor have the feature of that name? -1: the name is unknown. */
int native_has(const char *feature);

#endif
