/* epoll_wait(2) and its kin: collecting what is ready in a set, and sleeping until something is.
 * HOT. */
#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/epoll_set.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/clock.h"
#include "rt/copy.h"

#define EVENTS_AT_ONCE 64 /* of host events in one epoll_wait */

/* An epoll_wait under way. */
struct harvest {
    uint64_t address; /* of the guest's array */
    uint32_t count, room;
    uint64_t round; /* of set->rounds */
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
    LOCKED(&set->lock);
    for (uint32_t left = set->ready_count; left && harvest->count < harvest->room; left--) {
        struct watch *watch = ready_pop(set);
        if (!watch)
            break;
        uint32_t events = watch_look(task, watch);
        if (!events)
            continue;
        if ((error = harvest_put(task, harvest, events, watch->data))) {
            watch_put_back(watch);
            break;
        }
        watch->round = harvest->round;
        if (watch->events & EPOLLONESHOT)
            watch->events = 0;
        else if (!(watch->events & EPOLLET))
            watch_put_back(watch);
    }
    return error;
}

/* Host descriptors, waiting for them up to the limit (NULL: for ever). Returns 0, or -errno:
 * -EFAULT, -EINTR. */
static long harvest_host(struct task *task, struct epoll_set *set, struct harvest *harvest,
                         const struct timespec *limit, int wait)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    uint32_t room = harvest->room - harvest->count;
    int error = 0;
    if (room > EVENTS_AT_ONCE)
        room = EVENTS_AT_ONCE;
    if (!room)
        return 0;
    long count =
        wait ? task_blocking(task, SYS_epoll_pwait2, set->file->host_fd, HOST_ARG(events), room,
                             HOST_ARG(limit), 0, 8)
             : host_call6(SYS_epoll_pwait2, HOST_ARG(set->file->host_fd), HOST_ARG(events), room,
                          HOST_ARG(limit), 0, 8);
    if (count < 0)
        return count;
    for (long i = 0; i < count; i++)
        if (events[i].data.u64 - set->mark <= set->hints) /* the bell's need nothing more */
            nested_ready(set, events[i].data.u64, harvest->round);
        else if (!error)
            error = harvest_put(task, harvest, events[i].events, events[i].data.u64);
    return error;
}

static long set_wait(struct task *task, struct epoll_set *set, struct harvest *harvest,
                     uint64_t deadline)
{
    const struct timespec none = {0, 0};
    struct timespec left;
    long error = 0;
    for (;;) {
        harvest->round = atomic_fetch_add(&set->rounds, 1) + 1;
        int host_first = set->host_turn = !set->host_turn;
        if (!host_first)
            error = harvest_own(task, set, harvest);
        if (!error && set->host_count)
            error = harvest_host(task, set, harvest, &none, 0);
        if (!error && host_first)
            error = harvest_own(task, set, harvest);
        if (harvest->count || error || deadline_passed(deadline))
            break;
        lock_acquire(&set->ready_lock);
        int sleep = !set->ready_count;
        set->sleepers += (uint32_t)sleep;
        lock_release(&set->ready_lock);
        if (!sleep)
            continue;
        error = harvest_host(task, set, harvest, deadline_left(deadline, &left), 1);
        lock_acquire(&set->ready_lock);
        set->sleepers--;
        lock_release(&set->ready_lock);
        if (error == -EINTR && !task_interrupted(task))
            error = 0;
        if (!error && harvest->count) /* not once more: what is ready for good would come twice */
            error = harvest_own(task, set, harvest);
        if (error || harvest->count)
            break;
    }
    /* What is left over is for others; the ring that announced it may have come here. */
    if (set->ready_count && set->sleepers)
        epoll_ring(set);
    if (harvest->count)
        return harvest->count;
    return error == -EINTR ? signal_interrupted(task, -EINTR) : error;
}

/* epoll_wait and its kin, once the time is known. mask: window offset of a signal mask, 0 for none.
 */
static long wait_call(struct task *task, const uint64_t args[6], uint64_t deadline)
{
    uint64_t mask_address = args[4], mask_size = args[5];
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
    DESCRIPTION(file, task, args[0]);
    if (!file)
        return -EBADF;
    if (!epoll_is_set(file))
        return -EINVAL;
    struct harvest harvest = {args[1], 0, (uint32_t)room, 0};
    if (!mask_address)
        return set_wait(task, set_of(file), &harvest, deadline);
    signal_mask_swap(task, mask);
    return signal_mask_end(task, set_wait(task, set_of(file), &harvest, deadline));
}

long call_epoll_pwait(struct task *task, const uint64_t args[6])
{
    return wait_call(task, args, deadline_of_milliseconds((int32_t)args[3]));
}

long call_epoll_pwait2(struct task *task, const uint64_t args[6])
{
    struct timespec time;
    int error = args[3] ? timespec_copyin(task, &time, args[3]) : 0;
    return error ? error : wait_call(task, args, args[3] ? deadline_of(&time) : NEVER);
}
