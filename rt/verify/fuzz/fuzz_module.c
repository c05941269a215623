/* libFuzzer target: can any file make the module parser read where it must not, or let by what the
 * loader counts on not to meet? */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "rt/abi.h"
#include "rt/verify/module.h"
#include "rt/verify/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth)
{
    if (!truth)
        abort();
}

/* What docs/sfi.md R8 promises, said again from the other side. */
static void check_module(const struct module *module, size_t size)
{
    const uint64_t page = LIND_PAGE_SIZE;
    unsigned executable = 0;
    uint64_t end = 0;
    int gate_found = 0;
    require(module->segment_count >= 1 && module->segment_count <= MODULE_SEGMENTS_MAX);
    require(module->image_start % page == 0 && module->image_end % page == 0);
    require(module->image_end <= MODULE_IMAGE_MAX && module->image_start < module->image_end);
    for (unsigned i = 0; i < module->segment_count; i++) {
        const struct module_segment *segment = &module->segments[i];
        require(segment->file_size <= segment->memory_size && segment->memory_size > 0);
        require(segment->offset <= size && segment->file_size <= size - segment->offset);
        require(segment->address % page == segment->offset % page);
        require(segment->address / page * page >= end);
        end = (segment->address + segment->memory_size + page - 1) / page * page;
        require(segment->address >= module->image_start && end <= module->image_end);
        require(segment->flags & PF_R && !(segment->flags & ~(uint32_t)(PF_R | PF_W | PF_X)));
        require(!(segment->flags & PF_W) || !(segment->flags & PF_X));
        if (segment->flags & PF_X) {
            executable++;
            require(i == module->text && segment->address % page == 0);
            require(segment->file_size == segment->memory_size);
            require(module->entry >= segment->address &&
                    module->entry - segment->address < segment->file_size);
        }
        if (module->gate_address >= segment->address &&
            module->gate_address + page <= segment->address + segment->memory_size)
            gate_found = segment->flags == PF_R;
    }
    require(executable == 1 && gate_found && module->gate_address % page == 0);
    require(module->entry % LIND_BUNDLE_SIZE == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct module module;
    const char *why = NULL;
    /* A copy of exactly this size: reads beyond it are seen. */
    uint8_t *file = malloc(size ? size : 1);
    require(file != NULL);
    memcpy(file, data, size);
    if (module_parse(file, size, &module, &why)) {
        require(why != NULL);
    } else {
        check_module(&module, size);
        const struct module_segment *text = &module.segments[module.text];
        struct verify_module input = {file + text->offset, text->address,    text->file_size,
                                      module.image_start,  module.image_end, module.gate_address};
        uint64_t *bitmap = malloc(VERIFY_BITMAP_SIZE(text->file_size));
        require(bitmap != NULL);
        verify_text(&input, NULL, bitmap);
        free(bitmap);
    }
    free(file);
    return 0;
}
