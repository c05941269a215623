/* Record locks of processes, at the end of a descriptor (locks.c; the calls are file_lock_command
 * in file.h, and flock). */
#ifndef LIND_FS_LOCKS_H
#define LIND_FS_LOCKS_H

#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/file.h"

/* The table's owner closed a descriptor of file: its record locks on that file go, whatever other
 * descriptors of it there are (POSIX.1-2017 XSH fcntl). To be called when table->carriers is not
 * NULL, without the table's lock. HOT. */
void locks_closed(struct descriptors *table, struct file *file);

#endif
