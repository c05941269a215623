/* Names for addresses, from an ELF file's symbol table. Only for messages; safe on hostile files: a
 * broken table has no names. */
#ifndef LIND_VERIFY_SYMBOLS_H
#define LIND_VERIFY_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct symbols {
    const uint8_t *file; /* borrowed */
    size_t size;
    uint64_t table, count; /* file offset and number of the Elf64_Sym */
    uint64_t names, names_size;
};

/* Finds the symbol table of the ELF file at `file`, which must outlive *symbols. */
void symbols_open(struct symbols *symbols, const void *file, size_t size);

/* The function or label nearest below an address, in the section table's terms; NULL if none.
 * *offset gets the distance. The name ends within the file. */
const char *symbols_find(const struct symbols *symbols, uint64_t address, uint64_t *offset);

#endif
