// Do arguments and environments of all sizes arrive whole, in the program and in /proc/self, again and again?
// RUN: musl-gcc -static -O1 %s -o %t.native && %t.native
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Around the sizes at which a kernel may take strings in another way. */
static const int sizes[] = {0, 1, 100, 511, 512, 513, 1500, 2047, 2048, 3071, 3072, 4095, 4096, 8191, 8192, 8193, 32767, 32768, 40000, 131071};
enum { SIZES = sizeof sizes / sizeof *sizes, LONGEST = 131072 };
extern char **environ;

static char letter(int size, int i)
{
    return (char)('a' + (size + i * 7) % 26);
}

static char *text(int size)
{
    char *string = malloc((size_t)size + 1);
    for (int i = 0; i < size; i++)
        string[i] = letter(size, i);
    string[size] = 0;
    return string;
}

static int is_text(const char *string, int size)
{
    for (int i = 0; i < size; i++)
        if (string[i] != letter(size, i))
            return 0;
    return string[size] == 0;
}

/* Whether a file of /proc has these strings and nothing else. */
static int shows(const char *path, char *const *strings)
{
    static char file[8 * LONGEST];
    size_t length = 0, at = 0;
    ssize_t got;
    int fd = open(path, O_RDONLY);
    while ((got = read(fd, file + length, sizeof file - length)) > 0)
        length += (size_t)got;
    close(fd);
    for (; *strings; at += strlen(*strings++) + 1)
        if (at + strlen(*strings) >= length || strcmp(file + at, *strings))
            return 0;
    return at == length;
}

/* argv: program, "check", how often each string is there, and the arguments' size; the environment's; the strings. */
static int check(int argc, char **argv)
{
    int times = atoi(argv[2]), size = atoi(argv[3]), size_there = atoi(argv[4]), count = 0;
    if (argc != 5 + times)
        return 2;
    for (int i = 0; i < times; i++)
        if (!is_text(argv[5 + i], size))
            return 3;
    for (; environ[count]; count++)
        if (!is_text(environ[count], size_there))
            return 4;
    return count != times ? 5 : !shows("/proc/self/cmdline", argv) ? 6 : !shows("/proc/self/environ", environ) ? 7 : 0;
}

static int run(const char *program, int times, int size, int size_there)
{
    char *arguments[128] = {"exec_strings", "check"}, *environment[128] = {0}, numbers[3][16];
    int values[] = {times, size, size_there}, status;
    for (int i = 0; i < 3; i++) {
        snprintf(numbers[i], sizeof numbers[i], "%d", values[i]);
        arguments[2 + i] = numbers[i];
    }
    for (int i = 0; i < times; i++) {
        arguments[5 + i] = text(size);
        environment[i] = text(size_there);
    }
    pid_t child = fork();
    if (!child) {
        execve(program, arguments, environment);
        _exit(errno == E2BIG ? 100 : 101);
    }
    for (int i = 0; i < times; i++) {
        free(arguments[5 + i]);
        free(environment[i]);
    }
    return waitpid(child, &status, 0) != child || !WIFEXITED(status) ? -1 : WEXITSTATUS(status);
}

static int expect(const char *program, int times, int size, int size_there, int wanted)
{
    int got = run(program, times, size, size_there);
    if (got != wanted)
        printf("%d times %d and %d bytes: %d, not %d\n", times, size, size_there, got, wanted);
    return got != wanted;
}

int main(int argc, char **argv)
{
    int bad = 0;
    if (argc > 1)
        return check(argc, argv);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SIZES; i++)
            for (int k = 0; k < SIZES; k++)
                bad += expect(argv[0], 1, sizes[i], sizes[k], 0);
        for (int size = 1; size < 700; size += 37)
            bad += expect(argv[0], 100, size, 700 - size, 0);
    }
    bad += expect(argv[0], 1, LONGEST, 1, 100);
    bad += expect(argv[0], 1, 1, LONGEST, 100);
    return bad != 0;
}
