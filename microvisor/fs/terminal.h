/* Terminals: the line discipline (line.c), pseudo-terminals (pty.c, pty_ioctl.c), job control
 * (terminal.c), and the host's terminal (host_terminal.c), which has a line discipline of its own.
 * POSIX.1-2017 XBD 11; termios(3), ioctl_tty(2), pty(7); where these say nothing, as Linux does.
 *
 * A terminal's lock comes after the tree lock. Signals that a byte raises are therefore noted under
 * it and sent after its release (terminal_unlock). All of this is HOT, but for ioctl and open. */
#ifndef LIND_FS_TERMINAL_H
#define LIND_FS_TERMINAL_H

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <sys/ioctl.h>

#include "microvisor/fs/file.h"
#include "microvisor/fs/permissions.h"
#include "microvisor/fs/wait.h"

#define TERMINAL_RING 16384  /* bytes of each ring, a power of two */
#define TERMINAL_LINE 4096   /* most bytes of a line with its end */
#define TERMINAL_NUMBERS 256 /* pseudo-terminals at a time */

/* The sides of a pseudo-terminal: index in terminal.queues, and the low bit of file.data. */
enum side { SLAVE, MASTER };

struct node_change; /* place.h */

struct terminal {
    /* Under the tree lock: ids, 0 for none. */
    int session;    /* whose controlling terminal it is */
    int foreground; /* its foreground process group */
    int is_host;    /* the fields below are unused */

    struct lock lock;               /* of all below */
    uint32_t number;                /* N of /dev/pts/N */
    struct permissions permissions; /* of the slave; under numbers_lock */
    uint32_t masters, slaves;       /* open descriptions */
    int slaves_gone;                /* there were some, and there are none */
    int locked;                     /* TIOCSPTLCK */
    int packets;                    /* TIOCPKT */
    int exclusive[2];               /* TIOCEXCL, by side: that of the slave counts */
    uint8_t status;                 /* TIOCPKT_* bits that the master has not read yet */
    struct termios2 settings;
    struct winsize window;
    struct wait_queue queues[2]; /* by side: for all that may change for it */
    uint64_t raised;             /* signals for the foreground group, sent by terminal_unlock */

    /* What the master wrote and the slave has not read. Positions only grow. */
    uint8_t *input;                         /* TERMINAL_RING bytes, then those of output */
    uint64_t ends[TERMINAL_RING / 64];      /* bit of each byte: a line ends with it */
    uint64_t input_tail, lines, input_head; /* read to; end of the last whole line; written to */
    int literal;                            /* VLNEXT came: the next byte is data */
    int erasing; /* with ECHOPRT: a backslash and erased bytes were echoed, no slash yet */

    /* What was written to the slave, and echoes, that the master has not read. */
    uint8_t *output;
    uint64_t output_tail, output_head;
    uint64_t held;                /* echoes at the end that wait while output is stopped */
    int stopped, stopped_by_call; /* by VSTOP or TCOOFF; by TCOOFF */
    uint32_t column, line_column; /* of the cursor; where the line that is being typed began */
};

/* line.c, with the terminal's lock held */

void line_defaults(struct terminal *terminal);

/* A byte from the master. Returns 0 when there is no room for it. */
int line_receive(struct terminal *terminal, uint8_t byte);
int line_has_room(const struct terminal *terminal);

/* A byte from a writer. Returns 0 when it cannot be taken now. */
int line_write(struct terminal *terminal, uint8_t byte);
int line_is_writable(const struct terminal *terminal);

/* Whether a reader has something to read; for poll, as much as VMIN asks for. */
int line_is_readable(const struct terminal *terminal, int poll);

/* Moves at most size bytes, no more than one line in canonical mode, and returns their number.
 * *ended is set at the end of a line. */
uint64_t line_read(struct terminal *terminal, uint8_t *bytes, uint64_t size, int *ended);

/* Bytes that a reader could have without waiting (FIONREAD). */
int line_count(const struct terminal *terminal);

/* Drops what was not read. */
void line_flush(struct terminal *terminal);

/* Stops and continues output. */
void line_stop(struct terminal *terminal);
void line_start(struct terminal *terminal);

/* settings were exchanged. */
void line_changed(struct terminal *terminal, const struct termios2 *old);

/* Bytes for the master. */
uint64_t output_count(const struct terminal *terminal);
uint64_t output_read(struct terminal *terminal, uint8_t *bytes, uint64_t size);
/* Drops what has not gone to the master: echoes that wait. */
void output_flush(struct terminal *terminal);
/* One byte that goes to the master as it is: TCIOFF, TCION. */
void output_put(struct terminal *terminal, uint8_t byte);

/* terminal.c: job control. Without locks, unless it says so. */

void terminal_unlock(struct terminal *terminal);

/* Before a background process reads (SIGTTIN), writes with TOSTOP, or changes settings (SIGTTOU):
 * 0 for who may, -EIO, or the code of an interrupted call with the signal sent to the caller's
 * group. */
long terminal_check(struct task *task, struct terminal *terminal, int signal);

/* Whether it is the caller's controlling terminal and another group's foreground. */
int terminal_in_background(struct task *task, const struct terminal *terminal);

/* open(2) without O_NOCTTY: becomes the controlling terminal of a session leader that has none. */
void terminal_opened(struct task *task, struct terminal *terminal);

/* TIOCSCTTY, TIOCNOTTY, TIOC[GS]PGRP, TIOCGSID. side: of the description. -ENOTTY for others. */
long terminal_job_ioctl(struct task *task, struct terminal *terminal, enum side side,
                        uint32_t command, uint64_t argument);

/* Sends to the foreground group, if there is one. */
void terminal_signal(struct terminal *terminal, int signal);

/* The last master is closed: the session loses its terminal. */
void terminal_hang_up(struct terminal *terminal);

/* A session's leader has ended. The tree lock is held. */
void terminal_leader_ended(struct process *leader);

/* pty.c */

extern const struct file_operations pty_operations;

static inline struct terminal *terminal_of(const struct file *file)
{
    return (struct terminal *)(file->data & ~1UL);
}

static inline enum side side_of(const struct file *file)
{
    return file->data & 1;
}

/* Opens a new pair's master; the slave of a pair by number; the caller's controlling terminal.
 * Return 0 or -errno: -EIO for a locked or hung-up one, -EBUSY for one with TIOCEXCL, unless it is
 * root's open, -ENOSPC, -ENXIO, -ENOMEM. */
int pty_open_master(struct task *task, int flags, struct file **file);
int pty_open_slave(struct task *task, uint32_t number, int flags, struct file **file);
int terminal_open_own(struct task *task, int flags, struct file **file);

/* The slave of a terminal that the caller holds open or has under the tree lock. */
int pty_open_peer(struct task *task, struct terminal *terminal, int flags, struct file **file);

/* The first existing number from `number` on, or -1. */
int pty_next(uint32_t number);

/* stat's answers about a slave by number, as far as they are its own. -ENOENT: it is gone. */
int pty_status(uint32_t number, struct stat *status);

/* chmod(2) and chown(2) of a slave by number. */
int pty_change(struct task *task, uint32_t number, const struct node_change *change);

/* pty_ioctl.c */
long pty_ioctl(struct task *task, struct file *file, uint32_t command, uint64_t argument);

/* host_terminal.c */

extern const struct file_operations host_terminal_operations;

/* Called once, before the first process runs: if one of its descriptors 0 to 2 is lind-run's
 * controlling terminal, it is its, too. */
void host_terminal_start(struct process *first);

/* Gives the host's terminal the settings it had at the start, when lind-run stops or ends, and
 * those that programs gave it, when lind-run goes on. */
void host_terminal_leave(void);
void host_terminal_return(void);

/* The group that keyboard signals of the host go to, 0 for none. The tree lock is held. */
int host_terminal_foreground(void);

/* The host's terminal is /dev/console, if lind-run has one: as what ttyname(3) gives it can be
 * opened by processes that have another controlling terminal, or none. */
int host_terminal_exists(void);

/* Whether the status, which the host gave, is its; its status, as the host gives it. */
int host_terminal_is(const struct stat *status);
int host_terminal_status(struct stat *status);

/* Opens it with the rights of the task; as its controlling terminal, whoever owns it. */
int host_terminal_open(struct task *task, int flags, struct file **file);
int host_terminal_open_own(struct task *task, int flags, struct file **file);

#endif
