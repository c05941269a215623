#include "microvisor/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "microvisor/calls.h"
#include "microvisor/proc/helper.h"
#include "microvisor/process.h"
#include "rt/host.h"

/* What a wrapped entry's data is. */
struct traced {
    struct handler original;
    int number;
};

/* The socket to lind-trace, -1 once that has ended. One call is told at a time, under tell_lock: a
 * leaf lock; nothing is called with it held that takes another. */
static int printer = -1;
static struct lock tell_lock;

/* Whether a whole message was sent or received. */
static int moved(long number, void *message, size_t size)
{
    long result;
    do
        result = host_call3(number, printer, message, size);
    while (result == -EINTR);
    return result == (long)size;
}

/* Answers questions until the line is printed. Returns 0 when lind-trace does not go on. */
static int answer_all(struct thread *thread)
{
    static struct trace_answer answer; /* under tell_lock */
    struct trace_question question;
    while (moved(SYS_read, &question, sizeof question)) {
        if (!question.length)
            return 1;
        if (question.length > TRACE_BYTES)
            return 0;
        answer.result = question.string
                            ? copyinstr(thread, answer.bytes, question.offset, question.length)
                            : copyin(thread, answer.bytes, question.offset, question.length);
        size_t size = answer.result < 0 ? 0
                      : question.string ? (size_t)answer.result + 1
                                        : question.length;
        if (!moved(SYS_write, &answer, offsetof(struct trace_answer, bytes) + size))
            return 0;
    }
    return 0;
}

/* The cold half: a struct trace_call, which begins with args, is what handler_cold passes on. */
static long tell(struct thread *thread, const uint64_t *call)
{
    LOCKED(&tell_lock);
    if (printer >= 0 && (!moved(SYS_write, (void *)(uintptr_t)call, sizeof(struct trace_call)) ||
                         !answer_all(thread))) {
        dprintf(STDERR_FILENO, "lind-run: --trace: lind-trace has ended\n");
        close(printer);
        printer = -1;
    }
    return 0;
}

/* The hot half, in place of the table's entry. Not instrumented by sanitizers: it runs with the
 * cage's vector registers. */
NO_SANITIZER static long trace_handler(struct thread *thread, const uint64_t args[6], void *data)
{
    const struct traced *traced = data;
    struct trace_call call = {{args[0], args[1], args[2], args[3], args[4], args[5]},
                              .number = traced->number,
                              .tid = task_of(thread)->tid};
    if (traced->number == SYS_exit || traced->number == SYS_exit_group) {
        call.begins = 1;
        handler_cold(thread, call.args, (void *)(uintptr_t)tell);
    }
    if (traced->original.function)
        call.result = traced->original.function(thread, args, traced->original.data);
    else
        call.result = rt_upcalls.unknown ? rt_upcalls.unknown(thread, args) : -ENOSYS;
    handler_cold(thread, call.args, (void *)(uintptr_t)tell);
    return call.result;
}

/* Marks the calls whose names are in `what`. Returns 0, or -EINVAL with *unknown set. */
static int choose(const char *what, uint8_t wanted[CALL_COUNT], const char **unknown)
{
    for (size_t length; *what; what += length + (what[length] == ',')) {
        int number = 0;
        length = strcspn(what, ",");
        while (number < CALL_COUNT &&
               !(calls[number].name && strlen(calls[number].name) == length &&
                 !strncmp(calls[number].name, what, length)))
            number++;
        *unknown = what;
        if (number == CALL_COUNT)
            return -EINVAL;
        wanted[number] = 1;
    }
    return 0;
}

/* Starts lind-trace. It ends when lind-run's end of the socket is closed. */
static int start_printer(void)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return -errno;
    pid_t pid = helper_start("lind-trace", NULL, (const int[]){ends[1], -1, STDERR_FILENO}, 3);
    close(ends[1]);
    printer = ends[0];
    return pid < 0 ? -ENOENT : 0;
}

int trace_install(struct handler *table, const char *what, const char **unknown)
{
    uint8_t wanted[CALL_COUNT] = {0};
    if (!strcmp(what, "all"))
        memset(wanted, 1, sizeof wanted);
    else if (choose(what, wanted, unknown))
        return -EINVAL;
    struct traced *traced = calloc(HANDLER_TABLE_SIZE, sizeof *traced);
    if (!traced)
        return -ENOMEM;
    for (int number = 0; number < HANDLER_TABLE_SIZE; number++)
        if (wanted[number]) {
            traced[number] = (struct traced){table[number], number};
            table[number] = (struct handler){trace_handler, &traced[number]};
        }
    return start_printer();
}
