/* Prototypes of all calls, made from calls.def, and what they have in common. */
#ifndef LIND_CALLS_H
#define LIND_CALLS_H

#include <stdint.h>

struct task;

/* A call: args are the six arguments, already a private copy. Returns the result or -errno. */
typedef long call_function(struct task *task, const uint64_t args[6]);

#define CALL(number, name, temperature, family, arguments) call_function call_##name;
#define NOCALL(number, name, reason)
#include "microvisor/calls.def"
#undef CALL
#undef NOCALL

/* Defines a call that is one expression of task and args. */
#define CALL_IS(name, expression)                                                                  \
    long call_##name(struct task *task, const uint64_t args[6])                                    \
    {                                                                                              \
        return (long)(expression);                                                                 \
    }

/* What calls.def says of one call. */
struct call_description {
    const char *name;
    const char *arguments; /* NULL when the call is not supported */
    const char *family;
    call_function *function; /* NULL when the call is not supported */
    int hot;
};

#define CALL_COUNT 512
extern const struct call_description calls[CALL_COUNT];

/* Runs function(task, data) as COLD code, whatever runs now. */
long run_cold(struct task *task, long (*function)(struct task *task, void *data), void *data);

struct handler;
struct thread;

/* What the gate calls for a number without an entry: ENOSYS. */
long call_unsupported(struct thread *thread, const uint64_t args[6]);

/* Fills a handler table (HANDLER_TABLE_SIZE entries) with the microvisor's own functions. */
void calls_fill(struct handler *table);

#endif
