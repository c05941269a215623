/* ioctl(2): the commands of terminals, and the few that every description has. What is not in the
 * table never reaches the host (attack rows K6, K12): above all nothing that puts input into a
 * terminal (TIOCSTI) or drives the console. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "microvisor/calls.h"
#include "microvisor/fs/descriptors.h"
#include "microvisor/signal/signal.h"
#include "rt/copy.h"

#define TERMIOS_SIZE 36  /* the kernel's struct termios */
#define TERMIOS2_SIZE 44 /* and struct termios2 */
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
    {0x802c542a, OUT, TERMIOS2_SIZE}, /* TCGETS2 */
    {0x402c542b, IN, TERMIOS2_SIZE},  /* TCSETS2, TCSETSW2, TCSETSF2 */
    {0x402c542c, IN, TERMIOS2_SIZE},
    {0x402c542d, IN, TERMIOS2_SIZE},
    {TIOCGWINSZ, OUT, sizeof(struct winsize)},
    {TIOCSWINSZ, IN, sizeof(struct winsize)},
    {TIOCOUTQ, OUT, sizeof(int)},
    {FIONREAD, OUT, sizeof(int)},
    {TCSBRK, VALUE, 1},
    {TCSBRKP, VALUE, 100},
    {TCXONC, VALUE, 3},
    {TCFLSH, VALUE, 2},
};

static long host_ioctl(struct task *task, struct file *file, uint32_t command, uint64_t argument)
{
    long result = host_blocking6(task_pending(task), SYS_ioctl, (uint64_t)file->host_fd, command,
                                 argument, 0, 0, 0);
    return result == -EINTR ? signal_interrupted(task, RESTART_SYS) : result;
}

/* Process groups and sessions: the host's group of lind-run stands for the groups of its cages. */
#define NO_GROUP 4194303 /* some group that is none of ours */

static long terminal_group(struct task *task, struct file *file, uint32_t command,
                           uint64_t argument)
{
    int host, own = (int)host_call1(SYS_getpgid, 0), number;
    long result;
    if (command == TIOCSPGRP) {
        if (task_copyin(task, &number, argument, sizeof number))
            return -EFAULT;
        if (number < 0)
            return -EINVAL;
        if (number != task->process->group)
            return -EPERM;
        return host_ioctl(task, file, TIOCSPGRP, HOST_ARG(&own));
    }
    result = host_ioctl(task, file, command, HOST_ARG(&host));
    if (result)
        return result;
    number = command == TIOCGSID ? task->process->session
             : host == own       ? task->process->group
                                 : NO_GROUP;
    return task_copyout(task, argument, &number, sizeof number);
}

static long terminal_ioctl(struct task *task, struct file *file, uint32_t command,
                           uint64_t argument)
{
    uint64_t buffer[SIZE_MAX_HERE / 8];
    switch (command) {
    case TIOCGPGRP:
    case TIOCSPGRP:
    case TIOCGSID:
        return terminal_group(task, file, command, argument);
    case TIOCSCTTY: /* the session has its terminal already, or none at all */
        return -EPERM;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *known = &commands[i];
        if (known->number != command)
            continue;
        if (known->direction == VALUE)
            return argument <= known->size ? host_ioctl(task, file, command, argument) : -EINVAL;
        if (known->direction == IN && task_copyin(task, buffer, argument, known->size))
            return -EFAULT;
        long result = host_ioctl(task, file, command, HOST_ARG(buffer));
        if (!result && known->direction == OUT && task_copyout(task, argument, buffer, known->size))
            result = -EFAULT;
        return result;
    }
    return -ENOTTY;
}

static long set_nonblock(struct task *task, uint64_t fd, int on)
{
    const uint64_t get[6] = {fd, F_GETFL};
    long flags = call_fcntl(task, get);
    if (flags < 0)
        return flags;
    const uint64_t set[6] = {fd, F_SETFL,
                             (uint64_t)(on ? flags | O_NONBLOCK : flags & ~(long)O_NONBLOCK)};
    return call_fcntl(task, set);
}

static long file_ioctl(struct task *task, struct file *file, const uint64_t args[6])
{
    uint32_t command = (uint32_t)args[1];
    int value = 0;
    if (file_flags(file) & O_PATH)
        return -EBADF;
    switch (command) {
    case FIOCLEX:
    case FIONCLEX: {
        const uint64_t set[6] = {args[0], F_SETFD, command == FIOCLEX ? FD_CLOEXEC : 0};
        return call_fcntl(task, set);
    }
    case FIONBIO:
        if (task_copyin(task, &value, args[2], sizeof value))
            return -EFAULT;
        return set_nonblock(task, args[0], value);
    case FIOASYNC: /* SIGIO is never sent */
        if (task_copyin(task, &value, args[2], sizeof value))
            return -EFAULT;
        return value ? -ENOTTY : 0;
    }
    if (file->operations->ioctl)
        return file->operations->ioctl(task, file, command, args[2]);
    if (file->kind == FILE_TERMINAL)
        return terminal_ioctl(task, file, command, args[2]);
    if (command == FIONREAD && (file->kind == FILE_REGULAR || file->kind == FILE_STREAM)) {
        long result = host_ioctl(task, file, command, HOST_ARG(&value));
        return result ? result : task_copyout(task, args[2], &value, sizeof value);
    }
    return -ENOTTY;
}

long call_ioctl(struct task *task, const uint64_t args[6])
{
    struct file *file = descriptor_get(task, args[0]);
    if (!file)
        return -EBADF;
    long result = file_ioctl(task, file, args);
    descriptor_put(task, file);
    return result;
}
