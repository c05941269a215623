// Do signals over calls, forks and handlers arrive, once each and in order, and harm nothing?
// RUN: musl-gcc -static -O2 -pthread %s -o %t.native && timeout 400 %t.native 20000
// RUN: %lind-cc -O2 -pthread %s -o %t && timeout 600 %lind-run -- %t 20000
/* Other processes and threads send. Queued (real-time) signals carry numbers: each must be seen
 * once, and those of one number to one thread in the order of their sending. Standard ones merge,
 * but the last one sent must still be seen: its sender counts before it sends, and the handler
 * notes the count. */
#define _GNU_SOURCE
#include <alloca.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../Inputs/check.h"

enum {
    SENDERS = 4,  /* processes: sigqueue to the process, sender n with signal SIGRTMIN + n */
    THREADS = 4,  /* that work; thread n is sent SIGRTMIN + 8 + n by another thread */
    STANDARD = 2, /* SIGUSR1, SIGUSR2 */
    EXTRA = 8,    /* signals behind SIGRTMIN that queued ones to threads start at */
};

struct shared { /* with the senders */
    _Atomic uint32_t standard_sent[STANDARD], standard_seen[STANDARD];
    _Atomic uint32_t go, refused;
};
static struct shared *shared;
static unsigned per_sender;
static pid_t self;

static _Atomic uint32_t standard_count[STANDARD];
static _Atomic uint64_t *seen[SENDERS]; /* bitmaps */
static _Atomic uint32_t process_count, twice, strange, in_child;
static _Atomic uint32_t next_of_thread[THREADS], disorder;
static _Atomic uint32_t alarms, forks, handler_forks, rounds_done, wrong;
static _Atomic int ended;

static uint64_t mix(uint64_t a, uint64_t b)
{
    return (a ^ b) * 0x9e3779b97f4a7c15 + (a >> 7);
}
static uint64_t (*volatile mixer)(uint64_t, uint64_t) = mix;

/* What a handler may do: calls, vectors, strings. Keeps errno, as handlers must. */
static void busy(uint64_t n)
{
    int error = errno;
    char text[200], copy[200];
    memset(text, (int)n, sizeof text);
    memcpy(copy, text, sizeof copy);
    volatile double number = (double)n;
    number = number / 3 * 3;
    struct timespec now;
    if (copy[n % 200] != (char)n || clock_gettime(CLOCK_MONOTONIC, &now) || write(-1, "", 1) != -1)
        atomic_fetch_add(&wrong, 1);
    errno = error;
}

static void standard(int signal, siginfo_t *info, void *context)
{
    int n = signal == SIGUSR2;
    if (getpid() != self)
        atomic_fetch_add(&in_child, 1);
    _Atomic uint32_t *last = &shared->standard_seen[n];
    uint32_t sent = atomic_load(&shared->standard_sent[n]), known = atomic_load(last);
    while (sent > known && !atomic_compare_exchange_weak(last, &known, sent))
        ;
    uint32_t count = atomic_fetch_add(&standard_count[n], 1);
    busy(count);
    if (count % 64 == 0) { /* a process that starts in a handler, and ends */
        int error = errno, status;
        pid_t child = (pid_t)syscall(SYS_fork);
        if (!child)
            syscall(SYS_exit_group, 5);
        pid_t got;
        while ((got = waitpid(child, &status, 0)) == -1 && errno == EINTR)
            ;
        if (child <= 0 || got != child || status != 5 << 8)
            atomic_fetch_add(&wrong, 1);
        atomic_fetch_add(&handler_forks, 1);
        errno = error;
    }
}

static void queued(int signal, siginfo_t *info, void *context)
{
    unsigned n = (unsigned)(signal - SIGRTMIN), value = (unsigned)info->si_value.sival_int;
    if (getpid() != self)
        atomic_fetch_add(&in_child, 1);
    if (info->si_signo != signal || info->si_code != SI_QUEUE) {
        atomic_fetch_add(&strange, 1);
    } else if (n >= EXTRA) {
        if (n - EXTRA >= THREADS || atomic_fetch_add(&next_of_thread[n - EXTRA], 1) != value)
            atomic_fetch_add(&disorder, 1);
    } else if (n >= SENDERS || value >= per_sender) {
        atomic_fetch_add(&strange, 1);
    } else {
        uint64_t bit = 1ULL << value % 64;
        if (atomic_fetch_or(&seen[n][value / 64], bit) & bit)
            atomic_fetch_add(&twice, 1);
        atomic_fetch_add(&process_count, 1);
    }
    busy(value);
}

static void alarmed(int signal, siginfo_t *info, void *context)
{
    atomic_fetch_add(&alarms, 1);
}

/* Sends until it is queued: the receiver's queue is full for a while. */
static void send_queued(pid_t to, int thread, int signal, unsigned value)
{
    siginfo_t info = {.si_signo = signal, .si_code = SI_QUEUE};
    info.si_pid = getpid();
    info.si_value.sival_int = (int)value;
    long result;
    while ((result = thread ? syscall(SYS_rt_tgsigqueueinfo, to, thread, signal, &info)
                            : syscall(SYS_rt_sigqueueinfo, to, signal, &info)) == -1 &&
           errno == EAGAIN) {
        atomic_fetch_add(&shared->refused, 1);
        usleep(200);
    }
    CHECK(!result);
}

static int sender(int n)
{
    while (!atomic_load(&shared->go))
        usleep(1000);
    for (unsigned i = 0; i < per_sender; i++) {
        send_queued(self, 0, SIGRTMIN + n, i);
        if (i % 4 == 0 && n < STANDARD) {
            atomic_fetch_add(&shared->standard_sent[n], 1);
            CHECK(!kill(self, n ? SIGUSR2 : SIGUSR1));
            /* Mostly waits for it, so that few merge; not for ever: a lost one is found later. */
            for (int wait = 0; wait < 1000 && i % 32 && atomic_load(&shared->standard_seen[n]) !=
                                                            atomic_load(&shared->standard_sent[n]);
                 wait++)
                sched_yield();
        }
    }
    return check_end();
}

/* Sends to the working threads, one after the other. */
static int thread_ids[THREADS];

static void *thread_sender(void *data)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    for (unsigned i = 0; i < per_sender / THREADS; i++)
        for (int n = 0; n < THREADS; n++)
            send_queued(self, thread_ids[n], SIGRTMIN + EXTRA + n, i);
    return NULL;
}

static uint64_t expected_sum;

static uint64_t compute(void)
{
    uint64_t sum = 1;
    for (uint64_t n = 0; n < 40; n++) {
        size_t size = 64 + n * 53 % 2000;
        char *block = alloca(size);
        memset(block, (int)n, size);
        for (size_t i = 0; i < size; i += 29)
            sum = mixer(sum, (unsigned char)block[i]);
        double product = 1;
        for (int i = 1; i < 20; i++)
            product = product * i / (i + 0.5);
        uint64_t bits;
        memcpy(&bits, &product, sizeof bits);
        sum ^= bits;
    }
    return sum;
}

/* Whole, whatever interrupts it: SA_RESTART, and short transfers go on. */
static int transfer(int fd, char *bytes, size_t size, int writes)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = writes ? write(fd, bytes + done, size - done)
                           : read(fd, bytes + done, size - done);
        if (n <= 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

struct echo {
    pthread_t thread;
    int to[2], from[2];
};

static void *echo(void *data)
{
    struct echo *echo = data;
    char bytes[5000];
    while (!transfer(echo->to[0], bytes, sizeof bytes, 0) &&
           !transfer(echo->from[1], bytes, sizeof bytes, 1))
        ;
    return NULL;
}

#define RIGHT(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            int saved = errno;                                                                     \
            if (atomic_fetch_add(&wrong, 1) < 10)                                                  \
                fprintf(stderr, "%d: not so: %s (%s)\n", __LINE__, #condition, strerror(saved));   \
        }                                                                                          \
    } while (0)

static void fork_one(unsigned n)
{
    volatile uint64_t local = n;
    pid_t child = fork();
    if (!child)
        _exit(local == n && compute() == expected_sum && getpid() != self && !atomic_load(&in_child)
                  ? 7
                  : 8);
    int status = -1;
    RIGHT(child > 0 && waitpid(child, &status, 0) == child && status == 7 << 8);
    atomic_fetch_add(&forks, 1);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t started;

static void *work(void *data)
{
    int index = (int)(intptr_t)data;
    thread_ids[index] = (int)syscall(SYS_gettid);
    struct echo other;
    RIGHT(!pipe(other.to) && !pipe(other.from));
    RIGHT(!pthread_create(&other.thread, NULL, echo, &other));
    pthread_barrier_wait(&started);
    for (unsigned n = 0; !atomic_load(&ended); n++) {
        char out[5000], in[5000];
        for (size_t i = 0; i < sizeof out; i++)
            out[i] = (char)mix(n, i);
        RIGHT(compute() == expected_sum);
        RIGHT(!transfer(other.to[1], out, sizeof out, 1));
        RIGHT(!transfer(other.from[0], in, sizeof in, 0) && !memcmp(in, out, sizeof in));
        const struct timespec brief = {0, 100000};
        struct timespec left = {0, 0}, until;
        errno = 0;
        RIGHT(!nanosleep(&brief, &left) || (errno == EINTR && left.tv_nsec <= 200000));
        struct pollfd wait = {.fd = other.from[0], .events = POLLIN};
        errno = 0;
        int ready = poll(&wait, 1, 1);
        RIGHT(!ready || (ready == -1 && errno == EINTR));
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 500000;
        if (until.tv_nsec >= 1000000000)
            until.tv_sec++, until.tv_nsec -= 1000000000;
        pthread_mutex_lock(&mutex);
        int result = pthread_cond_timedwait(&condition, &mutex, &until);
        RIGHT(!result || result == ETIMEDOUT);
        pthread_mutex_unlock(&mutex);
        pthread_cond_signal(&condition);
        char *block = malloc(1 + n * 977 % 300000);
        memset(block, 1, 1 + n * 977 % 300000);
        free(block);
        errno = 0;
        RIGHT(close(-1) == -1 && errno == EBADF);
        if (n % 4 == 0)
            fork_one(n);
        atomic_fetch_add(&rounds_done, 1);
    }
    close(other.to[1]);
    pthread_join(other.thread, NULL);
    close(other.to[0]);
    close(other.from[0]);
    close(other.from[1]);
    return NULL;
}

static void on(int signal, void (*handler)(int, siginfo_t *, void *), int all)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    if (all)
        sigfillset(&action.sa_mask);
    CHECK(!sigaction(signal, &action, NULL));
}

int main(int argc, char **argv)
{
    unsigned total = (unsigned)atoi(argv[1]);
    per_sender = total / (SENDERS + 1);
    self = getpid();
    expected_sum = compute();
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    pid_t senders[SENDERS];
    for (int n = 0; n < SENDERS; n++) {
        seen[n] = calloc(per_sender / 64 + 1, sizeof *seen[n]);
        senders[n] = fork();
        if (!senders[n])
            _exit(sender(n));
        CHECK(senders[n] > 0);
    }
    on(SIGUSR1, standard, 0);
    on(SIGUSR2, standard, 0);
    on(SIGALRM, alarmed, 0);
    for (int n = 0; n < EXTRA + THREADS; n++)
        on(SIGRTMIN + n, queued, n % 2 || n >= EXTRA); /* half of them nest */
    pthread_barrier_init(&started, NULL, THREADS + 1);
    pthread_t threads[THREADS], to_threads;
    for (int n = 0; n < THREADS; n++)
        CHECK(!pthread_create(&threads[n], NULL, work, (void *)(intptr_t)n));
    pthread_barrier_wait(&started);
    const struct itimerval often = {{0, 3000}, {0, 3000}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    /* Few fit the queue: senders have to try again. */
    const struct rlimit few = {50, 50};
    CHECK(!setrlimit(RLIMIT_SIGPENDING, &few));
    CHECK(!pthread_create(&to_threads, NULL, thread_sender, NULL));
    atomic_store(&shared->go, 1);
    for (int n = 0; n < SENDERS; n++) {
        int status = -1;
        CHECK(waitpid(senders[n], &status, 0) == senders[n] && !status);
    }
    CHECK(!pthread_join(to_threads, NULL));
    setitimer(ITIMER_REAL, &never, NULL);
    /* All have been sent: what is queued arrives without any more help, soon. */
    for (int i = 0; i < 20000; i++) {
        int all = atomic_load(&process_count) == per_sender * SENDERS;
        for (int n = 0; n < THREADS; n++)
            all &= atomic_load(&next_of_thread[n]) == per_sender / THREADS;
        for (int n = 0; n < STANDARD; n++)
            all &= atomic_load(&shared->standard_seen[n]) == atomic_load(&shared->standard_sent[n]);
        if (all)
            break;
        usleep(1000);
    }
    atomic_store(&ended, 1);
    for (int n = 0; n < THREADS; n++)
        CHECK(!pthread_join(threads[n], NULL));
    CHECK(atomic_load(&process_count) == per_sender * SENDERS);
    for (int n = 0; n < THREADS; n++)
        CHECK(atomic_load(&next_of_thread[n]) == per_sender / THREADS);
    for (int n = 0; n < STANDARD; n++) {
        CHECK(atomic_load(&shared->standard_seen[n]) == atomic_load(&shared->standard_sent[n]));
        CHECK(atomic_load(&standard_count[n]) > 0);
        CHECK(atomic_load(&standard_count[n]) <= atomic_load(&shared->standard_sent[n]));
    }
    CHECK(!atomic_load(&twice));
    CHECK(!atomic_load(&strange));
    CHECK(!atomic_load(&disorder));
    CHECK(!atomic_load(&in_child));
    CHECK(!atomic_load(&wrong));
    CHECK(atomic_load(&forks) > 0 && atomic_load(&handler_forks) > 0 && atomic_load(&alarms) > 0);
    printf("queued: %u to the process, %u to threads, %u times refused; standard: %u of %u seen; "
           "%u rounds, %u forks, %u forks in handlers, %u alarms\n",
           atomic_load(&process_count), per_sender / THREADS * THREADS,
           atomic_load(&shared->refused),
           atomic_load(&standard_count[0]) + atomic_load(&standard_count[1]),
           atomic_load(&shared->standard_sent[0]) + atomic_load(&shared->standard_sent[1]),
           atomic_load(&rounds_done), atomic_load(&forks), atomic_load(&handler_forks),
           atomic_load(&alarms));
    return check_end();
}
