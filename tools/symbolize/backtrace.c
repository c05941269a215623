/* The stack of a crash: from the description that lind-run writes (microvisor/proc/report.h) to
 * lines of text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "microvisor/proc/report.h"
#include "tools/symbolize/symbolize.h"

enum { FRAMES_MAX = 64, PLACES_MAX = 16, GUESS_WORDS = 512, HEADER_MAX = 4096 };

struct crash {
    char name[512];
    uint64_t start; /* window offset of file address 0 */
    int wild;       /* frame's program counter is no code */
    struct frame frame;
    struct stack stack;
    uint8_t bytes[HEADER_MAX + REPORT_STACK_MAX + 1];
};

/* Registers' names, in the order of their DWARF numbers. */
static const char *const registers[REGISTER_COUNT] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi",
                                                      "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                                      "r12", "r13", "r14", "r15", "rip"};

static void crash_field(struct crash *crash, const char *name, const char *value)
{
    uint64_t number = strtoull(value, NULL, 0);
    if (strcmp(name, "name") == 0)
        snprintf(crash->name, sizeof crash->name, "%s", value);
    else if (strcmp(name, "start") == 0)
        crash->start = number;
    else if (strcmp(name, "wild") == 0)
        crash->wild = number != 0;
    for (size_t i = 0; i < REGISTER_COUNT; i++)
        if (strcmp(name, registers[i]) == 0) {
            crash->frame.value[i] = number;
            crash->frame.known |= 1U << i;
        }
}

struct crash *crash_read(void)
{
    struct crash *crash = calloc(1, sizeof *crash);
    if (!crash)
        return NULL;
    size_t size = 0, room = sizeof crash->bytes - 1;
    while (size < room) {
        ssize_t got = read(0, crash->bytes + size, room - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        size += (size_t)got;
    }

    char *line = (char *)crash->bytes, *end;
    int first = 1;
    while ((end = strchr(line, '\n')) && end != line) {
        *end = 0;
        char *value = strchr(line, ' ');
        if (first && strcmp(line, REPORT_VERSION) != 0)
            goto bad;
        first = 0;
        if (!value)
            goto bad;
        *value++ = 0;
        crash_field(crash, line, value);
        if (strcmp(line, "stack") == 0)
            crash->stack.start = strtoull(value, NULL, 0);
        line = end + 1;
    }
    if (!end || first)
        goto bad;
    crash->stack.bytes = (uint8_t *)end + 1;
    crash->stack.size = (uint64_t)(crash->bytes + size - crash->stack.bytes);
    return crash;
bad:
    free(crash);
    return NULL;
}

int stack_word(const struct stack *stack, uint64_t offset, uint64_t *value)
{
    uint64_t at = (uint32_t)offset - stack->start;
    if ((uint32_t)offset < stack->start || stack->size < sizeof *value ||
        at > stack->size - sizeof *value)
        return -1;
    memcpy(value, stack->bytes + at, sizeof *value);
    return 0;
}

/* Prints "function (file:line)", or what of it is known. */
static void print_place(const struct crash *crash, const struct place *place, uint64_t address,
                        const char *symbol, uint64_t offset)
{
    if (symbol)
        out("%.200s+0x%llx", symbol, (unsigned long long)offset);
    else if (place->function)
        out("%.200s", place->function);
    else
        out("%.200s+0x%llx", crash->name, (unsigned long long)address);
    if (*place->file && place->line > 0)
        out(" (%.500s:%d)", place->file, place->line);
    else if (*place->file)
        out(" (%.500s)", place->file);
}

/* A function's name that DWARF and symbol table agree on is printed with the symbol's offset. */
static void print_frame(const struct crash *crash, struct program *program, unsigned *number,
                        uint64_t address, uint64_t look, const char *note)
{
    struct place places[PLACES_MAX];
    uint64_t offset = 0;
    size_t count = program_places(program, look, places, PLACES_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *symbol = i + 1 == count ? program_symbol(program, look, &offset) : NULL;
        out("#%-2u 0x%08llx ", (*number)++, (unsigned long long)address);
        print_place(crash, &places[i], address, symbol, offset + (address - look));
        out("%s\n", places[i].inlined ? ", inlined in" : note);
    }
}

static void print_headline(const struct crash *crash, struct program *program, const char *words,
                           uint64_t look)
{
    struct place place[1];
    program_places(program, look, place, 1);
    out("%s ", words);
    print_place(crash, place, look, NULL, 0);
    out("\n");
}

/* Whether code shortly before an address pushes it, as calls do (docs/sfi.md 3): `leaq ADDRESS(%rip),%r11; pushq %r11`. */
static int is_pushed(const struct program *program, uint64_t address)
{
    enum { REACH = 96 }; /* the jump may be a group behind a load, each in a bundle of its own */
    uint8_t code[8];
    int32_t distance;
    for (uint64_t end = address; end + REACH > address && !program_code_before(program, end, code); end--) {
        memcpy(&distance, code + 2, sizeof distance);
        if (code[0] == 0x8d && code[1] == 0x1d && code[6] == 0x41 && code[7] == 0x53 &&
            end - 2 + (uint64_t)(int64_t)distance == address)
            return 1;
    }
    return 0;
}

/* Whether a word is where a call would return to. */
static int is_return(const struct crash *crash, const struct program *program, uint64_t word)
{
    uint8_t code[8];
    static const uint8_t indirect[] = {0x41, 0xff, 0xd3}; /* callq *%r11 */
    uint64_t address = word - crash->start;
    if (word < crash->start || word >> 32 || program_code_before(program, address, code))
        return 0;
    return code[3] == 0xe8 || memcmp(code + 5, indirect, sizeof indirect) == 0 || is_pushed(program, address);
}

/* Finds the caller where there is no call frame information: at the top of the stack, by the frame
 * pointer, or the next word that is a return address. */
static int guess(const struct crash *crash, const struct program *program, struct frame *frame)
{
    uint64_t at = frame->value[REG_STACK], word, saved;
    uint64_t pointer = frame->value[REG_FRAME];
    int found = stack_word(&crash->stack, at, &word) == 0 && is_return(crash, program, word);
    if (!found && frame->known & 1U << REG_FRAME && pointer >= at &&
        stack_word(&crash->stack, pointer, &saved) == 0 &&
        stack_word(&crash->stack, pointer + 8, &word) == 0 && is_return(crash, program, word)) {
        at = pointer + 8;
        frame->value[REG_FRAME] = saved;
        found = 1;
    }
    for (unsigned i = 0; !found && i < GUESS_WORDS; i++) {
        at += 8;
        if (stack_word(&crash->stack, at, &word))
            return -1;
        found = is_return(crash, program, word);
    }
    if (!found)
        return -1;
    frame->value[REG_STACK] = at + 8;
    frame->value[REG_RETURN] = word;
    return 0;
}

/* The registers that a signal interrupted: at its handler's return, the stack pointer is at Linux'
 * struct ucontext. */
static int leave_signal(const struct crash *crash, struct frame *frame)
{
    enum { CONTEXT_REGISTERS = 40 };
    static const uint8_t order[] = {
        8, 9, 10, 11, 12, 13, 14, 15, 5, /* r8 … r15, rdi, */
        4, 6, 3,  1,  0,  2,  7,  16};   /* rsi, rbp, rbx, rdx, rax, rcx, rsp, rip */
    uint64_t at = frame->value[REG_STACK] + CONTEXT_REGISTERS;
    struct frame interrupted = {.known = (1U << REGISTER_COUNT) - 1};
    for (size_t i = 0; i < sizeof order; i++)
        if (stack_word(&crash->stack, at + 8 * i, &interrupted.value[order[i]]))
            return -1;
    interrupted.value[REG_STACK] = (uint32_t)interrupted.value[REG_STACK];
    interrupted.value[REG_RETURN] = (uint32_t)interrupted.value[REG_RETURN];
    *frame = interrupted;
    return 0;
}

/* Whether a return address is that of a signal handler: code that makes the call rt_sigreturn. */
static int is_restorer(const struct program *program, uint64_t address)
{
    static const uint8_t quad[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0}, word[] = {0xb8, 15, 0, 0, 0};
    uint8_t code[8];
    return program_code_before(program, address + sizeof code, code) == 0 &&
           (memcmp(code, quad, sizeof quad) == 0 || memcmp(code, word, sizeof word) == 0);
}

/* Frames from `frame` on. exact: its program counter is that of an instruction, not behind a call.
 */
static void walk(const struct crash *crash, struct program *program, struct frame frame, int exact,
                 unsigned number)
{
    const char *note = "";
    while (number < FRAMES_MAX) {
        uint64_t address = frame.value[REG_RETURN] - crash->start, before = frame.value[REG_STACK];
        if (!exact && is_restorer(program, address)) {
            out("#%-2u <signal handler called>\n", number++);
            if (leave_signal(crash, &frame))
                return;
            exact = 1;
            continue;
        }
        uint64_t look = exact ? address : address - 1;
        if (frame.value[REG_RETURN] < crash->start || !program_is_code(program, look)) {
            if (frame.value[REG_RETURN])
                out("#%-2u 0x%08llx outside of the program's code (window offset)\n", number,
                    (unsigned long long)frame.value[REG_RETURN]);
            return;
        }
        print_frame(crash, program, &number, address, look, note);
        note = "";
        exact = 0;
        if (program_unwind(program, look, &crash->stack, &frame)) {
            note = ", guessed";
            if (guess(crash, program, &frame))
                return;
        }
        if (frame.value[REG_STACK] <= before || frame.value[REG_RETURN] == 0)
            return;
    }
    out("and more\n");
}

/* After a jump to where there is no code: who made it? */
static void print_wild(const struct crash *crash, struct program *program)
{
    struct frame frame = crash->frame;
    uint64_t top = frame.value[REG_STACK], target = frame.value[REG_RETURN], word;
    int called = stack_word(&crash->stack, top, &word) == 0 && is_return(crash, program, word);
    if (called)
        print_headline(crash, program, ", called from", word - crash->start - 1);
    else if (stack_word(&crash->stack, top - 8, &word) == 0 &&
             (((uint32_t)word + LIND_BUNDLE_SIZE - 1) & -(uint32_t)LIND_BUNDLE_SIZE) == target)
        out(", a return address that was overwritten\n");
    else
        out("\n");
    out("#0  0x%08llx no code (window offset)\n", (unsigned long long)target);
    if (guess(crash, program, &frame) == 0)
        walk(crash, program, frame, 0, 1);
}

void crash_print(const struct crash *crash, struct program *program)
{
    uint64_t address = crash->frame.value[REG_RETURN] - crash->start;
    if (crash->wild || crash->frame.value[REG_RETURN] < crash->start ||
        !program_is_code(program, address)) {
        print_wild(crash, program);
        return;
    }
    print_headline(crash, program, " in", address);
    walk(crash, program, crash->frame, 1, 0);
}
