/* poll, ppoll, select and pselect6 over everything that has a descriptor.
 *
 * Objects of the microvisor are looked at through their operations and announce changes to waiters
 * (wait.h). Host descriptors are left to the host's ppoll. A call that waits for both gives the
 * host's ppoll one more descriptor, a bell that the waiters ring. While it waits it holds all
 * descriptions. Everything here is HOT. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <stddef.h>
#include <sys/eventfd.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/wait.h"
#include "microvisor/signal/signal.h"
#include "microvisor/time/clock.h"
#include "rt/copy.h"

#define ON_STACK 16 /* entries that need no memory */

/* The sleeping task, for its waiters. */
struct sleeper {
    _Atomic uint32_t woken; /* the futex, when there is no bell */
    _Atomic int bell;       /* an eventfd, or -1; made while waiters may be called already */
};

struct poll_entry {
    struct waiter waiter; /* first */
    struct sleeper *sleeper;
    struct file *file;
    int32_t fd;
    int32_t events, revents;
    int32_t host; /* index in the host's array, or -1 */
};

struct poll_table {
    struct poll_entry *entries;
    struct pollfd *host; /* room for one more than there are entries */
    unsigned count, host_count;
    uint64_t memory; /* bytes of file_pages behind entries, 0 when on the stack */
};

static void poll_wake(struct waiter *waiter, int events)
{
    struct poll_entry *entry = (struct poll_entry *)waiter;
    struct sleeper *sleeper = entry->sleeper;
    const uint64_t one = 1;
    if (!(events & (entry->events | POLLERR | POLLHUP)) || atomic_exchange(&sleeper->woken, 1))
        return;
    if (sleeper->bell >= 0)
        host_call3(SYS_write, sleeper->bell, &one, sizeof one);
    else
        host_call3(SYS_futex, &sleeper->woken, FUTEX_WAKE_PRIVATE, 1);
}

/* Gets the descriptions and sorts out what the host has to be asked for. */
static void poll_begin(struct task *task, struct poll_table *table)
{
    table->host_count = 0;
    for (unsigned i = 0; i < table->count; i++) {
        struct poll_entry *entry = &table->entries[i];
        entry->waiter.queue = NULL;
        entry->revents = 0;
        entry->host = -1;
        entry->file = entry->fd < 0 ? NULL : descriptor_get(task, (uint32_t)entry->fd);
        struct file *file = entry->file;
        if (!file)
            continue;
        if (file->host_fd >= 0 && !(file_flags(file) & O_PATH) && file->kind != FILE_REGULAR &&
            file->kind != FILE_DIRECTORY) {
            entry->host = (int32_t)table->host_count++;
            int events = entry->events;
            if (file->operations->poll) /* an epoll set: its host part only hints */
                events = events & (POLLIN | POLLRDNORM) ? POLLIN : 0;
            table->host[entry->host] = (struct pollfd){file->host_fd, (short)events, 0};
        }
    }
}

/* Asks all but the host. Returns how many are ready. */
static unsigned poll_own(struct task *task, struct poll_table *table)
{
    const int always = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
    unsigned ready = 0;
    for (unsigned i = 0; i < table->count; i++) {
        struct poll_entry *entry = &table->entries[i];
        struct file *file = entry->file;
        if (entry->fd < 0)
            continue;
        if (!file || file_flags(file) & O_PATH)
            entry->revents = POLLNVAL;
        else if (file->operations->poll)
            entry->revents = file->operations->poll(task, file, entry->events);
        else if (entry->host < 0)
            entry->revents = entry->events & always;
        else
            continue;
        ready += entry->revents != 0;
    }
    return ready;
}

/* Takes the host's answers over. Returns how many entries are ready by them alone. */
static unsigned poll_take_host(struct poll_table *table)
{
    unsigned ready = 0;
    for (unsigned i = 0; i < table->count; i++) {
        struct poll_entry *entry = &table->entries[i];
        if (entry->host < 0 || entry->file->operations->poll)
            continue;
        entry->revents = table->host[entry->host].revents;
        ready += entry->revents != 0;
    }
    return ready;
}

static int poll_register(struct poll_table *table, struct sleeper *sleeper)
{
    int registered = 0;
    for (unsigned i = 0; i < table->count; i++) {
        struct poll_entry *entry = &table->entries[i];
        if (!entry->file || file_flags(entry->file) & O_PATH || !entry->file->operations->queue)
            continue;
        entry->sleeper = sleeper;
        entry->waiter.wake = poll_wake;
        wait_queue_add(entry->file->operations->queue(entry->file), &entry->waiter);
        registered = 1;
    }
    return registered;
}

static void poll_end(struct task *task, struct poll_table *table, struct sleeper *sleeper)
{
    for (unsigned i = 0; i < table->count; i++) {
        wait_queue_remove(&table->entries[i].waiter);
        if (table->entries[i].file)
            descriptor_put(task, table->entries[i].file);
    }
    if (sleeper->bell >= 0)
        host_call1(SYS_close, sleeper->bell);
}

/* Sleeps until something may have changed or the deadline. Returns 0, 1 when the time is over, -EINTR
 * or another error. */
static long poll_sleep(struct task *task, struct poll_table *table, struct sleeper *sleeper,
                       uint64_t deadline)
{
    struct timespec left;
    const struct timespec *limit = deadline_left(deadline, &left);
    long result;
    if (table->host_count) {
        unsigned count = table->host_count;
        if (sleeper->bell >= 0)
            table->host[count++] = (struct pollfd){sleeper->bell, POLLIN, 0};
        if (deadline)
            result = task_blocking(task, SYS_ppoll, HOST_ARG(table->host), count, HOST_ARG(limit),
                                   0, 8);
        else
            result = host_call5(SYS_ppoll, table->host, count, limit, 0, 8);
        if (result <= 0)
            return result ? result : 1;
        if (sleeper->bell >= 0 && table->host[table->host_count].revents) {
            uint64_t rung;
            host_call3(SYS_read, sleeper->bell, &rung, sizeof rung);
        }
        return 0;
    }
    if (!deadline)
        return 1;
    result = task_blocking(task, SYS_futex, HOST_ARG(&sleeper->woken), FUTEX_WAIT_PRIVATE, 0,
                           HOST_ARG(limit));
    return result == -ETIMEDOUT ? 1 : result == -EAGAIN ? 0 : result;
}

/* Fills revents. deadline 0: looks once. Returns how many entries are ready, -EINTR when
 * interrupted, -ENOMEM or -EMFILE. */
static long poll_run(struct task *task, struct poll_table *table, uint64_t deadline)
{
    struct sleeper sleeper = {0, -1};
    int registered = 0;
    long result = 0;

    poll_begin(task, table);
    for (;;) {
        atomic_store(&sleeper.woken, 0); /* before looking: a later change wakes again */
        unsigned ready = poll_own(task, table);
        if (ready || !deadline) {
            if (table->host_count && (result = poll_sleep(task, table, &sleeper, 0)) >= 0)
                ready += poll_take_host(table);
            result = result < 0 ? result : (long)ready;
            break;
        }
        if (!registered) {
            registered = 1;
            if (poll_register(table, &sleeper)) {
                if (table->host_count) {
                    result = host_call2(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
                    if (result < 0)
                        break;
                    sleeper.bell = (int)result;
                }
                continue; /* look again, now that changes are announced and the bell is there */
            }
        }
        result = poll_sleep(task, table, &sleeper, deadline);
        if (result == -EINTR && !task_interrupted(task))
            continue;
        if (result < 0)
            break;
        unsigned host_ready = result == 0 && table->host_count ? poll_take_host(table) : 0;
        ready = host_ready || result == 1 ? poll_own(task, table) + host_ready : 0;
        if (ready || result == 1) {
            result = (long)ready;
            break;
        }
    }
    poll_end(task, table, &sleeper);
    /* As in Linux, a signal counts when nothing is ready, also if no time was to be waited: the call's
     * mask may let one through. */
    return !result && signal_pending(task) ? -EINTR : result;
}

static int table_make(struct poll_table *table, struct poll_entry *entries, struct pollfd *host,
                      uint64_t count)
{
    *table = (struct poll_table){entries, host, (unsigned)count, 0, 0};
    if (count <= ON_STACK)
        return 0;
    table->memory = count * sizeof *entries + (count + 1) * sizeof *host;
    table->entries = file_pages(table->memory);
    if (!table->entries)
        return -ENOMEM;
    table->host = (struct pollfd *)(table->entries + count);
    return 0;
}

static void table_free(struct poll_table *table)
{
    if (table->memory)
        file_pages_free(table->entries, table->memory);
}

static long poll_with(struct task *task, uint64_t address, uint64_t count, uint64_t deadline)
{
    struct poll_entry entries[ON_STACK];
    struct pollfd host[ON_STACK + 1];
    struct poll_table table;
    long result = 0;
    if (count > process_limit(task->process, RLIMIT_NOFILE) || count > DESCRIPTORS_MAX)
        return -EINVAL;
    if (table_make(&table, entries, host, count))
        return -ENOMEM;
    for (uint64_t i = 0; i < count && !result; i++) {
        struct pollfd one;
        result = task_copyin(task, &one, address + i * sizeof one, sizeof one);
        table.entries[i].fd = one.fd;
        table.entries[i].events = one.events;
    }
    if (!result)
        result = poll_run(task, &table, deadline);
    for (uint64_t i = 0; i < count && result >= 0; i++) {
        int16_t revents = (int16_t)table.entries[i].revents;
        if (task_copyout(task,
                         address + i * sizeof(struct pollfd) + offsetof(struct pollfd, revents),
                         &revents, sizeof revents))
            result = -EFAULT;
    }
    table_free(&table);
    return result;
}

static long poll_again(struct task *task, const uint64_t args[6])
{
    long result = poll_with(task, args[0], args[1], args[2]);
    return result == -EINTR ? signal_restart_later(task, poll_again, args) : result;
}

long call_poll(struct task *task, const uint64_t args[6])
{
    const uint64_t all[6] = {args[0], (uint32_t)args[1], deadline_of_milliseconds((int32_t)args[2])};
    return poll_again(task, all);
}

/* What the calls with a time limit in memory and perhaps a signal mask have in common. */
struct limited {
    uint64_t deadline;
    uint64_t address; /* of the time, 0 for none */
    int micro;        /* it is a struct timeval */
    int masked;
};

static long limited_begin(struct task *task, struct limited *limited, uint64_t time, int micro,
                          uint64_t mask_address, uint64_t mask_size)
{
    struct timespec left;
    uint64_t mask = 0;
    *limited = (struct limited){.deadline = NEVER, .address = time, .micro = micro};
    if (time) {
        if (task_copyin(task, &left, time, sizeof left))
            return -EFAULT;
        if (micro) { /* select adds whole seconds of microseconds up */
            if (left.tv_sec < 0 || left.tv_nsec < 0 ||
                __builtin_add_overflow(left.tv_sec, left.tv_nsec / 1000000, &left.tv_sec))
                return -EINVAL;
            left.tv_nsec = left.tv_nsec % 1000000 * 1000;
        }
        if (!timespec_valid(&left))
            return -EINVAL;
        limited->deadline = deadline_of(&left);
    }
    if (mask_address) {
        if (mask_size != sizeof mask)
            return -EINVAL;
        if (task_copyin(task, &mask, mask_address, sizeof mask))
            return -EFAULT;
        signal_mask_swap(task, mask);
        limited->masked = 1;
    }
    return 0;
}

/* Writes the rest of the time back, as Linux does, and ends the mask. */
static long limited_end(struct task *task, struct limited *limited, long result)
{
    struct timespec left;
    if (result == -EINTR)
        result = signal_interrupted(task, RESTART_NOHAND);
    if (limited->address) {
        deadline_left(limited->deadline, &left);
        if (limited->micro)
            left.tv_nsec /= 1000;
        if (task_copyout(task, limited->address, &left, sizeof left) && result == RESTART_NOHAND)
            result = -EINTR; /* repeating would wait the full time again */
    }
    return limited->masked ? signal_mask_end(task, result) : result;
}

long call_ppoll(struct task *task, const uint64_t args[6])
{
    struct limited limited;
    long error = limited_begin(task, &limited, args[2], 0, args[3], args[4]);
    if (error)
        return error;
    return limited_end(task, &limited, poll_with(task, args[0], (uint32_t)args[1], limited.deadline));
}

/* The three sets of select as events. */
#define SELECT_SETS 3
static const int select_events[SELECT_SETS] = {POLLRDNORM | POLLRDBAND | POLLIN,
                                               POLLWRBAND | POLLWRNORM | POLLOUT, POLLPRI};
static const int select_results[SELECT_SETS] = {
    POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR,
    POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR, POLLPRI};
#define SELECT_ON_STACK 16 /* words of each set */

/* select on sets of `words` words. in: those asked for, replaced by those that are ready. */
static long select_run(struct task *task, uint64_t *sets[SELECT_SETS], uint32_t words, uint64_t n,
                       uint64_t deadline)
{
    struct poll_entry entries[ON_STACK];
    struct pollfd host[ON_STACK + 1];
    struct poll_table table;
    uint64_t count = 0;
    for (uint32_t word = 0; word < words; word++)
        for (uint64_t all = sets[0][word] | sets[1][word] | sets[2][word]; all; all &= all - 1)
            count++;
    if (table_make(&table, entries, host, count))
        return -ENOMEM;
    count = 0;
    for (uint64_t fd = 0; fd < n; fd++) {
        int events = 0;
        for (int set = 0; set < SELECT_SETS; set++)
            if (sets[set][fd / 64] >> (fd % 64) & 1)
                events |= select_events[set];
        if (events) {
            table.entries[count].fd = (int32_t)fd;
            table.entries[count++].events = events;
        }
    }
    table.count = (unsigned)count;
    long result = 0;
    for (unsigned i = 0; i < table.count && !result; i++) {
        struct file *file = descriptor_get(task, (uint32_t)table.entries[i].fd);
        if (!file)
            result = -EBADF;
        else
            descriptor_put(task, file);
    }
    if (!result)
        result = poll_run(task, &table, deadline);
    if (result >= 0) {
        result = 0;
        for (unsigned i = 0; i < table.count; i++) {
            const struct poll_entry *entry = &table.entries[i];
            for (int set = 0; set < SELECT_SETS; set++) {
                uint64_t bit = 1ULL << (entry->fd % 64), *word = &sets[set][entry->fd / 64];
                if (!(*word & bit))
                    continue;
                if (entry->revents & select_results[set])
                    result++;
                else
                    *word &= ~bit;
            }
        }
    }
    table_free(&table);
    return result;
}

static long select_with(struct task *task, const uint64_t args[6], struct limited *limited)
{
    int32_t n = (int32_t)args[0];
    uint64_t small[SELECT_SETS * SELECT_ON_STACK], *memory = small, *sets[SELECT_SETS];
    if (n < 0)
        return -EINVAL;
    if (n > DESCRIPTORS_MAX)
        n = DESCRIPTORS_MAX;
    uint32_t words = ((uint32_t)n + 63) / 64;
    uint64_t size = words * 8ULL;
    if (words > SELECT_ON_STACK && !(memory = file_pages(size * SELECT_SETS)))
        return -ENOMEM;
    long result = 0;
    for (int i = 0; i < SELECT_SETS; i++) {
        sets[i] = memory + (uint64_t)i * words;
        for (volatile uint64_t *word = sets[i]; word < sets[i] + words; word++)
            *word = 0;
        if (args[1 + i] && task_copyin(task, sets[i], args[1 + i], size))
            result = -EFAULT;
        if (n % 64)
            sets[i][words - 1] &= (1ULL << (n % 64)) - 1;
    }
    if (!result)
        result = select_run(task, sets, words, (uint64_t)n, limited->deadline);
    for (int i = 0; i < SELECT_SETS && result >= 0; i++)
        if (args[1 + i] && task_copyout(task, args[1 + i], sets[i], size))
            result = -EFAULT;
    if (memory != small)
        file_pages_free(memory, size * SELECT_SETS);
    return result;
}

long call_select(struct task *task, const uint64_t args[6])
{
    struct limited limited;
    long error = limited_begin(task, &limited, args[4], 1, 0, 0);
    if (error)
        return error;
    return limited_end(task, &limited, select_with(task, args, &limited));
}

long call_pselect6(struct task *task, const uint64_t args[6])
{
    struct limited limited;
    uint64_t mask[2] = {0, 0}; /* address and size */
    if (args[5] && task_copyin(task, mask, args[5], sizeof mask))
        return -EFAULT;
    long error = limited_begin(task, &limited, args[4], 0, mask[0], mask[1]);
    if (error)
        return error;
    return limited_end(task, &limited, select_with(task, args, &limited));
}
