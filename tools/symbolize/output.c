/* Output without streams: libc's would ask for the state of descriptor 1, which the confinement
 * refuses. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/symbolize/symbolize.h"

static char buffer[8192];
static size_t used;

void out_flush(void)
{
    for (size_t written = 0; written < used;) {
        ssize_t got = write(1, buffer + written, used - written);
        if (got < 0 && errno != EINTR)
            break;
        if (got > 0)
            written += (size_t)got;
    }
    used = 0;
}

void out(const char *format, ...)
{
    if (sizeof buffer - used < sizeof buffer / 2)
        out_flush();
    size_t room = sizeof buffer - used;
    va_list list;
    va_start(list, format);
    int length = vsnprintf(buffer + used, room, format, list);
    va_end(list);
    if (length <= 0)
        return;
    size_t stored = (size_t)length < room ? (size_t)length : room - 1;
    /* Names come from the program: nothing in them may act on a terminal or look like another line.
     */
    for (size_t i = used; i < used + stored; i++)
        if ((buffer[i] < ' ' || buffer[i] > '~') && !(buffer[i] == '\n' && i == used + stored - 1))
            buffer[i] = '?';
    used += stored;
    if (buffer[used - 1] == '\n')
        out_flush();
}
