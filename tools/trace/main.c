/* lind-trace: prints the calls that lind-run --trace tells of (microvisor/trace.h), as calls.def
 * describes their arguments; or, with --stats, the counters of lind-run --stats. What they point to is asked of lind-run, and is the program's choice:
 * before the first call this process gives up every right but that of reading and writing what is
 * open, its socket and standard error. Not for use by hand. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "microvisor/trace.h"
#include "tools/trace/names.h"

#define CALL(number, name, temperature, family, arguments) [number] = {#name, arguments},
#define NOCALL(number, name, reason) [number] = {#name, NULL},
static const struct {
    const char *name, *arguments; /* arguments: NULL when the call is not supported */
} calls[] = {
#include "microvisor/calls.def"
};
#undef CALL
#undef NOCALL
#define CALLS (sizeof calls / sizeof *calls)

/* Bytes of a buffer, and elements of an array, that are shown. */
enum { SHOWN_BYTES = 40, SHOWN_ELEMENTS = 4, LINE_BYTES = 16384 };

static _Noreturn void end(void)
{
    for (;;)
        syscall(SYS_exit, 0); /* exit_group is not allowed any more */
}

static void ask(uint64_t offset, uint32_t length, uint32_t string)
{
    const struct trace_question question = {offset, length, string};
    if (write(STDIN_FILENO, &question, sizeof question) != sizeof question)
        end();
}

/* Has a piece of the window in *answer. Returns what lind-run's copyin or copyinstr did. */
static long peek(struct trace_answer *answer, uint64_t offset, uint32_t length, uint32_t string)
{
    ask(offset, length, string);
    ssize_t got = read(STDIN_FILENO, answer, sizeof *answer);
    if (got < (ssize_t)offsetof(struct trace_answer, bytes))
        end();
    return answer->result;
}

/* Copies `length` bytes, at most TRACE_BYTES, at a window offset. Returns 0 or -EFAULT. */
static int fetch(void *to, uint64_t offset, size_t length)
{
    static struct trace_answer answer;
    if (!length)
        return 0;
    if (peek(&answer, offset, (uint32_t)length, 0))
        return -EFAULT;
    memcpy(to, answer.bytes, length);
    return 0;
}

struct line {
    char text[LINE_BYTES];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof line->text - 1 - line->length; /* one byte stays for the newline */
    int length = vsnprintf(line->text + line->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        line->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void add_quoted(struct line *line, const char *bytes, size_t length, int cut)
{
    add(line, "\"");
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte == '\n')
            add(line, "\\n");
        else if (byte == '\t')
            add(line, "\\t");
        else if (byte == '\r')
            add(line, "\\r");
        else if (byte == '"' || byte == '\\')
            add(line, "\\%c", byte);
        else if (isprint(byte))
            add(line, "%c", byte);
        else
            add(line, "\\%03o", byte);
    }
    add(line, "\"%s", cut ? "..." : "");
}

static void add_address(struct line *line, uint64_t address)
{
    if (address)
        add(line, "%#lx", address);
    else
        add(line, "NULL");
}

static void add_constants(struct line *line, const char *set, uint64_t value, int flags)
{
    const struct constant *constant = constants_of(set);
    const char *between = "";
    for (; constant && constant->name; constant++) {
        int whole = !flags || !constant->value; /* a name for no flags at all */
        if (whole ? value != constant->value || *between
                  : (value & constant->value) != constant->value)
            continue;
        add(line, "%s%s", between, constant->name);
        between = "|";
        if (!flags)
            return;
        value &= ~constant->value;
    }
    if (value || !*between)
        add(line, "%s%#lx", between, value);
}

static void add_buffer(struct line *line, uint64_t at, uint64_t size)
{
    char bytes[SHOWN_BYTES];
    size_t shown = size < sizeof bytes ? size : sizeof bytes;
    if (!at || fetch(bytes, at, shown))
        add_address(line, at);
    else
        add_quoted(line, bytes, shown, shown < size);
}

/* How the fields of a structure are shown, one letter each: i 32 bits signed, u unsigned, w in
 * hexadecimal; l 64 bits signed, x in hexadecimal; h 16 bits in hexadecimal. */
static const struct shape {
    const char *name, *fields;
} shapes[] = {
    {"int", "i"},          {"uint", "u"},          {"uid_t", "u"},     {"gid_t", "u"},
    {"fd", "i"},           {"int64", "l"},         {"uint64", "x"},    {"uint64_t", "x"},
    {"time_t", "l"},       {"address", "x"},       {"timespec", "ll"}, {"timeval", "ll"},
    {"itimerval", "llll"}, {"itimerspec", "llll"}, {"utimbuf", "ll"},  {"rlimit", "xx"},
    {"iovec", "xl"},       {"pollfd", "ihh"},      {"sigset", "x"},    {"sigaction", "xxxx"},
    {"stack", "xux"},      {"sched_param", "i"},   {"tms", "llll"},
};

static const struct shape *shape_of(const char *name)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (!strcmp(shapes[i].name, name))
            return &shapes[i];
    return NULL;
}

/* Shows one structure at *at, which moves behind it. Returns 0, or -EFAULT when it cannot be read.
 */
static int add_fields(struct line *line, const char *fields, uint64_t *at)
{
    uint64_t start = *at;
    int many = fields[1] != 0;
    size_t length = line->length;
    if (many)
        add(line, "{");
    for (const char *field = fields; *field; field++) {
        size_t size = *field == 'h' ? 2 : *field == 'l' || *field == 'x' ? 8 : 4;
        uint64_t value = 0;
        *at = start + ((*at - start + size - 1) & ~(size - 1));
        if (fetch(&value, *at, size)) {
            line->length = length;
            return -EFAULT;
        }
        *at += size;
        if (field != fields)
            add(line, ", ");
        if (*field == 'i')
            add(line, "%d", (int)value);
        else if (*field == 'l')
            add(line, "%ld", (long)value);
        else if (*field == 'u')
            add(line, "%lu", value);
        else
            add(line, "%#lx", value);
    }
    if (many)
        add(line, "}");
    return 0;
}

/* An iovec with what it stands for. */
static int add_range(struct line *line, uint64_t *at)
{
    uint64_t range[2];
    if (fetch(range, *at, sizeof range))
        return -EFAULT;
    *at += sizeof range;
    add(line, "{");
    add_buffer(line, range[0], range[1]);
    add(line, ", %lu}", range[1]);
    return 0;
}

static void add_structures(struct line *line, const char *type,
                           uint64_t at, uint64_t count, int array)
{
    const struct shape *shape = shape_of(type);
    uint64_t start = at;
    size_t length = line->length;
    if (!shape || !at) {
        add_address(line, at);
        return;
    }
    if (array)
        add(line, "[");
    for (uint64_t i = 0; i < count && i < SHOWN_ELEMENTS; i++) {
        int error = 0;
        if (i)
            add(line, ", ");
        if (strcmp(type, "iovec"))
            error = add_fields(line, shape->fields, &at);
        else
            error = add_range(line, &at);
        if (error) {
            line->length = length;
            add_address(line, start);
            return;
        }
    }
    if (array)
        add(line, "%s]", count > SHOWN_ELEMENTS ? ", ..." : "");
}

/* One argument's words in calls.def, cut up: name:kind. */
struct word {
    char name[32], kind[64];
};

/* Takes the next word of a description. Returns 0 at its end. */
static int next_word(const char **description, struct word *word)
{
    while (**description == ' ')
        ++*description;
    size_t length = strcspn(*description, " "), name = strcspn(*description, ":");
    if (!length || name >= sizeof word->name || length - name >= sizeof word->kind)
        return 0;
    snprintf(word->name, sizeof word->name, "%.*s", (int)name, *description);
    snprintf(word->kind, sizeof word->kind, "%.*s", (int)(length - name - 1),
             *description + name + 1);
    *description += length;
    return 1;
}

/* The value of a number or of the argument with that name. */
static uint64_t operand(const char *description, const uint64_t *args, const char *text,
                        size_t length)
{
    struct word word;
    if (length && isdigit((unsigned char)*text))
        return strtoul(text, NULL, 10);
    for (int i = 0; i < 6 && next_word(&description, &word); i++)
        if (strlen(word.name) == length && !strncmp(word.name, text, length))
            return args[i];
    return 0;
}

/* The count in the brackets of a kind: A, A*B or A/B. */
static uint64_t count_of(const char *description, const uint64_t *args, const char *brackets)
{
    size_t first = strcspn(brackets, "*/]");
    uint64_t value = operand(description, args, brackets, first);
    if (brackets[first] == ']')
        return value;
    const char *rest = brackets + first + 1;
    uint64_t other = operand(description, args, rest, strcspn(rest, "]"));
    return brackets[first] == '*' ? value * other : other ? value / other : 0;
}

/* in…, out…, inout…: memory. */
static void add_memory(struct line *line, const struct trace_call *call,
                       const char *description, const char *kind, uint64_t value)
{
    int out = kind[0] == 'o';
    char type[32] = "";
    size_t direction = strcspn(kind, ":[");
    const char *brackets = strchr(kind, '[');
    if (kind[direction] == ':')
        snprintf(type, sizeof type, "%.*s", (int)strcspn(kind + direction + 1, "[?"),
                 kind + direction + 1);
    uint64_t count = brackets ? count_of(description, call->args, brackets + 1) : 1;
    if (out && call->result < 0) {
        add_address(line, value);
    } else if (*type) {
        if (out && brackets && call->result >= 0 && (uint64_t)call->result < count &&
            !isdigit((unsigned char)brackets[1]))
            count = (uint64_t)call->result;
        add_structures(line, type, value, count, brackets != NULL);
    } else {
        if (out && (uint64_t)call->result < count)
            count = (uint64_t)call->result;
        add_buffer(line, value, count);
    }
}

static void add_argument(struct line *line, const struct trace_call *call,
                         const char *description, const char *kind, uint64_t value)
{
    static struct trace_answer text;
    char set[32];
    if (!strncmp(kind, "path", 4) || !strncmp(kind, "string", 6)) {
        long length = value ? peek(&text, value, TRACE_BYTES, 1) : -EFAULT;
        if (length < 0)
            add_address(line, value);
        else
            add_quoted(line, text.bytes, (size_t)length, 0);
    } else if (!strncmp(kind, "in", 2) && strcmp(kind, "int")) {
        add_memory(line, call, description, kind, value);
    } else if (!strncmp(kind, "out", 3)) {
        add_memory(line, call, description, kind, value);
    } else if (sscanf(kind, "flags(%31[A-Za-z_])", set) == 1) {
        add_constants(line, set, value, 1);
    } else if (sscanf(kind, "command(%31[A-Za-z_])", set) == 1) {
        add_constants(line, set, (uint32_t)value, 0);
    } else if (!strcmp(kind, "clock")) {
        add_constants(line, "CLOCK", (uint32_t)value, 0);
    } else if (!strcmp(kind, "signal")) {
        const char *name = constant_name("SIGNAL", value);
        if (name)
            add(line, "%s", name);
        else
            add(line, "%d", (int)value);
    } else if (!strcmp(kind, "dirfd") && (int)value == AT_FDCWD) {
        add(line, "AT_FDCWD");
    } else if (!strcmp(kind, "mode")) {
        add(line, "%#o", (unsigned)value);
    } else if (!strcmp(kind, "address")) {
        add_address(line, value);
    } else if (!strcmp(kind, "size") || !strcmp(kind, "uint")) {
        add(line, "%lu", value);
    } else if (!strcmp(kind, "offset")) {
        add(line, "%ld", (long)value);
    } else {
        add(line, "%d", (int)value);
    }
}

static void add_result(struct line *line, const struct trace_call *call)
{
    int number = call->number;
    long result = call->result;
    const char *error = result < 0 ? constant_name("E", (uint64_t)-result) : NULL;
    if (call->begins)
        add(line, " = ?");
    else if (error)
        add(line, " = -1 %s (%s)", error, strerror((int)-result));
    else if (result < 0 && result > -4096)
        add(line, " = ? (interrupted)");
    else if (number == SYS_mmap || number == SYS_brk || number == SYS_mremap)
        add(line, " = %#lx", result);
    else
        add(line, " = %ld", result);
}

/* Writes the line out and empties it. */
static void put(struct line *line)
{
    for (size_t done = 0; done < line->length;) {
        ssize_t written = write(STDERR_FILENO, line->text + done, line->length - done);
        if (written < 0 && errno != EINTR)
            break;
        done += written > 0 ? (size_t)written : 0;
    }
    line->length = 0;
}

static void print(const struct trace_call *call)
{
    static struct line line;
    int number = call->number, known = number >= 0 && (size_t)number < CALLS && calls[number].name;
    const char *description = known ? calls[number].arguments : NULL, *at = description;
    struct word word;
    line.length = 0;
    if (call->tid != 1)
        add(&line, "[%d] ", call->tid);
    if (known)
        add(&line, "%s(", calls[number].name);
    else
        add(&line, "call %d(", number);
    for (int i = 0; description && i < 6 && next_word(&at, &word); i++) {
        if (i)
            add(&line, ", ");
        add_argument(&line, call, description, word.kind, call->args[i]);
    }
    for (int i = 0; !description && i < 6; i++)
        add(&line, "%s%#lx", i ? ", " : "", call->args[i]);
    add(&line, ")");
    add_result(&line, call);
    line.text[line.length++] = '\n';
    put(&line);
}

/* The busiest counter that costs less than the last one shown, ties in order of number; -1 at the
 * end. */
static int next_counter(const struct stats *stats, uint64_t below_ticks, int after)
{
    int best = -1;
    for (int number = 0; number < STATS_CALLS; number++) {
        const struct stats_counter *counter = &stats->counters[number];
        int later =
            counter->ticks < below_ticks || (counter->ticks == below_ticks && number > after);
        if (counter->calls && later && (best < 0 || counter->ticks > stats->counters[best].ticks))
            best = number;
    }
    return best;
}

static void print_stats(const struct stats *stats)
{
    static struct line line;
    uint64_t microseconds = stats->nanoseconds / 1000;
    uint64_t per_microsecond = microseconds ? stats->ticks / microseconds : 0;
    uint64_t calls_made = 0, errors = 0, all_ticks = 0, below = UINT64_MAX;
    if (!per_microsecond)
        per_microsecond = 1;
    add(&line, "%12s %9s %10s %9s  call\n", "microseconds", "ns/call", "calls", "errors");
    put(&line);
    for (int number = next_counter(stats, below, -1); number >= 0;
         number = next_counter(stats, below, number)) {
        const struct stats_counter *counter = &stats->counters[number];
        below = counter->ticks;
        add(&line, "%12lu %9lu %10lu %9lu  ", below / per_microsecond,
            below * 1000 / per_microsecond / counter->calls, counter->calls, counter->errors);
        if ((size_t)number < CALLS && calls[number].name)
            add(&line, "%s\n", calls[number].name);
        else
            add(&line, "call %d\n", number);
        put(&line);
        calls_made += counter->calls;
        errors += counter->errors;
        all_ticks += below;
    }
    add(&line, "%12lu %9s %10lu %9lu  in all\n", all_ticks / per_microsecond, "", calls_made, errors);
    add(&line, "elapsed %lu.%06lu s, user %lu.%06lu s, system %lu.%06lu s, ", microseconds / 1000000,
        microseconds % 1000000, stats->user / 1000000, stats->user % 1000000,
        stats->system / 1000000, stats->system % 1000000);
    add(&line, "at most %lu KiB of memory\n", stats->memory);
    put(&line);
    add(&line, "processes %lu, at most %lu at once\n", stats->processes, stats->processes_most);
    put(&line);
}

/* Reads one `size` long. Returns whether it came. */
static int take(void *to, size_t size)
{
    size_t done = 0;
    for (ssize_t got; done < size; done += (size_t)got)
        if ((got = read(STDIN_FILENO, (char *)to + done, size - done)) <= 0)
            break;
    return done == size;
}

int main(int argc, char **argv)
{
    static struct stats stats;
    struct trace_call call;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)) {
        fprintf(stderr, "lind-trace: cannot confine itself: %s\n", strerror(errno));
        return 1;
    }
    if (argc > 1 && !strcmp(argv[1], "--stats") && take(&stats, sizeof stats))
        print_stats(&stats);
    while (take(&call, sizeof call)) {
        print(&call);
        ask(0, 0, 0);
    }
    end();
}
