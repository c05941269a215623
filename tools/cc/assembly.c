/* Assembly files. clang's own assembler job loads no plugin, so the file is preprocessed if need
 * be and then included by the C unit lib/lind/assembly.c (unit.c here), which goes through the
 * plugin. */
#include "lind-cc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text of a string that is read twice: as a C string literal, then as an assembler's. */
static char *quoted(const char *text)
{
    char *result = text_format("%*s", (int)strlen(text) * 4, "");
    char *to = result;
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            memcpy(to, "\\\\\\", 3);
            to += 3;
        }
        *to++ = *text;
    }
    *to = 0;
    return result;
}

static int preprocess(const struct paths *paths, const struct invocation *invocation,
                      const struct item *input, const char *output)
{
    struct list command = {0};
    compile_base(paths, &command);
    list_append(&command, &invocation->preprocess);
    dependency_options(invocation, input, &command);
    compile_contract(paths, invocation, &command);
    list_add(&command, "-E");
    list_add(&command, "-x");
    list_add(&command, "assembler-with-cpp");
    list_add(&command, input->text);
    list_add(&command, "-o");
    list_add(&command, output);
    return jobs_run(&command);
}

/* What the running assembler was given, and whether that is a temporary file. */
static struct {
    const char *text;
    const char *name;
    bool temporary;
} assembled;

/* Messages name the file that the user has, not the unit nor a temporary file. */
static void print_message(const char *line)
{
    if (text_starts(line, "Included from <inline asm>:")) {
        return;
    }
    size_t length = strlen(assembled.text);
    if (!strncmp(line, assembled.text, length) && line[length] == ':') {
        char *rest;
        unsigned long number = strtoul(line + length + 1, &rest, 10);
        const char *file = assembled.name;
        if (number && (!assembled.temporary ||
                       assembly_place(assembled.text, number, &file, &number))) {
            fprintf(stderr, "%s:%lu%s", file, number, rest);
            return;
        }
    }
    fputs(line, stderr);
}

/* The -D option that defines the symbols of -Wa,--defsym, as text for the unit. */
static char *symbol_definitions(const struct list *symbols)
{
    char *definitions = text_format("-DLIND_ASSEMBLY_SYMBOLS=\"");
    for (size_t i = 0; i < symbols->count; i++) {
        const char *symbol = symbols->items[i];
        const char *equals = strchr(symbol, '=');
        if (!equals) {
            fail("--defsym %s: needs NAME=VALUE", symbol);
        }
        definitions = text_format("%s.set %.*s, %s\\n", definitions, (int)(equals - symbol), symbol,
                                  equals + 1);
    }
    return text_format("%s\"", definitions);
}

int assembly_run(const struct paths *paths, const struct invocation *invocation,
                 const struct item *input, const char *output)
{
    const char *text = strcmp(input->text, "-") ? input->text : "/dev/stdin";
    assembled.name = strcmp(input->text, "-") ? input->text : "<stdin>";
    assembled.temporary = false;
    if (input->language == LANGUAGE_ASSEMBLER_WITH_CPP) {
        text = jobs_temporary(path_stem(input->text), ".s");
        assembled.temporary = true;
        int status = preprocess(paths, invocation, input, text);
        if (status) {
            return status;
        }
    }
    if (invocation->debug && !invocation->dry_run) {
        char *described = jobs_temporary(path_stem(input->text), ".s");
        assembly_add_lines(text, described, assembled.name);
        text = described;
        assembled.temporary = true;
    }
    assembled.text = text;
    struct list command = {0};
    compile_base(paths, &command);
    list_append(&command, &invocation->assemble);
    list_add(&command, "-fno-ident");
    list_add(&command, "-fno-addrsig");
    compile_contract(paths, invocation, &command);
    if (invocation->symbols.count) {
        list_add(&command, symbol_definitions(&invocation->symbols));
    }
    list_add(&command, text_format("-DLIND_ASSEMBLY_FILE=\"%s\"", quoted(text)));
    list_add(&command, "-c");
    list_add(&command, paths->unit);
    list_add(&command, "-o");
    list_add(&command, output);
    return jobs_run_filtered(&command, print_message);
}
