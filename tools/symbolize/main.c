/* lind-symbolize: the command line. By hand it works like addr2line; lind-run calls it with
 * --crash. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "microvisor/proc/report.h"
#include "tools/symbolize/symbolize.h"

const char *argp_program_version = "lind-symbolize " LIND_VERSION;

static const char doc[] =
    "Says which function and line of PROGRAM, built by lind-cc, each ADDRESS belongs to."
    "\vAddresses are those of the program's file, hexadecimal, as lind-run's crash reports and "
    "lind-objdump print them. "
    "Without any, they are read from standard input, up to its end.";

enum { OPT_CRASH = 1000, PLACES_MAX = 16 };
/* Larger files than this are not looked at. */
#define FILE_MAX (4ULL << 30)

static const struct argp_option options[] = {
    {"crash", OPT_CRASH, NULL, 0,
     "Read a crash's description from standard input and the program from descriptor 3, as "
     "lind-run does",
     0},
    {0},
};

struct arguments {
    int crash;
    const char *program;
    uint64_t *addresses; /* owned */
    size_t count;
};

static int add_address(struct arguments *arguments, const char *word)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(word, &end, 16);
    uint64_t *longer = realloc(arguments->addresses, (arguments->count + 1) * sizeof *longer);
    if (!longer || errno || end == word || *end || *word == '-')
        return -1;
    longer[arguments->count++] = value;
    arguments->addresses = longer;
    return 0;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case OPT_CRASH:
        arguments->crash = 1;
        return 0;
    case ARGP_KEY_ARG:
        if (!arguments->program)
            arguments->program = argument;
        else if (add_address(arguments, argument))
            argp_error(state, "'%s' is no hexadecimal address", argument);
        return 0;
    case ARGP_KEY_END:
        if (!arguments->program == !arguments->crash)
            argp_error(state, arguments->crash ? "--crash takes no program" : "no program named");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int read_addresses(struct arguments *arguments)
{
    char word[64];
    while (scanf("%63s", word) == 1)
        if (add_address(arguments, word)) {
            fprintf(stderr, "lind-symbolize: '%s' is no hexadecimal address\n", word);
            return -1;
        }
    return 0;
}

/* Maps a whole file, so that nothing needs to be read of it later. */
static char *map_file(int fd, size_t *size)
{
    struct stat status;
    if (fstat(fd, &status))
        return NULL;
    errno = S_ISDIR(status.st_mode) ? EISDIR : ENOEXEC;
    if (!S_ISREG(status.st_mode) || status.st_size <= 0 || (uint64_t)status.st_size > FILE_MAX)
        return NULL;
    *size = (size_t)status.st_size;
    char *image = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    return image == MAP_FAILED ? NULL : image;
}

static void print_address(struct program *program, uint64_t address)
{
    struct place places[PLACES_MAX];
    size_t count = program_places(program, address, places, PLACES_MAX);
    for (size_t i = 0; i < count; i++) {
        uint64_t offset;
        const char *symbol = i + 1 == count ? program_symbol(program, address, &offset) : NULL;
        out("0x%08llx ", (unsigned long long)address);
        if (symbol)
            out("%.200s+0x%llx ", symbol, (unsigned long long)offset);
        else
            out("%.200s ", places[i].function ? places[i].function : "??");
        if (*places[i].file)
            out("(%.500s:%d)", places[i].file, places[i].line);
        else
            out("(?\?)");
        out("%s\n", places[i].inlined ? ", inlined in" : "");
    }
}

int main(int argc, char **argv)
{
    static const struct argp parser = {options, parse, "PROGRAM [ADDRESS...]", doc, 0, 0, 0};
    struct arguments arguments = {0};
    struct crash *crash = NULL;
    const char *why;
    size_t size = 0;

    argp_parse(&parser, argc, argv, 0, 0, &arguments);
    const char *path = arguments.crash ? "the program" : arguments.program;
    int fd = arguments.crash ? REPORT_PROGRAM_FD : open(arguments.program, O_RDONLY | O_CLOEXEC);
    char *image = fd >= 0 ? map_file(fd, &size) : NULL;
    if (!image) {
        fprintf(stderr, "lind-symbolize: %s: %s\n", path, strerror(errno));
        return 1;
    }
    if (arguments.crash && !(crash = crash_read())) {
        fprintf(stderr, "lind-symbolize: no description of a crash on standard input\n");
        return 1;
    }
    if (!arguments.crash && !arguments.count && read_addresses(&arguments))
        return 1;
    if (confine(size, arguments.crash)) {
        fprintf(stderr, "lind-symbolize: cannot confine itself: %s\n", strerror(errno));
        return 1;
    }

    struct program *program = program_open(image, size, &why);
    if (!program) {
        char text[512];
        int length = snprintf(text, sizeof text, "lind-symbolize: %.400s: %s\n", path, why);
        return write(2, text, (size_t)length) == length ? 1 : 2;
    }
    if (crash)
        crash_print(crash, program);
    for (size_t i = 0; i < arguments.count; i++)
        print_address(program, arguments.addresses[i]);
    out_flush();
    return 0;
}
