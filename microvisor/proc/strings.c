#include "microvisor/proc/strings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int strings_reserve(struct strings *strings, uint64_t more)
{
    uint64_t size = strings->size + more;
    if (size <= (strings->many ? strings->room : sizeof strings->few))
        return 0;
    char *many = realloc(strings->many, 2 * size);
    if (!many)
        return -ENOMEM;
    if (!strings->many)
        memcpy(many, strings->few, strings->size);
    strings->many = many;
    strings->room = 2 * size;
    return 0;
}

int strings_insert(struct strings *strings, uint64_t at, const char *string)
{
    size_t size = strlen(string) + 1;
    int error = strings_reserve(strings, size);
    if (error)
        return error;
    char *place = strings_bytes(strings) + at;
    memmove(place + size, place, strings->size - at);
    memcpy(place, string, size);
    strings->size += size;
    strings->count++;
    return 0;
}

void strings_free(struct strings *strings)
{
    free(strings->many);
}
