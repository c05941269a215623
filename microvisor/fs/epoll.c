/* Epoll sets (epoll(7)).
 *
 * A set has a host epoll descriptor (file->host_fd), in which host descriptors are watched with the
 * guest's own events and data, so the host's kernel does all the work for them. Objects of the
 * microvisor are watched by waiters (wait.h), which put their watch on the set's ready list; a
 * sleeping epoll_wait sleeps in the host's and is woken by a bell, an eventfd in the host set. A
 * set inside a set is an object of the microvisor whose host descriptor is in the outer host set
 * too, as a hint to look at it. Events of bells carry the set's mark, 64 random bits, as data, those
 * of hints the numbers after it; they are edge-triggered and never reach the guest.
 *
 * As in Linux, a set tells who waits for it of each event in it, ready before or not, and of nothing
 * else: a watch that goes back on the list because it is still ready is no event (watch_put_back).
 *
 * Locks: epoll_lock (global: links between sets, and ends of sets and watched files), then the
 * set's lock (its watches), then the locks of watched objects, then nested_lock, then wait queues,
 * then ready_lock. Sets contain each other without loops, so taking an inner set's locks while
 * holding an outer one's always goes inwards, and announcing, which takes no set lock, outwards.
 * Everything here is HOT. epoll_wait.c has the waiting. */
#include "microvisor/fs/epoll_set.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#include "microvisor/calls.h"
#include "microvisor/fs/anonymous.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/epoll.h"
#include "microvisor/fs/pool.h"
#include "microvisor/fs/wait.h"
#include "rt/copy.h"

#define READABLE (POLLIN | POLLRDNORM)
#define ALWAYS (EPOLLERR | EPOLLHUP)
#define EVENTS (0x27ffU | EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE)
#define NESTS_MAX 4         /* links in a chain of sets, as in Linux */
#define WATCHES_MAX 1000000 /* of one lind-run (Linux: fs.epoll.max_user_watches) */
#define FIRST_BUCKETS 512

#ifndef EPOLLEXCLUSIVE
#define EPOLLEXCLUSIVE (1u << 28)
#endif

static struct pool sets = POOL_OF(struct epoll_set);
static struct pool watches = POOL_OF(struct watch);
static struct lock epoll_lock;
static uint64_t walks; /* under epoll_lock */
static _Atomic int64_t total_watches;

static const struct file_operations epoll_operations;

int epoll_is_set(const struct file *file)
{
    return file->operations == &epoll_operations;
}

void epoll_ring(struct epoll_set *set)
{
    const uint64_t one = 1;
    if (set->bell >= 0)
        host_call3(SYS_write, set->bell, &one, sizeof one);
}

void watch_put_back(struct watch *watch)
{
    struct epoll_set *set = watch->set;
    lock_acquire(&set->ready_lock);
    int wake = 0;
    if (!watch->ready) {
        watch->ready = 1;
        watch->ready_next = NULL;
        watch->ready_link = set->ready_end;
        *set->ready_end = watch;
        set->ready_end = &watch->ready_next;
        set->ready_count++;
        wake = set->sleepers != 0;
    }
    lock_release(&set->ready_lock);
    if (wake)
        epoll_ring(set);
}

void watch_ready(struct watch *watch)
{
    watch_put_back(watch);
    wait_queue_announce_waiters(&watch->set->queue, READABLE);
}

static void watch_wake(struct waiter *waiter, int events)
{
    struct watch *watch = (struct watch *)waiter;
    if ((uint32_t)events & watch->events)
        watch_ready(watch);
}

/* Under ready_lock. */
static void ready_remove(struct epoll_set *set, struct watch *watch)
{
    if (!watch->ready)
        return;
    watch->ready = 0;
    *watch->ready_link = watch->ready_next;
    if (watch->ready_next)
        watch->ready_next->ready_link = watch->ready_link;
    else
        set->ready_end = watch->ready_link;
    set->ready_count--;
}

struct watch *ready_pop(struct epoll_set *set)
{
    lock_acquire(&set->ready_lock);
    struct watch *watch = set->ready_first;
    if (watch)
        ready_remove(set, watch);
    lock_release(&set->ready_lock);
    return watch;
}

uint32_t watch_look(struct task *task, struct watch *watch)
{
    uint32_t events = watch->events;
    if (!events)
        return 0;
    return (uint32_t)watch->file->operations->poll(task, watch->file, (int)(events & 0xffff)) &
           events;
}

static struct watch **bucket_of(struct epoll_set *set, const struct file *file, uint32_t fd)
{
    uint64_t hash = ((uint64_t)(uintptr_t)file / 64 + fd) * 0x9e3779b97f4a7c15ULL;
    return &set->buckets[(hash >> 32) & (set->bucket_count - 1)];
}

static struct watch *watch_find(struct epoll_set *set, const struct file *file, uint32_t fd)
{
    if (!set->buckets)
        return NULL;
    struct watch *watch = *bucket_of(set, file, fd);
    while (watch && (watch->file != file || watch->fd != fd))
        watch = watch->chain;
    return watch;
}

/* Makes room for one more watch in the buckets. */
static int buckets_grow(struct epoll_set *set)
{
    if (set->watch_count < 2 * set->bucket_count)
        return 0;
    uint32_t old_count = set->bucket_count;
    struct watch **old = set->buckets;
    uint32_t count = old_count ? old_count * 8 : FIRST_BUCKETS;
    struct watch **buckets = file_pages(count * sizeof *buckets);
    if (!buckets)
        return -ENOMEM;
    set->buckets = buckets;
    set->bucket_count = count;
    for (uint32_t i = 0; i < old_count; i++)
        for (struct watch *watch = old[i], *next; watch; watch = next) {
            struct watch **bucket = bucket_of(set, watch->file, watch->fd);
            next = watch->chain;
            watch->chain = *bucket;
            *bucket = watch;
        }
    if (old)
        file_pages_free(old, old_count * sizeof *old);
    return 0;
}

static long host_control(struct epoll_set *set, int operation, int fd, uint32_t events,
                         uint64_t data)
{
    struct epoll_event event = {events, {.u64 = data}};
    return host_call4(SYS_epoll_ctl, set->file->host_fd, operation, fd, &event);
}

/* With the set's lock held, and epoll_lock if the watched file is a set or dies. */
static void watch_remove(struct epoll_set *set, struct watch *watch)
{
    struct watch **at = bucket_of(set, watch->file, watch->fd);
    while (*at != watch)
        at = &(*at)->chain;
    *at = watch->chain;
    set->watch_count--;
    wait_queue_remove(&watch->waiter);
    if (watch->nested_link) {
        lock_acquire(&set->nested_lock);
        *watch->nested_link = watch->nested_next;
        if (watch->nested_next)
            watch->nested_next->nested_link = watch->nested_link;
        lock_release(&set->nested_lock);
    }
    /* Only now: nobody is left who could put it on the list again. */
    lock_acquire(&set->ready_lock);
    ready_remove(set, watch);
    lock_release(&set->ready_lock);
    lock_acquire(&watch->file->lock);
    *watch->file_link = watch->file_next;
    if (watch->file_next)
        watch->file_next->file_link = watch->file_link;
    lock_release(&watch->file->lock);
    if (watch->host_fd >= 0) {
        host_control(set, EPOLL_CTL_DEL, watch->host_fd, 0, 0);
        set->host_count--;
    }
    if (watch->owned)
        host_call1(SYS_close, watch->host_fd);
    atomic_fetch_sub(&total_watches, 1);
    pool_give(&watches, watch);
}

void epoll_forget(struct file *file)
{
    LOCKED(&epoll_lock);
    while (file->watchers) {
        struct epoll_set *set = file->watchers->set;
        lock_acquire(&set->lock);
        watch_remove(set, file->watchers);
        lock_release(&set->lock);
    }
}

static void epoll_release(struct file *file)
{
    struct epoll_set *set = set_of(file);
    lock_acquire(&epoll_lock);
    for (uint32_t i = 0; i < set->bucket_count; i++)
        while (set->buckets[i])
            watch_remove(set, set->buckets[i]);
    lock_release(&epoll_lock);
    if (set->buckets)
        file_pages_free(set->buckets, set->bucket_count * sizeof *set->buckets);
    if (set->bell >= 0)
        host_call1(SYS_close, set->bell);
    pool_give(&sets, set);
}

/* Whether an object of the microvisor in the set is ready; drops watches from the list that are
 * not. */
static int own_ready(struct task *task, struct epoll_set *set)
{
    int found = 0;
    LOCKED(&set->lock);
    for (uint32_t left = set->ready_count; left && !found; left--) {
        struct watch *watch = ready_pop(set);
        if (watch && watch_look(task, watch)) {
            watch_put_back(watch);
            found = 1;
        }
    }
    return found;
}

void nested_ready(struct epoll_set *set, uint64_t data, uint64_t round)
{
    LOCKED(&set->nested_lock);
    for (struct watch *watch = set->nested; watch; watch = watch->nested_next)
        if (watch->hint == data && watch->round != round)
            watch_ready(watch);
}

/* All sets inside are to be looked at, by the caller. The hints stay where they are for others. */
static void nested_look(struct epoll_set *set)
{
    LOCKED(&set->nested_lock);
    for (struct watch *watch = set->nested; watch; watch = watch->nested_next)
        watch_put_back(watch);
}

static int epoll_poll(struct task *task, struct file *file, int events)
{
    struct epoll_set *set = set_of(file);
    struct pollfd host = {file->host_fd, POLLIN, 0};
    const struct timespec none = {0, 0};
    uint64_t rung;
    int ready = own_ready(task, set);
    if (!ready && host_call5(SYS_ppoll, &host, 1, &none, 0, 8) > 0) {
        /* Old rings and hints make the host set readable too: take them out, and look again. */
        if (set->bell >= 0)
            host_call3(SYS_read, set->bell, &rung, sizeof rung);
        nested_look(set);
        ready = own_ready(task, set);
        if (!ready)
            ready = host_call5(SYS_ppoll, &host, 1, &none, 0, 8) > 0;
        else if (set->sleepers)
            epoll_ring(set);
    }
    return ready ? READABLE & events : 0;
}

static struct wait_queue *epoll_queue(struct file *file)
{
    return &set_of(file)->queue;
}

static const struct file_operations epoll_operations = {
    .name = "anon_inode:[eventpoll]",
    .stat = anonymous_stat,
    .seek = anonymous_seek,
    .poll = epoll_poll,
    .queue = epoll_queue,
    .release = epoll_release,
};

long call_epoll_create1(struct task *task, const uint64_t args[6])
{
    uint32_t flags = (uint32_t)args[0];
    if (flags & ~(uint32_t)EPOLL_CLOEXEC)
        return -EINVAL;
    long host = host_call1(SYS_epoll_create1, EPOLL_CLOEXEC);
    if (host < 0)
        return host;
    struct epoll_set *set = pool_take(&sets);
    struct file *file = set ? file_new(&epoll_operations, (int)host, O_RDWR, FILE_OTHER) : NULL;
    if (!file) {
        host_call1(SYS_close, host);
        if (set)
            pool_give(&sets, set);
        return -ENOMEM;
    }
    file->data = (uint64_t)set;
    set->file = file;
    set->bell = -1;
    set->ready_end = &set->ready_first;
    if (host_call3(SYS_getrandom, &set->mark, sizeof set->mark, 0) != sizeof set->mark) {
        file_put(file);
        return -EAGAIN;
    }
    return descriptor_install(task, file, !!(flags & EPOLL_CLOEXEC));
}

long call_epoll_create(struct task *task, const uint64_t args[6])
{
    const uint64_t all[6] = {0};
    return (int32_t)args[0] <= 0 ? -EINVAL : call_epoll_create1(task, all);
}

/* Links below a set, and above it; -ELOOP when `other` is met. Under epoll_lock; each set is looked
 * at once in a walk. */
static int links(struct epoll_set *set, const struct epoll_set *other, int up, int level)
{
    if (set == other || level > NESTS_MAX)
        return -ELOOP;
    if (set->visited == walks)
        return set->depth;
    int most = 0;
    for (struct watch *watch = up ? set->file->watchers : set->nested; watch;
         watch = up ? watch->file_next : watch->nested_next) {
        int depth = links(up ? watch->set : set_of(watch->file), other, up, level + 1);
        if (depth < 0)
            return depth;
        if (depth + 1 > most)
            most = depth + 1;
    }
    set->visited = walks;
    set->depth = most;
    return most;
}

static int nest_check(struct epoll_set *outer, struct epoll_set *inner)
{
    walks++;
    int below = links(inner, outer, 0, 0);
    if (below < 0)
        return below;
    walks++;
    int above = links(outer, inner, 1, 0);
    return above < 0 || above + 1 + below > NESTS_MAX ? -ELOOP : 0;
}

/* Puts a watch that is filled in where it belongs. */
static long watch_connect(struct task *task, struct epoll_set *set, struct watch *watch)
{
    struct file *file = watch->file;
    long result = 0;
    if (!file->operations->poll) {
        watch->host_fd = file->host_fd;
        set->host_count++;
        result = host_control(set, EPOLL_CTL_ADD, watch->host_fd, watch->events, watch->data);
        if (result == -EEXIST) { /* the description is in the set by another of its numbers */
            result = host_call3(SYS_fcntl, file->host_fd, F_DUPFD_CLOEXEC, 0);
            if (result < 0)
                return result;
            watch->host_fd = (int)result;
            watch->owned = 1;
            result = host_control(set, EPOLL_CTL_ADD, watch->host_fd, watch->events, watch->data);
        }
        return result;
    }
    if (set->bell < 0) {
        result = host_call2(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (result < 0)
            return result;
        set->bell = (int)result;
        result = host_control(set, EPOLL_CTL_ADD, set->bell, EPOLLIN | EPOLLET, set->mark);
        if (result < 0)
            return result;
    }
    if (epoll_is_set(file)) {
        watch->host_fd = file->host_fd;
        set->host_count++;
        watch->hint = set->mark + ++set->hints;
        result = host_control(set, EPOLL_CTL_ADD, watch->host_fd, EPOLLIN | EPOLLET, watch->hint);
        if (result < 0)
            return result;
        lock_acquire(&set->nested_lock);
        watch->nested_next = set->nested;
        watch->nested_link = &set->nested;
        if (set->nested)
            set->nested->nested_link = &watch->nested_next;
        set->nested = watch;
        lock_release(&set->nested_lock);
    }
    watch->waiter.wake = watch_wake;
    if (file->operations->queue)
        wait_queue_add(file->operations->queue(file), &watch->waiter);
    /* Of what is ready in the host set of a set the hint tells: not twice. */
    if (epoll_is_set(file) ? own_ready(task, set_of(file)) : watch_look(task, watch) != 0)
        watch_ready(watch);
    return 0;
}

static long watch_add(struct task *task, struct epoll_set *set, struct file *file, uint32_t fd,
                      const struct epoll_event *event)
{
    if (epoll_is_set(file)) {
        int error = nest_check(set, set_of(file));
        if (error)
            return error;
    }
    if (buckets_grow(set))
        return -ENOMEM;
    if (atomic_fetch_add(&total_watches, 1) >= WATCHES_MAX) {
        atomic_fetch_sub(&total_watches, 1);
        return -ENOSPC;
    }
    struct watch *watch = pool_take(&watches);
    if (!watch) {
        atomic_fetch_sub(&total_watches, 1);
        return -ENOMEM;
    }
    watch->set = set;
    watch->file = file;
    watch->fd = fd;
    watch->events = event->events | ALWAYS;
    watch->data = event->data.u64;
    watch->host_fd = -1;
    struct watch **bucket = bucket_of(set, file, fd);
    watch->chain = *bucket;
    *bucket = watch;
    set->watch_count++;
    lock_acquire(&file->lock);
    file->watched = 1;
    watch->file_next = file->watchers;
    watch->file_link = &file->watchers;
    if (file->watchers)
        file->watchers->file_link = &watch->file_next;
    file->watchers = watch;
    lock_release(&file->lock);
    long result = watch_connect(task, set, watch);
    if (result < 0)
        watch_remove(set, watch);
    return result;
}

static long watch_modify(struct task *task, struct epoll_set *set, struct watch *watch,
                         const struct epoll_event *event)
{
    if (watch->events & EPOLLEXCLUSIVE)
        return -EINVAL;
    if (!watch->file->operations->poll)
        return host_control(set, EPOLL_CTL_MOD, watch->host_fd, event->events, event->data.u64);
    watch->data = event->data.u64;
    watch->events = event->events | ALWAYS;
    if (watch_look(task, watch))
        watch_ready(watch);
    return 0;
}

static long set_control(struct task *task, struct epoll_set *set, uint64_t operation,
                        struct file *file, uint32_t fd, const struct epoll_event *event)
{
    struct watch *watch = watch_find(set, file, fd);
    switch (operation) {
    case EPOLL_CTL_ADD:
        return watch ? -EEXIST : watch_add(task, set, file, fd, event);
    case EPOLL_CTL_MOD:
        return watch ? watch_modify(task, set, watch, event) : -ENOENT;
    case EPOLL_CTL_DEL:
        if (!watch)
            return -ENOENT;
        watch_remove(set, watch);
        return 0;
    default:
        return -EINVAL;
    }
}

static long control_checked(struct task *task, struct file *file, uint32_t operation,
                            struct file *target, uint32_t fd, struct epoll_event *event)
{
    const uint32_t exclusive_only =
        EPOLLEXCLUSIVE | EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET;
    if (file_flags(file) & O_PATH || file_flags(target) & O_PATH)
        return -EBADF;
    if (target->operations->poll
            ? 0
            : target->host_fd < 0 || target->kind == FILE_REGULAR || target->kind == FILE_DIRECTORY)
        return -EPERM;
    if (file == target || !epoll_is_set(file))
        return -EINVAL;
    if (operation != EPOLL_CTL_DEL && event->events & EPOLLEXCLUSIVE &&
        (operation == EPOLL_CTL_MOD || epoll_is_set(target) || event->events & ~exclusive_only))
        return -EINVAL;
    event->events &= EVENTS; /* others mean nothing, or EPOLLWAKEUP: a privilege that no cage has */
    struct epoll_set *set = set_of(file);
    if (epoll_is_set(target))
        lock_acquire(&epoll_lock);
    lock_acquire(&set->lock);
    long result = set_control(task, set, operation, target, fd, event);
    lock_release(&set->lock);
    if (epoll_is_set(target))
        lock_release(&epoll_lock);
    return result;
}

long call_epoll_ctl(struct task *task, const uint64_t args[6])
{
    struct epoll_event event = {0};
    uint32_t operation = (uint32_t)args[1];
    if (operation != EPOLL_CTL_DEL && task_copyin(task, &event, args[3], sizeof event))
        return -EFAULT;
    DESCRIPTION(file, task, args[0]);
    DESCRIPTION(target, task, args[2]);
    if (!file || !target)
        return -EBADF;
    return control_checked(task, file, operation, target, (uint32_t)args[2], &event);
}
