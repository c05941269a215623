/* What descriptions without a name have in common: stat and lseek as Linux' anonymous inodes answer
 * them. HOT. */
#ifndef LIND_FS_ANONYMOUS_H
#define LIND_FS_ANONYMOUS_H

#include "microvisor/fs/file.h"

long anonymous_stat(struct task *task, struct file *file, struct stat *status);

/* Accepts every seek and goes nowhere. */
long anonymous_seek(struct task *task, struct file *file, int64_t offset, int whence);

#endif
