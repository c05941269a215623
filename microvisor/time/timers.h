/* Timers of a process (alarm, setitimer, timer_create) and the CPU time that it used. One thread of
 * lind-run, started with the first timer, sleeps until the next expiry of any process; the kernel
 * keeps neither timers nor addresses of cages (attack row K7). */
#ifndef LIND_TIMERS_H
#define LIND_TIMERS_H

#include <stdint.h>

struct process;
struct task;
struct timers;

/* The timers of a new process: none armed. NULL when out of memory. */
struct timers *timers_create(struct process *process);

/* For execve: POSIX timers are deleted, interval timers go on. */
void timers_exec(struct timers *timers);

/* Stops all. No signal of theirs is sent after it returns. */
void timers_destroy(struct timers *timers);

/* What the calling host thread has used. */
uint64_t host_thread_cpu(int user_only);

/* Nanoseconds of CPU that a task used. */
uint64_t task_cpu_time(const struct task *task, int user_only);

/* Keeps the CPU time of a task that ends. Called by task_signals_end, under the signal lock. */
void timers_task_ended(struct task *task);

/* Nanoseconds of CPU that the process used: user and system, or user alone. */
uint64_t process_cpu_time(struct process *process, int user_only);

/* Called when a signal that timer number `timer` sent was taken: counts overruns and arms the next
 * expiry. Returns the overruns. */
int timers_signal_taken(struct process *process, uint32_t timer);

/* The process' RLIMIT_CPU was changed. */
void timers_cpu_limit_changed(struct process *process);

#endif
