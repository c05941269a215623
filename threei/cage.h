/* A cage: the unit of isolation and of interposition. It is a window and a table of handlers for
 * its calls. What else belongs to it (descriptors, memory map, signals: a POSIX process) is the
 * microvisor's (microvisor/process.h). */
#ifndef LIND_CAGE_H
#define LIND_CAGE_H

#include "rt/thread.h"

struct cage {
    uint64_t id;   /* unique in this lind-run for ever: ids are never used again */
    uint64_t base; /* of its window */
    struct handler handlers[HANDLER_TABLE_SIZE];
};

#endif
