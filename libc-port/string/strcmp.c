/* strcmp (C11 7.24.4.2). */
#include "compare.h"

#include <string.h>

int strcmp(const char *a, const char *b)
{
    return compare_strings((const unsigned char *)a, (const unsigned char *)b, SIZE_MAX);
}
