// Are signals read from descriptors one by one, with what siginfo says, by whoever reads; do poll and
// epoll see them, and a blocked reader?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static int all;

static void *send_later(void *unused)
{
    nanosleep(&(struct timespec){0, 30000000}, NULL);
    kill(getpid(), SIGUSR1);
    return NULL;
}

static void nothing(int signal)
{
}

int main(void)
{
    sigset_t set, more;
    struct signalfd_siginfo info[3];
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGKILL); /* left out in silence */
    CHECK(!sigprocmask(SIG_BLOCK, &set, NULL));

    CHECK_ERROR(signalfd(-1, &set, 1), EINVAL);
    CHECK_ERROR(signalfd(99, &set, 0), EBADF);
    CHECK_ERROR(signalfd(1, &set, 0), EINVAL);
    CHECK_ERROR(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
    CHECK_ERROR(syscall(SYS_signalfd4, -1, BAD, 8, 0), EFAULT);
    all = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    CHECK(all >= 0 && fcntl(all, F_GETFD) == FD_CLOEXEC && fcntl(all, F_GETFL) & O_NONBLOCK);
    CHECK_ERROR(read(all, info, sizeof info), EAGAIN);
    CHECK_ERROR(read(all, info, sizeof *info - 1), EINVAL);
    CHECK_ERROR(write(all, info, sizeof *info), EINVAL);
    struct pollfd poll_one = {all, POLLIN | POLLOUT, 0};
    CHECK(poll(&poll_one, 1, 0) == 0);
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 7};
    CHECK(!epoll_ctl(epoll, EPOLL_CTL_ADD, all, &event) && epoll_wait(epoll, &event, 1, 0) == 0);

    /* Standard ones once, queued ones each, the lower number first. */
    union sigval value = {.sival_int = 41};
    CHECK(!sigqueue(getpid(), SIGRTMIN, value));
    value.sival_int = 42;
    CHECK(!sigqueue(getpid(), SIGRTMIN, value));
    raise(SIGUSR1);
    CHECK(poll(&poll_one, 1, 0) == 1 && poll_one.revents == POLLIN);
    event.data.u32 = 0;
    CHECK(epoll_wait(epoll, &event, 1, 0) == 1 && event.data.u32 == 7);
    CHECK(read(all, info, sizeof info + 5) == sizeof info);
    CHECK(info[0].ssi_signo == SIGUSR1 && info[0].ssi_code == SI_TKILL);
    CHECK(info[0].ssi_pid == (uint32_t)getpid() && info[0].ssi_uid == getuid());
    CHECK(info[1].ssi_signo == (uint32_t)SIGRTMIN && info[1].ssi_code == SI_QUEUE);
    CHECK(info[1].ssi_int == 41 && info[2].ssi_int == 42);
    CHECK_ERROR(read(all, info, sizeof info), EAGAIN);
    CHECK(epoll_wait(epoll, &event, 1, 0) == 0);
    raise(SIGUSR1);
    CHECK_ERROR(read(all, BAD, sizeof *info), EFAULT);
    CHECK_ERROR(read(all, info, sizeof info), EAGAIN); /* it was taken */

    /* A child's end; a child reads its own. */
    pid_t pid = fork();
    if (!pid) {
        kill(getppid(), SIGUSR1);
        int mine = read(all, info, sizeof info) < 0 && errno == EAGAIN;
        raise(SIGUSR1);
        _exit(mine && read(all, info, sizeof info) == sizeof *info ? 5 : 6);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && status == 5 << 8);
    CHECK(read(all, info, sizeof info) == 2 * sizeof *info);
    CHECK(info[0].ssi_signo == SIGUSR1 && info[0].ssi_code == SI_USER);
    CHECK(info[0].ssi_pid == (uint32_t)pid && info[1].ssi_pid == (uint32_t)pid);
    CHECK(info[1].ssi_signo == SIGCHLD && info[1].ssi_code == CLD_EXITED);
    CHECK(info[1].ssi_status == 5);

    /* The set is exchanged, also for what is pending already. */
    sigemptyset(&more);
    sigaddset(&more, SIGUSR2);
    CHECK(!sigprocmask(SIG_BLOCK, &more, NULL));
    raise(SIGUSR2);
    CHECK(poll(&poll_one, 1, 0) == 0);
    CHECK(signalfd(all, &more, 0) == all && poll(&poll_one, 1, 0) == 1);
    CHECK(read(all, info, sizeof info) == sizeof *info && info[0].ssi_signo == SIGUSR2);

    /* A blocked reader, and blocked poll; a signal that is not in the set interrupts. */
    int waits = signalfd(-1, &set, 0);
    pthread_t thread;
    CHECK(!pthread_create(&thread, NULL, send_later, NULL));
    CHECK(read(waits, info, sizeof info) == sizeof *info && info[0].ssi_signo == SIGUSR1);
    CHECK(!pthread_join(thread, NULL) && !pthread_create(&thread, NULL, send_later, NULL));
    poll_one = (struct pollfd){waits, POLLIN, 0};
    CHECK(poll(&poll_one, 1, 60000) == 1 && poll_one.revents == POLLIN);
    CHECK(read(waits, info, sizeof info) == sizeof *info && !pthread_join(thread, NULL));
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = nothing}, NULL);
    timer_t timer;
    struct itimerspec soon = {.it_value = {0, 20000000}}, often = {{0, 20000000}, {0, 20000000}};
    CHECK(!timer_create(CLOCK_MONOTONIC, NULL, &timer) && !timer_settime(timer, 0, &often, NULL)); /* often: once may be too early */
    CHECK_ERROR(read(waits, info, sizeof info), EINTR);
    CHECK(!timer_delete(timer));
    struct sigevent own = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    own.sigev_value.sival_int = 9;
    CHECK(!timer_create(CLOCK_MONOTONIC, &own, &timer) && !timer_settime(timer, 0, &soon, NULL));
    CHECK(read(waits, info, sizeof info) == sizeof *info && info[0].ssi_code == SI_TIMER);
    CHECK(info[0].ssi_int == 9);
    CHECK(!close(waits) && !close(all) && !close(epoll));
    return check_done();
}
