/* Do two independent decoders see what our decoder sees? Walks prefixes x opcode maps x ModRM x SIB
 * x kinds of immediates (see walk()); for each byte string that rt/verify/decode.h accepts, Zydis
 * and LLVM's disassembler must agree on its length, on its memory operand, and on the general
 * registers that it writes.
 *
 * decode_oracle [--one-in N] [--seed S]   checks one in N of the accepted strings (default: all of
 * them) */
#include <Zydis/Zydis.h>
#include <inttypes.h>
#include <llvm-c/Disassembler.h>
#include <llvm-c/Target.h>
#include <stdio.h>
#include <stdlib.h>

#include "rt/verify/quick.h"

enum { STRING_MAX = 32, DIFFERENCES_MAX = 20 };

static ZydisDecoder zydis;
static LLVMDisasmContextRef llvm;
static uint64_t one_in = 1, random_state = 88172645463325252ULL;
static uint64_t tried, accepted, quick_known, compared, differences;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void differ(const uint8_t *bytes, unsigned length, const char *who, const char *what,
                   const char *text)
{
    if (++differences > DIFFERENCES_MAX)
        return;
    for (unsigned i = 0; i < length; i++)
        printf("%02x ", bytes[i]);
    printf(": %s: %s (%s)\n", who, what, text);
}

/* Number of a general register of any size, -1 for others. %ah counts as %rax. */
static int zydis_register(ZydisRegister name)
{
    if (name >= ZYDIS_REGISTER_AH && name <= ZYDIS_REGISTER_BH)
        return name - ZYDIS_REGISTER_AH;
    ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, name);
    if (wide >= ZYDIS_REGISTER_RAX && wide <= ZYDIS_REGISTER_R15)
        return wide - ZYDIS_REGISTER_RAX;
    return -1;
}

static const char *const names64[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

/* Base and index as numbers, -1 for none, -2 for %rip. */
static void our_address(const struct insn *insn, int *base, int *index, int *scale)
{
    *base = *index = -1;
    *scale = 0;
    if (insn->address == ADDRESS_RIP) {
        *base = -2;
    } else if ((insn->modrm & 7) == 4) {
        int sib_index = (insn->sib >> 3 & 7) | (insn->rex & REX_X) << 2;
        if ((insn->sib & 7) != 5 || insn->modrm >= 0x40)
            *base = (insn->sib & 7) | (insn->rex & REX_B) << 3;
        if (sib_index != 4) {
            *index = sib_index;
            *scale = 1 << (insn->sib >> 6);
        }
    } else {
        *base = (insn->modrm & 7) | (insn->rex & REX_B) << 3;
    }
}

static int is_stack(const struct insn *insn)
{
    return insn->form->class == CLASS_PUSH || insn->form->class == CLASS_POP ||
           insn->form->class == CLASS_CALL ||
           (insn->form->class == CLASS_INDIRECT && (insn->modrm >> 3 & 7) == 2);
}

static void compare_zydis(const uint8_t *bytes, const struct insn *insn, unsigned length)
{
    ZydisDecodedInstruction other;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    const char *who = "Zydis";
    if (ZYAN_FAILED(ZydisDecoderDecodeFull(&zydis, bytes, 15, &other, operands))) {
        differ(bytes, length, who, "does not decode it", "");
        return;
    }
    const char *text = ZydisMnemonicGetString(other.mnemonic);
    if (other.length != length)
        differ(bytes, length, who, "length", text);

    unsigned written = 0, memory = 0;
    for (unsigned i = 0; i < other.operand_count; i++) {
        const ZydisDecodedOperand *operand = &operands[i];
        if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
            operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) {
            int number = zydis_register(operand->reg.value);
            if (number >= 0 &&
                !(number == REGISTER_RSP && operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN))
                written |= 1u << number;
        }
        if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY &&
            !(is_stack(insn) && operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN)) {
            int base, index, scale;
            memory++;
            if (insn->form->class == CLASS_STRING) {
                int pointer = zydis_register(operand->mem.base);
                if (!(pointer == 7 && insn->form->flags & FORM_USES_DI) &&
                    !(pointer == 6 && insn->form->flags & FORM_USES_SI))
                    differ(bytes, length, who, "string pointers", text);
                continue;
            }
            if (insn->address == ADDRESS_NONE) {
                differ(bytes, length, who, "memory operand that we do not see", text);
                continue;
            }
            our_address(insn, &base, &index, &scale);
            int rip =
                operand->mem.base == ZYDIS_REGISTER_RIP || operand->mem.base == ZYDIS_REGISTER_EIP;
            if (base != (rip ? -2 : zydis_register(operand->mem.base)) ||
                index != zydis_register(operand->mem.index) ||
                (index >= 0 && scale != operand->mem.scale) ||
                (operand->mem.disp.has_displacement ? operand->mem.disp.value : 0) !=
                    insn_displacement(insn))
                differ(bytes, length, who, "address", text);
            unsigned segment = operand->mem.segment == ZYDIS_REGISTER_GS   ? PREFIX_GS
                               : operand->mem.segment == ZYDIS_REGISTER_FS ? PREFIX_FS
                                                                           : 0u;
            if (segment != (insn->prefixes & (PREFIX_GS | PREFIX_FS)) ||
                other.address_width != (insn->prefixes & PREFIX_ADDRESS32 ? 32 : 64))
                differ(bytes, length, who, "segment or address size", text);
            unsigned width = insn->form->flags & FORM_NO_ACCESS ? 0 : insn_width(insn);
            int no_size =
                operand->mem.type == ZYDIS_MEMOP_TYPE_AGEN || insn->form->flags & FORM_MAYBE;
            if (!no_size && operand->size != 8 * width)
                differ(bytes, length, who, "width of the memory access", text);
            if (no_size && operand->mem.type == ZYDIS_MEMOP_TYPE_AGEN && width != 0)
                differ(bytes, length, who, "access", text);
        }
    }
    if (insn->address != ADDRESS_NONE && memory != 1)
        differ(bytes, length, who, "no memory operand", text);
    /* String operations move their pointers, which the groups allow for. */
    if (insn->form->class == CLASS_STRING)
        written &= ~(1u << 1 | 1u << 6 | 1u << 7);
    if (written != insn_writes(insn))
        differ(bytes, length, who, "written registers", text);
}

static void register_name(char *to, int number, int bits64)
{
    if (bits64)
        sprintf(to, "%%%s", names64[number]);
    else if (number >= 8)
        sprintf(to, "%%r%dd", number);
    else
        sprintf(to, "%%e%s", names64[number] + 1);
}

/* The memory operand as LLVM prints it. */
static void memory_text(char *to, const struct insn *insn)
{
    int base, index, scale;
    char name[16];
    our_address(insn, &base, &index, &scale);
    if (insn->prefixes & (PREFIX_GS | PREFIX_FS))
        to += sprintf(to, "%%%cs:", insn->prefixes & PREFIX_GS ? 'g' : 'f');
    if (insn_displacement(insn) != 0 || (base == -1 && index == -1))
        to += sprintf(to, "%" PRId32, insn_displacement(insn));
    if (base == -1 && index == -1)
        return;
    to += sprintf(to, "(");
    if (base == -2) {
        to += sprintf(to, "%%%cip", (insn->prefixes & PREFIX_ADDRESS32) ? 'e' : 'r');
    } else if (base >= 0) {
        register_name(name, base, !(insn->prefixes & PREFIX_ADDRESS32));
        to += sprintf(to, "%s", name);
    }
    if (index >= 0) {
        register_name(name, index, !(insn->prefixes & PREFIX_ADDRESS32));
        to += sprintf(to, ",%s", name);
        if (scale != 1)
            to += sprintf(to, ",%d", scale);
    }
    sprintf(to, ")");
}

/* Number of the general register whose name, of any size, is in the text from `name` on; -1 if
 * none. */
static int llvm_register(const char *name)
{
    static const char *const others[] = {
        "al",  "cl",  "dl",  "bl",  "spl", "bpl", "sil", "dil", "ah",  "ch",  "dh",  "bh",
        "ax",  "cx",  "dx",  "bx",  "sp",  "bp",  "si",  "di",  "eax", "ecx", "edx", "ebx",
        "esp", "ebp", "esi", "edi", "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    };
    static const int numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5,
                                  6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7};
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
        if (strlen(others[i]) == length && !memcmp(name, others[i], length))
            return numbers[i];
    if (name[0] == 'r' && name[1] >= '0' && name[1] <= '9')
        return atoi(name + 1);
    return -1;
}

/* Mnemonics of which LLVM's last operand is only read. */
static int last_is_read(const char *mnemonic)
{
    static const char *const names[] = {"cmp", "test", "bt",   "push", "ud1",  "mul",
                                        "div", "idiv", "imul", "jmp",  "call", "nop"};
    static const char *const suffixes[] = {"", "b", "w", "l", "q"};
    char name[16];
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        for (unsigned j = 0; j < 5; j++) {
            sprintf(name, "%s%s", names[i], suffixes[j]);
            if (!strcmp(name, mnemonic))
                return 1;
        }
    return 0;
}

/* Is `operand` one of the operands in LLVM's text? */
static int has_operand(const char *text, const char *operand)
{
    for (const char *at = text; (at = strstr(at, operand)); at++) {
        char after = at[strlen(operand)];
        if (at > text && strchr(" \t*", at[-1]) && (after == 0 || after == ',' || after == '\n'))
            return 1;
    }
    return 0;
}

static void compare_llvm(const uint8_t *bytes, const struct insn *insn, unsigned length)
{
    char text[256], expected[128], mnemonic[32];
    const char *who = "LLVM";
    uint8_t copy[STRING_MAX];
    memcpy(copy, bytes, sizeof copy);
    size_t theirs = LLVMDisasmInstruction(llvm, copy, 15, 0, text, sizeof text);
    if (theirs == 0) {
        differ(bytes, length, who, "does not decode it", "");
        return;
    }
    if (theirs == 1 && insn->prefixes & PREFIX_LOCK &&
        bytes[0] == 0xf0) { /* LLVM sometimes takes LOCK for an instruction of its own */
        theirs += LLVMDisasmInstruction(llvm, copy + 1, 14, 0, text, sizeof text);
    }
    if (theirs != length) {
        differ(bytes, length, who, "length", text);
        return;
    }
    if (insn->form->class == CLASS_STRING)
        return; /* the text names no registers: Zydis has checked them */
    if (insn->address != ADDRESS_NONE) {
        memory_text(expected, insn);
        if (!has_operand(text, expected))
            differ(bytes, length, who, "memory operand", text);
    } else if (strchr(text, '(') && !strstr(text, "%st")) {
        differ(bytes, length, who, "memory operand that we do not see", text);
    }

    /* Written registers: the last operand, and a second one where the mnemonic has two
     * destinations. */
    const char *word = text;
    do {
        while (*word == '\t' || *word == ' ')
            word++;
        size_t size = strcspn(word, " \t");
        if (size >= sizeof mnemonic)
            size = sizeof mnemonic - 1;
        memcpy(mnemonic, word, size);
        mnemonic[size] = 0;
        word += size;
    } while (!strcmp(mnemonic, "lock") || !strcmp(mnemonic, "rep") || !strcmp(mnemonic, "repne") ||
             !strcmp(mnemonic, "addr32"));
    char *comma = strchr(word, '#');
    if (comma)
        *comma = 0;
    unsigned explicit_writes = 0;
    const char *last = strrchr(word, '%');
    const char *end =
        last ? last + 1 + strspn(last + 1, "abcdefghijklmnopqrstuvwxyz0123456789") : NULL;
    int operands = *word != 0;
    for (const char *c = word; *c; c++)
        operands += *c == ',';
    if (last && *end != ')' && *end != ',' && *end != ':' &&
        (!last_is_read(mnemonic) || (!strncmp(mnemonic, "imul", 4) && operands > 1))) {
        int number = llvm_register(last + 1);
        if (number >= 0)
            explicit_writes |= 1u << number;
    }
    if (!strncmp(mnemonic, "xchg", 4) || !strncmp(mnemonic, "xadd", 4)) {
        int number = llvm_register(strchr(word, '%') + 1);
        explicit_writes |= 1u << number;
    } else if (!strncmp(mnemonic, "mulx", 4)) {
        const char *second = last - 1;
        while (*second != '%')
            second--;
        explicit_writes |= 1u << llvm_register(second + 1);
    }
    if (explicit_writes != (insn_writes(insn) & ~insn->form->writes) &&
        (explicit_writes | insn->form->writes) != insn_writes(insn))
        differ(bytes, length, who, "written registers", text);
}

/* A nop: the same length everywhere, and a nop by name (which may have operands that nobody looks
 * at). */
static void check_nop(const uint8_t *bytes, unsigned length)
{
    ZydisDecodedInstruction other;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    char text[256];
    uint8_t copy[STRING_MAX];
    memcpy(copy, bytes, sizeof copy);
    if (ZYAN_FAILED(ZydisDecoderDecodeFull(&zydis, bytes, 15, &other, operands)) ||
        other.length != length ||
        (other.mnemonic != ZYDIS_MNEMONIC_NOP && other.mnemonic != ZYDIS_MNEMONIC_XCHG))
        differ(bytes, length, "Zydis", "nop", "");
    if (LLVMDisasmInstruction(llvm, copy, 15, 0, text, sizeof text) != length ||
        (!strstr(text, "nop") && !strstr(text, "%ax, %ax")))
        differ(bytes, length, "LLVM", "nop", text);
}

/* What quick.h knows without decode() must be what decode() says, and nothing that the verifier has
 * to look closer at. */
static void check_quick(const uint8_t *bytes)
{
    struct quick quick = quick_decode(bytes);
    struct insn insn;
    const char *why;
    if (quick.class == QUICK_IS_NONE ||
        (quick.class == QUICK_IS_NOP && decode_nop(bytes) != quick.length))
        return;
    why = decode(bytes, &insn);
    if (why) {
        differ(bytes, quick.length, "quick", "accepted", why);
        return;
    }
    enum form_class class = insn.form->class;
    int access = insn.address != ADDRESS_NONE && !(insn.form->flags & FORM_NO_ACCESS);
    int gs = (insn.prefixes & PREFIX_GS) && (insn.prefixes & PREFIX_ADDRESS32) &&
             insn.address != ADDRESS_RIP;
    int rsp = insn.address == ADDRESS_RSP && !(insn.prefixes & PREFIX_ADDRESS) &&
              insn.displacement_size < 4;
    int rip = insn.address == ADDRESS_RIP && !(insn.prefixes & PREFIX_ADDRESS);
    static const uint8_t classes[] = {
        [CLASS_PLAIN] = QUICK_IS_PLAIN,   [CLASS_MOV] = QUICK_IS_PLAIN,
        [CLASS_ADD] = QUICK_IS_PLAIN,     [CLASS_SUB] = QUICK_IS_PLAIN,
        [CLASS_AND] = QUICK_IS_PLAIN,     [CLASS_LEA] = QUICK_IS_LEA,
        [CLASS_BRANCH] = QUICK_IS_BRANCH, [CLASS_JUMP] = QUICK_IS_BRANCH,
        [CLASS_CALL] = QUICK_IS_CALL,     [CLASS_PUSH] = QUICK_IS_PUSH,
        [CLASS_POP] = QUICK_IS_PUSH,      [CLASS_TRAP] = QUICK_IS_NONE,
        [CLASS_INDIRECT] = QUICK_IS_NONE, [CLASS_STRING] = QUICK_IS_NONE,
    };
    unsigned expected = classes[class];
    if (insn.form == &forms[FORM_INDEX_NOP])
        expected = quick.class == QUICK_IS_NOP ? QUICK_IS_NOP : QUICK_IS_MAYBE;
    else if (expected == QUICK_IS_PLAIN && insn.form->flags & FORM_MAYBE)
        expected = QUICK_IS_MAYBE;
    if (quick.length != (unsigned)(insn.end - bytes) || quick.class != expected ||
        quick.immediate != insn.immediate_size)
        differ(bytes, quick.length, "quick", "length, class or immediate", "");
    if (insn_writes(&insn) >> REGISTER_RSP & 1)
        differ(bytes, quick.length, "quick", "writes %rsp", "");
    if (access && !gs && !rsp && !(rip && quick.is_rip))
        differ(bytes, quick.length, "quick", "memory operand", "");
    if (quick.is_rip && quick.class != QUICK_IS_LEA &&
        (!rip || !access || insn_width(&insn) > QUICK_WIDTH_MAX))
        differ(bytes, quick.length, "quick", "is_rip", "");
    if (access && (quick.is_stack != 0) != rsp)
        differ(bytes, quick.length, "quick", "is_stack", "");
    if (quick.class == QUICK_IS_PLAIN && quick.is_stack && !(access && rsp))
        differ(bytes, quick.length, "quick", "is_stack without an access", "");
    if (quick.class == QUICK_IS_LEA && (quick.is_r11 != 0) != (insn.reg == REGISTER_R11))
        differ(bytes, quick.length, "quick", "is_r11", "");
    quick_known++;
}

static void check(const uint8_t *bytes)
{
    struct insn insn;
    tried++;
    if (decode(bytes, &insn))
        return;
    accepted++;
    if (one_in > 1 && random_next() % one_in)
        return;
    unsigned length = (unsigned)(insn.end - bytes);
    compared++;
    if (insn.form == &forms[FORM_INDEX_NOP]) {
        check_nop(bytes, length);
        return;
    }
    if (length > 15)
        differ(bytes, length, "we", "longer than 15 bytes", "");
    compare_zydis(bytes, &insn, length);
    compare_llvm(bytes, &insn, length);
}

/* All ModRM bytes behind `at` bytes up to the opcode, for memory with all SIB bytes or (not `all`)
 * with 24 and one more; each string goes to `look`. */
static void walk_modrm(uint8_t *bytes, unsigned at, int all, void (*look)(const uint8_t *))
{
    static const uint8_t fills[][4] = {
        {0, 0, 0, 0}, {0x7f, 0x80, 0xff, 0x10}, {0xf0, 0xff, 0xff, 0xff}, {0x30, 0x25, 0, 0x80}};
    static unsigned turn;
    for (unsigned modrm = 0; modrm < 256; modrm++) {
        int has_sib = modrm < 0xc0 && (modrm & 7) == 4;
        unsigned first = at + 1 + (unsigned)has_sib, count = !has_sib ? 1 : all ? 256 : 2;
        bytes[at] = (uint8_t)modrm;
        for (unsigned n = 0; n < count; n++) {
            const uint8_t *fill = fills[++turn & 3];
            if (has_sib)
                bytes[at + 1] = (uint8_t)(all ? n : n ? random_next() : 0x24);
            for (unsigned i = first; i < first + 8; i++)
                bytes[i] = fill[(i - first) & 3];
            look(bytes);
        }
    }
}

/* Looks at all that begins with the `at` bytes up to an opcode, if decode() knows the opcode: it
 * accepts nothing without a cell of the tables but the nops, which walk() tries one by one. */
static void walk_opcode(uint8_t *bytes, unsigned at, int all)
{
    struct head head;
    memset(bytes + at, 0, STRING_MAX - at);
    head = decode_head(bytes);
    if (!head.why && head.cell != FORM_INDEX_NONE)
        walk_modrm(bytes, at, all, check);
}

/* An instruction without VEX: 66, then f0, f3 or f2, then 66, then REX. */
static void walk_legacy(uint8_t *bytes, unsigned start, int all)
{
    static const uint8_t repeats[] = {0, 0xf0, 0xf3, 0xf2};
    for (unsigned n = 0; n < 2 * 4 * 2 * 17; n++) {
        unsigned at = start, rex = n / 16, repeat = repeats[n & 3];
        if (n & 4)
            bytes[at++] = 0x66;
        if (repeat)
            bytes[at++] = (uint8_t)repeat;
        if (n & 8) {
            if (n & 4 || !repeat)
                continue;
            bytes[at++] = 0x66;
        }
        if (rex)
            bytes[at++] = (uint8_t)(0x40 | (rex - 1));
        for (unsigned opcode = 0; opcode < 4 * 256; opcode++) {
            unsigned next = at, map = opcode >> 8;
            if (map)
                bytes[next++] = 0x0f;
            if (map > 1)
                bytes[next++] = map == 2 ? 0x38 : 0x3a;
            bytes[next++] = (uint8_t)opcode;
            walk_opcode(bytes, next, all && !(rex && (rex - 1) & REX_R) && repeat != 0xf0);
        }
    }
}

/* Both VEX prefixes. `last` holds W (or R), vvvv, L and the prefix; maps beyond 3 are refused. */
static void walk_vex(uint8_t *bytes, unsigned at, int all)
{
    for (unsigned last = 0; last < 256; last++) {
        unsigned vvvv = last >> 3 & 15;
        if (!all && vvvv != 15 && vvvv != (REGISTER_RSP ^ 15))
            continue;
        for (unsigned opcode = 0; opcode < 256; opcode++) {
            bytes[at] = 0xc5;
            bytes[at + 1] = (uint8_t)last;
            bytes[at + 2] = (uint8_t)opcode;
            walk_opcode(bytes, at + 3, all && vvvv == 15 && last & 0x80);
            for (unsigned middle = 0; middle < 3 * 8; middle++) {
                unsigned inverted = middle / 3;
                bytes[at] = 0xc4;
                bytes[at + 1] = (uint8_t)(inverted << 5 | (1 + middle % 3));
                bytes[at + 2] = (uint8_t)last;
                bytes[at + 3] = (uint8_t)opcode;
                walk_opcode(bytes, at + 4, all && vvvv == 15 && inverted & 4);
            }
        }
    }
}

/* All that quick_decode could take for something. */
static void walk_quick(void)
{
    static const uint8_t prefixes[] = {0, 0x66, 0xf3, 0xf2};
    uint8_t bytes[STRING_MAX] = {0};
    for (unsigned n = 0; n < 2 * 2 * 4 * 17; n++) {
        unsigned at = 0, rex = n / 16;
        if (n & 1) {
            bytes[at++] = 0x65;
            bytes[at++] = 0x67;
        }
        if (n >> 2 & 3)
            bytes[at++] = prefixes[n >> 2 & 3];
        if (rex)
            bytes[at++] = (uint8_t)(0x40 | (rex - 1));
        if (n & 2)
            bytes[at++] = 0x0f;
        for (unsigned opcode = 0; opcode < 256; opcode++) {
            bytes[at] = (uint8_t)opcode;
            walk_modrm(bytes, at + 1, one_in == 1, check_quick);
        }
    }
}

/* Every head (prefixes, REX or VEX, opcode) that decode_head() lets through: it takes [65|64] [67]
 * [66] [f0|f3|f2] [66] [REX] and an opcode of four maps, or [65|64] [67] and VEX, and nothing else.
 * Each with every ModRM byte.
 *
 * What the other decoders make of SIB, of the bits that extend it, and of vvvv, they make in one
 * place each for all instructions. So every SIB byte is combined with every opcode, with REX or VEX
 * bits X, B and W (and L), with no segment and with 65 67; not with R, vvvv, LOCK or the other
 * prefixes of the address once more, which get SIB 24 and a random one. vvvv takes all values
 * without a segment and with 65 67, and two with the others. Displacements and immediates are of
 * four kinds by turns: decode() looks at none but the register in an immediate's high half. */
static void walk(void)
{
    static const uint8_t segments[] = {0, 0x65, 0x64};
    uint8_t bytes[STRING_MAX] = {0};
    for (unsigned n = 0; n < 6; n++) {
        unsigned at = 0, segment = segments[n / 2];
        if (segment)
            bytes[at++] = (uint8_t)segment;
        if (n & 1)
            bytes[at++] = 0x67;
        walk_legacy(bytes, at, n == 0 || n == 3);
        walk_vex(bytes, at, n == 0 || n == 3);
        fprintf(stderr, "%u of 6: %" PRIu64 " compared\n", n + 1, compared);
    }
    for (unsigned length = 1; length <= NOP_MAX; length++) {
        memset(bytes, 0xcc, sizeof bytes);
        memcpy(bytes, nop_table[length], length);
        check(bytes);
    }
    walk_quick();
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--one-in"))
            one_in = strtoull(argv[i + 1], NULL, 0);
        else if (!strcmp(argv[i], "--seed"))
            random_state ^= strtoull(argv[i + 1], NULL, 0) * 0x9e3779b97f4a7c15ULL;
    }
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86Disassembler();
    llvm = LLVMCreateDisasm("x86_64-unknown-linux-gnu", NULL, 0, NULL, NULL);
    if (!llvm ||
        ZYAN_FAILED(ZydisDecoderInit(&zydis, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) ||
        one_in == 0) {
        fprintf(stderr, "decode_oracle: cannot start the other decoders\n");
        return 2;
    }
    walk();
    printf("%" PRIu64 " strings tried, %" PRIu64 " accepted by us, %" PRIu64
           " known to quick.h, %" PRIu64 " compared, %" PRIu64 " differences\n",
           tried, accepted, quick_known, compared, differences);
    if (compared < 10000)
        return 2;
    return differences != 0;
}
