#include "rt/group.h"

#include <string.h>

/* The rebase of %rsp at the end of stack group A is 7 bytes, at the end of group B 4 bytes
 * (docs/sfi.md 4). */
enum { REBASE_A = 7, REBASE_B = 4 };

static int starts_with(const uint8_t *code, const char *bytes, size_t length)
{
    return memcmp(code, bytes, length) == 0;
}

void group_leave(uint64_t base, const struct text *text, struct registers *regs)
{
    uint64_t offset = regs->rip - base;
    if (!text || offset < text->start || offset >= text->end || text_is_target(text, offset))
        return;

    /* Inside a group, or on a byte that execution cannot have reached. The group's start is the
     * nearest target below, in this bundle. */
    uint64_t start = offset;
    while (start & (LIND_BUNDLE_SIZE - 1) && !text_is_target(text, start))
        start--;
    if (!text_is_target(text, start))
        return;
    const uint8_t *code = (const uint8_t *)(base + start), *here = (const uint8_t *)(base + offset);

    /* Text ends at a page's end, filled with int3, so the longest look from `here` stays inside it
     * unless it is at the last bytes. */
    uint64_t left = ((text->end + LIND_PAGE_SIZE - 1) & ~(LIND_PAGE_SIZE - 1ULL)) - offset;
    if (left >= REBASE_A && starts_with(here, "\x48\x03\x25", 3)) {
        regs->rsp = base + (uint32_t)regs->rsp;
        regs->rip += REBASE_A;
        return;
    }
    if (left >= REBASE_B && starts_with(here, "\x4a\x8d\x24\x1c", 4)) {
        regs->rsp = base + (uint32_t)regs->rsp;
        regs->rip += REBASE_B;
        return;
    }
    if (code[0] == 0x45 && code[1] == 0x8d && code[2] == 0x5b && code[3] == 31) {
        /* The jump group on %r11 itself: rounding up is idempotent, so the rounded value may go
         * through it again. */
        regs->r11 = (uint32_t)regs->r11 & ~(uint32_t)(LIND_BUNDLE_SIZE - 1);
    } else if (starts_with(code, "\x4c\x8b\x1d", 3) && left >= 2) {
        /* Stack group B before its second instruction, or a string group: the latter has absolute
         * %rdi or %rsi. */
        const uint8_t *next = code + 7;
        if ((next[0] == 0x89 && (next[1] == 0xff || next[1] == 0xf6))) {
            if (next[1] == 0xff)
                regs->rdi = (uint32_t)regs->rdi;
            const uint8_t *second = next[1] == 0xff ? next + 6 : next;
            if (next[1] == 0xf6 || (second[0] == 0x89 && second[1] == 0xf6))
                regs->rsi = (uint32_t)regs->rsi;
        }
    }
    regs->rip = base + start;
}
