/* Linking: every program is a static PIE whose PT_INTERP names lind-start, so that it also runs by
 * itself. Our defaults come first and may be changed; what the contract needs comes last. */
#include "lind-cc.h"

#include <string.h>

/* -O as the linker's LTO understands it. */
static const char *lto_level(const char *optimize)
{
    if (!optimize || !strcmp(optimize, "-O0")) {
        return optimize ? "--lto-O0" : "--lto-O2";
    }
    if (!strcmp(optimize, "-O") || !strcmp(optimize, "-O1") || !strcmp(optimize, "-Og")) {
        return "--lto-O1";
    }
    return strcmp(optimize, "-O3") && strcmp(optimize, "-Ofast") ? "--lto-O2" : "--lto-O3";
}

static void add_sysroot_file(const struct paths *paths, const char *name, struct list *command)
{
    list_add(command, text_format("%s/lib/%s", paths->sysroot, name));
}

void link_command(const struct paths *paths, const struct invocation *invocation,
                  char *const *inputs, struct list *command)
{
    list_add(command, paths_llvm_tool(paths, "ld.lld"));
    list_add(command, text_format("--load-pass-plugin=%s", paths->plugin));
    list_add(command, lto_level(invocation->optimize));
    if (invocation->fat_objects) {
        list_add(command, "--fat-lto-objects");
    }
    list_add(command, "-o");
    list_add(command, invocation->output ? invocation->output : "a.out");
    bool program = !invocation->relocatable;
    if (program) {
        static const char *const defaults[] = {
            "-Bstatic", "--eh-frame-hdr", "--hash-style=gnu", "-z", "norelro",
        };
        for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
            list_add(command, defaults[i]);
        }
        if (!invocation->no_start_files) {
            add_sysroot_file(paths, "rcrt1.o", command);
            add_sysroot_file(paths, "crti.o", command);
        }
        add_sysroot_file(paths, "crtgate.o", command);
    }
    for (size_t i = 0; i < invocation->item_count; i++) {
        list_add(command, inputs[i] ? inputs[i] : invocation->items[i].text);
    }
    if (!program) {
        list_add(command, "-r");
        return;
    }
    list_add(command, text_format("-L%s/lib", paths->sysroot));
    if (!invocation->no_libraries) {
        list_add(command, "--start-group");
        if (!invocation->no_libc) {
            list_add(command, "-lc");
        }
        list_add(command, "-llind_builtins");
        list_add(command, "--end-group");
    }
    if (!invocation->no_start_files) {
        add_sysroot_file(paths, "crtn.o", command);
    }
    list_add(command, text_format("--dynamic-linker=%s", paths->start));
    static const char *const contract[] = {
        "-m",       "elf_x86_64",       "-pie",       "--no-relax",
        "-z",       "separate-code",    "-z",         "noexecstack",
        "-z",       "nodynamic-undefined-weak",       "-z", "text",
    };
    for (size_t i = 0; i < sizeof contract / sizeof *contract; i++) {
        list_add(command, contract[i]);
    }
}
