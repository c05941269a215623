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

/* splice(2) of a device: what there is to read is put at bytes, or the bytes are taken. Returns the
 * number; -EINVAL if Linux does not splice that device so, or it is none. */
long dev_splice_read(const struct file *file, uint8_t *bytes, uint64_t length);
long dev_splice_write(const struct file *file, uint64_t length);

/* fstat of the host's terminal: it is /dev/console. */
long dev_console_stat(struct task *task, struct stat *status);

#endif
