/* futex, and the bookkeeping that threads libraries keep with the kernel. Waiting and waking are
 * the host's, on host addresses in the window: a private key is address and lind-run, a shared one
 * file and offset, so both mean the right thing between cages. The host keeps an address only while
 * a call sleeps; robust lists and clear_child_tid stay here (attack row K7). */
#include <errno.h>
#include <linux/futex.h>

#include "microvisor/proc/tree.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/clock.h"
#include "microvisor/time/futex.h"
#include "rt/host.h"

/* Waits on a word until an absolute time of the clock that `operation` says. deadline NEVER: for
 * ever. */
static long wait_until(struct task *task, uint64_t offset, int operation, uint32_t value,
                       uint64_t deadline, uint32_t bits)
{
    void *word = window_pointer(&task->thread, offset, sizeof(uint32_t));
    struct timespec end = timespec_of(deadline);
    if (!word)
        return -EFAULT;
    return task_blocking(task, SYS_futex, HOST_ARG(word), operation, value,
                         deadline == NEVER ? 0 : HOST_ARG(&end), 0, bits);
}

/* restart_syscall: args are wait's. */
static long wait_on(struct task *task, const uint64_t args[6]);

static long wait(struct task *task, uint64_t offset, int operation, uint32_t value,
                 uint64_t deadline, uint32_t bits)
{
    long result = wait_until(task, offset, operation, value, deadline, bits);
    if (result != -EINTR)
        return result;
    if (deadline == NEVER)
        return signal_interrupted(task, RESTART_SYS);
    const uint64_t again[6] = {offset, (uint64_t)operation, value, deadline, bits};
    return signal_restart_later(task, wait_on, again);
}

static long wait_on(struct task *task, const uint64_t args[6])
{
    return wait(task, args[0], (int)args[1], (uint32_t)args[2], args[3], (uint32_t)args[4]);
}

/* Whether the word is not `value`, or is no longer after some looking: as if the call had come
 * then. A wake that nobody sleeps for and that changes nothing is lost on Linux, too. */
static int differs_soon(struct task *task, uint64_t offset, uint32_t value, int look)
{
    unsigned turns = look ? spin_turns(&task->futex_spin) : 0, left = turns;
    uint32_t now;
    if (offset % sizeof now)
        return 0; /* the host says what of it */
    for (;; left--) {
        if (task_copyin(task, &now, offset, sizeof now))
            return 0;
        if (now != value || !left ||
            atomic_load_explicit(&task->thread.pending, memory_order_relaxed))
            break;
        __builtin_ia32_pause();
    }
    if (turns && left != turns)
        spin_result(&task->futex_spin, now != value);
    return now != value;
}

/* Copies in a time limit, an absolute one unless `relative` (to CLOCK_MONOTONIC); none leaves the
 * deadline as it is. */
static int deadline_copyin(struct task *task, uint64_t from, int relative, uint64_t *deadline)
{
    struct timespec limit;
    int error = from ? timespec_copyin(task, &limit, from) : 0;
    if (from && !error)
        *deadline =
            relative ? clock_deadline(CLOCK_MONOTONIC, &limit) : timespec_nanoseconds(&limit);
    return error;
}

long call_futex(struct task *task, const uint64_t args[6])
{
    uint64_t offset = args[0], second = args[4], deadline = NEVER;
    int operation = (int)args[1], command = operation & FUTEX_CMD_MASK;
    uint32_t value = (uint32_t)args[2], bits = (uint32_t)args[5];
    void *word = window_pointer(&task->thread, offset, sizeof(uint32_t)), *other = NULL;
    int error;

    switch (command) {
    case FUTEX_WAIT:
        bits = FUTEX_BITSET_MATCH_ANY;
        __attribute__((fallthrough));
    case FUTEX_WAIT_BITSET:
        error = deadline_copyin(task, args[3], command == FUTEX_WAIT, &deadline);
        if (error)
            return error;
        if (command == FUTEX_WAIT) {
            if (operation & FUTEX_CLOCK_REALTIME)
                return -ENOSYS;
            operation += FUTEX_WAIT_BITSET - FUTEX_WAIT;
        }
        if (bits && differs_soon(task, offset, value, deadline == NEVER))
            return -EAGAIN;
        return wait(task, offset, operation, value, deadline, bits);
    case FUTEX_WAKE_OP:
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
        other = window_pointer(&task->thread, second, sizeof(uint32_t));
        if (!other)
            return -EFAULT;
        __attribute__((fallthrough));
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
        if (!word)
            return -EFAULT;
        /* The fourth argument is a count here, or unused. */
        return host_call6(SYS_futex, (uint64_t)word, (uint64_t)operation, value, args[3],
                          (uint64_t)other, bits);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
        error = deadline_copyin(task, args[3], 0, &deadline);
        if (error)
            return error;
        __attribute__((fallthrough));
    case FUTEX_TRYLOCK_PI:
    case FUTEX_UNLOCK_PI:
        if (operation & FUTEX_CLOCK_REALTIME && command != FUTEX_LOCK_PI2)
            return -ENOSYS;
        if (command == FUTEX_UNLOCK_PI)
            return futex_owner_unlock(task, offset, operation);
        return futex_owner_lock(task, offset, operation, deadline);
    default:
        return -ENOSYS;
    }
}

long call_set_tid_address(struct task *task, const uint64_t args[6])
{
    task->clear_child_tid = args[0];
    return task->tid;
}

enum { HEAD_SIZE = 24 };

long call_set_robust_list(struct task *task, const uint64_t args[6])
{
    if (args[1] != HEAD_SIZE)
        return -EINVAL;
    task->robust_list = args[0];
    return 0;
}

struct search {
    int tid;
    uint64_t head;
};

static long find(struct task *task, void *data)
{
    struct search *search = data;
    search->head = task->robust_list;
    return task->tid == search->tid;
}

long call_get_robust_list(struct task *task, const uint64_t args[6])
{
    struct search search = {(int)args[0] ? (int)args[0] : task->tid, 0};
    const uint64_t size = HEAD_SIZE;
    if (!signal_each_task(task->process, find, &search)) {
        tree_lock();
        long error = tree_find_task(search.tid) ? -EPERM : -ESRCH; /* not to be looked into */
        tree_unlock();
        return error;
    }
    if (task_copyout(task, args[2], &size, sizeof size))
        return -EFAULT;
    return task_copyout(task, args[1], &search.head, sizeof search.head);
}

/* Marks a lock that the task held as its dead owner's, and wakes a waiter. */
static void owner_died(struct task *task, uint64_t offset)
{
    enum { TRIES = 1000 }; /* others may change the word again and again */
    uint32_t word = 0, before;
    if (offset % sizeof word || swap(&task->thread, offset, &word, 0))
        return;
    for (int i = 0; i < TRIES && (word & FUTEX_TID_MASK) == (uint32_t)task->tid; i++) {
        before = word;
        if (swap(&task->thread, offset, &word, (before & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
            return;
        if (word == before) {
            host_call3(SYS_futex, window_pointer(&task->thread, offset, sizeof word), FUTEX_WAKE,
                       1);
            return;
        }
    }
}

void futex_task_end(struct task *task)
{
    enum { LIST_MOST = 2048 };
    struct {
        uint64_t next;
        int64_t lock_offset;
        uint64_t in_progress;
    } head;
    if (task->robust_list && !task_copyin(task, &head, task->robust_list, sizeof head)) {
        uint64_t entry = head.next;
        for (int i = 0; i < LIST_MOST && (entry & ~1ULL) != task->robust_list; i++) {
            uint64_t next;
            if (task_copyin(task, &next, entry & ~1ULL, sizeof next))
                break;
            if (entry != head.in_progress)
                owner_died(task, (entry & ~1ULL) + (uint64_t)head.lock_offset);
            entry = next;
        }
        if (head.in_progress)
            owner_died(task, (head.in_progress & ~1ULL) + (uint64_t)head.lock_offset);
    }
    if (task->clear_child_tid && !clearout(&task->thread, task->clear_child_tid, sizeof(uint32_t)))
        host_call3(SYS_futex,
                   window_pointer(&task->thread, task->clear_child_tid, sizeof(uint32_t)),
                   FUTEX_WAKE, 1);
}
