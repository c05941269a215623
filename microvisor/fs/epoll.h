/* Epoll sets (epoll.c). */
#ifndef LIND_FS_EPOLL_H
#define LIND_FS_EPOLL_H

struct file;

/* Takes a description out of all sets: the first step of its release, when its count is 0 already.
 * HOT. */
void epoll_forget(struct file *file);

#endif
