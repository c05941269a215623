#include "tools/trace/names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>

/* Combinations first where one contains another (O_SYNC, O_DSYNC; O_TMPFILE, O_DIRECTORY): the
 * first that fits is taken. */
#define N(constant) {#constant, (uint64_t)(constant)}
#define END {NULL, 0}
static const struct constant open_flags[] = {
    N(O_WRONLY), N(O_RDWR),    N(O_CREAT),     N(O_EXCL),   N(O_NOCTTY),  N(O_TRUNC),
    N(O_APPEND),    N(O_NONBLOCK),
    N(O_SYNC),   N(O_DSYNC),   N(O_TMPFILE),   N(O_PATH),   N(O_DIRECT),  N(O_NOATIME),
    N(O_DIRECTORY), N(O_NOFOLLOW),
    N(O_CLOEXEC), {"O_LARGEFILE", 0100000}, END};
static const struct constant protections[] = {N(PROT_NONE), N(PROT_READ), N(PROT_WRITE),
    N(PROT_EXEC), END};
static const struct constant map_flags[] = {
    {"MAP_SHARED_VALIDATE", 3}, N(MAP_SHARED),   N(MAP_PRIVATE),  N(MAP_FIXED),
    N(MAP_ANONYMOUS),
    N(MAP_GROWSDOWN),           N(MAP_LOCKED),   N(MAP_NORESERVE), N(MAP_POPULATE), N(MAP_STACK),
    N(MAP_HUGETLB),             N(MAP_32BIT),    {"MAP_FIXED_NOREPLACE", 0x100000}, END};
static const struct constant advices[] = {
    N(MADV_NORMAL), N(MADV_RANDOM),   N(MADV_SEQUENTIAL),  N(MADV_WILLNEED),   N(MADV_DONTNEED),
    N(MADV_FREE),
    N(MADV_REMOVE), N(MADV_DONTFORK), N(MADV_DOFORK),      N(MADV_HUGEPAGE),   N(MADV_NOHUGEPAGE),
    N(MADV_DONTDUMP),
    N(MADV_DODUMP), N(MADV_WIPEONFORK), N(MADV_KEEPONFORK), N(MADV_COLD),      N(MADV_PAGEOUT),
    END};
static const struct constant sync_flags[] = {N(MS_ASYNC), N(MS_INVALIDATE), N(MS_SYNC), END};
static const struct constant remap_flags[] = {N(MREMAP_MAYMOVE), N(MREMAP_FIXED),
    {"MREMAP_DONTUNMAP", 4}, END};
static const struct constant at_flags[] = {
    N(AT_SYMLINK_NOFOLLOW), N(AT_REMOVEDIR), N(AT_SYMLINK_FOLLOW), N(AT_EMPTY_PATH),
    N(AT_NO_AUTOMOUNT), END};
static const struct constant mask_commands[] = {N(SIG_BLOCK), N(SIG_UNBLOCK), N(SIG_SETMASK), END};
static const struct constant file_commands[] = {
    N(F_DUPFD),  N(F_GETFD),   N(F_SETFD),     N(F_GETFL),     N(F_SETFL),           N(F_GETLK),
    N(F_SETLK),
    N(F_SETLKW), N(F_SETOWN),  N(F_GETOWN),    N(F_OFD_GETLK), N(F_OFD_SETLK),
    N(F_OFD_SETLKW),
    N(F_DUPFD_CLOEXEC), N(F_SETPIPE_SZ), N(F_GETPIPE_SZ), N(F_ADD_SEALS), N(F_GET_SEALS), END};
static const struct constant futex_commands[] = {
    N(FUTEX_WAIT),        N(FUTEX_WAKE),        N(FUTEX_REQUEUE),        N(FUTEX_CMP_REQUEUE),
    N(FUTEX_WAIT_BITSET),
    N(FUTEX_WAKE_BITSET), N(FUTEX_WAIT_PRIVATE), N(FUTEX_WAKE_PRIVATE),  N(FUTEX_REQUEUE_PRIVATE),
    N(FUTEX_CMP_REQUEUE_PRIVATE), N(FUTEX_WAIT_BITSET_PRIVATE), END};
static const struct constant clocks[] = {
    N(CLOCK_REALTIME),         N(CLOCK_MONOTONIC),        N(CLOCK_PROCESS_CPUTIME_ID),
    N(CLOCK_THREAD_CPUTIME_ID),
    N(CLOCK_MONOTONIC_RAW),    N(CLOCK_REALTIME_COARSE),  N(CLOCK_MONOTONIC_COARSE),
    N(CLOCK_BOOTTIME),
    N(CLOCK_TAI), END};
static const struct constant limits[] = {
    N(RLIMIT_CPU),   N(RLIMIT_FSIZE),  N(RLIMIT_DATA), N(RLIMIT_STACK), N(RLIMIT_CORE),
    N(RLIMIT_RSS),
    N(RLIMIT_NPROC), N(RLIMIT_NOFILE), N(RLIMIT_MEMLOCK), N(RLIMIT_AS), N(RLIMIT_LOCKS),
    N(RLIMIT_SIGPENDING),
    N(RLIMIT_MSGQUEUE), N(RLIMIT_NICE), N(RLIMIT_RTPRIO), N(RLIMIT_RTTIME), END};
static const struct constant timer_flags[] = {N(TIMER_ABSTIME), END};
static const struct constant random_flags[] = {N(GRND_NONBLOCK), N(GRND_RANDOM), END};
static const struct constant epoll_commands[] = {N(EPOLL_CTL_ADD), N(EPOLL_CTL_DEL),
    N(EPOLL_CTL_MOD), END};
static const struct constant interval_timers[] = {{"ITIMER_REAL", 0}, {"ITIMER_VIRTUAL", 1},
    {"ITIMER_PROF", 2}, END};
static const struct constant process_commands[] = {
    N(PR_SET_NAME), N(PR_GET_NAME), N(PR_SET_PDEATHSIG), N(PR_SET_DUMPABLE), N(PR_GET_DUMPABLE),
    N(PR_SET_NO_NEW_PRIVS),
    N(PR_GET_NO_NEW_PRIVS), END};
static const struct constant architecture_commands[] = {
    {"ARCH_SET_GS", 0x1001}, {"ARCH_SET_FS", 0x1002}, {"ARCH_GET_FS", 0x1003}, {"ARCH_GET_GS",
    0x1004}, END};
static const struct constant lock_flags[] = {N(MCL_CURRENT), N(MCL_FUTURE), {"MCL_ONFAULT", 4},
    END};
static const struct constant signals[] = {
    N(SIGHUP), N(SIGINT), N(SIGQUIT), N(SIGILL), N(SIGTRAP), N(SIGABRT), N(SIGBUS), N(SIGFPE),
    N(SIGKILL), N(SIGUSR1), N(SIGSEGV), N(SIGUSR2), N(SIGPIPE), N(SIGALRM), N(SIGTERM),
    N(SIGSTKFLT), N(SIGCHLD), N(SIGCONT), N(SIGSTOP), N(SIGTSTP), N(SIGTTIN), N(SIGTTOU),
    N(SIGURG), N(SIGXCPU), N(SIGXFSZ), N(SIGVTALRM), N(SIGPROF), N(SIGWINCH), N(SIGPOLL),
    N(SIGPWR), N(SIGSYS), END};
static const struct constant errors[] = {
    N(EPERM), N(ENOENT), N(ESRCH), N(EINTR), N(EIO), N(ENXIO), N(E2BIG), N(ENOEXEC), N(EBADF),
    N(ECHILD), N(EAGAIN), N(ENOMEM), N(EACCES), N(EFAULT), N(ENOTBLK), N(EBUSY), N(EEXIST),
    N(EXDEV), N(ENODEV), N(ENOTDIR), N(EISDIR), N(EINVAL), N(ENFILE), N(EMFILE), N(ENOTTY),
    N(ETXTBSY), N(EFBIG), N(ENOSPC), N(ESPIPE), N(EROFS), N(EMLINK), N(EPIPE), N(EDOM),
    N(ERANGE), N(EDEADLK), N(ENAMETOOLONG), N(ENOLCK), N(ENOSYS), N(ENOTEMPTY), N(ELOOP),
    N(ENOMSG), N(EIDRM), N(ECHRNG), N(EL2NSYNC), N(EL3HLT), N(EL3RST), N(ELNRNG), N(EUNATCH),
    N(ENOCSI), N(EL2HLT), N(EBADE), N(EBADR), N(EXFULL), N(ENOANO), N(EBADRQC), N(EBADSLT),
    N(EBFONT), N(ENOSTR), N(ENODATA), N(ETIME), N(ENOSR), N(ENONET), N(ENOPKG), N(EREMOTE),
    N(ENOLINK), N(EADV), N(ESRMNT), N(ECOMM), N(EPROTO), N(EMULTIHOP), N(EDOTDOT), N(EBADMSG),
    N(EOVERFLOW), N(ENOTUNIQ), N(EBADFD), N(EREMCHG), N(ELIBACC), N(ELIBBAD), N(ELIBSCN),
    N(ELIBMAX), N(ELIBEXEC), N(EILSEQ), N(ERESTART), N(ESTRPIPE), N(EUSERS), N(ENOTSOCK),
    N(EDESTADDRREQ), N(EMSGSIZE), N(EPROTOTYPE), N(ENOPROTOOPT), N(EPROTONOSUPPORT),
    N(ESOCKTNOSUPPORT), N(EOPNOTSUPP), N(EPFNOSUPPORT), N(EAFNOSUPPORT), N(EADDRINUSE),
    N(EADDRNOTAVAIL), N(ENETDOWN), N(ENETUNREACH), N(ENETRESET), N(ECONNABORTED), N(ECONNRESET),
    N(ENOBUFS), N(EISCONN), N(ENOTCONN), N(ESHUTDOWN), N(ETOOMANYREFS), N(ETIMEDOUT),
    N(ECONNREFUSED), N(EHOSTDOWN), N(EHOSTUNREACH), N(EALREADY), N(EINPROGRESS), N(ESTALE),
    N(EUCLEAN), N(ENOTNAM), N(ENAVAIL), N(EISNAM), N(EREMOTEIO), N(EDQUOT), N(ENOMEDIUM),
    N(EMEDIUMTYPE), N(ECANCELED), N(ENOKEY), N(EKEYEXPIRED), N(EKEYREVOKED), N(EKEYREJECTED),
    N(EOWNERDEAD), N(ENOTRECOVERABLE), N(ERFKILL), N(EHWPOISON), END};

static const struct constant families[] = {N(AF_UNSPEC), N(AF_UNIX), N(AF_INET), N(AF_INET6),
    N(AF_NETLINK), N(AF_PACKET), END};
static const struct constant message_flags[] = {N(MSG_OOB), N(MSG_PEEK), N(MSG_DONTROUTE),
    N(MSG_CTRUNC), N(MSG_TRUNC), N(MSG_DONTWAIT), N(MSG_EOR), N(MSG_WAITALL), N(MSG_NOSIGNAL),
    N(MSG_MORE), N(MSG_CMSG_CLOEXEC), END};
static const struct constant shutdown_commands[] = {N(SHUT_RD), N(SHUT_WR), N(SHUT_RDWR), END};
static const struct constant socket_options[] = {N(SO_REUSEADDR), N(SO_TYPE), N(SO_ERROR),
    N(SO_BROADCAST), N(SO_SNDBUF), N(SO_RCVBUF), N(SO_KEEPALIVE), N(SO_LINGER), N(SO_PASSCRED),
    N(SO_PEERCRED), N(SO_RCVLOWAT), N(SO_RCVTIMEO), N(SO_SNDTIMEO), N(SO_ACCEPTCONN),
    N(SO_PROTOCOL), N(SO_DOMAIN), END};

static const struct {
    const char *name;
    const struct constant *constants;
} sets[] = {
    {"O", open_flags},        {"PROT", protections},    {"MAP", map_flags},           {"MADV",
    advices},
    {"MS", sync_flags},       {"MREMAP", remap_flags},  {"AT", at_flags},             {"SIG",
    mask_commands},
    {"F", file_commands},     {"FUTEX", futex_commands}, {"CLOCK", clocks},           {"RLIMIT",
    limits},
    {"TIMER", timer_flags},   {"GRND", random_flags},   {"EPOLL_CTL", epoll_commands}, {"ITIMER",
    interval_timers},
    {"PR", process_commands}, {"ARCH", architecture_commands}, {"MCL", lock_flags},
    {"SIGNAL", signals},     {"E", errors},
    {"AF", families},         {"MSG", message_flags},   {"SHUT", shutdown_commands}, {"SO",
    socket_options},
};

const struct constant *constants_of(const char *set)
{
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (!strcmp(sets[i].name, set))
            return sets[i].constants;
    return NULL;
}

const char *constant_name(const char *set, uint64_t value)
{
    for (const struct constant *constant = constants_of(set); constant->name; constant++)
        if (constant->value == value)
            return constant->name;
    return NULL;
}
