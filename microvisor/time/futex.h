/* Locks with an owner, and what is left to do for other threads when a task ends. */
#ifndef LIND_FUTEX_H
#define LIND_FUTEX_H

#include <stdint.h>

#include "microvisor/process.h"

/* Releases the locks on the task's robust list, clears its clear_child_tid word and wakes who waits
 * for it. Called by the ending task while its window is there and others may run in it. */
void futex_task_end(struct task *task);

/* Then: whoever waits for a lock of the task's takes it over. */
void futex_owner_end(struct task *task);

/* futex(2)'s FUTEX_LOCK_PI, _LOCK_PI2, _TRYLOCK_PI and _UNLOCK_PI (futex_owner.c); deadline: of the
 * clock that the operation says, or NEVER. Return what the call does. */
long futex_owner_lock(struct task *task, uint64_t offset, int operation, uint64_t deadline);
long futex_owner_unlock(struct task *task, uint64_t offset, int operation);

#endif
