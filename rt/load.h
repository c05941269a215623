/* Loading a module (a static PIE made by lind-cc) into a window. The steps, in this order:
 *
 *   image_read      a private copy of the file, parsed: nobody can change it any more
 *   (caller)        maps each segment's pages and the gate page readable and writable at the place
 * chosen image_fill      writes the segments and the gate page (caller)        makes the text
 * read-only image_verify    verifies the text where it is (caller)        makes the text
 * executable, and gives the other segments their protection */
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
 * that can be loaded; -ENOMEM or the host's error from reading. On success the image must be freed
 * with image_free. */
int image_read(int fd, struct image *image, const char **why);
void image_free(struct image *image);

/* Writes the image's segments to the window at `base` with module address 0 at window offset `at`,
 * int3 behind the text up to its page's end, and the gate page. The pages must be mapped and
 * writable. Returns 0 or -EFAULT. */
int image_fill(const struct image *image, uint64_t base, uint64_t at);

/* Writes the slots of the gate page at window offset `at`: part of image_fill, and for a copy of a
 * window. Returns 0 or -EFAULT. */
int gate_page_fill(uint64_t base, uint64_t at);

/* Verifies the text in the window and describes it in *text (to be given up with text_release).
 * options: how faults are reported. Returns 0, -ENOEXEC when it is refused, -ENOMEM. */
int image_verify(const struct image *image, uint64_t base, uint64_t at,
                 const struct verify_options *options, struct text *text);

/* Another user of a text's description, for a copy of the window; and the end of one. */
void text_share(const struct text *from, struct text *to);
void text_release(struct text *text);

#endif
