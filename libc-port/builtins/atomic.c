/* Atomic operations that clang does not write out: those of 16 bytes, by cmpxchg16b, and those of
 * other sizes or alignments, under a lock. Names and arguments are libatomic's. */
#include "builtins.h"

void *memcpy(void *, const void *, __SIZE_TYPE__);
int memcmp(const void *, const void *, __SIZE_TYPE__);

/* If *place equals *expected, stores desired and returns true; else loads *place to *expected. */
static inline bool exchange_if_equal(volatile void *place, uint128 *expected, uint128 desired)
{
    bool equal;
    uint64_t low = LOW(*expected), high = HIGH(*expected);
    __asm__ volatile("lock cmpxchg16b %[place]"
                     : "=@ccz"(equal), [place] "+m"(*(volatile uint128 *)place), "+a"(low),
                       "+d"(high)
                     : "b"(LOW(desired)), "c"(HIGH(desired))
                     : "memory");
    *expected = (uint128)high << 64 | low;
    return equal;
}

BUILTIN uint128 load_16(const volatile void *place, int order) __asm__("__atomic_load_16");
BUILTIN uint128 load_16(const volatile void *place, int order)
{
    (void)order;
    uint128 value = 0;
    exchange_if_equal((volatile void *)place, &value, 0);
    return value;
}

BUILTIN bool compare_exchange_16(volatile void *place, void *expected, uint128 desired, int order,
                                 int failure) __asm__("__atomic_compare_exchange_16");
BUILTIN bool compare_exchange_16(volatile void *place, void *expected, uint128 desired, int order,
                                 int failure)
{
    (void)order;
    (void)failure;
    return exchange_if_equal(place, expected, desired);
}

BUILTIN uint128 value_compare_and_swap_16(volatile void *, uint128, uint128) __asm__(
    "__sync_val_compare_and_swap_16");
BUILTIN uint128 value_compare_and_swap_16(volatile void *place, uint128 expected, uint128 desired)
{
    exchange_if_equal(place, &expected, desired);
    return expected;
}

BUILTIN bool bool_compare_and_swap_16(volatile void *place, uint128 expected,
                                      uint128 desired) __asm__("__sync_bool_compare_and_swap_16");
BUILTIN bool bool_compare_and_swap_16(volatile void *place, uint128 expected, uint128 desired)
{
    return exchange_if_equal(place, &expected, desired);
}

#define FETCH(operation, expression)                                                               \
    BUILTIN uint128 operation##_16(volatile void *place, uint128 value, int order) __asm__(        \
        "__atomic_" #operation "_16");                                                             \
    BUILTIN uint128 operation##_16(volatile void *place, uint128 value, int order)                 \
    {                                                                                              \
        uint128 old = load_16(place, order);                                                       \
        while (!exchange_if_equal(place, &old, (expression))) {                                    \
        }                                                                                          \
        return old;                                                                                \
    }

FETCH(exchange, value)
FETCH(fetch_add, old + value)
FETCH(fetch_sub, old - value)
FETCH(fetch_and, old & value)
FETCH(fetch_or, old | value)
FETCH(fetch_xor, old ^ value)
FETCH(fetch_nand, ~(old & value))

BUILTIN void store_16(volatile void *place, uint128 value, int order) __asm__("__atomic_store_16");
BUILTIN void store_16(volatile void *place, uint128 value, int order)
{
    exchange_16(place, value, order);
}

/* Any size: one of a few locks, chosen by address. A holder runs a short copy only, so waiters
 * spin, and give up the processor when that does not help. */
static uint32_t locks[64];

static inline uint32_t *lock_of(const volatile void *place)
{
    return &locks[(uintptr_t)place >> 4 & (sizeof locks / sizeof *locks - 1)];
}

static void acquire(uint32_t *lock)
{
    for (unsigned tries = 0; __atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE); tries++) {
        __builtin_ia32_pause();
        if (tries % 128 == 127) {
            long call = 24; /* sched_yield */
            __asm__ volatile("syscall" : "+a"(call) : : "rcx", "r11", "memory");
        }
    }
}

static void release(uint32_t *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

/* Sizes that the machine does by itself, where the alignment allows it. Lock-free and locked
 * accesses to one object must not mix, so each function below makes the same choice from size and
 * address. */
static inline bool is_lock_free(__SIZE_TYPE__ size, const volatile void *place)
{
    return (size == 1 || size == 2 || size == 4 || size == 8 || size == 16) &&
           ((uintptr_t)place & (size - 1)) == 0;
}

BUILTIN bool lock_free(__SIZE_TYPE__, const volatile void *) __asm__("__atomic_is_lock_free");
BUILTIN bool lock_free(__SIZE_TYPE__ size, const volatile void *place)
{
    return is_lock_free(size, place);
}

/* Runs `statement` with `type` for the size, or returns to the locked path behind it. */
#define BY_SIZE(size, place, statement)                                                            \
    if (is_lock_free(size, place)) {                                                               \
        if ((size) == 1) {                                                                         \
            statement(uint8_t, 1)                                                                  \
        } else if ((size) == 2) {                                                                  \
            statement(uint16_t, 2)                                                                 \
        } else if ((size) == 4) {                                                                  \
            statement(uint32_t, 4)                                                                 \
        } else if ((size) == 8) {                                                                  \
            statement(uint64_t, 8)                                                                 \
        }                                                                                          \
    }

BUILTIN void load(__SIZE_TYPE__ size, const volatile void *place, void *result,
                  int order) __asm__("__atomic_load");
BUILTIN void load(__SIZE_TYPE__ size, const volatile void *place, void *result, int order)
{
#define LOAD(type, bytes)                                                                          \
    type value = __atomic_load_n((const volatile type *)place, __ATOMIC_SEQ_CST);                  \
    memcpy(result, &value, bytes);                                                                 \
    return;
    BY_SIZE(size, place, LOAD)
    if (is_lock_free(size, place)) {
        uint128 value = load_16(place, order);
        memcpy(result, &value, 16);
        return;
    }
    uint32_t *lock = lock_of(place);
    acquire(lock);
    memcpy(result, (const void *)place, size);
    release(lock);
}

BUILTIN void store(__SIZE_TYPE__ size, volatile void *place, const void *given,
                   int order) __asm__("__atomic_store");
BUILTIN void store(__SIZE_TYPE__ size, volatile void *place, const void *given, int order)
{
#define STORE(type, bytes)                                                                         \
    type value;                                                                                    \
    memcpy(&value, given, bytes);                                                                  \
    __atomic_store_n((volatile type *)place, value, __ATOMIC_SEQ_CST);                             \
    return;
    BY_SIZE(size, place, STORE)
    if (is_lock_free(size, place)) {
        uint128 value;
        memcpy(&value, given, 16);
        store_16(place, value, order);
        return;
    }
    uint32_t *lock = lock_of(place);
    acquire(lock);
    memcpy((void *)place, given, size);
    release(lock);
}

BUILTIN void exchange(__SIZE_TYPE__ size, volatile void *place, const void *given, void *result,
                      int order) __asm__("__atomic_exchange");
BUILTIN void exchange(__SIZE_TYPE__ size, volatile void *place, const void *given, void *result,
                      int order)
{
#define EXCHANGE(type, bytes)                                                                      \
    type value;                                                                                    \
    memcpy(&value, given, bytes);                                                                  \
    value = __atomic_exchange_n((volatile type *)place, value, __ATOMIC_SEQ_CST);                  \
    memcpy(result, &value, bytes);                                                                 \
    return;
    BY_SIZE(size, place, EXCHANGE)
    if (is_lock_free(size, place)) {
        uint128 value;
        memcpy(&value, given, 16);
        value = exchange_16(place, value, order);
        memcpy(result, &value, 16);
        return;
    }
    uint32_t *lock = lock_of(place);
    acquire(lock);
    memcpy(result, (const void *)place, size);
    memcpy((void *)place, given, size);
    release(lock);
}

BUILTIN bool compare_exchange(__SIZE_TYPE__ size, volatile void *place, void *expected,
                              const void *desired, int success,
                              int failure) __asm__("__atomic_compare_exchange");
BUILTIN bool compare_exchange(__SIZE_TYPE__ size, volatile void *place, void *expected,
                              const void *desired, int success, int failure)
{
    (void)success;
    (void)failure;
#define COMPARE_EXCHANGE(type, bytes)                                                              \
    type old, value;                                                                               \
    memcpy(&old, expected, bytes);                                                                 \
    memcpy(&value, desired, bytes);                                                                \
    bool done = __atomic_compare_exchange_n((volatile type *)place, &old, value, false,            \
                                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                   \
    memcpy(expected, &old, bytes);                                                                 \
    return done;
    BY_SIZE(size, place, COMPARE_EXCHANGE)
    if (is_lock_free(size, place)) {
        uint128 old, value;
        memcpy(&old, expected, 16);
        memcpy(&value, desired, 16);
        bool done = exchange_if_equal(place, &old, value);
        memcpy(expected, &old, 16);
        return done;
    }
    uint32_t *lock = lock_of(place);
    acquire(lock);
    bool equal = !memcmp((const void *)place, expected, size);
    if (equal) {
        memcpy((void *)place, desired, size);
    } else {
        memcpy(expected, (const void *)place, size);
    }
    release(lock);
    return equal;
}
