/* lind-cc: compiles and links C programs that run in cages. This file decides which steps an
 * invocation takes; lind-cc.h names the files that take them. */
#include "lind-cc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_source(const struct item *item)
{
    return item->is_input && item->language != LANGUAGE_OBJECT;
}

static bool is_assembly(const struct item *item)
{
    return item->is_input && (item->language == LANGUAGE_ASSEMBLER ||
                              item->language == LANGUAGE_ASSEMBLER_WITH_CPP);
}

/* Keeps the preprocessed text and the assembly text beside the output. */
static int save_temporaries(const struct paths *paths, const struct invocation *invocation,
                            const struct item *input)
{
    if (input->language != LANGUAGE_C) {
        return 0;
    }
    char *stem = path_stem(input->text);
    struct list preprocess = {0}, compile = {0};
    compile_command(paths, invocation, STAGE_PREPROCESS, input, text_format("%s.i", stem),
                    &preprocess);
    list_add(&preprocess, "-E");
    compile_command(paths, invocation, STAGE_ASSEMBLY, input, text_format("%s.s", stem), &compile);
    int status = jobs_run(&preprocess);
    return status ? status : jobs_run(&compile);
}

/* One source to `output`; NULL stands for the name that cc would choose. `last`: nothing follows.
 * */
static int compile_one(const struct paths *paths, const struct invocation *invocation,
                       const struct item *input, const char *output, bool last)
{
    if (invocation->save_temps) {
        int status = save_temporaries(paths, invocation, input);
        if (status) {
            return status;
        }
    }
    if (is_assembly(input) && invocation->stage >= STAGE_OBJECT) {
        if (!output) {
            output = text_format("%s.o", path_stem(input->text));
        }
        return assembly_run(paths, invocation, input, output);
    }
    struct list command = {0};
    compile_command(paths, invocation, invocation->stage, input, output, &command);
    return last ? jobs_finish(&command) : jobs_run(&command);
}

static int compile_all(const struct paths *paths, const struct invocation *invocation)
{
    size_t sources = 0, last = 0;
    for (size_t i = 0; i < invocation->item_count; i++) {
        if (is_source(&invocation->items[i])) {
            sources++;
            last = i;
        }
    }
    if (!sources) {
        for (size_t i = 0; i < invocation->item_count; i++) {
            if (invocation->items[i].is_input) {
                if (access(invocation->items[i].text, F_OK)) {
                    fail("'%s': %s", invocation->items[i].text, strerror(errno));
                }
                warn("'%s' is for the linker, which does not run", invocation->items[i].text);
                sources++;
            }
        }
        if (!sources) {
            fail("no input files");
        }
        return 0;
    }
    if (sources > 1 && invocation->output && invocation->stage != STAGE_PREPROCESS) {
        fail("cannot name one output with -o for several inputs");
    }
    int result = 0;
    for (size_t i = 0; i <= last; i++) {
        const struct item *item = &invocation->items[i];
        if (is_source(item)) {
            int status = compile_one(paths, invocation, item, invocation->output,
                                     i == last && !result);
            result = status ? status : result;
        }
    }
    return result;
}

static int link_all(const struct paths *paths, const struct invocation *invocation)
{
    char **inputs = calloc(invocation->item_count + 1, sizeof *inputs);
    if (!inputs) {
        fail("out of memory");
    }
    int result = 0;
    bool any = false;
    for (size_t i = 0; i < invocation->item_count; i++) {
        const struct item *item = &invocation->items[i];
        any |= item->is_input;
        if (is_source(item)) {
            inputs[i] = jobs_temporary(path_stem(item->text), ".o");
            int status = compile_one(paths, invocation, item, inputs[i], false);
            result = status ? status : result;
        }
    }
    if (result) {
        return result;
    }
    if (!any) {
        fail("no input files");
    }
    struct list command = {0};
    link_command(paths, invocation, inputs, &command);
    return jobs_finish(&command);
}

int main(int argc, char **argv)
{
    struct list arguments = {0};
    expand_response_files(&arguments, argc, argv);
    struct invocation invocation;
    options_parse(&invocation, &arguments);
    if (invocation.help) {
        print_help();
        return 0;
    }
    struct paths paths;
    paths_find(&paths);
    if (invocation.queries.count) {
        return print_queries(&paths, &invocation);
    }
    if (invocation.version) {
        return print_version(&paths);
    }
    jobs_configure(invocation.verbose, invocation.dry_run);
    if (invocation.item_count == 0 && invocation.verbose) {
        return print_version(&paths);
    }
    return invocation.stage == STAGE_LINK ? link_all(&paths, &invocation)
                                          : compile_all(&paths, &invocation);
}
