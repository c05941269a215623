/* What fcntl(2) does beyond descriptors and status flags (control.c). */
#ifndef LIND_FS_CONTROL_H
#define LIND_FS_CONTROL_H

#include "microvisor/fs/file.h"

/* fcntl commands on locks, pipe sizes, seals, leases and owners. -EINVAL for commands that are not its own. HOT. */
long file_control(struct task *task, struct file *file, uint32_t command, uint64_t argument);

/* Switches O_NONBLOCK. HOT. */
long file_set_nonblock(struct file *file, int on);

#endif
