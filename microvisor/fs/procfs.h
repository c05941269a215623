/* The synthetic tree /proc (procfs.c: names; proc_process.c, proc_system.c: contents). Nothing of
 * the host's /proc is opened for the guest (attack rows K6, K13): what the files say comes from the
 * microvisor's own state, from harmless host calls and from CPUID. */
#ifndef LIND_FS_PROCFS_H
#define LIND_FS_PROCFS_H

#include <stddef.h>

#include "microvisor/fs/file.h"

extern const struct node proc_tree_root;

/* A file's text while it is made. Its memory is of file_pages and grows. error: 0, or why it cannot
 * be made, -ENOMEM among others. */
struct content {
    char *bytes;
    uint64_t length, size;
    int error;
};

/* What a file speaks of: a process (the reading task's own for files outside the process
 * directories), and the number of a descriptor or task where the directory has such. */
struct subject {
    struct task *task; /* that reads */
    struct process *process;
    uint64_t number;
};

__attribute__((format(printf, 2, 3))) void content_add(struct content *content, const char *format,
                                                       ...);
void content_add_bytes(struct content *content, const void *bytes, uint64_t length);

/* A generator: adds a file's content. COLD, as all of these. */
typedef void proc_content(struct content *content, const struct subject *of);

proc_content proc_auxv, proc_cmdline, proc_comm, proc_environ, proc_fdinfo, proc_limits, proc_maps,
    proc_mounts, proc_mountinfo, proc_stat, proc_statm, proc_status; /* proc_process.c */
proc_content proc_boot_id, proc_cpuinfo, proc_loadavg, proc_meminfo, proc_system_stat, proc_uptime,
    proc_uuid, proc_vmstat; /* proc_system.c */

/* The content of those files that a zombie and process 1 have. -ESRCH for the others, and when
 * there is no process with this pid. */
void proc_without_parts(struct content *content, proc_content *of, int pid);

/* What /proc/self/fd/N names: a guest path, "pipe:[5]", "anon_inode:[x]"; NUL-terminated, returns
 * its length. */
long description_text(struct task *task, struct file *file, char *text, size_t size);

/* The guest path of a node of /proc without "/proc"; returns its length, -ENOENT for nodes of other
 * trees. */
long proc_node_path(const struct node *node, char *text, size_t size);

#endif
