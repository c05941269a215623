/* Host signals: faults of cage code, faults of accesses to cage memory, and everything else that
 * the host sends. */
#ifndef LIND_FAULT_H
#define LIND_FAULT_H

/* Installs the handlers of SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGTRAP. Returns 0, or -errno with
 * *why set. */
int fault_start(const char **why);

/* Makes this host thread take its signals on the thread's signal stack. To be called on each thread
 * before thread_enter. */
struct thread;
int fault_thread_start(struct thread *thread);

/* Installs the runtime's handler for a host signal that is not a fault; it ends in
 * rt_upcalls.host_signal. Returns 0 or -errno. */
int fault_take_signal(int signal);

#endif
