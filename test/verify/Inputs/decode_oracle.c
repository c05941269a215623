/* Do two independent decoders see what our decoder sees? Walks opcode maps x ModRM x SIB x prefixes
 * x immediates; for each byte string that rt/verify/decode.h accepts, Zydis and LLVM's disassembler
 * must agree on its length, on its memory operand, and on the general registers that it writes.
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
    check_quick(bytes);
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

/* All ModRM bytes, for memory with all SIB bytes, each with several kinds of displacement and
 * immediate. `bytes` holds `at` bytes up to the opcode. */
static void walk_modrm(uint8_t *bytes, unsigned at)
{
    static const uint8_t fills[][4] = {
        {0, 0, 0, 0}, {0x7f, 0x80, 0xff, 0x10}, {0xf0, 0xff, 0xff, 0xff}, {0x30, 0x25, 0, 0x80}};
    for (unsigned modrm = 0; modrm < 256; modrm++) {
        int has_sib = modrm < 0xc0 && (modrm & 7) == 4;
        bytes[at] = (uint8_t)modrm;
        for (unsigned sib = 0; sib < (has_sib ? 256 : 1); sib++) {
            unsigned fill = random_next() & 3;
            /* Sampling leaves out most SIB bytes, which are the bulk of the walk. */
            if (has_sib && one_in > 1 && random_next() % one_in)
                continue;
            for (unsigned n = 0; n < (one_in > 1 || has_sib ? 1u : 4u); n++) {
                unsigned first = at + 1;
                if (has_sib)
                    bytes[first++] = (uint8_t)sib;
                for (unsigned i = first; i < STRING_MAX; i++)
                    bytes[i] = fills[(n + fill) & 3][(i - first) & 3];
                check(bytes);
            }
        }
    }
}

/* Has the opcode, with the prefixes before it, any accepted form at all? Spares the walk over the
 * rest. */
static int any_form(const uint8_t *bytes, unsigned at)
{
    uint8_t copy[STRING_MAX] = {0};
    struct insn insn;
    memcpy(copy, bytes, at);
    for (unsigned modrm = 0; modrm < 256; modrm++) {
        copy[at] = (uint8_t)modrm;
        copy[at + 1] = 0x24;
        check_quick(copy);
        if (!decode(copy, &insn))
            return 1;
        copy[at + 1] = 0;
        if (!decode(copy, &insn))
            return 1;
        copy[at + 1] = 0x0d;
        if (!decode(copy, &insn))
            return 1;
    }
    return 0;
}

static void walk_legacy(uint8_t *bytes, unsigned at)
{
    for (unsigned map = 0; map < 4; map++) {
        for (unsigned opcode = 0; opcode < 256; opcode++) {
            unsigned next = at;
            if (map)
                bytes[next++] = 0x0f;
            if (map > 1)
                bytes[next++] = map == 2 ? 0x38 : 0x3a;
            bytes[next++] = (uint8_t)opcode;
            if (any_form(bytes, next))
                walk_modrm(bytes, next);
        }
    }
}

static void walk_vex(uint8_t *bytes, unsigned at)
{
    for (unsigned last = 0; last < 256; last++) {
        for (unsigned opcode = 0; opcode < 256; opcode++) {
            bytes[at] = 0xc5;
            bytes[at + 1] = (uint8_t)last;
            bytes[at + 2] = (uint8_t)opcode;
            if (!(one_in > 1 && random_next() % 4) && any_form(bytes, at + 3))
                walk_modrm(bytes, at + 3);
            for (unsigned middle = 0; middle < 256; middle++) {
                if (one_in > 1 && random_next() % 64)
                    continue;
                bytes[at] = 0xc4;
                bytes[at + 1] = (uint8_t)middle;
                bytes[at + 2] = (uint8_t)last;
                bytes[at + 3] = (uint8_t)opcode;
                if ((middle & 31) - 1u < 3 && any_form(bytes, at + 4))
                    walk_modrm(bytes, at + 4);
            }
        }
    }
}

/* All prefixes in all orders that the decoder could take for one: segment, 67, then any two of 66
 * f0 f2 f3, then REX. */
static void walk(void)
{
    static const uint8_t segments[] = {0, 0x64, 0x65, 0x2e}, extra[] = {0, 0x66, 0xf0, 0xf2, 0xf3};
    uint8_t bytes[STRING_MAX];
    for (unsigned segment = 0; segment < 4; segment++) {
        for (unsigned address = 0; address < 2; address++) {
            unsigned at = 0;
            if (segment)
                bytes[at++] = segments[segment];
            if (address)
                bytes[at++] = 0x67;
            walk_vex(bytes, at);
            for (unsigned pair = 0; pair < 25; pair++) {
                if (pair / 5 == 0 && pair % 5)
                    continue;
                unsigned next = at;
                if (one_in > 1 && pair && random_next() % 4)
                    continue;
                if (pair / 5)
                    bytes[next++] = extra[pair / 5];
                if (pair % 5)
                    bytes[next++] = extra[pair % 5];
                walk_legacy(bytes, next);
                for (unsigned rex = 0x40; rex < 0x50; rex++) {
                    if (one_in > 1 && random_next() % 4)
                        continue;
                    bytes[next] = (uint8_t)rex;
                    walk_legacy(bytes, next + 1);
                }
            }
        }
    }
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
