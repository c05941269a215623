/* lind-cc: the C compiler driver. Each source file below does one step of an invocation:
 *
 *   paths.c      where this installation's parts and LLVM's tools are
 *   options.c    command line to struct invocation (table in option_rules.c)
 *   text.c       strings, lists, response files
 *   unit.c       what clang compiles in place of an assembly file; installed as lib/lind/assembly.c
 *   march.c      instruction sets that a cage may use
 *   compile.c    C to object, assembly or preprocessed text through clang and the plugin
 *   assembly.c   assembly files, which clang cannot send through a plugin by itself; their text is
 *                worked on in assembly_text.c
 *   link.c       objects to a program through ld.lld
 *   jobs.c       processes, temporary files, signals
 *   print.c      --version, --help, -print-*
 *
 * The driver runs once and exits: text that it builds lives until the exit and is never freed. */
#ifndef LIND_CC_H
#define LIND_CC_H

#include <stdbool.h>
#include <stddef.h>

/* A growing array of strings. `items` is always followed by a null pointer once something was
 * added. */
struct list {
    char **items;
    size_t count;
    size_t capacity;
};

void list_add(struct list *list, const char *item);
void list_append(struct list *list, const struct list *other);
bool list_contains(const struct list *list, const char *item);

/* printf into fresh memory. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);
/* Last component of a path, and that without its last suffix. */
const char *path_name(const char *path);
char *path_stem(const char *path);
/* `path` with its last suffix replaced by `suffix` (with dot); appended if there was none. */
char *path_with_suffix(const char *path, const char *suffix);
/* Expands @FILE arguments as gcc does: GNU quoting, nested files, unreadable files stay as they
 * are. */
void expand_response_files(struct list *arguments, int argc, char **argv);

/* Message on stderr as "lind-cc: error: …" and exit status 1. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Where the parts are. Everything is relative to the directory of this executable (symbolic links
 * followed), so that an installation can be moved. */
struct paths {
    char *bin;      /* PREFIX/bin */
    char *lib;      /* PREFIX/lib/lind */
    char *sysroot;  /* PREFIX/lib/lind/sysroot */
    char *plugin;   /* PREFIX/lib/lind/lind-pass.so */
    char *start;    /* PREFIX/lib/lind/lind-start */
    char *unit;     /* PREFIX/lib/lind/assembly.c */
    char *clang;    /* $LIND_CLANG or the one found when Lind was configured */
    char *llvm_bin; /* the directory of clang (links followed), ld.lld and llvm-* */
};

void paths_find(struct paths *paths);
/* Path of an LLVM tool next to clang. */
char *paths_llvm_tool(const struct paths *paths, const char *name);

enum stage {
    STAGE_PREPROCESS, /* -E, -M, -MM */
    STAGE_SYNTAX,     /* -fsyntax-only */
    STAGE_ASSEMBLY,   /* -S */
    STAGE_OBJECT,     /* -c */
    STAGE_LINK,
};

enum language {
    LANGUAGE_OBJECT, /* anything that the linker reads */
    LANGUAGE_C,      /* what clang compiles: C, preprocessed C, headers, LLVM's own */
    LANGUAGE_ASSEMBLER,
    LANGUAGE_ASSEMBLER_WITH_CPP,
};

/* One thing on the command line whose place among the others matters to the linker. */
struct item {
    bool is_input;          /* false: an argument for the linker */
    const char *text;       /* path or argument */
    enum language language; /* of an input */
    const char *given;      /* the -x in force, or NULL */
};

struct invocation {
    enum stage stage;
    const char *output; /* -o, or NULL */
    struct item *items;
    size_t item_count;
    struct list compile;    /* options for clang compiling C */
    struct list preprocess; /* options for clang preprocessing assembly */
    struct list assemble;   /* options for clang assembling */
    struct list symbols;    /* NAME=VALUE of -Wa,--defsym */
    struct list queries;    /* -print-* and -dump* options */
    const char *optimize;   /* last -O, for LTO */
    const char *march;      /* last -march, capped, or NULL */
    const char *dependency_file;
    bool dependencies;       /* -MD or -MMD */
    bool dependency_target;  /* -MT or -MQ was given */
    bool debug;              /* -g in any form but -g0 */
    bool save_temps;
    bool fat_objects;        /* -ffat-lto-objects */
    bool pic;                /* -fPIC or -fpic was the last of its family */
    bool relocatable;        /* -r */
    bool no_start_files, no_libraries, no_libc;
    bool verbose, dry_run, help, version;
};

void options_parse(struct invocation *invocation, const struct list *arguments);

/* Replaces an -march value by what a cage may run; warns once. Returns the value to use. */
const char *march_cap(const char *value);
/* Whether -mFEATURE asks for instructions that no cage may run; such options are left out. Warns
 * once. */
bool march_refuses_feature(const char *option);

/* Appends options that every clang invocation of this driver starts with (target, headers). */
void compile_base(const struct paths *paths, struct list *command);
/* Appends options that force the contract of docs/sfi.md; they come last so that they win. */
void compile_contract(const struct paths *paths, const struct invocation *invocation,
                      struct list *command);
/* The command that takes `input` to `output` (NULL: clang's default) in the given stage. */
void compile_command(const struct paths *paths, const struct invocation *invocation,
                     enum stage stage, const struct item *input, const char *output,
                     struct list *command);
/* Adds explicit -MF and -MQ options where the output that clang is told is not the user's. */
void dependency_options(const struct invocation *invocation, const struct item *input,
                        struct list *command);

/* Assembles an assembly file to an object. Returns the exit status. */
int assembly_run(const struct paths *paths, const struct invocation *invocation,
                 const struct item *input, const char *output);

/* The place in the sources of a line of preprocessed text, by its markers; false without. */
bool assembly_place(const char *path, unsigned long line, const char **file, unsigned long *number);
/* Writes the assembly text `from` to `to` with debugging information for its lines, unless it has
 * its own. `name` is the source's name. */
void assembly_add_lines(const char *from, const char *to, const char *name);

/* The command that links; `inputs` has an object for each item that was compiled, else NULL. */
void link_command(const struct paths *paths, const struct invocation *invocation,
                  char *const *inputs, struct list *command);

void print_help(void);
/* Answers --version. Returns the exit status. */
int print_version(const struct paths *paths);
/* Answers the -print-* and -dump* queries. Returns the exit status. */
int print_queries(const struct paths *paths, const struct invocation *invocation);

/* How commands are run: printed (-v, -###) and not run (-###). */
void jobs_configure(bool verbose, bool dry_run);
/* Runs a command to its end. Returns its exit status; a death by signal gives 128 + signal. */
int jobs_run(const struct list *command);
/* The same, with each line of its standard error given to `line` (with the newline) to be printed.
 * */
int jobs_run_filtered(const struct list *command, void (*line)(const char *text));
/* Becomes the command when nothing has to be cleaned up after it, else runs it. Returns the
 * status. */
int jobs_finish(const struct list *command);
/* A fresh name in this run's private temporary directory, ending in `suffix`. */
char *jobs_temporary(const char *stem, const char *suffix);
/* Removes all that jobs_temporary named. Runs at exit and on SIGINT, SIGTERM, SIGHUP, SIGPIPE too.
 * */
void jobs_clean(void);

#endif
