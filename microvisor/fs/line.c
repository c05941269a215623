/* The line discipline: what happens to bytes between the two sides of a terminal (termios(3)). */
#include <poll.h>
#include <signal.h>

#include "microvisor/fs/terminal.h"
#include "microvisor/signal/signal.h"

#define READABLE (POLLIN | POLLRDNORM)
#define WRITABLE (POLLOUT | POLLWRNORM)
#define ECHO_ROOM 1024 /* of the output ring, that writers leave to echoes */
#define TAB 8

static int local(const struct terminal *terminal, tcflag_t flag)
{
    return (terminal->settings.c_lflag & flag) != 0;
}

static int input(const struct terminal *terminal, tcflag_t flag)
{
    return (terminal->settings.c_iflag & flag) != 0;
}

static int output(const struct terminal *terminal, tcflag_t flag)
{
    return (terminal->settings.c_oflag & flag) != 0;
}

/* Whether a byte is the control character number `index`; 0 disables one. */
static int is(const struct terminal *terminal, uint8_t byte, int index)
{
    return byte && byte == terminal->settings.c_cc[index];
}

static int is_control(uint8_t byte)
{
    return byte < ' ' || byte == 127;
}

static int is_continuation(const struct terminal *terminal, uint8_t byte)
{
    return input(terminal, IUTF8) && (byte & 0xc0) == 0x80;
}

static int is_letter(uint8_t byte)
{
    return (byte | 32) >= 'a' && (byte | 32) <= 'z';
}

void line_defaults(struct terminal *terminal)
{
    static const uint8_t characters[] = {
        [VINTR] = 3,      [VQUIT] = 034,   [VERASE] = 0177, [VKILL] = 025, [VEOF] = 4,
        [VMIN] = 1,       [VSTART] = 021,  [VSTOP] = 023,   [VSUSP] = 032, [VREPRINT] = 022,
        [VDISCARD] = 017, [VWERASE] = 027, [VLNEXT] = 026,
    };
    struct termios2 *settings = &terminal->settings;
    settings->c_iflag = ICRNL | IXON;
    settings->c_oflag = OPOST | ONLCR;
    settings->c_cflag = B38400 | CS8 | CREAD;
    settings->c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
    settings->c_ispeed = settings->c_ospeed = 38400;
    for (unsigned i = 0; i < sizeof characters; i++)
        settings->c_cc[i] = characters[i];
}

/* Output. */

static uint64_t output_used(const struct terminal *terminal)
{
    return terminal->output_head - terminal->output_tail;
}

void output_put(struct terminal *terminal, uint8_t byte)
{
    if (output_used(terminal) == TERMINAL_RING)
        return;
    terminal->output[terminal->output_head++ % TERMINAL_RING] = byte;
    if (terminal->stopped)
        terminal->held++;
    else
        wait_queue_announce(&terminal->queues[MASTER], READABLE);
}

uint64_t output_count(const struct terminal *terminal)
{
    return output_used(terminal) - terminal->held;
}

uint64_t output_read(struct terminal *terminal, uint8_t *bytes, uint64_t size)
{
    uint64_t count = output_count(terminal);
    if (count > size)
        count = size;
    for (uint64_t i = 0; i < count; i++)
        bytes[i] = terminal->output[terminal->output_tail++ % TERMINAL_RING];
    if (count)
        wait_queue_announce(&terminal->queues[SLAVE], WRITABLE);
    return count;
}

/* A byte with output processing. */
static void output_processed(struct terminal *terminal, uint8_t byte)
{
    uint32_t spaces = TAB - terminal->column % TAB;
    if (!output(terminal, OPOST)) {
        output_put(terminal, byte);
        return;
    }
    switch (byte) {
    case '\n':
        if (output(terminal, ONLRET | ONLCR))
            terminal->column = 0;
        if (output(terminal, ONLCR))
            output_put(terminal, '\r');
        terminal->line_column = terminal->column;
        break;
    case '\r':
        if (output(terminal, ONOCR) && !terminal->column)
            return;
        if (output(terminal, OCRNL))
            byte = '\n';
        if (byte == '\r' || output(terminal, ONLRET))
            terminal->column = 0;
        terminal->line_column = terminal->column;
        break;
    case '\t':
        terminal->column += spaces;
        if ((terminal->settings.c_oflag & TABDLY) != XTABS)
            break;
        while (spaces--)
            output_put(terminal, ' ');
        return;
    case '\b':
        terminal->column -= terminal->column > 0;
        break;
    default:
        if (output(terminal, OLCUC) && byte >= 'a' && byte <= 'z')
            byte -= 32;
        terminal->column += !is_control(byte) && !is_continuation(terminal, byte);
    }
    output_put(terminal, byte);
}

int line_is_writable(const struct terminal *terminal)
{
    return !terminal->stopped && output_used(terminal) < TERMINAL_RING - ECHO_ROOM;
}

int line_write(struct terminal *terminal, uint8_t byte)
{
    if (!line_is_writable(terminal))
        return 0;
    output_processed(terminal, byte);
    return 1;
}

static void set_status(struct terminal *terminal, uint8_t set, uint8_t clear)
{
    if (!terminal->packets)
        return;
    terminal->status = (uint8_t)((terminal->status & ~clear) | set);
    wait_queue_announce(&terminal->queues[MASTER], READABLE | POLLPRI);
}

void line_stop(struct terminal *terminal)
{
    if (terminal->stopped)
        return;
    terminal->stopped = 1;
    set_status(terminal, TIOCPKT_STOP, TIOCPKT_START);
}

void line_start(struct terminal *terminal)
{
    if (!terminal->stopped || terminal->stopped_by_call)
        return;
    terminal->stopped = 0;
    terminal->held = 0;
    set_status(terminal, TIOCPKT_START, TIOCPKT_STOP);
    wait_queue_announce(&terminal->queues[MASTER], READABLE);
    wait_queue_announce(&terminal->queues[SLAVE], WRITABLE);
}

void output_flush(struct terminal *terminal)
{
    terminal->output_head -= terminal->held;
    terminal->held = 0;
    set_status(terminal, TIOCPKT_FLUSHWRITE, 0);
}

/* Echoes. */

static void echo_visibly(struct terminal *terminal, uint8_t byte)
{
    if (!local(terminal, ECHOCTL) || !is_control(byte) || byte == '\t') {
        output_processed(terminal, byte);
        return;
    }
    output_put(terminal, '^');
    output_put(terminal, byte ^ 0100);
    terminal->column += 2;
}

/* ECHOPRT: what was erased ends. */
static void finish_erasing(struct terminal *terminal)
{
    if (terminal->erasing)
        output_processed(terminal, '/');
    terminal->erasing = 0;
}

static void echo(struct terminal *terminal, uint8_t byte)
{
    if (!local(terminal, ECHO))
        return;
    finish_erasing(terminal);
    if (terminal->lines == terminal->input_head)
        terminal->line_column = terminal->column;
    echo_visibly(terminal, byte);
}

static void echo_backspace(struct terminal *terminal, uint32_t count, int wipe)
{
    while (count--) {
        output_put(terminal, '\b');
        if (wipe) {
            output_put(terminal, ' ');
            output_put(terminal, '\b');
        }
        terminal->column -= terminal->column > 0;
    }
}

/* Input. */

static uint8_t *input_at(const struct terminal *terminal, uint64_t position)
{
    return &terminal->input[position % TERMINAL_RING];
}

static uint64_t *end_word(struct terminal *terminal, uint64_t position)
{
    return &terminal->ends[position % TERMINAL_RING / 64];
}

static int is_end(const struct terminal *terminal, uint64_t position)
{
    return terminal->ends[position % TERMINAL_RING / 64] >> position % 64 & 1;
}

int line_has_room(const struct terminal *terminal)
{
    return terminal->input_head - terminal->input_tail < TERMINAL_RING;
}

static void put(struct terminal *terminal, uint8_t byte)
{
    /* Of a line that is too long the last byte is replaced, so that its end always fits. */
    if (local(terminal, ICANON) && terminal->input_head - terminal->lines >= TERMINAL_LINE)
        terminal->input_head--;
    *end_word(terminal, terminal->input_head) &= ~(1UL << terminal->input_head % 64);
    *input_at(terminal, terminal->input_head++) = byte;
    if (!local(terminal, ICANON) && line_is_readable(terminal, 1))
        wait_queue_announce_waiters(&terminal->queues[SLAVE], READABLE);
    if (!local(terminal, ICANON))
        wait_queue_announce_sleepers(&terminal->queues[SLAVE]);
}

/* Puts a line's last byte: 0 is the end of a file. */
static void put_end(struct terminal *terminal, uint8_t byte)
{
    put(terminal, byte);
    *end_word(terminal, terminal->input_head - 1) |= 1UL << (terminal->input_head - 1) % 64;
    terminal->lines = terminal->input_head;
    wait_queue_announce(&terminal->queues[SLAVE], READABLE);
}

/* EXTPROC: the other side edits, echoes and looks for signals. A byte can be read at once, also
 * without the end of its line. */
static void put_processed(struct terminal *terminal, uint8_t byte)
{
    put(terminal, byte);
    if (!local(terminal, ICANON))
        return;
    terminal->lines = terminal->input_head;
    wait_queue_announce(&terminal->queues[SLAVE], READABLE);
}

static void put_data(struct terminal *terminal, uint8_t byte)
{
    if (byte == 0377 && input(terminal, PARMRK))
        put(terminal, byte);
    put(terminal, byte);
}

/* How far the cursor has to go back over a tab before `end`, whose line has `lines` columns before
 * it. */
static uint32_t tab_width(const struct terminal *terminal)
{
    uint32_t columns = 0;
    uint64_t at = terminal->input_head;
    while (at != terminal->lines) {
        uint8_t byte = *input_at(terminal, --at);
        if (byte == '\t')
            return TAB - columns % TAB;
        if (is_control(byte))
            columns += local(terminal, ECHOCTL) ? 2 : 0;
        else
            columns += !is_continuation(terminal, byte);
    }
    return TAB - (columns + terminal->line_column) % TAB;
}

/* Takes the last character of the line away, whose first byte is at `start`. */
static void erase_one(struct terminal *terminal, uint64_t start, int with_echoe)
{
    uint8_t byte = *input_at(terminal, start);
    uint64_t end = terminal->input_head;
    terminal->input_head = start;
    if (!local(terminal, ECHO))
        return;
    if (local(terminal, ECHOPRT)) {
        if (!terminal->erasing)
            output_processed(terminal, '\\');
        terminal->erasing = 1;
        echo_visibly(terminal, byte);
        while (++start != end)
            output_processed(terminal, *input_at(terminal, start));
    } else if (!with_echoe)
        echo_visibly(terminal, terminal->settings.c_cc[VERASE]);
    else if (byte == '\t')
        echo_backspace(terminal, tab_width(terminal), 0);
    else if (!is_control(byte))
        echo_backspace(terminal, 1, 1);
    else if (local(terminal, ECHOCTL))
        echo_backspace(terminal, 2, 1);
}

/* VERASE, VWERASE, VKILL. */
static void erase(struct terminal *terminal, uint8_t byte)
{
    int word = is(terminal, byte, VWERASE), one = is(terminal, byte, VERASE), letters = 0, more = 1;
    if (terminal->input_head == terminal->lines)
        return;
    if (!word && !one &&
        (!local(terminal, ECHO) || !local(terminal, ECHOK) || !local(terminal, ECHOKE) ||
         !local(terminal, ECHOE))) {
        terminal->input_head = terminal->lines;
        if (local(terminal, ECHO)) {
            finish_erasing(terminal);
            echo_visibly(terminal, byte);
        }
        if (local(terminal, ECHO) && local(terminal, ECHOK))
            output_processed(terminal, '\n');
        return;
    }
    while (more && terminal->input_head != terminal->lines) {
        uint64_t start = terminal->input_head - 1;
        while (is_continuation(terminal, *input_at(terminal, start)) && start != terminal->lines)
            start--;
        uint8_t first = *input_at(terminal, start);
        if (is_continuation(terminal, first))
            break; /* no character begins here */
        int is_letter_here = is_letter(first) || (first >= '0' && first <= '9') || first == '_';
        if (word && letters && !is_letter_here)
            break;
        letters |= is_letter_here;
        erase_one(terminal, start, !one || local(terminal, ECHOE));
        more = !one;
    }
    if (terminal->input_head == terminal->lines && local(terminal, ECHO))
        finish_erasing(terminal);
}

static void reprint(struct terminal *terminal, uint8_t byte)
{
    finish_erasing(terminal);
    echo_visibly(terminal, byte);
    output_processed(terminal, '\n');
    for (uint64_t at = terminal->lines; at != terminal->input_head; at++)
        echo_visibly(terminal, *input_at(terminal, at));
}

void line_flush(struct terminal *terminal)
{
    terminal->input_tail = terminal->lines = terminal->input_head;
    terminal->literal = terminal->erasing = 0;
    set_status(terminal, TIOCPKT_FLUSHREAD, 0);
    wait_queue_announce(&terminal->queues[MASTER], WRITABLE);
}

/* VINTR, VQUIT, VSUSP: returns whether the byte was one of them. */
static int receive_signal(struct terminal *terminal, uint8_t byte)
{
    int signal = is(terminal, byte, VINTR)   ? SIGINT
                 : is(terminal, byte, VQUIT) ? SIGQUIT
                 : is(terminal, byte, VSUSP) ? SIGTSTP
                                             : 0;
    if (!signal || !local(terminal, ISIG))
        return 0;
    terminal->raised |= signal_bit(signal);
    if (!local(terminal, NOFLSH)) {
        output_flush(terminal);
        line_flush(terminal);
    }
    if (input(terminal, IXON))
        line_start(terminal);
    if (local(terminal, ECHO))
        echo_visibly(terminal, byte);
    return 1;
}

/* Bytes with a meaning in canonical mode: returns whether it was one. */
static int receive_editing(struct terminal *terminal, uint8_t byte)
{
    int extended = local(terminal, IEXTEN);
    if (is(terminal, byte, VERASE) || is(terminal, byte, VKILL) ||
        (extended && is(terminal, byte, VWERASE))) {
        erase(terminal, byte);
    } else if (extended && is(terminal, byte, VLNEXT)) {
        terminal->literal = 1;
        if (local(terminal, ECHO))
            finish_erasing(terminal);
        if (local(terminal, ECHO) && local(terminal, ECHOCTL)) {
            output_put(terminal, '^');
            output_put(terminal, '\b');
        }
    } else if (extended && is(terminal, byte, VREPRINT) && local(terminal, ECHO)) {
        reprint(terminal, byte);
    } else if (byte == '\n') {
        if (local(terminal, ECHO) || local(terminal, ECHONL))
            output_processed(terminal, byte);
        put_end(terminal, byte);
    } else if (is(terminal, byte, VEOF)) {
        put_end(terminal, 0);
    } else if (is(terminal, byte, VEOL) || (extended && is(terminal, byte, VEOL2))) {
        echo(terminal, byte);
        put_end(terminal, byte);
    } else {
        return 0;
    }
    return 1;
}

int line_receive(struct terminal *terminal, uint8_t byte)
{
    int ended = 0;
    if (!line_has_room(terminal))
        return 0;
    if (local(terminal, EXTPROC) && !input(terminal, ISTRIP) &&
        !(input(terminal, IUCLC) && local(terminal, IEXTEN))) {
        put_processed(terminal, byte);
        return 1;
    }
    if (input(terminal, ISTRIP))
        byte &= 0177;
    if (input(terminal, IUCLC) && local(terminal, IEXTEN) && byte >= 'A' && byte <= 'Z')
        byte += 32;
    if (terminal->literal) {
        terminal->literal = 0;
        echo(terminal, byte);
        put_data(terminal, byte);
        return 1;
    }
    if (input(terminal, IXON) && is(terminal, byte, VSTART)) {
        line_start(terminal);
        return 1;
    }
    if (input(terminal, IXON) && is(terminal, byte, VSTOP)) {
        line_stop(terminal);
        return 1;
    }
    if (receive_signal(terminal, byte))
        return 1;
    if (input(terminal, IXON) && input(terminal, IXANY))
        line_start(terminal);
    if (byte == '\r') {
        if (input(terminal, IGNCR))
            return 1;
        if (input(terminal, ICRNL)) {
            byte = '\n';
            ended = 1;
        }
    } else if (byte == '\n' && input(terminal, INLCR)) {
        byte = '\r';
    }
    if (local(terminal, ICANON) && receive_editing(terminal, byte))
        return 1;
    if (ended && local(terminal, ECHO)) {
        /* Only a line feed that was typed is one like other control characters. */
        finish_erasing(terminal);
        output_processed(terminal, byte);
    } else {
        echo(terminal, byte);
    }
    put_data(terminal, byte);
    return 1;
}

/* Reading. */

int line_is_readable(const struct terminal *terminal, int poll)
{
    const uint8_t *characters = terminal->settings.c_cc;
    uint64_t wanted = poll && !characters[VTIME] && characters[VMIN] ? characters[VMIN] : 1;
    return local(terminal, ICANON) ? terminal->lines != terminal->input_tail
                                   : terminal->input_head - terminal->input_tail >= wanted;
}

uint64_t line_read(struct terminal *terminal, uint8_t *bytes, uint64_t size, int *ended)
{
    int canonical = local(terminal, ICANON);
    uint64_t stop = canonical ? terminal->lines : terminal->input_head, count = 0;
    *ended = 0;
    while (terminal->input_tail != stop && count < size && !*ended) {
        uint8_t byte = *input_at(terminal, terminal->input_tail);
        *ended = canonical && is_end(terminal, terminal->input_tail);
        terminal->input_tail++;
        if (byte || !*ended)
            bytes[count++] = byte;
    }
    /* An end of file goes with the bytes before it, also when these are all that was asked for. */
    if (canonical && count == size && !*ended && terminal->input_tail != stop &&
        is_end(terminal, terminal->input_tail) && !*input_at(terminal, terminal->input_tail)) {
        terminal->input_tail++;
        *ended = 1;
    }
    wait_queue_announce(&terminal->queues[MASTER], WRITABLE);
    return count;
}

int line_count(const struct terminal *terminal)
{
    if (!local(terminal, ICANON))
        return (int)(terminal->input_head - terminal->input_tail);
    int count = 0;
    for (uint64_t at = terminal->input_tail; at != terminal->lines; at++)
        count += *input_at(terminal, at) || !is_end(terminal, at);
    return count;
}

static int default_flow(const struct termios2 *settings)
{
    return settings->c_iflag & IXON && settings->c_cc[VSTOP] == 023 &&
           settings->c_cc[VSTART] == 021;
}

void line_changed(struct terminal *terminal, const struct termios2 *old)
{
    int flow = default_flow(&terminal->settings);
    if ((old->c_lflag ^ terminal->settings.c_lflag) & (ICANON | EXTPROC)) {
        /* What was typed so far becomes a line, or all lines become bytes. */
        uint64_t at = terminal->input_head;
        for (unsigned i = 0; i < TERMINAL_RING / 64; i++)
            terminal->ends[i] = 0;
        terminal->lines = local(terminal, ICANON) ? at : terminal->input_tail;
        if (local(terminal, ICANON) && !local(terminal, EXTPROC) && at != terminal->input_tail)
            *end_word(terminal, at - 1) |= 1UL << (at - 1) % 64;
        terminal->literal = terminal->erasing = 0;
    }
    if (!input(terminal, IXON) && old->c_iflag & IXON)
        line_start(terminal);
    if (flow != default_flow(old))
        set_status(terminal, flow ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP,
                   TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
    if ((old->c_lflag | terminal->settings.c_lflag) & EXTPROC)
        set_status(terminal, TIOCPKT_IOCTL, 0);
    wait_queue_announce(&terminal->queues[SLAVE], READABLE | WRITABLE);
}
