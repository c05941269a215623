/* Modules: what the loader needs to know of a static PIE, taken from its ELF headers (docs/sfi.md
 * R8). Safe on hostile input: reads nothing outside the bytes given, allocates nothing. */
#ifndef LIND_MODULE_H
#define LIND_MODULE_H

#include <stddef.h>
#include <stdint.h>

#define MODULE_SEGMENTS_MAX 16
#define MODULE_IMAGE_MAX (1ULL << 30)

/* A loadable segment; addresses are module addresses. [offset, offset + file_size) lies in the
 * file, memory_size >= file_size. */
struct module_segment {
    uint64_t offset, address, file_size, memory_size;
    uint32_t flags; /* PF_R, PF_W, PF_X */
};

struct module {
    uint64_t entry;
    uint64_t image_start, image_end; /* [start, end) of all segments */
    uint64_t gate_address;
    uint64_t
        headers_address; /* where the program headers are in memory, 0 when no segment holds them */
    unsigned header_count;
    unsigned segment_count;
    unsigned text; /* index of the executable segment */
    struct module_segment
        segments[MODULE_SEGMENTS_MAX]; /* in order of address, no two on the same page */
};

/* Parses the file image `bytes`, of which `size` bytes are there. Returns 0 with *module filled, or
 * -ENOEXEC with *why set to words. */
int module_parse(const void *bytes, size_t size, struct module *module, const char **why);

#endif
