/* Life of a process: creation, program start, end. */
#ifndef LIND_PROC_H
#define LIND_PROC_H

#include <sys/utsname.h>

#include "microvisor/process.h"

/* What a new program is started with. All pointers are the caller's. */
struct program {
    int host_fd;            /* the program's file, open for reading */
    const char *guest_path; /* what AT_EXECFN and /proc/self/exe say */
    char *const *arguments; /* NULL-terminated */
    char *const *environment;
};

/* Creates a process with one task and an empty window; descriptors and place are given to it. Returns NULL with *error set to -errno. */
struct task *process_create(struct descriptors *descriptors, struct place *place, int *error);

/* Loads a program into the process of `task`, which has no program yet, and sets the task's registers to its start.
 * Returns 0, or -errno with *why set to words for the user: -ENOEXEC when it is no verified program (each fault that the verifier found is
 * reported on standard error), -E2BIG, -ENOMEM. */
int process_load(struct task *task, const struct program *program, const char **why);

/* Runs the task on this host thread until it ends. Returns the process's exit status as wait(2) has it. */
int task_run(struct task *task);

/* Frees an ended process and its last task. */
void process_destroy(struct task *task);

/* What uname(2) and /proc/sys/kernel say of the system. */
extern const struct utsname system_name;

#endif
