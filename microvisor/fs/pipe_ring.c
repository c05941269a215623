/* The memory of pipes. HOT. */
#include <stddef.h>

#include "microvisor/fs/pipe.h"

/* Rings of the usual size that are ready for the next pipe: a shell makes one for each command, and
 * mapping it and touching its pages takes longer than all that is done with it. */
enum { RINGS_KEPT = 16 };
static struct {
    struct lock lock;
    uint32_t count;
    uint8_t *rings[RINGS_KEPT];
} idle;

uint8_t *pipe_ring_new(uint32_t capacity)
{
    uint8_t *ring = NULL;
    lock_acquire(&idle.lock);
    if (capacity == PIPE_CAPACITY && idle.count)
        ring = idle.rings[--idle.count];
    lock_release(&idle.lock);
    return ring ? ring : file_pages(capacity);
}

void pipe_ring_free(uint8_t *ring, uint32_t capacity)
{
    if (!ring)
        return;
    lock_acquire(&idle.lock);
    if (capacity == PIPE_CAPACITY && idle.count < RINGS_KEPT) {
        idle.rings[idle.count++] = ring;
        ring = NULL;
    }
    lock_release(&idle.lock);
    if (ring)
        file_pages_free(ring, capacity);
}
