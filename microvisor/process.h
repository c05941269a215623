/* Processes and tasks: what POSIX adds to cages and threads.
 *
 * A process is a cage with descriptors, a place in the file system, a memory map, signal actions,
 * credentials and limits; each of these has its room and its own lock. A task is a thread of a
 * process. Calls get the task that made them. */
#ifndef LIND_PROCESS_H
#define LIND_PROCESS_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/resource.h>

#include "rt/copy.h"
#include "rt/lock.h"
#include "rt/spin.h"
#include "rt/thread.h"
#include "threei/cage.h"

/* Of Linux's struct rusage: the C library's may have room behind it, which is not the program's. */
#define LINUX_RUSAGE_SIZE 144
_Static_assert(sizeof(struct rusage) >= LINUX_RUSAGE_SIZE, "the host's");

struct descriptors;    /* fs/descriptors.h: the table of open file descriptions */
struct place;          /* fs/place.h: root, mounts, working directory, umask */
struct memory;         /* mm/memory.h: the map of the window */
struct busy;           /* fs/busy.h */
struct signal_actions; /* signal/signal.h */
struct timers;         /* time/timers.h: interval and POSIX timers of the process */

#define CREDENTIALS_GROUPS 32
/* Written with the tree lock and the process's held. A single id may be read without. */
struct credentials {
    _Atomic uint32_t uid, euid, suid, fsuid;
    _Atomic uint32_t gid, egid, sgid, fsgid;
    uint32_t group_count;
    uint32_t groups[CREDENTIALS_GROUPS];
};

#define PROCESS_LIMITS 16 /* RLIM_NLIMITS */
/* Written with the process's lock held; both together are read with it, one of them without. */
struct limit {
    _Atomic rlim_t soft, hard;
};

/* What a process runs: of interest to /proc and crash reports. Never changed; shared by forked
 * processes, counted. */
struct executable {
    _Atomic uint32_t users;
    int fd; /* host descriptor of the program's file, owned; -1 if none. Read only by the helper of
               proc/report.c */
    struct busy *busy; /* that file's use (fs/busy.h), or NULL */
    char *arguments;   /* the initial argument strings, each with its NUL, owned; in `strings` if
                          there   is room */
    uint64_t arguments_size;
    char *environment;
    uint64_t environment_size;
    uint64_t auxv[64]; /* as handed to the program */
    char path[4096];   /* guest path of the program */
    /* A block of malloc's of this size would be mapped and unmapped with each process. */
    char strings[3072];
};

/* A task that is making a process; under the tree lock. On its stack. */
struct forking {
    struct forking *next;
    uint64_t signals; /* what was sent meanwhile to several processes, its own among them */
};

/* Where a process is in its life. */
enum process_state {
    PROCESS_ALIVE,
    PROCESS_INIT,   /* process 1, lind-run itself: has none of the parts below, takes no signals */
    PROCESS_ENDING, /* its last task is freeing what it held: takes no more signals */
    PROCESS_ZOMBIE, /* only what wait(2) reports is left */
};

/* A window with what is mapped in it. Shared by the processes that clone(CLONE_VM) made; counted.
 */
struct space {
    _Atomic uint32_t users;
    uint64_t base;
    struct memory *memory;
    struct program_image *image; /* proc/images.h: what it runs, one user */
    struct text text;            /* the program's; text.targets is owned */
    uint64_t image_start; /* window offset at which address 0 of the program's file is loaded */
    uint64_t gate;        /* window offset of the gate page */
    uint64_t stack_end;   /* of the main stack, where the layout has it */
    unsigned starts; /* how many starts had this layout, here and before it came here by fork */
    struct space *next_idle; /* proc/load.c */
    uint64_t idle_since;     /* how many had become idle before */
};

struct process {
    struct cage cage;

    /* Under the tree lock (proc/tree.h). */
    int pid, group, session;
    _Atomic int parent; /* its pid, read without the lock by getppid */
    enum process_state state;
    struct process *next; /* in its hash chain */
    struct process *next_of_all, *previous_of_all;
    struct process *parent_process, *first_child, *next_sibling, *previous_sibling;
    int exit_signal; /* sent to the parent at the end; 0 for none */
    int wait_event; /* what wait(2) has to report of a living process: 0, CLD_STOPPED, CLD_CONTINUED
                     */
    int stop_signal;         /* with CLD_STOPPED */
    int has_execed;          /* setpgid of a child is refused from then on */
    struct forking *forking; /* its tasks that are making processes */
    int is_subreaper;        /* PR_SET_CHILD_SUBREAPER: orphans among its descendants are its */
    uint64_t used_cpu[2];    /* of a zombie: all, user; nanoseconds */
    /* Of the first task, once it has ended: its nice value and policy; -1: the policy is lind-run's
     * own. */
    int last_nice, last_policy;
    uint64_t children_cpu[2];  /* of children waited for, and theirs */
    struct vfork *vfork;       /* the parent that waits in clone for this process, or NULL */
    struct terminal *terminal; /* controlling terminal of its session, or NULL (fs/terminal.h) */
    int lost_foreground; /* of a session's leader: the foreground group of a terminal that hung up
                          */
    _Atomic uint32_t
        child_changes;        /* futex of tasks in wait(2): changes with each change of a child */
    _Atomic uint32_t waiting; /* tasks that sleep on it */
    _Atomic uint32_t pins; /* other tasks that look at its parts (tree_pin): these stay meanwhile */
    int changing;          /* execve exchanges its parts: pins wait */

    _Atomic uint32_t
        task_count; /* tasks that have not ended; futex of an execve that waits for the others */
    struct space *space;
    struct descriptors *descriptors;
    struct place *place;
    struct memory *memory;
    struct signal_actions *actions;
    struct timers *timers;
    struct lock lock; /* of the fields below; a leaf lock */
    /* Changed under the tree lock and this one. */
    struct credentials credentials;
    _Atomic uint64_t rights; /* number of the rights to files that these give: proc/rights.h; read
                                without the lock */
    struct limit limits[PROCESS_LIMITS];
    char name[16];                 /* as prctl(PR_SET_NAME) and /proc show it, NUL-terminated */
    struct executable *executable; /* exchanged by execve alone */
    uint64_t start_time;           /* CLOCK_BOOTTIME nanoseconds */
    int exit_status;               /* as wait(2) reports it, valid once exiting */
    _Atomic int exiting;           /* all tasks are to end */
    _Atomic int execing;           /* a task is in execve and ends the others */
    _Atomic uint32_t options;      /* what prctl(2) sets: OPTION_; read without the lock */
    int parent_death_signal;       /* PR_SET_PDEATHSIG */
};

/* A soft limit, as it is at this moment. */
static inline rlim_t process_limit(const struct process *process, int resource)
{
    return atomic_load_explicit(&process->limits[resource].soft, memory_order_relaxed);
}

/* Both, under the process's lock, or where nobody else has the process. */
static inline struct rlimit process_limits(const struct process *process, int resource)
{
    const struct limit *limit = &process->limits[resource];
    return (struct rlimit){atomic_load(&limit->soft), atomic_load(&limit->hard)};
}

static inline void process_set_limits(struct process *process, int resource, struct rlimit to)
{
    atomic_store(&process->limits[resource].soft, to.rlim_cur);
    atomic_store(&process->limits[resource].hard, to.rlim_max);
}

/* process.options */
#define OPTION_NOT_DUMPABLE 1U
#define OPTION_KEEP_CAPABILITIES 2U
#define OPTION_NO_NEW_PRIVILEGES 4U

/* Signal state of a task (signal/). Numbers 1..64; bit n-1 of a set stands for signal n. */
struct task_signals {
    uint64_t mask;
    _Atomic uint64_t pending; /* sent to this task and not delivered */
    uint64_t saved_mask;      /* to be restored after sigsuspend and the like */
    int restore_saved_mask;
    uint64_t stack_address; /* sigaltstack */
    uint64_t stack_size;
    uint32_t stack_flags;
    _Atomic int deaf;           /* in signal_sleep */
    struct signal_queue *queue; /* siginfo of what is pending, owned by signal/ */
};

struct task {
    struct thread thread; /* first: a struct thread of this process is the task */
    struct process *process;
    int tid;
    char name[16]; /* PR_SET_NAME */
    struct task_signals signals;
    uint64_t clear_child_tid; /* set_tid_address: window offset, 0 for none */
    uint64_t robust_list;     /* set_robust_list: window offset, 0 for none */
    _Atomic int exiting;      /* asked to end */
    _Atomic int rescheduled;  /* its host thread's nice value, CPUs or the like were changed */
    struct spin wait_spin, vfork_spin; /* how waiting for children went */
    uint64_t cpu_before[2];   /* what its host thread had used before it: all, user; nanoseconds */
    uint64_t rights;          /* that its host thread carries: proc/rights.h */
    int reenter;              /* left cage code to enter it anew: another window, other registers */
    struct task *next_id;     /* in the tree's hash of tids, under the tree lock */
    struct spin futex_spin;   /* and for a word to change */
    _Atomic int lock_waits;   /* it waits for a lock with an owner (time/futex_owner.c) */
    _Atomic int owns_nothing; /* it ends: locks that have it as their owner have none */
};

static inline struct task *task_of(struct thread *thread)
{
    return (struct task *)thread;
}

/* copyin and its kin for a task. */
static inline int task_copyin(const struct task *task, void *to, uint64_t from, size_t length)
{
    return copyin(&task->thread, to, from, length);
}

static inline int task_copyout(const struct task *task, uint64_t to, const void *from,
                               size_t length)
{
    return copyout(&task->thread, to, from, length);
}

/* Copies in a structure that may become longer (openat2, clone3): `given` bytes, of which those
 * behind `size` must be zero. What is not given is zero. Returns 0, -E2BIG or -EFAULT. */
static inline int task_copyin_growing(const struct task *task, void *to, size_t size, uint64_t from,
                                      uint64_t given)
{
    if (given > LIND_PAGE_SIZE)
        return -E2BIG;
    if (task_copyin(task, to, from, given < size ? given : size))
        return -EFAULT;
    for (uint64_t at = size; at < given; at++) {
        uint8_t byte;
        if (task_copyin(task, &byte, from + at, 1))
            return -EFAULT;
        if (byte)
            return -E2BIG;
    }
    return 0;
}

/* A call of the host that may sleep (rt/host.h: host_blocking), until something is pending for the
 * task. */
#define task_blocking(task, number, ...)                                                           \
    host_blocking((const volatile uint32_t *)&(task)->thread.pending, number, __VA_ARGS__)

/* proc/exit.c: ends the calling task's whole process. status is what wait(2) reports. Does not
 * return. */
_Noreturn void process_exit(struct task *task, int status);

/* proc/exit.c: kills all processes that run in a space. */
void process_end_space(const struct space *space);

/* proc/exit.c: ends the calling task; the last task's end ends the process, with that task's status
 * unless process_exit said another. Does not return. */
_Noreturn void task_exit(struct task *task, int status);

#endif
