/* ioctl(2) on pseudo-terminals (ioctl_tty(2), pty(7)). What is not here, a slave or master does not
 * know: above all nothing puts input into a terminal but its master (TIOCSTI). Not HOT. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/terminal.h"
#include "microvisor/signal/signal.h"

#define TERMIOS_SIZE 36 /* the kernel's struct termios: the first fields of struct termios2 */

/* Speeds by the bits of CBAUD without CBAUDEX, from 0; with it, from 16 on. */
static uint32_t speed_of(tcflag_t bits)
{
    static const uint32_t speeds[] = {0,       50,      75,      110,     134,     150,     200,
                                      300,     600,     1200,    1800,    2400,    4800,    9600,
                                      19200,   38400,   0,       57600,   115200,  230400,  460800,
                                      500000,  576000,  921600,  1000000, 1152000, 1500000, 2000000,
                                      2500000, 3000000, 3500000, 4000000};
    return speeds[(bits & 017) + (bits & CBAUDEX ? 16 : 0)];
}

/* System V's struct termio: the low halves of the flags, and the first control characters. */
struct old_settings {
    uint16_t iflag, oflag, cflag, lflag;
    uint8_t line, characters[8];
};
_Static_assert(sizeof(struct old_settings) == 18, "the kernel's struct termio");

static void merge_old(struct termios2 *settings, const struct old_settings *old)
{
    settings->c_iflag = (settings->c_iflag & 0xffff0000) | old->iflag;
    settings->c_oflag = (settings->c_oflag & 0xffff0000) | old->oflag;
    settings->c_cflag = (settings->c_cflag & 0xffff0000) | old->cflag;
    settings->c_lflag = (settings->c_lflag & 0xffff0000) | old->lflag;
    settings->c_line = old->line;
    memcpy(settings->c_cc, old->characters, sizeof old->characters);
}

/* TCGETA. */
static long get_old_settings(struct task *task, struct terminal *terminal, uint64_t argument)
{
    struct old_settings old = {0};
    lock_acquire(&terminal->lock);
    const struct termios2 *settings = &terminal->settings;
    old.iflag = (uint16_t)settings->c_iflag;
    old.oflag = (uint16_t)settings->c_oflag;
    old.cflag = (uint16_t)settings->c_cflag;
    old.lflag = (uint16_t)settings->c_lflag;
    old.line = settings->c_line;
    memcpy(old.characters, settings->c_cc, sizeof old.characters);
    lock_release(&terminal->lock);
    return task_copyout(task, argument, &old, sizeof old);
}

/* TCSETS and its kin; TCSETA and its, of the size of struct old_settings. */
static long set_settings(struct task *task, struct terminal *terminal, uint64_t argument,
                         size_t size, int flush)
{
    struct termios2 new, old;
    struct old_settings part;
    int is_part = size == sizeof part;
    long result = terminal_check(task, terminal, SIGTTOU);
    if (result)
        return result;
    lock_acquire(&terminal->lock);
    new = terminal->settings;
    lock_release(&terminal->lock);
    if (task_copyin(task, is_part ? (void *)&part : &new, argument, size))
        return -EFAULT;
    if (is_part)
        merge_old(&new, &part);
    new.c_cflag = (new.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8 | CREAD;
    if (size <= TERMIOS_SIZE || (new.c_cflag &CBAUD) != BOTHER)
        new.c_ospeed = new.c_ispeed = speed_of(new.c_cflag);
    lock_acquire(&terminal->lock);
    if (flush)
        line_flush(terminal);
    old = terminal->settings;
    terminal->settings = new;
    line_changed(terminal, &old);
    lock_release(&terminal->lock);
    return 0;
}

static long get_settings(struct task *task, struct terminal *terminal, uint64_t argument,
                         size_t size)
{
    lock_acquire(&terminal->lock);
    struct termios2 settings = terminal->settings;
    lock_release(&terminal->lock);
    return task_copyout(task, argument, &settings, size);
}

static long window(struct task *task, struct terminal *terminal, uint64_t argument, int set)
{
    struct winsize new;
    if (set && task_copyin(task, &new, argument, sizeof new))
        return -EFAULT;
    lock_acquire(&terminal->lock);
    int changed = set && memcmp(&new, &terminal->window, sizeof new) != 0;
    if (changed)
        terminal->window = new;
    new = terminal->window;
    lock_release(&terminal->lock);
    if (changed)
        terminal_signal(terminal, SIGWINCH);
    return set ? 0 : task_copyout(task, argument, &new, sizeof new);
}

/* tcflow(3): of the slave's output, or by a byte to the other side. */
static long flow(struct task *task, struct terminal *terminal, uint64_t action)
{
    long result = terminal_check(task, terminal, SIGTTOU);
    if (result)
        return result;
    LOCKED(&terminal->lock);
    const uint8_t *characters = terminal->settings.c_cc;
    switch (action) {
    case TCOOFF:
        line_stop(terminal);
        terminal->stopped_by_call = 1;
        break;
    case TCOON:
        if (terminal->stopped_by_call) {
            terminal->stopped_by_call = 0;
            line_start(terminal);
        }
        break;
    case TCIOFF:
    case TCION:
        if (characters[action == TCIOFF ? VSTOP : VSTART])
            output_put(terminal, characters[action == TCIOFF ? VSTOP : VSTART]);
        break;
    default:
        result = -EINVAL;
    }
    return result;
}

/* tcflush(3). What was written to the slave is with the master already. */
static long flush(struct task *task, struct terminal *terminal, enum side side, uint64_t what)
{
    long result = terminal_check(task, terminal, SIGTTOU);
    if (result)
        return result;
    if (what > TCIOFLUSH)
        return -EINVAL;
    LOCKED(&terminal->lock);
    if (side == MASTER && what != TCOFLUSH) {
        terminal->output_tail = terminal->output_head - terminal->held;
        wait_queue_announce(&terminal->queues[SLAVE], POLLOUT | POLLWRNORM);
    }
    if (side == SLAVE && what != TCOFLUSH)
        line_flush(terminal);
    if (side == SLAVE && what != TCIFLUSH)
        output_flush(terminal);
    return 0;
}

/* What little there is to know about a pair, and the right to open its slave. */
static long property(struct task *task, struct terminal *terminal, enum side side, uint32_t command,
                     uint64_t argument)
{
    int number = N_TTY;
    long result = 0;
    if (command == TIOCSETD) {
        result = terminal_check(task, terminal, SIGTTOU);
        if (!result && task_copyin(task, &number, argument, sizeof number))
            result = -EFAULT;
        return result ? result : number == N_TTY ? 0 : -EINVAL; /* the only discipline */
    }
    lock_acquire(&terminal->lock);
    if (command == TIOCEXCL || command == TIOCNXCL)
        terminal->exclusive[side] = command == TIOCEXCL;
    else if (command == TIOCGEXCL)
        number = terminal->exclusive[side];
    else if (command == TIOCGSOFTCAR)
        number = !!(terminal->settings.c_cflag & CLOCAL);
    else if (command == TIOCGDEV)
        number = (int)makedev(136, terminal->number);
    lock_release(&terminal->lock);
    return command == TIOCEXCL || command == TIOCNXCL
               ? 0
               : task_copyout(task, argument, &number, sizeof number);
}

/* Commands of masters alone. */
static long master_ioctl(struct task *task, struct file *file, uint32_t command, uint64_t argument)
{
    struct terminal *terminal = terminal_of(file);
    struct file *peer;
    int number = 0;
    long result = 0;
    switch (command) {
    case TIOCSPTLCK:
    case TIOCPKT:
        if (task_copyin(task, &number, argument, sizeof number))
            return -EFAULT;
        lock_acquire(&terminal->lock);
        if (command == TIOCSPTLCK) {
            terminal->locked = number != 0;
        } else if (terminal->packets != (number != 0)) {
            terminal->packets = number != 0;
            terminal->status = 0;
        }
        lock_release(&terminal->lock);
        return 0;
    case TIOCGPTLCK:
    case TIOCGPKT:
        lock_acquire(&terminal->lock);
        number = command == TIOCGPKT ? terminal->packets : terminal->locked;
        lock_release(&terminal->lock);
        break;
    case TIOCGPTN:
        number = (int)terminal->number;
        break;
    case TIOCSIG:
        if (argument != SIGINT && argument != SIGQUIT && argument != SIGTSTP)
            return -EINVAL;
        terminal_signal(terminal, (int)argument);
        return 0;
    case TIOCGPTPEER:
        result = pty_open_peer(task, terminal, (int)argument, &peer);
        if (result)
            return result;
        peer->mount = file->mount;
        return descriptor_install(task, peer, ((int)argument & O_CLOEXEC) != 0);
    default:
        return -ENOTTY;
    }
    return task_copyout(task, argument, &number, sizeof number);
}

long pty_ioctl(struct task *task, struct file *file, uint32_t command, uint64_t argument)
{
    struct terminal *terminal = terminal_of(file);
    enum side side = side_of(file);
    int number = 0;
    lock_acquire(&terminal->lock);
    int hung_up = side == SLAVE && !terminal->masters;
    lock_release(&terminal->lock);
    if (hung_up)
        return command == TIOCSPGRP ? -ENOTTY : -EIO;
    switch (command) {
    case TCGETS:
    case TCGETS2:
        return get_settings(task, terminal, argument,
                            command == TCGETS ? TERMIOS_SIZE : sizeof(struct termios2));
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return set_settings(task, terminal, argument, TERMIOS_SIZE, command == TCSETSF);
    case TCGETA:
        return get_old_settings(task, terminal, argument);
    case TCSETA:
    case TCSETAW:
    case TCSETAF:
        return set_settings(task, terminal, argument, sizeof(struct old_settings),
                            command == TCSETAF);
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return set_settings(task, terminal, argument, sizeof(struct termios2), command == TCSETSF2);
    case TIOCGWINSZ:
    case TIOCSWINSZ:
        return window(task, terminal, argument, command == TIOCSWINSZ);
    case FIONREAD:
        lock_acquire(&terminal->lock);
        number = side == SLAVE ? line_count(terminal) : (int)output_count(terminal);
        lock_release(&terminal->lock);
        return task_copyout(task, argument, &number, sizeof number);
    case TIOCOUTQ: /* all that was written has arrived */
        return task_copyout(task, argument, &number, sizeof number);
    case TCSBRK:
    case TCSBRKP:
    case TIOCSBRK:
    case TIOCCBRK: /* there is no line that could be broken */
        return terminal_check(task, terminal, SIGTTOU);
    case TIOCEXCL:
    case TIOCNXCL:
    case TIOCGEXCL:
    case TIOCGETD:
    case TIOCSETD:
    case TIOCGDEV:
    case TIOCGSOFTCAR:
        return property(task, terminal, side, command, argument);
    case TCXONC:
        return flow(task, terminal, argument);
    case TCFLSH:
        return flush(task, terminal, side, argument);
    case TIOCSTI:
        return -EIO;
    case TIOCSCTTY:
    case TIOCNOTTY:
    case TIOCSPGRP:
    case TIOCGPGRP:
    case TIOCGSID:
        return terminal_job_ioctl(task, terminal, side, command, argument);
    }
    return side == MASTER ? master_ioctl(task, file, command, argument) : -ENOTTY;
}
