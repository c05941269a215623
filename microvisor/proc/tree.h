/* The tree of processes: ids, parents and children, groups, sessions, and what wait(2) reports.
 *
 * The tree lock guards all that process.h names as its. It is taken before every other lock of the
 * microvisor but the place's and the descriptors', and none of those is ever wanted with it held. A
 * process found here stays as long as the lock is held. All of this is HOT. */
#ifndef LIND_TREE_H
#define LIND_TREE_H

#include <signal.h>

#include "microvisor/process.h"

void tree_lock(void);
void tree_unlock(void);

/* Takes the lock to the end of the block. */
#define TREE_LOCKED() int tree_locked __attribute__((cleanup(tree_leave), unused)) = tree_enter()

static inline int tree_enter(void)
{
    tree_lock();
    return 1;
}

static inline void tree_leave(int *locked)
{
    tree_unlock();
}

/* Pids and tids are below this; then they start again at the lowest free one (Linux:
 * kernel.pid_max). */
#define PID_MAX 4194304

/* lind-run itself, as programs see it (state PROCESS_INIT); and the program that it was started
 * for, whose end is the end of all. */
#define PID_INIT 1
#define PID_FIRST 2

/* With the tree lock held */

/* Whether a number is a pid, tid, group or session. */
int tree_id_used(int id);

/* One that is none. */
int tree_new_id(void);

/* Enters a process under process->pid, as a child of parent (NULL for process 1). */
void tree_add(struct process *process, struct process *parent);

/* Makes another process its parent. */
void tree_move(struct process *process, struct process *parent);

/* Takes a zombie out of the tree, after which nothing but the caller knows it. */
void tree_remove(struct process *process);

/* Enters a task under its tid, and takes it out. */
void tree_add_task(struct task *task);
void tree_remove_task(struct task *task);

/* How many tasks are entered. */
uint64_t tree_task_total(void);

/* The process with a pid, zombies included; NULL when there is none. */
struct process *tree_find(int pid);

/* The living task with a tid, or NULL. */
struct task *tree_find_task(int tid);

/* Calls visit for every process, zombies included, in no particular order, until it returns
 * non-zero, which is returned. */
long tree_each(long (*visit)(struct process *process, void *data), void *data);

/* Whether a process group with this id has a member in the session. */
int tree_group_exists(int group, int session);

/* Whether a parent is in another group of its child's session, from where it could continue the
 * child's group. Process 1 continues nobody, as on Linux. */
int tree_is_outside(const struct process *parent, const struct process *process);

/* Whether a group is orphaned: no member has such a parent (POSIX XBD 3.264). Leaves `leaving` out, which may be NULL. */
int tree_group_orphaned(int group, const struct process *leaving);

/* Sends to each living process of a group. Returns how many there are, zombies included. Ignores
 * errors. */
int tree_signal_group(int group, const siginfo_t *info);

/* Notes for children that are just being made that a signal was sent to their parent and others. */
void tree_signalled_many(struct process *process, int signal);

/* Tells the parent that something about a child is to be seen by wait(2): wakes the parent's tasks,
 * and sends SIGCHLD with this code (CLD_STOPPED, CLD_CONTINUED) unless the parent's action says
 * otherwise. */
void tree_child_changed(struct process *process, int code, int status);

/* Wakes who waits for a child in a process. */
void tree_wake_parent(struct process *parent);

/* Without the lock */

/* Finds a living process and keeps its parts (descriptors, place, memory, arguments) from being
 * freed or exchanged until tree_unpin. The caller must not sleep meanwhile. NULL when there is
 * none. pid 0 or the caller's own: the caller's. */
struct process *tree_pin(struct task *task, int pid);
void tree_unpin(struct task *task, struct process *process);

/* Waits until nobody has the process pinned. New pins fail once its state is not PROCESS_ALIVE, and
 * wait while `changing` is set. */
void tree_wait_unpinned(struct process *process);

#endif
