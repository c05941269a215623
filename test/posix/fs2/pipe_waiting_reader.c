// Does a reader that waits get what is written exactly once and in order, whatever its memory is like?
// RUN: %lind-cc -O1 %s -o %t && %lind-run %t
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { PAGE = 4096, LARGE = 300000 };

static int ends[2];

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

struct reading {
    struct iovec parts[4];
    int count;
    ssize_t result;
    int error;
};

static void *reader(void *data)
{
    struct reading *reading = data;
    reading->result = readv(ends[0], reading->parts, reading->count);
    reading->error = errno;
    return NULL;
}

static int from_child; /* whether another process writes */

/* Writes, and lets no reader wait if it cannot. */
static ssize_t put(const void *bytes, size_t length)
{
    ssize_t written = write(ends[1], bytes, length);
    int error = errno;
    if (written < 0)
        CHECK(write(ends[1], bytes, 1) == 1);
    errno = error;
    return written;
}

/* Lets a reader wait, writes, and returns what write returned. */
static ssize_t meet(struct reading *reading, const void *bytes, size_t length)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, reader, reading) == 0);
    pause_ms(20);
    ssize_t written;
    int error;
    if (from_child) {
        struct told {
            ssize_t written;
            int error;
        } *told = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(told != MAP_FAILED);
        pid_t child = fork();
        if (!child) {
            told->written = put(bytes, length);
            told->error = errno;
            _exit(0);
        }
        CHECK(child > 0 && waitpid(child, NULL, 0) == child);
        written = told->written;
        error = told->error;
        munmap(told, PAGE);
    } else {
        written = put(bytes, length);
        error = errno;
    }
    pthread_join(thread, NULL);
    errno = error;
    return written;
}

static void bad_memory(void)
{
    char bytes[PAGE * 2], out[PAGE * 2], rest[PAGE * 2];
    char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED && mprotect(pages + PAGE, PAGE, PROT_NONE) == 0);
    for (int i = 0; i < 2 * PAGE; i++)
        bytes[i] = (char)(i * 7);

    /* All of it in parts, then less than there is room for. */
    struct reading reading = {{{out, 10}, {out + 10, 0}, {out + 10, 100}, {out + 110, 5000}}, 4};
    CHECK(meet(&reading, bytes, 3000) == 3000);
    CHECK(reading.result == 3000 && memcmp(out, bytes, 3000) == 0);

    /* The reader has less room than is written. */
    reading = (struct reading){{{out, 100}}, 1};
    CHECK(meet(&reading, bytes, 3000) == 3000 && reading.result == 100);
    CHECK(read(ends[0], rest, sizeof rest) == 2900 && memcmp(rest, bytes + 100, 2900) == 0);

    /* The reader's memory is bad from the first byte: nothing is lost. */
    reading = (struct reading){{{pages + PAGE, 100}}, 1};
    CHECK(meet(&reading, bytes, 50) == 50);
    CHECK(reading.result == -1 && reading.error == EFAULT);
    CHECK(read(ends[0], rest, sizeof rest) == 50 && memcmp(rest, bytes, 50) == 0);

    /* It is bad further on: EFAULT as on Linux or what came before, and the rest is there for the
     * next. */
    reading = (struct reading){{{pages + PAGE - 30, 100}}, 1};
    CHECK(meet(&reading, bytes, 80) == 80);
    CHECK(reading.result == 30 || (reading.result == -1 && reading.error == EFAULT));
    ssize_t had = reading.result == 30 ? 30 : 0;
    CHECK(memcmp(pages + PAGE - 30, bytes, (size_t)had) == 0);
    CHECK(read(ends[0], rest, sizeof rest) == 80 - had);
    CHECK(memcmp(rest, bytes + had, (size_t)(80 - had)) == 0);

    /* The writer's memory is bad further on: the reader has what write says that it wrote. */
    memcpy(pages + PAGE - 40, bytes, 40);
    reading = (struct reading){{{out, 200}}, 1};
    ssize_t written = meet(&reading, pages + PAGE - 40, 100);
    CHECK(written == 40 || (written == -1 && errno == EFAULT));
    CHECK(reading.result == (written == 40 ? 40 : 1));
    CHECK(memcmp(out, bytes, written == 40 ? 40 : 1) == 0);

    /* Both, at the same byte. */
    reading = (struct reading){{{pages + PAGE - 40, 100}}, 1};
    written = meet(&reading, pages + PAGE - 40, 100);
    CHECK(reading.result == (written == 40 ? 40 : 1));
    munmap(pages, 2 * PAGE);
}

/* What is written and where it is read to overlap: the reader gets what was there before. */
static void overlap(void)
{
    static const int distances[] = {-3000, -8, -1, 0, 1, 8, 200, 3000};
    char bytes[3 * PAGE], before[PAGE];
    for (size_t i = 0; i < sizeof distances / sizeof *distances; i++) {
        for (int j = 0; j < 3 * PAGE; j++)
            bytes[j] = (char)(j * 7 + j / 256);
        memcpy(before, bytes + PAGE, PAGE);
        char *to = bytes + PAGE + distances[i];
        struct reading reading = {{{to, 50}, {to + 50, PAGE - 50}}, 2};
        CHECK(meet(&reading, bytes + PAGE, PAGE) == PAGE && reading.result == PAGE);
        CHECK(memcmp(to, before, PAGE) == 0);
    }
}

static void *many_reader(void *data)
{
    unsigned *seen = data;
    unsigned numbers[16];
    ssize_t got;
    while ((got = read(ends[0], numbers, sizeof numbers)) > 0) {
        CHECK(got % (ssize_t)sizeof *numbers == 0);
        for (size_t i = 0; i < (size_t)got / sizeof *numbers; i++)
            __atomic_add_fetch(&seen[numbers[i]], 1, __ATOMIC_RELAXED);
    }
    CHECK(got == 0);
    return NULL;
}

enum { NUMBERS = 40000, WRITERS = 2, READERS = 3 };

static void *many_writer(void *data)
{
    for (unsigned i = (unsigned)(size_t)data; i < NUMBERS; i += WRITERS)
        CHECK(write(ends[1], &i, sizeof i) == sizeof i);
    return NULL;
}

/* Each number arrives once, at one of several readers. */
static void many(void)
{
    static unsigned seen[NUMBERS];
    pthread_t readers[READERS], writers[WRITERS];
    for (int i = 0; i < READERS; i++)
        CHECK(pthread_create(&readers[i], NULL, many_reader, seen) == 0);
    for (size_t i = 0; i < WRITERS; i++)
        CHECK(pthread_create(&writers[i], NULL, many_writer, (void *)i) == 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    close(ends[1]);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    for (int i = 0; i < NUMBERS; i++)
        CHECK(seen[i] == 1);
    close(ends[0]);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signal)
{
    alarms++;
}

/* A stream between two processes keeps its order while the reader is interrupted all the time. */
static void interrupted_stream(int flags)
{
    static unsigned char bytes[LARGE];
    CHECK(pipe(ends) == 0);
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
    sigaction(SIGALRM, &action, NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (!child) {
        close(ends[0]);
        for (unsigned round = 0, next = 0; round < 20; round++) {
            size_t length = round % 3 ? LARGE : 777;
            for (size_t i = 0; i < length; i++)
                bytes[i] = (unsigned char)(next++ * 31 >> 3);
            for (size_t done = 0; done < length;) {
                kill(getppid(), SIGALRM);
                ssize_t put = write(ends[1], bytes + done, length - done);
                CHECK(put > 0);
                done += (size_t)put;
            }
        }
        _exit(0);
    }
    close(ends[1]);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 200}, {0, 200}}, NULL);
    unsigned total = 0;
    for (;;) {
        ssize_t got = read(ends[0], bytes, 70000);
        if (got < 0) {
            CHECK(errno == EINTR && !(flags & SA_RESTART));
            continue;
        }
        if (!got)
            break;
        for (ssize_t i = 0; i < got; i++, total++)
            CHECK(bytes[i] == (unsigned char)(total * 31 >> 3));
    }
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    if (total != 13 * LARGE + 7 * 777)
        printf("%u bytes arrived\n", total);
    CHECK(total == 13 * LARGE + 7 * 777);
    CHECK(alarms > 0);
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close(ends[0]);
}

/* A reader that is killed while somebody writes to it takes nothing but its own bytes along. */
static void killed_reader(void)
{
    static char bytes[LARGE];
    for (int round = 0; round < 50; round++) {
        CHECK(pipe(ends) == 0);
        pid_t child = fork();
        CHECK(child >= 0);
        if (!child) {
            for (;;)
                if (read(ends[0], bytes, sizeof bytes) <= 0)
                    _exit(1);
        }
        CHECK(write(ends[1], bytes, sizeof bytes) == sizeof bytes);
        if (round % 2)
            sched_yield();
        kill(child, SIGKILL);
        CHECK(write(ends[1], bytes, PAGE) == PAGE);
        int status;
        CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
        close(ends[0]);
        close(ends[1]);
    }
}

int main(void)
{
    CHECK(pipe(ends) == 0);
    for (from_child = 0; from_child < 2; from_child++) {
        bad_memory();
        overlap();
    }
    many();
    interrupted_stream(0);
    interrupted_stream(SA_RESTART);
    killed_reader();
    return check_done();
}
