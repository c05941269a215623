/* From a command line to struct invocation. What each option means stands in option_rules.c. */
#include "lind-cc.h"
#include "option_rules.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Host directories whose contents are for the host's own programs. Build systems name them out of
 * habit; in a cage they could only do harm. */
static const char *const host_directories[] = {
    "/usr/include", "/usr/include/x86_64-linux-gnu", "/lib", "/lib64", "/usr/lib", "/usr/lib64",
    "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
};

/* Sanitizers whose checks can trap instead of calling a runtime library. */
static const char *const trapping_sanitizers[] = {
    "undefined", "alignment", "array-bounds", "bool", "bounds", "builtin", "enum",
    "float-cast-overflow", "float-divide-by-zero", "implicit-conversion",
    "implicit-integer-arithmetic-value-change", "implicit-integer-sign-change",
    "implicit-integer-truncation", "implicit-signed-integer-truncation",
    "implicit-unsigned-integer-truncation", "integer", "integer-divide-by-zero", "local-bounds",
    "nonnull-attribute", "null", "nullability", "nullability-arg", "nullability-assign",
    "nullability-return", "object-size", "pointer-overflow", "return", "returns-nonnull-attribute",
    "shift", "shift-base", "shift-exponent", "signed-integer-overflow", "undefined-trap",
    "unreachable", "unsigned-integer-overflow", "unsigned-shift-base", "vla-bound",
};

struct parser {
    struct invocation *invocation;
    const struct list *arguments;
    size_t next;
    const char *language; /* the -x in force */
};

static void add_item(struct parser *parser, const struct item *item)
{
    struct invocation *invocation = parser->invocation;
    if ((invocation->item_count & (invocation->item_count - 1)) == 0) {
        size_t capacity = invocation->item_count ? invocation->item_count * 2 : 1;
        invocation->items = realloc(invocation->items, capacity * sizeof *item);
        if (!invocation->items) {
            fail("out of memory");
        }
    }
    invocation->items[invocation->item_count++] = *item;
}

static void add_link(struct parser *parser, const char *text)
{
    add_item(parser, &(struct item){.text = text});
}

static void add_uses(struct parser *parser, unsigned uses, const char *option, const char *value)
{
    struct list *lists[] = {&parser->invocation->compile, &parser->invocation->preprocess,
                            &parser->invocation->assemble};
    for (unsigned i = 0; i < 3; i++) {
        if (uses & 1u << i) {
            list_add(lists[i], option);
            if (value) {
                list_add(lists[i], value);
            }
        }
    }
}

static enum language language_named(const char *name)
{
    static const char *const compiled[] = {"c", "cpp-output", "c-header", "ir"};
    if (!strcmp(name, "assembler")) {
        return LANGUAGE_ASSEMBLER;
    }
    if (!strcmp(name, "assembler-with-cpp")) {
        return LANGUAGE_ASSEMBLER_WITH_CPP;
    }
    for (size_t i = 0; i < sizeof compiled / sizeof *compiled; i++) {
        if (!strcmp(name, compiled[i])) {
            return LANGUAGE_C;
        }
    }
    fail("language '%s' is not supported: Lind compiles C and assembly", name);
}

/* Languages by suffix, as gcc has them. */
static enum language language_of(const char *path)
{
    static const char *const c[] = {".c", ".i", ".h", ".ll", ".bc"};
    static const char *const other[] = {".cc", ".cp", ".cxx", ".cpp", ".c++", ".C", ".ii", ".hh",
                                        ".hpp", ".m", ".mm", ".M", ".mi", ".cu", ".f", ".f90",
                                        ".F", ".F90", ".for", ".go", ".rs", ".d", ".adb", ".ads"};
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        if (text_ends(path, c[i])) {
            return LANGUAGE_C;
        }
    }
    if (text_ends(path, ".s")) {
        return LANGUAGE_ASSEMBLER;
    }
    if (text_ends(path, ".S") || text_ends(path, ".sx")) {
        return LANGUAGE_ASSEMBLER_WITH_CPP;
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        if (text_ends(path, other[i])) {
            fail("'%s' is not C: Lind compiles C and assembly only", path);
        }
    }
    const char *name = path_name(path);
    const char *so = strstr(name, ".so");
    if (so && (so[3] == 0 || so[3] == '.')) {
        fail("'%s' is a shared object; programs in cages are static: link the .a instead", path);
    }
    return LANGUAGE_OBJECT;
}

static void add_input(struct parser *parser, const char *path)
{
    struct item item = {.is_input = true, .text = path, .given = parser->language};
    if (parser->language) {
        item.language = language_named(parser->language);
    } else if (!strcmp(path, "-")) {
        item.language = LANGUAGE_C;
        item.given = "c";
    } else {
        item.language = language_of(path);
    }
    add_item(parser, &item);
}

static bool is_host_directory(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    for (size_t i = 0; i < sizeof host_directories / sizeof *host_directories; i++) {
        if (strlen(host_directories[i]) == length && !strncmp(path, host_directories[i], length)) {
            return true;
        }
    }
    return false;
}

/* Calls `one` with each part of a list that commas separate. */
static void each_part(struct parser *parser, const char *text,
                      void (*one)(struct parser *, const char *))
{
    while (*text) {
        size_t length = strcspn(text, ",");
        one(parser, text_format("%.*s", (int)length, text));
        text += length + (text[length] == ',');
    }
}

static void linker_part(struct parser *parser, const char *part)
{
    /* Library searches stay apart from our own choice of a static program. */
    static const char *const dropped[] = {
        "-static", "-pie", "-no-pie", "--no-pie", "--pic-executable", "-Bdynamic", "-dy",
        "-call_shared", "--relax", "-no-keep-memory", "--no-keep-memory", "--reduce-memory-overheads",
        "--no-dynamic-linker",
    };
    if (!strcmp(part, "-shared") || !strcmp(part, "--shared") || !strcmp(part, "-Bshareable")) {
        fail("-Wl,%s: %s", part, option_rule_find("-shared")->text);
    }
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++) {
        if (!strcmp(part, dropped[i])) {
            return;
        }
    }
    add_link(parser, part);
}

static void assembler_part(struct parser *parser, const char *part)
{
    struct invocation *invocation = parser->invocation;
    static const char *pending; /* "--defsym" or "-I", whose value is the next part */
    if (pending) {
        if (!strcmp(pending, "-I")) {
            add_uses(parser, USE_ASSEMBLE, "-I", part);
        } else {
            list_add(&invocation->symbols, part);
        }
        pending = NULL;
    } else if (!strcmp(part, "--defsym") || !strcmp(part, "-I")) {
        pending = part;
    } else if (text_starts(part, "--defsym=")) {
        list_add(&invocation->symbols, part + strlen("--defsym="));
    } else if (text_starts(part, "-I")) {
        add_uses(parser, USE_ASSEMBLE, part, NULL);
    } else if (text_starts(part, "-march=") || text_starts(part, "-mtune=") ||
               !strcmp(part, "--64") || !strcmp(part, "-D") || text_starts(part, "-a")) {
        return; /* the target is fixed; listings are not kept */
    } else if (!strcmp(part, "--32") || !strcmp(part, "--x32")) {
        fail("-Wa,%s: %s", part, option_rule_find("-m32")->text);
    } else if (text_starts(part, "-g") || text_starts(part, "--g")) {
        invocation->debug = true;
    } else {
        add_uses(parser, USE_C | USE_ASSEMBLE, text_format("-Wa,%s", part), NULL);
    }
}

static void sanitizer_part(struct parser *parser, const char *part)
{
    for (size_t i = 0; i < sizeof trapping_sanitizers / sizeof *trapping_sanitizers; i++) {
        if (!strcmp(part, trapping_sanitizers[i])) {
            add_uses(parser, USE_C, text_format("-fsanitize=%s", part), NULL);
            add_uses(parser, USE_C, text_format("-fsanitize-trap=%s", part), NULL);
            /* Part of "undefined", it puts words of data between functions: text is code only. */
            add_uses(parser, USE_C, "-fno-sanitize=function", NULL);
            return;
        }
    }
    fail("-fsanitize=%s: its runtime library is not available in a cage; what traps is: "
         "-fsanitize=undefined", part);
}

static void add_library(struct parser *parser, const char *name)
{
    /* What these hold in other systems is in liblind_builtins.a and libc.a, which are always
     * linked. */
    static const char *const ours[] = {"gcc", "gcc_s", "gcc_eh", "atomic", "ssp", "ssp_nonshared",
                                       "c_nonshared", "pthread_nonshared"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (!strcmp(name, ours[i])) {
            name = "lind_builtins";
            break;
        }
    }
    add_link(parser, text_format("-l%s", name));
}

static void set_stage(struct invocation *invocation, enum stage stage)
{
    if (stage < invocation->stage) {
        invocation->stage = stage;
    }
}

static void debug_option(struct parser *parser, const char *option)
{
    if (!strcmp(option, "-gsplit-dwarf")) {
        option = "-g";
    }
    parser->invocation->debug = strcmp(option, "-g0") != 0;
    add_uses(parser, USE_C, option, NULL);
}

/* Options with code of their own. `value` is the option's value, or what follows its name. */
static void set_option(struct parser *parser, const struct option_rule *rule, const char *argument,
                       const char *value)
{
    struct invocation *invocation = parser->invocation;
    switch (rule->code) {
    case CODE_NONE:
        break;
    case CODE_STAGE_PREPROCESS:
        set_stage(invocation, STAGE_PREPROCESS);
        add_uses(parser, USE_C, argument, NULL);
        break;
    case CODE_STAGE_SYNTAX:
        set_stage(invocation, STAGE_SYNTAX);
        break;
    case CODE_STAGE_ASSEMBLY:
        set_stage(invocation, STAGE_ASSEMBLY);
        break;
    case CODE_STAGE_OBJECT:
        set_stage(invocation, STAGE_OBJECT);
        break;
    case CODE_OUTPUT:
        invocation->output = value;
        break;
    case CODE_LANGUAGE:
        parser->language = strcmp(value, "none") ? value : NULL;
        if (parser->language) {
            language_named(value);
        }
        break;
    case CODE_DEPENDENCIES:
        invocation->dependencies = true;
        add_uses(parser, USE_TEXT, argument, NULL);
        break;
    case CODE_DEPENDENCY_FILE:
        invocation->dependency_file = value;
        add_uses(parser, USE_TEXT, "-MF", value);
        break;
    case CODE_DEPENDENCY_TARGET:
        invocation->dependency_target = true;
        add_uses(parser, USE_TEXT, rule->name, value);
        break;
    case CODE_PIC:
    case CODE_NO_PIC:
        invocation->pic = rule->code == CODE_PIC;
        break;
    case CODE_MARCH:
        invocation->march = march_cap(value);
        break;
    case CODE_OPTIMIZE:
        invocation->optimize = argument;
        add_uses(parser, USE_TEXT, argument, NULL);
        break;
    case CODE_DEBUG:
        debug_option(parser, argument);
        break;
    case CODE_SPLIT_DWARF:
        debug_option(parser, "-gsplit-dwarf");
        break;
    case CODE_LTO:
        /* gcc's values (auto, jobserver, a number of jobs) all mean the full kind. */
        add_uses(parser, USE_C, !strcmp(value, "thin") ? "-flto=thin" : "-flto", NULL);
        break;
    case CODE_FAT_OBJECTS:
        invocation->fat_objects = !strcmp(argument, "-ffat-lto-objects");
        add_uses(parser, USE_C, argument, NULL);
        break;
    case CODE_SANITIZE:
        each_part(parser, value, sanitizer_part);
        break;
    case CODE_ASSEMBLER:
        each_part(parser, value, assembler_part);
        break;
    case CODE_LINKER:
        each_part(parser, value, linker_part);
        break;
    case CODE_LINKER_ONE:
        linker_part(parser, value);
        break;
    case CODE_LIBRARY:
        add_library(parser, value);
        break;
    case CODE_LIBRARY_DIRECTORY:
        if (!is_host_directory(value)) {
            add_link(parser, text_format("-L%s", value));
        }
        break;
    case CODE_INCLUDE_DIRECTORY:
        if (!is_host_directory(value)) {
            add_uses(parser, USE_TEXT, rule->name, value);
            add_uses(parser, USE_ASSEMBLE, "-I", value);
        }
        break;
    case CODE_RELOCATABLE:
        invocation->relocatable = true;
        break;
    case CODE_NO_START_FILES:
        invocation->no_start_files = true;
        break;
    case CODE_NO_LIBRARIES:
        invocation->no_libraries = true;
        break;
    case CODE_NO_LIBC:
        invocation->no_libc = true;
        break;
    case CODE_NO_STANDARD:
        invocation->no_start_files = invocation->no_libraries = true;
        break;
    case CODE_PTHREAD:
        add_uses(parser, USE_TEXT, "-pthread", NULL);
        break;
    case CODE_SAVE_TEMPS:
        invocation->save_temps = true;
        break;
    case CODE_CODE_MODEL:
        if (strcmp(value, "small")) {
            fail("-mcmodel=%s: a cage's pointers have 32 bits; use -mcmodel=small", value);
        }
        break;
    case CODE_VERBOSE:
        invocation->verbose = true;
        break;
    case CODE_DRY_RUN:
        invocation->dry_run = true;
        break;
    case CODE_HELP:
        invocation->help = true;
        break;
    case CODE_VERSION:
        invocation->version = true;
        break;
    case CODE_QUERY:
        list_add(&invocation->queries, argument[1] == '-' ? argument + 1 : argument);
        break;
    }
}

static const char *value_of(struct parser *parser, const struct option_rule *rule,
                            const char *argument, bool *separate)
{
    size_t length = strlen(rule->name);
    *separate = rule->form == FORM_SEPARATE || (rule->form == FORM_EITHER && !argument[length]);
    if (!*separate) {
        return argument + length;
    }
    if (parser->next == parser->arguments->count) {
        fail("'%s' needs a value", argument);
    }
    return parser->arguments->items[parser->next++];
}

/* -mFEATURE and other options that no rule names. */
static void plain_option(struct parser *parser, const char *argument)
{
    if (text_starts(argument, "-m")) {
        if (!march_refuses_feature(argument)) {
            add_uses(parser, USE_ALL, argument, NULL);
        }
        return;
    }
    add_uses(parser, USE_TEXT, argument, NULL);
}

static void parse_option(struct parser *parser, const char *argument)
{
    const struct option_rule *rule = option_rule_find(argument);
    if (!rule) {
        plain_option(parser, argument);
        return;
    }
    bool separate;
    const char *value = value_of(parser, rule, argument, &separate);
    switch (rule->action) {
    case PASS:
        add_uses(parser, rule->uses, argument, separate ? value : NULL);
        break;
    case DROP:
        break;
    case WARN:
        warn("'%s' %s", argument, rule->text);
        break;
    case REFUSE:
        fail("'%s' is refused: %s", argument, rule->text);
    case LINK:
        add_link(parser, argument);
        if (separate) {
            add_link(parser, value);
        }
        break;
    case LINK_JOIN:
        add_link(parser, text_format("%s%s", rule->text, separate ? value : ""));
        break;
    case SET:
        set_option(parser, rule, argument, value);
        break;
    }
}

void options_parse(struct invocation *invocation, const struct list *arguments)
{
    *invocation = (struct invocation){.stage = STAGE_LINK};
    struct parser parser = {.invocation = invocation, .arguments = arguments};
    bool only_inputs = false;
    while (parser.next < arguments->count) {
        const char *argument = arguments->items[parser.next++];
        if (only_inputs || argument[0] != '-' || !argument[1]) {
            add_input(&parser, argument);
        } else if (!strcmp(argument, "--")) {
            only_inputs = true;
        } else {
            parse_option(&parser, argument);
        }
    }
}
