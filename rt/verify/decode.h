/* The decoder: one instruction from its canonical bytes, as docs/sfi.md R2 defines them, by the
 * tables made from insns.tbl.
 *
 * It says what an instruction is, not whether it may stand where it stands. Everything is static
 * inline so that verify_text becomes one loop; tests include this file to compare it with other
 * decoders. */
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

enum {
    MODRM_DISPLACEMENT = 7,
    MODRM_SIB = 8,
    MODRM_RIP = 16,
    MODRM_REGISTER = 32,
    MODRM_MEMORY = 64
};
_Static_assert((int)FORM_REGISTER == MODRM_REGISTER && (int)FORM_MEMORY == MODRM_MEMORY,
               "same bits");

enum {
    PREFIX_GS = 1,        /* 65 */
    PREFIX_FS = 2,        /* 64 */
    PREFIX_ADDRESS32 = 4, /* 67 */
    PREFIX_OPERAND16 = 8, /* 66 */
    PREFIX_LOCK = 16,     /* f0 */
    PREFIX_F3 = 32,
    PREFIX_F2 = 64,
    PREFIX_REX = 128,
    PREFIX_VEX = 256,
    PREFIX_ADDRESS = PREFIX_GS | PREFIX_FS | PREFIX_ADDRESS32
};

enum address_kind {
    ADDRESS_NONE,     /* no memory operand */
    ADDRESS_RSP,      /* d(%rsp), no index */
    ADDRESS_RIP,      /* d(%rip) */
    ADDRESS_ABSOLUTE, /* d, no register */
    ADDRESS_OTHER
};

struct insn {
    const struct form *form;
    const uint8_t *end; /* the byte after it */
    unsigned prefixes;  /* PREFIX_* */
    unsigned rex;       /* REX_*, from REX or VEX */
    unsigned opcode;
    unsigned modrm;
    unsigned sib;
    unsigned reg;               /* ModRM.reg with REX.R */
    unsigned rm;                /* ModRM.rm with REX.B: a register, if address is ADDRESS_NONE */
    unsigned vvvv;              /* VEX.vvvv, 0 to 15 */
    unsigned vector256;         /* VEX.L */
    unsigned address;           /* enum address_kind */
    unsigned displacement_size; /* 0, 1 or 4 */
    unsigned immediate_size;
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

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

/* Where its immediate is, if it has one. */
static inline const uint8_t *insn_immediate(const struct insn *insn)
{
    return insn->end - insn->immediate_size;
}

static inline int32_t insn_displacement(const struct insn *insn)
{
    const uint8_t *after = insn_immediate(insn);
    return insn->displacement_size == 4   ? load32(after - 4)
           : insn->displacement_size == 1 ? (int8_t)after[-1]
                                          : 0;
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

/* Length of the nop at p, 0 if there is none. 16 bytes must be readable. */
static inline unsigned decode_nop(const uint8_t *p)
{
    /* The table's nops differ in length; what follows the prefixes and 0f 1f tells which it can be.
     */
    unsigned prefixes = p[0] == 0x66 ? 1 + (p[1] == 0x2e) : 0, length;
    switch (p[prefixes]) {
    case 0x90:
        length = prefixes + 1;
        break;
    case 0x0f: {
        unsigned modrm = p[prefixes + 2];
        length = prefixes + 3 + (modrm_table[modrm] & MODRM_DISPLACEMENT) +
                 (modrm_table[modrm] >> 3 & 1);
        break;
    }
    default:
        return 0;
    }
    return length <= NOP_MAX && !memcmp(p, nop_table[length], length) ? length : 0;
}

/* An instruction up to its opcode. */
struct head {
    const uint8_t *end;
    const char *why; /* not NULL: it is not canonical */
    unsigned cell;   /* of the opcode tables */
    unsigned prefixes, rex, opcode, vvvv, vector256;
};

/* The prefixes, REX, VEX and opcode of instructions that are not [65 67] [REX] and a one-byte
 * opcode. The result's end is where ModRM would be. */
static inline struct head decode_head(const uint8_t *p)
{
    struct head head = {0};
    unsigned row = 0, prefixes = 0;
    if (*p == 0x65 || *p == 0x64)
        prefixes |= *p++ == 0x65 ? PREFIX_GS : PREFIX_FS;
    if (*p == 0x67) {
        prefixes |= PREFIX_ADDRESS32;
        p++;
    }
    if (*p == 0x66) {
        prefixes |= PREFIX_OPERAND16;
        row = 1;
        p++;
    }
    if (*p == 0xf0) {
        prefixes |= PREFIX_LOCK;
        p++;
    } else if (*p == 0xf3 || *p == 0xf2) {
        prefixes |= *p == 0xf3 ? PREFIX_F3 : PREFIX_F2;
        row += *p == 0xf3 ? 2 : 4;
        p++;
        if (*p == 0x66 &&
            !(prefixes & PREFIX_OPERAND16)) { /* only string operations have this order */
            prefixes |= PREFIX_OPERAND16;
            row = prefixes & PREFIX_F3 ? 6 : 7;
            p++;
        }
    }
    if ((*p & 0xf0) == 0x40) {
        prefixes |= PREFIX_REX;
        head.rex = *p++ & 15;
    }
    if (*p == 0x0f) {
        p++;
        row += 8;
        if (*p == 0x38 || *p == 0x3a)
            row += *p++ == 0x38 ? 8 : 16;
    } else if (*p == 0xc4 || *p == 0xc5) {
        unsigned last, map = 1;
        if (prefixes & ~PREFIX_ADDRESS) {
            head.why = "prefix before VEX";
            return head;
        }
        prefixes |= PREFIX_VEX;
        if (*p++ == 0xc5) {
            last = *p++;
            head.rex = last & 0x80 ? 0 : REX_R;
        } else {
            map = *p & 31;
            head.rex = (*p++ >> 5) ^ 7;
            last = *p++;
            head.rex |= last >> 4 & REX_W;
            if (map < 1 || map > 3) {
                head.why = "unknown opcode map";
                return head;
            }
            if (map == 1 && !(head.rex & (REX_X | REX_B | REX_W))) {
                head.why = "three-byte VEX where two bytes do";
                return head;
            }
        }
        head.vvvv = (last >> 3 & 15) ^ 15;
        head.vector256 = last >> 2 & 1;
        head.prefixes = prefixes;
        head.opcode = *p++;
        head.cell = vex_table[(map - 1) * 4 + (last & 3)][head.opcode];
        head.end = p;
        return head;
    }
    head.prefixes = prefixes;
    head.opcode = *p++;
    head.cell = opcode_table[row][head.opcode];
    head.end = p;
    return head;
}

/* SIB: sets the address's kind. Returns NULL or what is not canonical. *effective gets the REX bits
 * that it uses. */
static inline const char *decode_sib(struct insn *insn, unsigned *effective)
{
    unsigned base = insn->sib & 7, index = insn->sib >> 3 & 7;
    int no_base = base == REGISTER_RBP && insn->modrm < 0x40;
    *effective |= REX_X | (no_base ? 0 : REX_B);
    if (no_base)
        insn->displacement_size = 4;
    if (index != REGISTER_RSP || insn->rex & REX_X)
        return NULL;
    if (insn->sib >= 0x40)
        return "scale without an index";
    if (no_base)
        insn->address = ADDRESS_ABSOLUTE;
    else if (base != REGISTER_RSP)
        return "SIB byte that is not needed";
    else if (!(insn->rex & REX_B))
        insn->address = ADDRESS_RSP;
    return NULL;
}

/* Decodes the instruction at p. At least 24 bytes from p on must be readable, whatever they hold.
 * Returns NULL, or words that say which part of R2 the bytes break; then *insn is of no use. */
static inline __attribute__((always_inline)) const char *decode(const uint8_t *p, struct insn *insn)
{
    /* Most instructions are [65 67] [REX] and a one-byte opcode; all others find no form here. */
    const uint8_t *start = p;
    uint64_t word = load64(p);
    unsigned gs = (uint16_t)word == 0x6765, has_rex, cell, flags, info, effective;
    word >>= 16 * gs;
    has_rex = (word & 0xf0) == 0x40;
    insn->rex = word & 15 & -has_rex;
    word >>= 8 * has_rex;
    p += 2 * gs + has_rex + 1;
    insn->prefixes = gs * (PREFIX_GS | PREFIX_ADDRESS32) + has_rex * PREFIX_REX;
    insn->opcode = word & 0xff;
    insn->vvvv = insn->vector256 = 0;
    cell = opcode_table[0][insn->opcode];
    if (cell == FORM_INDEX_NONE) {
        struct head head = decode_head(start);
        if (head.why)
            return head.why;
        p = head.end;
        cell = head.cell;
        insn->prefixes = head.prefixes;
        insn->rex = head.rex;
        insn->opcode = head.opcode;
        insn->vvvv = head.vvvv;
        insn->vector256 = head.vector256;
    }
    insn->modrm = *p;
    if (cell & 0x8000)
        cell = split_table[cell & 0x7fff]
                          [insn->modrm < 0xc0 ? insn->modrm >> 3 & 7 : 8 + (insn->modrm - 0xc0)];
    const struct form *form = &forms[cell];
    flags = form->flags;
    if (cell == FORM_INDEX_NONE ||
        (flags & FORM_NEEDS_B && (insn->opcode & 7) == 0 && !(insn->rex & REX_B))) {
        unsigned length = decode_nop(start);
        if (!length)
            return "instruction is not in the table of allowed ones";
        memset(insn, 0, sizeof *insn);
        insn->form = &forms[FORM_INDEX_NOP];
        insn->end = start + length;
        return NULL;
    }
    insn->form = form;

    insn->address = ADDRESS_NONE;
    insn->displacement_size = 0;
    insn->sib = 0;
    insn->reg = insn->rm = 0;
    effective = form->rex_register;
    info = 0;
    if (flags & FORM_MODRM) {
        info = modrm_table[insn->modrm];
        p++;
        insn->reg = (insn->modrm >> 3 & 7) | (insn->rex & REX_R) << 1;
        insn->rm = (insn->modrm & 7) | (insn->rex & REX_B) << 3;
        insn->displacement_size = info & MODRM_DISPLACEMENT;
        if (info & ~flags & (MODRM_REGISTER | MODRM_MEMORY))
            return info & MODRM_REGISTER
                       ? "this instruction is allowed with a memory operand only"
                       : "this instruction is allowed with register operands only";
        if (info & MODRM_MEMORY) {
            effective = form->rex_memory;
            insn->address = ADDRESS_OTHER;
            if (info & MODRM_SIB) {
                insn->sib = *p++;
                const char *why = decode_sib(insn, &effective);
                if (why)
                    return why;
            } else if (info & MODRM_RIP) {
                insn->address = ADDRESS_RIP;
            } else {
                effective |= REX_B;
            }
        }
        p += insn->displacement_size;
    }
    insn->immediate_size =
        form->immediate == IMMEDIATE_V ? (insn->rex & REX_W ? 8 : 4) : form->immediate;
    insn->end = p + insn->immediate_size;

    if ((insn->rex & ~effective) | (form->rex_need & ~insn->rex))
        return "REX or VEX bit without effect, or missing";
    if (insn->prefixes == 0)
        return NULL;
    if (insn->prefixes & PREFIX_ADDRESS &&
        (!(info & MODRM_MEMORY) ||
         (flags & FORM_NO_ACCESS && insn->prefixes & (PREFIX_GS | PREFIX_FS))))
        return "segment or address-size prefix without a memory operand";
    if (insn->prefixes & PREFIX_REX && insn->rex == 0) {
        /* REX alone selects %spl to %dil. */
        unsigned low = (flags & FORM_BYTE_REG && insn->reg >= 4) |
                       (flags & FORM_BYTE_RM && info & MODRM_REGISTER && insn->rm >= 4) |
                       (flags & FORM_BYTE_OPCODE && (insn->opcode & 7) >= 4);
        if (!low)
            return "REX without effect";
    }
    if (insn->prefixes & PREFIX_LOCK && (!(flags & FORM_LOCK) || !(info & MODRM_MEMORY)))
        return "LOCK on an instruction that cannot be locked";
    if (insn->prefixes & PREFIX_VEX) {
        if (!(form->vex_lw >> (2 * insn->vector256 + (insn->rex >> 3)) & 1))
            return "VEX.L or VEX.W is not as the instruction needs it";
        if (insn->vvvv && !(flags & FORM_VVVV))
            return "VEX.vvvv without effect";
        if (flags & FORM_IS4 && insn->end[-1] & 15)
            return "low bits in a register immediate";
    }
    return NULL;
}

/* Does it write %rsp, beside push, pop and call? insn_writes tells it too, but slower. */
static inline int insn_writes_rsp(const struct insn *insn)
{
    unsigned flags = insn->form->flags, sources;
    sources = (insn->reg == REGISTER_RSP ? FORM_WRITES_REG : 0) |
              (insn->rm == REGISTER_RSP && insn->address == ADDRESS_NONE ? FORM_WRITES_RM : 0) |
              (insn->vvvv == REGISTER_RSP ? FORM_WRITES_VVVV : 0) |
              ((insn->opcode & 7) == REGISTER_RSP && !(insn->rex & REX_B) ? FORM_WRITES_OPCODE : 0);
    if (!(flags & sources))
        return 0;
    /* Without REX, the byte registers' 4 is %ah. */
    if (!(insn->prefixes & PREFIX_REX))
        sources &= ~((flags & FORM_BYTE_REG ? FORM_WRITES_REG : 0u) |
                     (flags & FORM_BYTE_RM ? FORM_WRITES_RM : 0u) |
                     (flags & FORM_BYTE_OPCODE ? FORM_WRITES_OPCODE : 0u));
    return (flags & sources) != 0;
}

/* General registers that the instruction writes, one bit each; %ah and its like count as %rax and
 * its like. Push, pop and call's own writing of %rsp does not count. */
static inline unsigned insn_writes(const struct insn *insn)
{
    const struct form *form = insn->form;
    unsigned flags = form->flags, written = form->writes;
    unsigned opcode_register = (insn->opcode & 7) | (insn->rex & REX_B) << 3;
    if (flags & FORM_WRITES_REG)
        written |= 1u << (flags & FORM_BYTE_REG && !(insn->prefixes & PREFIX_REX) ? insn->reg & 3
                                                                                  : insn->reg);
    if (flags & FORM_WRITES_RM && insn_has_modrm_register(insn))
        written |= 1u << (flags & FORM_BYTE_RM && !(insn->prefixes & PREFIX_REX) ? insn->rm & 3
                                                                                 : insn->rm);
    if (flags & FORM_WRITES_VVVV)
        written |= 1u << insn->vvvv;
    if (flags & FORM_WRITES_OPCODE)
        written |=
            1u << (flags & FORM_BYTE_OPCODE && !(insn->prefixes & PREFIX_REX) ? opcode_register & 3
                                                                              : opcode_register);
    return written;
}

#endif
