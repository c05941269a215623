/* Assembly files. clang's own assembler job loads no plugin, so the file is preprocessed if need be and
 * then included by the C unit lib/lind/assembly.c (unit.c here), which goes through the plugin. */
#include "lind-cc.h"

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

int assembly_run(const struct paths *paths, const struct invocation *invocation,
                 const struct item *input, const char *output, bool last)
{
    const char *text = strcmp(input->text, "-") ? input->text : "/dev/stdin";
    if (input->language == LANGUAGE_ASSEMBLER_WITH_CPP) {
        text = jobs_temporary(path_stem(input->text), ".s");
        int status = preprocess(paths, invocation, input, text);
        if (status) {
            return status;
        }
    }
    struct list command = {0};
    compile_base(paths, &command);
    list_append(&command, &invocation->assemble);
    list_add(&command, "-fno-ident");
    list_add(&command, "-fno-addrsig");
    compile_contract(paths, invocation, &command);
    /* The object's file symbol, and the name in debugging information, is the assembly file's. */
    list_add(&command, "-Xclang");
    list_add(&command, "-main-file-name");
    list_add(&command, "-Xclang");
    list_add(&command, path_name(input->text));
    if (invocation->symbols.count) {
        char *symbols = text_format("-DLIND_ASSEMBLY_SYMBOLS=\"");
        for (size_t i = 0; i < invocation->symbols.count; i++) {
            const char *symbol = invocation->symbols.items[i];
            const char *equals = strchr(symbol, '=');
            if (!equals) {
                fail("--defsym %s: needs NAME=VALUE", symbol);
            }
            symbols = text_format("%s.set %.*s, %s\\n", symbols, (int)(equals - symbol), symbol,
                                  equals + 1);
        }
        list_add(&command, text_format("%s\"", symbols));
    }
    list_add(&command, text_format("-DLIND_ASSEMBLY_FILE=\"%s\"", quoted(text)));
    list_add(&command, "-c");
    list_add(&command, paths->unit);
    list_add(&command, "-o");
    list_add(&command, output);
    return last ? jobs_finish(&command) : jobs_run(&command);
}
