/* Moving bytes of trusted memory to and from the ranges of a transfer (file.h), for operations of
 * synthetic files. HOT. */
#ifndef LIND_FS_RANGES_H
#define LIND_FS_RANGES_H

#include "microvisor/fs/file.h"

/* Copy length bytes (at most what the ranges hold behind their first `skip` bytes). Return the
 * number of bytes copied, fewer than length when a page is bad behind the first, and -EFAULT when
 * the first is. */
long ranges_copyout(struct task *task, const struct transfer *transfer, uint64_t skip,
                    const void *from, uint64_t length);
long ranges_copyin(struct task *task, const struct transfer *transfer, uint64_t skip, void *to,
                   uint64_t length);

/* One range at most, of the piece length of it that is left, cut to a page after a bad page was
 * met: the loop in both of the above and in the synthetic devices. Starts as {transfer->ranges,
 * skip}. */
struct cursor {
    const struct range *range;
    uint64_t done; /* of *range */
    int careful;   /* a piece was bad: go page by page */
    uint8_t *own;  /* transfer->own, for ring_copy alone */
};

/* The window offset of the next piece; *length, at most what is wanted, becomes its length (> 0).
 */
uint64_t cursor_piece(struct cursor *cursor, uint64_t *length);

/* The piece was moved (error 0), or was not. Returns 0 to go on, 1 when the page is bad indeed. */
static inline int cursor_moved(struct cursor *cursor, uint64_t length, long error)
{
    if (!error)
        cursor->done += length;
    else if (cursor->careful)
        return 1;
    else
        cursor->careful = 1;
    return 0;
}

/* Copies `length` bytes, which the ranges have left, between a ring (of a power of two bytes) at
 * `position`, which is any number, and the cage. Returns how many; fewer at a fault, then to the
 * page. */
uint64_t ring_copy(struct task *task, uint8_t *ring, uint64_t capacity, uint64_t position,
                   struct cursor *cursor, uint64_t length, int out);

#endif
