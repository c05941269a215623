/* strncmp (C11 7.24.4.4). */
#include "compare.h"

#include <string.h>

int strncmp(const char *a, const char *b, size_t size)
{
    return size ? compare_strings((const unsigned char *)a, (const unsigned char *)b, size) : 0;
}
