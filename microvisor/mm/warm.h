/* Inside the mm room: what the window of an empty map still has (warm.c). */
#ifndef LIND_MM_WARM_H
#define LIND_MM_WARM_H

#include "microvisor/mm/map.h"

/* For memory_copy, with the map's lock of `from` held: leaves of what the empty map's window has
 * only what `from` has, too. gate: window offset of the gate page of `from`. Returns 0 or -ENOMEM.
 */
int warm_start(struct memory *to, const struct memory *from, uint64_t gate);

/* For memory_map_fixed: whether the window has the region, which is the map's from now on: 1. If
 * not, nothing is left of what it has there: 0, or -ENOMEM. */
int warm_take(struct memory *memory, const struct region *region);

/* Whether the window has the region, with its protection and without any content of its own (the
 * gate page: with its content; from warm_kept_from on: with any content). */
int warm_has(const struct memory *memory, const struct region *region);

/* From which page on a region's pages may be kept: all of a writable one that is too small for
 * share.c, the end of a stack; otherwise none. At most SHARE_PAGES_LEAST. */
uint32_t warm_kept_from(const struct region *region);

/* Whether it even has the content that `from` has there. */
int warm_is_copy(const struct memory *to, const struct memory *from, const struct region *region);

#endif
