/* String functions of libc and byte loops: search, copy, compare, case conversion. */
#include <ctype.h>

#include "kernel.h"

int main(int argc, char **argv)
{
    enum { SIZE = 1 << 16 };
    char *text = malloc(SIZE + 1), *copy = malloc(SIZE + 1);
    uint32_t state = 11;
    uint64_t sum = 0;
    for (int i = 0; i < SIZE; i++)
        text[i] = (char)("etaoin shrdlu, ETAOIN."[next_random(&state) % 22]);
    text[SIZE] = 0;
    for (long round = rounds(argc, argv, 5000); round > 0; round--) {
        for (const char *at = text; (at = strstr(at, "the")) != NULL; at++)
            sum += (uint64_t)(at - text);
        for (const char *at = text; (at = strchr(at, '.')) != NULL; at++)
            sum++;
        strcpy(copy, text);
        for (char *p = copy; *p; p++)
            *p = (char)toupper((unsigned char)*p);
        sum += strlen(copy) + (uint64_t)(memcmp(copy, text, SIZE) != 0) + (unsigned char)copy[round % SIZE];
    }
    return finish(sum);
}
