/* --limit: the resource limits that the first program begins with. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tools/run/run.h"

static const struct {
    const char *name;
    unsigned resource;
} names[] = {
    {"as", RLIMIT_AS},         {"core", RLIMIT_CORE},       {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},     {"fsize", RLIMIT_FSIZE},     {"memlock", RLIMIT_MEMLOCK},
    {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC},     {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK},
};

/* A number with K, M or G behind it, or "unlimited", up to `end`. Returns 0, or -1. */
static int parse_value(const char *words, const char *end, rlim_t *value)
{
    static const char suffixes[] = "KMG";
    if ((size_t)(end - words) == strlen("unlimited") &&
        !strncasecmp(words, "unlimited", (size_t)(end - words))) {
        *value = RLIM_INFINITY;
        return 0;
    }
    char *rest;
    if (*words < '0' || *words > '9')
        return -1;
    errno = 0;
    *value = strtoull(words, &rest, 10);
    const char *suffix = rest < end ? strchr(suffixes, *rest & ~0x20) : NULL;
    if (suffix && *suffix) {
        unsigned bits = 10 * (unsigned)(suffix - suffixes + 1);
        if (*value >> (64 - bits))
            return -1;
        *value <<= bits;
        rest++;
    }
    return errno || rest != end || *value == RLIM_INFINITY ? -1 : 0;
}

const char *limit_parse(const char *words, unsigned *resource, struct rlimit *limit)
{
    const char *equals = strchr(words, '='), *end = words + strlen(words);
    if (!equals)
        return "needs NAME=VALUE";
    size_t i = 0, length = (size_t)(equals - words);
    while (i < sizeof names / sizeof *names &&
           (strlen(names[i].name) != length || strncasecmp(names[i].name, words, length)))
        i++;
    if (i == sizeof names / sizeof *names)
        return "knows as, core, cpu, data, fsize, memlock, nofile, nproc, sigpending and stack";
    *resource = names[i].resource;
    const char *colon = strchr(equals, ':');
    if (parse_value(equals + 1, colon ? colon : end, &limit->rlim_cur) ||
        parse_value(colon ? colon + 1 : equals + 1, end, &limit->rlim_max))
        return "needs a number (with K, M or G, if you like) or 'unlimited' as value";
    return limit->rlim_cur > limit->rlim_max ? "has a soft limit above the hard one" : NULL;
}
