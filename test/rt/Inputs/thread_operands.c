/* Runs the functions of thread_operands.py, each with a thread pointer into memory of its own, and
 * prints what became of that memory and of the registers. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { AREA = 0x50000000, POINTER = 0x8000, STATE = 0x20000, END = 0x22000, SET_FS = 0x1002, GET_FS };

extern void (*const tests[])(void);

/* Not by libc, which keeps errno where the thread pointer says. */
static void set_or_get(long operation, uint64_t value)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"((long)SYS_arch_prctl), "D"(operation), "S"(value)
                     : "rcx", "r11", "memory");
}

int main(void)
{
    uint64_t own;
    uint8_t *area = mmap((void *)AREA, END, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    set_or_get(GET_FS, (uint64_t)&own);
    for (unsigned i = 0; tests[i]; i++) {
        uint32_t random = i * 2654435761U + 1;
        for (int at = 0; at < END; at++) {
            random = random * 1103515245 + 12345;
            area[at] = (uint8_t)(random >> 16);
        }
        *(uint64_t *)(area + POINTER) = AREA + POINTER;
        set_or_get(SET_FS, AREA + POINTER);
        tests[i]();
        set_or_get(SET_FS, own);
        uint64_t hash = 0;
        for (int at = 0; at < END; at++)
            hash = (hash ^ area[at]) * 1099511628211U;
        printf("%u: %016lx\n", i, hash);
    }
    return 0;
}
