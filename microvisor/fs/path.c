/* Paths as programs give them. */
#include <errno.h>
#include <string.h>

#include "microvisor/fs/resolve.h"

int path_normalize(const char *path, struct normal *normal)
{
    uint32_t length = 0;
    normal->absolute = *path == '/';
    normal->dotdot = normal->last_dot = normal->slash = 0;
    normal->plain = UINT32_MAX;
    for (;;) {
        size_t slashes = strspn(path, "/");
        path += slashes;
        normal->slash |= slashes != 0;
        size_t name = strcspn(path, "/");
        if (!name)
            break;
        normal->slash = 0;
        normal->last_dot = name == 1 && *path == '.';
        if (normal->last_dot) {
            normal->slash = 1;
        } else {
            if (name == 2 && path[0] == '.' && path[1] == '.' && !normal->dotdot) {
                normal->dotdot = 1;
                normal->plain = length;
            }
            if (length + name + 2 > PATH_MAX)
                return -ENAMETOOLONG;
            if (length || normal->absolute)
                normal->text[length++] = '/';
            memcpy(normal->text + length, path, name);
            length += (uint32_t)name;
        }
        path += name;
    }
    normal->text[length] = 0;
    normal->length = length;
    if (normal->plain > length)
        normal->plain = length;
    if (normal->slash && length) {
        normal->text[length] = '/';
        normal->text[length + 1] = 0;
    }
    return 0;
}

int path_copyin(struct task *task, uint64_t path, unsigned lookup, char text[PATH_MAX])
{
    long length = copyinstr(&task->thread, text, path, PATH_MAX);
    if (length < 0)
        return (int)length;
    return length || lookup & LOOKUP_EMPTY ? 0 : -ENOENT;
}
