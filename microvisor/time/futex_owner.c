/* Futexes with an owner, which the word names by its thread id: what Linux calls PI futexes. No
 * priority is lent to an owner here; what is left of them is that waiters get the lock in turn, and
 * a dead owner's.
 *
 * The kernel would know an owner by the host's ids only, so waiting is that of ordinary futexes, on
 * these states of the word:
 *   0                 free
 *   owner             programs lock and unlock it themselves
 *   owner | WAITERS   they come here
 *   HANDED | WAITERS  for the one that was woken, which makes it its own; whoever else comes sleeps
 *   OWNER_DIED, perhaps with WAITERS: whoever comes takes it
 * Who was woken leaves WAITERS in the word, as it does not know whether others sleep; if nobody
 * slept, the one that unlocks makes it 0. No wake is missed, as the word is changed before each.
 *
 * All HOT. */
#include <errno.h>
#include <linux/futex.h>

#include "microvisor/proc/tree.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/clock.h"
#include "microvisor/time/futex.h"
#include "rt/host.h"

/* Nobody's id, nor what C libraries write for locks that are lost (all bits of the mask). */
#define HANDED (FUTEX_TID_MASK - 1U)

static _Atomic uint32_t waiting; /* tasks with lock_waits */

/* Whether the word's owner, which it has, is none any more. */
static int owner_ended(uint32_t word)
{
    if ((word & FUTEX_TID_MASK) == HANDED)
        return 0;
    TREE_LOCKED();
    const struct task *owner = tree_find_task((int)(word & FUTEX_TID_MASK));
    return !owner || atomic_load(&owner->owns_nothing);
}

/* The word as it is now. Returns 0 or -EFAULT. */
static int look(struct task *task, uint64_t offset, uint32_t *word)
{
    *word = 0;
    return swap(&task->thread, offset, word, 0);
}

/* Changes the word from *word to value. Returns 0; -EAGAIN with *word as it is: it had changed;
 * -EFAULT. */
static int change(struct task *task, uint64_t offset, uint32_t *word, uint32_t value)
{
    uint32_t before = *word;
    int error = swap(&task->thread, offset, word, value);
    return error ? error : *word == before ? 0 : -EAGAIN;
}

static long wake_one(struct task *task, uint64_t offset, int operation)
{
    return host_call3(SYS_futex, window_pointer(&task->thread, offset, sizeof(uint32_t)),
                      FUTEX_WAKE | (operation & FUTEX_PRIVATE_FLAG), 1);
}

/* Wakes who is to have a lock that is HANDED. If nobody sleeps it is free; who has lain down since,
 * for what nobody would wake it, is woken. */
static void hand_over(struct task *task, uint64_t offset, int operation)
{
    uint32_t word = HANDED | FUTEX_WAITERS;
    if (!wake_one(task, offset, operation) && !change(task, offset, &word, 0))
        wake_one(task, offset, operation);
}

/* Sleeps while the word has a value, which names an owner. Returns 0 when woken; -EAGAIN: to look
 * again; -ESRCH: the owner has ended; or -errno. */
static long sleep_on(struct task *task, uint64_t offset, int operation, uint32_t word,
                     uint64_t deadline)
{
    const int clock = (operation & FUTEX_CMD_MASK) == FUTEX_LOCK_PI
                          ? FUTEX_CLOCK_REALTIME
                          : operation & FUTEX_CLOCK_REALTIME;
    struct timespec end = timespec_of(deadline);
    void *at = window_pointer(&task->thread, offset, sizeof word);
    long result = -ESRCH;
    /* An ending owner says so first, and then looks who waits. */
    atomic_store(&task->lock_waits, 1);
    atomic_fetch_add(&waiting, 1);
    if (!owner_ended(word))
        result = task_blocking(task, SYS_futex, HOST_ARG(at),
                               FUTEX_WAIT_BITSET | (operation & FUTEX_PRIVATE_FLAG) | clock, word,
                               deadline == NEVER ? 0 : HOST_ARG(&end), 0, FUTEX_BITSET_MATCH_ANY);
    atomic_fetch_sub(&waiting, 1);
    atomic_store(&task->lock_waits, 0);
    return result;
}

/* Whether a sleep that was interrupted was so by a signal that is to be delivered, and not by an
 * owner's end: that of this lock is looked at first. */
static int really_interrupted(struct task *task, uint64_t offset)
{
    uint32_t word;
    if (!signal_look(task))
        return 0;
    return look(task, offset, &word) || !(word & FUTEX_TID_MASK) || !owner_ended(word);
}

long futex_owner_lock(struct task *task, uint64_t offset, int operation, uint64_t deadline)
{
    const uint32_t mine = (uint32_t)task->tid;
    const int try = (operation & FUTEX_CMD_MASK) == FUTEX_TRYLOCK_PI;
    uint32_t kept = 0; /* WAITERS once it was woken */
    int waited = 0;    /* for an owner that was alive: a dead one's lock is for this task */
    if (offset % sizeof mine)
        return -EINVAL;
    while (!atomic_load(&task->exiting)) { /* others may change the word again and again */
        uint32_t word;
        long error = look(task, offset, &word);
        const uint32_t owner = word & FUTEX_TID_MASK;
        if (error)
            return error;
        if (owner == mine)
            return -EDEADLK;
        if (!owner || (owner == HANDED && kept)) {
            error = change(task, offset, &word, mine | kept | (word & ~(uint32_t)FUTEX_TID_MASK));
            if (error != -EAGAIN)
                return error;
            continue;
        }
        if (!try && !waited)
            waited = !owner_ended(word);
        if (!(word & FUTEX_WAITERS)) {
            error = change(task, offset, &word, word | FUTEX_WAITERS);
            if (error == -EAGAIN)
                continue;
            if (error)
                return error;
            word |= FUTEX_WAITERS;
        }
        if (try && !owner_ended(word))
            return -EAGAIN;
        error = try ? -ESRCH : sleep_on(task, offset, operation, word, deadline);
        if (error == -ESRCH) {
            /* An owner that ends gives its robust locks back first: then it is another word. */
            const uint32_t taken = mine | FUTEX_OWNER_DIED | FUTEX_WAITERS;
            error = change(task, offset, &word, waited ? taken : word);
            if (!waited && !error)
                return -ESRCH;
            if (error != -EAGAIN)
                return error;
            continue;
        }
        if (!error)
            kept = FUTEX_WAITERS;
        else if (error == -EINTR && really_interrupted(task, offset))
            return signal_interrupted(task, RESTART_NOINTR);
        else if (error != -EAGAIN && error != -EINTR)
            return error;
    }
    if (kept)
        hand_over(task, offset, operation); /* it may have been handed to this one */
    return signal_interrupted(task, RESTART_NOINTR);
}

long futex_owner_unlock(struct task *task, uint64_t offset, int operation)
{
    uint32_t word;
    int error = 0;
    if (offset % sizeof word) /* the owner is looked at first */
        return task_copyin(task, &word, offset, sizeof word)    ? -EFAULT
               : (word & FUTEX_TID_MASK) == (uint32_t)task->tid ? -EINVAL
                                                                : -EPERM;
    error = look(task, offset, &word);
    do {
        if (error && error != -EAGAIN)
            return error;
        if ((word & FUTEX_TID_MASK) != (uint32_t)task->tid)
            return -EPERM;
        error = change(task, offset, &word, word & FUTEX_WAITERS ? HANDED | FUTEX_WAITERS : 0);
    } while (error && !atomic_load(&task->exiting));
    if (error)
        return signal_interrupted(task, RESTART_NOINTR);
    if (word & FUTEX_WAITERS)
        hand_over(task, offset, operation);
    return 0;
}

static long wake_waiter(struct task *task, void *unused)
{
    if (atomic_load(&task->lock_waits))
        signal_wake(task);
    return 0;
}

static long wake_waiters(struct process *process, void *unused)
{
    return process->state == PROCESS_ALIVE ? signal_each_task(process, wake_waiter, unused) : 0;
}

void futex_owner_end(struct task *task)
{
    atomic_store(&task->owns_nothing, 1);
    if (!atomic_load(&waiting))
        return;
    TREE_LOCKED();
    tree_each(wake_waiters, NULL);
}
