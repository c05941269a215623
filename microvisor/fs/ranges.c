#include "microvisor/fs/ranges.h"

#include <errno.h>

uint64_t cursor_piece(struct cursor *cursor, uint64_t *length)
{
    while (cursor->done >= cursor->range->length) {
        cursor->done -= cursor->range->length;
        cursor->range++;
    }
    uint64_t address = cursor->range->offset + cursor->done;
    if (*length > cursor->range->length - cursor->done)
        *length = cursor->range->length - cursor->done;
    if (cursor->careful && *length > LIND_PAGE_SIZE - address % LIND_PAGE_SIZE)
        *length = LIND_PAGE_SIZE - address % LIND_PAGE_SIZE;
    return address;
}

static long ranges_copy(struct task *task, const struct transfer *transfer, uint64_t skip,
                        uint8_t *bytes, uint64_t length, int out)
{
    struct cursor cursor = {.range = transfer->ranges, .done = skip};
    uint64_t total = 0;
    while (total < length) {
        uint64_t part = length - total;
        uint64_t address = cursor_piece(&cursor, &part);
        int error = out ? task_copyout(task, address, bytes + total, part)
                        : task_copyin(task, bytes + total, address, part);
        if (cursor_moved(&cursor, part, error))
            return total ? (long)total : -EFAULT;
        if (!error)
            total += part;
    }
    return (long)total;
}

long ranges_copyout(struct task *task, const struct transfer *transfer, uint64_t skip,
                    const void *from, uint64_t length)
{
    return ranges_copy(task, transfer, skip, (uint8_t *)(uintptr_t)from, length, 1);
}

long ranges_copyin(struct task *task, const struct transfer *transfer, uint64_t skip, void *to,
                   uint64_t length)
{
    return ranges_copy(task, transfer, skip, to, length, 0);
}

/* Between the microvisor's own memory and the cage's, or that of a transfer's own. */
static int piece_copy(struct task *task, const struct cursor *cursor, uint64_t address,
                      uint8_t *bytes, uint64_t length, int out)
{
    if (!cursor->own)
        return out ? task_copyout(task, address, bytes, length)
                   : task_copyin(task, bytes, address, length);
    uint8_t *to = out ? cursor->own + address : bytes, *from = out ? bytes : cursor->own + address;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
    return 0;
}

uint64_t ring_copy(struct task *task, uint8_t *ring, uint64_t capacity, uint64_t position,
                   struct cursor *cursor, uint64_t length, int out)
{
    uint64_t total = 0;
    while (total < length) {
        uint64_t index = (position + total) & (capacity - 1);
        uint64_t part = length - total;
        if (part > capacity - index)
            part = capacity - index;
        uint64_t address = cursor_piece(cursor, &part);
        int error = piece_copy(task, cursor, address, ring + index, part, out);
        if (cursor_moved(cursor, part, error))
            break;
        if (!error)
            total += part;
    }
    return total;
}
