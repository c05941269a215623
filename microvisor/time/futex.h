/* What is left to do for other threads when a task ends. */
#ifndef LIND_FUTEX_H
#define LIND_FUTEX_H

struct task;

/* Releases the locks on the task's robust list, clears its clear_child_tid word and wakes who waits
 * for it. Called by the ending task while its window is there and others may run in it. */
void futex_task_end(struct task *task);

#endif
