#include "microvisor/fs/wait.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>

#include "microvisor/fs/file.h"
#include "rt/host.h"

void wait_queue_add(struct wait_queue *queue, struct waiter *waiter)
{
    LOCKED(&queue->lock);
    struct waiter *first = atomic_load_explicit(&queue->first, memory_order_relaxed);
    waiter->queue = queue;
    waiter->previous = NULL;
    waiter->next = first;
    if (first)
        first->previous = waiter;
    atomic_store_explicit(&queue->first, waiter, memory_order_relaxed);
}

void wait_queue_remove(struct waiter *waiter)
{
    struct wait_queue *queue = waiter->queue;
    if (!queue)
        return;
    LOCKED(&queue->lock);
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        atomic_store_explicit(&queue->first, waiter->next, memory_order_relaxed);
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    waiter->queue = NULL;
}

int wait_queue_change(struct wait_queue *queue)
{
    int sleepers = queue->sleepers != 0;
    queue->sleepers = 0;
    atomic_store_explicit(&queue->sequence,
                          atomic_load_explicit(&queue->sequence, memory_order_relaxed) + 1,
                          memory_order_release);
    return sleepers;
}

void wait_queue_wake(struct wait_queue *queue)
{
    host_call3(SYS_futex, &queue->sequence, FUTEX_WAKE_PRIVATE, INT_MAX);
}

void wait_queue_announce_sleepers(struct wait_queue *queue)
{
    if (wait_queue_change(queue))
        wait_queue_wake(queue);
}

void wait_queue_announce_waiters(struct wait_queue *queue, int events)
{
    if (atomic_load_explicit(&queue->first, memory_order_relaxed)) {
        lock_acquire(&queue->lock);
        for (struct waiter *waiter = queue->first; waiter; waiter = waiter->next)
            waiter->wake(waiter, events);
        lock_release(&queue->lock);
    }
}

void wait_queue_announce(struct wait_queue *queue, int events)
{
    wait_queue_announce_sleepers(queue);
    wait_queue_announce_waiters(queue, events);
}

long wait_queue_sleep(struct task *task, struct wait_queue *queue, struct lock *object)
{
    return wait_queue_sleep_for(task, queue, object, NULL);
}

long wait_queue_sleep_for(struct task *task, struct wait_queue *queue, struct lock *object,
                          const struct timespec *limit)
{
    uint32_t sequence = atomic_load_explicit(&queue->sequence, memory_order_relaxed);
    unsigned turns = spin_turns(&queue->spin);
    if (turns) { /* the queue's spin is the object's lock's */
        lock_release(object);
        int changed = spin_while(&queue->sequence, sequence, &task->thread.pending, turns);
        lock_acquire(object);
        spin_result(&queue->spin, changed);
        if (atomic_load_explicit(&queue->sequence, memory_order_relaxed) != sequence)
            return 0;
    }
    queue->sleepers++;
    lock_release(object);
    long result = task_blocking(task, SYS_futex, HOST_ARG(&queue->sequence), FUTEX_WAIT_PRIVATE,
                                sequence, HOST_ARG(limit));
    lock_acquire(object);
    if (atomic_load_explicit(&queue->sequence, memory_order_relaxed) == sequence)
        queue->sleepers--;
    return result == -EINTR && task_interrupted(task) ? -EINTR : 0;
}

void wait_queue_sleep_through(struct wait_queue *queue, struct lock *object)
{
    uint32_t sequence = atomic_load_explicit(&queue->sequence, memory_order_relaxed);
    queue->sleepers++;
    lock_release(object);
    host_call4(SYS_futex, &queue->sequence, FUTEX_WAIT_PRIVATE, sequence, NULL);
    lock_acquire(object);
    if (atomic_load_explicit(&queue->sequence, memory_order_relaxed) == sequence)
        queue->sleepers--;
}
