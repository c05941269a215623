/* A mutual exclusion lock on a futex. It uses no vector registers, so hot calls may take it, and
 * zero-filled memory is an open lock. Not recursive. Lock order: docs/architecture.md. */
#ifndef LIND_LOCK_H
#define LIND_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

struct lock {
    _Atomic uint32_t state; /* 0 open, 1 held, 2 held and somebody waits */
};

void lock_wait(struct lock *lock);
void lock_wake(struct lock *lock);

static inline void lock_acquire(struct lock *lock)
{
    uint32_t open = 0;
    if (!atomic_compare_exchange_strong_explicit(&lock->state, &open, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        lock_wait(lock);
}

static inline void lock_release(struct lock *lock)
{
    if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) == 2)
        lock_wake(lock);
}

/* Takes a lock that is released at the end of the block. */
#define LOCKED(held)                                                                               \
    struct lock *LOCK_VARIABLE(__LINE__) __attribute__((cleanup(lock_leave), unused)) =            \
        lock_enter(held)
#define LOCK_VARIABLE(line) LOCK_VARIABLE_OF(line)
#define LOCK_VARIABLE_OF(line) locked_##line

static inline struct lock *lock_enter(struct lock *lock)
{
    lock_acquire(lock);
    return lock;
}

static inline void lock_leave(struct lock **lock)
{
    lock_release(*lock);
}

#endif
