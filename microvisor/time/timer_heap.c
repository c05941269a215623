/* Which timer the engine looks at next, of all processes: a pairing heap, which needs no memory
 * besides the timers. Entering one costs nothing, taking one out the logarithm of their number on
 * average, so many timers of one program do not slow those of others down.
 *
 * A timer comes before its children. `previous` is the parent of a first child, else the sibling
 * before. Lock: timers_lock. */
#include <stddef.h>

#include "microvisor/time/clock.h"
#include "microvisor/time/internal.h"

static struct timer *first;

/* Makes one heap of two, each of which may be empty. */
static struct timer *merge(struct timer *one, struct timer *other)
{
    if (!one || !other)
        return one ? one : other;
    if (other->look < one->look) {
        struct timer *swap = one;
        one = other;
        other = swap;
    }
    other->previous = one;
    other->next = one->child;
    if (one->child)
        one->child->previous = other;
    one->child = other;
    return one;
}

static struct timer *alone(struct timer *timer)
{
    if (timer)
        timer->next = timer->previous = NULL;
    return timer;
}

/* One heap of siblings: in pairs, then all pairs. That is what keeps the heap shallow. */
static struct timer *merge_siblings(struct timer *timer)
{
    struct timer *pairs = NULL, *all = NULL, *next;
    for (; timer; timer = next) {
        struct timer *second = timer->next;
        next = second ? second->next : NULL;
        struct timer *pair = merge(alone(timer), alone(second));
        pair->next = pairs;
        pairs = pair;
    }
    for (; pairs; pairs = next) {
        next = pairs->next;
        all = merge(all, alone(pairs));
    }
    return all;
}

static void take_out(struct timer *timer)
{
    struct timer *below = merge_siblings(timer->child);
    if (timer == first) {
        first = below;
    } else {
        if (timer->previous->child == timer)
            timer->previous->child = timer->next;
        else
            timer->previous->next = timer->next;
        if (timer->next)
            timer->next->previous = timer->previous;
        first = merge(first, below);
    }
    timer->child = NULL;
    alone(timer);
}

void timer_look_at(struct timer *timer, uint64_t when)
{
    if (timer->look == when)
        return;
    if (timer->look != NEVER)
        take_out(timer);
    timer->look = when;
    if (when != NEVER)
        first = merge(first, timer);
}

struct timer *timers_first(void)
{
    return first;
}
