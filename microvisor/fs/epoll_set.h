/* What epoll.c and epoll_wait.c share: the set and its watches. The locks' order is at the top of
 * epoll.c. HOT. */
#ifndef LIND_FS_EPOLL_SET_H
#define LIND_FS_EPOLL_SET_H

#include <stdatomic.h>
#include <stdint.h>

#include "microvisor/fs/file.h"
#include "microvisor/fs/wait.h"

/* A description in a set. */
struct watch {
    struct waiter waiter; /* first */
    struct epoll_set *set;
    struct file *file;
    uint32_t fd;
    _Atomic uint32_t events; /* as given, with EPOLLERR and EPOLLHUP; 0 after a one-shot event */
    uint64_t data;
    int host_fd;                              /* what is in the host set for it, or -1 */
    int owned;                                /* host_fd is a duplicate that is the watch's own */
    int ready;                                /* on the ready list */
    struct watch *chain;                      /* in its bucket */
    struct watch *file_next, **file_link;     /* file->watchers, under the file's lock */
    struct watch *nested_next, **nested_link; /* set->nested; link NULL when its file is no set */
    uint64_t hint;                            /* data of its host events, when its file is a set */
    uint64_t round;                           /* in which its events were given to the guest last */
    struct watch *ready_next, **ready_link;   /* under ready_lock */
};

struct epoll_set {
    struct lock lock; /* of the buckets and watches */
    struct lock ready_lock;
    struct watch *ready_first, **ready_end;
    _Atomic uint32_t ready_count; /* changed under ready_lock */
    _Atomic uint32_t sleepers;    /* in the host's epoll_wait, under ready_lock */
    struct wait_queue queue;      /* waiters for the set itself */
    struct file *file;
    _Atomic int bell;      /* eventfd, -1 as long as no object of the microvisor was watched */
    _Atomic int host_turn; /* who comes first when there is room for few events */
    uint64_t mark;         /* data of the bell's events; those of the hints are the next ones */
    _Atomic uint32_t hints;  /* given out so far */
    _Atomic uint64_t rounds; /* looks that epoll_wait took so far */
    struct watch **buckets;
    uint32_t bucket_count, watch_count;
    _Atomic uint32_t host_count; /* watches with something in the host set */
    struct lock nested_lock;
    struct watch *nested; /* changed under epoll_lock and nested_lock */
    uint64_t visited;     /* walk number and depth found, for loop checks under epoll_lock */
    int depth;
};

static inline struct epoll_set *set_of(const struct file *file)
{
    return (struct epoll_set *)file->data;
}

/* Whether a description is an epoll set. */
int epoll_is_set(const struct file *file);

/* Wakes one task that sleeps in the set's host descriptor. */
void epoll_ring(struct epoll_set *set);

/* Puts a watch on the ready list, which wakes tasks in epoll_wait. watch_ready is for an event: it
 * tells poll and outer sets too. */
void watch_put_back(struct watch *watch);
void watch_ready(struct watch *watch);

/* Takes the first watch off the ready list; NULL when it is empty. */
struct watch *ready_pop(struct epoll_set *set);

/* What holds now of what the watch waits for. With the set's lock held. */
uint32_t watch_look(struct task *task, struct watch *watch);

/* Something has happened in the set inside this one whose hint this is. Nothing is done if its
 * events were given to the guest in this round: the call that did has not returned, so it may well
 * have been this that it told of. */
void nested_ready(struct epoll_set *set, uint64_t hint, uint64_t round);

#endif
