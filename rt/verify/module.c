#include "rt/verify/module.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "rt/abi.h"

/* Everything is copied out of the file before it is looked at, so alignment does not matter. All
 * sums are of values below 2^31. */
#define LIMIT MODULE_IMAGE_MAX
#define PAGE ((uint64_t)LIND_PAGE_SIZE)

static uint64_t page_down(uint64_t value)
{
    return value & ~(PAGE - 1);
}

static uint64_t page_up(uint64_t value)
{
    return page_down(value + PAGE - 1);
}

static const char *parse_header(const uint8_t *bytes, size_t size, Elf64_Ehdr *header)
{
    if (size < sizeof *header)
        return "not an ELF file: too short";
    memcpy(header, bytes, sizeof *header);
    if (memcmp(header->e_ident, ELFMAG, SELFMAG))
        return "not an ELF file";
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
        header->e_machine != EM_X86_64)
        return "not an ELF file for x86-64";
    if (header->e_ident[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT)
        return "not an ELF file of version 1";
    if (header->e_type != ET_DYN)
        return "not a static PIE (was it built by lind-cc?)";
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 ||
        header->e_phnum == PN_XNUM)
        return "bad program header size or number";
    if (header->e_phoff > size || header->e_phnum > (size - header->e_phoff) / sizeof(Elf64_Phdr))
        return "program headers are outside the file";
    return NULL;
}

static const char *add_segment(struct module *module, const Elf64_Phdr *header, size_t size)
{
    struct module_segment *segment = &module->segments[module->segment_count];
    if (header->p_memsz == 0)
        return header->p_filesz ? "a segment is larger in the file than in memory" : NULL;
    if (module->segment_count == MODULE_SEGMENTS_MAX)
        return "too many segments";
    if (header->p_offset > size || header->p_filesz > size - header->p_offset)
        return "a segment is outside the file";
    if (header->p_filesz > header->p_memsz)
        return "a segment is larger in the file than in memory";
    if (header->p_vaddr >= LIMIT || header->p_memsz > LIMIT - header->p_vaddr)
        return "a segment's addresses are out of range";
    if ((header->p_vaddr ^ header->p_offset) & (PAGE - 1))
        return "a segment's address and file offset differ within the page";
    if (header->p_flags & ~(uint32_t)(PF_R | PF_W | PF_X))
        return "a segment has unknown flags";
    if (!(header->p_flags & PF_R))
        return "a segment is not readable";
    if ((header->p_flags & PF_W) && (header->p_flags & PF_X))
        return "a segment is writable and executable";
    *segment = (struct module_segment){header->p_offset, header->p_vaddr, header->p_filesz,
                                       header->p_memsz, header->p_flags};
    if (module->segment_count > 0) {
        const struct module_segment *before = segment - 1;
        if (page_down(segment->address) < page_up(before->address + before->memory_size))
            return "segments overlap, share a page, or are out of order";
    }
    if (segment->flags & PF_X) {
        if (module->text != MODULE_SEGMENTS_MAX)
            return "more than one executable segment";
        if (segment->address & (PAGE - 1) || segment->file_size != segment->memory_size)
            return "the executable segment is not page-aligned or not all in the file";
        module->text = module->segment_count;
    }
    module->segment_count++;
    return NULL;
}

static const struct module_segment *find_segment(const struct module *module, uint64_t address,
                                                 uint64_t length)
{
    for (unsigned i = 0; i < module->segment_count; i++) {
        const struct module_segment *segment = &module->segments[i];
        if (address >= segment->address && address - segment->address <= segment->memory_size &&
            length <= segment->memory_size - (address - segment->address))
            return segment;
    }
    return NULL;
}

/* Looks for the module note among the notes of one PT_NOTE. */
static const char *scan_notes(struct module *module, const uint8_t *bytes, const Elf64_Phdr *header,
                              size_t size, unsigned *found)
{
    if (header->p_offset > size || header->p_filesz > size - header->p_offset ||
        header->p_vaddr >= LIMIT)
        return "a note segment is outside the file";
    const uint8_t *start = bytes + header->p_offset;
    uint64_t align = header->p_align == 8 ? 8 : 4;
    for (uint64_t at = 0, end = header->p_filesz; at < end && end - at >= sizeof(Elf64_Nhdr);) {
        Elf64_Nhdr note;
        memcpy(&note, start + at, sizeof note);
        /* A note's parts are aligned relative to its segment's start, the description after header
         * and name. */
        uint64_t name = at + sizeof note;
        uint64_t description = (name + note.n_namesz + align - 1) & ~(align - 1);
        if (description > end || note.n_descsz > end - description)
            return "a note is outside its segment";
        if (note.n_namesz == sizeof LIND_NOTE_NAME && note.n_type == LIND_NOTE_TYPE &&
            !memcmp(start + name, LIND_NOTE_NAME, sizeof LIND_NOTE_NAME)) {
            uint32_t words[3];
            if (note.n_descsz != LIND_NOTE_DESC_SIZE)
                return "the Lind note has a wrong size";
            memcpy(words, start + description, sizeof words);
            if (words[0] != LIND_ABI_VERSION || words[1] != LIND_BUNDLE_SIZE)
                return "built for another version of Lind: build it again with this lind-cc";
            module->gate_address =
                header->p_vaddr + description + 8 + (uint64_t)(int64_t)(int32_t)words[2];
            ++*found;
        }
        at = (description + note.n_descsz + align - 1) & ~(align - 1);
    }
    return NULL;
}

static const char *parse(const uint8_t *bytes, size_t size, struct module *module)
{
    Elf64_Ehdr header;
    const char *why = parse_header(bytes, size, &header);
    if (why)
        return why;
    memset(module, 0, sizeof *module);
    module->text = MODULE_SEGMENTS_MAX;

    unsigned notes = 0;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        memcpy(&segment, bytes + header.e_phoff + i * sizeof segment, sizeof segment);
        if (segment.p_type == PT_LOAD)
            why = add_segment(module, &segment, size);
        else if (segment.p_type == PT_NOTE)
            why = scan_notes(module, bytes, &segment, size, &notes);
        else if (segment.p_type == PT_GNU_STACK && (segment.p_flags & PF_X))
            why = "it asks for an executable stack";
        if (why)
            return why;
    }
    if (module->segment_count == 0 || module->text == MODULE_SEGMENTS_MAX)
        return "no executable segment";
    if (notes != 1)
        return notes ? "more than one Lind note" : "no Lind note: it was not built by lind-cc";

    const struct module_segment *text = &module->segments[module->text];
    const struct module_segment *last = &module->segments[module->segment_count - 1];
    module->image_start = page_down(module->segments[0].address);
    module->image_end = page_up(last->address + last->memory_size);
    if (module->image_end > LIMIT)
        return "the image is too large";
    if (header.e_entry < text->address || header.e_entry - text->address >= text->file_size ||
        header.e_entry % LIND_BUNDLE_SIZE)
        return "the entry point is not a bundle of the text";
    module->entry = header.e_entry;

    uint64_t gate = module->gate_address;
    const struct module_segment *holder = gate < LIMIT ? find_segment(module, gate, PAGE) : NULL;
    if (gate & (PAGE - 1) || !holder || holder->flags != PF_R)
        return "the gate page is not a page of a read-only segment";

    for (unsigned i = 0; i < module->segment_count; i++) {
        const struct module_segment *segment = &module->segments[i];
        uint64_t length = header.e_phnum * sizeof(Elf64_Phdr);
        if (header.e_phoff >= segment->offset &&
            header.e_phoff - segment->offset <= segment->file_size &&
            length <= segment->file_size - (header.e_phoff - segment->offset)) {
            module->headers_address = segment->address + (header.e_phoff - segment->offset);
            break;
        }
    }
    module->header_count = header.e_phnum;
    return NULL;
}

int module_parse(const void *bytes, size_t size, struct module *module, const char **why)
{
    *why = parse(bytes, size, module);
    return *why ? -ENOEXEC : 0;
}
