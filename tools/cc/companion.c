/* lind-ar, lind-ranlib, lind-nm, lind-strip, lind-objdump, lind-size, lind-readelf: LLVM's tool of
 * the same name, the one that belongs to lind-cc's clang. ar and ranlib must be LLVM's for
 * archives of LTO objects to get their index. */
#include "lind-cc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* llvm-strip takes allocated sections, gate page and note among them, for granted; what it must
 * not be asked for is their removal, which would only give a program that lind-run refuses. */
static void check_strip(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (text_starts(name, "--remove-section=")) {
            name += strlen("--remove-section=");
        } else if (!strcmp(name, "-R") || !strcmp(name, "--remove-section")) {
            name = i + 1 < argc ? argv[i + 1] : "";
        } else {
            continue;
        }
        if (!strcmp(name, ".lind.gate") || !strcmp(name, ".note.lind")) {
            fail("strip: section %s belongs to the program's isolation and stays", name);
        }
    }
}

int main(int argc, char **argv)
{
    struct paths paths;
    paths_find(&paths);
    if (!strcmp(LIND_COMPANION, "strip")) {
        check_strip(argc, argv);
    }
    char *tool = paths_llvm_tool(&paths, "llvm-" LIND_COMPANION);
    execv(tool, argv);
    fail("cannot run '%s': %s", tool, strerror(errno));
}
