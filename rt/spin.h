/* Watching a word for a while before sleeping on it.
 *
 * Waking a thread of an idle CPU takes 20 us and more in a virtual machine, and what is waited for
 * often comes sooner than sleeping and being woken take. A sleeper therefore first looks at the word
 * for 100 us, as adaptive mutexes do, if lind-run has more than one CPU: a child that a shell has
 * fork and execute a small program takes 50 us. Where that was in vain it is tried rarely, so waiting
 * costs next to nothing. */
#ifndef LIND_SPIN_H
#define LIND_SPIN_H

#include <stdatomic.h>
#include <stdint.h>

/* How the last attempts in one place went; zero-filled memory is a fresh one. */
struct spin {
    uint8_t vain;  /* so many attempts were in vain since one succeeded */
    uint16_t skip; /* sleeps to come without an attempt */
};

/* How often to look: 0 where lind-run may use one CPU only. Set by spin_init. */
extern unsigned spin_limit;

void spin_init(void);

/* How often to look this time; 0: not at all. */
static inline unsigned spin_turns(struct spin *spin)
{
    if (!spin->skip)
        return spin_limit;
    spin->skip--;
    return 0;
}

static inline void spin_result(struct spin *spin, int succeeded)
{
    enum { PATIENCE = 2, MOST = 10 };
    if (succeeded)
        spin->vain = 0;
    else if (spin->vain < MOST)
        spin->vain++;
    spin->skip = spin->vain > PATIENCE ? (uint16_t)(1 << spin->vain) : 0;
}

/* Looks until *word is no longer `value` or *pending is not zero, at most `turns` times. Returns
 * whether the word has changed. */
static inline int spin_while(const _Atomic uint32_t *word, uint32_t value,
                             const _Atomic uint32_t *pending, unsigned turns)
{
    for (; turns && !atomic_load_explicit(pending, memory_order_relaxed); turns--) {
        if (atomic_load_explicit(word, memory_order_acquire) != value)
            return 1;
        __builtin_ia32_pause();
    }
    return 0;
}

/* All three in one. Returns whether the word has changed. */
static inline int spin_wait(struct spin *spin, const _Atomic uint32_t *word, uint32_t value,
                            const _Atomic uint32_t *pending)
{
    unsigned turns = spin_turns(spin);
    if (!turns)
        return 0;
    int changed = spin_while(word, value, pending, turns);
    spin_result(spin, changed);
    return changed;
}

#endif
