/* Pools of equal objects in memory straight from the host, for HOT calls. What was an object of a
 * pool stays one for ever, so a stale pointer meets another object of the same type at worst. */
#ifndef LIND_FS_POOL_H
#define LIND_FS_POOL_H

#include <stdint.h>

#include "rt/lock.h"

struct pool {
    struct lock lock; /* a leaf */
    uint32_t size;    /* of an object, a multiple of 8 */
    void *free;
};

#define POOL_OF(type)                                                                              \
    {                                                                                              \
        .size = (sizeof(type) + 7) & ~7U                                                           \
    }

/* A zeroed object, or NULL when there is no memory. */
void *pool_take(struct pool *pool);

void pool_give(struct pool *pool, void *object);

#endif
