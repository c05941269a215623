/* Does the processor access memory as the instruction table says? Runs each allowed instruction
 * that has d(%rsp) as its operand, in many states of flags, vector registers, masks of exceptions,
 * counts and immediates:
 *  - with %rsp in unmapped memory: unless the table says `maybe`, it must fault there (an anchor of
 *    R5 that does not access its operand would let %rsp run away);
 *  - with the operand's last byte the last of a page: it must not fault, so it is not wider than
 * the table says; one byte further, it must, unless the table says `maybe`. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "rt/verify/decode.h"

enum { PAGE = 4096, STRING_MAX = 32, STATES = 32, FAILURES_MAX = 20, XSAVE_HEADER = 512 };

/* Bits of a state. */
enum { STATE_FLAGS = 1, STATE_ONES = 2, STATE_UNMASKED = 4, STATE_COUNT = 8, STATE_IMMEDIATE = 16 };

/* How a run ended. */
enum ending { ENDED, PAGE_FAULT, PROTECTION_FAULT, UNDEFINED };

static uint8_t *code, *page; /* behind the page, and on, nothing is mapped */
static ucontext_t home;      /* where the program goes on after a run */
static struct {
    uint64_t rsp;
    unsigned state;
    int running;
    enum ending ending;
    uint64_t address;
} run;

static unsigned forms_run, always, skipping, undefined, failures;

static void begin(ucontext_t *context)
{
    greg_t *registers = context->uc_mcontext.gregs;
    fpregset_t vectors = context->uc_mcontext.fpregs;
    memset(registers, 0, REG_R15 * sizeof *registers);
    static const int general[] = {REG_RAX, REG_RDX, REG_RBX, REG_RBP, REG_RSI, REG_RDI, REG_R8,
                                  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    for (unsigned i = 0; i < sizeof general / sizeof *general; i++)
        registers[general[i]] = 0;
    registers[REG_RCX] = run.state & STATE_COUNT ? 1 : 0;
    registers[REG_RSP] = (greg_t)run.rsp;
    registers[REG_RIP] = (greg_t)code;
    registers[REG_EFL] = run.state & STATE_FLAGS ? 0xad7 : 0x202;
    memset(vectors->_xmm, run.state & STATE_ONES ? 0xff : 0, sizeof vectors->_xmm);
    vectors->cwd = run.state & STATE_UNMASKED ? 0x340 : 0x37f;
    vectors->swd = vectors->ftw = 0;
    vectors->mxcsr = run.state & STATE_UNMASKED ? 0 : 0x1f80;
    ((uint64_t *)vectors)[XSAVE_HEADER / 8] |= 3; /* x87 and SSE state are not the initial ones */
}

static void stopped(int number, siginfo_t *info, void *arg)
{
    ucontext_t *context = arg;
    if (run.running == 0) { /* main asks for a run */
        home = *context;
        run.running = 1;
        begin(context);
        return;
    }
    run.running = 0;
    run.address = (uint64_t)info->si_addr;
    run.ending = number == SIGILL                                    ? UNDEFINED
                 : number == SIGSEGV && info->si_code == SEGV_MAPERR ? PAGE_FAULT
                 : number == SIGSEGV && info->si_code == SEGV_ACCERR ? PAGE_FAULT
                 : number == SIGSEGV                                 ? PROTECTION_FAULT
                                                                     : ENDED;
    fpregset_t vectors = context->uc_mcontext.fpregs;
    memcpy(context->uc_mcontext.gregs, home.uc_mcontext.gregs, sizeof home.uc_mcontext.gregs);
    vectors->cwd = 0x37f;
    vectors->swd = vectors->ftw = 0;
    vectors->mxcsr = 0x1f80;
}

/* Runs the code with %rsp and in that state. */
static enum ending execute(const void *rsp, unsigned state)
{
    run.rsp = (uint64_t)rsp;
    run.state = state;
    __asm__ volatile("int3" : : : "memory");
    return run.ending;
}

static void fail(const uint8_t *bytes, unsigned length, unsigned state, const char *what)
{
    if (++failures > FAILURES_MAX)
        return;
    for (unsigned i = 0; i < length; i++)
        printf("%02x ", bytes[i]);
    printf(": %s (state %u)\n", what, state);
}

/* The instruction's immediate, if it has one, and int3 behind it. */
static void place(const uint8_t *bytes, const struct insn *insn, unsigned state)
{
    unsigned length = (unsigned)(insn->end - bytes);
    memset(code, 0xcc, 64);
    memcpy(code, bytes, length);
    if (!(insn->form->flags & FORM_IS4))
        memset(code + length - insn->immediate_size, state & STATE_IMMEDIATE ? 0xff : 0,
               insn->immediate_size);
}

static void check(const uint8_t *bytes, const struct insn *insn)
{
    unsigned length = (unsigned)(insn->end - bytes), width = insn_width(insn), skipped = 0;
    int maybe = (insn->form->flags & FORM_MAYBE) != 0;
    int pushes = insn->form->class == CLASS_PUSH || insn->form->class == CLASS_POP;
    uint8_t *nowhere = page + 8 * PAGE, *last = page + PAGE - width;
    forms_run++;
    for (unsigned state = 0; state < STATES; state++) {
        place(bytes, insn, state);
        enum ending ending = execute(nowhere, state);
        if (ending == UNDEFINED) { /* this processor does not have it */
            undefined++;
            return;
        }
        if (ending != PAGE_FAULT || run.address - (uint64_t)(nowhere - 8) >= 8 + width)
            skipped++;
        if (skipped && !maybe)
            fail(bytes, length, state, "does not access its operand");
        if (pushes)
            continue;
        if (execute(last, state) == PAGE_FAULT)
            fail(bytes, length, state, "accesses more than the table says");
        ending = execute(last + 1, state);
        if (ending != PAGE_FAULT && ending != PROTECTION_FAULT && !maybe)
            fail(bytes, length, state, "accesses less than the table says");
    }
    skipping += skipped != 0;
    always += skipped == 0;
}

/* With all values of ModRM.reg, and the operand 0(%rsp). `bytes` holds `at` bytes up to the opcode.
 */
static void walk_modrm(uint8_t *bytes, unsigned at)
{
    for (unsigned reg = 0; reg < 8; reg++) {
        struct insn insn;
        memset(bytes + at, 0, STRING_MAX - at);
        bytes[at] = (uint8_t)(0x44 | reg << 3);
        bytes[at + 1] = 0x24;
        if (decode(bytes, &insn) || !(insn.form->flags & FORM_MODRM) ||
            insn.address != ADDRESS_RSP || insn.form->flags & FORM_NO_ACCESS ||
            insn.form->class == CLASS_INDIRECT || insn.form->class == CLASS_TRAP)
            continue;
        check(bytes, &insn);
        if (insn.form->rex_memory & REX_R) /* a register: the others are alike */
            return;
    }
}

static void walk(void)
{
    static const uint8_t prefixes[][3] = {{0},       {1, 0x66},       {1, 0xf3},
                                          {1, 0xf2}, {2, 0x66, 0xf3}, {2, 0x66, 0xf2}};
    uint8_t bytes[STRING_MAX] = {0};
    for (unsigned n = 0; n < 4 * sizeof prefixes / sizeof *prefixes; n++)
        for (unsigned opcode = 0; opcode < 4 * 256; opcode++) {
            const uint8_t *prefix = prefixes[n / 4];
            unsigned at = prefix[0], map = opcode >> 8;
            memcpy(bytes, prefix + 1, at);
            if (n & 1)
                bytes[at++] = 0x48;
            if (n & 2) { /* LOCK goes before REX */
                if (prefix[0] == 2 || (prefix[0] == 1 && prefix[1] != 0x66))
                    continue;
                memmove(bytes + prefix[0] + 1, bytes + prefix[0], n & 1);
                bytes[prefix[0]] = 0xf0;
                at++;
            }
            if (map)
                bytes[at++] = 0x0f;
            if (map > 1)
                bytes[at++] = map == 2 ? 0x38 : 0x3a;
            bytes[at++] = (uint8_t)opcode;
            walk_modrm(bytes, at);
        }
    for (unsigned n = 0; n < 3 * 256 * 16; n++) {
        unsigned map = n >> 12, opcode = n & 0xff, fields = n >> 8 & 15;
        /* Three bytes: W, L and the prefix. Two do in the first map, without W. */
        bytes[0] = 0xc4;
        bytes[1] = (uint8_t)(0xe0 | (map + 1));
        bytes[2] = (uint8_t)((fields & 8) << 4 | 0x78 | (fields & 7));
        bytes[3] = (uint8_t)opcode;
        if (map == 0 && !(fields & 8)) {
            bytes[0] = 0xc5;
            bytes[1] = (uint8_t)(0xf8 | fields);
            bytes[2] = (uint8_t)opcode;
        }
        walk_modrm(bytes, map == 0 && !(fields & 8) ? 3 : 4);
    }
}

int main(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
    struct sigaction action = {.sa_sigaction = stopped,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    page = mmap(NULL, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == MAP_FAILED || page == MAP_FAILED || !stack.ss_sp || sigaltstack(&stack, NULL) ||
        mprotect(page, PAGE, PROT_READ | PROT_WRITE)) {
        perror("accesses");
        return 2;
    }
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
    walk();
    printf("%u instructions, %u access their operand always, %u not, %u unknown to this processor, "
           "%u failures\n",
           forms_run, always, skipping, undefined, failures);
    return failures != 0 || always < 500 || skipping == 0;
}
