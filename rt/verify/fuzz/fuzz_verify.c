/* libFuzzer target: can any text make the verifier read or write where it must not, or contradict
 * itself? The input is the text; its bytes that look like displacements to the gate page's slots
 * are mended, so that groups are found. */
#include <stdlib.h>
#include <string.h>

#include "rt/abi.h"
#include "rt/verify/quick.h"
#include "rt/verify/verify.h"

enum { TEXT = 0x10000, GATE = 0x4000, IMAGE_END = 0x40000, TEXT_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Opcodes of groups that end with a slot's displacement. */
static const struct {
    uint8_t bytes[3];
    uint8_t length;
    uint32_t slot;
} slots[] = {
    {{0x4c, 0x03, 0x1d}, 3, LIND_GATE_SLOT_BASE},
    {{0x4c, 0x8b, 0x1d}, 3, LIND_GATE_SLOT_BASE},
    {{0x48, 0x03, 0x25}, 3, LIND_GATE_SLOT_BASE},
    {{0xff, 0x25}, 2, LIND_GATE_SLOT_ENTRY},
};

static void mend(uint8_t *text, size_t size)
{
    for (size_t i = 0; i + 7 <= size; i++) {
        if (text[i] != 0x4c && text[i] != 0x48 && text[i] != 0xff)
            continue;
        for (size_t j = 0; j < sizeof slots / sizeof *slots; j++) {
            size_t at = i + slots[j].length;
            if (memcmp(text + i, slots[j].bytes, slots[j].length) || text[at + 3] != 0xff)
                continue;
            uint32_t displacement = (uint32_t)(GATE + slots[j].slot - (TEXT + at + 4));
            memcpy(text + at, &displacement, 4);
        }
        if (!memcmp(text + i, "\x4c\x8d\x1d", 3) && text[i + 6] == 0) {
            size_t end = (i / LIND_BUNDLE_SIZE + 1) * LIND_BUNDLE_SIZE;
            uint32_t displacement = (uint32_t)(end - (i + 7));
            memcpy(text + i + 3, &displacement, 4);
        }
    }
}

static void require(int truth)
{
    if (!truth)
        abort();
}

struct faults {
    const uint8_t *text;
    size_t size;
    unsigned count;
};

static int on_fault(void *ctx, const struct verify_fault *fault)
{
    struct faults *faults = ctx;
    require(fault->address >= TEXT && fault->address - TEXT < faults->size);
    require(fault->bytes == faults->text + (fault->address - TEXT));
    require(fault->length >= 1 && fault->length <= faults->size - (fault->address - TEXT));
    require(fault->rule >= 1 && fault->rule <= 7 && fault->message != NULL);
    faults->count++;
    return 0;
}

/* Where the answer is yes, each start is one that decode() finds, none crosses a bundle. */
static void check_starts(const uint8_t *text, size_t size, const uint64_t *bitmap)
{
    uint8_t *padded = calloc(1, size + 64);
    require(padded != NULL);
    memcpy(padded, text, size);
    for (size_t i = 0; i < size; i++) {
        struct insn insn;
        if (!(bitmap[i / 64] >> i % 64 & 1))
            continue;
        require(decode(padded + i, &insn) == NULL);
        size_t length = (size_t)(insn.end - (padded + i));
        require(i % LIND_BUNDLE_SIZE + length <= LIND_BUNDLE_SIZE && i + length <= size);
        struct quick quick = quick_decode(padded + i);
        require(quick.class == QUICK_IS_NONE || quick.length == length);
    }
    for (size_t i = 0; i < size; i += LIND_BUNDLE_SIZE)
        require(bitmap[i / 64] >> i % 64 & 1);
    free(padded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > TEXT_MAX)
        return 0;
    uint8_t *text = malloc(size);
    uint64_t *bitmap = malloc(VERIFY_BITMAP_SIZE(size));
    require(text && bitmap);
    memcpy(text, data, size);
    mend(text, size);
    struct verify_module module = {text, TEXT, size, 0, IMAGE_END, GATE};
    struct faults faults = {text, size, 0};
    struct verify_options options = {on_fault, &faults, 1000000};
    unsigned count = verify_text(&module, &options, bitmap);
    require(count == faults.count);
    if (count == 0)
        check_starts(text, size, bitmap);
    free(bitmap);
    free(text);
    return 0;
}
