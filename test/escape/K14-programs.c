// Do programs with much data, which ran once, stay in lind-run's memory only up to a limit? (attack row K14; the data may be a hole in a file.)
// RUN: %lind-cc -O1 -D_GNU_SOURCE %s -o %t && rm -rf %t.dir && mkdir %t.dir && cd %t.dir
// RUN: timeout 400 %python %S/Inputs/K14/programs.py %lind-run %t 24 20 | FileCheck %s
// CHECK: at most 300 MiB
// The control: small ones do all stay, and are seen.
// RUN: timeout 400 %python %S/Inputs/K14/programs.py %lind-run %t 1 20 | FileCheck %s --check-prefix=SMALL
// SMALL: programs: {{2[0-9]}}
// SMALL: at most 300 MiB
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A copy of this program with so much more in its last segment. */
static int make(const char *name, long more)
{
    static char bytes[1 << 20];
    int from = open("/proc/self/exe", O_RDONLY), to = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0755);
    Elf64_Ehdr *header = (Elf64_Ehdr *)bytes;
    Elf64_Phdr *last = NULL;
    long length = read(from, bytes, sizeof bytes);
    for (int i = 0; length > 0 && i < header->e_phnum; i++) {
        Elf64_Phdr *segment = (Elf64_Phdr *)(bytes + header->e_phoff) + i;
        if (segment->p_type == PT_LOAD && (!last || segment->p_vaddr > last->p_vaddr))
            last = segment;
    }
    if (!last)
        return -1;
    last->p_filesz = last->p_memsz += (unsigned long)more;
    long size = (long)(last->p_offset + last->p_filesz);
    return write(to, bytes, (size_t)length) == length && !ftruncate(to, size) && !close(to) && !close(from) ? 0 : -1;
}

int main(int argc, char **argv)
{
    char name[20];
    long more = argc > 2 ? atol(argv[1]) << 20 : 0, count = argc > 2 ? atol(argv[2]) : 0;
    int status, worked = 0;
    if (!count)
        return 0;
    for (long i = 0; i < count; i++) {
        snprintf(name, sizeof name, "./copy%ld", i);
        if (make(name, more))
            return 1;
    }
    sleep(3); /* a file that has just changed is not kept */
    for (long i = 0; i < count; i++) {
        snprintf(name, sizeof name, "./copy%ld", i);
        if (!fork()) {
            execl(name, name, (char *)0);
            _exit(99);
        }
        worked += wait(&status) > 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 99);
    }
    printf("worked: %d\n", worked);
    fflush(stdout);
    pause();
    return 0;
}
