/* The table of options that lind-cc does not simply hand to clang. */
#ifndef LIND_CC_OPTION_RULES_H
#define LIND_CC_OPTION_RULES_H

/* How an option carries its value. */
enum form {
    FORM_FLAG,     /* exactly this text */
    FORM_JOINED,   /* this text and whatever follows in the same argument */
    FORM_SEPARATE, /* this text; the value is the next argument */
    FORM_EITHER,   /* the value follows in the same argument, or is the next one */
};

/* What happens to it. */
enum action {
    PASS,      /* to clang, in the uses given */
    DROP,      /* nothing: it has no meaning here, or lind-cc always does so */
    WARN,      /* dropped with a warning (`text` says why) */
    REFUSE,    /* error (`text` says why and what to do) */
    LINK,      /* to the linker, at its place among the inputs */
    LINK_JOIN, /* to the linker as one argument `text` + value */
    SET,       /* handled by code in options.c, chosen by `code` */
};

/* Which of clang's runs an option is for. */
enum use {
    USE_C = 1,          /* compiling C */
    USE_PREPROCESS = 2, /* preprocessing assembly */
    USE_ASSEMBLE = 4,   /* assembling */
    USE_TEXT = USE_C | USE_PREPROCESS,
    USE_ALL = USE_C | USE_PREPROCESS | USE_ASSEMBLE,
};

enum code {
    CODE_NONE,
    CODE_STAGE_PREPROCESS,
    CODE_STAGE_SYNTAX,
    CODE_STAGE_ASSEMBLY,
    CODE_STAGE_OBJECT,
    CODE_OUTPUT,
    CODE_LANGUAGE,
    CODE_DEPENDENCIES,
    CODE_DEPENDENCY_FILE,
    CODE_DEPENDENCY_TARGET,
    CODE_PIC,
    CODE_NO_PIC,
    CODE_MARCH,
    CODE_OPTIMIZE,
    CODE_DEBUG,
    CODE_LTO,
    CODE_FAT_OBJECTS,
    CODE_SANITIZE,
    CODE_ASSEMBLER,
    CODE_LINKER,
    CODE_LINKER_ONE,
    CODE_LIBRARY,
    CODE_LIBRARY_DIRECTORY,
    CODE_INCLUDE_DIRECTORY,
    CODE_RELOCATABLE,
    CODE_NO_START_FILES,
    CODE_NO_LIBRARIES,
    CODE_NO_LIBC,
    CODE_NO_STANDARD,
    CODE_PTHREAD,
    CODE_SAVE_TEMPS,
    CODE_SPLIT_DWARF,
    CODE_CODE_MODEL,
    CODE_VERBOSE,
    CODE_DRY_RUN,
    CODE_HELP,
    CODE_VERSION,
    CODE_QUERY,
};

struct option_rule {
    const char *name;
    enum form form;
    enum action action;
    unsigned uses;    /* of PASS */
    enum code code;   /* of SET */
    const char *text; /* of WARN, REFUSE, LINK_JOIN */
};

/* The rule for an argument, or NULL: hand it to clang's compilation of C and preprocessing. Of
 * several rules that fit, the longest name wins. */
const struct option_rule *option_rule_find(const char *argument);

#endif
