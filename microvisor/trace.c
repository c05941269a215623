#include "microvisor/trace.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "microvisor/calls.h"
#include "microvisor/process.h"
#include "microvisor/trace_names.h"
#include "rt/host.h"

/* Bytes of a buffer, and elements of an array, that are shown. */
enum { SHOWN_BYTES = 40, SHOWN_ELEMENTS = 4, PATH_BYTES = 4096, LINE_BYTES = 16384 };

/* What a wrapped entry's data is. */
struct traced {
    struct handler original;
    int number, fd;
};

/* A call on its way to the cold half. args comes first: this is what handler_cold passes on. */
struct event {
    uint64_t args[6];
    const struct traced *traced;
    long result;
    int begins; /* printed before the call is made, as it may not return */
};

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

static void add_buffer(struct line *line, const struct task *task, uint64_t at, uint64_t size)
{
    char bytes[SHOWN_BYTES];
    size_t shown = size < sizeof bytes ? size : sizeof bytes;
    if (!at || task_copyin(task, bytes, at, shown))
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
static int add_fields(struct line *line, const struct task *task, const char *fields, uint64_t *at)
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
        if (task_copyin(task, &value, *at, size)) {
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
static int add_range(struct line *line, const struct task *task, uint64_t *at)
{
    uint64_t range[2];
    if (task_copyin(task, range, *at, sizeof range))
        return -EFAULT;
    *at += sizeof range;
    add(line, "{");
    add_buffer(line, task, range[0], range[1]);
    add(line, ", %lu}", range[1]);
    return 0;
}

static void add_structures(struct line *line, const struct task *task, const char *type,
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
            error = add_fields(line, task, shape->fields, &at);
        else
            error = add_range(line, task, &at);
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
static void add_memory(struct line *line, const struct task *task, const struct event *event,
                       const char *description, const char *kind, uint64_t value)
{
    int out = kind[0] == 'o';
    char type[32] = "";
    size_t direction = strcspn(kind, ":[");
    const char *brackets = strchr(kind, '[');
    if (kind[direction] == ':')
        snprintf(type, sizeof type, "%.*s", (int)strcspn(kind + direction + 1, "[?"),
                 kind + direction + 1);
    uint64_t count = brackets ? count_of(description, event->args, brackets + 1) : 1;
    if (out && event->result < 0) {
        add_address(line, value);
    } else if (*type) {
        if (out && brackets && event->result >= 0 && (uint64_t)event->result < count &&
            !isdigit((unsigned char)brackets[1]))
            count = (uint64_t)event->result;
        add_structures(line, task, type, value, count, brackets != NULL);
    } else {
        if (out && (uint64_t)event->result < count)
            count = (uint64_t)event->result;
        add_buffer(line, task, value, count);
    }
}

static void add_argument(struct line *line, const struct task *task, const struct event *event,
                         const char *description, const char *kind, uint64_t value)
{
    static char text[PATH_BYTES]; /* under line_lock */
    char set[32];
    if (!strncmp(kind, "path", 4) || !strncmp(kind, "string", 6)) {
        long length = value ? copyinstr(&task->thread, text, value, sizeof text) : -EFAULT;
        if (length < 0)
            add_address(line, value);
        else
            add_quoted(line, text, (size_t)length, 0);
    } else if (!strncmp(kind, "in", 2) && strcmp(kind, "int")) {
        add_memory(line, task, event, description, kind, value);
    } else if (!strncmp(kind, "out", 3)) {
        add_memory(line, task, event, description, kind, value);
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

static void add_result(struct line *line, const struct event *event)
{
    int number = event->traced->number;
    long result = event->result;
    const char *error = result < 0 ? constant_name("E", (uint64_t)-result) : NULL;
    if (event->begins)
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

/* One line is made at a time. Leaf lock; nothing is called with it held that takes another. */
static struct lock line_lock;

/* The cold half: struct event is what handler_cold passes as args. */
static long print(struct thread *thread, const uint64_t *args)
{
    static struct line line; /* under line_lock */
    const struct event *event = (const struct event *)args;
    struct task *task = task_of(thread);
    int number = event->traced->number;
    const char *description = calls[number].arguments, *at = description;
    struct word word;
    lock_acquire(&line_lock);
    line.length = 0;
    if (task->tid != 1)
        add(&line, "[%d] ", task->tid);
    if (calls[number].name)
        add(&line, "%s(", calls[number].name);
    else
        add(&line, "call %d(", number);
    for (int i = 0; description && i < 6 && next_word(&at, &word); i++) {
        if (i)
            add(&line, ", ");
        add_argument(&line, task, event, description, word.kind, event->args[i]);
    }
    for (int i = 0; !description && i < 6; i++)
        add(&line, "%s%#lx", i ? ", " : "", event->args[i]);
    add(&line, ")");
    add_result(&line, event);
    line.text[line.length++] = '\n';
    for (size_t done = 0; done < line.length;) {
        ssize_t written = write(event->traced->fd, line.text + done, line.length - done);
        if (written < 0 && errno != EINTR)
            break;
        done += written > 0 ? (size_t)written : 0;
    }
    lock_release(&line_lock);
    return 0;
}

/* The hot half, in place of the table's entry. Not instrumented by sanitizers: it runs with the
 * cage's %fs. */
NO_SANITIZER static long
trace_handler(struct thread *thread, const uint64_t args[6], void *data)
{
    const struct traced *traced = data;
    struct event event = {{args[0], args[1], args[2], args[3], args[4], args[5]}, traced, 0, 0};
    if (traced->number == SYS_exit || traced->number == SYS_exit_group) {
        event.begins = 1;
        handler_cold(thread, event.args, (void *)(uintptr_t)print);
    }
    if (traced->original.function)
        event.result = traced->original.function(thread, args, traced->original.data);
    else
        event.result = rt_upcalls.unknown ? rt_upcalls.unknown(thread, args) : -ENOSYS;
    handler_cold(thread, event.args, (void *)(uintptr_t)print);
    return event.result;
}

static int is_named(const char *what, const char *name)
{
    size_t length = strlen(name);
    for (; *what; what += strcspn(what, ","), what += *what == ',')
        if (!strncmp(what, name, length) && (what[length] == ',' || !what[length]))
            return 1;
    return 0;
}

/* The first word of `what` that is no call, or NULL. */
static const char *unknown_name(const char *what)
{
    for (; *what; what += strcspn(what, ","), what += *what == ',') {
        size_t length = strcspn(what, ",");
        int found = 0;
        for (int number = 0; number < CALL_COUNT && !found; number++)
            found = calls[number].name && strlen(calls[number].name) == length &&
                    !strncmp(calls[number].name, what, length);
        if (!found)
            return what;
    }
    return NULL;
}

int trace_install(struct handler *table, const char *what, int fd, const char **unknown)
{
    int all = !strcmp(what, "all");
    *unknown = all ? NULL : unknown_name(what);
    if (*unknown)
        return -EINVAL;
    struct traced *traced = calloc(HANDLER_TABLE_SIZE, sizeof *traced);
    if (!traced)
        return -ENOMEM;
    for (int number = 0; number < HANDLER_TABLE_SIZE; number++) {
        if (!all && !(calls[number].name && is_named(what, calls[number].name)))
            continue;
        traced[number] = (struct traced){table[number], number, fd};
        table[number] = (struct handler){trace_handler, &traced[number]};
    }
    return 0;
}
