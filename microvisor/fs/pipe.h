/* Pipes inside the microvisor: a ring of bytes in trusted memory (pipe.c). */
#ifndef LIND_FS_PIPE_H
#define LIND_FS_PIPE_H

#include <stdint.h>

#include "microvisor/fs/file.h"

extern const struct file_operations pipe_operations;

/* Both ends of a new pipe of the task's, each with one reference. flags: O_NONBLOCK or 0. Returns
 * 0, -ENOMEM or -ENFILE. HOT. */
int pipe_new(const struct task *task, uint32_t flags, struct file *ends[2]);

/* pipe_ring.c: memory for a pipe of that capacity, NULL when there is none. HOT. */
uint8_t *pipe_ring_new(uint32_t capacity);
void pipe_ring_free(uint8_t *ring, uint32_t capacity);

/* F_GETPIPE_SZ; F_SETPIPE_SZ (any size from 1 up, rounded as Linux does): the capacity in bytes,
 * -EPERM beyond PIPE_CAPACITY_MAX, -EBUSY when the content would not fit, -ENOMEM. HOT. */
long pipe_capacity(const struct file *file);
long pipe_set_capacity(struct file *file, uint64_t size);

/* Copies at most `length` bytes from one pipe to another; they leave the first one unless keep is
 * set (tee). Either may be full or empty: then it waits, unless nonblock. Returns the number, 0 at
 * the end of the first, -EPIPE, -EAGAIN, -EINVAL for the same pipe, or a code of
 * signal_interrupted. HOT. */
long pipe_to_pipe(struct task *task, struct file *from, struct file *to, uint64_t length, int keep,
                  int nonblock);

/* Trusted bytes into a pipe: as many as fit, at least one, for which it waits unless nonblock.
 * Returns the number, or as pipe_to_pipe. HOT. */
long pipe_put(struct task *task, struct file *file, const uint8_t *bytes, uint64_t length,
              int nonblock);

/* Copies what is in a pipe, at most length bytes, and leaves it there; waits for the first byte
 * unless nonblock. Returns the number, 0 at the end, or as pipe_to_pipe. pipe_drop takes bytes out
 * that were seen so. Two readers that do so at once may see the same bytes. HOT. */
long pipe_peek(struct task *task, struct file *file, uint8_t *bytes, uint64_t length, int nonblock);
void pipe_drop(struct file *file, uint64_t length);

/* Linux: /proc/sys/fs/pipe-max-size and the soft limit of pipe pages for a user, here for a
 * lind-run. */
#define PIPE_CAPACITY (64 * 1024)
#define PIPE_CAPACITY_MAX (1024 * 1024)
#define PIPE_TOTAL_MAX (64 * 1024 * 1024)

#endif
