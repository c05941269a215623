/* Epoll sets (epoll(7)).
 *
 * A set has a host epoll descriptor (file->host_fd), in which host descriptors are watched with the guest's own events and data, so
 * the host's kernel does all the work for them. Objects of the microvisor are watched by waiters (wait.h), which put their watch on
 * the set's ready list; a sleeping epoll_wait sleeps in the host's and is woken by a bell, an eventfd in the host set. A set inside a set is an
 * object of the microvisor whose host descriptor is in the outer host set too, as a hint to look at it. Events of bells and hints carry the
 * set's mark, 64 random bits, as data; they are edge-triggered and never reach the guest.
 *
 * Locks: epoll_lock (global: links between sets, and ends of sets and watched files), then the set's lock (its watches), then the locks of
 * watched objects, then nested_lock, then wait queues, then ready_lock. Sets contain each other without loops, so taking an inner set's locks while holding
 * an outer one's always goes inwards, and announcing, which takes no set lock, outwards. Everything here is HOT. */
#include "microvisor/fs/epoll.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/anonymous.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/pool.h"
#include "microvisor/fs/wait.h"
#include "microvisor/signal/signal.h"
#include "rt/copy.h"

#define READABLE (POLLIN | POLLRDNORM)
#define ALWAYS (EPOLLERR | EPOLLHUP)
#define EVENTS (0x27ffU | EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE)
#define NESTS_MAX 4          /* links in a chain of sets, as in Linux */
#define WATCHES_MAX 1000000  /* of one lind-run (Linux: fs.epoll.max_user_watches) */
#define EVENTS_AT_ONCE 64    /* of host events in one epoll_wait */
#define FIRST_BUCKETS 512

#ifndef EPOLLEXCLUSIVE
#define EPOLLEXCLUSIVE (1u << 28)
#endif

/* A description in a set. */
struct watch {
    struct waiter waiter; /* first */
    struct epoll_set *set;
    struct file *file;
    uint32_t fd;
    _Atomic uint32_t events; /* as given, with EPOLLERR and EPOLLHUP; 0 after a one-shot event */
    uint64_t data;
    int host_fd;                               /* what is in the host set for it, or -1 */
    int owned;                                 /* host_fd is a duplicate that is the watch's own */
    int ready;                                 /* on the ready list */
    struct watch *chain;                       /* in its bucket */
    struct watch *file_next, **file_link;      /* file->watchers, under the file's lock */
    struct watch *nested_next, **nested_link;  /* set->nested; link NULL when its file is no set */
    struct watch *ready_next, **ready_link;    /* under ready_lock */
};

struct epoll_set {
    struct lock lock; /* of the buckets and watches */
    struct lock ready_lock;
    struct watch *ready_first, **ready_end;
    _Atomic uint32_t ready_count; /* changed under ready_lock */
    _Atomic uint32_t sleepers;       /* in the host's epoll_wait, under ready_lock */
    struct wait_queue queue; /* waiters for the set itself */
    struct file *file;
    _Atomic int bell;      /* eventfd, -1 as long as no object of the microvisor was watched */
    _Atomic int host_turn; /* who comes first when there is room for few events */
    uint64_t mark;
    struct watch **buckets;
    uint32_t bucket_count, watch_count;
    _Atomic uint32_t host_count; /* watches with something in the host set */
    struct lock nested_lock;
    struct watch *nested; /* changed under epoll_lock and nested_lock */
    uint64_t visited; /* walk number and depth found, for loop checks under epoll_lock */
    int depth;
};

static struct pool sets = POOL_OF(struct epoll_set);
static struct pool watches = POOL_OF(struct watch);
static struct lock epoll_lock;
static uint64_t walks; /* under epoll_lock */
static _Atomic int64_t total_watches;

static const struct file_operations epoll_operations;

static struct epoll_set *set_of(const struct file *file)
{
    return (struct epoll_set *)file->data;
}

static int is_set(const struct file *file)
{
    return file->operations == &epoll_operations;
}

static void ring(struct epoll_set *set)
{
    const uint64_t one = 1;
    if (set->bell >= 0)
        host_call3(SYS_write, set->bell, &one, sizeof one);
}

/* Puts a watch on the ready list, and wakes. */
static void watch_ready(struct watch *watch)
{
    struct epoll_set *set = watch->set;
    lock_acquire(&set->ready_lock);
    int was = watch->ready, wake = 0;
    if (!was) {
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
        ring(set);
    if (!was)
        wait_queue_announce_waiters(&set->queue, READABLE);
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

static struct watch *ready_pop(struct epoll_set *set)
{
    lock_acquire(&set->ready_lock);
    struct watch *watch = set->ready_first;
    if (watch)
        ready_remove(set, watch);
    lock_release(&set->ready_lock);
    return watch;
}

/* What holds now of what the watch waits for. With the set's lock held. */
static uint32_t watch_look(struct task *task, struct watch *watch)
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

static long host_control(struct epoll_set *set, int operation, int fd, uint32_t events, uint64_t data)
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
    lock_acquire(&set->ready_lock);
    ready_remove(set, watch);
    lock_release(&set->ready_lock);
    lock_acquire(&watch->file->lock);
    *watch->file_link = watch->file_next;
    if (watch->file_next)
        watch->file_next->file_link = watch->file_link;
    lock_release(&watch->file->lock);
    if (watch->nested_link) {
        lock_acquire(&set->nested_lock);
        *watch->nested_link = watch->nested_next;
        if (watch->nested_next)
            watch->nested_next->nested_link = watch->nested_link;
        lock_release(&set->nested_lock);
    }
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
    lock_acquire(&epoll_lock);
    while (file->watchers) {
        struct epoll_set *set = file->watchers->set;
        lock_acquire(&set->lock);
        watch_remove(set, file->watchers);
        lock_release(&set->lock);
    }
    lock_release(&epoll_lock);
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

/* Whether an object of the microvisor in the set is ready; drops watches from the list that are not. */
static int own_ready(struct task *task, struct epoll_set *set)
{
    int found = 0;
    lock_acquire(&set->lock);
    for (uint32_t left = set->ready_count; left && !found; left--) {
        struct watch *watch = ready_pop(set);
        if (watch && watch_look(task, watch)) {
            watch_ready(watch);
            found = 1;
        }
    }
    lock_release(&set->lock);
    return found;
}

/* Something in a set inside this one may have happened: look at all of them. */
static void nested_ready(struct epoll_set *set)
{
    lock_acquire(&set->nested_lock);
    for (struct watch *watch = set->nested; watch; watch = watch->nested_next)
        watch_ready(watch);
    lock_release(&set->nested_lock);
}

static int epoll_poll(struct task *task, struct file *file, int events)
{
    struct epoll_set *set = set_of(file);
    struct pollfd host = {file->host_fd, POLLIN, 0};
    struct time_left none = {0, 0};
    uint64_t rung;
    int ready = own_ready(task, set);
    if (!ready && host_call5(SYS_ppoll, &host, 1, &none, 0, 8) > 0) {
        /* Old rings and hints make the host set readable too: take them out, and look again. */
        if (set->bell >= 0)
            host_call3(SYS_read, set->bell, &rung, sizeof rung);
        nested_ready(set);
        ready = own_ready(task, set);
        if (!ready)
            ready = host_call5(SYS_ppoll, &host, 1, &none, 0, 8) > 0;
        else if (set->sleepers)
            ring(set);
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

/* Links below a set, and above it; -ELOOP when `other` is met. Under epoll_lock; each set is looked at once in a walk. */
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
    if (is_set(file)) {
        watch->host_fd = file->host_fd;
        set->host_count++;
        result = host_control(set, EPOLL_CTL_ADD, watch->host_fd, EPOLLIN | EPOLLET, set->mark);
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
    if (watch_look(task, watch))
        watch_ready(watch);
    return 0;
}

static long watch_add(struct task *task, struct epoll_set *set, struct file *file, uint32_t fd,
                      const struct epoll_event *event)
{
    if (is_set(file)) {
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
    if (target->operations->poll ? 0
                                 : target->host_fd < 0 || target->kind == FILE_REGULAR ||
                                       target->kind == FILE_DIRECTORY)
        return -EPERM;
    if (file == target || !is_set(file))
        return -EINVAL;
    if (operation != EPOLL_CTL_DEL && event->events & EPOLLEXCLUSIVE &&
        (operation == EPOLL_CTL_MOD || is_set(target) || event->events & ~exclusive_only))
        return -EINVAL;
    event->events &= EVENTS; /* others mean nothing, or EPOLLWAKEUP: a privilege that no cage has */
    struct epoll_set *set = set_of(file);
    if (is_set(target))
        lock_acquire(&epoll_lock);
    lock_acquire(&set->lock);
    long result = set_control(task, set, operation, target, fd, event);
    lock_release(&set->lock);
    if (is_set(target))
        lock_release(&epoll_lock);
    return result;
}

long call_epoll_ctl(struct task *task, const uint64_t args[6])
{
    struct epoll_event event = {0};
    uint32_t operation = (uint32_t)args[1];
    if (operation != EPOLL_CTL_DEL && task_copyin(task, &event, args[3], sizeof event))
        return -EFAULT;
    struct file *file = descriptor_get(task, args[0]);
    if (!file)
        return -EBADF;
    struct file *target = descriptor_get(task, args[2]);
    long result = -EBADF;
    if (target) {
        result = control_checked(task, file, operation, target, (uint32_t)args[2], &event);
        descriptor_put(task, target);
    }
    descriptor_put(task, file);
    return result;
}

/* An epoll_wait under way. */
struct harvest {
    uint64_t address; /* of the guest's array */
    uint32_t count, room;
};

static int harvest_put(struct task *task, struct harvest *harvest, uint32_t events, uint64_t data)
{
    struct epoll_event event = {events, {.u64 = data}};
    if (task_copyout(task, harvest->address + harvest->count * sizeof event, &event, sizeof event))
        return -EFAULT;
    harvest->count++;
    return 0;
}

/* Objects of the microvisor. Returns 0 or -EFAULT. */
static int harvest_own(struct task *task, struct epoll_set *set, struct harvest *harvest)
{
    int error = 0;
    if (!set->ready_count)
        return 0;
    lock_acquire(&set->lock);
    for (uint32_t left = set->ready_count; left && harvest->count < harvest->room; left--) {
        struct watch *watch = ready_pop(set);
        if (!watch)
            break;
        uint32_t events = watch_look(task, watch);
        if (!events)
            continue;
        if ((error = harvest_put(task, harvest, events, watch->data))) {
            watch_ready(watch);
            break;
        }
        if (watch->events & EPOLLONESHOT)
            watch->events = 0;
        else if (!(watch->events & EPOLLET))
            watch_ready(watch);
    }
    lock_release(&set->lock);
    return error;
}

/* Host descriptors, waiting for them up to the limit (NULL: for ever). Returns 0, or -errno: -EFAULT, -EINTR. */
static long harvest_host(struct task *task, struct epoll_set *set, struct harvest *harvest,
                         const struct time_left *limit, int wait)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    uint32_t room = harvest->room - harvest->count;
    int error = 0;
    if (room > EVENTS_AT_ONCE)
        room = EVENTS_AT_ONCE;
    if (!room)
        return 0;
    long count = wait ? host_blocking6(task_pending(task), SYS_epoll_pwait2,
                                       HOST_ARG(set->file->host_fd), HOST_ARG(events), room,
                                       HOST_ARG(limit), 0, 8)
                      : host_call6(SYS_epoll_pwait2, HOST_ARG(set->file->host_fd),
                                   HOST_ARG(events), room, HOST_ARG(limit), 0, 8);
    if (count < 0)
        return count;
    for (long i = 0; i < count; i++)
        if (events[i].data.u64 == set->mark)
            nested_ready(set);
        else if (!error)
            error = harvest_put(task, harvest, events[i].events, events[i].data.u64);
    return error;
}

static long set_wait(struct task *task, struct epoll_set *set, struct harvest *harvest,
                     const struct deadline *deadline)
{
    struct time_left left = {0, 0};
    long error = 0;
    for (;;) {
        int host_first = set->host_turn = !set->host_turn;
        if (!host_first)
            error = harvest_own(task, set, harvest);
        if (!error && set->host_count)
            error = harvest_host(task, set, harvest, &(struct time_left){0, 0}, 0);
        if (!error && host_first)
            error = harvest_own(task, set, harvest);
        if (harvest->count || error || !deadline ||
            (!deadline->forever && !deadline_left(deadline, &left)))
            break;
        lock_acquire(&set->ready_lock);
        int sleep = !set->ready_count;
        set->sleepers += (uint32_t)sleep;
        lock_release(&set->ready_lock);
        if (!sleep)
            continue;
        error = harvest_host(task, set, harvest, deadline->forever ? NULL : &left, 1);
        lock_acquire(&set->ready_lock);
        set->sleepers--;
        lock_release(&set->ready_lock);
        if (error == -EINTR && !*task_pending(task))
            error = 0;
        if (!error && harvest->count) /* not once more: what is ready for good would come twice */
            error = harvest_own(task, set, harvest);
        if (error || harvest->count)
            break;
    }
    /* What is left over is for others; the ring that announced it may have come here. */
    if (set->ready_count && set->sleepers)
        ring(set);
    if (harvest->count)
        return harvest->count;
    return error == -EINTR ? signal_interrupted(task, -EINTR) : error;
}

/* epoll_wait and its kin, once the time is known. mask: window offset of a signal mask, 0 for none. */
static long wait_call(struct task *task, const uint64_t args[6], const struct deadline *deadline,
                      uint64_t mask_address, uint64_t mask_size)
{
    uint64_t mask;
    int32_t room = (int32_t)args[2];
    if (mask_address && mask_size != sizeof mask)
        return -EINVAL;
    if (mask_address && task_copyin(task, &mask, mask_address, sizeof mask))
        return -EFAULT;
    if (room <= 0 || room > (int32_t)(INT32_MAX / sizeof(struct epoll_event)))
        return -EINVAL;
    if (!range_ok(args[1], (uint64_t)room * sizeof(struct epoll_event)))
        return -EFAULT;
    struct file *file = descriptor_get(task, args[0]);
    if (!file)
        return -EBADF;
    long result = -EINVAL;
    if (is_set(file)) {
        struct harvest harvest = {args[1], 0, (uint32_t)room};
        if (mask_address)
            signal_mask_swap(task, mask);
        result = set_wait(task, set_of(file), &harvest, deadline);
        if (mask_address)
            result = signal_mask_end(task, result);
    }
    descriptor_put(task, file);
    return result;
}

static long wait_milliseconds(struct task *task, const uint64_t args[6], uint64_t mask,
                              uint64_t mask_size)
{
    int32_t timeout = (int32_t)args[3];
    struct deadline deadline = {1, 0, 0};
    if (timeout > 0)
        deadline = deadline_after(timeout / 1000, timeout % 1000 * 1000000L);
    return wait_call(task, args, timeout ? &deadline : NULL, mask, mask_size);
}

long call_epoll_wait(struct task *task, const uint64_t args[6])
{
    return wait_milliseconds(task, args, 0, 0);
}

long call_epoll_pwait(struct task *task, const uint64_t args[6])
{
    return wait_milliseconds(task, args, args[4], args[5]);
}

long call_epoll_pwait2(struct task *task, const uint64_t args[6])
{
    struct deadline deadline = {1, 0, 0};
    struct time_left time = {1, 0};
    if (args[3]) {
        if (task_copyin(task, &time, args[3], sizeof time))
            return -EFAULT;
        if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= 1000000000)
            return -EINVAL;
        deadline = deadline_after(time.seconds, time.nanoseconds);
    }
    return wait_call(task, args, time.seconds || time.nanoseconds ? &deadline : NULL, args[4],
                     args[5]);
}
