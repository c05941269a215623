/* How other decoders read a string of bytes: Zydis, LLVM's disassembler, binutils' objdump. */
#ifndef LIND_TEST_DECODERS_H
#define LIND_TEST_DECODERS_H

#include <stddef.h>
#include <stdint.h>

enum { DECODERS_COUNT = 3, READING_TEXT_MAX = 96 };

/* One decoder's reading of the first instruction. */
struct reading {
    const char *decoder;
    unsigned length; /* 0: it takes the bytes for no instruction */
    char text[READING_TEXT_MAX];
    /* The registers that the text names, segments included, as one number; not compared for objdump
     * and for nops (of which Zydis names registers that nobody looks at). */
    uint64_t registers;
    int compare_registers;
};

/* Reads the first instruction of `bytes`, of which `size` are there. */
void decoders_read(const uint8_t *bytes, size_t size, struct reading readings[DECODERS_COUNT]);

/* Do the decoders differ on whether the bytes are an instruction, on its length or on its
 * registers? */
int decoders_differ(const struct reading readings[DECODERS_COUNT]);

/* A branch as Intel's and as AMD's processors are documented to read it; length 0: it is none. */
struct branch_reading {
    unsigned length;
    int relative;
    int64_t displacement;
};
void decoders_read_branch(const uint8_t *bytes, size_t size, struct branch_reading *intel,
                          struct branch_reading *amd);

/* The length of Zydis's reading alone, 0 for none: quick. */
unsigned decoders_length(const uint8_t *bytes, size_t size);

#endif
