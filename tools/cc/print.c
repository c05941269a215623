/* --help, --version, and the questions that build systems ask. */
#include "lind-cc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void print_help(void)
{
    puts("Usage: lind-cc [option]... file...\n"
         "\n"
         "Compiles, assembles and links C programs that run in cages (lind-run). A drop-in\n"
         "for cc: "
         "the options of clang and gcc have their meaning, but for what follows.\n"
         "\n"
         "  -c, -S, -E           stop after assembling, compiling, preprocessing\n"
         "  -o FILE              name of the output\n"
         "  -x LANGUAGE          c, cpp-output, c-header, assembler, assembler-with-cpp, ir, none\n"
         "  -O0 ... -O3, -Os, -g, -flto, -flto=thin\n"
         "  -march=CPU, -mFEATURE\n"
         "                       more than x86-64-v3 is lowered to it, with a warning\n"
         "  -fsanitize=undefined and its parts: a failed check traps\n"
         "  -static, -pie, -no-pie, -fPIC, -fPIE\n"
         "                       accepted; a program is always a static PIE\n"
         "  -shared, -m32, -mcmodel=medium|large, C++, -fopenmp, -pg, --coverage,\n"
         "  -fsanitize=address and other sanitizers\n"
         "                       refused with a message\n"
         "  -Wl,OPTION -Xlinker OPTION   for ld.lld\n"
         "  -Wa,OPTION           for the assembler\n"
         "  @FILE                options from FILE\n"
         "  -v, -###             show the commands; -### does not run them\n"
         "  -print-file-name=NAME -print-prog-name=NAME -print-search-dirs\n"
         "  -print-libgcc-file-name -print-sysroot -dumpmachine -dumpversion --version\n"
         "\n"
         "Environment: LIND_CLANG is the clang to use; TMPDIR holds temporary files.\n"
         "Result: the program runs as ./a.out or by lind-run ./a.out. See lind-cc(1).");
}

/* First line that clang says about its version, without the line's end. */
static char *clang_version(const struct paths *paths)
{
    char line[512] = "";
    int ends[2];
    if (pipe(ends)) {
        return text_format("clang");
    }
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        execl(paths->clang, paths->clang, "--version", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *answer = fdopen(ends[0], "r");
    if (answer) {
        if (!fgets(line, sizeof line, answer)) {
            line[0] = 0;
        }
        fclose(answer);
    }
    line[strcspn(line, "\n")] = 0;
    return text_format("%s", *line ? line : "clang");
}

int print_version(const struct paths *paths)
{
    printf("lind-cc " LIND_VERSION ", %s\nTarget: " LIND_TARGET "\nThread model: posix\n"
           "InstalledDir: %s\n", clang_version(paths), paths->bin);
    return 0;
}

static char *file_named(const struct paths *paths, const char *name)
{
    if (!strcmp(name, "libgcc.a") || !strcmp(name, "libatomic.a")) {
        name = "liblind_builtins.a";
    }
    if (!strcmp(name, "include")) {
        return text_format("%s/include", paths->sysroot);
    }
    char *path = text_format("%s/lib/%s", paths->sysroot, name);
    return access(path, F_OK) ? text_format("%s", name) : path;
}

static char *program_named(const struct paths *paths, const char *name)
{
    static const char *const tools[][2] = {
        {"ar", "lind-ar"}, {"ranlib", "lind-ranlib"}, {"nm", "lind-nm"}, {"strip", "lind-strip"},
        {"objdump", "lind-objdump"}, {"cc1", "lind-cc"}, {"as", "lind-cc"},
    };
    if (!strcmp(name, "ld") || !strcmp(name, "collect2") || !strcmp(name, "ld.lld")) {
        return paths_llvm_tool(paths, "ld.lld");
    }
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        if (!strcmp(name, tools[i][0])) {
            return text_format("%s/%s", paths->bin, tools[i][1]);
        }
    }
    char *path = paths_llvm_tool(paths, text_format("llvm-%s", name));
    return access(path, X_OK) ? text_format("%s", name) : path;
}

static int ask_clang(const struct paths *paths, const char *query)
{
    struct list command = {0};
    compile_base(paths, &command);
    list_add(&command, query);
    return jobs_run(&command);
}

static int print_query(const struct paths *paths, const char *query)
{
    static const char file[] = "-print-file-name=", program[] = "-print-prog-name=";
    if (text_starts(query, file)) {
        puts(file_named(paths, query + strlen(file)));
    } else if (text_starts(query, program)) {
        puts(program_named(paths, query + strlen(program)));
    } else if (!strcmp(query, "-print-libgcc-file-name")) {
        puts(file_named(paths, "libgcc.a"));
    } else if (!strcmp(query, "-print-sysroot")) {
        puts(paths->sysroot);
    } else if (!strcmp(query, "-print-search-dirs")) {
        printf("install: %s\nprograms: =%s:%s\nlibraries: =%s/lib\n", paths->lib, paths->bin,
               paths->llvm_bin, paths->sysroot);
    } else if (!strcmp(query, "-print-multi-lib")) {
        puts(".;");
    } else if (!strcmp(query, "-print-multi-directory") ||
               !strcmp(query, "-print-multi-os-directory")) {
        puts(".");
    } else if (!strcmp(query, "-print-multiarch") || !strcmp(query, "-dumpmachine")) {
        puts(LIND_TARGET);
    } else if (!strcmp(query, "-dumpfullversion")) {
        return ask_clang(paths, "-dumpversion");
    } else {
        return ask_clang(paths, query);
    }
    return 0;
}

int print_queries(const struct paths *paths, const struct invocation *invocation)
{
    int result = 0;
    for (size_t i = 0; i < invocation->queries.count && !result; i++) {
        result = print_query(paths, invocation->queries.items[i]);
    }
    return result;
}
