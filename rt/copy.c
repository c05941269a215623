#include "rt/copy.h"

_Atomic uint32_t windows_borrowing;

/* rt/copy_access.S: return the number of bytes not copied; a fault inside ends them early. */
size_t copy_bytes(void *to, const void *from, size_t length);
size_t set_bytes(void *to, int byte, size_t length);
size_t swap_word(uint32_t *word, uint32_t *expected, uint32_t value);

int copyin_window(uint64_t base, void *to, uint64_t from, size_t length)
{
    if (!range_ok(from, length))
        return -EFAULT;
    return copy_bytes(to, (const void *)(base + from), length) ? -EFAULT : 0;
}

int copyout_window(uint64_t base, uint64_t to, const void *from, size_t length)
{
    if (!range_ok(to, length))
        return -EFAULT;
    return copy_bytes((void *)(base + to), from, length) ? -EFAULT : 0;
}

size_t copy_across(const struct thread *to_thread, uint64_t to, const struct thread *from_thread,
                   uint64_t from, size_t length)
{
    if (!range_ok(to, length) || !range_ok(from, length))
        return length;
    return copy_bytes((void *)(to_thread->base + to), (const void *)(from_thread->base + from),
                      length);
}

int clearout_window(uint64_t base, uint64_t to, size_t length)
{
    if (!range_ok(to, length))
        return -EFAULT;
    return set_bytes((void *)(base + to), 0, length) ? -EFAULT : 0;
}

int swap(const struct thread *thread, uint64_t at, uint32_t *expected, uint32_t value)
{
    if (at % sizeof value || !range_ok(at, sizeof value))
        return -EFAULT;
    return swap_word((uint32_t *)(thread->base + at), expected, value) ? -EFAULT : 0;
}

int clearout(const struct thread *thread, uint64_t to, size_t length)
{
    return clearout_window(thread->base, to, length);
}

long copyinstr_window(uint64_t base, char *to, uint64_t from, size_t size)
{
    size_t done = 0;
    if (!range_ok(from, 0))
        return -EFAULT;
    /* Page by page: a string may end just before an unmapped page. */
    while (done < size) {
        uint64_t at = from + done;
        size_t part = LIND_PAGE_SIZE - (at & (LIND_PAGE_SIZE - 1));
        if (part > size - done)
            part = size - done;
        if (!range_ok(at, part) || copy_bytes(to + done, (const void *)(base + at), part))
            return -EFAULT;
        for (size_t i = done; i < done + part; i++)
            if (to[i] == 0)
                return (long)i;
        done += part;
    }
    return -ENAMETOOLONG;
}
