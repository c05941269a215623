/* Life of processes and tasks: creation, program start, end. docs/processes.md describes the whole.
 */
#ifndef LIND_PROC_H
#define LIND_PROC_H

#include "microvisor/proc/strings.h"
#include "microvisor/process.h"

/* What a new program is started with. All pointers are the caller's. */
struct program {
    int host_fd;            /* the program's file, open for reading */
    const char *guest_path; /* what AT_EXECFN says */
    const char *real_path;  /* what /proc/self/exe says */
    struct strings *arguments, *environment;
};

/* load.c: a program laid out in a window of its own, ready to be started. */
struct loaded {
    struct space *space;           /* one user: the caller */
    struct executable *executable; /* likewise; its fd is -1 */
    uint64_t entry, pointer; /* window offsets: where it starts, and its first stack pointer */
    int too_large;
};

/* Lays a program out for a process with these ids and limits (RLIMIT_STACK, RLIMIT_AS). Returns 0,
 * or -errno with *why set to words for the user or NULL: -ENOEXEC when it is no verified program
 * (each fault that the verifier found is reported on standard error), -E2BIG, -ENOMEM, with
 * loaded->too_large when it takes more memory than RLIMIT_AS allows. */
int program_load(const struct program *program, const struct process *process,
                 struct loaded *loaded, const char **why);

/* An empty window with one user, or NULL with *error set. It may be warm (memory_is_warm) with the
 * image, its gate page at `gate` if that is not 0; then it has a hold on the image. The last user's
 * space_put frees it. NULL is nothing. */
struct space *space_create(const struct program_image *image, uint64_t gate, int *error);
void space_put(struct space *space);

/* Makes an empty space a copy of another, for fork. Returns 0 or -ENOMEM. */
int space_copy(struct space *to, const struct space *from, int others);

/* An empty one with one user, or NULL; and the end of a user's hold (NULL is nothing). */
struct executable *executable_new(void);
void executable_put(struct executable *executable);

/* process.c */

/* Process 1, and the first program's process (PID_FIRST): the host user's ids and limits, no
 * program yet, leader of a session as lind-run is of one of the host's, or not. descriptors and
 * place are given to it. Called once. Returns its task, or NULL with *error set to -errno. */
struct task *process_create(struct descriptors *descriptors, struct place *place, int *error);

/* A process beside the first one, which has its program already: with copies of what it has, in a
 * process group of its own. Returns its task, which process_adopt gives a program, or NULL when out
 * of memory, after which lind-run has to end. */
struct task *process_beside(struct process *first);

/* A new task of a process, in the tree, with tid `tid` (0: a new number) and a copy of no
 * registers; it runs once worker_start or task_run is called. From now on it is sent the process'
 * signals that are not in mask. name: 16 bytes, or NULL. NULL when out of memory. */
struct task *task_create(struct process *process, int tid, uint64_t mask, const char *name);

/* The only task of its process takes the process's pid as its tid, after execve. */
void task_become_leader(struct task *task);

/* The process's ids as they are at one moment, whatever its other tasks do. */
struct credentials process_credentials(struct process *process);

/* Undoes task_create for a task that never ran. */
void task_discard(struct task *task);

/* A child of `from` for fork: its own copy of place, actions, credentials and limits; no
 * descriptors, no space, not in the tree, no task. NULL when out of memory. process_undo_copy frees
 * what it has, for a child that did not come to be. */
struct process *process_copy(struct process *from);
void process_undo_copy(struct process *process);
/* Gives back a process that has no parts any more and is not in the tree. The tree lock is held.
 * HOT. */
void process_free(struct process *process);

/* Puts a loaded program in the place of what the process has, which no other task of it runs in,
 * and sets the task's registers to its start. Takes over what `loaded` holds, host_fd, and
 * `own`, a table of descriptors in the place of the one it has, or NULL. name: what comm is made
 * of. */
void process_adopt(struct task *task, const struct loaded *loaded, struct descriptors *own,
                   const char *name, int host_fd);

/* The task structure's memory goes back to the pool. */
void task_free(struct task *task);

/* The capabilities that there are: a process whose user is root has all of them, others none. */
#define CAPABILITIES_OF_ROOT (1U << CAP_SETUID | 1U << CAP_SETGID | 1U << CAP_SYS_CHROOT)
uint32_t identity_capabilities(const struct process *process); /* identity.c */

/* identity.c: what execve does to ids. hidden: of a program that the process may not read. */
void identity_exec(struct task *task, int hidden);

/* worker.c */

/* Starts a host thread that is no task's yet: with lind-run's own rights, and taking no signals.
 * Returns 0 or -EAGAIN. */
int host_thread_start(void *(*run)(void *data), void *data);

/* Runs the task on this host thread until it ends, and does what is to be done at its end. Returns
 * whether the thread is fit for another task: it is not when its nice value, CPUs or the like were
 * changed, which only a privileged lind-run could undo. */
int task_run(struct task *task);

/* Runs the task on another host thread, which is scheduled as the calling one. Returns 0, or
 * -EAGAIN when the host has no thread for it. */
int worker_start(struct task *task);

/* exit.c */

/* What is left to do when a task has left cage code for good: the last part of its life. Frees it.
 */
void task_end(struct task *task);

/* Tells all tasks of a living process to end, with this status for wait(2) unless one is set. The
 * tree lock is held, or the process is the caller's. */
void process_kill(struct process *process, int status);

/* Ends all other tasks of the caller's process and waits until they are gone. Returns 0, or -EAGAIN
 * when the caller itself is to end. */
int process_end_others(struct task *task);

/* Counts a process that was made by fork among those that processes_wait_all waits for. */
void process_started(void);
void process_not_started(void);

/* How many processes there have been, and at most at once. */
void process_totals(uint64_t *all, uint64_t *most);

/* clone.c: the parent that waits in clone goes on: the child has left its space. */
void vfork_done(struct process *child);

/* Waits until the first program has ended, kills the others and waits for them, and returns the
 * first one's status as wait(2) has it. */
int processes_wait_all(void);

/* misc.c: names a task, and its process when it is the first task. NUL-terminated. HOT. */
void task_set_name(struct task *task, const char name[16]);
void task_get_name(struct task *task, char name[16]);

/* What uname(2) and /proc/sys/kernel say of the system. The release says which features of Linux a
 * program may count on, whatever the host's is. */
#define SYSTEM_NODENAME "lind"
#define SYSTEM_RELEASE "5.15.0-lind"
#define SYSTEM_VERSION "#1 Lind in C"

#endif
