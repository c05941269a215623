/* Names of constants, for traces. */
#ifndef LIND_TRACE_NAMES_H
#define LIND_TRACE_NAMES_H

#include <stdint.h>

struct constant {
    const char *name;
    uint64_t value;
};

/* The constants of a set as calls.def calls it ("O", "MAP", "CLOCK" …), ended by a NULL name; NULL
 * when the set is not known. */
const struct constant *constants_of(const char *set);

/* The name of a value in a known set, or NULL. */
const char *constant_name(const char *set, uint64_t value);

#endif
