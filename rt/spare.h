/* What is kept for the next who needs the like: the one kept last is taken first, as it is warm. */
#ifndef LIND_SPARE_H
#define LIND_SPARE_H

#include <stddef.h>

#include "rt/lock.h"

struct spares {
    struct lock lock; /* a leaf */
    unsigned count, most;
    void *first; /* linked through their first words */
};

/* Takes one, or NULL. Its first word is any. */
static inline void *spare_take(struct spares *spares)
{
    LOCKED(&spares->lock);
    void *object = spares->first;
    if (object) {
        spares->first = *(void **)object;
        spares->count--;
    }
    return object;
}

/* Whether it was kept: there were fewer than `most`. */
static inline int spare_keep(struct spares *spares, void *object)
{
    LOCKED(&spares->lock);
    if (spares->count >= spares->most)
        return 0;
    *(void **)object = spares->first;
    spares->first = object;
    spares->count++;
    return 1;
}

#endif
