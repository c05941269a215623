/* The verifier's rules over decoded instructions. One pass over the text decodes, checks R1 to R5
 * and R7, and notes where branch targets may be and where direct branches go; then both bitmaps are
 * compared (R6). A second pass runs only to name the branches that missed. */
#include "rt/verify/verify.h"

#include "rt/abi.h"
#include "rt/verify/quick.h"

enum { BUNDLE = LIND_BUNDLE_SIZE, TAIL = 64 };

/* Lengths of the fixed pieces of groups (docs/sfi.md 4). */
enum {
    MASK_LENGTH = 4,
    REBASE_LENGTH = 7,
    INDIRECT_LENGTH = 3,
    LEA_RSP_LENGTH = 4,
    GATE_JUMP_LENGTH = 6,
    POINTER_LENGTH = 6
};

struct walk {
    const struct verify_module *module;
    const struct verify_options *options;
    unsigned faults;
    unsigned max_faults;
    int stopped;
    uint64_t base_slot; /* module addresses of the gate page's slots */
    uint64_t entry_slot;
    uint64_t *starts; /* the bitmap's halves */
    uint64_t *targets;
    uint64_t quick_image; /* accesses of QUICK_WIDTH_MAX bytes may begin so far into the image */
    uint32_t drift;       /* sum of |amounts| since the last anchor */
    int falls_through;    /* the last instruction may go on to the next */
};

/* Where we are: a bundle's bytes may be a padded copy, so bytes and module addresses are kept
 * apart. */
struct bundle {
    const uint8_t *bytes; /* at least TAIL bytes are readable from each instruction on */
    uint64_t offset;      /* of the bundle in the text */
    unsigned size;        /* BUNDLE, less at the text's end */
    uint32_t starts;      /* bits of instruction starts not inside a group */
};

static void __attribute__((noinline, cold))
fault(struct walk *walk, uint64_t offset, size_t length, int rule, const char *message)
{
    const struct verify_module *module = walk->module;
    if (walk->stopped)
        return;
    size_t left = module->text_size - offset;
    struct verify_fault report = {module->text_address + offset, module->text + offset,
                                  length < left ? length : left, rule, message};
    walk->faults++;
    if (walk->options && walk->options->report &&
        walk->options->report(walk->options->ctx, &report))
        walk->stopped = 1;
    if (walk->faults >= walk->max_faults)
        walk->stopped = 1;
}

static uint64_t bundle_address(const struct walk *walk, const struct bundle *bundle, unsigned at)
{
    return walk->module->text_address + bundle->offset + at;
}

/* Does the instruction `length` bytes long at `at`, whose 4-byte displacement ends it, name the
 * slot? */
static int names_slot(const struct walk *walk, const struct bundle *bundle, unsigned at,
                      unsigned length, uint64_t slot)
{
    uint64_t next = bundle_address(walk, bundle, at + length);
    return next + (uint64_t)(int64_t)load32(bundle->bytes + at + length - 4) == slot;
}

/* Are `count` bytes at `at` in the bundle and these? */
static int has_bytes(const struct bundle *bundle, unsigned at, const char *bytes, unsigned count)
{
    return at + count <= bundle->size && !memcmp(bundle->bytes + at, bytes, count);
}

static int has_slot_insn(const struct walk *walk, const struct bundle *bundle, unsigned at,
                         const char *opcode, unsigned opcode_length, unsigned length, uint64_t slot)
{
    return at + length <= bundle->size && has_bytes(bundle, at, opcode, opcode_length) &&
           names_slot(walk, bundle, at, length, slot);
}

/* movq BASE(%rip),%r11: what stack group B and string groups begin with. */
static int has_load_base(const struct walk *walk, const struct bundle *bundle, unsigned at)
{
    return has_slot_insn(walk, bundle, at, "\x4c\x8b\x1d", 3, REBASE_LENGTH, walk->base_slot);
}

/* The groups: each matcher gets the offset in the bundle behind the instruction that may begin it,
 * and returns the group's end in the bundle, or 0. */

/* andl $-32,%r11d; addq BASE(%rip),%r11; jmpq or callq *%r11 */
static unsigned match_jump(const struct walk *walk, const struct bundle *bundle, unsigned at,
                           int *is_call)
{
    unsigned add = at + MASK_LENGTH, jump = add + REBASE_LENGTH;
    if (!has_bytes(bundle, at, "\x41\x83\xe3\xe0", MASK_LENGTH) ||
        !has_slot_insn(walk, bundle, add, "\x4c\x03\x1d", 3, REBASE_LENGTH, walk->base_slot))
        return 0;
    *is_call = has_bytes(bundle, jump, "\x41\xff\xd3", INDIRECT_LENGTH);
    if (!*is_call && !has_bytes(bundle, jump, "\x41\xff\xe3", INDIRECT_LENGTH))
        return 0;
    return jump + INDIRECT_LENGTH;
}

/* jmpq *ENTRY(%rip) */
static unsigned match_gate(const struct walk *walk, const struct bundle *bundle, unsigned at,
                           uint64_t lea_target)
{
    if (!has_slot_insn(walk, bundle, at, "\xff\x25", 2, GATE_JUMP_LENGTH, walk->entry_slot))
        return 0;
    if (lea_target != bundle_address(walk, bundle, BUNDLE))
        return 0;
    return at + GATE_JUMP_LENGTH;
}

/* addq BASE(%rip),%rsp */
static unsigned match_rebase(const struct walk *walk, const struct bundle *bundle, unsigned at)
{
    if (!has_slot_insn(walk, bundle, at, "\x48\x03\x25", 3, REBASE_LENGTH, walk->base_slot))
        return 0;
    return at + REBASE_LENGTH;
}

/* leal ...,%esp; leaq (%rsp,%r11),%rsp */
static unsigned match_stack_b(const struct bundle *bundle, unsigned at)
{
    struct insn lea;
    if (at >= bundle->size || decode(bundle->bytes + at, &lea) || lea.form->class != CLASS_LEA)
        return 0;
    if (lea.reg != REGISTER_RSP || lea.rex & REX_W || lea.prefixes & ~PREFIX_REX ||
        lea.address == ADDRESS_RIP)
        return 0;
    /* Not through %r11: it holds the base. */
    if ((lea.modrm & 7) == 4) { /* SIB */
        unsigned base = (lea.sib & 7) | (lea.rex & REX_B) << 3;
        unsigned index = (lea.sib >> 3 & 7) | (lea.rex & REX_X) << 2;
        if (base == REGISTER_R11 || index == REGISTER_R11)
            return 0;
    } else if (((lea.modrm & 7) | (lea.rex & REX_B) << 3) == REGISTER_R11) {
        return 0;
    }
    at = (unsigned)(lea.end - bundle->bytes);
    if (!has_bytes(bundle, at, "\x4a\x8d\x24\x1c", LEA_RSP_LENGTH))
        return 0;
    return at + LEA_RSP_LENGTH;
}

/* movl %edi,%edi; leaq (%rdi,%r11),%rdi; the same for %rsi; the operation */
static unsigned match_string(const struct bundle *bundle, unsigned at)
{
    unsigned pointers = 0;
    struct insn insn;
    if (has_bytes(bundle, at, "\x89\xff\x4a\x8d\x3c\x1f", POINTER_LENGTH)) {
        pointers |= FORM_USES_DI;
        at += POINTER_LENGTH;
    }
    if (has_bytes(bundle, at, "\x89\xf6\x4a\x8d\x34\x1e", POINTER_LENGTH)) {
        pointers |= FORM_USES_SI;
        at += POINTER_LENGTH;
    }
    if (!pointers || at >= bundle->size || decode(bundle->bytes + at, &insn) ||
        insn.form->class != CLASS_STRING)
        return 0;
    if ((insn.form->flags & (FORM_USES_DI | FORM_USES_SI)) != pointers)
        return 0;
    at = (unsigned)(insn.end - bundle->bytes);
    return at <= bundle->size ? at : 0;
}

/* The groups that begin with a load of BASE. */
static unsigned match_base_load(struct walk *walk, const struct bundle *bundle, unsigned at,
                                unsigned next)
{
    unsigned end;
    if (!has_load_base(walk, bundle, at))
        return 0;
    end = match_stack_b(bundle, next);
    if (end)
        walk->drift = 0;
    else
        end = match_string(bundle, next);
    return end;
}

/* R4 and R7 for an instruction with a memory operand. */
static inline const char *check_memory(const struct walk *walk, const struct insn *insn,
                                       uint64_t next, int *rule)
{
    *rule = 4;
    if (insn->prefixes & PREFIX_GS) {
        if (!(insn->prefixes & PREFIX_ADDRESS32))
            return "%gs: without 32-bit address size";
        if (insn->address == ADDRESS_RIP)
            return "%eip-relative operand";
        return NULL;
    }
    int32_t displacement = insn_displacement(insn);
    if (insn->prefixes & PREFIX_ADDRESS32)
        return "32-bit address without %gs:";
    if (insn->prefixes & PREFIX_FS) {
        if (insn->address != ADDRESS_ABSOLUTE || displacement != LIND_THREAD_POINTER ||
            insn->opcode != 0x8b || insn->form->class != CLASS_MOV || !(insn->rex & REX_W))
            return "%fs: operand that is not a load of the thread pointer";
        return NULL;
    }
    if (insn->address == ADDRESS_RSP) {
        if (displacement < -LIND_RSP_REACH || displacement > LIND_RSP_REACH - LIND_WIDTH_MOST)
            return "displacement from %rsp beyond 32 KiB";
        return NULL;
    }
    if (insn->address == ADDRESS_RIP) {
        const struct verify_module *module = walk->module;
        uint64_t target = next + (uint64_t)(int64_t)displacement, width = insn_width(insn);
        if (target < module->image_start || target >= module->image_end ||
            width > module->image_end - target)
            return "%rip-relative operand outside the module's image";
        if (target < module->gate_address + LIND_PAGE_SIZE &&
            target + width > module->gate_address) {
            *rule = 7;
            return "the gate page is touched outside the groups that may";
        }
        return NULL;
    }
    return "memory operand is not confined to the window";
}

/* R5 for an instruction that writes %rsp. `next` is the offset in the bundle behind it. Returns the
 * end of the group or of the instruction, or 0 with *message set. */
static unsigned check_rsp_write(struct walk *walk, const struct bundle *bundle,
                                const struct insn *insn, unsigned next, const char **message)
{
    const struct form *form = insn->form;
    uint32_t amount;
    *message = "%rsp is written outside a stack group";
    if (insn->prefixes & PREFIX_OPERAND16)
        return 0;
    if (!(insn->rex &
          REX_W)) { /* stack group A: a full write of %esp, rebased by the next instruction */
        if (form->class != CLASS_MOV && form->class != CLASS_LEA && form->class != CLASS_ADD &&
            form->class != CLASS_SUB && form->class != CLASS_AND)
            return 0;
        unsigned end = match_rebase(walk, bundle, next);
        if (end)
            walk->drift = 0;
        else
            *message = "%esp is written without addq BASE(%rip),%rsp behind it";
        return end;
    }
    if (form->class == CLASS_LEA && insn->address == ADDRESS_RSP &&
        !(insn->prefixes & PREFIX_ADDRESS32)) {
        int32_t value = insn_displacement(insn);
        amount = value < 0 ? -(uint32_t)value : (uint32_t)value;
    } else if ((form->class == CLASS_ADD || form->class == CLASS_SUB) && form->immediate) {
        int32_t value =
            form->immediate == 1 ? (int8_t)*insn_immediate(insn) : load32(insn_immediate(insn));
        amount = value < 0 ? -(uint32_t)value : (uint32_t)value;
    } else {
        return 0;
    }
    *message = "%rsp drifts more than 32 KiB from the last access through it";
    if (amount > LIND_RSP_REACH || walk->drift + amount > LIND_RSP_REACH)
        return 0;
    walk->drift += amount;
    return next;
}

/* Offset in the text to which a direct branch goes. `next` and `end` are where it ends, in the text
 * and in memory. */
static inline uint64_t branch_target(uint64_t next, const uint8_t *end, unsigned immediate_size)
{
    int32_t distance = immediate_size == 1 ? (int8_t)end[-1] : load32(end - 4);
    return next + (uint64_t)(int64_t)distance;
}

/* R6 and R5 for a direct branch. */
static void check_branch(struct walk *walk, const struct insn *insn, uint64_t offset, uint64_t next)
{
    uint64_t target = branch_target(next, insn->end, insn->form->immediate);
    if (target >= walk->module->text_size)
        fault(walk, offset, next - offset, 6, "branch out of the text");
    else
        walk->targets[target / 64] |= 1ULL << target % 64;
    if (walk->drift && insn->form->class != CLASS_CALL)
        fault(walk, offset, next - offset, 5,
              "branch while %rsp has drifted without an access through it");
    walk->drift = 0;
    walk->falls_through = insn->form->class == CLASS_BRANCH;
}

/* An lea that writes %r11 may begin a jump or gate group. Returns the end in the bundle of the
 * group, or of the lea. */
static unsigned check_lea(struct walk *walk, const struct bundle *bundle, const struct insn *insn,
                          unsigned at, unsigned next)
{
    unsigned end;
    int is_call = 0;
    if (insn->prefixes & (PREFIX_OPERAND16 | PREFIX_ADDRESS32))
        return next;
    if (insn->rex & REX_W) {
        if (insn->address != ADDRESS_RIP)
            return next;
        end = match_gate(walk, bundle, next,
                         bundle_address(walk, bundle, next) +
                             (uint64_t)(int64_t)insn_displacement(insn));
    } else {
        /* 31(r): one register, displacement of one byte. SIB 24 is the only one for %r12, and %rsp
         * is no target. */
        if ((insn->modrm & 0xc0) != 0x40 || insn_displacement(insn) != BUNDLE - 1 ||
            insn->address == ADDRESS_RSP ||
            ((insn->modrm & 7) == 4 && (insn->sib != 0x24 || insn->rex & REX_X)))
            return next;
        end = match_jump(walk, bundle, next, &is_call);
    }
    if (!end)
        return next;
    if (walk->drift && !is_call)
        fault(walk, bundle->offset + at, end - at, 5,
              "branch while %rsp has drifted without an access through it");
    walk->drift = 0;
    walk->falls_through = 0;
    return end;
}

/* What the classes beyond the plain ones ask for. Returns the end in the bundle of the instruction
 * or of the group that it begins. */
static unsigned check_class(struct walk *walk, const struct bundle *bundle, const struct insn *insn,
                            unsigned at, unsigned next)
{
    switch (insn->form->class) {
    case CLASS_LEA:
        if (insn->prefixes & PREFIX_ADDRESS32 && insn->address == ADDRESS_RIP)
            fault(walk, bundle->offset + at, next - at, 4, "%eip-relative operand");
        return insn->reg == REGISTER_R11 ? check_lea(walk, bundle, insn, at, next) : next;
    case CLASS_BRANCH:
    case CLASS_JUMP:
    case CLASS_CALL:
        check_branch(walk, insn, bundle->offset + at, bundle->offset + next);
        return next;
    case CLASS_PUSH:
    case CLASS_POP:
        walk->drift = 0;
        return next;
    case CLASS_TRAP:
        walk->falls_through = 0;
        return next;
    case CLASS_STRING:
        fault(walk, bundle->offset + at, next - at, 4, "string operation outside its group");
        return next;
    case CLASS_INDIRECT:
        fault(walk, bundle->offset + at, next - at, 6, "indirect branch outside a group");
        walk->falls_through = 0;
        return next;
    default:
        return next;
    }
}

/* Words for instructions that are no mistake of encoding. */
static void __attribute__((noinline, cold))
undecodable(struct walk *walk, const struct bundle *bundle, unsigned at, const char *why)
{
    const uint8_t *bytes = bundle->bytes + at;
    int rule = 2;
    if (bytes[0] == 0xc3 || bytes[0] == 0xc2 || (bytes[0] == 0xf3 && bytes[1] == 0xc3)) {
        rule = 6;
        why = "ret";
    }
    fault(walk, bundle->offset + at, bundle->size - at < 15 ? bundle->size - at : 15, rule, why);
}

/* Whatever may stand at `at` in the bundle, a group at once. Returns where to go on in the bundle.
 */
static unsigned walk_any(struct walk *walk, struct bundle *bundle, unsigned at)
{
    const uint8_t *bytes = bundle->bytes + at;
    struct insn insn;
    const char *why = decode(bytes, &insn);
    unsigned length, next, end;
    int rule;
    if (why) {
        undecodable(walk, bundle, at, why);
        return bundle->size;
    }
    length = (unsigned)(insn.end - bytes);
    next = at + length;
    if (next > bundle->size) {
        fault(walk, bundle->offset + at, length, 1,
              bundle->size < BUNDLE ? "text ends inside an instruction"
                                    : "instruction crosses a bundle's border");
        return bundle->size;
    }
    bundle->starts |= 1u << at;
    walk->falls_through = 1;
    if (insn.address != ADDRESS_NONE && !(insn.form->flags & FORM_NO_ACCESS)) {
        why = check_memory(walk, &insn, bundle_address(walk, bundle, next), &rule);
        if (why) {
            end = rule == 7 ? match_base_load(walk, bundle, at, next) : 0;
            if (!end)
                fault(walk, bundle->offset + at, length, rule, why);
            return end ? end : next;
        }
        /* An anchor: it faults if %rsp has left the window and its guards. */
        if (insn.address == ADDRESS_RSP && !(insn.prefixes & PREFIX_ADDRESS) &&
            !(insn.form->flags & FORM_MAYBE))
            walk->drift = 0;
    }
    if (insn_writes_rsp(&insn)) {
        end = check_rsp_write(walk, bundle, &insn, next, &why);
        if (!end)
            fault(walk, bundle->offset + at, length, 5, why);
        return end ? end : next;
    }
    return insn.form->class < CLASS_LEA ? next : check_class(walk, bundle, &insn, at, next);
}

static inline void mark_start(struct walk *walk, uint64_t offset)
{
    walk->starts[offset / 64] |= 1ULL << offset % 64;
}

/* Goes over a run of int3, which fills bundles up behind calls: from `offset` on, whose bytes are
 * at `bytes`. Returns where it ends in the text. */
static inline uint64_t skip_int3(struct walk *walk, const uint8_t *bytes, uint64_t offset,
                                 uint64_t end)
{
    while (offset < end && offset % BUNDLE != 0) {
        uint64_t others = load64(bytes) ^ 0xccccccccccccccccULL, left = BUNDLE - offset % BUNDLE;
        uint64_t run = others ? (unsigned)__builtin_ctzll(others) / 8 : 8;
        if (left > end - offset)
            left = end - offset;
        if (run > left)
            run = left;
        if (run == 0)
            break;
        walk->falls_through = 0;
        walk->starts[offset / 64] |= ((1ULL << run) - 1) << offset % 64;
        offset += run;
        bytes += run;
    }
    return offset;
}

/* Takes a common instruction, if it is one that breaks no rule, at `offset` in the text. Returns
 * where to go on, or `offset`. */
static inline __attribute__((always_inline)) uint64_t
walk_quick(struct walk *walk, const uint8_t *bytes, uint64_t offset, uint64_t end)
{
    const struct verify_module *module = walk->module;
    struct quick quick = quick_decode(bytes);
    uint64_t next = offset + quick.length, target;
    /* The text's last instruction is walk_any's, for it knows whether it falls through. */
    if (quick.class == QUICK_IS_NONE || offset % BUNDLE + quick.length > BUNDLE || next >= end)
        return offset;
    if (__builtin_expect(quick.class <= QUICK_IS_PUSH && !quick.is_rip, 1)) {
        /* Anchors set the drift back. Without a branch: what comes next is hard to guess. */
        uint32_t keep =
            quick.class == QUICK_IS_MAYBE || (quick.class == QUICK_IS_PLAIN && !quick.is_stack);
        walk->drift &= -keep;
    } else if (quick.class >= QUICK_IS_BRANCH) {
        target = branch_target(next, bytes + quick.length, quick.immediate);
        if (target >= module->text_size || (walk->drift && quick.class == QUICK_IS_BRANCH))
            return offset;
        walk->targets[target / 64] |= 1ULL << target % 64;
        walk->drift = 0;
        if (quick.class == QUICK_IS_CALL) {
            mark_start(walk, offset);
            return skip_int3(walk, bytes + quick.length, next, end);
        }
    } else if (quick.class == QUICK_IS_LEA) {
        if (quick.is_r11)
            return offset; /* may begin a group */
    } else if (quick.class == QUICK_IS_NOP) {
        if (decode_nop(bytes) != quick.length)
            return offset;
    } else {
        target = module->text_address + next +
                 (uint64_t)(int64_t)load32(bytes + quick.length - quick.immediate - 4);
        if (target - module->image_start >= walk->quick_image ||
            target - (module->gate_address - QUICK_WIDTH_MAX) < LIND_PAGE_SIZE + QUICK_WIDTH_MAX)
            return offset;
        if (quick.class == QUICK_IS_PUSH)
            walk->drift = 0;
    }
    mark_start(walk, offset);
    return next;
}

/* Walks the text from `first` up to `end`, each a bundle's border or the text's end. `bytes` are
 * those at `first`, with TAIL readable bytes behind those of `end`. */
static void walk_range(struct walk *walk, const uint8_t *bytes, uint64_t first, uint64_t end)
{
    uint64_t offset = first;
    while (offset < end && !walk->stopped) {
        uint64_t next = walk_quick(walk, bytes + (offset - first), offset, end);
        if (next == offset) {
            uint64_t start = offset & -(uint64_t)BUNDLE;
            struct bundle bundle = {bytes + (start - first), start,
                                    end - start < BUNDLE ? (unsigned)(end - start) : BUNDLE, 0};
            next = start + walk_any(walk, &bundle, (unsigned)(offset - start));
            walk->starts[start / 64] |= (uint64_t)bundle.starts << start % 64;
            /* Behind the groups that branch, int3 fills the bundle up, too. */
            if (!walk->falls_through && next < end)
                next = skip_int3(walk, bytes + (next - first), next, end);
        }
        offset = next;
    }
}

/* Which direct branches in a range miss? As walk_range, when some do. */
static void __attribute__((noinline, cold))
report_branches(struct walk *walk, const uint8_t *bytes, uint64_t first, uint64_t end)
{
    for (uint64_t offset = first; offset < end && !walk->stopped;) {
        const uint8_t *at = bytes + (offset - first);
        struct insn insn;
        if (decode(at, &insn)) {
            offset = (offset & -(uint64_t)BUNDLE) + BUNDLE;
            continue;
        }
        uint64_t next = offset + (uint64_t)(insn.end - at);
        if (insn.form->class == CLASS_BRANCH || insn.form->class == CLASS_JUMP ||
            insn.form->class == CLASS_CALL) {
            uint64_t target = branch_target(next, insn.end, insn.form->immediate);
            if (target < walk->module->text_size && !(walk->starts[target / 64] >> target % 64 & 1))
                fault(walk, offset, next - offset, 6, "branch into an instruction or a group");
        }
        offset = next;
    }
}

unsigned verify_text(const struct verify_module *module, const struct verify_options *options,
                     uint64_t *bitmap)
{
    uint64_t image_size = module->image_end - module->image_start;
    size_t words = VERIFY_BITMAP_SIZE(module->text_size) / 16;
    struct walk walk = {
        .module = module,
        .options = options,
        .max_faults = options && options->max_faults ? options->max_faults : 1,
        .base_slot = module->gate_address + LIND_GATE_SLOT_BASE,
        .entry_slot = module->gate_address + LIND_GATE_SLOT_ENTRY,
        .starts = bitmap,
        .targets = bitmap + words,
        .quick_image = image_size > QUICK_WIDTH_MAX ? image_size - QUICK_WIDTH_MAX : 0,
        .falls_through = 1,
    };
    /* Instructions may be looked at beyond the text's end, so its last bundles are walked as a
     * padded copy. */
    uint8_t tail[3 * TAIL];
    uint64_t border = module->text_size > TAIL ? (module->text_size - TAIL) & -(uint64_t)BUNDLE : 0;
    memset(tail, 0xcc, sizeof tail);
    memcpy(tail, module->text + border, module->text_size - border);
    memset(bitmap, 0, 16 * words);
    walk_range(&walk, module->text, 0, border);
    walk_range(&walk, tail, border, module->text_size);
    if (walk.falls_through && !walk.stopped)
        fault(&walk, module->text_size ? module->text_size - 1 : 0, 1, 1,
              "the text's last instruction falls through");
    if (walk.stopped)
        return walk.faults;
    for (size_t i = 0; i < words; i++) {
        if (walk.targets[i] & ~walk.starts[i]) {
            report_branches(&walk, module->text, 0, border);
            report_branches(&walk, tail, border, module->text_size);
            break;
        }
    }
    return walk.faults;
}
