/* Loading a module (a static PIE made by lind-cc). The steps, in this order:
 *
 *   image_read      a private copy of the file, parsed: nobody can change it any more
 *   image_write     its pages, as they will lie in memory, go to a file of the runtime's own
 *   (caller)        seals that file, and maps the text
 *   image_verify    verifies the text where it is mapped
 *   (caller)        maps the file's pages into windows, and adds gate pages */
#ifndef LIND_LOAD_H
#define LIND_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "rt/thread.h"
#include "rt/verify/module.h"
#include "rt/verify/verify.h"

/* A program file read into the runtime's own memory. */
struct image {
    uint8_t *bytes; /* the part of the file that its headers and loadable segments cover */
    size_t size;
    struct module module;
};

/* Reads fd (from offset 0) and parses it. Returns 0; -ENOEXEC with *why set when it is no module
 * that can be loaded; -EFBIG, with nothing read but the headers, when its segments take more than
 * `most` bytes of memory; -ENOMEM or the host's error from reading. On success the image must be
 * freed with image_free. */
int image_read(int fd, uint64_t most, struct image *image, const char **why);
void image_free(struct image *image);

/* Writes the segments' pages to fd, the page of module->image_start at offset 0, with int3 behind
 * the text up to its page's end. Returns 0 or the host's error. */
int image_write(const struct image *image, int fd);

/* Writes the slots of the gate page at window offset `at`. Returns 0 or -EFAULT. */
int gate_page_fill(uint64_t base, uint64_t at);

/* Verifies the text, whose bytes are mapped at `bytes` and can no longer change, and describes it
 * in *text (to be given up with text_release), with module addresses. options: how faults are
 * reported. Returns 0, -ENOEXEC when it is refused, -ENOMEM. */
int image_verify(const struct image *image, const uint8_t *bytes,
                 const struct verify_options *options, struct text *text);

/* Another user of a text's description, `by` further up in its window; and the end of one. */
void text_share(const struct text *from, uint64_t by, struct text *to);
void text_release(struct text *text);

#endif
