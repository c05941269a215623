/* A window's border with its neighbour is the 64 KiB on either side of the line between them: the
 * guard at this window's end and the guard at the next one's start. Code may reach 64 KiB beyond
 * its window's ends through %rsp (docs/sfi.md 1), so a border is reserved as long as the slot on
 * either side of it is in use. */
#include "rt/window.h"

#include <errno.h>
#include <sys/mman.h>

#include "rt/abi.h"
#include "rt/host.h"
#include "rt/lock.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* Slots of the 47-bit user address space. What else lives in the host process is found busy and
 * left alone. */
enum { FIRST_SLOT = 16, LAST_SLOT = 32752, TRIES = 256 };

/* Which slots hold windows; under slot_lock, a leaf lock. */
static uint64_t used[(LAST_SLOT + 64) / 64];
static struct lock slot_lock;

/* Random words for the next who ask, each given out once; under random_lock, a leaf lock. */
enum { RANDOM_WORDS = 32 }; /* getrandom fills 256 bytes at once and as a whole */
static uint64_t random_words[RANDOM_WORDS];
static unsigned random_left;
static struct lock random_lock;

uint64_t random_bits(void)
{
    LOCKED(&random_lock);
    if (!random_left) {
        while (host_call3(SYS_getrandom, random_words, sizeof random_words, 0) !=
               sizeof random_words)
            ;
        random_left = RANDOM_WORDS;
    }
    uint64_t value = random_words[--random_left];
    random_words[random_left] = 0;
    return value;
}

static int slot_used(uint64_t slot)
{
    return used[slot / 64] >> (slot % 64) & 1;
}

static int reserve(uint64_t start, uint64_t size)
{
    long at = host_call6(SYS_mmap, start, size, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
                         (uint64_t)-1, 0);
    if (at == (long)start)
        return 0;
    if (at > 0) /* a kernel before 4.17 takes the address as a hint */
        host_call2(SYS_munmap, at, size);
    return -1;
}

/* The border below slot. */
static uint64_t border(uint64_t slot)
{
    return (slot << LIND_WINDOW_SHIFT) - LIND_GUARD_SIZE;
}

static int slot_take(uint64_t slot)
{
    uint64_t inner = (slot << LIND_WINDOW_SHIFT) + LIND_GUARD_SIZE;
    if (slot_used(slot) || reserve(inner, LIND_WINDOW_SIZE - 2 * LIND_GUARD_SIZE))
        return -1;
    if (!slot_used(slot - 1) && reserve(border(slot), 2 * LIND_GUARD_SIZE))
        goto no_lower;
    if (!slot_used(slot + 1) && reserve(border(slot + 1), 2 * LIND_GUARD_SIZE))
        goto no_upper;
    used[slot / 64] |= 1ULL << (slot % 64);
    return 0;
no_upper:
    if (!slot_used(slot - 1))
        host_call2(SYS_munmap, border(slot), 2 * LIND_GUARD_SIZE);
no_lower:
    host_call2(SYS_munmap, inner, LIND_WINDOW_SIZE - 2 * LIND_GUARD_SIZE);
    return -1;
}

int window_reserve(uint64_t *base)
{
    int error = -ENOMEM;
    LOCKED(&slot_lock);
    for (int i = 0; error && i < TRIES; i++) {
        uint64_t slot = FIRST_SLOT + random_bits() % (LAST_SLOT - FIRST_SLOT);
        error = slot_take(slot) ? -ENOMEM : 0;
        *base = slot << LIND_WINDOW_SHIFT;
    }
    /* Nearly full: take the first that is free. */
    for (uint64_t slot = FIRST_SLOT; error && slot < LAST_SLOT; slot++) {
        error = slot_take(slot) ? -ENOMEM : 0;
        *base = slot << LIND_WINDOW_SHIFT;
    }
    return error;
}

void window_release(uint64_t base)
{
    uint64_t slot = base >> LIND_WINDOW_SHIFT;
    LOCKED(&slot_lock);
    host_call2(SYS_munmap, base + LIND_GUARD_SIZE, LIND_WINDOW_SIZE - 2 * LIND_GUARD_SIZE);
    if (!slot_used(slot - 1))
        host_call2(SYS_munmap, border(slot), 2 * LIND_GUARD_SIZE);
    if (!slot_used(slot + 1))
        host_call2(SYS_munmap, border(slot + 1), 2 * LIND_GUARD_SIZE);
    used[slot / 64] &= ~(1ULL << (slot % 64));
}
