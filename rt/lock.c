#include "rt/lock.h"

#include <linux/futex.h>

#include "rt/host.h"

void lock_wait(struct lock *lock)
{
    while (atomic_exchange_explicit(&lock->state, 2, memory_order_acquire) != 0)
        host_call4(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, 2, 0);
}

void lock_wake(struct lock *lock)
{
    host_call3(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1);
}
