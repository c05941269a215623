/* verify-bytes FILE: checks cases of machine code against the verifier, and runs them.
 *
 * A case is a line
 *     accept [REGISTER=VALUE]...: BYTES                # words
 *     reject RN [EFFECT] [REGISTER=VALUE]...: BYTES    # words
 * BYTES are hexadecimal; BASE and ENTRY stand for a disp32 to the gate page's slots (BASE+n, too),
 * END for one to the bundle's end, GATE+n and IMAGE+n for one to an address in the gate page or
 * relative to the image's end, `|` for int3 up to the bundle's end, `*n` for n repetitions of the
 * byte before. int3 fills up the last bundle, except after a case that ends with `!`. An accepted
 * case is also run natively, with hostile registers, and must not get out of the window. A rejected
 * case that names an EFFECT (read, write, rsp, jump, kernel, flags, base, past, slots, or that the
 * processor refuses: undefined, protected; see native.h) is run natively as well, and must show it:
 * that is the control. VALUE is a number, OUTSIDE, or WINDOW+number. Lines that begin with # or
 * hold nothing are skipped. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"
#include "rt/abi.h"
#include "rt/verify/verify.h"

enum { TEXT_MAX = NATIVE_TEXT_MAX, IMAGE_END = 0x40000 };

struct test_case {
    int accept;
    int rule;
    int effect;
    struct native_run run;
    uint8_t text[TEXT_MAX];
    size_t size;
};

static const char *path;
static unsigned line_number, failures, cases;

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
    static const char *const registers[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                            "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    static const struct {
        const char *name;
        int effect;
    } effects[] = {{"read", NATIVE_READ},
                   {"write", NATIVE_WRITE},
                   {"rsp", NATIVE_RSP},
                   {"jump", NATIVE_JUMP},
                   {"kernel", NATIVE_KERNEL},
                   {"flags", NATIVE_FLAGS},
                   {"base", NATIVE_BASE},
                   {"past", NATIVE_PAST},
                   {"slots", NATIVE_SLOTS},
                   {"undefined", NATIVE_UNDEFINED},
                   {"protected", NATIVE_PROTECTED}};
    char *equals = strchr(word, '=');
    if (equals) {
        *equals = 0;
        for (int i = 0; i < 16; i++)
            if (!strcmp(word, registers[i])) {
                test->run.registers[i] = parse_value(equals + 1);
                return;
            }
        broken("unknown register");
    }
    if (word[0] == 'R' && isdigit((unsigned char)word[1])) {
        test->rule = atoi(word + 1);
        return;
    }
    for (size_t i = 0; i < sizeof effects / sizeof *effects; i++)
        if (!strcmp(word, effects[i].name)) {
            test->effect = effects[i].effect;
            return;
        }
    broken("unknown word before the colon");
}

static int first_fault(void *ctx, const struct verify_fault *fault)
{
    *(struct verify_fault *)ctx = *fault;
    return 1;
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
    char words[200];
    unsigned faults = verify_text(&module, &options, bitmap);
    cases++;
    if (test->accept && faults) {
        snprintf(words, sizeof words, "rejected at +0x%llx: R%d: %s",
                 (unsigned long long)(fault.address - NATIVE_TEXT), fault.rule, fault.message);
        fail(words);
    } else if (!test->accept && !faults) {
        fail("accepted");
    } else if (!test->accept && fault.rule != test->rule) {
        snprintf(words, sizeof words, "rejected by R%d (%s), not by R%d", fault.rule, fault.message,
                 test->rule);
        fail(words);
    }
    free(copy);
    if (!test->accept && !test->effect)
        return;
    test->run.text = test->text;
    test->run.size = test->size;
    int effect = native_execute(&test->run);
    if (effect < 0) {
        snprintf(words, sizeof words, "cannot run it: %s", strerror(errno));
        fail(words);
    } else if (test->accept && effect & ~(NATIVE_UNDEFINED | NATIVE_PROTECTED)) {
        snprintf(words, sizeof words, "accepted, but got out when run: effect %d", effect);
        fail(words);
    } else if (!test->accept && !(effect & test->effect)) {
        snprintf(words, sizeof words, "control: the attack does nothing (effect %d)", effect);
        fail(words);
    }
}

int main(int argc, char **argv)
{
    static char line[65536];
    static struct test_case test;
    FILE *file = argc == 2 ? fopen(path = argv[1], "r") : NULL;
    if (!file) {
        fprintf(stderr, "usage: verify-bytes FILE\n");
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
        parse_bytes(&test, colon + 1);
        if (test.size == 0)
            broken("no bytes");
        check(&test);
    }
    fclose(file);
    printf("%u cases, %u failures\n", cases, failures);
    return failures || cases == 0;
}
