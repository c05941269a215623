/* exit, exit_group, and how tasks end. */
#include "microvisor/calls.h"
#include "microvisor/proc/proc.h"

void process_exit(struct task *task, int status)
{
    struct process *process = task->process;
    lock_acquire(&process->lock);
    if (!atomic_exchange(&process->exiting, 1))
        process->exit_status = status;
    lock_release(&process->lock);
    thread_leave(&task->thread);
}

void task_exit(struct task *task, int status)
{
    atomic_store(&task->exiting, 1);
    process_exit(task, status);
}

#define EXIT_STATUS(code) ((int)((code) & 0xff) << 8)

long call_exit(struct task *task, const uint64_t args[6])
{
    task_exit(task, EXIT_STATUS(args[0]));
}

long call_exit_group(struct task *task, const uint64_t args[6])
{
    process_exit(task, EXIT_STATUS(args[0]));
}
