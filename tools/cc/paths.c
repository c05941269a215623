/* Finds the installation's parts and LLVM's tools. */
#include "lind-cc.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) {
        return text_format(".");
    }
    return text_format("%.*s", slash == path ? 1 : (int)(slash - path), path);
}

/* The executable file behind a name, which is looked up in PATH when it has no slash. */
static char *find_program(const char *name)
{
    if (strchr(name, '/')) {
        return realpath(name, NULL);
    }
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t length = strcspn(path, ":");
        char *candidate = text_format("%.*s/%s", (int)length, path, name);
        if (length && !access(candidate, X_OK)) {
            return realpath(candidate, NULL);
        }
        free(candidate);
        path += length + (path[length] == ':');
    }
    return NULL;
}

void paths_find(struct paths *paths)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) {
        fail("cannot read /proc/self/exe: %s", strerror(errno));
    }
    self[length] = 0;
    paths->bin = directory_of(self);
    char *prefix = directory_of(paths->bin);
    paths->lib = text_format("%s/lib/lind", prefix);
    paths->sysroot = text_format("%s/sysroot", paths->lib);
    paths->plugin = text_format("%s/lind-pass.so", paths->lib);
    paths->start = text_format("%s/lind-start", paths->lib);
    paths->unit = text_format("%s/assembly.c", paths->lib);

    const char *wanted = getenv("LIND_CLANG");
    if (!wanted || !*wanted) {
        wanted = LIND_CLANG_DEFAULT;
    }
    char *clang = find_program(wanted);
    if (!clang || access(clang, X_OK)) {
        fail("there is no clang at '%s'; install clang-22, or set LIND_CLANG to its path", wanted);
    }
    paths->llvm_bin = directory_of(clang);
    paths->clang = clang;
}

char *paths_llvm_tool(const struct paths *paths, const char *name)
{
    return text_format("%s/%s", paths->llvm_bin, name);
}
