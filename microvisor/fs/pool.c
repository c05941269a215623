#include "microvisor/fs/pool.h"

#include <stddef.h>

#include "microvisor/fs/file.h"

#define POOL_PIECE 32768

void *pool_take(struct pool *pool)
{
    lock_acquire(&pool->lock);
    if (!pool->free) {
        uint8_t *piece = file_pages(POOL_PIECE);
        for (uint32_t at = 0; piece && at + pool->size <= POOL_PIECE; at += pool->size) {
            *(void **)(piece + at) = pool->free;
            pool->free = piece + at;
        }
    }
    uint64_t *object = pool->free;
    if (object) {
        pool->free = *(void **)object;
    }
    lock_release(&pool->lock);
    if (object) { /* not memset: HOT */
        void *at = object;
        uint64_t words = pool->size / 8;
        __asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(0) : "memory");
    }
    return object;
}

void pool_give(struct pool *pool, void *object)
{
    LOCKED(&pool->lock);
    *(void **)object = pool->free;
    pool->free = object;
}
