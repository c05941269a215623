/* lind-start: what the kernel runs for `./a.out` when a.out is a Lind program, because PT_INTERP
 * names it.
 *
 * It becomes `lind-run $LIND_RUN_OPTS --argv0 ARGV0 -- PROGRAM ARGS…`. The program itself is
 * mapped but never runs here. /proc/self/exe is the program, so lind-run is found from the
 * interpreter's own path as the program's headers have it: PREFIX/lib/lind/lind-start stands
 * beside PREFIX/bin/lind-run.
 *
 * There is no libc here and no relocation: the file is mapped anywhere and starts at once. Exit
 * status of a failure is 127, as a shell has it for a command that was not found, or 126 for one
 * that was. */
#include <elf.h>
#include <linux/stat.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

enum { AT_CURRENT_DIRECTORY = -100, NO_SUCH_FILE = -2, PATH_SIZE = 4096 };

static long call4(long number, long a, long b, long c, long d)
{
    long result;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

static long call6(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static size_t length_of(const char *text)
{
    size_t length = 0;
    while (text[length]) {
        length++;
        __asm__(""); /* keeps the compiler from calling strlen */
    }
    return length;
}

static void say(const char *text)
{
    call4(SYS_write, 2, (long)text, (long)length_of(text), 0);
}

__attribute__((noreturn)) static void stop(int status)
{
    for (;;) {
        call4(SYS_exit_group, status, 0, 0, 0);
    }
}

__attribute__((noreturn)) static void fail(int status, const char *what, const char *path,
                                           const char *hint)
{
    say("lind-start: ");
    say(what);
    if (path) {
        say(" '");
        say(path);
        say("'");
    }
    say(hint);
    say("\n");
    stop(status);
}

/* Files are the same if device and inode are. */
static int identify(const char *path, struct statx *identity)
{
    return (int)call6(SYS_statx, AT_CURRENT_DIRECTORY, (long)path, 0, STATX_INO, (long)identity, 0);
}

static int same_file(const struct statx *a, const struct statx *b)
{
    return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
           a->stx_dev_minor == b->stx_dev_minor;
}

/* The path to give to lind-run. AT_EXECFN is what the user typed, but it is the script's path when
 * the program was named in a #! line, and the file may have been replaced meanwhile: then the
 * kernel's own idea of the program is better. */
static const char *program_path(const char *given, char buffer[PATH_SIZE])
{
    struct statx program, file;
    int known = identify("/proc/self/exe", &program);
    if (given && (known == 0 ? identify(given, &file) == 0 && same_file(&program, &file)
                             : identify(given, &file) == 0)) {
        return given;
    }
    long length = call4(SYS_readlink, (long)"/proc/self/exe", (long)buffer, PATH_SIZE - 1, 0);
    if (length > 0) {
        buffer[length] = 0;
        if (known == 0 && identify(buffer, &file) == 0 && same_file(&program, &file)) {
            return buffer;
        }
    }
    fail(127, "the program", given ? given : "?", " was deleted or cannot be reached by its path");
}

/* The text of PT_INTERP in the program's headers, or NULL. */
static const char *interpreter_of(const Elf64_Phdr *headers, size_t count)
{
    if (!headers) {
        return NULL;
    }
    /* Addresses in the headers are relative to where the kernel put the program: PT_PHDR tells
     * where the headers themselves are, and without it they follow the file header at the image's
     * start. */
    uintptr_t bias = (uintptr_t)headers - sizeof(Elf64_Ehdr);
    const Elf64_Phdr *interpreter = NULL;
    for (size_t i = 0; i < count; i++) {
        if (headers[i].p_type == PT_PHDR) {
            bias = (uintptr_t)headers - headers[i].p_vaddr;
        } else if (headers[i].p_type == PT_INTERP) {
            interpreter = &headers[i];
        }
    }
    return interpreter ? (const char *)(bias + interpreter->p_vaddr) : NULL;
}

/* PREFIX/lib/lind/lind-start to PREFIX/bin/lind-run. */
static void find_runner(const char *interpreter, char runner[PATH_SIZE])
{
    size_t length = length_of(interpreter);
    for (int levels = 0; levels < 3; levels++) {
        while (length && interpreter[--length] != '/') {
        }
    }
    static const char tail[] = "/bin/lind-run";
    if (length + sizeof tail > PATH_SIZE) {
        fail(127, "the path of lind-run is too long", NULL, "");
    }
    for (size_t i = 0; i < length; i++) {
        runner[i] = interpreter[i];
        __asm__("");
    }
    for (size_t i = 0; i < sizeof tail; i++) {
        runner[length + i] = tail[i];
        __asm__("");
    }
}

/* Splits options as a shell splits simple words: white space parts, quotes group, a backslash
 * takes the next character as it is. `words` and `bytes` have room for all. Returns the number of
 * words. */
static size_t split(const char *text, char **words, char *bytes)
{
    size_t count = 0;
    for (;;) {
        while (*text == ' ' || *text == '\t' || *text == '\n') {
            text++;
        }
        if (!*text) {
            return count;
        }
        words[count++] = bytes;
        char quote = 0;
        for (; *text && (quote || (*text != ' ' && *text != '\t' && *text != '\n')); text++) {
            if (*text == '\\' && quote != '\'' && text[1]) {
                *bytes++ = *++text;
            } else if (quote ? *text == quote : *text == '"' || *text == '\'') {
                quote = quote ? 0 : *text;
            } else {
                *bytes++ = *text;
            }
        }
        if (quote) {
            fail(127, "LIND_RUN_OPTS has an open quote", NULL, "");
        }
        *bytes++ = 0;
    }
}

static const char *environment_value(char **environment, const char *name)
{
    for (; *environment; environment++) {
        const char *entry = *environment;
        size_t i = 0;
        while (name[i] && entry[i] == name[i]) {
            i++;
        }
        if (!name[i] && entry[i] == '=') {
            return entry + i + 1;
        }
    }
    return "";
}

static void *allocate(size_t size)
{
    enum { READ_AND_WRITE = 3, PRIVATE_ANONYMOUS = 0x22 };
    long memory = call6(SYS_mmap, 0, (long)size, READ_AND_WRITE, PRIVATE_ANONYMOUS, -1, 0);
    if (memory < 0 && memory > -4096) {
        fail(126, "out of memory", NULL, "");
    }
    return (void *)memory;
}

/* Called by _start with the initial stack: argc, argv, environment, auxiliary vector. */
__attribute__((noreturn, used, visibility("hidden"))) void start(uintptr_t *stack)
{
    size_t argc = stack[0];
    char **argv = (char **)(stack + 1);
    char **environment = argv + argc + 1;
    char **end = environment;
    while (*end) {
        end++;
    }
    const Elf64_Phdr *headers = NULL;
    size_t header_count = 0;
    const char *executed = NULL;
    for (const Elf64_auxv_t *entry = (const void *)(end + 1); entry->a_type != AT_NULL; entry++) {
        switch (entry->a_type) {
        case AT_PHDR:
            headers = (const void *)entry->a_un.a_val;
            break;
        case AT_PHNUM:
            header_count = entry->a_un.a_val;
            break;
        case AT_EXECFN:
            executed = (const char *)entry->a_un.a_val;
            break;
        case AT_SECURE:
            if (entry->a_un.a_val) {
                fail(126, "set-user-ID programs cannot be Lind programs", NULL, "");
            }
            break;
        }
    }
    const char *interpreter = interpreter_of(headers, header_count);
    if (!interpreter) {
        fail(127, "this starts programs that lind-cc made; it is not one itself", NULL,
             ": run ./PROGRAM, or lind-run PROGRAM");
    }

    char runner[PATH_SIZE], found[PATH_SIZE];
    find_runner(interpreter, runner);
    const char *program = program_path(executed, found);
    const char *options = environment_value(environment, "LIND_RUN_OPTS");
    size_t options_length = length_of(options);
    size_t most = options_length + argc + 8;
    char **arguments = allocate(most * sizeof *arguments + options_length + 1);
    char *bytes = (char *)(arguments + most);
    size_t count = 0;
    arguments[count++] = runner;
    count += split(options, arguments + count, bytes);
    if (argc) {
        arguments[count++] = (char *)"--argv0";
        arguments[count++] = argv[0];
    }
    arguments[count++] = (char *)"--";
    arguments[count++] = (char *)program;
    for (size_t i = 1; i < argc; i++) {
        arguments[count++] = argv[i];
    }
    arguments[count] = NULL;
    long error = call4(SYS_execve, (long)runner, (long)arguments, (long)environment, 0);
    if (error == NO_SUCH_FILE) {
        fail(127, "cannot run", runner, ": it is not there; install Lind where this program was "
             "linked for it, or run lind-run with the program's name");
    }
    fail(126, "cannot run", runner, ": it cannot be executed");
}

__asm__(".globl _start\n"
        ".hidden start\n"
        "_start:\n"
        "    xorl %ebp, %ebp\n"
        "    movq %rsp, %rdi\n"
        "    andq $-16, %rsp\n"
        "    call start\n");
