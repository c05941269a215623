#include "microvisor/calls.h"

#include <errno.h>
#include <string.h>

#include "microvisor/proc/rights.h"
#include "microvisor/process.h"
#include "rt/thread.h"

#define HOT 1
#define COLD 0
#define CALL(number, name, temperature, family, arguments)                                         \
    [number] = {#name, arguments, #family, call_##name, temperature},
#define NOCALL(number, name, reason) [number] = {#name, 0, #name, 0, 0},
const struct call_description calls[CALL_COUNT] = {
#include "microvisor/calls.def"
};
#undef CALL
#undef NOCALL

_Static_assert(CALL_COUNT == HANDLER_TABLE_SIZE, "the handler table has a place for each call");

static long carry_rights(struct thread *thread, const uint64_t args[6], void *unused)
{
    rights_carry(task_of(thread));
    return 0;
}

/* A cold call, made with the rights that the process has by now. */
NO_SANITIZER static long call_cold(struct thread *thread, const uint64_t args[6], void *function)
{
    const struct task *task = task_of(thread);
    if (task->rights != atomic_load_explicit(&task->process->rights, memory_order_relaxed))
        handler_cold(thread, args, (void *)(uintptr_t)carry_rights);
    return handler_cold(thread, args, function);
}

static long cold_call(struct thread *thread, const uint64_t args[6])
{
    long (*function)(struct task *, void *) = (long (*)(struct task *, void *))args[0];
    return function(task_of(thread), (void *)args[1]);
}

__attribute__((noinline)) long run_cold(struct task *task,
                                        long (*function)(struct task *task, void *data), void *data)
{
    if (task->thread.cold)
        return function(task, data);
    const uint64_t args[6] = {(uint64_t)function, (uint64_t)data};
    return handler_cold(&task->thread, args, (void *)(uintptr_t)cold_call);
}

void calls_fill(struct handler *table)
{
    for (int number = 0; number < CALL_COUNT; number++) {
        call_function *function = calls[number].function;
        if (!function) {
            table[number] = (struct handler){0};
            continue;
        }
#ifdef LIND_SANITIZED
        /* Sanitizers use vector registers. The clone family leads to cold code itself, when it has
         * seen the caller's vector state. */
        int hot = !strcmp(calls[number].family, "clone");
#else
        int hot = calls[number].hot;
#endif
        if (hot)
            table[number].function = (handler_function *)(uintptr_t)function;
        else
            table[number] = (struct handler){call_cold, (void *)(uintptr_t)function};
    }
}

long call_unsupported(struct thread *thread, const uint64_t args[6])
{
    return -ENOSYS;
}
