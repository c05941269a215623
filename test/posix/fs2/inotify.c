// Does a watch see what another process does to a directory and its files, event by event, and refuse what Linux refuses?
// RUN: %lind-cc -O1 %s -o %t && %lind-run --env MOST=$(cat /proc/sys/fs/inotify/max_user_instances) %t
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

static char directory[] = "/tmp/lind-inotify-XXXXXX";

static void interrupted(int number)
{
}

/* What another process does. */
static void change(void)
{
    char byte;
    int fd = open("made", O_CREAT | O_WRONLY, 0600);
    CHECK(write(fd, "x", 1) == 1 && close(fd) == 0);
    fd = open("made", O_RDONLY);
    CHECK(read(fd, &byte, 1) == 1 && close(fd) == 0);
    CHECK(chmod("made", 0644) == 0 && rename("made", "moved") == 0 && unlink("moved") == 0);
    CHECK(mkdir("inner", 0700) == 0 && rmdir("inner") == 0);
}

/* One event of what a read gave, at *at. */
static void expect(const char *events, long length, long *at, uint32_t mask, const char *name)
{
    const struct inotify_event *event = (const void *)(events + *at);
    if (*at + (long)sizeof *event > length) {
        printf("no event %x of %s\n", mask, name);
        check_failures++;
        return;
    }
    if (event->mask != mask || strcmp(event->len ? event->name : "", name)) {
        printf("event %x of %s, not %x of %s\n", event->mask, event->len ? event->name : "", mask, name);
        check_failures++;
    }
    *at += (long)(sizeof *event + event->len);
}

static void run_child(void (*function)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        function();
        _exit(check_failures);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void sees_changes(void)
{
    _Alignas(struct inotify_event) char events[4096];
    int queue = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), set = epoll_create1(0), waiting = -1;
    CHECK(queue >= 0 && fcntl(queue, F_GETFD) == FD_CLOEXEC);
    struct epoll_event event = {EPOLLIN, {.u64 = 1}};
    CHECK(epoll_ctl(set, EPOLL_CTL_ADD, queue, &event) == 0);
    int all = inotify_add_watch(queue, ".", IN_ALL_EVENTS);
    CHECK(all > 0 && inotify_add_watch(queue, directory, IN_ALL_EVENTS) == all);
    struct pollfd entry = {queue, POLLIN, 0};
    CHECK_ERROR(read(queue, events, sizeof events), EAGAIN);
    CHECK(poll(&entry, 1, 0) == 0);
    run_child(change);
    CHECK(poll(&entry, 1, 0) == 1 && epoll_wait(set, &event, 1, 0) == 1);
    CHECK_ERROR(read(queue, events, 4), EINVAL);
    CHECK(ioctl(queue, FIONREAD, &waiting) == 0);
    long length = read(queue, events, sizeof events), at = 0;
    CHECK(length > 0 && length == waiting);
    static const uint32_t file[] = {IN_CREATE, IN_OPEN, IN_MODIFY, IN_CLOSE_WRITE, IN_OPEN, IN_ACCESS, IN_CLOSE_NOWRITE, IN_ATTRIB};
    for (unsigned i = 0; i < sizeof file / sizeof *file; i++)
        expect(events, length, &at, file[i], "made");
    uint32_t cookie = ((struct inotify_event *)(events + at))->cookie;
    expect(events, length, &at, IN_MOVED_FROM, "made");
    CHECK(cookie && ((struct inotify_event *)(events + at))->cookie == cookie);
    expect(events, length, &at, IN_MOVED_TO, "moved");
    expect(events, length, &at, IN_DELETE, "moved");
    expect(events, length, &at, IN_CREATE | IN_ISDIR, "inner");
    expect(events, length, &at, IN_DELETE | IN_ISDIR, "inner");
    CHECK(at == length);
    CHECK(inotify_rm_watch(queue, all) == 0 && read(queue, events, sizeof events) > 0);
    CHECK(((struct inotify_event *)events)->mask == IN_IGNORED);
    close(queue);
    close(set);
}

static void follows_links(void)
{
    _Alignas(struct inotify_event) char events[4096];
    int queue = inotify_init(), file = open("file", O_CREAT | O_WRONLY, 0600);
    CHECK(queue >= 0 && file >= 0 && symlink("file", "link") == 0);
    int target = inotify_add_watch(queue, "link", IN_MODIFY | IN_DELETE_SELF);
    int link = inotify_add_watch(queue, "link", IN_DELETE_SELF | IN_DONT_FOLLOW);
    CHECK(target > 0 && link > 0 && link != target);
    CHECK(inotify_add_watch(queue, "file", IN_MODIFY | IN_MASK_ADD) == target);
    CHECK(write(file, "x", 1) == 1 && unlink("link") == 0);
    long length = read(queue, events, sizeof events), at = 0;
    CHECK(((struct inotify_event *)events)->wd == target);
    expect(events, length, &at, IN_MODIFY, "");
    CHECK(((struct inotify_event *)(events + at))->wd == link);
    expect(events, length, &at, IN_DELETE_SELF, "");
    expect(events, length, &at, IN_IGNORED, "");
    CHECK(at == length);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = interrupted}, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 100000}, {0, 100000}}, NULL);
    CHECK_ERROR(read(queue, events, sizeof events), EINTR);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    close(queue);
    close(file);
}

/* All that one lind-run gets; natively as many as it may have descriptors, as other tests need some of the user's. They come back when
 * they are closed, also with the last process. */
static void instances(void)
{
    int queues[2048], count = 0, more = 0;
#ifndef __lind__
    CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){20, 20}) == 0);
#endif
    while (count < 2048 && (queues[count] = inotify_init1(IN_CLOEXEC)) >= 0)
        count++;
    CHECK(count > 0 && count < 2048 && errno == EMFILE);
#ifdef __lind__
    /* Half of them are for others. */
    CHECK(count <= atoi(getenv("MOST")) / 2);
#endif
    while (more < count)
        CHECK(close(queues[more++]) == 0);
    CHECK((queues[0] = inotify_init()) >= 0 && close(queues[0]) == 0);
}

static void refuses(void)
{
    int queue = inotify_init1(0), ends[2];
    CHECK(pipe(ends) == 0);
    CHECK_ERROR(inotify_init1(1), EINVAL);
    CHECK_ERROR(inotify_add_watch(99, "file", IN_MODIFY), EBADF);
    CHECK_ERROR(inotify_add_watch(ends[0], "file", IN_MODIFY), EINVAL);
    CHECK_ERROR(inotify_add_watch(queue, "nothing", IN_MODIFY), ENOENT);
    CHECK_ERROR(inotify_add_watch(queue, BAD, IN_MODIFY), EFAULT);
    CHECK_ERROR(inotify_add_watch(queue, "file", 0), EINVAL);
    CHECK_ERROR(inotify_add_watch(99, "nothing", 0), EINVAL);
    CHECK_ERROR(inotify_add_watch(queue, "nothing", 0x80000 | IN_MODIFY), EINVAL);
    CHECK_ERROR(inotify_add_watch(queue, "nothing", IN_MODIFY | IN_MASK_ADD | IN_MASK_CREATE), EINVAL);
    CHECK(inotify_add_watch(queue, "file", IN_DONT_FOLLOW) > 0);
    CHECK_ERROR(inotify_add_watch(queue, "file", IN_MODIFY | IN_ONLYDIR), ENOTDIR);
    CHECK_ERROR(inotify_rm_watch(queue, 77), EINVAL);
    CHECK_ERROR(inotify_rm_watch(ends[0], 1), EINVAL);
    CHECK_ERROR(inotify_rm_watch(99, 1), EBADF);
    CHECK_ERROR(write(queue, "x", 1), EBADF);
#ifdef __lind__
    CHECK_ERROR(inotify_add_watch(queue, "/proc/self/status", IN_MODIFY), EOPNOTSUPP);
    CHECK_ERROR(inotify_add_watch(queue, "/", IN_MODIFY), EOPNOTSUPP);
#endif
}

int main(void)
{
    CHECK(mkdtemp(directory) && chdir(directory) == 0);
    sees_changes();
    follows_links();
    refuses();
    instances();
    CHECK(unlink("file") == 0 && chdir("/") == 0 && rmdir(directory) == 0);
    return check_done();
}
