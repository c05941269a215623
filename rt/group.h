/* Taking an interrupted cage out of an instruction group (docs/sfi.md 4 and 6). */
#ifndef LIND_GROUP_H
#define LIND_GROUP_H

#include "rt/thread.h"

/* Flags that a cage may have: CF PF AF ZF SF OF; and those that are always set in user mode. */
#define FLAGS_CAGE 0x8d5ULL
#define FLAGS_FIXED 0x202ULL

/* regs holds absolute rip and rsp of cage code that was interrupted. When rip is inside a group,
 * the group is completed or rewound, so that rip becomes a legal branch target and no register
 * holds a value that only the group may see. */
void group_leave(uint64_t base, const struct text *text, struct registers *regs);

#endif
