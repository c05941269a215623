/* Waiting for objects of the microvisor: pipes, counters, epoll sets.
 *
 * Each such object has wait queues. A change is announced on the queue under the object's lock:
 * that wakes tasks which sleep in a read or write of the object, and calls the waiters that poll
 * and epoll put there. Who puts a waiter in a queue looks at the object afterwards; since looking
 * takes the object's lock too, a change is either seen or announced.
 *
 * Locks: a queue's lock comes after its object's. A waiter's wake function runs under both; it
 * takes at most the lock of an epoll set's ready list and the queues of that set (epoll.c). All of
 * this is HOT. */
#ifndef LIND_FS_WAIT_H
#define LIND_FS_WAIT_H

#include <stdatomic.h>
#include <stdint.h>

#include "microvisor/process.h"
#include "rt/lock.h"
#include "rt/spin.h"

struct waiter {
    struct waiter *next, *previous;
    struct wait_queue *queue; /* NULL while in none */
    void (*wake)(struct waiter *waiter, int events);
};

/* Zero-filled memory is an empty queue. */
struct wait_queue {
    struct lock lock;          /* of the list of waiters */
    _Atomic uint32_t sequence; /* the futex of sleeping tasks: changes with each announcement */
    uint32_t sleepers;         /* since the last announcement; under the object's lock */
    struct spin spin;          /* under the object's lock */
    struct waiter *_Atomic first;
};

void wait_queue_add(struct wait_queue *queue, struct waiter *waiter);

/* Afterwards wake is not running and will not run. Nothing for a waiter that is in no queue. */
void wait_queue_remove(struct waiter *waiter);

/* Says that `events` (POLL*) hold now. With the object's lock held. */
void wait_queue_announce(struct wait_queue *queue, int events);

/* Its two halves, for objects on whose queues only tasks sleep, or only waiters are. */
void wait_queue_announce_sleepers(struct wait_queue *queue);
void wait_queue_announce_waiters(struct wait_queue *queue, int events);

/* wait_queue_announce_sleepers in two steps, for who wakes after opening the object's lock: notes
 * the change, with the lock held, and returns whether wait_queue_wake has to follow. */
int wait_queue_change(struct wait_queue *queue);
void wait_queue_wake(struct wait_queue *queue);

/* Sleeps until the next announcement. object is the object's lock: held at the call and again at
 * the return, not meanwhile. Returns 0, or -EINTR when something is pending for the task; the
 * caller looks at the object in either case. */
long wait_queue_sleep(struct task *task, struct wait_queue *queue, struct lock *object);

/* The same with a limit (NULL: none), after which it returns 0, too. */
struct timespec;
long wait_queue_sleep_for(struct task *task, struct wait_queue *queue, struct lock *object,
                          const struct timespec *limit);

/* The same, but nothing pending ends it: for changes that come soon by themselves. */
void wait_queue_sleep_through(struct wait_queue *queue, struct lock *object);

#endif
