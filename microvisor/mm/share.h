/* Inside the mm room: memory that fork copies only when one side touches it (docs/processes.md).
 * Addresses `start` are window offsets in bytes, as are lengths. */
#ifndef LIND_MM_SHARE_H
#define LIND_MM_SHARE_H

#include "microvisor/mm/map.h"

#define SHARE_BYTES 0x40000ULL /* a chunk */
#define SHARE_PAGES (SHARE_BYTES >> PAGE_SHIFT)
#define SHARE_CHUNKS (LIND_WINDOW_SIZE / SHARE_BYTES)
/* A region of which fewer pages exist is copied at once. */
#define SHARE_PAGES_LEAST 256

/* What a window borrows and lends. Zero-filled: nothing. */
struct shares {
    uint64_t base;
    struct shares *source; /* of what it borrows */
    struct shares *borrowers, *next_borrower;
    struct shares *next; /* of those that are used */
    _Atomic uint32_t used;
    uint32_t opened; /* how often chunks were made accessible again */
    uint32_t given;  /* chunks looked at by a source that is going */
    uint8_t state[SHARE_CHUNKS];
};

/* For fork, with the map's lock of `from` held: empties the chunks [first, end) of `to` and lets
 * them be those of `from`, private anonymous memory that is writable in both. others: whether the
 * window has more tasks than the caller. Returns 0; -EAGAIN with nothing changed: not possible, or
 * not worth it; -ENOMEM with `to` unusable. COLD. */
int share_region(struct shares *to, struct shares *from, uint32_t first, uint32_t end, int others);

/* Makes a range ordinary memory again. What the host has no memory for is lost to who borrowed it:
 * touching it is a fault. */
void share_settle(struct shares *shares, uint64_t start, uint64_t length);

/* Makes a range readable. Returns 0 or -ENOMEM. */
int share_read(struct shares *shares, uint64_t start, uint64_t length);

/* For a window that is to be emptied: gives everyone what they have of it. COLD. */
void share_leave(struct shares *shares);

/* The first page of [start, end), in pages, that exists, in the window or where it is borrowed
 * from; or end. */
uint32_t share_first_page(const struct shares *shares, uint32_t start, uint32_t end);

/* Opens what is needed of the host's /proc. For a thread whose rights will not do for that any more
 * (proc/rights.h). */
void share_open_host(void);

/* copy.c: this address space's page map, or -1. */
int page_map_open(void);

/* The host's description of pages, for PAGEMAP_SCAN (Linux 6.7; not in all headers). */
struct page_range {
    uint64_t start, end, categories;
};

/* copy.c: finds pages of [*start, end) that exist and are not a file's: at most `count` ranges, and
 * at most `most` pages unless that is 0. Sets *start to where to go on. All are addresses of the
 * host. Returns the number of ranges, or -errno. */
long pages_scan(int fd, struct page_range *ranges, uint64_t count, uint64_t most, uint64_t *start,
                uint64_t end);

/* copy.c: the first page of [start, end) that exists and is not a file's, or end; addresses of the
 * host. Where the host does not tell, all exist. */
uint64_t pages_first(uint64_t start, uint64_t end);

/* copy.c: how many of them exist and are not a file's; with `most` or more, any number from there.
 */
uint64_t pages_count(uint64_t start, uint64_t end, uint64_t most);

#endif
