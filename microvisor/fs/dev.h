/* The synthetic tree /dev (dev.c). */
#ifndef LIND_FS_DEV_H
#define LIND_FS_DEV_H

#include <stddef.h>

#include "microvisor/fs/file.h"

extern const struct node dev_tree_root;

/* The nodes of /dev/pts/<number>, and of /dev/ptmx (number -1). */
struct node dev_terminal_node(int number);

/* The path of a node of the tree without "/dev"; returns its length, -ENOENT for nodes of other
 * trees. */
long dev_node_path(const struct node *node, char *text, size_t size);

/* fstat of a file that is a node of the tree. HOT. */
long dev_file_stat(struct task *task, struct file *file, struct stat *status);

/* fstat of the host's terminal: it is /dev/console. */
long dev_console_stat(struct task *task, struct stat *status);

#endif
