// Does a descriptor lead to one description, whole and alive, while other threads close, duplicate and replace it, and is none lost in the end?
// RUN: %build/unit/host-cc -g -O1 -Wall -Werror -I%root/test/posix/fs/Inputs %s -o %t
// RUN: rm -rf %t.d && mkdir %t.d && %t %t.d
#include "host_task.h"

enum { FILES = 8, NUMBERS = 12, THREADS = 4, ROUNDS = 6000 };

static struct process *process;
static _Atomic unsigned long good, wrong, closed;

static unsigned next(unsigned *state)
{
    *state = *state * 1103515245 + 12345;
    return *state >> 16;
}

/* Files hold their number, eight times. Whatever a descriptor is at the moment, its content is of one file. */
static void *work(void *data)
{
    struct host_task *host = data;
    unsigned state = (unsigned)host->area;
    char name[16];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t fd = next(&state) % NUMBERS, other = next(&state) % NUMBERS;
        snprintf(name, sizeof name, "/g/%u", next(&state) % FILES);
        long result = 0;
        switch (next(&state) % 8) {
        case 0:
            result = guest_open(host, name, O_RDONLY);
            break;
        case 1:
            closed += guest_close(host, (long)fd) == 0;
            break;
        case 2:
            result = CALL_(dup2, host, fd, other);
            break;
        case 3:
            result = CALL_(dup, host, fd);
            break;
        case 4:
            result = CALL_(close_range, host, fd, fd + 1, 0);
            break;
        default:
            result = CALL_(pread64, host, fd, buffer(host), 8, 0);
            if (result != 8)
                break;
            int same = 1;
            for (int i = 1; i < 8; i++)
                same &= buffer_text(host)[i] == buffer_text(host)[0];
            if (same)
                good++;
            else
                wrong++;
        }
        if (result < 0 && result != -EBADF && result != -EMFILE && result != -EBUSY) {
            printf("unexpected result %ld\n", result);
            failures++;
        }
    }
    return NULL;
}

static int host_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

int main(int argc, char **argv)
{
    const char *why;
    pthread_t threads[THREADS];
    char name[16], content[9] = "";
    must(!rt_start(&why) && !chdir(argv[1]), "start");
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "%d", i);
        memset(content, 'a' + i, 8);
        host_write(name, content);
    }
    process = host_process();
    process->limits[RLIMIT_NOFILE].soft = NUMBERS;
    must(!place_grant(process->place, ".", "/g", 0), "grant");
    descriptors_share(process->descriptors);
    int before = host_descriptors();
    for (unsigned i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, host_task(process, i));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    struct host_task *last = host_task(process, THREADS);
    CALL_(close_range, last, 0, ~0U, 0);
    CHECK_IS(wrong, 0);
    CHECK_IS(good > 100 && closed > 100, 1);
    CHECK_IS(host_descriptors(), before);
    for (long fd = 0; fd < NUMBERS; fd++) /* no number is lost: reserved and never filled */
        CHECK_IS(guest_open(last, "/g/0", O_RDONLY), fd);

    /* A copy for fork refers to the same descriptions; the last leaver closes them. */
    struct descriptors *copy = descriptors_copy(process->descriptors);
    CHECK_IS(CALL_(lseek, last, 5, 3, SEEK_SET), 3);
    descriptors_leave(process->descriptors);
    process->descriptors = copy;
    CHECK_IS(CALL_(lseek, last, 5, 0, SEEK_CUR), 3);
    CHECK_IS(host_descriptors(), before + NUMBERS);
    descriptors_leave(copy);
    CHECK_IS(host_descriptors(), before);
    return failures != 0;
}
