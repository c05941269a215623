/* lind-verify: does a program keep to the isolation contract (docs/sfi.md)? A front to rt/verify.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rt/verify/module.h"
#include "rt/verify/verify.h"
#include "tools/verify/symbols.h"

enum { ACCEPTED, REJECTED, TROUBLE };

static struct {
    int quiet;
    int stats;
    double bench_seconds;
    unsigned max_faults;
} options = {.max_faults = 10};

struct printer {
    const char *path;
    const struct symbols *symbols;
};

static int print_fault(void *ctx, const struct verify_fault *fault)
{
    const struct printer *printer = ctx;
    uint64_t offset;
    if (options.quiet)
        return 0;
    const char *name = symbols_find(printer->symbols, fault->address, &offset);
    printf("%s: 0x%" PRIx64, printer->path, fault->address);
    if (name)
        printf(" <%s+0x%" PRIx64 ">", name, offset);
    putchar(':');
    for (size_t i = 0; i < fault->length; i++)
        printf(" %02x", fault->bytes[i]);
    printf(": R%d: %s\n", fault->rule, fault->message);
    return 0;
}

/* CPU time: what others do on the machine does not count. */
static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void print_stats(const char *path, const struct module *module,
                        const struct verify_module *text, const uint64_t *bitmap, double seconds)
{
    uint64_t targets = 0;
    for (size_t i = 0; i < VERIFY_BITMAP_SIZE(text->text_size) / 16; i++)
        targets += (uint64_t)__builtin_popcountll(bitmap[i]);
    printf("%s: %zu bytes of text, %" PRIu64
           " possible branch targets, %u segments, image of %" PRIu64 " bytes, %.1f MB/s\n",
           path, text->text_size, targets, module->segment_count,
           module->image_end - module->image_start, (double)text->text_size / seconds / 1e6);
}

/* Verifies again and again for some seconds: the rate on warm caches. */
static void bench(const char *path, const struct verify_module *text, uint64_t *bitmap)
{
    double start = now(), spent;
    unsigned long rounds = 0;
    do {
        verify_text(text, NULL, bitmap);
        rounds++;
        spent = now() - start;
    } while (spent < options.bench_seconds);
    printf("%s: %.1f MB/s (%lu rounds over %zu bytes)\n", path,
           (double)text->text_size * (double)rounds / spent / 1e6, rounds, text->text_size);
}

static int verify_image(const char *path, const uint8_t *file, size_t size)
{
    struct module module;
    struct symbols symbols;
    const char *why;
    if (module_parse(file, size, &module, &why)) {
        if (!options.quiet)
            printf("%s: R8: %s\n", path, why);
        return REJECTED;
    }
    const struct module_segment *segment = &module.segments[module.text];
    struct verify_module text = {.text = file + segment->offset,
                                 .text_address = segment->address,
                                 .text_size = segment->file_size,
                                 .image_start = module.image_start,
                                 .image_end = module.image_end,
                                 .gate_address = module.gate_address};
    uint64_t *bitmap = malloc(VERIFY_BITMAP_SIZE(text.text_size));
    if (!bitmap) {
        fprintf(stderr, "lind-verify: %s: out of memory\n", path);
        return TROUBLE;
    }
    symbols_open(&symbols, file, size);
    struct printer printer = {path, &symbols};
    struct verify_options verify = {print_fault, &printer, options.max_faults};
    double start = now();
    unsigned faults = verify_text(&text, &verify, bitmap);
    double seconds = now() - start;
    if (options.stats && faults == 0)
        print_stats(path, &module, &text, bitmap, seconds);
    if (options.bench_seconds > 0 && faults == 0)
        bench(path, &text, bitmap);
    free(bitmap);
    return faults ? REJECTED : ACCEPTED;
}

static int verify_file(const char *path)
{
    struct stat status;
    int result = TROUBLE, file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) < 0)
        goto bad;
    if (!S_ISREG(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
        goto bad;
    }
    size_t size = (size_t)status.st_size;
    uint8_t *bytes = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0) : NULL;
    if (bytes == MAP_FAILED)
        goto bad;
    close(file);
    result = verify_image(path, bytes, size);
    if (bytes)
        munmap(bytes, size);
    return result;
bad:
    fprintf(stderr, "lind-verify: %s: %s\n", path, strerror(errno));
    if (file >= 0)
        close(file);
    return TROUBLE;
}

static void usage(FILE *stream)
{
    fputs("Usage: lind-verify [OPTION]... FILE...\n"
          "Check that programs keep to Lind's isolation contract (docs/sfi.md).\n"
          "\n"
          "  -q, --quiet           print nothing, only set the exit status\n"
          "      --max-faults=N    print at most N faults of a file (default 10)\n"
          "      --stats           print figures about each accepted file\n"
          "      --bench[=SECONDS] measure the verifier on each accepted file (default 2 s)\n"
          "      --help            print this help\n"
          "      --version         print the version\n"
          "\n"
          "Exit status: 0 all accepted, 1 some rejected, 2 wrong usage or unreadable file.\n",
          stream);
}

int main(int argc, char **argv)
{
    enum { OPTION_MAX = 256, OPTION_STATS, OPTION_BENCH, OPTION_HELP, OPTION_VERSION };
    static const struct option long_options[] = {
        {"quiet", no_argument, NULL, 'q'},
        {"max-faults", required_argument, NULL, OPTION_MAX},
        {"stats", no_argument, NULL, OPTION_STATS},
        {"bench", optional_argument, NULL, OPTION_BENCH},
        {"help", no_argument, NULL, OPTION_HELP},
        {"version", no_argument, NULL, OPTION_VERSION},
        {NULL, 0, NULL, 0},
    };
    int option, result = ACCEPTED;
    while ((option = getopt_long(argc, argv, "q", long_options, NULL)) != -1) {
        char *end;
        switch (option) {
        case 'q':
            options.quiet = 1;
            break;
        case OPTION_MAX: {
            errno = 0;
            unsigned long number = strtoul(optarg, &end, 10);
            if (*end || end == optarg || errno || number == 0 || number > 1000000000 ||
                *optarg == '-') {
                fprintf(stderr, "lind-verify: --max-faults needs a number from 1 on, not '%s'\n",
                        optarg);
                return TROUBLE;
            }
            options.max_faults = (unsigned)number;
            break;
        }
        case OPTION_STATS:
            options.stats = 1;
            break;
        case OPTION_BENCH:
            options.bench_seconds = optarg ? strtod(optarg, &end) : 2;
            if (optarg && (*end || end == optarg || !(options.bench_seconds > 0))) {
                fprintf(stderr, "lind-verify: --bench needs seconds above 0, not '%s'\n", optarg);
                return TROUBLE;
            }
            break;
        case OPTION_HELP:
            usage(stdout);
            return fflush(stdout) ? TROUBLE : ACCEPTED;
        case OPTION_VERSION:
            puts("lind-verify " LIND_VERSION);
            return fflush(stdout) ? TROUBLE : ACCEPTED;
        default:
            usage(stderr);
            return TROUBLE;
        }
    }
    if (optind == argc) {
        fputs("lind-verify: no file given\n", stderr);
        usage(stderr);
        return TROUBLE;
    }
    for (; optind < argc; optind++) {
        int one = verify_file(argv[optind]);
        if (one > result)
            result = one;
    }
    if (fflush(stdout) && result == ACCEPTED)
        result = TROUBLE;
    return result;
}
