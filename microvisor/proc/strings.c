#include "microvisor/proc/strings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rt/spare.h"

enum { BLOCK_SIZE = 32768 };

static struct spares blocks = {.most = 16};

char *strings_block(uint64_t size)
{
    char *block = size <= BLOCK_SIZE ? spare_take(&blocks) : NULL;
    return block ? block : malloc(size <= BLOCK_SIZE ? BLOCK_SIZE : size);
}

void strings_block_free(char *block, uint64_t size)
{
    if (block && (size > BLOCK_SIZE || !spare_keep(&blocks, block)))
        free(block);
}

int strings_reserve(struct strings *strings, uint64_t more)
{
    uint64_t size = strings->size + more;
    if (size <= (strings->many ? strings->room : sizeof strings->few))
        return 0;
    uint64_t room = size <= BLOCK_SIZE ? BLOCK_SIZE : 2 * size;
    char *many = strings_block(room);
    if (!many)
        return -ENOMEM;
    memcpy(many, strings_bytes(strings), strings->size);
    strings_free(strings);
    strings->many = many;
    strings->room = room;
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
    strings_block_free(strings->many, strings->room);
}
