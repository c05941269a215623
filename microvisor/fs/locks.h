/* Locks on files: flock, record locks of processes and of descriptions (locks.c). HOT. */
#ifndef LIND_FS_LOCKS_H
#define LIND_FS_LOCKS_H

#include "microvisor/fs/descriptors.h"
#include "microvisor/fs/file.h"

/* F_GETLK, F_SETLK, F_SETLKW and the F_OFD_ forms; argument is the window offset of a struct flock. */
long lock_control(struct task *task, struct file *file, uint32_t command, uint64_t argument);

/* The table's owner closed a descriptor of file: its record locks on that file go, whatever other descriptors of it there are (POSIX.1-2017
 * XSH fcntl). To be called when table->carriers is not NULL, without the table's lock. */
void locks_closed(struct descriptors *table, struct file *file);

#endif
