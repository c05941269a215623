/* Strings, lists, paths and response files of lind-cc. */
#include "lind-cc.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(void *old, size_t size)
{
    void *memory = realloc(old, size);
    if (!memory) {
        fail("out of memory");
    }
    return memory;
}

void list_add(struct list *list, const char *item)
{
    if (list->count + 2 > list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 32;
        list->items = allocate(list->items, list->capacity * sizeof *list->items);
    }
    list->items[list->count++] = (char *)item;
    list->items[list->count] = NULL;
}

void list_append(struct list *list, const struct list *other)
{
    for (size_t i = 0; i < other->count; i++) {
        list_add(list, other->items[i]);
    }
}

bool list_contains(const struct list *list, const char *item)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!strcmp(list->items[i], item)) {
            return true;
        }
    }
    return false;
}

char *text_format(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    char *text;
    if (vasprintf(&text, format, values) < 0) {
        fail("out of memory");
    }
    va_end(values);
    return text;
}

bool text_starts(const char *text, const char *prefix)
{
    return !strncmp(text, prefix, strlen(prefix));
}

bool text_ends(const char *text, const char *suffix)
{
    size_t length = strlen(text), end = strlen(suffix);
    return length >= end && !strcmp(text + length - end, suffix);
}

const char *path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *path_stem(const char *path)
{
    const char *name = path_name(path);
    const char *dot = strrchr(name, '.');
    return text_format("%.*s", dot && dot != name ? (int)(dot - name) : (int)strlen(name), name);
}

char *path_with_suffix(const char *path, const char *suffix)
{
    const char *name = path_name(path);
    const char *dot = strrchr(name, '.');
    int length = dot && dot != name ? (int)(dot - path) : (int)strlen(path);
    return text_format("%.*s%s", length, path, suffix);
}

static void say(const char *kind, const char *format, va_list values)
{
    fprintf(stderr, "lind-cc: %s: ", kind);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
}

void fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say("error", format, values);
    va_end(values);
    jobs_clean();
    exit(1);
}

void warn(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say("warning", format, values);
    va_end(values);
}

/* The whole of a file, ended by a zero byte, or NULL. */
static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        return NULL;
    }
    char *text = NULL;
    size_t length = 0, capacity = 0, got;
    do {
        if (length + 4097 > capacity) {
            capacity = (capacity + 4097) * 2;
            text = allocate(text, capacity);
        }
        got = fread(text + length, 1, 4096, file);
        length += got;
    } while (got);
    bool bad = ferror(file);
    fclose(file);
    if (bad) {
        return NULL;
    }
    text[length] = 0;
    return text;
}

static void expand(struct list *arguments, const char *argument, int depth);

/* Splits at white space; quotes group, a backslash takes the next character as it is. */
static void expand_text(struct list *arguments, const char *text, int depth)
{
    char *word = allocate(NULL, strlen(text) + 1);
    while (*text) {
        while (isspace((unsigned char)*text)) {
            text++;
        }
        if (!*text) {
            break;
        }
        size_t length = 0;
        char quote = 0;
        for (; *text && (quote || !isspace((unsigned char)*text)); text++) {
            if (*text == '\\' && text[1]) {
                word[length++] = *++text;
            } else if (quote ? *text == quote : *text == '"' || *text == '\'') {
                quote = quote ? 0 : *text;
            } else {
                word[length++] = *text;
            }
        }
        word[length] = 0;
        expand(arguments, text_format("%s", word), depth);
    }
    free(word);
}

static void expand(struct list *arguments, const char *argument, int depth)
{
    char *text = argument[0] == '@' && argument[1] ? read_whole(argument + 1) : NULL;
    if (!text) {
        list_add(arguments, argument);
        return;
    }
    if (depth == 32) {
        fail("response files are nested too deeply at '%s'", argument);
    }
    expand_text(arguments, text, depth + 1);
    free(text);
}

void expand_response_files(struct list *arguments, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        expand(arguments, argv[i], 0);
    }
}
