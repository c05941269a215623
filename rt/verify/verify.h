/* The verifier: decides whether machine code keeps to docs/sfi.md. The only judge of what may run
 * in a
 * cage.
 *
 * It is a pure function of its arguments: no allocation, no global state, no I/O. Safe on hostile
 * input; the text must not change meanwhile. */
#ifndef LIND_VERIFY_H
#define LIND_VERIFY_H

#include <stddef.h>
#include <stdint.h>

/* One violation of a rule of docs/sfi.md. */
struct verify_fault {
    uint64_t address;     /* module address (not host address) of the instruction at fault */
    const uint8_t *bytes; /* its first byte, inside the text passed in */
    size_t length;        /* how many bytes of it are meaningful, 1 to 15 */
    int rule;             /* 1 for R1, 2 for R2, … */
    const char *message;  /* what is wrong, static storage, no newline */
};

/* A module's layout: addresses are module addresses, as in its program headers. */
struct verify_module {
    const uint8_t *text;   /* the bytes of the executable segment */
    uint64_t text_address; /* where they will be; a multiple of the page size */
    size_t text_size;      /* in bytes, at least 1, at most 1 GiB */
    uint64_t image_start;  /* [start, end) of the module's whole image, text included */
    uint64_t image_end;
    uint64_t gate_address; /* the gate page; a multiple of the page size */
};

struct verify_options {
    /* Called for each fault, may be NULL. First come those of all rules but branches into the
     * middle of
     * something, then these (R6), each in order of address. Return non-zero to stop. */
    int (*report)(void *ctx, const struct verify_fault *fault);
    void *ctx;
    unsigned max_faults; /* stop after so many; 0 means 1 */
};

/* Bytes of bitmap that verify_text needs for a text of that size. */
#define VERIFY_BITMAP_SIZE(text_size) (2 * (((text_size) + 63) / 64) * 8)

/* Verifies a module's text.
 *
 * bitmap: VERIFY_BITMAP_SIZE(text_size) bytes of scratch, any content, 8-aligned. On success bit i
 of its * first half (64-bit words, bit 0 first) tells whether text_address + i is a legal branch
 target: an * instruction start that is not inside a group. The second half is scratch.
 *
 * Returns 0 when accepted, otherwise the number of faults found (at most max_faults). */
unsigned verify_text(const struct verify_module *module, const struct verify_options *options,
                     uint64_t *bitmap);

#endif
