#include "tools/verify/symbols.h"

#include <elf.h>
#include <string.h>

static int inside(const struct symbols *symbols, uint64_t offset, uint64_t length)
{
    return offset <= symbols->size && length <= symbols->size - offset;
}

void symbols_open(struct symbols *symbols, const void *file, size_t size)
{
    Elf64_Ehdr header;
    *symbols = (struct symbols){.file = file, .size = size};
    if (!inside(symbols, 0, sizeof header))
        return;
    memcpy(&header, symbols->file, sizeof header);
    if (header.e_shentsize != sizeof(Elf64_Shdr) ||
        !inside(symbols, header.e_shoff, (uint64_t)header.e_shnum * sizeof(Elf64_Shdr)))
        return;
    for (unsigned i = 0; i < header.e_shnum; i++) {
        Elf64_Shdr table, names;
        memcpy(&table, symbols->file + header.e_shoff + i * sizeof table, sizeof table);
        if (table.sh_type != SHT_SYMTAB || table.sh_entsize != sizeof(Elf64_Sym) ||
            table.sh_link >= header.e_shnum || !inside(symbols, table.sh_offset, table.sh_size))
            continue;
        memcpy(&names, symbols->file + header.e_shoff + table.sh_link * sizeof names, sizeof names);
        if (!inside(symbols, names.sh_offset, names.sh_size) || names.sh_size == 0 ||
            symbols->file[names.sh_offset + names.sh_size - 1] != 0)
            continue;
        symbols->table = table.sh_offset;
        symbols->count = table.sh_size / sizeof(Elf64_Sym);
        symbols->names = names.sh_offset;
        symbols->names_size = names.sh_size;
        return;
    }
}

const char *symbols_find(const struct symbols *symbols, uint64_t address, uint64_t *offset)
{
    const char *best = NULL;
    uint64_t best_value = 0;
    int best_global = 0;
    for (uint64_t i = 0; i < symbols->count; i++) {
        Elf64_Sym symbol;
        memcpy(&symbol, symbols->file + symbols->table + i * sizeof symbol, sizeof symbol);
        int type = ELF64_ST_TYPE(symbol.st_info),
            global = ELF64_ST_BIND(symbol.st_info) != STB_LOCAL;
        if ((type != STT_FUNC && type != STT_NOTYPE) || symbol.st_shndx == SHN_UNDEF ||
            symbol.st_shndx >= SHN_LORESERVE || symbol.st_name == 0 ||
            symbol.st_name >= symbols->names_size || symbol.st_value > address)
            continue;
        if (best && (symbol.st_value < best_value ||
                     (symbol.st_value == best_value && best_global >= global)))
            continue;
        best = (const char *)symbols->file + symbols->names + symbol.st_name;
        best_value = symbol.st_value;
        best_global = global;
    }
    *offset = address - best_value;
    return best;
}
