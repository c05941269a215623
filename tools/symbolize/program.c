/* What ELF symbols, DWARF and call frame information say about addresses in a program's file. All
 * of it may be forged: libelf and libdw check what they read, the confinement bounds what is left,
 * and an answer may be wrong but is only text. */
#include "tools/symbolize/symbolize.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_SEGMENTS = 4, EXPRESSION_DEPTH = 16, EXPRESSION_STEPS = 1000 };

struct program {
    Elf *elf;
    Dwarf *dwarf;         /* NULL without debug data */
    Dwarf_CFI *frames[2]; /* .eh_frame's and .debug_frame's; NULL where missing */
    Elf_Data *symbols, *names;
    size_t symbol_count;
    size_t code_count;
    struct {
        uint64_t start, size;
        const uint8_t *bytes;
    } code[CODE_SEGMENTS];
};

/* The symbol table, or that of dynamic symbols where the program is stripped. */
static void find_symbols(struct program *program)
{
    Elf_Scn *section = NULL;
    while ((section = elf_nextscn(program->elf, section))) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header) || !header.sh_entsize ||
            (header.sh_type != SHT_SYMTAB && (header.sh_type != SHT_DYNSYM || program->symbols)))
            continue;
        Elf_Scn *names = elf_getscn(program->elf, header.sh_link);
        program->symbols = elf_getdata(section, NULL);
        program->names = names ? elf_getdata(names, NULL) : NULL;
        program->symbol_count = header.sh_size / header.sh_entsize;
    }
    if (!program->symbols || !program->names)
        program->symbol_count = 0;
}

static void find_code(struct program *program, const char *image, size_t size)
{
    size_t count;
    if (elf_getphdrnum(program->elf, &count))
        return;
    for (size_t i = 0; i < count && program->code_count < CODE_SEGMENTS; i++) {
        GElf_Phdr header;
        if (!gelf_getphdr(program->elf, (int)i, &header) || header.p_type != PT_LOAD ||
            !(header.p_flags & PF_X) || header.p_offset > size ||
            header.p_filesz > size - header.p_offset)
            continue;
        program->code[program->code_count].start = header.p_vaddr;
        program->code[program->code_count].size = header.p_filesz;
        program->code[program->code_count++].bytes = (const uint8_t *)image + header.p_offset;
    }
}

struct program *program_open(char *image, size_t size, const char **why)
{
    GElf_Ehdr header;
    struct program *program = calloc(1, sizeof *program);
    *why = "not enough memory";
    if (!program)
        return NULL;
    *why = "not an ELF file for x86-64";
    if (elf_version(EV_CURRENT) == EV_NONE || !(program->elf = elf_memory(image, size)) ||
        elf_kind(program->elf) != ELF_K_ELF || !gelf_getehdr(program->elf, &header) ||
        gelf_getclass(program->elf) != ELFCLASS64 || header.e_machine != EM_X86_64) {
        elf_end(program->elf);
        free(program);
        return NULL;
    }
    find_symbols(program);
    find_code(program, image, size);
    program->dwarf = dwarf_begin_elf(program->elf, DWARF_C_READ, NULL);
    program->frames[0] = dwarf_getcfi_elf(program->elf);
    program->frames[1] = program->dwarf ? dwarf_getcfi(program->dwarf) : NULL;
    return program;
}

int program_is_code(const struct program *program, uint64_t address)
{
    for (size_t i = 0; i < program->code_count; i++)
        if (address - program->code[i].start < program->code[i].size)
            return 1;
    return 0;
}

int program_code_before(const struct program *program, uint64_t address, uint8_t code[8])
{
    for (size_t i = 0; i < program->code_count; i++) {
        uint64_t end = address - program->code[i].start;
        if (end >= 8 && end <= program->code[i].size) {
            memcpy(code, program->code[i].bytes + end - 8, 8);
            return 0;
        }
    }
    return -1;
}

/* A name in the table of strings, if it is whole. */
static const char *symbol_name(const struct program *program, uint64_t at)
{
    const Elf_Data *names = program->names;
    const char *name = (const char *)names->d_buf + at;
    return at < names->d_size && memchr(name, 0, names->d_size - at) ? name : NULL;
}

const char *program_symbol(const struct program *program, uint64_t address, uint64_t *offset)
{
    GElf_Sym best = {0};
    const char *name = NULL;
    if (!program_is_code(program, address))
        return NULL;
    for (size_t i = 0; i < program->symbol_count; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(program->symbols, (int)i, &symbol))
            break;
        int type = GELF_ST_TYPE(symbol.st_info);
        if ((type != STT_FUNC && type != STT_NOTYPE && type != STT_GNU_IFUNC) ||
            symbol.st_shndx == SHN_UNDEF || symbol.st_value > address ||
            !program_is_code(program, symbol.st_value))
            continue;
        /* Assembly often gives no size: such a symbol reaches to the next one. */
        if (symbol.st_size && address - symbol.st_value >= symbol.st_size)
            continue;
        /* The nearest; of several the one with a size, then a global one. */
        if (name && symbol.st_value < best.st_value)
            continue;
        if (name && symbol.st_value == best.st_value &&
            (!symbol.st_size || (best.st_size && GELF_ST_BIND(symbol.st_info) == STB_LOCAL)))
            continue;
        const char *candidate = symbol_name(program, symbol.st_name);
        if (!candidate || !*candidate)
            continue;
        best = symbol;
        name = candidate;
    }
    *offset = address - best.st_value;
    return name;
}

/* A file's name without the directory of compilation. */
static const char *short_file(Dwarf_Die *unit, const char *file)
{
    Dwarf_Attribute attribute;
    const char *directory = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
    if (!file)
        return "";
    size_t length = directory ? strlen(directory) : 0;
    if (length && strncmp(file, directory, length) == 0 && file[length] == '/')
        file += length + 1;
    return strncmp(file, "./", 2) == 0 ? file + 2 : file;
}

static int find_unit(struct program *program, uint64_t address, Dwarf_Die *unit)
{
    Dwarf_CU *at = NULL;
    Dwarf_Die skeleton;
    if (!program->dwarf)
        return -1;
    while (dwarf_get_units(program->dwarf, at, &at, NULL, NULL, unit, &skeleton) == 0)
        if (dwarf_haspc(unit, address) > 0)
            return 0;
    return -1;
}

/* The function and its inlined callers, innermost first, as DIEs that contain each other. Returns
 * how many; *scopes is to be freed. */
static int find_scopes(Dwarf_Die *unit, uint64_t address, Dwarf_Die **scopes)
{
    *scopes = NULL;
    if (dwarf_getscopes(unit, address, scopes) <= 0)
        return 0;
    Dwarf_Die innermost = (*scopes)[0];
    free(*scopes);
    *scopes = NULL;
    int count = dwarf_getscopes_die(&innermost, scopes);
    return count > 0 ? count : 0;
}

static Dwarf_Word number_attribute(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value;
    return dwarf_formudata(dwarf_attr(die, name, &attribute), &value) ? 0 : value;
}

size_t program_places(struct program *program, uint64_t address, struct place *places, size_t max)
{
    Dwarf_Die unit, *scopes;
    uint64_t offset;
    size_t count = 0;
    struct place place = {.file = ""};
    if (find_unit(program, address, &unit)) {
        places[0] =
            (struct place){.function = program_symbol(program, address, &offset), .file = ""};
        return 1;
    }

    Dwarf_Line *line = dwarf_getsrc_die(&unit, address);
    if (line) {
        place.file = short_file(&unit, dwarf_linesrc(line, NULL, NULL));
        dwarf_lineno(line, &place.line);
    }
    int scope_count = find_scopes(&unit, address, &scopes);
    for (int i = 0; i < scope_count && count < max; i++) {
        int tag = dwarf_tag(&scopes[i]);
        if (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine)
            continue;
        place.function = dwarf_diename(&scopes[i]);
        place.inlined = tag == DW_TAG_inlined_subroutine;
        places[count++] = place;
        if (!place.inlined)
            break;
        Dwarf_Files *files;
        size_t file_count;
        place.file = "";
        if (dwarf_getsrcfiles(&unit, &files, &file_count) == 0)
            place.file = short_file(
                &unit,
                dwarf_filesrc(files, number_attribute(&scopes[i], DW_AT_call_file), NULL, NULL));
        place.line = (int)number_attribute(&scopes[i], DW_AT_call_line);
    }
    free(scopes);
    if (!count)
        places[count++] = place;
    struct place *last = &places[count - 1];
    last->inlined = 0;
    if (!last->function)
        last->function = program_symbol(program, address, &offset);
    return count;
}

/* Evaluates a DWARF expression of call frame information. Returns 0, or -1 when it is beyond what
 * compilers emit or needs what is not known. *is_value: the result is the value itself, not where
 * it lies. */
static int evaluate(const Dwarf_Op *ops, size_t count, const struct frame *frame, uint64_t cfa,
                    const struct stack *stack, uint64_t *result, int *is_value)
{
    uint64_t values[EXPRESSION_DEPTH] = {0};
    size_t depth = 0;
    *is_value = 0;
    for (size_t i = 0; i < count && i < EXPRESSION_STEPS; i++) {
        unsigned atom = ops[i].atom;
        uint64_t number = ops[i].number, reg = REGISTER_COUNT;
        if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31) {
            reg = atom - DW_OP_breg0;
        } else if (atom == DW_OP_bregx) {
            reg = ops[i].number;
            number = ops[i].number2;
        } else if (atom >= DW_OP_reg0 && atom <= DW_OP_reg31) {
            reg = atom - DW_OP_reg0;
            number = 0;
            *is_value = 1;
        }
        if (depth == EXPRESSION_DEPTH)
            return -1;
        if (reg < REGISTER_COUNT) {
            if (!(frame->known & 1U << reg))
                return -1;
            values[depth++] = frame->value[reg] + number;
        } else if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) {
            values[depth++] = atom - DW_OP_lit0;
        } else if (atom == DW_OP_call_frame_cfa) {
            values[depth++] = cfa;
        } else if (atom == DW_OP_stack_value) {
            *is_value = 1;
        } else if ((atom >= DW_OP_const1u && atom <= DW_OP_consts)) {
            values[depth++] = number;
        } else if (atom == DW_OP_plus_uconst && depth >= 1) {
            values[depth - 1] += number;
        } else if (atom == DW_OP_deref && depth >= 1) {
            if (stack_word(stack, values[depth - 1], &values[depth - 1]))
                return -1;
        } else if ((atom == DW_OP_plus || atom == DW_OP_minus || atom == DW_OP_and) && depth >= 2) {
            uint64_t right = values[--depth], *left = &values[depth - 1];
            *left = atom == DW_OP_plus    ? *left + right
                    : atom == DW_OP_minus ? *left - right
                                          : *left & right;
        } else {
            return -1;
        }
    }
    if (!depth)
        return -1;
    *result = values[depth - 1];
    return 0;
}

/* One register of the caller. */
static void recover(Dwarf_Frame *rules, int reg, const struct stack *stack, uint64_t cfa,
                    const struct frame *from, struct frame *to)
{
    Dwarf_Op memory[3], *ops;
    size_t count;
    uint64_t value;
    int is_value;
    if (dwarf_frame_register(rules, reg, memory, &ops, &count))
        return;
    if (!count) {
        if (ops) /* undefined */
            return;
        to->value[reg] = from->value[reg];
        to->known |= from->known & 1U << reg;
        return;
    }
    if (evaluate(ops, count, from, cfa, stack, &value, &is_value) ||
        (!is_value && stack_word(stack, value, &value)))
        return;
    to->value[reg] = value;
    to->known |= 1U << reg;
}

static int unwind_by(Dwarf_Frame *rules, const struct stack *stack, struct frame *frame)
{
    struct frame caller = {0};
    Dwarf_Op *ops;
    size_t count;
    uint64_t cfa;
    int is_value;
    if (dwarf_frame_cfa(rules, &ops, &count) || !count ||
        evaluate(ops, count, frame, 0, stack, &cfa, &is_value))
        return -1;
    cfa = (uint32_t)cfa;
    for (int reg = 0; reg < REGISTER_COUNT; reg++)
        recover(rules, reg, stack, cfa, frame, &caller);
    if (!(caller.known & 1U << REG_RETURN))
        return -1;
    caller.value[REG_RETURN] = (uint32_t)caller.value[REG_RETURN];
    caller.value[REG_STACK] = cfa;
    caller.known |= 1U << REG_STACK;
    *frame = caller;
    return 0;
}

int program_unwind(struct program *program, uint64_t at, const struct stack *stack,
                   struct frame *frame)
{
    for (size_t i = 0; i < sizeof program->frames / sizeof *program->frames; i++) {
        Dwarf_Frame *rules;
        if (!program->frames[i] || dwarf_cfi_addrframe(program->frames[i], at, &rules))
            continue;
        int failed = unwind_by(rules, stack, frame);
        free(rules);
        if (!failed)
            return 0;
    }
    return -1;
}
