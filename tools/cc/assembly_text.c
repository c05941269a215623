/* Work on the text of assembly files: debugging information for -g, and the true places of
 * messages.
 *
 * LLVM describes the lines of an assembly file only in its own assembler job, which loads no
 * plugin. So `-g` is done in the text: each line that can hold instructions gets a .loc in front
 * (on the same line, so that nothing moves), and a compile unit that covers the file's text
 * sections is put behind. */
#include "lind-cc.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A place in the source as the preprocessor's markers (`# 12 "file.S"`) tell it. */
struct place {
    char *file;
    unsigned long line;
};

static const char *skip_space(const char *text)
{
    while (*text == ' ' || *text == '\t') {
        text++;
    }
    return text;
}

/* If the line is a marker, sets the place of the line that follows. */
static bool read_marker(const char *line, struct place *place)
{
    if (line[0] != '#') {
        return false;
    }
    const char *at = skip_space(line + 1);
    if (!isdigit((unsigned char)*at)) {
        return false;
    }
    char *end;
    unsigned long number = strtoul(at, &end, 10);
    at = skip_space(end);
    if (*at != '"') {
        return false;
    }
    char *name = text_format("%s", at + 1);
    size_t length = 0;
    for (at++; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1]) {
            at++;
        }
        name[length++] = *at;
    }
    name[length] = 0;
    place->file = name;
    place->line = number;
    return true;
}

bool assembly_place(const char *path, unsigned long line, const char **file, unsigned long *number)
{
    FILE *text = fopen(path, "re");
    if (!text) {
        return false;
    }
    struct place place = {NULL, 0};
    char *buffer = NULL;
    size_t capacity = 0;
    for (unsigned long i = 1; i < line && getline(&buffer, &capacity, text) >= 0; i++) {
        if (!read_marker(buffer, &place)) {
            place.line++;
        }
    }
    free(buffer);
    fclose(text);
    *file = place.file;
    *number = place.line;
    return place.file != NULL;
}

/* The whole file as lines, each ended by its newline if it has one. */
static void read_lines(const char *path, struct list *lines)
{
    FILE *text = fopen(path, "re");
    if (!text) {
        fail("cannot read '%s': %s", path, strerror(errno));
    }
    char *buffer = NULL;
    size_t capacity = 0;
    while (getline(&buffer, &capacity, text) >= 0) {
        list_add(lines, text_format("%s", buffer));
    }
    free(buffer);
    fclose(text);
}

/* The directive that selects a section of code, without comment or line end, or NULL. */
static char *code_section(const char *line)
{
    const char *at = skip_space(line);
    size_t length = strcspn(at, "#;\n");
    char *directive = text_format("%.*s", (int)length, at);
    if (text_starts(directive, ".pushsection")) {
        directive = text_format(".section%s", directive + strlen(".pushsection"));
    }
    if (!text_starts(directive, ".section")) {
        return NULL;
    }
    const char *name = skip_space(directive + strlen(".section"));
    const char *flags = strchr(name, '"');
    const char *end = flags ? strchr(flags + 1, '"') : NULL;
    bool code = flags && end ? memchr(flags, 'x', (size_t)(end - flags)) != NULL
                             : text_starts(name, ".text");
    return code ? directive : NULL;
}

static bool is_directive(const char *text, const char *name)
{
    size_t length = strlen(name);
    return text_starts(text, name) && (text[length] == ' ' || text[length] == '\t');
}

static bool assembly_has_lines(const struct list *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        const char *at = skip_space(lines->items[i]);
        if (is_directive(at, ".loc") ||
            (is_directive(at, ".file") && isdigit((unsigned char)*skip_space(at + 5)))) {
            return true;
        }
    }
    return false;
}

/* Whether the line leaves a block comment open, given whether it began within one. */
static bool comment_open_after(const char *line, bool open)
{
    for (char quote = 0; *line; line++) {
        if (open) {
            if (line[0] == '*' && line[1] == '/') {
                open = false;
                line++;
            }
        } else if (quote) {
            if (*line == '\\' && line[1]) {
                line++;
            } else if (*line == quote) {
                quote = 0;
            }
        } else if (*line == '"') {
            quote = *line;
        } else if (*line == '#') {
            break;
        } else if (line[0] == '/' && line[1] == '*') {
            open = true;
            line++;
        }
    }
    return open;
}

/* Whether a line may hold an instruction: one of its statements, behind its labels, is no
 * directive. */
static bool may_run(const char *line)
{
    const char *at = skip_space(line);
    while (*at && !strchr("#/\n\r", *at)) {
        size_t word = strcspn(at, " \t\r\n:=;#\"");
        if (*at == ';' || (word && at[word] == ':')) {
            at += *at == ';' ? 1 : word + 1;
        } else if (*at == '.') {
            at += strcspn(at, ";\n");
        } else {
            return true;
        }
        at = skip_space(at);
    }
    return false;
}

static unsigned file_number(struct list *files, const char *name, FILE *out)
{
    for (unsigned i = 0; i < files->count; i++) {
        if (!strcmp(files->items[i], name)) {
            return i + 1;
        }
    }
    list_add(files, name);
    fprintf(out, ".file %zu \"%s\"; ", files->count, name);
    return (unsigned)files->count;
}

static void write_unit(FILE *out, const struct list *sections, const char *name)
{
    char *directory = getcwd(NULL, 0);
    for (size_t i = 0; i < sections->count; i++) {
        fprintf(out, "%s\n.Llind_end_%zu:\n", sections->items[i], i);
    }
    /* One abbreviation: a compile unit with lines, ranges, base address 0, name, directory,
     * producer, language (DWARF 4, 7.5). */
    fputs(".section .debug_abbrev,\"\",@progbits\n.Llind_abbreviations:\n"
          ".byte 1, 0x11, 0, 0x10, 0x17, 0x55, 0x17, 0x11, 0x01, 0x03, 0x08, 0x1b, 0x08, 0x25, 0x08,"
          " 0x13, 0x05, 0, 0, 0\n"
          ".section .debug_line,\"\",@progbits\n.Llind_lines:\n"
          ".section .debug_ranges,\"\",@progbits\n.Llind_ranges:\n", out);
    for (size_t i = 0; i < sections->count; i++) {
        fprintf(out, ".quad .Llind_begin_%zu, .Llind_end_%zu\n", i, i);
    }
    fprintf(out, ".quad 0, 0\n.section .debug_info,\"\",@progbits\n"
            ".long .Llind_unit_end - .Llind_unit\n.Llind_unit:\n.short 4\n"
            ".long .Llind_abbreviations\n.byte 8\n.byte 1\n.long .Llind_lines\n"
            ".long .Llind_ranges\n.quad 0\n.asciz \"%s\"\n.asciz \"%s\"\n"
            ".asciz \"lind-cc " LIND_VERSION "\"\n.short 0x8001\n.Llind_unit_end:\n",
            name, directory ? directory : "");
    free(directory);
}

void assembly_add_lines(const char *from, const char *to, const char *name)
{
    struct list lines = {0}, sections = {0}, files = {0};
    read_lines(from, &lines);
    FILE *out = fopen(to, "we");
    if (!out) {
        fail("cannot write '%s': %s", to, strerror(errno));
    }
    bool described = assembly_has_lines(&lines);
    list_add(&sections, ".text");
    for (size_t i = 0; i < lines.count && !described; i++) {
        char *section = code_section(lines.items[i]);
        if (section && !list_contains(&sections, section)) {
            list_add(&sections, section);
        }
    }
    for (size_t i = sections.count; i-- > 0 && !described;) {
        fprintf(out, "%s; .Llind_begin_%zu:; ", sections.items[i], i);
    }
    fprintf(out, "\n# 1 \"%s\"\n", name);
    struct place place = {text_format("%s", name), 1};
    bool comment = false;
    for (size_t i = 0; i < lines.count; i++) {
        const char *line = lines.items[i];
        if (!comment && read_marker(line, &place)) {
            fputs(line, out);
            continue;
        }
        if (!described && !comment && may_run(line)) {
            unsigned file = file_number(&files, place.file, out);
            fprintf(out, ".loc %u %lu; ", file, place.line);
        }
        comment = comment_open_after(line, comment);
        fputs(line, out);
        place.line++;
    }
    if (!described) {
        fputs("\n", out);
        write_unit(out, &sections, name);
    }
    if (fclose(out)) {
        fail("cannot write '%s': %s", to, strerror(errno));
    }
}
