/* The decoder: one instruction from its canonical bytes, as docs/sfi.md R2 defines them, by the tables made from insns.tbl.
 *
 * It says what an instruction is, not whether it may stand where it stands. Everything is static inline so that verify_text
 * becomes one loop; tests include this file to compare it with other decoders. */
#ifndef LIND_DECODE_H
#define LIND_DECODE_H

#include <stdint.h>
#include <string.h>

/* Values of form.width and form.immediate that depend on REX.W or VEX.L. All others are bytes. */
enum {
    WIDTH_Y = 200, /* 4, with W 8 */
    WIDTH_P,       /* 8, with W 16 */
    WIDTH_X,       /* 16, with VEX.L 32 */
    WIDTH_H,       /* half of WIDTH_X */
    WIDTH_Q,       /* a quarter */
    WIDTH_E,       /* an eighth */
    WIDTH_D,       /* 8, with VEX.L 32 */
    IMMEDIATE_V = 200
};

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

enum { REGISTER_RSP = 4, REGISTER_RBP = 5, REGISTER_R11 = 11 };

/* An encoding form: a line of insns.tbl. */
struct form {
    uint32_t flags;       /* FORM_* */
    uint8_t class;        /* CLASS_* */
    uint8_t immediate;    /* its size in bytes, or IMMEDIATE_V */
    uint8_t width;        /* of the memory access in bytes, or WIDTH_*; 0: none */
    uint8_t vex_lw;       /* bit 2 * L + W: VEX with these is allowed */
    uint8_t rex_register; /* REX bits that have an effect, without or with a register in ModRM.rm */
    uint8_t rex_memory;   /* the same with memory there, but for the address's X and B */
    uint8_t rex_need;     /* REX bits that must be set */
    uint16_t writes;      /* general registers written implicitly, one bit each */
};

#include "verify_tables.h"

enum { MODRM_DISPLACEMENT = 7, MODRM_SIB = 8, MODRM_RIP = 16, MODRM_REGISTER = 32 };

enum address_kind {
    ADDRESS_NONE,     /* no memory operand */
    ADDRESS_RSP,      /* d(%rsp), no index */
    ADDRESS_RIP,      /* d(%rip) */
    ADDRESS_ABSOLUTE, /* d, no register */
    ADDRESS_OTHER
};

struct insn {
    const struct form *form;
    const uint8_t *end;       /* the byte after it */
    const uint8_t *immediate; /* where its immediate is, if it has one */
    int32_t displacement;
    uint8_t opcode;
    uint8_t segment;   /* 0x64, 0x65 or 0 */
    uint8_t address32; /* 1 with 67 */
    uint8_t operand16; /* 1 with 66 */
    uint8_t repeat;    /* 0xf2, 0xf3 or 0 */
    uint8_t lock;      /* 1 with f0 */
    uint8_t has_rex;
    uint8_t rex; /* REX_*, from REX or VEX */
    uint8_t vector256;
    uint8_t address; /* enum address_kind */
    uint8_t modrm;
    uint8_t sib;
    uint8_t reg;  /* ModRM.reg with REX.R */
    uint8_t rm;   /* ModRM.rm with REX.B: a register, if address is ADDRESS_NONE */
    uint8_t vvvv; /* VEX.vvvv, 0 to 15 */
};

static inline int insn_has_modrm_register(const struct insn *insn)
{
    return (insn->form->flags & FORM_MODRM) && insn->modrm >= 0xc0;
}

static inline int32_t load32(const uint8_t *p)
{
    int32_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

/* Bytes that the memory operand covers; 0 if there is none or nothing is accessed. */
static inline unsigned insn_width(const struct insn *insn)
{
    unsigned w = insn->rex >> 3 & 1, l = insn->vector256;
    switch (insn->form->width) {
    case WIDTH_Y:
        return 4u << w;
    case WIDTH_P:
        return 8u << w;
    case WIDTH_X:
        return 16u << l;
    case WIDTH_H:
        return 8u << l;
    case WIDTH_Q:
        return 4u << l;
    case WIDTH_E:
        return 2u << l;
    case WIDTH_D:
        return l ? 32 : 8;
    default:
        return insn->form->width;
    }
}

/* Length of the nop at p, 0 if there is none. Bytes up to p + NOP_MAX must be readable. */
static inline unsigned decode_nop(const uint8_t *p)
{
    for (unsigned length = NOP_MAX; length > 0; length--)
        if (!memcmp(p, nop_table[length], length))
            return length;
    return 0;
}

/* ModRM, SIB and displacement: fills in the operand's address. Returns NULL or what is not canonical. *effective gets the REX
 * bits that the address uses. */
static inline __attribute__((always_inline)) const char *
decode_address(struct insn *insn, const uint8_t **at, unsigned info, unsigned *effective)
{
    const uint8_t *p = *at;
    insn->address = ADDRESS_OTHER;
    if (info & MODRM_SIB) {
        unsigned sib = *p++, base = sib & 7, index = sib >> 3 & 7;
        int no_base = base == REGISTER_RBP && insn->modrm < 0x40;
        int no_index = index == REGISTER_RSP && !(insn->rex & REX_X);
        insn->sib = (uint8_t)sib;
        *effective |= REX_X | (no_base ? 0 : REX_B);
        if (no_base)
            info |= 4;
        if (no_index) {
            if (sib >= 0x40)
                return "scale without an index";
            if (no_base)
                insn->address = ADDRESS_ABSOLUTE;
            else if (base != REGISTER_RSP)
                return "SIB byte that is not needed";
            else if (!(insn->rex & REX_B))
                insn->address = ADDRESS_RSP;
        }
    } else if (info & MODRM_RIP) {
        insn->address = ADDRESS_RIP;
    } else {
        *effective |= REX_B;
    }
    insn->displacement = 0;
    switch (info & MODRM_DISPLACEMENT) {
    case 1:
        insn->displacement = (int8_t)*p++;
        break;
    case 4:
        insn->displacement = load32(p);
        p += 4;
        break;
    }
    *at = p;
    return NULL;
}

/* VEX from its first byte on: fills in rex, vvvv and vector256, sets *form's table cell. */
static inline const char *decode_vex(struct insn *insn, const uint8_t **at, unsigned *cell)
{
    const uint8_t *p = *at;
    unsigned first = *p++, last = first == 0xc5 ? *p : p[1], map = 1;
    if (insn->operand16 || insn->repeat || insn->lock || insn->has_rex)
        return "prefix before VEX";
    if (first == 0xc5) {
        insn->rex = last & 0x80 ? 0 : REX_R;
        p++;
    } else {
        unsigned bits = *p, extension = (bits >> 5) ^ 7;
        map = bits & 31;
        if (map < 1 || map > 3)
            return "unknown opcode map";
        insn->rex = (uint8_t)((extension & 7) | (last >> 4 & REX_W));
        if (map == 1 && !(insn->rex & (REX_X | REX_B | REX_W)))
            return "three-byte VEX where two bytes do";
        p += 2;
    }
    insn->vvvv = (last >> 3 & 15) ^ 15;
    insn->vector256 = last >> 2 & 1;
    insn->opcode = *p++;
    *cell = vex_table[(map - 1) * 4 + (last & 3)][insn->opcode];
    *at = p;
    return NULL;
}

/* Decodes the instruction at p. At least 24 bytes from p on must be readable, whatever they hold.
 * Returns NULL, or words that say which part of R2 the bytes break; then *insn is of no use. */
static inline __attribute__((always_inline)) const char *decode(const uint8_t *p, struct insn *insn)
{
    unsigned cell, is_vex = 0, reverse = 0;
    memset(insn, 0, sizeof *insn);
    if (*p == 0x65 || *p == 0x64)
        insn->segment = *p++;
    if (*p == 0x67) {
        insn->address32 = 1;
        p++;
    }
    if (*p == 0x66) {
        insn->operand16 = 1;
        p++;
    }
    if (*p >= 0xf0 && *p <= 0xf3 && *p != 0xf1) {
        if (*p == 0xf0)
            insn->lock = 1;
        else
            insn->repeat = *p;
        p++;
        if (*p == 0x66 && insn->repeat && !insn->operand16) { /* only string operations have this order */
            insn->operand16 = reverse = 1;
            p++;
        }
    }
    if ((*p & 0xf0) == 0x40) {
        insn->has_rex = 1;
        insn->rex = *p++ & 15;
    }
    if (*p == 0xc4 || *p == 0xc5) {
        const char *why = decode_vex(insn, &p, &cell);
        if (why)
            return why;
        is_vex = 1;
    } else {
        unsigned row = reverse ? (insn->repeat == 0xf3 ? 6 : 7)
                               : insn->operand16 + (insn->repeat == 0xf3 ? 2 : insn->repeat ? 4 : 0);
        if (*p == 0x0f) {
            p++;
            if (*p == 0x38) {
                p++;
                row += 16;
            } else if (*p == 0x3a) {
                p++;
                row += 24;
            } else {
                row += 8;
            }
        }
        insn->opcode = *p++;
        cell = opcode_table[row][insn->opcode];
    }

    insn->modrm = *p;
    if (cell & 0x8000) {
        unsigned modrm = insn->modrm;
        cell = split_table[cell & 0x7fff][modrm < 0xc0 ? modrm >> 3 & 7 : 8 + (modrm - 0xc0)];
    }
    const struct form *form = insn->form = &forms[cell];
    if (cell == 0)
        return "instruction is not in the table of allowed ones";

    unsigned flags = form->flags, effective = form->rex_register;
    if (flags & FORM_MODRM) {
        unsigned info = modrm_table[0][*p++];
        insn->reg = (insn->modrm >> 3 & 7) | (insn->rex & REX_R) << 1;
        if (info & MODRM_REGISTER) {
            insn->rm = (insn->modrm & 7) | (insn->rex & REX_B) << 3;
            if (!(flags & FORM_REGISTER))
                return "this instruction is allowed with a memory operand only";
        } else {
            effective = form->rex_memory;
            const char *why = decode_address(insn, &p, info, &effective);
            if (why)
                return why;
            if (!(flags & FORM_MEMORY))
                return "this instruction is allowed with register operands only";
        }
    } else if (flags & FORM_NEEDS_B && (insn->opcode & 7) == 0 && !(insn->rex & REX_B)) {
        return "not a nop of the table";
    }

    if ((insn->rex & ~effective) | (form->rex_need & ~insn->rex))
        return is_vex ? "VEX bit without effect" : "REX bit without effect, or missing";
    if (insn->has_rex && insn->rex == 0) {
        /* REX alone selects %spl to %dil. */
        unsigned low = (flags & FORM_BYTE_REG && insn->reg >= 4) |
                       (flags & FORM_BYTE_RM && insn->modrm >= 0xc0 && insn->rm >= 4) |
                       (flags & FORM_BYTE_OPCODE && (insn->opcode & 7) >= 4);
        if (!low)
            return "REX without effect";
    }
    if ((insn->segment | insn->address32) && insn->address == ADDRESS_NONE)
        return "segment or address-size prefix without a memory operand";
    if (insn->lock && (!(flags & FORM_LOCK) || insn->address == ADDRESS_NONE))
        return "LOCK on an instruction that cannot be locked";
    if (is_vex) {
        if (!(form->vex_lw >> (2 * insn->vector256 + (insn->rex >> 3)) & 1))
            return "VEX.L or VEX.W is not as the instruction needs it";
        if (insn->vvvv && !(flags & FORM_VVVV))
            return "VEX.vvvv without effect";
        if (flags & FORM_IS4 && *p & 15)
            return "low bits in a register immediate";
    }
    insn->immediate = p;
    p += form->immediate == IMMEDIATE_V ? (insn->rex & REX_W ? 8 : 4) : form->immediate;
    insn->end = p;
    return NULL;
}

/* General registers that the instruction writes, one bit each; %ah and its like count as %rax and its like. Push, pop and
 * call's own writing of %rsp does not count. */
static inline unsigned insn_writes(const struct insn *insn)
{
    const struct form *form = insn->form;
    unsigned flags = form->flags, written = form->writes;
    unsigned opcode_register = (insn->opcode & 7) | (insn->rex & REX_B) << 3;
    if (flags & FORM_WRITES_REG)
        written |= 1u << (flags & FORM_BYTE_REG && !insn->has_rex ? insn->reg & 3 : insn->reg);
    if (flags & FORM_WRITES_RM && insn_has_modrm_register(insn))
        written |= 1u << (flags & FORM_BYTE_RM && !insn->has_rex ? insn->rm & 3 : insn->rm);
    if (flags & FORM_WRITES_VVVV)
        written |= 1u << insn->vvvv;
    if (flags & FORM_WRITES_OPCODE)
        written |= 1u << (flags & FORM_BYTE_OPCODE && !insn->has_rex ? opcode_register & 3 : opcode_register);
    return written;
}

#endif
