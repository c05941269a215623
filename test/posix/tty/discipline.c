// Does the line discipline edit, echo and translate as on Linux?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#include "Inputs/pair.h"

#include <sys/epoll.h>
#include <time.h>

#define FRESH(...)                                                                                 \
    do {                                                                                           \
        open_pair();                                                                               \
        __VA_ARGS__;                                                                               \
        close_pair();                                                                              \
    } while (0)

static void defaults(void)
{
    struct termios t;
    CHECK(!tcgetattr(slave, &t));
    CHECK(t.c_iflag == (ICRNL | IXON) && t.c_oflag == (OPOST | ONLCR));
    CHECK(t.c_lflag == (ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN));
    CHECK(t.c_cflag == (B38400 | CS8 | CREAD) && cfgetospeed(&t) == B38400);
    CHECK(t.c_cc[VINTR] == 3 && t.c_cc[VQUIT] == 28 && t.c_cc[VERASE] == 127);
    CHECK(t.c_cc[VKILL] == 21 && t.c_cc[VEOF] == 4 && t.c_cc[VMIN] == 1 && t.c_cc[VTIME] == 0);
    CHECK(t.c_cc[VSTART] == 17 && t.c_cc[VSTOP] == 19 && t.c_cc[VSUSP] == 26);
    CHECK(t.c_cc[VREPRINT] == 18 && t.c_cc[VWERASE] == 23 && t.c_cc[VLNEXT] == 22);
    CHECK(!cfsetspeed(&t, B9600));
    t.c_cflag |= PARENB;
    CHECK(!tcsetattr(slave, TCSADRAIN, &t) && !tcgetattr(slave, &t));
    CHECK(cfgetospeed(&t) == B9600 && (t.c_cflag & (CSIZE | PARENB | CREAD)) == (CS8 | CREAD));
    CHECK(isatty(slave) && isatty(master));
    FAILS(pread(slave, &t, 1, 0), ESPIPE);
    FAILS(lseek(slave, 0, SEEK_SET), ESPIPE);
}

/* An end of file belongs to the bytes before it, also for who asked for these alone (older
 * kernels left it to the next read). */
static void ends_of_file(void)
{
    char bytes[10];
    TYPE("hello\004");
    CHECK(ready(slave, POLLIN, 5000) && read(slave, bytes, 3) == 3 && read(slave, bytes, 2) == 2);
    CHECK(!ready(slave, POLLIN, 20));
    TYPE("xyz\004\004abc\n");
    CHECK(ready(slave, POLLIN, 5000) && read(slave, bytes, 3) == 3);
    READS(slave, "");
    CHECK(read(slave, bytes, 4) == 4 && !memcmp(bytes, "abc\n", 4));
    GIVES(master, "helloxyzabc\r\n");
}

static void lines(void)
{
    int count;
    TYPE("one\ntwo\nrest");
    GIVES(master, "one\r\ntwo\r\nrest");
    CHECK(!ioctl(slave, FIONREAD, &count) && count == 8);
    READS(slave, "one\n");
    char two[3];
    CHECK(read(slave, two, 2) == 2 && !memcmp(two, "tw", 2));
    READS(slave, "o\n");
    CHECK(!ready(slave, POLLIN, 20));
    CHECK(!fcntl(slave, F_SETFL, O_NONBLOCK));
    FAILS(read(slave, two, 2), EAGAIN);
    CHECK(!fcntl(slave, F_SETFL, 0));
    TYPE("\004");
    READS(slave, "rest");
    TYPE("\004");
    READS(slave, "");
    ends_of_file();
    TYPE("a\rb\n");
    READS(slave, "a\n");
    READS(slave, "b\n");
    GIVES(master, "a\r\nb\r\n");
    character(VEOL, 'x');
    character(VEOL2, 'y');
    TYPE("abxcdyef\n");
    READS(slave, "abx");
    READS(slave, "cdy");
    READS(slave, "ef\n");
    GIVES(master, "abxcdyef\r\n");
}

static void long_lines(void)
{
    static char line[6000], wanted[4096];
    settings(0, 0, 0, 0, 0, ECHO);
    memset(line, 'a', sizeof line);
    memset(wanted, 'a', sizeof wanted);
    wanted[4095] = '\n';
    line[sizeof line - 1] = '\n';
    type(master, line, sizeof line);
    CHECK(reads(slave, wanted, sizeof wanted));
}

static void erasing(void)
{
    TYPE("ab\177c\n");
    READS(slave, "ac\n");
    GIVES(master, "ab\b \bc\r\n");
    TYPE("\177\177x\001\177\n"); /* nothing to erase; a control character takes two columns */
    READS(slave, "x\n");
    GIVES(master, "x^A\b \b\b \b\r\n");
    TYPE("one two_3  \027\027new\n");
    READS(slave, "new\n");
    GIVES(master, "one two_3  \b \b\b \b\b \b\b \b\b \b\b \b\b \b\b \b\b \b\b \b\b \bnew\r\n");
    TYPE("a\tb\177\177z\n");
    READS(slave, "az\n");
    GIVES(master, "a\tb\b \b\b\b\b\b\b\b\bz\r\n");
    SAY("123: ");
    TYPE("\t\177q\n"); /* a tab behind what was written */
    READS(slave, "q\n");
    GIVES(master, "123: \t\b\b\bq\r\n");
    TYPE("kill\025me\n");
    READS(slave, "me\n");
    GIVES(master, "kill\b \b\b \b\b \b\b \bme\r\n");
    settings(0, 0, 0, 0, 0, ECHOKE);
    TYPE("kill\025me\n");
    READS(slave, "me\n");
    GIVES(master, "kill^U\r\nme\r\n");
    settings(0, 0, 0, 0, 0, ECHOK);
    TYPE("kill\025me\n");
    READS(slave, "me\n");
    GIVES(master, "kill^Ume\r\n");
    settings(0, 0, 0, 0, 0, ECHOE);
    TYPE("ab\177c\n");
    READS(slave, "ac\n");
    GIVES(master, "ab^?c\r\n");
    settings(0, 0, 0, 0, ECHOE, ECHOCTL);
    TYPE("\001b\177\177c\n");
    READS(slave, "c\n");
    GIVES(master, "\001b\b \bc\r\n");
}

/* ECHOPRT: on paper, what was erased is printed again between a backslash and a slash. */
static void printing(void)
{
    settings(0, 0, 0, 0, ECHOPRT, 0);
    TYPE("abcd\177\177e\n");
    READS(slave, "abe\n");
    GIVES(master, "abcd\\dc/e\r\n");
    TYPE("ab cd\027e\177\177\177\177f\n");
    READS(slave, "f\n");
    GIVES(master, "ab cd\\dc/e\\e ba/f\r\n");
    TYPE("ab\025c\n");
    READS(slave, "c\n");
    GIVES(master, "ab\\ba/c\r\n");
    TYPE("a\tb\001\177\177\177\026x\177\022\n");
    READS(slave, "a\n");
    GIVES(master, "a\tb^A\\^Ab\t/^\bx\\x/^R\r\na\r\n");
    settings(IUTF8, 0, 0, 0, 0, 0);
    TYPE("x\303\244\177y\n");
    READS(slave, "xy\n");
    GIVES(master, "x\303\244\\\303\244/y\r\n");
    settings(0, 0, 0, 0, 0, ECHOKE);
    TYPE("ab\177\025c\n");
    READS(slave, "c\n");
    GIVES(master, "ab\\b/^U\r\nc\r\n");
}

static void multibyte(void)
{
    TYPE("\303\244\177\n");
    READS(slave, "\303\n");
    GIVES(master, "\303\244\b \b\r\n");
    settings(IUTF8, 0, 0, 0, 0, 0);
    TYPE("x\303\244\177\n");
    READS(slave, "x\n");
    GIVES(master, "x\303\244\b \b\r\n");
    TYPE("\244\244\177\n"); /* no first byte */
    READS(slave, "\244\244\n");
    GIVES(master, "\244\244\r\n");
}

static void literals(void)
{
    TYPE("a\026\177\026\004b\n");
    READS(slave, "a\177\004b\n");
    GIVES(master, "a^\b^?^\b^Db\r\n");
    TYPE("abc\022d\n");
    READS(slave, "abcd\n");
    GIVES(master, "abc^R\r\nabcd\r\n");
    settings(0, 0, 0, 0, 0, IEXTEN);
    TYPE("a\026\027b\n");
    READS(slave, "a\026\027b\n");
    GIVES(master, "a^V^Wb\r\n");
}

static void echoes(void)
{
    TYPE("\033[A\t\n");
    READS(slave, "\033[A\t\n");
    GIVES(master, "^[[A\t\r\n");
    settings(0, 0, 0, 0, 0, ECHOCTL);
    TYPE("\033[A\n");
    READS(slave, "\033[A\n");
    GIVES(master, "\033[A\r\n");
    settings(0, 0, 0, 0, ECHOCTL, ICANON); /* a line feed is a control character here */
    TYPE("a\nb\rc");
    READS(slave, "a\nb\nc");
    GIVES(master, "a^Jb\r\nc");
    settings(INLCR, 0, 0, 0, 0, 0);
    TYPE("\n");
    READS(slave, "\r");
    GIVES(master, "^M");
    settings(0, INLCR, 0, 0, 0, ECHOCTL);
    TYPE("a\nb\rc");
    READS(slave, "a\nb\nc");
    GIVES(master, "a\r\nb\r\nc");
    settings(0, 0, 0, 0, ICANON | ECHOCTL, 0);
    TYPE("a\026\nb\n"); /* and here, if it was quoted */
    READS(slave, "a\nb\n");
    GIVES(master, "a^\b^Jb\r\n");
    settings(0, 0, 0, 0, ECHONL, ECHO);
    TYPE("secret\n");
    READS(slave, "secret\n");
    GIVES(master, "\r\n");
    settings(0, 0, 0, 0, 0, ECHONL);
    TYPE("secret\177x\n");
    READS(slave, "secrex\n");
    CHECK(!ready(master, POLLIN, 20));
    settings(0, 0, 0, OPOST, ECHO, 0);
    TYPE("x\n");
    READS(slave, "x\n");
    GIVES(master, "x\n");
}

static void input_modes(void)
{
    settings(INLCR, ICRNL, 0, 0, 0, ECHO);
    TYPE("a\nb\r\004");
    READS(slave, "a\rb\r");
    settings(IGNCR, INLCR, 0, 0, 0, 0);
    TYPE("a\rb\n");
    READS(slave, "ab\n");
    settings(ISTRIP, IGNCR, 0, 0, 0, 0);
    TYPE("\341\342\n");
    READS(slave, "ab\n");
    settings(IUCLC, ISTRIP, 0, 0, 0, 0);
    TYPE("ABC\n");
    READS(slave, "abc\n");
    settings(PARMRK, IUCLC, 0, 0, 0, 0);
    TYPE("a\377b\n");
    READS(slave, "a\377\377b\n");
}

static void output_modes(void)
{
    SAY("a\nb\rc\td\n");
    GIVES(master, "a\r\nb\rc\td\r\n");
    settings(0, 0, XTABS, 0, 0, 0);
    SAY("c\tde\n\b\t\n");
    GIVES(master, "c       de\r\n\b        \r\n");
    settings(0, 0, OCRNL | ONOCR, XTABS | ONLCR, 0, 0);
    SAY("a\rb\n");
    GIVES(master, "a\nb\n");
    settings(0, 0, 0, OCRNL, 0, 0);
    SAY("\r"); /* the column is not 0 */
    SAY("\rx");
    GIVES(master, "\rx");
    settings(0, 0, ONLRET, 0, 0, 0);
    SAY("a\n\rb");
    GIVES(master, "a\nb");
    settings(0, 0, OLCUC, ONOCR | ONLRET, 0, 0);
    SAY("aBc-\n");
    GIVES(master, "ABC-\n");
    settings(0, 0, 0, OPOST, 0, 0);
    SAY("a\tb\n");
    GIVES(master, "a\tb\n");
}

static void flow(void)
{
    char byte;
    TYPE("\023");
    CHECK(!fcntl(slave, F_SETFL, O_NONBLOCK));
    for (int i = 0; i < 20000 && ready(slave, POLLOUT, 0); i++)
        usleep(1000);
    CHECK(!ready(slave, POLLOUT, 0));
    FAILS(write(slave, "x", 1), EAGAIN);
    TYPE("typed");
    CHECK(!ready(master, POLLIN, 20));
    TYPE("\021");
    GIVES(master, "typed");
    CHECK(ready(slave, POLLOUT, 5000) == POLLOUT);
    SAY("x");
    GIVES(master, "x");
    settings(IXANY, 0, 0, 0, 0, 0);
    TYPE("\023\n");
    CHECK(ready(slave, POLLOUT, 5000) == POLLOUT);
    READS(slave, "typed\n");
    GIVES(master, "\r\n");
    CHECK(!tcflow(slave, TCOOFF));
    FAILS(write(slave, "x", 1), EAGAIN);
    TYPE("\021");
    usleep(20000);
    FAILS(write(slave, "x", 1), EAGAIN);
    CHECK(!tcflow(slave, TCOON));
    SAY("y");
    GIVES(master, "y");
    CHECK(!tcflow(slave, TCIOFF) && !tcflow(slave, TCION));
    GIVES(master, "\023\021");
    FAILS(tcflow(slave, 9), EINVAL);
    settings(0, IXON, 0, 0, 0, ICANON | ECHO);
    TYPE("\023");
    READS(slave, "\023");
    FAILS(read(slave, &byte, 1), EAGAIN);
}

static long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void raw(void)
{
    char bytes[10];
    int count;
    long start;
    settings(0, 0, 0, 0, 0, ICANON | ECHO | ISIG);
    TYPE("\003\004\177\r");
    READS(slave, "\003\004\177\n");
    character(VMIN, 3);
    TYPE("ab");
    for (count = 0; count != 2;)
        ioctl(slave, FIONREAD, &count);
    CHECK(!ready(slave, POLLIN, 20));
    TYPE("c");
    READS(slave, "abc");
    character(VTIME, 1); /* a pause between bytes ends the read */
    TYPE("x");
    CHECK(ready(slave, POLLIN, 5000));
    start = milliseconds();
    CHECK(read(slave, bytes, 10) == 1 && milliseconds() - start >= 80);
    character(VMIN, 0);
    start = milliseconds();
    CHECK(read(slave, bytes, 10) == 0 && milliseconds() - start >= 80);
    character(VTIME, 0);
    CHECK(read(slave, bytes, 10) == 0);
    CHECK(!fcntl(slave, F_SETFL, O_NONBLOCK));
    CHECK(read(slave, bytes, 10) == 0);
    character(VMIN, 5);
    FAILS(read(slave, bytes, 10), EAGAIN);
    TYPE("xy");
    for (count = 0; count != 2;)
        ioctl(slave, FIONREAD, &count);
    CHECK(read(slave, bytes, 10) == 2);
    character(VMIN, 1);
    TYPE("typed");
    for (count = 0; count != 5;)
        ioctl(slave, FIONREAD, &count);
    settings(0, 0, 0, 0, ICANON, 0); /* what is there becomes a line */
    CHECK(!ioctl(slave, FIONREAD, &count) && count == 5);
    READS(slave, "typed");
    TYPE("half");
    usleep(20000);
    settings(0, 0, 0, 0, 0, ICANON);
    READS(slave, "half");
}

/* EXTPROC: the other side has done it all. */
static void processed(void)
{
    int count;
    settings(0, 0, 0, 0, EXTPROC, 0);
    TYPE("a\177b\003c\004\023\r");
    READS(slave, "a\177b\003c\004\023\r");
    CHECK(!ready(master, POLLIN, 20));
    TYPE("typed");
    for (count = 0; count != 5;)
        ioctl(slave, FIONREAD, &count);
    settings(0, 0, 0, 0, 0, EXTPROC); /* what is there becomes a line */
    TYPE("ab\177c\n");
    READS(slave, "typed");
    READS(slave, "ac\n");
    GIVES(master, "ab\b \bc\r\n");
    TYPE("half");
    GIVES(master, "half");
    settings(0, 0, 0, 0, EXTPROC, 0);
    READS(slave, "half");
}

static void flushing(void)
{
    struct termios t;
    settings(0, 0, 0, 0, 0, ECHO);
    TYPE("gone\n");
    CHECK(ready(slave, POLLIN, 5000));
    CHECK(!tcflush(slave, TCIFLUSH) && !ready(slave, POLLIN, 20));
    TYPE("gone\n");
    CHECK(ready(slave, POLLIN, 5000) && !tcgetattr(slave, &t));
    CHECK(!tcsetattr(slave, TCSAFLUSH, &t) && !ready(slave, POLLIN, 20));
    SAY("kept");
    CHECK(ready(master, POLLIN, 5000) && !tcflush(slave, TCOFLUSH));
    GIVES(master, "kept");
    SAY("gone");
    CHECK(ready(master, POLLIN, 5000) && !tcflush(master, TCIFLUSH));
    CHECK(!ready(master, POLLIN, 20));
    FAILS(tcflush(slave, 9), EINVAL);
    CHECK(!tcdrain(slave) && !tcsendbreak(slave, 0));
}

static void readiness(void)
{
    struct epoll_event event = {EPOLLIN | EPOLLET, {.u32 = 7}}, got;
    int set = epoll_create1(0);
    CHECK(!epoll_ctl(set, EPOLL_CTL_ADD, slave, &event) && epoll_wait(set, &got, 1, 20) == 0);
    TYPE("line\n");
    CHECK(epoll_wait(set, &got, 1, 5000) == 1 && got.data.u32 == 7 && got.events & EPOLLIN);
    CHECK(epoll_wait(set, &got, 1, 20) == 0);
    CHECK(ready(master, POLLIN | POLLOUT, 5000) & POLLOUT);
    CHECK(ready(slave, POLLIN | POLLOUT, 5000) == (POLLIN | POLLOUT));
    close(set);
}

int main(void)
{
    alarm(60);
    FRESH(defaults());
    FRESH(lines());
    FRESH(long_lines());
    FRESH(erasing());
    FRESH(printing());
    FRESH(multibyte());
    FRESH(literals());
    FRESH(echoes());
    FRESH(input_modes());
    FRESH(output_modes());
    FRESH(flow());
    FRESH(raw());
    FRESH(processed());
    FRESH(flushing());
    FRESH(readiness());
    return check_end();
}
