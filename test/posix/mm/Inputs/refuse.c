/* refuse ONE_IN SEED FILE COMMAND...: runs a command of which the kernel refuses one in so many of
 * the calls that change or describe a cage's window, at random, as long as the file is there. With
 * ONE_IN 0 it is as a kernel that has no PAGEMAP_SCAN, from the beginning.
 *
 * The filter asks this process about each such call. A refused one changes nothing. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV 32U /* Linux 5.19 */
#endif
#define PAGEMAP_SCAN_CALL _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, 96)

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)

/* x86-64 is little-endian: args[n] begins with its lower half. */
static struct sock_filter no_scan[] = {
    LOAD(nr),      UNLESS(SYS_ioctl, 3),
    LOAD(args[1]), UNLESS((uint32_t)PAGEMAP_SCAN_CALL, 1),
    RETURN(SECCOMP_RET_ERRNO | ENOTTY), RETURN(SECCOMP_RET_ALLOW),
};
static struct sock_filter asked[] = {
    LOAD(nr),
    UNLESS(SYS_mprotect, 1), RETURN(SECCOMP_RET_USER_NOTIF),
    UNLESS(SYS_madvise, 1), RETURN(SECCOMP_RET_USER_NOTIF),
    UNLESS(SYS_mremap, 1), RETURN(SECCOMP_RET_USER_NOTIF),
    UNLESS(SYS_mlock2, 1), RETURN(SECCOMP_RET_USER_NOTIF),
    UNLESS(SYS_munmap, 1), RETURN(SECCOMP_RET_USER_NOTIF),
    UNLESS(SYS_mmap, 4),
    LOAD(args[3]),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_FIXED, 0, 1),
    RETURN(SECCOMP_RET_USER_NOTIF), RETURN(SECCOMP_RET_ALLOW),
    UNLESS(SYS_ioctl, 3),
    LOAD(args[1]),
    UNLESS((uint32_t)PAGEMAP_SCAN_CALL, 1),
    RETURN(SECCOMP_RET_USER_NOTIF), RETURN(SECCOMP_RET_ALLOW),
};

static int install(struct sock_filter *filter, size_t count, unsigned flags)
{
    const struct sock_fprog program = {(unsigned short)count, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void run(char **command)
{
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
}

/* Slots of 4 GiB in which something was mapped at a fixed place: the windows. */
enum { SLOTS = 4096 };
static uint64_t slots[SLOTS];
static int slot_count;

static int in_window(const struct seccomp_data *call)
{
    uint64_t slot = call->args[0] >> 32;
    int found = 0;
    for (int i = 0; i < slot_count && !found; i++)
        found = slots[i] == slot;
    if (!found && call->nr == SYS_mmap && slot_count < SLOTS)
        slots[slot_count++] = slot;
    return found || call->nr == SYS_mmap || call->nr == SYS_ioctl;
}


static void answer(int listener, long one_in, const char *file, long *refused)
{
    union {
        struct seccomp_notif notice;
        char room[512];
    } in = {0};
    union {
        struct seccomp_notif_resp answer;
        char room[512];
    } out = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &in))
        return;
    out.answer.id = in.notice.id;
    if (in_window(&in.notice.data) && rand() % one_in == 0 && !access(file, F_OK)) {
        out.answer.error = -ENOMEM;
        ++*refused;
    } else {
        out.answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    }
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &out); /* fails if the caller is gone */
}

static void tick(int signal)
{
}

/* The child makes the listener, in a table of descriptors that it shares until it runs the command. */
static int start(char **command, pid_t *pid)
{
    int ends[2], listener = -1;
    if (pipe2(ends, O_CLOEXEC))
        return -1;
    *pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (*pid)
        return *pid < 0 || read(ends[0], &listener, sizeof listener) < 0 ? -1 : listener;
    listener = install(asked, sizeof asked / sizeof *asked,
                       SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    if (listener < 0)
        perror("seccomp");
    write(ends[1], &listener, sizeof listener);
    if (listener >= 0)
        run(command);
    _exit(127);
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    long one_in = atol(argv[1]), refused = 0;
    srand((unsigned)atoi(argv[2]));
    if (!one_in) {
        if (!install(no_scan, sizeof no_scan / sizeof *no_scan, 0))
            run(argv + 4);
        perror("seccomp");
        return 2;
    }
    pid_t pid;
    int status, listener = start(argv + 4, &pid);
    if (listener < 0)
        return 2;
    const struct sigaction action = {.sa_handler = tick};
    const struct itimerval often = {{0, 100000}, {0, 100000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    while (!waitpid(pid, &status, WNOHANG))
        answer(listener, one_in, argv[3], &refused);
    fprintf(stderr, "refuse: %ld calls refused\n", refused);
    return !refused || !WIFEXITED(status) ? 1 : WEXITSTATUS(status);
}
