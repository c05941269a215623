/* With whose rights the host serves a task.
 *
 * Linux keeps the ids that access to files is checked with (fsuid, fsgid, supplementary groups:
 * credentials(7)) for each thread; the system calls setfsuid, setfsgid and setgroups change the
 * calling thread's alone. A host thread *carries* the ids of the process whose task it runs:
 *
 *  - from before the task's first instruction to behind its last one (task_run), so that host
 * threads that wait for tasks, and whatever lind-run does at its end, have lind-run's own;
 *  - and after a change by another thread of the process, from its next cold call on: calls.c
 *    compares task->rights with process->rights before each of them. No hot call looks at names.
 *
 * Rights are numbered: as long as two numbers are equal, so are the ids, and nothing is to be done.
 * 0 is what lind-run itself was started with.
 *
 * From user 0 to another one the host's kernel takes the capabilities over files (CAP_DAC_OVERRIDE,
 * CAP_FOWNER, CAP_CHOWN …: capabilities(7), "Effect of user ID changes on capabilities") from the
 * thread, and gives them back on the way back. Nobody gets more than lind-run has: the kernel
 * refuses ids that it may not take. What lind-run does for itself while it serves a task stands
 * between rights_own and rights_back.
 *
 * A host that refuses what it took before (it is out of memory) ends lind-run: no call may go on
 * with the rights of somebody else. */
#ifndef LIND_RIGHTS_H
#define LIND_RIGHTS_H

#include "microvisor/process.h"

/* The ids of lind-run itself, for the first process, and to come back to. Called once, before there
 * are threads. */
void rights_start(struct credentials *credentials);

/* The process's credentials become `wanted`, and the caller's thread carries them. The process's
 * lock is held. Returns 0; or, with nothing changed, -EPERM when the host does not let lind-run
 * take these ids, -EINVAL when its user name space does not have them, or -ENOMEM. Uses libc, as
 * all here does. */
int rights_change(struct task *task, const struct credentials *wanted);

/* The calling host thread carries the rights of the task's process; those of its real user and
 * group, which access(2) asks for; lind-run's own. */
void rights_carry(struct task *task);
void rights_carry_real(struct task *task);
void rights_leave(void);

/* Whether access(2) asks for other rights than the process has. */
int rights_real_differ(struct task *task);

/* lind-run's own rights for a while; not nested. Returns whether there is something to go back to,
 * for rights_back. */
int rights_own(void);
void rights_back(int from);

#endif
