/* Processes, temporary files and signals of lind-cc. */
#include "lind-cc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static struct {
    bool verbose, dry_run;
    char directory[4096]; /* private, empty string until something temporary is needed */
    struct list files;
    size_t named; /* names given out; differs from files.count in a dry run */
    volatile pid_t child; /* what a caught signal is passed on to */
} jobs;

void jobs_configure(bool verbose, bool dry_run)
{
    jobs.verbose = verbose || dry_run;
    jobs.dry_run = dry_run;
}

void jobs_clean(void)
{
    for (size_t i = 0; i < jobs.files.count; i++) {
        unlink(jobs.files.items[i]);
    }
    if (jobs.directory[0]) {
        rmdir(jobs.directory);
    }
    jobs.files.count = 0;
    jobs.directory[0] = 0;
}

/* Only calls that are safe in a signal handler: unlink, rmdir, kill, waitpid, signal, raise. The
 * child ends first: it removes its own temporary files, which are in our directory. */
static void on_signal(int signal_number)
{
    if (jobs.child > 0) {
        kill(jobs.child, signal_number);
        waitpid(jobs.child, NULL, 0);
    }
    jobs_clean();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void catch_signals(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGPIPE, SIGTERM};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction old;
        sigaction(signals[i], NULL, &old);
        if (old.sa_handler != SIG_IGN) {
            struct sigaction action = {.sa_handler = on_signal};
            sigaction(signals[i], &action, NULL);
        }
    }
}

char *jobs_temporary(const char *stem, const char *suffix)
{
    if (jobs.dry_run) {
        return text_format("/tmp/lind-cc-XXXXXX/%s-%zu%s", stem, jobs.named++, suffix);
    }
    if (!jobs.directory[0]) {
        const char *parent = getenv("TMPDIR");
        if (!parent || !*parent) {
            parent = "/tmp";
        }
        char *directory = text_format("%s/lind-cc-XXXXXX", parent);
        if (strlen(directory) >= sizeof jobs.directory) {
            fail("TMPDIR is too long");
        }
        catch_signals();
        atexit(jobs_clean);
        if (!mkdtemp(directory)) {
            fail("cannot make a temporary directory in '%s': %s", parent, strerror(errno));
        }
        strcpy(jobs.directory, directory);
    }
    char *path = text_format("%s/%s-%zu%s", jobs.directory, stem, jobs.named++, suffix);
    list_add(&jobs.files, path);
    return path;
}

static void print_command(const struct list *command)
{
    for (size_t i = 0; i < command->count; i++) {
        fprintf(stderr, " \"");
        for (const char *byte = command->items[i]; *byte; byte++) {
            if (strchr("\\\"$`", *byte)) {
                fputc('\\', stderr);
            }
            fputc(*byte, stderr);
        }
        fputc('"', stderr);
    }
    fputc('\n', stderr);
}

/* Starts a command with its standard error at `error_end`, or where ours is if that is negative. */
static pid_t start(const struct list *command, int error_end)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (error_end >= 0) {
        posix_spawn_file_actions_adddup2(&actions, error_end, 2);
    }
    fflush(NULL);
    pid_t child;
    int error = posix_spawn(&child, command->items[0], &actions, NULL, command->items, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error) {
        fail("cannot run '%s': %s", command->items[0], strerror(error));
    }
    jobs.child = child;
    return child;
}

static int finish(const struct list *command, pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            fail("cannot wait for '%s': %s", command->items[0], strerror(errno));
        }
    }
    jobs.child = 0;
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "lind-cc: error: %s was ended by signal %d (%s)\n",
                path_name(command->items[0]), WTERMSIG(status), strsignal(WTERMSIG(status)));
        return 128 + WTERMSIG(status);
    }
    return WEXITSTATUS(status);
}

int jobs_run(const struct list *command)
{
    if (jobs.verbose) {
        print_command(command);
    }
    return jobs.dry_run ? 0 : finish(command, start(command, -1));
}

int jobs_run_filtered(const struct list *command, void (*line)(const char *text))
{
    if (jobs.verbose) {
        print_command(command);
    }
    if (jobs.dry_run) {
        return 0;
    }
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) {
        fail("cannot make a pipe: %s", strerror(errno));
    }
    pid_t child = start(command, ends[1]);
    close(ends[1]);
    FILE *errors = fdopen(ends[0], "r");
    if (!errors) {
        fail("cannot read from a pipe: %s", strerror(errno));
    }
    char *text = NULL;
    size_t capacity = 0;
    while (getline(&text, &capacity, errors) >= 0) {
        line(text);
    }
    free(text);
    fclose(errors);
    return finish(command, child);
}

int jobs_finish(const struct list *command)
{
    if (jobs.dry_run || jobs.files.count) {
        return jobs_run(command);
    }
    if (jobs.verbose) {
        print_command(command);
    }
    fflush(NULL);
    execv(command->items[0], command->items);
    fail("cannot run '%s': %s", command->items[0], strerror(errno));
}
