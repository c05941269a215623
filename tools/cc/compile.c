/* Compiling C: the commands for clang with the plugin. */
#include "lind-cc.h"

#include <string.h>

void compile_base(const struct paths *paths, struct list *command)
{
    list_add(command, paths->clang);
    list_add(command, "--target=" LIND_TARGET);
    list_add(command, text_format("--sysroot=%s", paths->sysroot));
    list_add(command, "-D__lind__=1");
    list_add(command, "-Wno-unused-command-line-argument");
}

void compile_contract(const struct paths *paths, const struct invocation *invocation,
                      struct list *command)
{
    if (invocation->march) {
        list_add(command, text_format("-march=%s", invocation->march));
    }
    /* Programs are static PIEs: nothing can be interposed, so data needs no detour through a GOT
     * unless the user asks for code that may go into a shared object. */
    if (invocation->pic) {
        list_add(command, "-fPIC");
        list_add(command, "-fno-semantic-interposition");
    } else {
        list_add(command, "-fPIE");
        list_add(command, "-fdirect-access-external-data");
    }
    static const char *const fixed[] = {
        "-mno-tls-direct-seg-refs",
        "-ftls-model=local-exec",
        "-fcf-protection=none",
        "-mno-gather",
        "-fintegrated-as",
    };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        list_add(command, fixed[i]);
    }
    list_add(command, text_format("-fplugin=%s", paths->plugin));
}

void dependency_options(const struct invocation *invocation, const struct item *input,
                        struct list *command)
{
    if (!invocation->dependencies) {
        return;
    }
    char *object = text_format("%s.o", path_stem(input->text));
    const char *target = invocation->output ? invocation->output : object;
    if (!invocation->dependency_file) {
        list_add(command, "-MF");
        list_add(command, path_with_suffix(target, ".d"));
    }
    if (!invocation->dependency_target) {
        list_add(command, "-MQ");
        list_add(command, target);
    }
}

void compile_command(const struct paths *paths, const struct invocation *invocation,
                     enum stage stage, const struct item *input, const char *output,
                     struct list *command)
{
    compile_base(paths, command);
    if (invocation->verbose) {
        list_add(command, "-v");
    }
    list_append(command, &invocation->compile);
    compile_contract(paths, invocation, command);
    switch (stage) {
    case STAGE_PREPROCESS:
        break; /* -E, -M or -MM is among the options */
    case STAGE_SYNTAX:
        list_add(command, "-fsyntax-only");
        break;
    case STAGE_ASSEMBLY:
        list_add(command, "-S");
        break;
    case STAGE_OBJECT:
    case STAGE_LINK:
        list_add(command, "-c");
        break;
    }
    if (stage == STAGE_LINK) { /* clang is told a temporary output */
        dependency_options(invocation, input, command);
    }
    if (output) {
        list_add(command, "-o");
        list_add(command, output);
    }
    if (input->given) {
        list_add(command, "-x");
        list_add(command, input->given);
    }
    if (input->text[0] == '-' && input->text[1]) {
        list_add(command, "--");
    }
    list_add(command, input->text);
}
