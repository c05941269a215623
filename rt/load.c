#include "rt/load.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rt/copy.h"
#include "rt/host.h"

void gate_entry(void);

/* The largest part of a file that is read: a module has at most 1 GiB of image. */
#define IMAGE_MAX (1ULL << 30)
#define HEADERS_MAX 4096

/* Reads [from, to) of the file. Returns 0, -ENOEXEC when it ends earlier, or the host's error. */
static int read_range(int fd, uint8_t *bytes, uint64_t from, uint64_t to)
{
    while (from < to) {
        long got = host_call4(SYS_pread64, fd, bytes + from, to - from, from);
        if (got == -EINTR)
            continue;
        if (got < 0)
            return (int)got;
        if (got == 0)
            return -ENOEXEC;
        from += (uint64_t)got;
    }
    return 0;
}

/* How much of the file the headers and loadable segments cover, judged by its first `have` bytes; 0
 * when these are no ELF headers that fit. *memory is what the segments take. module_parse checks
 * everything: this only bounds the read. */
static uint64_t wanted_size(const uint8_t *start, uint64_t have, uint64_t *memory)
{
    Elf64_Ehdr header;
    *memory = 0;
    if (have < sizeof header)
        return 0;
    memcpy(&header, start, sizeof header);
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_phentsize != sizeof(Elf64_Phdr) ||
        header.e_phoff > have || header.e_phnum > (have - header.e_phoff) / sizeof(Elf64_Phdr))
        return 0;
    uint64_t size = header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr);
    for (unsigned i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        memcpy(&segment, start + header.e_phoff + i * sizeof segment, sizeof segment);
        if (segment.p_type != PT_LOAD && segment.p_type != PT_NOTE)
            continue;
        if (segment.p_offset > IMAGE_MAX || segment.p_filesz > IMAGE_MAX)
            return 0;
        if (segment.p_type == PT_LOAD && __builtin_add_overflow(*memory, segment.p_memsz, memory))
            return 0;
        if (segment.p_offset + segment.p_filesz > size)
            size = segment.p_offset + segment.p_filesz;
    }
    return size <= IMAGE_MAX ? size : 0;
}

int image_read(int fd, uint64_t most, struct image *image, const char **why)
{
    uint8_t start[HEADERS_MAX];
    uint64_t memory;
    long have = host_call4(SYS_pread64, fd, start, sizeof start, 0);
    if (have < 0) {
        *why = "cannot be read";
        return (int)have;
    }
    image->size = wanted_size(start, (uint64_t)have, &memory);
    if (image->size == 0) {
        *why = "not an ELF program (was it built by lind-cc?)";
        return -ENOEXEC;
    }
    if (memory > most)
        return -EFBIG;
    image->bytes =
        mmap(NULL, image->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (image->bytes == MAP_FAILED) {
        *why = "not enough memory to load it";
        return -ENOMEM;
    }
    int error = read_range(fd, image->bytes, 0, image->size);
    if (error)
        *why = error == -ENOEXEC ? "the file is shorter than its headers say" : "cannot be read";
    else
        error = module_parse(image->bytes, image->size, &image->module, why);
    if (error)
        image_free(image);
    return error;
}

void image_free(struct image *image)
{
    munmap(image->bytes, image->size);
    image->bytes = NULL;
}

/* Writes all of it. Returns 0 or the host's error. */
static int write_at(int fd, const uint8_t *bytes, uint64_t size, uint64_t to)
{
    while (size) {
        long got = host_call4(SYS_pwrite64, fd, bytes, size, to);
        if (got == -EINTR)
            continue;
        if (got <= 0)
            return got ? (int)got : -ENOSPC;
        bytes += got;
        to += (uint64_t)got;
        size -= (uint64_t)got;
    }
    return 0;
}

int image_write(const struct image *image, int fd)
{
    const struct module *module = &image->module;
    static const uint8_t int3[LIND_PAGE_SIZE] = {[0 ... LIND_PAGE_SIZE - 1] = 0xcc};
    uint64_t start = module->image_start & ~(LIND_PAGE_SIZE - 1ULL);
    int error = 0;
    for (unsigned i = 0; !error && i < module->segment_count; i++) {
        const struct module_segment *segment = &module->segments[i];
        uint64_t to = segment->address - start, end = to + segment->file_size;
        error = write_at(fd, image->bytes + segment->offset, segment->file_size, to);
        if (!error && i == module->text)
            error = write_at(fd, int3, -end & (LIND_PAGE_SIZE - 1), end);
    }
    return error;
}

int gate_page_fill(uint64_t base, uint64_t at)
{
    const uint64_t slots[2] = {[LIND_GATE_SLOT_BASE / 8] = base,
                               [LIND_GATE_SLOT_ENTRY / 8] = (uint64_t)gate_entry};
    return copyout_window(base, at, slots, sizeof slots);
}

/* The bitmap of targets is shared by the copies of a text. */
struct targets {
    _Atomic uint32_t users;
    uint32_t unused;
    uint64_t bits[];
};

static struct targets *targets_of(const struct text *text)
{
    return (struct targets *)((char *)text->targets - offsetof(struct targets, bits));
}

void text_share(const struct text *from, uint64_t by, struct text *to)
{
    *to = *from;
    to->start += by;
    to->end += by;
    if (from->targets)
        atomic_fetch_add(&targets_of(from)->users, 1);
}

void text_release(struct text *text)
{
    if (text->targets && atomic_fetch_sub(&targets_of(text)->users, 1) == 1)
        free(targets_of(text));
    text->targets = NULL;
}

int image_verify(const struct image *image, const uint8_t *bytes,
                 const struct verify_options *options, struct text *text)
{
    const struct module *module = &image->module;
    const struct module_segment *segment = &module->segments[module->text];
    struct targets *targets = malloc(sizeof *targets + VERIFY_BITMAP_SIZE(segment->file_size));
    if (!targets)
        return -ENOMEM;
    const struct verify_module what = {
        .text = bytes,
        .text_address = segment->address,
        .text_size = segment->file_size,
        .image_start = module->image_start,
        .image_end = module->image_end,
        .gate_address = module->gate_address,
    };
    if (verify_text(&what, options, targets->bits)) {
        free(targets);
        return -ENOEXEC;
    }
    text->start = segment->address;
    text->end = text->start + segment->file_size;
    targets->users = 1;
    text->targets = targets->bits;
    return 0;
}
