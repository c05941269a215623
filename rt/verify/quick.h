/* Common instructions, recognised at a fraction of what decode() costs: [65 67] [66|f3|f2] [REX]
 * [0f] and an opcode, then ModRM, SIB, displacement and immediate. They write no %rsp, their memory
 * operands are confined whatever they hold (but for d(%rip), where the caller has to look), and
 * their bytes are canonical beyond doubt. For all others the answer is "don't know", and decode()
 * tells.
 *
 * What decode() costs is branches that the processor guesses wrong, so there are next to none here.
 * The oracle of test/verify holds every answer against decode(). */
#ifndef LIND_QUICK_H
#define LIND_QUICK_H

#include "rt/verify/decode.h"

struct quick {
    unsigned length;
    unsigned class;    /* QUICK_IS_*; QUICK_IS_NONE: don't know */
    unsigned is_stack; /* not 0: it has a memory operand d(%rsp) */
    unsigned
        is_rip; /* not 0: its operand is d(%rip), at most QUICK_WIDTH_MAX bytes if it is accessed */
    unsigned is_r11;    /* not 0: ModRM.reg is %r11 */
    unsigned immediate; /* its size in bytes; displacement and immediate end the instruction */
};

/* At least 24 bytes from p on must be readable. */
static inline __attribute__((always_inline)) struct quick quick_decode(const uint8_t *p)
{
    uint64_t word = load64(p);
    unsigned gs = (uint16_t)word == 0x6765, row = 8 * gs, head = 2 * gs + 1;
    word >>= 16 * gs;
    if (__builtin_expect(quick_prefix[word & 0xff], 0)) {
        row += 2 * quick_prefix[word & 0xff];
        word >>= 8;
        head++;
    }
    unsigned has_rex = (word & 0xf0) == 0x40, rex = quick_rex[word & 0xff];
    word >>= 8 * has_rex;
    unsigned is_0f = (word & 0xff) == 0x0f;
    word >>= 8 * is_0f;

    uint32_t must_not = quick_table[row + is_0f][word & 0xff];
    uint32_t has = quick_address[rex][word >> 8 & 0xff];
    uint32_t sib = quick_sib[word >> 16 & 0xff] & has &
                   must_not; /* QUICK_SIB: needs a closer look; QUICK_STACK */
    uint32_t wrong = has & must_not & QUICK_WRONG;
    wrong &= ~((sib & QUICK_STACK) * (QUICK_MEMORY / QUICK_STACK)); /* d(%rsp) needs no %gs: */
    wrong |= sib & QUICK_SIB;

    struct quick quick = {
        .length = head + has_rex + is_0f + (has & must_not & QUICK_LENGTH) +
                  (must_not & QUICK_IMMEDIATE) / QUICK_IMMEDIATE_UNIT,
        .class = wrong || !(has & must_not & QUICK_DIGIT)
                     ? QUICK_IS_NONE
                     : (must_not & QUICK_CLASS) / QUICK_CLASS_UNIT,
        .is_stack = gs ? 0 : sib & QUICK_STACK,
        .is_rip = must_not & QUICK_SIB ? has & QUICK_RIP : 0,
        .is_r11 = has & QUICK_REG_R11,
        .immediate = (must_not & QUICK_IMMEDIATE) / QUICK_IMMEDIATE_UNIT,
    };
    return quick;
}

#endif
