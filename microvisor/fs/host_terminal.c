/* The host's terminal, for programs that lind-run is given it for. Its line discipline is the
 * host's; sessions and process groups are the microvisor's own, so job control works among cages:
 * the signals of the host's keyboard go to the foreground group (signal/host.c), and the host sees
 * one job, lind-run. ioctl commands that are not in the table never reach the host (attack rows K6,
 * K12): above all nothing that puts input into a terminal (TIOCSTI) or drives the console. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>

#include "microvisor/fs/dev.h"
#include "microvisor/fs/place.h"
#include "microvisor/fs/terminal.h"
#include "microvisor/proc/rights.h"
#include "microvisor/signal/signal.h"

#define TERMIOS_SIZE 36 /* the kernel's struct termios */
#define TERMIOS2_SIZE sizeof(struct termios2)
#define SIZE_MAX_HERE 64

enum direction { IN, OUT, VALUE };

/* What goes to a host terminal. */
static const struct command {
    uint32_t number;
    uint8_t direction, size; /* VALUE: size is the largest argument */
} commands[] = {
    {TCGETS, OUT, TERMIOS_SIZE},
    {TCSETS, IN, TERMIOS_SIZE},
    {TCSETSW, IN, TERMIOS_SIZE},
    {TCSETSF, IN, TERMIOS_SIZE},
    {TCGETS2, OUT, TERMIOS2_SIZE},
    {TCSETS2, IN, TERMIOS2_SIZE},
    {TCSETSW2, IN, TERMIOS2_SIZE},
    {TCSETSF2, IN, TERMIOS2_SIZE},
    {TIOCGWINSZ, OUT, sizeof(struct winsize)},
    {TIOCSWINSZ, IN, sizeof(struct winsize)},
    {TIOCOUTQ, OUT, sizeof(int)},
    {FIONREAD, OUT, sizeof(int)},
    {TCSBRK, VALUE, 1},
    {TCSBRKP, VALUE, 100},
    {TCXONC, VALUE, 3},
    {TCFLSH, VALUE, 2},
};

static struct terminal terminal = {.is_host = 1};

/* Its settings at the start, and those that programs gave it, as far as they did. Set under the
 * lock of `terminal`. */
static int host_fd = -1;
static dev_t host_device;
static struct termios2 at_start, at_leaving;
static int changed;

void host_terminal_start(struct process *first)
{
    int session;
    for (int fd = 0; fd < 3 && host_fd < 0; fd++)
        if (!host_call3(SYS_ioctl, fd, TCGETS2, &at_start) &&
            !host_call3(SYS_ioctl, fd, TIOCGSID, &session))
            host_fd = (int)host_call3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
    struct stat status = {0};
    if (host_fd < 0 || host_terminal_status(&status))
        return;
    host_device = status.st_rdev;
    first->terminal = &terminal;
    terminal.session = first->session;
    terminal.foreground = first->group;
}

/* Whether lind-run is the host's foreground job: else the terminal is another's to set. */
static int is_foreground_job(void)
{
    int group;
    return host_fd >= 0 && !host_call3(SYS_ioctl, host_fd, TIOCGPGRP, &group) &&
           group == host_call1(SYS_getpgid, 0);
}

void host_terminal_leave(void)
{
    if (!changed || !is_foreground_job())
        return;
    host_call3(SYS_ioctl, host_fd, TCGETS2, &at_leaving);
    host_call3(SYS_ioctl, host_fd, TCSETSW2, &at_start);
}

void host_terminal_return(void)
{
    if (changed && is_foreground_job())
        host_call3(SYS_ioctl, host_fd, TCSETSW2, &at_leaving);
}

int host_terminal_foreground(void)
{
    return terminal.foreground;
}

int host_terminal_exists(void)
{
    return host_fd >= 0;
}

int host_terminal_is(const struct stat *status)
{
    return host_fd >= 0 && S_ISCHR(status->st_mode) && status->st_rdev == host_device;
}

int host_terminal_status(struct stat *status)
{
    return (int)host_call2(SYS_fstat, host_fd, HOST_ARG(status));
}

int host_terminal_open(struct task *task, int flags, struct file **file)
{
    char path[40];
    path_of_host_fd(path, host_fd);
    long fd = host_call4(SYS_openat, AT_FDCWD, path,
                         (flags & (O_ACCMODE | O_NONBLOCK)) | O_CLOEXEC | O_NOCTTY, 0);
    return fd < 0 ? (int)fd : file_from_host((int)fd, NULL, file);
}

int host_terminal_open_own(struct task *task, int flags, struct file **file)
{
    int from = rights_own();
    int error = host_terminal_open(task, flags, file);
    rights_back(from);
    return error;
}

static long terminal_stat(struct task *task, struct file *file, struct stat *status)
{
    long error = host_call2(SYS_fstat, file->host_fd, HOST_ARG(status));
    return !error && host_terminal_is(status) ? dev_console_stat(task, status) : error;
}

static long terminal_read(struct task *task, struct file *file, const struct transfer *transfer)
{
    long result = terminal_check(task, &terminal, SIGTTIN);
    return result ? result : host_file_operations.read(task, file, transfer);
}

static long terminal_write(struct task *task, struct file *file, const struct transfer *transfer)
{
    struct termios2 settings;
    long result = 0;
    if (terminal_in_background(task, &terminal) &&
        !host_call3(SYS_ioctl, file->host_fd, TCGETS2, &settings) && settings.c_lflag & TOSTOP)
        result = terminal_check(task, &terminal, SIGTTOU);
    return result ? result : host_file_operations.write(task, file, transfer);
}

/* The group in the foreground, as long as lind-run is in the host's. */
#define NO_GROUP 4194303 /* some group that is none of ours */

static long foreground(struct task *task, uint64_t argument)
{
    const int nobody = NO_GROUP;
    return is_foreground_job() || task->process->terminal != &terminal
               ? terminal_job_ioctl(task, &terminal, SLAVE, TIOCGPGRP, argument)
               : task_copyout(task, argument, &nobody, sizeof nobody);
}

static long table_ioctl(struct task *task, struct file *file, const struct command *known,
                        uint64_t argument)
{
    uint64_t buffer[SIZE_MAX_HERE / 8];
    int changes =
        known->direction == VALUE || (known->direction == IN && known->number != TIOCSWINSZ);
    long result = changes ? terminal_check(task, &terminal, SIGTTOU) : 0;
    if (result)
        return result;
    if (known->direction == VALUE)
        return argument <= known->size ? host_file_ioctl(task, file, known->number, argument)
                                       : -EINVAL;
    if (known->direction == IN && task_copyin(task, buffer, argument, known->size))
        return -EFAULT;
    if (changes)
        changed = 1;
    result = host_file_ioctl(task, file, known->number, HOST_ARG(buffer));
    if (!result && known->direction == OUT)
        result = task_copyout(task, argument, buffer, known->size);
    return result;
}

static long terminal_ioctl(struct task *task, struct file *file, uint32_t command,
                           uint64_t argument)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (commands[i].number == command)
            return table_ioctl(task, file, &commands[i], argument);
    return command == TIOCGPGRP ? foreground(task, argument)
                                : terminal_job_ioctl(task, &terminal, SLAVE, command, argument);
}

static long terminal_seek(struct task *task, struct file *file, int64_t offset, int whence)
{
    return -ESPIPE;
}

const struct file_operations host_terminal_operations = {
    .read = terminal_read,
    .write = terminal_write,
    .seek = terminal_seek,
    .stat = terminal_stat,
    .ioctl = terminal_ioctl,
};
