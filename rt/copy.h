/* The only ways of trusted code to the memory of a cage (docs/sfi.md 6). All offsets are window
 * offsets. Each range is checked against the window, each byte is read once, an unmapped or
 * protected page gives -EFAULT. They use no vector registers, and may be called with any lock held.
 */
#ifndef LIND_COPY_H
#define LIND_COPY_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "rt/abi.h"
#include "rt/thread.h"

/* Whether [offset, offset + length) lies in a window. True for length 0 at any offset up to the
 * window's size. */
static inline int range_ok(uint64_t offset, uint64_t length)
{
    return length <= LIND_WINDOW_SIZE && offset <= LIND_WINDOW_SIZE - length;
}

/* How many windows have memory that rt_upcalls.host_access must see to. */
extern _Atomic uint32_t windows_borrowing;

/* To be called before the kernel accesses a range of the thread's window, for writing if `write`:
 * what fork has left to be copied is copied. The range lies in the window. Noting it comes first:
 * whoever makes windows_borrowing non-zero then has all threads pass a barrier, and looks at what
 * they have noted. */
static inline void window_for_host(struct thread *thread, uint64_t offset, uint64_t length,
                                   int write)
{
    if (write)
        atomic_store_explicit(&thread->host_ranges[thread->host_ranges_count++ % HOST_RANGES],
                              offset >> 12 << 32 | (offset + length + 4095) >> 12,
                              memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&windows_borrowing, memory_order_relaxed))
        rt_upcalls.host_access(thread->base, offset, length, write);
}

/* Host address of a range that is handed to the kernel, which checks the pages itself; NULL when
 * the range is not in the window. */
static inline void *window_pointer(struct thread *thread, uint64_t offset, uint64_t length)
{
    if (!range_ok(offset, length))
        return NULL;
    window_for_host(thread, offset, length, 1);
    return (void *)(thread->base + offset);
}

/* Return 0 or -EFAULT. After -EFAULT the destination's content is unspecified. */
int copyin_window(uint64_t base, void *to, uint64_t from, size_t length);
int copyout_window(uint64_t base, uint64_t to, const void *from, size_t length);
int clearout_window(uint64_t base, uint64_t to, size_t length);

/* Copies a NUL-terminated string of at most size bytes with its NUL. Returns its length without
 * NUL, -EFAULT, or -ENAMETOOLONG when no NUL is among the first size bytes. */
long copyinstr_window(uint64_t base, char *to, uint64_t from, size_t size);

static inline int copyin(const struct thread *thread, void *to, uint64_t from, size_t length)
{
    return copyin_window(thread->base, to, from, length);
}

static inline int copyout(const struct thread *thread, uint64_t to, const void *from, size_t length)
{
    return copyout_window(thread->base, to, from, length);
}

static inline long copyinstr(const struct thread *thread, char *to, uint64_t from, size_t size)
{
    return copyinstr_window(thread->base, to, from, size);
}

/* Copies from one thread's window to another's (or the same), forwards. Returns the number of bytes
 * that were not copied because of a bad page on either side: all of them if a range is not in its
 * window. The other thread must not end meanwhile. */
size_t copy_across(const struct thread *to_thread, uint64_t to, const struct thread *from_thread,
                   uint64_t from, size_t length);

/* Makes the word at an aligned offset `value` if it is *expected, in one step; *expected becomes
 * what it was. Returns 0 or -EFAULT (or if it cannot be written: it always is). */
int swap(const struct thread *thread, uint64_t at, uint32_t *expected, uint32_t value);

/* Sets length bytes to zero. Returns 0 or -EFAULT. */
int clearout(const struct thread *thread, uint64_t to, size_t length);

#endif
