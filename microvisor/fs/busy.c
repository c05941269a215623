#include "microvisor/fs/busy.h"

#include <errno.h>

#include "microvisor/fs/pool.h"

struct busy {
    struct busy *next;
    uint64_t device, inode;
    enum busy_use use;
    uint32_t count; /* of its uses, all of one kind */
};

enum { CHAINS = 256 };

/* By the inode, under the lock: a leaf but for the pool's. */
static struct busy *chains[CHAINS];
static struct lock busy_lock;
static struct pool pool = POOL_OF(struct busy);

static struct busy **find(uint64_t device, uint64_t inode)
{
    struct busy **at = &chains[inode % CHAINS];
    while (*at && ((*at)->inode != inode || (*at)->device != device))
        at = &(*at)->next;
    return at;
}

int busy_begin(const struct stat *file, enum busy_use use, struct busy **busy)
{
    LOCKED(&busy_lock);
    struct busy **at = find(file->st_dev, file->st_ino), *found = *at;
    if (found && found->use != use)
        return -ETXTBSY;
    if (!found) {
        found = pool_take(&pool);
        if (!found)
            return -ENOMEM;
        found->device = file->st_dev;
        found->inode = file->st_ino;
        found->use = use;
        *at = found;
    }
    found->count++;
    *busy = found;
    return 0;
}

void busy_end(struct busy *busy)
{
    if (!busy)
        return;
    LOCKED(&busy_lock);
    if (--busy->count)
        return;
    *find(busy->device, busy->inode) = busy->next;
    pool_give(&pool, busy);
}

int busy_is_executed(const struct stat *file)
{
    LOCKED(&busy_lock);
    const struct busy *found = *find(file->st_dev, file->st_ino);
    return found && found->use == BUSY_EXECUTED;
}
