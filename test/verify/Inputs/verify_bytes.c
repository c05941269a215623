/* verify-bytes [--tell] FILE: checks cases of machine code against the verifier, and
 * runs them.
 *
 * A case is a line
 *     accept [NAME=VALUE]...: BYTES                # words
 *     reject RN WORD... [NAME=VALUE]...: BYTES     # words
 * BYTES are hexadecimal; BASE and ENTRY stand for a disp32 to the gate page's slots (BASE+n, too),
 * END for one to the bundle's end, GATE+n and IMAGE+n for one to an address in the gate page or
 * relative to the image's end, `|` for int3 up to the bundle's end, `*n` for n repetitions of the
 * byte before. int3 fills up the last bundle, except after a case that ends with `!`. NAME is a
 * register, `flags` (status flags), `start` (the offset at which to start), `fill` (the 8-byte word
 * that the window's memory holds), `gate` (1: its entry comes back to %r11 at once), or `at` (the
 * offset of the instruction that vendor, decoders, order and form are about, if not the one at
 * fault); VALUE a number, OUTSIDE, or WINDOW+number.
 * Lines that begin with # or hold nothing are skipped.
 *
 * An accepted case is also run natively, with several sets of hostile registers, and must not get
 * out of the window. A rejected case says with a WORD what its rejection is good for, and that is
 * shown: a case without one fails.
 *
 * Harms (see native.h): read, write, rsp, jump, kernel, flags, base, past, slots, reach, inside,
 * keys: the bytes are run and must show it; or that the processor refuses them: undefined,
 * protected. Of several words one must hold. `vendor`: the branch is one that processors read
 * differently; one that cuts %rip to 16 bits must leave the window by it, one that does not must
 * take the other reading of the two that Zydis gives for the vendors.
 *
 * Reasons where there is no harm: none may be seen with any of the register sets, and
 *     decoders   Zydis, LLVM, objdump and the processor do not agree on the instruction at fault:
 *                whether it is one, its length, its registers
 *     order      they agree, but a reader for whom the order of prefixes does not matter sees an
 *                instruction that does something else
 *     form       they agree, and the processor runs it: one meaning has one encoding, not several
 *     spare      it is harmless, but is not needed: the instruction is not in the table, or the
 *                rule that keeps harm away is simpler than it would have to be to let it pass
 *
 * `needs=FEATURE`: on a processor without it the word is not shown, and the last line says so.
 * --tell prints what is seen of every rejected case, for whoever writes one. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoders.h"
#include "native.h"
#include "rt/abi.h"
#include "rt/verify/verify.h"

enum { TEXT_MAX = NATIVE_TEXT_MAX, IMAGE_END = 0x40000, FEATURES_MAX = 32 };

/* Words that are no effects. */
enum { WORD_VENDOR = 1, WORD_DECODERS = 2, WORD_ORDER = 4, WORD_FORM = 8, WORD_SPARE = 16 };

/* Whatever the code does with it, an effect that is no refusal is a harm. */
#define HARMS (~NATIVE_REFUSED)

struct test_case {
    int accept;
    int rule;
    int effects;
    int words;
    unsigned assigned; /* registers that the line sets, by number */
    const char *feature;
    uint64_t at; /* offset of the instruction that words are about, when not the one at fault */
    struct native_run run;
    uint8_t text[TEXT_MAX];
    uint8_t starts[TEXT_MAX];
    size_t size;
};

static const char *path;
static int tell;
static unsigned line_number, failures, cases, skipped_count;
static struct {
    char name[16];
    unsigned count;
} skipped[FEATURES_MAX];

static const char *const registers[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const struct {
    const char *name;
    int effect, word;
} words[] = {{"read", NATIVE_READ, 0},
             {"write", NATIVE_WRITE, 0},
             {"rsp", NATIVE_RSP, 0},
             {"jump", NATIVE_JUMP, 0},
             {"kernel", NATIVE_KERNEL, 0},
             {"flags", NATIVE_FLAGS, 0},
             {"base", NATIVE_BASE, 0},
             {"past", NATIVE_PAST, 0},
             {"slots", NATIVE_SLOTS, 0},
             {"reach", NATIVE_REACH, 0},
             {"inside", NATIVE_INSIDE, 0},
             {"keys", NATIVE_KEYS, 0},
             {"undefined", NATIVE_UNDEFINED, 0},
             {"protected", NATIVE_PROTECTED, 0},
             {"vendor", 0, WORD_VENDOR},
             {"decoders", 0, WORD_DECODERS},
             {"order", 0, WORD_ORDER},
             {"form", 0, WORD_FORM},
             {"spare", 0, WORD_SPARE}};
enum { WORDS_COUNT = sizeof words / sizeof *words };

static void fail(const char *what)
{
    printf("%s:%u: %s\n", path, line_number, what);
    failures++;
}

static void __attribute__((noreturn)) broken(const char *what)
{
    fprintf(stderr, "%s:%u: %s\n", path, line_number, what);
    exit(2);
}

static void put(struct test_case *test, unsigned byte)
{
    if (test->size == TEXT_MAX)
        broken("too many bytes");
    test->text[test->size++] = (uint8_t)byte;
}

static void fill_bundle(struct test_case *test)
{
    while (test->size % LIND_BUNDLE_SIZE)
        put(test, 0xcc);
}

/* A disp32 whose instruction ends with it. */
static void put_displacement(struct test_case *test, uint64_t target)
{
    uint32_t value = (uint32_t)(target - (NATIVE_TEXT + test->size + 4));
    for (int i = 0; i < 4; i++)
        put(test, value >> 8 * i & 0xff);
}

static uint64_t parse_offset(const char *text)
{
    return *text ? strtoull(text, NULL, 0) : 0;
}

static int parse_bytes(struct test_case *test, char *text)
{
    int complete = 0;
    for (char *token = strtok(text, " \t\n"); token; token = strtok(NULL, " \t\n")) {
        if (*token == '#')
            break;
        if (!strcmp(token, "|")) {
            fill_bundle(test);
        } else if (!strcmp(token, "!")) {
            complete = 1;
        } else if (*token == '*') {
            unsigned long count = strtoul(token + 1, NULL, 0);
            if (test->size == 0)
                broken("nothing to repeat");
            for (unsigned byte = test->text[test->size - 1]; count > 1; count--)
                put(test, byte);
        } else if (!strncmp(token, "BASE", 4)) {
            put_displacement(test, NATIVE_GATE + LIND_GATE_SLOT_BASE + parse_offset(token + 4));
        } else if (!strncmp(token, "ENTRY", 5)) {
            put_displacement(test, NATIVE_GATE + LIND_GATE_SLOT_ENTRY + parse_offset(token + 5));
        } else if (!strncmp(token, "GATE", 4)) {
            put_displacement(test, NATIVE_GATE + parse_offset(token + 4));
        } else if (!strncmp(token, "IMAGE", 5)) {
            put_displacement(test, IMAGE_END + parse_offset(token + 5));
        } else if (!strcmp(token, "END")) {
            uint64_t end =
                (NATIVE_TEXT + test->size + LIND_BUNDLE_SIZE) & -(uint64_t)LIND_BUNDLE_SIZE;
            put_displacement(test, end);
        } else {
            char *rest;
            unsigned long byte = strtoul(token, &rest, 16);
            if (*rest || strlen(token) != 2)
                broken("bad byte");
            put(test, (unsigned)byte);
        }
    }
    if (!complete)
        fill_bundle(test);
    return 0;
}

static uint64_t parse_value(const char *text)
{
    if (!strncmp(text, "OUTSIDE", 7))
        return NATIVE_OUTSIDE + parse_offset(text + 7);
    if (!strncmp(text, "WINDOW", 6))
        return NATIVE_WINDOW + parse_offset(text + 6);
    return strtoull(text, NULL, 0);
}

static void parse_word(struct test_case *test, char *word)
{
    char *equals = strchr(word, '=');
    if (equals) {
        *equals = 0;
        for (unsigned i = 0; i < 16; i++)
            if (!strcmp(word, registers[i])) {
                test->run.registers[i] = parse_value(equals + 1);
                test->assigned |= 1u << i;
                return;
            }
        if (!strcmp(word, "flags"))
            test->run.flags = parse_value(equals + 1);
        else if (!strcmp(word, "start"))
            test->run.start = parse_value(equals + 1);
        else if (!strcmp(word, "gate"))
            test->run.gate_returns = parse_value(equals + 1) != 0;
        else if (!strcmp(word, "fill"))
            test->run.fill = parse_value(equals + 1);
        else if (!strcmp(word, "at"))
            test->at = parse_value(equals + 1);
        else if (!strcmp(word, "needs") && native_has(equals + 1) >= 0)
            test->feature = equals + 1;
        else
            broken("unknown name or feature");
        return;
    }
    if (word[0] == 'R' && isdigit((unsigned char)word[1])) {
        test->rule = atoi(word + 1);
        return;
    }
    for (size_t i = 0; i < WORDS_COUNT; i++)
        if (!strcmp(word, words[i].name)) {
            test->effects |= words[i].effect;
            test->words |= words[i].word;
            return;
        }
    broken("unknown word before the colon");
}

/* Where the instructions start for one who reads from the first byte on. */
static void find_starts(struct test_case *test)
{
    memset(test->starts, 0, sizeof test->starts);
    for (size_t at = 0; at < test->size;) {
        unsigned length = decoders_length(test->text + at, test->size - at);
        test->starts[at] = 1;
        at += length ? length : 1;
    }
    test->run.starts = test->starts;
}

static int first_fault(void *ctx, const struct verify_fault *fault)
{
    *(struct verify_fault *)ctx = *fault;
    return 1;
}

/* The register sets of cases that must do no harm: the case's own, then others for the registers
 * that the line does not set. */
enum { SETS_COUNT = 4 };
static void choose_registers(const struct test_case *test, int set, struct native_run *run)
{
    static const uint64_t values[SETS_COUNT] = {0, NATIVE_DATA, (uint64_t)-1,
                                                NATIVE_WINDOW + NATIVE_DATA};
    *run = test->run;
    for (unsigned i = 0; set && i < 16; i++)
        if (i != 4 && !(test->assigned >> i & 1))
            run->registers[i] = values[set];
}

/* What is seen with all of the register sets, with *own what with the case's own. */
static int execute_all(const struct test_case *test, int *own)
{
    struct native_run run;
    int all = 0;
    for (int set = 0; set < SETS_COUNT; set++) {
        choose_registers(test, set, &run);
        /* A wish that cannot come true: all ways of looking are tried. */
        int effect = native_execute(&run, NATIVE_READ | NATIVE_SLOTS | NATIVE_REACH);
        if (effect < 0)
            return effect;
        if (set == 0)
            *own = effect;
        all |= effect;
    }
    return all;
}

static const char *effect_words(int effect)
{
    static char text[200];
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < WORDS_COUNT; i++)
        if (effect & words[i].effect)
            used += (size_t)snprintf(text + used, sizeof text - used, " %s", words[i].name);
    return text[0] ? text : " nothing";
}

/* The step over the instruction at `offset`. */
static int step_at(const struct test_case *test, size_t offset, int set, struct native_step *step)
{
    struct native_run run;
    choose_registers(test, set, &run);
    run.start = offset;
    return native_step(&run, step);
}

/* Do the decoders and the processor disagree on the instruction at `offset`? */
static int disagree(const struct test_case *test, size_t offset)
{
    struct reading readings[DECODERS_COUNT];
    struct native_step step;
    decoders_read(test->text + offset, test->size - offset, readings);
    /* With registers for which it is completed, if there are such. */
    for (int set = 0; set < SETS_COUNT; set++)
        if (step_at(test, offset, set, &step))
            broken("cannot run it");
        else if (step.signal == SIGTRAP)
            break;
    /* Not its length where it jumped, or is one of several rounds of a string operation. */
    uint64_t length = step.rip - (NATIVE_WINDOW + NATIVE_TEXT + offset);
    int differ = decoders_differ(readings);
    for (int i = 0; i < DECODERS_COUNT; i++) {
        if (tell)
            printf("  %s: %u %s\n", readings[i].decoder, readings[i].length, readings[i].text);
        if (step.signal == SIGILL
                ? readings[i].length != 0
                : step.signal == SIGTRAP && length - 1 < 15 && readings[i].length != length)
            differ = 1;
    }
    if (tell)
        printf("  processor: signal %d, %llu bytes, %s\n", step.signal, (unsigned long long)length,
               differ ? "they differ" : "they agree");
    return differ;
}

/* The instruction at `offset` as one reads it who takes prefixes in any order, the first of each
 * kind. Returns how many bytes they are; 0: as they stand. */
static size_t reorder(const struct test_case *test, size_t offset, uint8_t *bytes)
{
    static const uint8_t kinds[][6] = {
        {0x64, 0x65, 0x2e, 0x36, 0x3e, 0x26}, {0x67}, {0x66}, {0xf3, 0xf2}, {0xf0}};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    uint8_t found[KINDS + 1] = {0};
    size_t at = offset, used = 0;
    for (; at < test->size; at++) {
        uint8_t byte = test->text[at];
        int known = (byte & 0xf0) == 0x40;
        if (known)
            found[KINDS] = byte;
        for (size_t i = 0; !known && i < KINDS; i++)
            if (byte && memchr(kinds[i], byte, sizeof kinds[i])) {
                known = 1;
                if (!found[i])
                    found[i] = byte;
            }
        if (!known)
            break;
    }
    for (size_t i = 0; i <= KINDS; i++)
        if (found[i])
            bytes[used++] = found[i];
    int changed = used != at - offset || memcmp(bytes, test->text + offset, used) != 0;
    for (unsigned i = 0; i < 16 && at < test->size; i++)
        bytes[used++] = test->text[at++];
    return changed ? used : 0;
}

/* Does it do something else when read so? */
static int order_matters(const struct test_case *test, size_t offset)
{
    static struct test_case other;
    struct native_step a, b;
    other = *test;
    memset(other.text + offset, 0xcc, TEXT_MAX - offset);
    if (!reorder(test, offset, other.text + offset))
        return 0;
    other.size = TEXT_MAX;
    other.run.text = other.text;
    other.run.size = other.size;
    for (int set = 0; set < SETS_COUNT; set++) {
        if (step_at(test, offset, set, &a) || step_at(&other, offset, set, &b))
            broken("cannot run it");
        if (a.signal != b.signal || a.address != b.address || a.digest != b.digest)
            return 1;
    }
    return 0;
}

/* Is `rip` where a branch at `at` goes on that is read so? */
static int goes_to(const struct branch_reading *reading, uint64_t at, uint64_t rip, int cut)
{
    uint64_t target = at + reading->length + (uint64_t)reading->displacement;
    if (!reading->relative)
        return (rip < 0x10000) == cut;
    return rip == at + reading->length || rip == (cut ? target & 0xffff : target);
}

/* `vendor`, see above. */
static const char *check_vendor(struct test_case *test, size_t offset)
{
    struct branch_reading intel, amd;
    struct native_step step;
    uint64_t at = NATIVE_WINDOW + NATIVE_TEXT + offset;
    int cuts = native_cuts_branches();
    decoders_read_branch(test->text + offset, test->size - offset, &intel, &amd);
    if (cuts < 0 || step_at(test, offset, 0, &step))
        broken("cannot run it");
    if (tell)
        printf("  Intel: %u bytes; AMD: %u; %%rip %#llx\n", intel.length, amd.length,
               (unsigned long long)step.rip);
    if (!intel.length || !amd.length)
        return "vendor: it is no branch";
    int as_intel = goes_to(&intel, at, step.rip, 0), as_amd = goes_to(&amd, at, step.rip, 1);
    if (as_intel && as_amd)
        return "control: both vendors' processors do the same";
    return (cuts ? as_amd : as_intel) ? NULL : "control: it goes elsewhere than the vendor's do";
}

static void skip(const char *feature)
{
    unsigned i = 0;
    while (i < skipped_count && strcmp(skipped[i].name, feature))
        i++;
    if (i == FEATURES_MAX)
        broken("too many features");
    if (i == skipped_count) {
        snprintf(skipped[i].name, sizeof skipped[i].name, "%s", feature);
        skipped_count++;
    }
    skipped[i].count++;
}

/* The words of a rejected case; `offset`: of the fault. */
static void check_words(struct test_case *test, size_t offset)
{
    char text[300];
    int own = 0, seen;
    if (tell) {
        seen = execute_all(test, &own);
        printf("%u: own registers:%s;", line_number, effect_words(own));
        printf(" all:%s%s\n", effect_words(seen),
               order_matters(test, offset) ? "; order matters" : "");
        disagree(test, offset);
        const char *same = check_vendor(test, offset);
        if (!same)
            printf("  vendors differ\n");
    }
    if (!test->effects && !test->words) {
        fail("neither a control nor a reason");
        return;
    }
    if (test->feature && !native_has(test->feature)) {
        skip(test->feature);
        return;
    }
    if (test->effects) {
        find_starts(test);
        seen = native_execute(&test->run, test->effects);
        if (seen < 0) {
            fail("cannot run it");
            return;
        }
        if (seen & test->effects)
            return;
        if (!test->words) {
            snprintf(text, sizeof text, "control: the attack does not do it, but:%s",
                     effect_words(seen));
            fail(text);
            return;
        }
    }
    if (test->words == WORD_VENDOR) {
        const char *why = check_vendor(test, offset);
        if (why)
            fail(why);
        return;
    }
    seen = execute_all(test, &own);
    if (seen < 0) {
        fail("cannot run it");
        return;
    }
    if (seen & HARMS) {
        snprintf(text, sizeof text, "it does harm, which the line should name:%s",
                 effect_words(seen));
        fail(text);
    } else if (test->words == WORD_DECODERS) {
        if (!disagree(test, offset))
            fail("decoders: all agree");
    } else if (own & NATIVE_REFUSED) {
        snprintf(text, sizeof text, "the processor refuses it:%s", effect_words(own));
        fail(text);
    } else if (test->words == WORD_ORDER) {
        if (disagree(test, offset))
            fail("order: decoders disagree already");
        else if (!order_matters(test, offset))
            fail("order: it makes no difference");
    } else if (test->words == WORD_FORM) {
        if (disagree(test, offset))
            fail("form: decoders disagree");
        else if (order_matters(test, offset))
            fail("form: the order of prefixes matters");
    } else if (test->words != WORD_SPARE) {
        fail("several reasons");
    }
}

static void check(struct test_case *test)
{
    static uint64_t bitmap[VERIFY_BITMAP_SIZE(TEXT_MAX) / 8];
    /* An exact copy on the heap: sanitizers see reads beyond it. */
    uint8_t *copy = malloc(test->size);
    if (!copy)
        broken("out of memory");
    memcpy(copy, test->text, test->size);
    struct verify_module module = {copy, NATIVE_TEXT, test->size, 0, IMAGE_END, NATIVE_GATE};
    struct verify_fault fault = {0};
    struct verify_options options = {first_fault, &fault, 0};
    char text[300];
    unsigned faults = verify_text(&module, &options, bitmap);
    cases++;
    if (test->accept && faults) {
        snprintf(text, sizeof text, "rejected at +0x%llx: R%d: %s",
                 (unsigned long long)(fault.address - NATIVE_TEXT), fault.rule, fault.message);
        fail(text);
    } else if (!test->accept && !faults) {
        fail("accepted");
    } else if (!test->accept && fault.rule != test->rule) {
        snprintf(text, sizeof text, "rejected by R%d (%s), not by R%d", fault.rule, fault.message,
                 test->rule);
        fail(text);
    }
    free(copy);
    test->run.text = test->text;
    test->run.size = test->size;
    if (!test->accept) {
        if (faults)
            check_words(test, test->at ? test->at : fault.address - NATIVE_TEXT);
        return;
    }
    int own, effect = execute_all(test, &own);
    if (effect < 0) {
        snprintf(text, sizeof text, "cannot run it: %s", strerror(errno));
        fail(text);
    } else if (effect & HARMS) {
        snprintf(text, sizeof text, "accepted, but got out when run:%s", effect_words(effect));
        fail(text);
    }
}

int main(int argc, char **argv)
{
    static char line[65536];
    static struct test_case test;
    FILE *file = NULL;
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--tell"))
            tell = 1;
        else if (!file)
            file = fopen(path = argv[i], "r");
    if (!file) {
        fprintf(stderr, "usage: verify-bytes [--tell] FILE\n");
        return 2;
    }
    while (fgets(line, sizeof line, file)) {
        line_number++;
        char *start = line + strspn(line, " \t\n");
        if (*start == 0 || *start == '#')
            continue;
        char *colon = strchr(start, ':');
        if (!colon)
            broken("no colon");
        *colon = 0;
        memset(&test, 0, sizeof test);
        native_prepare(&test.run);
        char *save, *word = strtok_r(start, " \t", &save);
        if (!word || (strcmp(word, "accept") && strcmp(word, "reject")))
            broken("neither accept nor reject");
        test.accept = !strcmp(word, "accept");
        while ((word = strtok_r(NULL, " \t", &save)))
            parse_word(&test, word);
        if (!test.accept && !test.rule)
            broken("no rule");
        /* No control starts where a cage cannot come to: an attack would be shown that is none. */
        if (!test.accept && test.run.registers[4] - NATIVE_WINDOW >= 1ULL << 32)
            broken("%rsp is outside the window to begin with");
        parse_bytes(&test, colon + 1);
        if (test.size == 0)
            broken("no bytes");
        if (test.run.start >= test.size || test.at >= test.size)
            broken("behind the text");
        check(&test);
    }
    fclose(file);
    printf("%u cases, %u failures", cases, failures);
    for (unsigned i = 0; i < skipped_count; i++)
        printf("%s%s (%u)", i ? ", " : "; not on this processor: ", skipped[i].name,
               skipped[i].count);
    printf("\n");
    return failures || cases == 0;
}
