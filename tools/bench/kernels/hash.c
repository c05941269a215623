/* A chained hash table of strings: pointer chasing, malloc and free, string comparison. */
#include "kernel.h"

struct entry {
    struct entry *next;
    uint32_t count;
    char key[20];
};

enum { BUCKETS = 1 << 14 };
static struct entry *table[BUCKETS];

static struct entry *look_up(const char *key)
{
    uint32_t hash = 2166136261u;
    for (const char *p = key; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    struct entry **at = &table[hash % BUCKETS];
    for (struct entry *e = *at; e; e = e->next)
        if (!strcmp(e->key, key))
            return e;
    struct entry *e = malloc(sizeof *e);
    e->next = *at;
    e->count = 0;
    strcpy(e->key, key);
    return *at = e;
}

int main(int argc, char **argv)
{
    uint32_t state = 3;
    uint64_t sum = 0;
    for (long round = rounds(argc, argv, 40); round > 0; round--) {
        for (int i = 0; i < 200000; i++) {
            char key[20] = "k";
            uint32_t value = next_random(&state) % 30000;
            int n = 1;
            do
                key[n++] = (char)('0' + value % 10);
            while (value /= 10);
            key[n] = 0;
            sum += ++look_up(key)->count;
        }
        for (int i = 0; i < BUCKETS; i++)
            for (struct entry *e = table[i], *next; e; e = next) {
                next = e->next;
                free(e);
                table[i] = NULL;
            }
    }
    return finish(sum);
}
