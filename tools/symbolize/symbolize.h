/* lind-symbolize: names and backtraces of programs built by lind-cc.
 *
 * The program's file is hostile. main.c maps it, then gives up every right but that of writing its
 * output (confine.c), and only then are ELF and DWARF parsed, by libelf and libdw (program.c).
 * backtrace.c walks the stack of a crash described by lind-run (microvisor/proc/report.h). */
#ifndef LIND_SYMBOLIZE_H
#define LIND_SYMBOLIZE_H

#include <stddef.h>
#include <stdint.h>

/* Where the DWARF numbering of x86-64's registers puts these. */
enum { REG_FRAME = 6, REG_STACK = 7, REG_RETURN = 16, REGISTER_COUNT = 17 };

/* Registers of one frame. Addresses in the window are window offsets. */
struct frame {
    uint64_t value[REGISTER_COUNT]; /* [REG_RETURN]: the program counter */
    uint32_t known;                 /* bit n: value[n] is known */
};

/* Words of a stack, at window offset `start`. */
struct stack {
    const uint8_t *bytes;
    uint64_t start, size;
};

struct program;

/* confine.c: gives up what is not needed any more; see there. whole_run: also bounds the time by
 * the clock. Returns 0 or -1. */
int confine(size_t file_size, int whole_run);

/* program.c. `image` is the whole file, kept by the caller. Returns NULL with *why set when it is
 * no ELF file for x86-64. */
struct program *program_open(char *image, size_t size, const char **why);

/* Whether a file address is in executable code. */
int program_is_code(const struct program *program, uint64_t address);

/* Reads 8 bytes of code in front of a file address. Returns 0, or -1 where there are none. */
int program_code_before(const struct program *program, uint64_t address, uint8_t code[8]);

/* The function symbol that covers a file address; NULL when none does. *offset is the distance from
 * its start. */
const char *program_symbol(const struct program *program, uint64_t address, uint64_t *offset);

/* One place in the source; strings live as long as the program, "" and 0 where unknown. */
struct place {
    const char *function; /* NULL when unknown */
    const char *file;     /* relative to the directory of compilation where it lies beneath */
    int line;
    int inlined; /* the next place is where this one was inlined */
};

/* Fills places, innermost first, for a file address. Returns how many, at most max, at least 1. */
size_t program_places(struct program *program, uint64_t address, struct place *places, size_t max);

/* Steps from a frame to its caller's by call frame information. `at` is the file address to look
 * up, `bias` what window offsets have more than file addresses. Returns 0, or -1 when there is none
 * for this address or it needs what is not in the snapshot. */
int program_unwind(struct program *program, uint64_t at, const struct stack *stack,
                   struct frame *frame);

/* backtrace.c: reads a description from descriptor 0 into memory, before the confinement. Returns 0
 * or -1. */
struct crash;
struct crash *crash_read(void);

/* Prints the answer to the description. */
void crash_print(const struct crash *crash, struct program *program);

/* Eight bytes of the stack at a window offset. Returns 0, or -1 when they are not in the snapshot.
 */
int stack_word(const struct stack *stack, uint64_t offset, uint64_t *value);

/* output.c: formatted text to descriptor 1, in whole lines; needs no libc stream. */
void out(const char *format, ...) __attribute__((format(printf, 1, 2)));
void out_flush(void);

#endif
